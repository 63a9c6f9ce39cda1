"""Dropout whose masks are drawn once for trainings that would draw the same ones.

The trainings without the videos of a fold have the seeds of the training on all videos, so that in the same step all of
them drop the same values. On a processor drawing these masks takes about a seventh of a step; they are kept as bits.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

LIMIT = 200 * 2**20  # bytes of masks that are kept at most; those of further steps are drawn in each training


class _Masks:
    """The masks of some steps: by the seed of a step, in the order in which its layers ask for them."""

    def __init__(self) -> None:
        self.steps: dict[int, list[np.ndarray]] = {}
        self.size = 0
        self.seed: int | None = None  # of the current step
        self.place = 0  # in it
        self.known: list[np.ndarray] | None = None  # of an earlier training
        self.drawn: list[np.ndarray] | None = None  # to be kept

    def next(self, like: Tensor, share: float) -> Tensor:
        """Return a mask of zeros and ones in the layout of a tensor, `share` of them ones."""
        if (seed := torch.initial_seed()) != self.seed:
            self.seed, self.place, self.known, self.drawn = seed, 0, self.steps.get(seed), None
            if self.known is None and self.size < LIMIT:
                self.steps[seed] = self.drawn = []
        self.place += 1
        mask = torch.empty_like(like)
        flat = mask.as_strided((mask.numel(),), (1,))  # in the order in which random numbers are drawn
        if self.known is not None and self.place <= len(self.known):
            bits = np.unpackbits(self.known[self.place - 1], count=mask.numel())
            flat.copy_(torch.from_numpy(bits))
            return mask
        mask.bernoulli_(share)
        if self.drawn is not None:
            self.drawn.append(np.packbits(flat.numpy() != 0))
            self.size += self.drawn[-1].nbytes
        return mask


class _Shared:
    masks: _Masks | None = None


@contextmanager
def same_masks() -> Iterator[None]:
    """Within this, trainings with the same seeds and the same networks draw each mask once."""
    _Shared.masks = _Masks()
    try:
        yield
    finally:
        _Shared.masks = None


class Dropout(nn.Dropout):
    """Dropout; within `same_masks`, and on a processor, with masks of an earlier training with the same seeds."""

    def forward(self, input: Tensor) -> Tensor:
        """Return a tensor of the same shape, with the same values as those of `torch.nn.Dropout`."""
        if _Shared.masks is None or not self.training or self.p in (0, 1) or input.device.type != "cpu":
            return F.dropout(input, self.p, self.training)
        return input * _Shared.masks.next(input.detach(), 1 - self.p).div_(1 - self.p)
