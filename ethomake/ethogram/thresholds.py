"""Thresholds, and the shortest bout and gap of each behavior, fitted on the videos for training and validation."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ethomake import __version__
from ethomake.errors import InputError
from ethomake.ethogram.calibration import IDENTITY, Calibration, fit_calibrations, left_out_errors
from ethomake.ethogram.reliability import calibration_error
from ethomake.files import file_digest, read_json, read_npz, write_json
from ethomake.ingest.times import Clock, frame_clock
from ethomake.labels.bouts import find_bouts, find_scored_bouts
from ethomake.labels.table import read_labels

logger = logging.getLogger(__name__)

GRID = (np.arange(200) + 0.5) / 200
"""The thresholds that are tried."""

TOLERANCE = 0.01
"""F1 this close to the best counts as equally good: a few videos cannot tell them apart."""

DISAGREEMENT = 0.05
"""A loss of F1 in one recording, by the threshold for all of them, from which on they count as disagreeing."""

DEFAULT_THRESHOLD = 0.5

ALONE = "at most one labelled animal or recording shows it, so its threshold stays at 0.5; label it in another"
"""Why a threshold is not fitted: no model that has not seen a video with the behavior has learned it from another."""

UNCALIBRATED = "no frames with and without it have probabilities out of fold: calibrated ones are those of the model"
"""Why a calibration is not fitted."""

FEW, ENOUGH = 5, 100
"""Below `FEW` lengths no minimum is fitted; from `ENOUGH` on, the 1st percentile is read from the data alone."""

Z_75, Z_99 = 0.6745, 2.3263
"""Quantiles of the normal distribution."""


@dataclass(frozen=True)
class FittedThreshold:
    """A threshold, the plateau of equally good ones around it, and its F1 on the frames it was fitted on."""

    threshold: float
    plateau: tuple[float, float]
    f1: float


@dataclass(frozen=True)
class PooledThreshold:
    """The threshold of a behavior, and those it was made of.

    Attributes:
        threshold: the one that is applied.
        pooled: fitted on all recordings together.
        recordings: fitted on each recording that shows the behavior.
        disagree: whether the one that is applied is clearly worse in a recording than that recording's own.
    """

    threshold: float
    pooled: FittedThreshold
    recordings: Mapping[str, FittedThreshold]
    disagree: bool

    def in_words(self) -> str:
        """Return a note on recordings that disagree."""
        values = sorted(fitted.threshold for fitted in self.recordings.values())
        return (
            f"the best threshold differs between recordings, {values[0]:.2f} to {values[-1]:.2f}; "
            "label some of each new recording"
        )


def fit_threshold(probabilities: np.ndarray, labels: np.ndarray) -> FittedThreshold | None:
    """Find the threshold of one behavior that gives the best F1, on a grid of 200.

    F1 as a function of the threshold is a step function: many values are equally good. The one that generalizes best
    to other videos is the one farthest from both ends of its step, so the middle of the widest run of thresholds whose
    F1 lies within `TOLERANCE` of the best is returned, not the first of them.

    Args:
        probabilities: (N,).
        labels: (N,), 1, 0 or -1; frames with -1 are ignored.

    Returns:
        The threshold; None if no frame is labelled 1.
    """
    scored = labels >= 0
    probabilities, positive = probabilities[scored], labels[scored] == 1
    if not positive.any():
        return None
    # Count frames, and positive frames, at or above each threshold: one histogram instead of 200 passes.
    step = np.searchsorted(GRID, probabilities, side="right")
    predicted = _count_above(step)
    hits = _count_above(step[positive])
    f1 = 2 * hits / (predicted + positive.sum())
    starts, stops = find_bouts(f1 >= f1.max() - TOLERANCE).T
    reaches_best = [f1[start:stop].max() == f1.max() for start, stop in zip(starts, stops, strict=True)]
    widest = max(np.flatnonzero(reaches_best), key=lambda i: stops[i] - starts[i])
    low, high = GRID[starts[widest]], GRID[stops[widest] - 1]
    middle = GRID[(starts[widest] + stops[widest] - 1) // 2]
    at = int(np.searchsorted(GRID, middle))
    return FittedThreshold(float(middle), (float(low), float(high)), float(f1[at]))


def _count_above(step: np.ndarray) -> np.ndarray:
    """Return how many entries of `step` exceed each grid position: int (200,)."""
    counts = np.bincount(step, minlength=len(GRID) + 1)
    return counts[::-1].cumsum()[::-1][1:]


def whole_lengths(labels: np.ndarray, clock: Clock, value: int) -> np.ndarray:
    """Return the lengths in seconds of the runs of `value` (1: bouts, 0: gaps) of which both ends were observed.

    A run that touches the video's ends, a long stretch of frames that were not scored or a time in which nothing was
    filmed is truncated, so its length is unknown. Over a short stretch of unscored frames it goes on
    (`find_scored_bouts`): long bouts are more likely to hold a damaged frame, and would be missing otherwise. A gap
    lies between two bouts of the same behavior.

    Args:
        labels: (T,), 1, 0 or -1 of one behavior.
        clock: times of the frames.
        value: 1 or 0.
    """
    runs = find_scored_bouts(labels == value, labels >= 0, clock.breaks)
    inside = runs[(runs[:, 0] > 0) & (runs[:, 1] < len(labels))]
    whole = (labels[inside[:, 0] - 1] == 1 - value) & (labels[inside[:, 1]] == 1 - value)
    cut = ((clock.breaks[:, None] >= inside[:, 0]) & (clock.breaks[:, None] <= inside[:, 1])).any(axis=0)
    starts, stops = inside[whole & ~cut].T
    return clock.filmed[stops] - clock.filmed[starts]


def shortest(lengths: np.ndarray) -> float:
    """Return the length in seconds below which a bout (or gap) counts as noise: the 1st percentile of those labelled.

    With fewer than 100 lengths, the smallest observed one lies above the 1st percentile, and as a minimum it would
    remove true bouts in other videos. Then a lower tolerance limit is used if it is smaller: the length that, for
    log-normally distributed lengths, 99 % of all bouts exceed with 75 % confidence (formula of Natrella, Experimental
    Statistics, 1963, section 2-4). With fewer than 5 lengths nothing is removed (0).
    """
    n = len(lengths)
    if n < FEW:
        return 0.0
    seen = float(np.percentile(lengths, 1, method="lower"))
    if n >= ENOUGH:
        return seen
    a = 1 - Z_75**2 / (2 * (n - 1))
    b = Z_99**2 - Z_75**2 / n
    factor = (Z_99 + np.sqrt(Z_99**2 - a * b)) / a
    logs = np.log(lengths)
    return min(seen, float(np.exp(logs.mean() - factor * logs.std(ddof=1))))


def fit_pooled(recordings: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> PooledThreshold | None:
    """Fit the threshold of one behavior on all recordings together.

    The threshold that is best on their frames is moved half way to 0.5 (in logits): what is best in some recordings
    is too far from 0.5 for others, and probabilities of a trained network say most about an unknown recording at 0.5.
    Left-out recordings and videos decided between this and other rules (docs/decisions/0004).

    Recordings disagree if with the threshold the F1 of one of them is more than `DISAGREEMENT` below its own best.

    Args:
        recordings: (N,) probabilities and labels (1, 0 or -1) of the frames of each recording; frames whose
            probability is NaN are ignored.

    Returns:
        The threshold; None if no frame with a probability is labelled 1.
    """
    known = {}
    for name, (probabilities, labels) in recordings.items():
        has = np.isfinite(probabilities)
        known[name] = probabilities[has], labels[has]
    if not known:
        return None
    pooled = fit_threshold(*(np.concatenate(parts) for parts in zip(*known.values(), strict=True)))
    if pooled is None:
        return None
    threshold = half_way(pooled.threshold)
    own = {name: fitted for name, frames in known.items() if (fitted := fit_threshold(*frames))}
    lost = [fitted.f1 - f1_at(threshold, *known[name]) for name, fitted in own.items()]
    return PooledThreshold(threshold, pooled, own, disagree=len(own) > 1 and max(lost) > DISAGREEMENT)


def half_way(threshold: float) -> float:
    """Return the threshold half way to 0.5 in logits."""
    logit = np.log(threshold / (1 - threshold))
    return float(1 / (1 + np.exp(-logit / 2)))


def f1_at(threshold: float, probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Return the F1 of one behavior at a threshold; frames labelled -1 are ignored, at least one must be labelled 1."""
    predicted = (probabilities >= threshold) & (labels >= 0)
    positive = labels == 1
    return float(2 * (predicted & positive).sum() / (predicted.sum() + positive.sum()))


