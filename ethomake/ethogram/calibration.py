"""Calibrated probabilities: of the frames that are given .7, about .7 show the behavior.

They are reported beside the probabilities of the model. Decisions are made without them (docs/decisions/0004).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import starmap
from pathlib import Path
from typing import Any

import numpy as np

from ethomake.errors import InputError
from ethomake.ethogram.reliability import calibration_error
from ethomake.labels.bouts import find_scored_bouts
from ethomake.labels.table import background

SMALLEST = 1e-6
"""Probabilities are kept this far from 0 and 1; predictions have six decimals."""

SLOPE_SPREAD, OFFSET_SPREAD = 0.5, 1.0
"""Standard deviations of the Gaussian prior around slope 1 and offset 0."""

FRAMES_OF_A_VIDEO = 8
"""A video says at most as much as so many independent frames of the rarer label."""

FLATTEST = 0.1
"""The slope is at least this, so that the order of frames stays."""

STEPS, CLOSE = 100, 1e-9
"""Of Newton's method: at most so many; it ends where no parameter moves farther."""

Frames = tuple[np.ndarray, np.ndarray]
"""Probabilities and labels (1, 0 or -1) of a video: (T, K) each."""


Objective = tuple[float, np.ndarray, np.ndarray]
"""Of a minimization: value, gradient (P,) and curvature (P, P)."""


@dataclass(frozen=True)
class Calibration:
    """The logit of the calibrated probability is `slope` times that of the model, plus `offset`."""

    slope: float = 1.0
    offset: float = 0.0


IDENTITY = Calibration()
"""Leaves probabilities as they are."""


def calibrate(probabilities: np.ndarray, calibrations: Sequence[Calibration], exclusive: bool) -> np.ndarray:
    """Return calibrated probabilities.

    Args:
        probabilities: (T, K).
        calibrations: one of each behavior; the same for all if they are exclusive.
        exclusive: at most one behavior at a time; then log probabilities, with background (1 minus the sum of the
            others), are multiplied by the slope, and made to sum to 1.

    Returns:
        float64 (T, K); NaN where the probability is NaN.
    """
    values = np.array(probabilities, np.float64)
    if exclusive:
        if values.shape[1] and calibrations[0] != IDENTITY:
            values = _softmax(calibrations[0].slope * _log_probabilities(values))[:, 1:]
        return values
    for k, own in enumerate(calibrations):
        if own != IDENTITY:
            values[:, k] = _sigmoid(own.slope * _logits(values[:, k]) + own.offset)
    return values


def fit_calibrations(videos: Sequence[Frames], exclusive: bool) -> list[Calibration | None]:
    """Fit how the probabilities of each behavior are calibrated, on videos that the model has not seen.

    Each behavior has a slope and an offset (Platt 1999, Advances in Large Margin Classifiers; written with logits, as
    by Guo et al. 2017, ICML); exclusive behaviors share one slope (their temperature scaling).

    The fit is penalized: the likelihood is multiplied by a Gaussian prior around slope 1 and offset 0. Frames next to
    each other say the same, and so do the bouts of one animal before one camera. Taken for independent, they would
    drown the prior, and where a rare behavior is hardly separated the fit would be arbitrary. So the logarithm of the
    likelihood is scaled: all frames with the rarer label (of exclusive behaviors: without the commonest one) together
    count like as many independent frames as there are runs of them, but like at most `FRAMES_OF_A_VIDEO` for each
    video that has them. A run goes on over a few ignored frames (`find_scored_bouts`). All frames have the same weight,
    so that the share of positive ones stays what it is.

    Args:
        videos: probabilities and labels of each video; frames without a probability (NaN) or label (-1) are ignored.
        exclusive: at most one behavior at a time.

    Returns:
        One of each behavior; None where the frames do not show both labels, so that nothing can be fitted.
    """
    if not videos:
        return []
    behaviors = videos[0][1].shape[1]
    if exclusive:
        return [_fit_slope(videos)] * behaviors
    return [_fit_line([(values[:, k], labels[:, k]) for values, labels in videos]) for k in range(behaviors)]


def left_out_errors(videos: Sequence[Frames], exclusive: bool) -> list[float | None]:
    """Return the calibration error of each behavior after calibration, fitted for each video on the others only.

    Where the others do not suffice for a fit, the probabilities of the video stay as they are.

    Args:
        videos: as in `fit_calibrations`.
        exclusive: at most one behavior at a time.

    Returns:
        The error of all frames together (see `calibration_error`); None where none has a probability and a label.
    """
    if not videos:
        return []
    values = []
    for n, (own, _) in enumerate(videos):
        fitted = fit_calibrations([*videos[:n], *videos[n + 1 :]], exclusive) or [None] * own.shape[1]
        values.append(calibrate(own, [each or IDENTITY for each in fitted], exclusive))
    pooled, labels = np.concatenate(values), np.concatenate([each for _, each in videos])
    return list(starmap(calibration_error, zip(pooled.T, labels.T, strict=True)))


def read_calibration(path: str | Path, behavior: str, fitted: Mapping[str, Any]) -> Calibration:
    """Return the calibration of a behavior; files of earlier versions have none, and leave probabilities as they are.

    Args:
        path: thresholds.json, for messages.
        behavior: its name.
        fitted: what the file says about the behavior.

    Raises:
        InputError: if slope or offset is not a number, or the slope is not positive.
    """
    own = fitted.get("calibration")
    if own is None:
        return IDENTITY
    try:
        found = Calibration(float(own["slope"]), float(own["offset"]))
    except (KeyError, TypeError, ValueError):
        found = Calibration(np.nan, np.nan)
    if not (np.isfinite(found.offset) and 0 < found.slope < np.inf):
        raise InputError(
            f"{path}: calibration of {behavior} is {own!r}, which must have a positive slope and an offset; delete the "
            "file and run again, or take the bundle anew"
        )
    return found


