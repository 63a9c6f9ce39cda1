"""Duration and learning rate of a training, and the random numbers and batches of each epoch."""

import math
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

WARM_UP = 0.1
"""Share of the steps in which the learning rate rises."""


@dataclass(frozen=True)
class Schedule:
    """Duration and learning rate of a training; the fields are keys of config.yaml.

    The optimizer is Adam. Its learning rate rises linearly to `learning_rate` over the first tenth of all steps and
    then falls to zero along half a cosine (Loshchilov & Hutter 2017, arXiv 1608.03983). `l2_sp_alpha` pulls pretrained
    weights toward their initial values, `l2_sp_beta` pulls all others toward zero (L2-SP, Li et al. 2018, arXiv
    1802.01483).
    """

    epochs: int
    steps: int
    batch: int
    learning_rate: float = 1e-4
    l2_sp_alpha: float = 0.0
    l2_sp_beta: float = 0.0

    @classmethod
    def of(cls, settings: dict[str, Any], **changes: Any) -> "Schedule":
        """Return a schedule from the keys of a stage's settings that belong to it."""
        names = {entry.name for entry in fields(cls)}
        return cls(**{key: value for key, value in {**settings, **changes}.items() if key in names})

    def rate(self, step: int, steps: int) -> float:
        """Return the learning rate of a step.

        Args:
            step: steps that were done before it, in all epochs.
            steps: number of steps of all epochs.
        """
        warm_up = max(1.0, WARM_UP * steps)
        if step < warm_up:
            return self.learning_rate * (step + 1) / (warm_up + 1)
        return self.learning_rate * 0.5 * (1 + math.cos(math.pi * (step - warm_up) / max(steps - warm_up, 1)))


def epoch_rng(seed: int, epoch: int) -> np.random.Generator:
    """Return the generator of one epoch; it depends on seed and epoch alone, so that a resumed run draws the same."""
    return np.random.default_rng([seed, epoch])


def step_rng(seed: int, epoch: int, step: int) -> np.random.Generator:
    """Return the generator of one step, counted from 1 (NumPy treats [seed, epoch, 0] as [seed, epoch])."""
    return np.random.default_rng([seed, epoch, step])


def shuffled_batches(
    n: int, schedule: Schedule, rng: np.random.Generator, weights: np.ndarray | None = None
) -> list[np.ndarray]:
    """Return one epoch's batches of sample numbers 0..n-1: each sample at most once, at most `steps` full batches.

    With fewer samples than one batch, return one batch of all of them.

    Args:
        n: number of samples.
        schedule: number and size of the batches.
        rng: the generator of the epoch.
        weights: draw samples in proportion to these, (n,), instead; an epoch is as long, and has some samples more
            than once. The draw is systematic (Madow 1949): a sample that is expected x times comes floor(x) or
            ceil(x) times.
    """
    count = epoch_samples(n, schedule)
    if weights is None:
        chosen = rng.permutation(n)[:count]
    else:
        until = np.cumsum(weights) / np.sum(weights)
        drawn = np.searchsorted(until, (rng.random() + np.arange(count)) / count, side="right")
        chosen = rng.permutation(drawn.clip(max=n - 1))  # rounding may leave the last sum below 1
    return np.split(chosen, max(1, min(schedule.steps, n // schedule.batch)))


def epoch_samples(n: int, schedule: Schedule) -> int:
    """Return how many of n samples one epoch uses."""
    return min(schedule.steps, n // schedule.batch) * schedule.batch or n
