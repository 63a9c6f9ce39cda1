import numpy as np
import pytest
import torch
from torch.nn import functional

from ethomake.training.losses import (
    class_counts,
    class_weights,
    classes_of,
    focal_binary_loss,
    focal_softmax_loss,
    probabilities,
)

LABELS = torch.tensor([[1, 0], [0, -1], [-1, 1], [0, 0], [1, 0]])


def test_without_focus_and_smoothing_it_is_the_binary_cross_entropy_of_the_scored_entries():
    logits = torch.randn(5, 2, generator=torch.manual_seed(0))
    weight = torch.tensor([2.0, 0.5])
    got = focal_binary_loss(logits, LABELS, weight, gamma=0, smoothing=0)
    terms = [
        functional.binary_cross_entropy_with_logits(logits[i, k], LABELS[i, k].float(), pos_weight=weight[k])
        for i in range(5)
        for k in range(2)
        if LABELS[i, k] >= 0
    ]
    assert float(got) == pytest.approx(float(sum(terms)) / len(terms), rel=1e-6)


def test_focal_loss_by_hand():
    # p = sigmoid(ln 3) = 0.75; positive: (1 - p) * -ln p; negative: p * -ln(1 - p)
    logits = torch.full((2, 1), float(np.log(3)))
    got = focal_binary_loss(logits, torch.tensor([[1], [0]]), torch.ones(1), gamma=1, smoothing=0)
    assert float(got) == pytest.approx((0.25 * -np.log(0.75) + 0.75 * -np.log(0.25)) / 2, rel=1e-5)


def test_smoothing_by_hand():
    logits = torch.zeros(1, 1)
    got = focal_binary_loss(logits + 1.0, torch.tensor([[1]]), torch.ones(1), gamma=0, smoothing=0.1)
    p = 1 / (1 + np.exp(-1))
    assert float(got) == pytest.approx(-0.95 * np.log(p) - 0.05 * np.log(1 - p), rel=1e-5)


@pytest.mark.parametrize("loss", [focal_binary_loss, focal_softmax_loss])
def test_what_is_not_scored_has_no_gradient(loss):
    extra = loss is focal_softmax_loss
    logits = torch.randn(5, 2 + extra, requires_grad=True)
    labels = LABELS.clone()
    labels[1] = -1
    loss(logits, labels, torch.ones(2 + extra)).backward()
    assert logits.grad[1].abs().sum() == 0
    assert logits.grad[0].abs().sum() > 0


def test_nothing_scored_gives_zero_and_finite_gradients():
    logits = torch.randn(3, 2, requires_grad=True)
    value = focal_binary_loss(logits, torch.full((3, 2), -1), torch.ones(2))
    value.backward()
    assert float(value.detach()) == 0
    assert torch.equal(logits.grad, torch.zeros(3, 2))


@pytest.mark.parametrize("loss", [focal_binary_loss, focal_softmax_loss])
@pytest.mark.parametrize("gamma", [0, 0.5, 1, 2])
def test_frames_that_are_learned_perfectly_have_a_finite_gradient(loss, gamma):
    extra = loss is focal_softmax_loss
    logits = torch.tensor([[-200.0, 200.0, -200.0][1 - extra :]] * 2, requires_grad=True)
    labels = torch.tensor([[1, 0], [-1, -1]])
    loss(logits, labels, torch.ones(2 + extra), gamma=gamma).backward()
    assert torch.isfinite(logits.grad).all()


def test_softmax_loss_is_the_cross_entropy_without_focus():
    logits = torch.randn(4, 3, generator=torch.manual_seed(1))
    labels = torch.tensor([[1, 0], [0, 0], [0, 1], [-1, -1]])
    got = focal_softmax_loss(logits, labels, torch.ones(3), gamma=0, smoothing=0)
    want = functional.cross_entropy(logits, torch.tensor([1, 0, 2, -1]), ignore_index=-1)
    assert float(got) == pytest.approx(float(want), rel=1e-6)


def test_softmax_loss_applies_the_weights():
    logits = torch.zeros(2, 3)
    labels = torch.tensor([[1, 0], [0, 0]])
    got = focal_softmax_loss(logits, labels, torch.tensor([1.0, 5.0, 1.0]), gamma=0, smoothing=0)
    assert float(got) == pytest.approx((5 + 1) * np.log(3) / 2, rel=1e-6)


def test_exclusive_classes():
    labels = torch.tensor([[1, 0], [0, 1], [0, 0], [0, -1], [1, -1], [-1, -1]])
    assert classes_of(labels).tolist() == [1, 2, 0, -1, 1, -1]


def test_class_weights_by_hand():
    labels = torch.tensor([[1, 0, 1], [0, 0, 1], [0, 0, -1], [0, 0, 1], [-1, 0, 1]])
    counts = class_counts(labels, exclusive=False)
    assert [part.tolist() for part in counts] == [[1, 0, 4], [3, 5, 0]]
    # first: 1 positive, 3 negatives; second has no positive; third no negative
    assert class_weights(*counts, 0.5).tolist() == pytest.approx([3**0.5, 1, 1])
    assert class_weights(*counts, 0.0).tolist() == [1, 1, 1]


def test_weights_of_exclusive_behaviors_by_hand():
    labels = torch.tensor([[1, 0], [0, 0], [0, 0], [0, 1], [-1, -1]])
    counts = class_counts(labels, exclusive=True)
    assert [part.tolist() for part in counts] == [[2, 1, 1], [2, 3, 3]]
    assert class_weights(*counts, 1.0).tolist() == pytest.approx([2 / 2, 3 / 1, 3 / 1])


def test_class_weights_are_capped():
    counts = torch.tensor([1, 500, 900]), torch.tensor([999, 500, 100])
    assert class_weights(*counts, 1.0, 20).tolist() == pytest.approx([20, 1, 1 / 9])
    assert class_weights(*counts, 1.0, 1000).tolist() == pytest.approx([999, 1, 1 / 9])


@pytest.mark.parametrize("exclusive", [False, True])
def test_a_frame_counts_as_often_as_it_is_drawn(exclusive):
    labels = torch.tensor([[1, 0], [0, 0], [0, 1], [-1, -1]])
    sampling = torch.tensor([3, 1, 2, 5])
    counts = class_counts(labels, exclusive, sampling.double())
    repeated = class_counts(labels.repeat_interleave(sampling, 0), exclusive)
    assert [part.tolist() for part in counts] == [part.tolist() for part in repeated]
    assert torch.equal(class_weights(*counts, 0.5), class_weights(*repeated, 0.5))


def test_probabilities_leave_out_background():
    logits = torch.tensor([[0.0, np.log(2.0), np.log(5.0)]])
    assert probabilities(logits, exclusive=True)[0].tolist() == pytest.approx([2 / 8, 5 / 8])
    assert probabilities(logits, exclusive=False).shape == (1, 3)
