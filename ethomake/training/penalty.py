"""Regularization of weights toward their initial values or zero (L2-SP, Li et al. 2018, arXiv 1802.01483)."""

import torch
from torch import nn

from ethomake.training.schedule import Schedule


class Penalty:
    """The gradient of L2-SP: alpha * (w - start) for pretrained weights, beta * w for new ones; not for biases."""

    def __init__(self, model: nn.Module, schedule: Schedule, pretrained: frozenset[str]):
        named = [(name, p) for name, p in model.named_parameters() if p.requires_grad and p.ndim > 1]
        self.old = [p for name, p in named if name in pretrained] if schedule.l2_sp_alpha else []
        self.new = [p for name, p in named if name not in pretrained] if schedule.l2_sp_beta else []
        self.start = [p.detach().clone() for p in self.old]
        self.alpha, self.beta = schedule.l2_sp_alpha, schedule.l2_sp_beta

    def load(self, start: list[torch.Tensor]) -> None:
        """Restore the initial values from a checkpoint."""
        for own, kept in zip(self.start, start, strict=True):
            own.copy_(kept)

    @torch.no_grad()
    def add(self) -> None:
        """Add the penalty's gradient to the gradients of the loss."""
        # torch's functions on lists have no public names; on a GPU they launch one kernel, where a loop needs hundreds.
        old = [(p.grad, p, s) for p, s in zip(self.old, self.start, strict=True) if p.grad is not None]
        if old:
            gradients, weights, start = zip(*old, strict=True)
            pull = torch._foreach_sub(weights, start)  # pyright: ignore[reportPrivateImportUsage]
            torch._foreach_add_(gradients, pull, alpha=self.alpha)  # pyright: ignore[reportPrivateImportUsage]
        new = [(p.grad, p) for p in self.new if p.grad is not None]
        if new:
            gradients, weights = zip(*new, strict=True)
            torch._foreach_add_(gradients, weights, alpha=self.beta)  # pyright: ignore[reportPrivateImportUsage]
