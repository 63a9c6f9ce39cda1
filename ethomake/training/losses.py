"""Classification losses that ignore labels that were not scored."""

import math

import torch
from torch.nn import functional

UNSCORED = -1


def class_counts(
    labels: torch.Tensor, exclusive: bool, sampling: torch.Tensor | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the numbers of frames for and against each output: each behavior, or background and each behavior.

    Args:
        labels: 1, 0 or -1 (not scored), (N, K).
        exclusive: softmax over background and K behaviors, instead of K sigmoids.
        sampling: count each frame with its weight, (N,); None for 1.

    Returns:
        Two tensors, (K,) or, if exclusive, (K + 1,).
    """
    if exclusive:
        classes = classes_of(labels)[:, None]
        positive = classes == torch.arange(labels.shape[-1] + 1)
        negative = (classes != UNSCORED) & ~positive
    else:
        positive, negative = labels == 1, labels == 0
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
    scored = labels != UNSCORED
    target = labels.clamp(min=0).to(logits)
    smooth = target * (1 - smoothing) + smoothing / 2
    entropy = functional.binary_cross_entropy_with_logits(logits, smooth, pos_weight=positive_weight, reduction="none")
    probability = torch.sigmoid(logits)
    miss = torch.where(target > 0.5, 1 - probability, probability)
    return _masked_mean(entropy * _focus(miss, gamma), scored)


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
    classes = classes_of(labels)
    scored = classes != UNSCORED
    log_probability = functional.log_softmax(logits, dim=-1)
    truth = functional.one_hot(classes.clamp(min=0), logits.shape[-1]).to(logits)
    target = truth * (1 - smoothing) + smoothing / logits.shape[-1]
    miss = 1 - (log_probability.exp() * truth).sum(-1)
    entropy = -(target * log_probability * weight).sum(-1)
    return _masked_mean(entropy * _focus(miss, gamma), scored)


def probabilities(logits: torch.Tensor, exclusive: bool) -> torch.Tensor:
    """Return probabilities of the behaviors: sigmoid of K logits, or softmax of K + 1 with background dropped."""
    return logits.softmax(-1)[..., 1:] if exclusive else logits.sigmoid()


def _focus(miss: torch.Tensor, gamma: float) -> torch.Tensor:
    """Return miss ** gamma; below 1e-12 without a gradient, which would be infinite at 0 for gamma below 1."""
    return miss.clamp(min=1e-12) ** gamma


def _masked_mean(values: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    return torch.where(mask, values, 0.0).sum() / mask.sum().clamp(min=1)
