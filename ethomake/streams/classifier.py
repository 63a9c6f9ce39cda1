"""Train a network that classifies labelled frames: one stream, or both jointly."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn

from ethomake.streams.sources import Loaded, Source
from ethomake.training import parallel
from ethomake.training.device import autocast
from ethomake.training.loop import Training, Validation, fit
from ethomake.training.objective import Objective
from ethomake.training.schedule import Schedule, shuffled_batches

VALIDATION_SHARE = 1 / 4


def fit_classifier(
    model: nn.Module,
    schedule: Schedule,
    objective: Objective,
    classify: Callable[[Source, Loaded], torch.Tensor],
    train_source: Source,
    val_source: Source | None,
    *,
    device: torch.device,
    precision: torch.dtype,
    sampling: np.ndarray | None = None,
    **options: Any,
) -> list[dict]:
    """Train `model` on labelled frames and leave it in its last state, in eval mode.

    Args:
        classify: returns the logits (N, K) of a batch, given its source and what its `load` and `change` returned, on
            the device.
        train_source: inputs of the training frames.
        val_source: inputs of the validation frames; None if there are none.
        sampling: weights with which the training frames are drawn, (N,), as from `sampling_weights`.
        options: `seed`, `checkpoint`, `identity`, `label` and `pretrained`, as for `fit`.

    Returns:
        The history, as from `fit`.
    """
    train_labels = train_source.labelled.labels

    def logits(source: Source, loaded: Loaded) -> torch.Tensor:
        with autocast(device, precision):
            return classify(source, loaded).float()

    def load(chosen: np.ndarray, rng: np.random.Generator) -> tuple[Loaded, torch.Tensor]:
        return train_source.load(chosen, rng), train_labels[chosen[parallel.own(len(chosen))]]

    def loss(batch: tuple[Loaded, torch.Tensor]) -> torch.Tensor:
        loaded, labels = batch
        return objective.loss(logits(train_source, loaded), labels)

    training = Training(
        plan=lambda rng: shuffled_batches(len(train_labels), schedule, rng, sampling),
        load=load,
        loss=loss,
        prepare=lambda batch: (train_source.change(batch[0]), batch[1]),
        weight=lambda chosen: objective.scored(train_labels[chosen]),
    )
    validation = _validation(val_source, schedule, objective, logits) if val_source else None
    return fit(model, schedule, training, validation, **options)


def _validation(
    source: Source, schedule: Schedule, objective: Objective, logits: Callable[[Source, Loaded], torch.Tensor]
) -> Validation:
    """Return a validation on the same labelled frames in every epoch."""
    labels = source.labelled.labels
    chosen = validation_choice(len(labels), schedule)
    return Validation(
        parts=[chosen[i : i + schedule.batch] for i in range(0, len(chosen), schedule.batch)],
        load=lambda part: source.load(part, None),
        predict=lambda loaded: logits(source, loaded),
        judge=lambda outputs: objective.judge(outputs, labels[chosen]),
        prepare=source.change,
    )


def validation_choice(frames: int, schedule: Schedule) -> np.ndarray:
    """Choose the validation frames of every epoch, spread evenly: at most a quarter of those that an epoch trains on.

    They are for the learning curve alone, so more would cost time and change nothing.
    """
    wanted = max(schedule.batch, int(VALIDATION_SHARE * schedule.steps * schedule.batch))
    return np.unique(np.linspace(0, frames - 1, min(frames, wanted)).astype(int))
