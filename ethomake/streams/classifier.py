"""Train a network that classifies labelled frames: one stream, or both jointly."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn

from ethomake.streams.sources import Loaded, Source
from ethomake.training import parallel
from ethomake.training.device import autocast
from ethomake.training.loop import Training, fit
from ethomake.training.objective import Objective
from ethomake.training.schedule import Schedule, shuffled_batches


def fit_classifier(
    model: nn.Module,
    schedule: Schedule,
    objective: Objective,
    classify: Callable[[Loaded], torch.Tensor],
    source: Source,
    *,
    device: torch.device,
    precision: torch.dtype,
    sampling: np.ndarray | None = None,
    **options: Any,
) -> list[dict]:
    """Train `model` on labelled frames and leave it in its last state, in eval mode.

    Args:
        classify: returns the logits (N, K) of a batch, given what `load` and `change` of its source returned, on the
            device.
        source: inputs of the labelled frames.
        sampling: weights with which these frames are drawn, (N,), as from `sampling_weights`.
        options: `seed`, `checkpoint`, `identity`, `label` and `pretrained`, as for `fit`.

    Returns:
        The history, as from `fit`.
    """
    labels = source.labelled.labels

    def load(chosen: np.ndarray, rng: np.random.Generator) -> tuple[Loaded, torch.Tensor]:
        return source.load(chosen, rng), labels[chosen[parallel.own(len(chosen))]]

    def loss(batch: tuple[Loaded, torch.Tensor]) -> torch.Tensor:
        loaded, truth = batch
        with autocast(device, precision):
            logits = classify(loaded).float()
        return objective.loss(logits, truth)

    training = Training(
        plan=lambda rng: shuffled_batches(len(labels), schedule, rng, sampling),
        load=load,
        loss=loss,
        prepare=lambda batch: (source.change(batch[0]), batch[1]),
        weight=lambda chosen: objective.scored(labels[chosen]),
    )
    return fit(model, schedule, training, None, **options)