def _fit_line(videos: Sequence[Frames]) -> Calibration | None:
    """Fit slope and offset of one behavior; probabilities and labels are (T,)."""
    classes = [np.where(np.isfinite(values), labels, -1) for values, labels in videos]
    weight = _weight(classes)
    if weight is None:
        return None
    place = np.concatenate(classes)
    z, y = _logits(np.concatenate([values for values, _ in videos])[place >= 0]), place[place >= 0] == 1

    def objective(at: np.ndarray) -> Objective:
        x = at[0] * z + at[1]
        q = _sigmoid(x)
        error, curve = q - y, q * (1 - q)
        mixed = curve @ z
        return (
            weight * float((np.logaddexp(0, x) - y * x).sum()),
            weight * np.array([error @ z, error.sum()]),
            weight * np.array([[(curve * z) @ z, mixed], [mixed, curve.sum()]]),
        )

    slope, offset = _fit_penalized(objective, 2)
    return Calibration(slope, offset)


def _fit_slope(videos: Sequence[Frames]) -> Calibration | None:
    """Fit the one slope of exclusive behaviors; probabilities and labels are (T, K)."""
    classes = [_classes(*frames) for frames in videos]
    weight = _weight(classes)
    if weight is None:
        return None
    place = np.concatenate(classes)
    known = place >= 0
    z, place = _log_probabilities(np.concatenate([values for values, _ in videos])[known]), place[known]
    true = np.take_along_axis(z, place[:, None], axis=1)[:, 0]

    def objective(at: np.ndarray) -> Objective:
        q = _softmax(at[0] * z)
        mean = (q * z).sum(axis=1)
        likelihood = np.log(np.take_along_axis(q, place[:, None], axis=1)).sum()
        spread = (q * (z - mean[:, None]) ** 2).sum()
        return -weight * float(likelihood), weight * np.array([(mean - true).sum()]), weight * np.array([[spread]])

    return Calibration(*_fit_penalized(objective, 1))


def _classes(values: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return which of exclusive behaviors each frame shows: (T,), 0 for background, -1 if that is not known."""
    empty = background(labels)
    known = (empty >= 0) & np.isfinite(values).all(axis=1)
    return np.where(known, np.where(empty == 1, 0, 1 + np.argmax(labels == 1, axis=1)), -1)


def _weight(classes: Sequence[np.ndarray]) -> float | None:
    """Return how many independent frames a frame counts for (see `fit_calibrations`); None with fewer than two classes.

    Args:
        classes: (T,) of each video, -1 where it is unknown.
    """
    counts = np.bincount(np.concatenate(classes) + 1)[1:]
    if (counts > 0).sum() < 2:
        return None
    commonest = int(np.argmax(counts))
    rarer = [k for k in np.flatnonzero(counts) if k != commonest]
    runs = [sum(len(find_scored_bouts(own == k, own >= 0)) for k in rarer) for own in classes]
    videos = sum(number > 0 for number in runs)
    return min(sum(runs), FRAMES_OF_A_VIDEO * videos) / float(counts[rarer].sum())


def _fit_penalized(objective: Callable[[np.ndarray], Objective], parameters: int) -> list[float]:
    """Return slope (and offset) that minimize the objective and the penalty, the slope at least `FLATTEST`."""
    center = np.array([1.0, 0.0])[:parameters]
    precision = np.array([SLOPE_SPREAD, OFFSET_SPREAD])[:parameters] ** -2

    def penalized(at: np.ndarray) -> Objective:
        loss, gradient, curvature = objective(at)
        away = at - center
        return (
            loss + float(precision @ away**2) / 2,
            gradient + precision * away,
            curvature + np.diag(precision),
        )

    found = _minimize(penalized, center)
    if found[0] < FLATTEST:
        # convex, so the best point of those allowed lies on the border

        def along(rest: np.ndarray) -> Objective:
            loss, gradient, curvature = penalized(np.append(FLATTEST, rest))
            return loss, gradient[1:], curvature[1:, 1:]

        found = np.append(FLATTEST, _minimize(along, found[1:]))
    return [float(value) for value in found]


def _minimize(objective: Callable[[np.ndarray], Objective], start: np.ndarray) -> np.ndarray:
    """Minimize a convex function by Newton's method; a step that does not reach lower is halved."""
    at, (loss, gradient, curvature) = start, objective(start)
    for _ in range(STEPS if len(start) else 0):
        step = np.linalg.solve(curvature, gradient)
        while np.abs(step).max() > CLOSE:
            there = objective(at - step)
            if there[0] <= loss:
                break
            step = step / 2
        else:
            return at
        at, (loss, gradient, curvature) = at - step, there
    return at


def _logits(probabilities: np.ndarray) -> np.ndarray:
    values = np.clip(probabilities.astype(np.float64), SMALLEST, 1 - SMALLEST)
    return np.log(values) - np.log1p(-values)


def _sigmoid(logits: np.ndarray) -> np.ndarray:
    return np.exp(-np.logaddexp(0, -logits))


def _log_probabilities(probabilities: np.ndarray) -> np.ndarray:
    """Return the logarithms of the probabilities (T, K) of exclusive behaviors, background first: (T, K + 1)."""
    values = probabilities.astype(np.float64)
    return np.log(np.maximum(np.column_stack([1 - values.sum(axis=1), values]), SMALLEST))


def _softmax(logits: np.ndarray) -> np.ndarray:
    values = np.exp(logits - logits.max(axis=1, keepdims=True))
    return values / values.sum(axis=1, keepdims=True)
