import numpy as np
import pytest
import torch
from torch.nn import functional

from ethomake.training.losses import (
    class_counts,
    class_weights,
    classes_of,
    count_scored,
    focal_binary_loss,
    focal_loss,
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
    counts = class_counts(labels, ())
    assert [part.tolist() for part in counts] == [[1, 0, 4], [3, 5, 0]]
    # first: 1 positive, 3 negatives; second has no positive; third no negative
    assert class_weights(*counts, 0.5).tolist() == pytest.approx([3**0.5, 1, 1])
    assert class_weights(*counts, 0.0).tolist() == [1, 1, 1]


def test_weights_of_exclusive_behaviors_by_hand():
    labels = torch.tensor([[1, 0], [0, 0], [0, 0], [0, 1], [-1, -1]])
    counts = class_counts(labels, ((0, 1),))
    assert [part.tolist() for part in counts] == [[2, 1, 1], [2, 3, 3]]
    assert class_weights(*counts, 1.0).tolist() == pytest.approx([2 / 2, 3 / 1, 3 / 1])


def test_class_weights_are_capped():
    counts = torch.tensor([1, 500, 900]), torch.tensor([999, 500, 100])
    assert class_weights(*counts, 1.0, 20).tolist() == pytest.approx([20, 1, 1 / 9])
    assert class_weights(*counts, 1.0, 1000).tolist() == pytest.approx([999, 1, 1 / 9])


@pytest.mark.parametrize("groups", [(), ((0, 1),)])
def test_a_frame_counts_as_often_as_it_is_drawn(groups):
    labels = torch.tensor([[1, 0], [0, 0], [0, 1], [-1, -1]])
    sampling = torch.tensor([3, 1, 2, 5])
    counts = class_counts(labels, groups, sampling.double())
    repeated = class_counts(labels.repeat_interleave(sampling, 0), groups)
    assert [part.tolist() for part in counts] == [part.tolist() for part in repeated]
    assert torch.equal(class_weights(*counts, 0.5), class_weights(*repeated, 0.5))


def test_probabilities_leave_out_background():
    logits = torch.tensor([[0.0, np.log(2.0), np.log(5.0)]])
    assert probabilities(logits, ((0, 1),))[0].tolist() == pytest.approx([2 / 8, 5 / 8])
    assert probabilities(logits, ()).shape == (1, 3)


@pytest.mark.parametrize("groups", [(), ((0, 1, 2),), ((0, 2),), ((0, 2), (1, 3))])
def test_probabilities_have_gradients(groups):
    logits = torch.randn(5, len(groups) + 4, generator=torch.manual_seed(1), dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda values: probabilities(values, groups), (logits,))


# Two groups, of the first and third and of the second and fifth behavior, beside the fourth, which is independent.
GROUPS = ((0, 2), (1, 4))
MIXED = torch.tensor([[1, 0, 0, 1, 1], [0, 0, 1, -1, 0], [-1, 1, 0, 0, 0], [0, 0, 0, 1, -1]])


def test_loss_of_groups_is_the_mean_over_groups_and_independent_behaviors():
    logits = torch.randn(4, 7, generator=torch.manual_seed(2))
    got = focal_loss(logits, MIXED, torch.ones(7), GROUPS, gamma=0, smoothing=0)
    first = functional.cross_entropy(
        logits[:, [0, 2, 4]], torch.tensor([1, 2, -1, 0]), ignore_index=-1, reduction="none"
    )
    second = functional.cross_entropy(
        logits[:, [1, 3, 6]], torch.tensor([2, 0, 1, -1]), ignore_index=-1, reduction="none"
    )
    alone = functional.binary_cross_entropy_with_logits(
        logits[[0, 2, 3], 5], torch.tensor([1.0, 0.0, 1.0]), reduction="none"
    )
    assert count_scored(MIXED, GROUPS) == 3 + 3 + 3
    assert float(got) == pytest.approx(float(first.sum() + second.sum() + alone.sum()) / 9, rel=1e-6)


def test_each_output_has_the_weight_of_its_group():
    counts = class_counts(MIXED, GROUPS)
    assert [part.tolist() for part in counts] == [[1, 1, 1, 1, 1, 2, 1], [2, 2, 2, 2, 2, 1, 2]]
    logits, weight = torch.randn(4, 7, generator=torch.manual_seed(3)), torch.arange(1.0, 8.0)
    got = focal_loss(logits, MIXED, weight, GROUPS)
    parts = [
        focal_softmax_loss(logits[:, [0, 2, 4]], MIXED[:, [0, 2]], weight[[0, 2, 4]]),
        focal_softmax_loss(logits[:, [1, 3, 6]], MIXED[:, [1, 4]], weight[[1, 3, 6]]),
        focal_binary_loss(logits[:, [5]], MIXED[:, [3]], weight[[5]]),
    ]
    assert float(got) == pytest.approx(float(sum(parts)) / 3, rel=1e-5)  # each has three scored entries


@pytest.mark.parametrize(("groups", "loss"), [((), focal_binary_loss), (((0, 1),), focal_softmax_loss)])
def test_without_groups_and_with_one_of_all_the_loss_is_what_it_was(groups, loss):
    width = 2 + len(groups)
    logits = torch.randn(5, width, generator=torch.manual_seed(4))
    labels = torch.tensor([[1, 0], [0, -1], [-1, 1], [0, 0], [-1, -1]])
    assert torch.equal(focal_loss(logits, labels, torch.ones(width), groups), loss(logits, labels, torch.ones(width)))


def test_probabilities_of_groups_sum_to_one_with_their_backgrounds():
    logits = torch.randn(3, 7, generator=torch.manual_seed(5))
    found = probabilities(logits, GROUPS)
    assert found.shape == (3, 5)
    assert torch.allclose(found[:, [0, 2]], logits[:, [0, 2, 4]].softmax(1)[:, 1:])
    assert torch.allclose(found[:, [1, 4]], logits[:, [1, 3, 6]].softmax(1)[:, 1:])
    assert torch.equal(found[:, 3], logits[:, 5].sigmoid())