@dataclass(frozen=True)
class FittingVideo:
    """A labelled video on which thresholds are fitted.

    Attributes:
        name: its name.
        recording: the recording it belongs to (camera, session).
        labels: its label table.
        manifest: its video.json.
        rate: frames per second of life, if the video table has them.
    """

    name: str
    recording: str
    labels: str | Path
    manifest: str | Path
    rate: float | None = None


def fit_thresholds(
    out_of_fold: str | Path,
    videos: Sequence[FittingVideo],
    output: str | Path,
    *,
    behaviors: Sequence[str],
    exclusive: bool,
) -> None:
    """Fit threshold, calibration, minimum bout and gap of each behavior on the videos for training and validation.

    Thresholds and calibrations are fitted on probabilities of models that did not see the video (see `fit_pooled` and
    `fit_calibrations`), minima on the labels. Where there are no such probabilities of a behavior, its threshold is
    0.5, its calibrated probabilities are those of the model, and notes say so. For exclusive behaviors there are no
    thresholds (the most probable one wins): they are null.

    Args:
        out_of_fold: probabilities of each video, float32 (T, K), as written by `train_sequence`.
        videos: the videos for training and validation.
        output: thresholds.json.
        behaviors: names, in the order of the columns.
        exclusive: at most one behavior at a time.

    Raises:
        InputError: if the files do not match.
    """
    probabilities = read_npz(out_of_fold)
    read = [_read_video(out_of_fold, probabilities, video, behaviors) for video in videos]
    if len(videos) < 2 and not exclusive:
        logger.warning("fewer than two labelled videos: thresholds stay at 0.5; label a second one to have them fitted")
    frames = [(video.probabilities, video.labels) for video in read]
    calibrations = fit_calibrations(frames, exclusive) or [None] * len(behaviors)
    errors = left_out_errors(frames, exclusive) or [None] * len(behaviors)
    content = {
        "exclusive": exclusive,
        "behaviors": {
            name: _fit_behavior(name, k, read, exclusive, calibrations[k], errors[k])
            for k, name in enumerate(behaviors)
        },
        "out_of_fold": file_digest(out_of_fold),
        "made_from": [
            {
                "video": video.name,
                "recording": video.recording,
                "frames_digest": facts.manifest.get("frames_digest"),
                "labels": file_digest(video.labels),
            }
            for video, facts in zip(videos, read, strict=True)
        ],
        "ethomake": __version__,
    }
    write_json(output, content)


