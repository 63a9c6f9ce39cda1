"""Train the sequence model on windows of the features of labelled videos."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ethomake.errors import InputError
from ethomake.features.store import Maps, open_features, read_inputs
from ethomake.files import file_digest, write_npz
from ethomake.labels.table import read_labels
from ethomake.sequence.metadata import SequenceMetadata
from ethomake.sequence.model import Moments, SequenceModel, infer
from ethomake.sequence.side_by_side import run_all
from ethomake.training.device import choose_device, describe
from ethomake.training.history import write_history
from ethomake.training.loop import Training, fit
from ethomake.training.losses import UNSCORED, probabilities
from ethomake.training.objective import Objective, check_shown
from ethomake.training.plan import LabelledVideo, TrainingPlan
from ethomake.training.schedule import Schedule
from ethomake.training.weights import save_weights

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class LabelledFeatures:
    """The features of a video and its labels.

    Attributes:
        video: its name.
        features: float16 (T, D).
        labels: 1, 0 or -1 (not scored), int8 tensor (T, K).
        maps: channels and grid of the maps that the features are; None if they are vectors.
    """

    video: str
    features: np.ndarray
    labels: torch.Tensor
    maps: Maps | None = None

    @cached_property
    def moments(self) -> Moments:
        """The moments of the features, which are needed in several trainings."""
        return Moments.of(self.features)

    def __len__(self) -> int:
        return len(self.labels)


def train_sequence(
    plan: TrainingPlan,
    streams: list[str],
    weights: str | Path,
    history: str | Path,
    out_of_fold: str | Path,
    *,
    folds: Sequence[Sequence[str]],
) -> None:
    """Train the sequence model on all labelled videos, and once more without the videos of each fold.

    Training takes a fixed number of steps on windows of `window` frames, and the last state is kept: a video that
    chooses an epoch says little about other recordings. The probabilities of each video from the model that was
    trained without it are those on which thresholds are fitted. On a processor these trainings run side by side, one
    on each of the threads of the job.

    Args:
        plan: `train` has the manifests of the features of all videos for training and validation; `checkpoint` is a
            folder, with a file for each training; `settings` is the section `sequence:` of the config.
        streams: streams whose features are the input, in this order.
        weights: the weights file to write.
        history: the learning history to write.
        out_of_fold: the file of probabilities to write, for each video float32 (T, K); NaN for a behavior that no
            video outside the fold shows, and for videos that are in no fold.
        folds: the names of the videos in each fold; without any, no probabilities are out of fold.

    Raises:
        InputError: if nothing is labelled, a behavior is present in no frame, or features and labels have different
            numbers of frames.
    """
    device = choose_device()
    videos = [_read(video, plan.behaviors, streams) for video in plan.labelled_train]
    check_shown(torch.cat([video.labels for video in videos]), plan.behaviors)
    frames = sum(map(len, videos))
    network = plan.settings["network"]
    logger.info(f"sequence: {network}, {len(videos)} videos, {frames} frames, {describe(device, torch.float32)}")

    held_out = {video.video: np.full(video.labels.shape, np.nan, np.float32) for video in videos}
    trainings: list[Callable[[], Any]] = [partial(_train_all, videos, plan, device, streams)]
    for number, fold in enumerate(folds, 1):
        label = f"sequence without {', '.join(fold)}" if len(fold) == 1 else f"sequence, fold {number}/{len(folds)}"
        if _shown([video for video in videos if video.video not in fold]).any():
            trainings.append(partial(_train_without, videos, list(fold), plan, device, streams, label, f"fold{number}"))
    for video in videos:
        _ = video.moments  # before the trainings, which share them
    (state, rows), *predicted = run_all(trainings, device)
    for of_fold in predicted:
        held_out |= of_fold
    model = _model(videos, plan)
    model.load_state_dict({name: torch.from_numpy(values) for name, values in state.items()})
    metadata = SequenceMetadata(
        network=network,
        seed=plan.seed,
        settings=plan.settings,
        behaviors=list(plan.behaviors),
        exclusive=plan.exclusive,
        streams=streams,
        inputs=model.inputs,
        maps=videos[0].maps,
        made_from={open_features(path)[0]["video"]: file_digest(path) for path in plan.train},
    )
    save_weights(weights, model, metadata)
    write_npz(out_of_fold, held_out)
    write_history(history, rows)


def _train_all(
    videos: Sequence[LabelledFeatures], plan: TrainingPlan, device: torch.device, streams: list[str]
) -> tuple[dict[str, np.ndarray], list[dict]]:
    """Train on all videos; return the state of the model and the history."""
    model, rows = _fit(videos, plan, device, "sequence", plan.fingerprint([], streams), "all")
    return {name: values.cpu().numpy() for name, values in model.state_dict().items()}, rows


def _train_without(
    videos: Sequence[LabelledFeatures],
    fold: list[str],
    plan: TrainingPlan,
    device: torch.device,
    streams: list[str],
    label: str,
    name: str,
) -> dict[str, np.ndarray]:
    """Train without the videos of a fold; return the probabilities of these, float32 (T, K), by name."""
    others = [video for video in videos if video.video not in fold]
    model, _ = _fit(others, plan, device, label, plan.fingerprint([], streams, fold), name)
    found, shown = {}, _shown(others)
    for video in videos:
        if video.video in fold:
            predicted = probabilities(infer(model, video.features), plan.groups).numpy()
            found[video.video] = np.where(shown, predicted, np.nan).astype(np.float32)
    return found


def _shown(videos: Sequence[LabelledFeatures]) -> np.ndarray:
    """Return which behaviors are present in some frame of the videos, bool (K,)."""
    return torch.stack([video.labels.eq(1).any(0) for video in videos]).any(0).numpy() if videos else np.zeros(1, bool)


def _model(videos: Sequence[LabelledFeatures], plan: TrainingPlan) -> SequenceModel:
    """Return a new model for the features of some videos."""
    settings, inputs = plan.settings, videos[0].features.shape[1]
    return SequenceModel(settings["network"], inputs, plan.outputs, settings, videos[0].maps)


def _fit(
    videos: Sequence[LabelledFeatures], plan: TrainingPlan, device: torch.device, label: str, identity: str, name: str
) -> tuple[SequenceModel, list[dict]]:
    """Train a new sequence model on some videos; return it, in eval mode, and its history.

    Args:
        identity: digest of everything that the training depends on.
        name: of its file in the folder of checkpoints.
    """
    settings, schedule = plan.settings, Schedule.of(plan.settings, l2_sp_beta=plan.settings["l2"])
    objective = Objective(torch.cat([video.labels for video in videos]), plan.groups, settings, device)
    torch.manual_seed(plan.seed)
    model = _model(videos, plan)
    model.standardize_with([video.moments for video in videos])
    model.to(device)
    window = settings["window"]

    def load(places: np.ndarray, rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        windows = [_cut(videos[int(video)], start, window) for video, start in places]
        return torch.stack([features for features, _ in windows]), torch.stack([labels for _, labels in windows])

    def loss(batch: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        features, labels = batch
        return objective.loss(model(features.to(device)), labels.to(device))

    training = Training(lambda rng: window_batches(videos, window, schedule, rng), load, loss)
    checkpoint = Path(plan.checkpoint) / f"{name}.pt"
    rows = fit(model, schedule, training, None, seed=plan.seed, checkpoint=checkpoint, identity=identity, label=label)
    return model, rows


def window_batches(
    videos: Sequence[LabelledFeatures], window: int, schedule: Schedule, rng: np.random.Generator
) -> list[np.ndarray]:
    """Return the batches of an epoch, `steps` of them, each (batch, 2) of video number and first frame of a window.

    Windows lie end to end over each video, the first shifted at random; those without a scored frame are left out.
    When all have been used, they are drawn again with another shift.
    """
    drawn: list[np.ndarray] = []
    needed = schedule.steps * schedule.batch
    while len(drawn) < needed:
        starts = _window_starts([len(video) for video in videos], window, rng)
        drawn += [place for place in rng.permutation(starts) if _is_scored(videos[place[0]], place[1], window)]
    return np.split(np.array(drawn[:needed]), schedule.steps)


def _is_scored(video: LabelledFeatures, start: int, window: int) -> bool:
    return bool((video.labels[_inside(len(video), start, window)] != UNSCORED).any())


def _read(video: LabelledVideo, behaviors: Sequence[str], streams: list[str]) -> LabelledFeatures:
    """Return features and labels of a video."""
    manifest, path = video
    features, table = read_inputs(manifest, streams), read_labels(path)
    if tuple(table.behaviors) != tuple(behaviors):
        raise InputError(f"{path}: has the behaviors {table.behaviors}, not {tuple(behaviors)}; make it again")
    if len(features) != len(table.values):
        raise InputError(f"{path}: {len(table.values)} rows, but {manifest} has {len(features)} frames; run again")
    facts, _ = open_features(manifest)
    return LabelledFeatures(facts["video"], features, torch.from_numpy(table.values), facts.get("maps"))


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


def _cut(video: LabelledFeatures, start: int, window: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return a window of features and labels inside the video; short videos are padded with unscored frames."""
    inside = _inside(len(video), start, window)
    part, values = torch.from_numpy(video.features[inside]).float(), video.labels[inside]
    missing = window - len(part)
    if missing:
        part = torch.cat([part, part[-1:].expand(missing, -1)])
        values = torch.cat([values, values.new_full((missing, values.shape[1]), UNSCORED)])
    return part, values
