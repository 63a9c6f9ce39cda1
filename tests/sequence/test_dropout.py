"""Masks that are drawn once are those that each training would draw."""

import pytest
import torch
from torch import nn

from ethomake.sequence import dropout
from ethomake.sequence.dropout import Dropout, same_masks

SEEDS = (11, 12, 13)


def outputs(layer, seeds=SEEDS):
    """What a network with two masks gives in some steps, the second of a transposed tensor."""
    first, second = layer(0.5), layer(0.2)
    found = []
    for seed in seeds:
        torch.manual_seed(seed)
        x = torch.arange(1.0, 61.0).view(3, 4, 5)
        found.append(second(first(x).transpose(1, 2) + 1))
    return found


def equal(ours, theirs):
    return all(torch.equal(one, other) for one, other in zip(ours, theirs, strict=True))


def test_every_training_drops_what_torch_drops():
    expected = outputs(nn.Dropout)
    assert equal(outputs(Dropout), expected)
    with same_masks():
        assert all(equal(outputs(Dropout), expected) for _ in range(3))


def test_a_training_that_begins_in_between_does_too():
    with same_masks():
        assert equal(outputs(Dropout, SEEDS[1:]), outputs(nn.Dropout, SEEDS[1:]))
        assert equal(outputs(Dropout), outputs(nn.Dropout))


def test_a_training_of_one_step_after_another():
    with same_masks():
        assert all(equal(outputs(Dropout, [5]), outputs(nn.Dropout, [5])) for _ in range(3))


def test_of_many_steps_the_first_are_kept(monkeypatch):
    monkeypatch.setattr(dropout, "LIMIT", 1)
    with same_masks():
        assert all(equal(outputs(Dropout), outputs(nn.Dropout)) for _ in range(2))


def test_gradients_pass_where_values_do():
    with same_masks():
        torch.manual_seed(1)
        x = torch.ones(50, requires_grad=True)
        y = Dropout(0.5)(x)
        y.sum().backward()
    assert torch.equal(x.grad, y.detach())
    assert set(y.tolist()) == {0.0, 2.0}


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_all_or_nothing_needs_no_masks(share):
    with same_masks():
        assert torch.equal(Dropout(share)(torch.ones(5)), torch.full((5,), 1 - share))
        assert torch.equal(Dropout(0.5).eval()(torch.ones(5)), torch.ones(5))
