"""Classification losses that ignore labels that were not scored."""

import math
from collections.abc import Sequence

import torch
from torch.nn import functional

from ethomake.labels.groups import Groups, independent, outputs_of

UNSCORED = -1


def class_counts(
    labels: torch.Tensor, groups: Groups, sampling: torch.Tensor | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the numbers of frames for and against each output: the background of each group, and each behavior.

    Args:
        labels: 1, 0 or -1 (not scored), (N, K).
        groups: of behaviors that exclude each other, G of them: softmax in each instead of sigmoids.
        sampling: count each frame with its weight, (N,); None for 1.

    Returns:
        Two tensors, (G + K,).
    """
    empty = labels.new_zeros(len(labels), len(groups), dtype=torch.bool)
    positive, negative = (torch.cat([empty, labels == value], 1) for value in (1, 0))
    for group, outputs in outputs_of(groups):
        classes = classes_of(_take(labels, group))
        for kind, output in enumerate(outputs):
            positive[:, output] = classes == kind
            negative[:, output] = (classes != kind) & (classes != UNSCORED)
    if sampling is None:
        return positive.sum(0), negative.sum(0)
    return sampling @ positive.to(sampling), sampling @ negative.to(sampling)


def class_weights(
    positives: torch.Tensor, negatives: torch.Tensor, exponent: float, cap: float = math.inf
) -> torch.Tensor:
    """Return weights of the positive class, (negatives / positives) ** exponent, at most `cap`.

    Args:
        positives: as from `class_counts`.
        negatives: as from `class_counts`.
        exponent: 0 gives equal weights, 1 balances the classes; the paper found 0.25 a good compromise.
        cap: keeps a behavior with very few frames, whose labels may be wrong, from outweighing all others.

    Returns:
        Float tensor of the shape of the counts; 1 where one of them is 0.
    """
    defined = (positives > 0) & (negatives > 0)
    ratio = negatives.double() / torch.where(defined, positives, 1).double()
    return torch.where(defined, ratio**exponent, 1.0).clamp(max=cap).float()


def focal_loss(
    logits: torch.Tensor,
    labels: torch.Tensor,
    weight: torch.Tensor,
    groups: Groups,
    *,
    gamma: float = 1.0,
    smoothing: float = 0.05,
) -> torch.Tensor:
    """Return the masked focal loss: softmax in each group of exclusive behaviors, sigmoid for the others.

    It is the mean over all scored entries, which are the frames of each group and of each behavior that is in none.

    Args:
        logits: (..., G + K), the background of each group first.
        labels: 1, 0 or -1 (not scored), (..., K), at most one 1 per row and group.
        weight: of each output, (G + K,), as from `class_weights`.
        groups: G groups.
        gamma: as in `focal_binary_loss`.
        smoothing: as in `focal_binary_loss`.
    """
    options = {"gamma": gamma, "smoothing": smoothing}
    if not groups:
        return focal_binary_loss(logits, labels, weight, **options)
    alone = independent(groups, labels.shape[-1])
    parts = [
        _softmax_terms(_take(logits, outputs), _take(labels, group), _take(weight, outputs), **options)
        for group, outputs in outputs_of(groups)
    ]
    if len(parts) == 1 and not alone:
        return _masked_mean(*parts[0])
    terms, scored = (torch.stack(part, -1) for part in zip(*parts, strict=True))
    if alone:
        outputs = [len(groups) + place for place in alone]
        own = _binary_terms(_take(logits, outputs), _take(labels, alone), _take(weight, outputs), **options)
        terms, scored = torch.cat([terms, own[0]], -1), torch.cat([scored, own[1]], -1)
    return _masked_mean(terms, scored)


def count_scored(labels: torch.Tensor, groups: Groups) -> int:
    """Return the number of entries over which `focal_loss` averages for labels (..., K)."""
    alone = independent(groups, labels.shape[-1])
    entries = [_take(labels, alone)] if alone else []
    entries += [classes_of(_take(labels, group)) for group in groups]
    return sum(int((part != UNSCORED).sum()) for part in entries)


def focal_binary_loss(
    logits: torch.Tensor,
    labels: torch.Tensor,
    positive_weight: torch.Tensor,
    *,
    gamma: float = 1.0,
    smoothing: float = 0.05,
) -> torch.Tensor:
    """Return the masked focal binary cross-entropy with label smoothing: the mean over the scored entries.

    Focal loss: Lin et al. 2017, arXiv 1708.02002. With gamma 0, no smoothing and weight 1 this is the binary
    cross-entropy. If nothing is scored the loss is zero (and so is its gradient).

    Args:
        logits: (..., K).
        labels: 1, 0 or -1 (not scored), same shape.
        positive_weight: weight of positives, (K,).
        gamma: reduces the weight of entries that are already right, by (1 - probability of the truth) ** gamma.
        smoothing: 1 becomes 1 - smoothing/2, 0 becomes smoothing/2.
    """
    return _masked_mean(*_binary_terms(logits, labels, positive_weight, gamma=gamma, smoothing=smoothing))


def _binary_terms(
    logits: torch.Tensor, labels: torch.Tensor, positive_weight: torch.Tensor, *, gamma: float, smoothing: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the loss of each entry, (..., K), and whether it is scored."""
    scored = labels != UNSCORED
    target = labels.clamp(min=0).to(logits)
    smooth = target * (1 - smoothing) + smoothing / 2
    entropy = functional.binary_cross_entropy_with_logits(logits, smooth, pos_weight=positive_weight, reduction="none")
    probability = torch.sigmoid(logits)
    miss = torch.where(target > 0.5, 1 - probability, probability)
    return entropy * _focus(miss, gamma), scored


def classes_of(labels: torch.Tensor) -> torch.Tensor:
    """Convert mutually exclusive labels (..., K) to class numbers (...): 0 is background, -1 is not scored.

    A row with a 1 is that class even if other entries are not scored; a row without a 1 but with a -1 is not scored.
    """
    kind = labels.argmax(-1) + 1
    any_positive = (labels == 1).any(-1)
    any_unscored = (labels == UNSCORED).any(-1)
    background_or_open = torch.where(any_unscored, UNSCORED, 0)
    return torch.where(any_positive, kind, background_or_open)


def focal_softmax_loss(
    logits: torch.Tensor,
    labels: torch.Tensor,
    weight: torch.Tensor,
    *,
    gamma: float = 1.0,
    smoothing: float = 0.05,
) -> torch.Tensor:
    """Return the masked focal cross-entropy for mutually exclusive behaviors, with class weights.

    Args:
        logits: (..., K + 1), background first.
        labels: 1, 0 or -1 (not scored), (..., K), at most one 1 per row.
        weight: weight of background and of each behavior, (K + 1,), as from `class_weights`.
        gamma: as in `focal_binary_loss`.
        smoothing: as in `focal_binary_loss`, but spread over all classes.
    """
    return _masked_mean(*_softmax_terms(logits, labels, weight, gamma=gamma, smoothing=smoothing))


def _softmax_terms(
    logits: torch.Tensor, labels: torch.Tensor, weight: torch.Tensor, *, gamma: float, smoothing: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the loss of each row, (...), and whether it is scored."""
    classes = classes_of(labels)
    scored = classes != UNSCORED
    log_probability = functional.log_softmax(logits, dim=-1)
    truth = functional.one_hot(classes.clamp(min=0), logits.shape[-1]).to(logits)
    target = truth * (1 - smoothing) + smoothing / logits.shape[-1]
    miss = 1 - (log_probability.exp() * truth).sum(-1)
    entropy = -(target * log_probability * weight).sum(-1)
    return entropy * _focus(miss, gamma), scored


def probabilities(logits: torch.Tensor, groups: Groups) -> torch.Tensor:
    """Return probabilities (..., K) of the behaviors from logits (..., G + K), the background of each group first.

    They are the softmax in each group, whose background is dropped, and the sigmoid for the others.
    """
    found = logits[..., len(groups) :].sigmoid()
    if not groups:
        return found
    columns = list(found.unbind(-1))
    for group, outputs in outputs_of(groups):
        for place, values in zip(group, _take(logits, outputs).softmax(-1).unbind(-1)[1:], strict=True):
            columns[place] = values
    return torch.stack(columns, -1)


def _take(values: torch.Tensor, places: Sequence[int]) -> torch.Tensor:
    """Return the columns (..., n) of values (..., N), without an index, for which a GPU would wait."""
    first, last = places[0], places[-1]
    if list(places) == list(range(first, last + 1)):
        return values[..., first : last + 1]
    return torch.stack([values[..., place] for place in places], -1)


def _focus(miss: torch.Tensor, gamma: float) -> torch.Tensor:
    """Return miss ** gamma; below 1e-12 without a gradient, which would be infinite at 0 for gamma below 1."""
    return miss.clamp(min=1e-12) ** gamma


def _masked_mean(values: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    return torch.where(mask, values, 0.0).sum() / mask.sum().clamp(min=1)