@dataclass(frozen=True, eq=False)
class _Video:
    """Content of the files of a video: probabilities (T, K), labels (T, K), times of its frames."""

    recording: str
    probabilities: np.ndarray
    labels: np.ndarray
    manifest: dict
    clock: Clock


def _read_video(
    out_of_fold: str | Path, probabilities: Mapping[str, np.ndarray], video: FittingVideo, behaviors: Sequence[str]
) -> _Video:
    table, manifest = read_labels(video.labels, behaviors), read_json(video.manifest)
    values = probabilities.get(video.name)
    if values is None or values.shape != table.values.shape or len(values) != manifest["frames"]:
        shape = "nothing" if values is None else f"{values.shape[0]} frames of {values.shape[1]} behaviors"
        raise InputError(
            f"{out_of_fold}: has {shape} for {video.name}, but {video.labels} has {len(table.values)} rows of "
            f"{len(behaviors)}; delete both and run again"
        )
    return _Video(video.recording, values, table.values, manifest, frame_clock(manifest, video.rate))


def _fit_behavior(
    name: str,
    k: int,
    videos: Sequence[_Video],
    exclusive: bool,
    calibration: Calibration | None,
    error_after: float | None,
) -> dict:
    labels = [video.labels[:, k] for video in videos]
    bouts, gaps = (
        np.concatenate(
            [whole_lengths(video.labels[:, k], video.clock, value) for video in videos] or [np.zeros(0)],
        )
        for value in (1, 0)
    )
    pooled = np.concatenate(labels) if labels else np.zeros(0, np.int8)
    fitted, error, notes = None, None, []
    if not exclusive:
        frames: dict[str, list[_Video]] = {}
        for video in videos:
            frames.setdefault(video.recording, []).append(video)
        recordings = {
            recording: (
                np.concatenate([video.probabilities[:, k] for video in members]),
                np.concatenate([video.labels[:, k] for video in members]),
            )
            for recording, members in frames.items()
        }
        fitted = fit_pooled(recordings)
        if fitted is None:
            notes.append(ALONE)
            logger.warning(f"{name}: {ALONE}")
        elif fitted.disagree:
            notes.append(fitted.in_words())
            logger.warning(f"{name}: {fitted.in_words()}")
    if videos:
        error = calibration_error(np.concatenate([video.probabilities[:, k] for video in videos]), pooled)
    if calibration is None:
        notes.append(UNCALIBRATED)
        logger.info(f"{name}: {UNCALIBRATED}")
    applied = calibration or IDENTITY
    for lengths, what in ((bouts, "bouts"), (gaps, "gaps")):
        if len(lengths) < FEW:
            notes.append(f"{len(lengths)} whole {what} in the labels, {FEW} needed: none removed")
    minimum_bout = shortest(bouts)
    return {
        "threshold": None if exclusive else round(fitted.threshold, 6) if fitted else DEFAULT_THRESHOLD,
        "pooled": _rounded(fitted.pooled) if fitted else None,
        "recordings": {recording: _rounded(own) for recording, own in fitted.recordings.items()} if fitted else {},
        "disagree": bool(fitted and fitted.disagree),
        "calibration": {
            "slope": round(applied.slope, 6),
            "offset": round(applied.offset, 6),
            "fitted": calibration is not None,
        },
        "calibration_error": None if error is None else round(error, 6),
        # of each video with a calibration fitted on the others
        "calibration_error_after": None if error_after is None else round(error_after, 6),
        "frames": int((pooled >= 0).sum()),
        "positive_frames": int((pooled == 1).sum()),
        "minimum_bout_s": round(minimum_bout, 6),
        "bouts": len(bouts),
        # Gaps of a rare behavior can be minutes long. Closing one must not add more of the behavior than its shortest
        # bout, or a few false frames grow into a long bout.
        "minimum_gap_s": round(min(shortest(gaps), minimum_bout), 6),
        "gaps": len(gaps),
        "notes": notes,
    }


def _rounded(fitted: FittedThreshold) -> dict:
    return {
        "threshold": round(fitted.threshold, 6),
        "plateau": [round(value, 6) for value in fitted.plateau],
        "f1": round(fitted.f1, 6),
    }
