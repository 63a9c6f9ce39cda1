"""Thresholds, and the shortest bout and gap of each behavior, fitted on the validation videos."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ethomake import __version__
from ethomake.errors import InputError
from ethomake.files import file_digest, read_json, read_npy, write_json
from ethomake.ingest.times import frame_edges
from ethomake.labels.bouts import find_bouts
from ethomake.labels.table import read_labels

logger = logging.getLogger(__name__)

GRID = (np.arange(200) + 0.5) / 200
"""The thresholds that are tried."""

TOLERANCE = 0.01
"""F1 this close to the best counts as equally good: a validation part cannot tell them apart."""

DEFAULT_THRESHOLD = 0.5

FEW, ENOUGH = 5, 100
"""Below `FEW` lengths no minimum is fitted; from `ENOUGH` on, the 1st percentile is read from the data alone."""

Z_75, Z_99 = 0.6745, 2.3263
"""Quantiles of the normal distribution."""


@dataclass(frozen=True)
class FittedThreshold:
    """A threshold, the plateau of equally good ones around it, and its F1 on the validation videos."""

    threshold: float
    plateau: tuple[float, float]
    f1: float


def fit_threshold(probabilities: np.ndarray, labels: np.ndarray) -> FittedThreshold | None:
    """Find the threshold of one behavior that gives the best F1, on a grid of 200.

    F1 as a function of the threshold is a step function: many values are equally good. The one that generalizes best
    to other videos is the one farthest from both ends of its step, so the middle of the widest run of thresholds whose
    F1 lies within `TOLERANCE` of the best is returned, not the first of them.

    Args:
        probabilities: (N,), frames of all validation videos.
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


def whole_lengths(labels: np.ndarray, edges: np.ndarray, value: int) -> np.ndarray:
    """Return the lengths in seconds of the runs of `value` (1: bouts, 0: gaps) of which both ends were observed.

    A bout that touches the video's ends or frames that were not scored is truncated, so its length is unknown. A gap
    lies between two bouts of the same behavior.

    Args:
        labels: (T,), 1, 0 or -1 of one behavior.
        edges: (T + 1,), see `frame_edges`.
        value: 1 or 0.
    """
    runs = find_bouts(labels == value)
    inside = runs[(runs[:, 0] > 0) & (runs[:, 1] < len(labels))]
    whole = (labels[inside[:, 0] - 1] == 1 - value) & (labels[inside[:, 1]] == 1 - value)
    return edges[inside[whole, 1]] - edges[inside[whole, 0]]


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


def fit_thresholds(
    validate: Sequence[tuple[str | Path, str | Path, str | Path]],
    output: str | Path,
    *,
    behaviors: Sequence[str],
    exclusive: bool,
) -> None:
    """Fit threshold, minimum bout and minimum gap of each behavior on the validation videos.

    If the validation videos have no positive frame of a behavior, its threshold is 0.5 and a note says so. For
    exclusive behaviors there are no thresholds (the most probable one wins): they are null.

    Args:
        validate: (probabilities.npy float32 (T, K), labels.csv, video.json) of each validation video.
        output: thresholds.json.
        behaviors: names, in the order of the columns.
        exclusive: at most one behavior at a time.

    Raises:
        InputError: if the files do not match.
    """
    videos = [_read_video(*files, behaviors) for files in validate]
    if not videos:
        logger.warning("no validation video: thresholds stay at 0.5 and no bout is cleaned away")
    content = {
        "exclusive": exclusive,
        "behaviors": {name: _fit_behavior(name, k, videos, exclusive) for k, name in enumerate(behaviors)},
        "made_from": [
            {
                "video": manifest["video"],
                "frames_digest": manifest.get("frames_digest"),
                "probabilities": file_digest(files[0]),
                "labels": file_digest(files[1]),
            }
            for files, (_, _, manifest) in zip(validate, videos, strict=True)
        ],
        "ethomake": __version__,
    }
    write_json(output, content)


def _read_video(
    probabilities: str | Path, labels: str | Path, manifest: str | Path, behaviors: Sequence[str]
) -> tuple[np.ndarray, np.ndarray, dict]:
    table, facts = read_labels(labels, behaviors), read_json(manifest)
    values = read_npy(probabilities)
    if values.shape != table.values.shape or len(values) != facts["frames"]:
        raise InputError(
            f"{probabilities}: {values.shape[0]} frames of {values.shape[1]} behaviors, but {labels} has "
            f"{len(table.values)} rows of {len(behaviors)}; delete both and run again"
        )
    return values, table.values, facts


def _fit_behavior(name: str, k: int, videos: list, exclusive: bool) -> dict:
    labels = [labels[:, k] for _, labels, _ in videos]
    edges = [frame_edges(manifest) for _, _, manifest in videos]
    bouts, gaps = (
        np.concatenate([whole_lengths(*video, value) for video in zip(labels, edges, strict=True)] or [np.zeros(0)])
        for value in (1, 0)
    )
    pooled = np.concatenate(labels) if labels else np.zeros(0, np.int8)
    fitted, notes = None, []
    if not exclusive:
        probabilities = [values[:, k] for values, _, _ in videos]
        fitted = fit_threshold(np.concatenate(probabilities), pooled) if videos else None
        if fitted is None:
            notes.append("no positive frame in the validation videos: threshold 0.5 was not fitted")
            logger.warning(f"{name}: no positive frame in the validation videos; its threshold stays at 0.5")
    for lengths, what in ((bouts, "bouts"), (gaps, "gaps")):
        if len(lengths) < FEW:
            notes.append(f"{len(lengths)} whole {what} in the validation videos, {FEW} needed: none removed")
    minimum_bout = shortest(bouts)
    return {
        "threshold": None if exclusive else round(fitted.threshold, 6) if fitted else DEFAULT_THRESHOLD,
        "plateau": [round(value, 6) for value in fitted.plateau] if fitted else None,
        "validation_f1": round(fitted.f1, 6) if fitted else None,
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
