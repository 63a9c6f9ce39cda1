"""Train the sequence model on windows of the features of labelled videos."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ethomake.errors import InputError
from ethomake.features.store import open_features, read_inputs
from ethomake.files import file_digest
from ethomake.labels.table import read_labels
from ethomake.sequence.model import SequenceModel, infer
from ethomake.training.device import choose_device, describe
from ethomake.training.history import write_history
from ethomake.training.loop import Schedule, Training, Validation, fit, identify
from ethomake.training.losses import UNSCORED
from ethomake.training.objective import Objective, check_shown
from ethomake.training.weights import save_weights

logger = logging.getLogger(__name__)

Labelled = tuple[str | Path, str | Path]  # the manifest of a video's features, and its label table


def train_sequence(
    train: Sequence[Labelled],
    validate: Sequence[Labelled],
    weights: str | Path,
    history: str | Path,
    *,
    behaviors: Sequence[str],
    exclusive: bool,
    streams: Sequence[str],
    settings: dict[str, Any],
    seed: int,
    checkpoint: str | Path,
) -> None:
    """Train the sequence model and write its weights and learning history.

    An epoch passes once over the training videos in windows of `window` frames whose borders shift at random;
    windows without a scored frame are left out. Each validation video is judged as a whole, as at inference.

    Args:
        train, validate: feature manifests and label tables of the videos.
        weights, history: the two files to write.
        behaviors: the columns of the label tables, in order.
        exclusive: one behavior at a time (softmax) instead of any number of them (sigmoid).
        streams: whose features to take, in this order.
        settings: the section `sequence:` of the config.
        seed: of the first weights and of all sampling.
        checkpoint: where the state is kept; it stays there at the end.

    Raises:
        InputError: if nothing is labelled, a behavior is on in no frame, or features and labels do not have the same
            number of frames.
    """
    device = choose_device()
    schedule = Schedule.of(settings, l2_sp_beta=settings["l2"])
    learn = [_read(pair, behaviors, streams) for pair in train]
    check = [_read(pair, behaviors, streams) for pair in validate]
    labels = torch.cat([values for _, values in learn])
    check_shown(labels, behaviors)
    objective = Objective(labels, exclusive, settings, device)
    torch.manual_seed(seed)
    inputs = learn[0][0].shape[1]
    model = SequenceModel(settings["network"], inputs, len(behaviors) + exclusive, settings)
    model.standardize_with([features for features, _ in learn])
    model.to(device)
    logger.info(
        f"sequence: {settings['network']}, {len(learn)} videos, {len(labels)} frames, {describe(device, torch.float32)}"
    )

    window = settings["window"]
    steps = min(schedule.steps, max(1, sum(-(-len(values) // window) for _, values in learn) // schedule.batch))

    def is_scored(video: int, start: int) -> bool:
        values = learn[video][1]
        return bool((values[_inside(len(values), start, window)] != UNSCORED).any())

    def plan(rng: np.random.Generator) -> list[np.ndarray]:
        places = _window_starts([len(values) for _, values in learn], window, rng)
        scored = np.array([place for place in rng.permutation(places) if is_scored(*place)])
        return [scored[i : i + schedule.batch] for i in range(0, len(scored), schedule.batch)][:steps]

    def load(places: np.ndarray, rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        windows = [_cut(*learn[video], start, window) for video, start in places]
        return torch.stack([features for features, _ in windows]), torch.stack([values for _, values in windows])

    def loss(batch: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        features, values = batch
        return objective.loss(model(features.to(device)), values.to(device))

    check = [(features, values) for features, values in check if (values != UNSCORED).any()]
    validation = Validation(
        parts=[features for features, _ in check],
        load=lambda features: features,
        predict=lambda features: infer(model, features),
        judge=lambda logits: objective.judge(logits, torch.cat([values for _, values in check])),
    )
    files = [path for pair in (*train, *validate) for path in pair]
    rows = fit(
        model,
        schedule,
        Training(plan, load, loss),
        validation,
        seed=seed,
        checkpoint=checkpoint,
        identity=identify(files, exclusive, settings, list(streams), seed),
        label="sequence",
    )
    facts = {
        "network": settings["network"],
        "settings": settings,
        "behaviors": list(behaviors),
        "exclusive": exclusive,
        "streams": list(streams),
        "inputs": inputs,
        "seed": seed,
        "made_from": {open_features(path)[0]["video"]: file_digest(path) for path, _ in train},
    }
    save_weights(weights, model, facts)
    write_history(history, rows)


def _read(pair: Labelled, behaviors: Sequence[str], streams: Sequence[str]) -> tuple[np.ndarray, torch.Tensor]:
    """Features (T, D) and labels (T, K) of a video."""
    manifest, path = pair
    features, table = read_inputs(manifest, streams), read_labels(path)
    if tuple(table.behaviors) != tuple(behaviors):
        raise InputError(f"{path}: has the behaviors {table.behaviors}, not {tuple(behaviors)}; make it again")
    if len(features) != len(table.values):
        raise InputError(f"{path}: {len(table.values)} rows, but {manifest} has {len(features)} frames; run again")
    return features, torch.from_numpy(table.values)


def _window_starts(lengths: Sequence[int], window: int, rng: np.random.Generator) -> np.ndarray:
    """(video, first frame) of windows end to end over each video, the first shifted at random; (N, 2).

    The first may begin before the video and the last end after it.
    """
    places = []
    for video, length in enumerate(lengths):
        shift = int(rng.integers(window)) if length > window else 0
        places += [(video, start) for start in range(-shift, length, window)]
    return np.array(places)


def _inside(length: int, start: int, window: int) -> slice:
    """A window moved so that it lies inside a video of `length` frames; all of it where it is shorter."""
    start = max(0, min(start, length - window))
    return slice(start, start + window)


def _cut(features: np.ndarray, labels: torch.Tensor, start: int, window: int) -> tuple[torch.Tensor, torch.Tensor]:
    """A window of features and labels inside the video; short videos are padded, unscored."""
    inside = _inside(len(features), start, window)
    part, values = torch.from_numpy(features[inside].astype(np.float32)), labels[inside]
    missing = window - len(part)
    if missing:
        part = torch.cat([part, part[-1:].expand(missing, -1)])
        values = torch.cat([values, values.new_full((missing, values.shape[1]), UNSCORED)])
    return part, values
