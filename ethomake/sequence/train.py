"""Train the sequence model on windows of the features of labelled videos."""

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from ethomake.errors import InputError
from ethomake.features.store import open_features, read_inputs
from ethomake.files import file_digest
from ethomake.labels.table import read_labels
from ethomake.sequence.metadata import SequenceMetadata
from ethomake.sequence.model import SequenceModel, infer
from ethomake.training.device import choose_device, describe
from ethomake.training.history import write_history
from ethomake.training.loop import Training, Validation, fit
from ethomake.training.losses import UNSCORED
from ethomake.training.objective import Objective, check_shown
from ethomake.training.plan import LabelledVideo, TrainingPlan
from ethomake.training.schedule import Schedule
from ethomake.training.weights import save_weights

logger = logging.getLogger(__name__)


def train_sequence(plan: TrainingPlan, streams: list[str], weights: str | Path, history: str | Path) -> None:
    """Train the sequence model and write its weights and learning history.

    An epoch passes once over the training videos in windows of `window` frames whose borders shift at random;
    windows without a scored frame are left out. Each validation video is evaluated as a whole, as at inference.

    Args:
        plan: `train` and `validate` are the manifests of the videos' features; `settings` is the section `sequence:`
            of the config.
        streams: streams whose features are the input, in this order.
        weights: the weights file to write.
        history: the learning history to write.

    Raises:
        InputError: if nothing is labelled, a behavior is present in no frame, or features and labels have different
            numbers of frames.
    """
    device = choose_device()
    settings, schedule = plan.settings, Schedule.of(plan.settings, l2_sp_beta=plan.settings["l2"])
    train_set = [_read(video, plan.behaviors, streams) for video in plan.labelled_train]
    val_set = [_read(video, plan.behaviors, streams) for video in plan.labelled_validate]
    val_set = [(features, values) for features, values in val_set if (values != UNSCORED).any()]
    labels = torch.cat([values for _, values in train_set])
    check_shown(labels, plan.behaviors)
    objective = Objective(labels, plan.exclusive, settings, device)
    torch.manual_seed(plan.seed)
    inputs = train_set[0][0].shape[1]
    model = SequenceModel(settings["network"], inputs, plan.outputs, settings)
    model.standardize_with([features for features, _ in train_set])
    model.to(device)
    on_device = describe(device, torch.float32)
    logger.info(f"sequence: {settings['network']}, {len(train_set)} videos, {len(labels)} frames, {on_device}")

    window = settings["window"]
    steps = min(schedule.steps, max(1, sum(-(-len(values) // window) for _, values in train_set) // schedule.batch))

    def is_scored(video: int, start: int) -> bool:
        values = train_set[video][1]
        return bool((values[_inside(len(values), start, window)] != UNSCORED).any())

    def batches(rng: np.random.Generator) -> list[np.ndarray]:
        places = _window_starts([len(values) for _, values in train_set], window, rng)
        scored = np.array([place for place in rng.permutation(places) if is_scored(*place)])
        return [scored[i : i + schedule.batch] for i in range(0, len(scored), schedule.batch)][:steps]

    def load(places: np.ndarray, rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        windows = [_cut(*train_set[int(video)], start, window) for video, start in places]
        return torch.stack([features for features, _ in windows]), torch.stack([values for _, values in windows])

    def loss(batch: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        features, values = batch
        return objective.loss(model(features.to(device)), values.to(device))

    validation = Validation(
        parts=[features for features, _ in val_set],
        load=lambda features: features,
        predict=lambda features: infer(model, features),
        judge=lambda logits: objective.judge(logits, torch.cat([values for _, values in val_set])),
    )
    rows = fit(
        model,
        schedule,
        Training(batches, load, loss),
        validation,
        seed=plan.seed,
        checkpoint=plan.checkpoint,
        identity=plan.fingerprint([], streams),
        label="sequence",
    )
    metadata = SequenceMetadata(
        network=settings["network"],
        seed=plan.seed,
        settings=settings,
        behaviors=list(plan.behaviors),
        exclusive=plan.exclusive,
        streams=streams,
        inputs=inputs,
        made_from={open_features(path)[0]["video"]: file_digest(path) for path in plan.train},
    )
    save_weights(weights, model, metadata)
    write_history(history, rows)


def _read(video: LabelledVideo, behaviors: Sequence[str], streams: list[str]) -> tuple[np.ndarray, torch.Tensor]:
    """Return features (T, D) and labels (T, K) of a video."""
    manifest, path = video
    features, table = read_inputs(manifest, streams), read_labels(path)
    if tuple(table.behaviors) != tuple(behaviors):
        raise InputError(f"{path}: has the behaviors {table.behaviors}, not {tuple(behaviors)}; make it again")
    if len(features) != len(table.values):
        raise InputError(f"{path}: {len(table.values)} rows, but {manifest} has {len(features)} frames; run again")
    return features, torch.from_numpy(table.values)


def _window_starts(lengths: Sequence[int], window: int, rng: np.random.Generator) -> np.ndarray:
    """Return (video, first frame) of windows end to end over each video, the first shifted at random; (N, 2).

    The first may begin before the video and the last end after it.
    """
    places = []
    for video, length in enumerate(lengths):
        shift = int(rng.integers(window)) if length > window else 0
        places += [(video, start) for start in range(-shift, length, window)]
    return np.array(places)


def _inside(length: int, start: int, window: int) -> slice:
    """Return a window moved inside a video of `length` frames; the whole video if it is shorter."""
    start = max(0, min(start, length - window))
    return slice(start, start + window)


def _cut(features: np.ndarray, labels: torch.Tensor, start: int, window: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return a window of features and labels inside the video; short videos are padded with unscored frames."""
    inside = _inside(len(features), start, window)
    part, values = torch.from_numpy(features[inside].astype(np.float32)), labels[inside]
    missing = window - len(part)
    if missing:
        part = torch.cat([part, part[-1:].expand(missing, -1)])
        values = torch.cat([values, values.new_full((missing, values.shape[1]), UNSCORED)])
    return part, values
