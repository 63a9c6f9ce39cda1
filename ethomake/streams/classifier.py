"""Train a network that classifies labelled frames: one stream, or both together."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn

from ethomake.streams.sources import Source
from ethomake.training import parallel
from ethomake.training.device import autocast
from ethomake.training.loop import Schedule, Training, Validation, fit, shuffled_batches
from ethomake.training.objective import Objective

Loaded = tuple[torch.Tensor, ...]


def fit_classifier(
    model: nn.Module,
    schedule: Schedule,
    objective: Objective,
    classify: Callable[[Source, Loaded], torch.Tensor],
    learn: Source,
    check: Source | None,
    *,
    device: torch.device,
    precision: torch.dtype,
    **options: Any,
) -> list[dict]:
    """Train `model` on labelled frames and leave it in the state of its best epoch.

    Args:
        classify: the logits (N, K) of what a source has loaded and changed and what now lies on the device.
        learn: where the inputs of the frames to train on come from.
        check: where those of the frames that judge the epochs come from; None if there are none.
        options: `seed`, `checkpoint`, `identity`, `label` and `pretrained`, as for `fit`.

    Returns:
        The history, as from `fit`.
    """

    def logits(source: Source, loaded: Loaded) -> torch.Tensor:
        with autocast(device, precision):
            return classify(source, loaded).float()

    def load(chosen: np.ndarray, rng: np.random.Generator) -> tuple[Loaded, torch.Tensor]:
        return learn.load(chosen, rng), learn.labelled.labels[chosen[parallel.own(len(chosen))]]

    def loss(batch: tuple[Loaded, torch.Tensor]) -> torch.Tensor:
        loaded, labels = batch
        return objective.loss(logits(learn, loaded), labels)

    judges = validation_choice(len(check.labelled), schedule) if check else np.zeros(0, int)
    validation = Validation(
        parts=[judges[i : i + schedule.batch] for i in range(0, len(judges), schedule.batch)],
        load=lambda chosen: check.load(chosen, None),
        predict=lambda loaded: logits(check, loaded),
        judge=lambda outputs: objective.judge(outputs, check.labelled.labels[judges]),
        prepare=lambda loaded: check.change(*loaded),
    )
    training = Training(
        lambda rng: shuffled_batches(len(learn.labelled), schedule, rng),
        load,
        loss,
        lambda batch: (learn.change(*batch[0]), batch[1]),
        lambda chosen: objective.scored(learn.labelled.labels[chosen]),
    )
    return fit(model, schedule, training, validation, **options)


def validation_choice(frames: int, schedule: Schedule) -> np.ndarray:
    """The validation frames that judge an epoch: all, or as many as an epoch trains on, spread evenly."""
    return np.unique(np.linspace(0, frames - 1, min(frames, schedule.steps * schedule.batch)).astype(int))
