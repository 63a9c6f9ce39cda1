"""A video with the labels of a human and the predictions of the model, frame by frame."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ethomake.errors import InputError
from ethomake.ethogram.tables import read_predictions
from ethomake.files import read_json
from ethomake.ingest.times import frame_clock
from ethomake.labels.table import read_labels


@dataclass(frozen=True)
class ScoredVideo:
    """The labels of the human and the predictions of the model for a video.

    Attributes:
        name: name of the video.
        labels: int8 (T, K), 1, 0 or -1.
        decisions: int8 (T, K), 1 or 0.
        probabilities: float64 (T, K).
        calibrated: float64 (T, K), calibrated probabilities.
        edges: float64 (T + 1,), times in seconds at which frames begin and the last one ends, as `Clock.filmed`.
        breaks: int64 (G,), first frames after times in which nothing was filmed.
    """

    name: str
    labels: np.ndarray
    decisions: np.ndarray
    probabilities: np.ndarray
    calibrated: np.ndarray
    edges: np.ndarray
    breaks: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))


Files = tuple[str | Path, str | Path, str | Path]
"""Predictions CSV, labels CSV, video.json."""


def read_scored_video(files: Files, behaviors: Sequence[str], rates: Mapping[str, float] | None = None) -> ScoredVideo:
    """Read the labels and predictions of a video.

    Args:
        files: its predictions, labels and video.json.
        behaviors: names, in order.
        rates: frames per second of life of videos, where the video table has them.

    Raises:
        InputError: if the files do not match each other or the behaviors.
    """
    predictions, labels, manifest = files
    facts, model, human = read_json(manifest), read_predictions(predictions, behaviors), read_labels(labels, behaviors)
    if not len(human.values) == len(model.decisions) == facts["frames"]:
        raise InputError(
            f"{predictions}: {len(model.decisions)} rows, but {labels} has {len(human.values)} and the video "
            f"{facts['frames']} frames; delete both and run again"
        )
    clock = frame_clock(facts, (rates or {}).get(facts["video"]))
    return ScoredVideo(
        *(facts["video"], human.values, model.decisions, model.probabilities, model.calibrated),
        *(clock.filmed, clock.breaks),
    )
