"""Loss of a classifier, for independent and for mutually exclusive behaviors."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from ethomake.errors import InputError
from ethomake.training.losses import (
    UNSCORED,
    class_counts,
    class_weights,
    classes_of,
    focal_binary_loss,
    focal_softmax_loss,
)


def check_shown(labels: torch.Tensor, behaviors: Sequence[str]) -> None:
    """Check that the training videos show each behavior.

    Args:
        labels: of the training frames, 1, 0 or -1 (not scored), (N, K).
        behaviors: K names.

    Raises:
        InputError: if no frame is labelled, or a behavior is present in none.
    """
    if not (labels != UNSCORED).any():
        raise InputError("no frame of the training and validation videos is labelled; label some of them")
    for name, shown in zip(behaviors, (labels == 1).any(0).tolist(), strict=True):
        if not shown:
            raise InputError(
                f"behavior '{name}' is present in no frame of the training and validation videos: label videos "
                "that show it, move one to train, or remove it from the behaviors"
            )


class Objective:
    """The masked focal loss with weights from the training labels, for sigmoid or softmax outputs.

    Args:
        labels: of the training frames, 1, 0 or -1 (not scored), (N, K).
        exclusive: softmax over background and K behaviors, instead of K sigmoids.
        settings: `focal_gamma`, `label_smoothing`, `positive_weight_exponent`, `positive_weight_cap`.
        sampling: weights with mean 1 with which frames are drawn, (N,), as counts and weights are those of what is
            drawn; None if all are drawn alike.

    Attributes:
        positives, negatives: number of training frames for and against each output, (K,) or (K + 1,), each frame
            counted with its weight.
    """

    def __init__(
        self,
        labels: torch.Tensor,
        exclusive: bool,
        settings: dict[str, Any],
        device: torch.device,
        sampling: np.ndarray | None = None,
    ):
        self.exclusive = exclusive
        self.options = {"gamma": settings["focal_gamma"], "smoothing": settings["label_smoothing"]}
        weights = None if sampling is None else torch.from_numpy(sampling)
        self.positives, self.negatives = class_counts(labels, exclusive, weights)
        exponent, cap = settings["positive_weight_exponent"], settings["positive_weight_cap"]
        self.weight = class_weights(self.positives, self.negatives, exponent, cap).to(device)

    def loss(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Return the loss of a batch; logits (..., K) or (..., K + 1), labels (..., K)."""
        loss = focal_softmax_loss if self.exclusive else focal_binary_loss
        return loss(logits, labels, self.weight.to(logits.device), **self.options)

    def scored(self, labels: torch.Tensor) -> int:
        """Return the number of entries over which the loss of labels (..., K) is averaged."""
        return int(((classes_of(labels) if self.exclusive else labels) != UNSCORED).sum())
