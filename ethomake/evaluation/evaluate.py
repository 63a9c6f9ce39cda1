"""Evaluation on the test videos, on which nothing was fitted."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ethomake import __version__
from ethomake.errors import InputError
from ethomake.ethogram.reliability import BINS, calibration
from ethomake.ethogram.tables import write_table
from ethomake.evaluation.chance import METRICS as CHANCE_METRICS
from ethomake.evaluation.chance import shifted_metrics, summarize_shifts
from ethomake.evaluation.metrics import (
    METRICS,
    Counts,
    behavior_metrics,
    confusion_matrix,
    count_frames,
    macro_metrics,
    micro_metrics,
    precision_recall_curve,
)
from ethomake.evaluation.videos import Files, ScoredVideo, read_scored_video
from ethomake.files import file_digest, read_json, write_json
from ethomake.labels.bouts import find_scored_bouts
from ethomake.labels.table import BACKGROUND, background

logger = logging.getLogger(__name__)

COUNTS = ("true_positive", "false_positive", "false_negative", "true_negative")
BOUT_COLUMNS = (
    *("video", "behavior", "scored_s"),
    *("human_time_share", "model_time_share", "human_bouts", "model_bouts"),
    *("human_mean_duration_s", "model_mean_duration_s"),
)
CURVE_COLUMNS = ("behavior", "threshold", "recall", "precision")
CALIBRATION_COLUMNS = ("behavior", "from", "to", "mean_probability", "labelled_share", "frames")

POINTS = 1000
"""Of a curve, at most about so many: more than a figure can show."""


def _check_unseen(test: Sequence[str | Path], learned: Sequence[str | Path], part: str) -> None:
    """Raise InputError if a video to be evaluated is a copy of a video that something was fitted on."""
    seen = {facts["frames_digest"]: facts["video"] for facts in map(read_json, learned)}
    for facts in map(read_json, test):
        if twin := seen.get(facts.get("frames_digest")):
            raise InputError(
                f"{facts['video']} is a {part} video, but its frames are those of {twin}, which trains or validates, "
                "so a score on it would say nothing; remove one of the two, or give both one part (and train again)"
            )


def evaluate(
    test: Sequence[Files],
    folder: str | Path,
    *,
    behaviors: Sequence[str],
    chance_shifts: int,
    seed: int,
    learned: Sequence[str | Path] = (),
    rates: Mapping[str, float] | None = None,
    part: str = "test",
) -> None:
    """Compare predictions with labels on the test videos and write `TABLES` of ethomake.evaluation.files.

    Overall metrics are over the behaviors without background: `macro` is the mean of the behaviors' metrics, `micro`
    pools all scored cells. Undefined metrics are null in JSON and empty in CSV. Without test videos all are.

    - metrics.json: all metrics, with chance and provenance.
    - metrics.csv: one row per behavior, then background, macro and micro.
    - per_video.csv: the same rows for each video, without chance.
    - precision_recall.csv: precision and recall of each behavior at decreasing thresholds; none if it has no positive
      frame.
    - calibration.csv: share of frames labelled with a behavior, in ten bins of its probability.
    - confusion.csv: matrix of the behaviors scored in any test video, human in rows, model in columns; see
      `confusion_matrix`.
    - bout_statistics.csv: time share, number and mean duration of bouts, human and model, of each video.

    Args:
        test: predictions CSV, labels CSV and video.json of each test video.
        folder: folder to write the tables to.
        behaviors: names, in order.
        chance_shifts: number of circular shifts of the labels for the chance level.
        seed: seed of the shifts.
        learned: video.json of the videos that networks were trained or thresholds were fitted on.
        rates: frames per second of life of videos, where the video table has them.
        part: what these videos are called: test or check videos.

    Raises:
        InputError: if a test video has the same frames as one of `learned`: its score would be meaningless.
    """
    folder = Path(folder)
    _check_unseen([files[2] for files in test], learned, part)
    videos = [read_scored_video(files, behaviors, rates) for files in test]
    if not videos:
        logger.warning(f"no {part} video with labels: nothing can be evaluated, the tables stay empty")
    whole = _evaluate_frames(videos, behaviors)
    chance = _evaluate_chance(videos, behaviors, chance_shifts, seed)
    content = whole | {
        "chance": chance,
        "videos": [video.name for video in videos],
        "made_from": [
            {"video": video.name, "predictions": file_digest(files[0]), "labels": file_digest(files[1])}
            for video, files in zip(videos, test, strict=True)
        ],
        "ethomake": __version__,
    }
    write_json(folder / "metrics.json", _null(content))
    chance_columns = [f"chance_{name}_{what}" for name in CHANCE_METRICS for what in ("mean", "p95")]
    rows = []
    for name, numbers in _named_rows(whole):
        by_chance = chance["behaviors"].get(name) or (chance["macro"] if name == "macro" else {})
        row = [name, *_cells(numbers)]
        row += [by_chance.get(metric, {}).get(what) for metric in CHANCE_METRICS for what in ("mean", "p95")]
        rows.append(_null(row))
    columns = ["behavior", "frames", "positive_frames", *METRICS, *COUNTS]
    write_table(folder / "metrics.csv", [*columns, *chance_columns], rows)
    per_video = [
        _null([video.name, name, *_cells(numbers)])
        for video in videos
        for name, numbers in _named_rows(whole if len(videos) == 1 else _evaluate_frames([video], behaviors))
    ]
    write_table(folder / "per_video.csv", ["video", *columns], per_video)
    labels, decisions, probabilities, _ = _pool(videos, len(behaviors))
    write_table(folder / "precision_recall.csv", CURVE_COLUMNS, _curves(labels, probabilities, behaviors))
    write_table(folder / "calibration.csv", CALIBRATION_COLUMNS, _calibrations(labels, probabilities, behaviors))
    # a behavior that no test video is scored for would leave no frame to count
    known = np.asarray((labels >= 0).any(axis=0))
    names = [*(name for name, scored in zip(behaviors, known, strict=True) if scored), BACKGROUND]
    matrix = confusion_matrix(labels[:, known], decisions[:, known])
    write_table(
        folder / "confusion.csv", ["human", *names], ([name, *row] for name, row in zip(names, matrix, strict=True))
    )
    write_table(folder / "bout_statistics.csv", BOUT_COLUMNS, bout_statistics(videos, behaviors))


def _pool(videos: Sequence[ScoredVideo], behaviors: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return labels, decisions, probabilities and calibrated probabilities of all frames of all videos."""
    nothing = np.zeros((0, behaviors))
    return (
        np.concatenate([nothing.astype(np.int8), *(video.labels for video in videos)]),
        np.concatenate([nothing.astype(np.int8), *(video.decisions for video in videos)]),
        np.concatenate([nothing, *(video.probabilities for video in videos)]),
        np.concatenate([nothing, *(video.calibrated for video in videos)]),
    )


def _evaluate_frames(videos: Sequence[ScoredVideo], behaviors: Sequence[str]) -> dict[str, Any]:
    labels, decisions, probabilities, calibrated = _pool(videos, len(behaviors))
    metrics = behavior_metrics(labels, decisions, probabilities, calibrated)
    counts = count_frames(labels, decisions)
    empty, off = background(labels)[:, None], background(decisions)[:, None]
    empty_metrics, empty_counts = behavior_metrics(empty, off, None), count_frames(empty, off)
    return {
        "behaviors": {name: _numbers(metrics, counts, k) for k, name in enumerate(behaviors)},
        BACKGROUND: _numbers(empty_metrics, empty_counts, 0),
        "macro": macro_metrics(metrics),
        "micro": micro_metrics(labels, decisions, probabilities, calibrated),
    }


def _numbers(metrics: Mapping[str, np.ndarray], counts: Counts, k: int) -> dict[str, float | int]:
    own = {name: int(getattr(counts, name)[k]) for name in COUNTS}
    return {
        "frames": sum(own.values()),
        "positive_frames": own["true_positive"] + own["false_negative"],
        **{name: float(metrics[name][k]) for name in METRICS},
        **own,
    }


def _named_rows(content: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    overall = [(name, content[name]) for name in (BACKGROUND, "macro", "micro")]
    return [*content["behaviors"].items(), *overall]


def _cells(numbers: Mapping[str, Any]) -> list[Any]:
    return [numbers.get(name) for name in ("frames", "positive_frames", *METRICS, *COUNTS)]


def _curves(labels: np.ndarray, probabilities: np.ndarray, behaviors: Sequence[str]) -> Iterator[list[Any]]:
    for k, name in enumerate(behaviors):
        threshold, recall, precision = precision_recall_curve(probabilities[:, k], labels[:, k])
        for point in thin(recall):
            yield [name, threshold[point], recall[point], precision[point]]


def thin(values: np.ndarray, most: int = POINTS) -> np.ndarray:
    """Return positions of about `most` of the increasing `values` (N,) in 0 to 1: evenly spaced in value and in N."""
    if len(values) <= most:
        return np.arange(len(values))
    even = np.linspace(0, len(values) - 1, most // 2).astype(int)
    steps = np.searchsorted(values, np.linspace(0, 1, most // 2)).clip(max=len(values) - 1)
    return np.union1d(even, steps)


def _calibrations(labels: np.ndarray, probabilities: np.ndarray, behaviors: Sequence[str]) -> Iterator[list[Any]]:
    for k, name in enumerate(behaviors):
        bins = zip(*calibration(probabilities[:, k], labels[:, k]), strict=True)
        for number, (mean, share, frames) in enumerate(bins):
            yield _null([name, number / BINS, (number + 1) / BINS, float(mean), float(share), int(frames)])


def _evaluate_chance(videos: Sequence[ScoredVideo], behaviors: Sequence[str], shifts: int, seed: int) -> dict[str, Any]:
    about: dict[str, Any] = {"shifts": shifts, "seed": seed, "behaviors": {}, "macro": {}}
    if not videos or not shifts:
        return about
    found = shifted_metrics(videos, shifts, seed)
    about["behaviors"] = {
        name: {metric: summarize_shifts(found[metric][:, k]) for metric in CHANCE_METRICS}
        for k, name in enumerate(behaviors)
    }
    means = {metric: [macro_metrics({metric: row})[metric] for row in found[metric]] for metric in CHANCE_METRICS}
    about["macro"] = {metric: summarize_shifts(np.array(means[metric])) for metric in CHANCE_METRICS}
    return about


def bout_statistics(videos: Sequence[ScoredVideo], behaviors: Sequence[str]) -> list[list[Any]]:
    """Return the rows of bout_statistics.csv: time share, number and mean duration of bouts, human and model.

    Only scored frames count, for the model, too: its predictions on unscored frames are ignored. Time shares are those
    of the scored time. A bout may go on over a short stretch of unscored frames, which is then part of its duration
    (`find_scored_bouts`); of one that continues into a longer stretch, or beyond the video, what was scored counts as
    a bout. A behavior that was not scored in a video has no row for it.
    """
    rows = []
    for video in videos:
        for k, name in enumerate(behaviors):
            scored = video.labels[:, k] >= 0
            seconds = float(np.diff(video.edges)[scored].sum())
            if seconds > 0:
                human, model = (
                    _bout_numbers(values[:, k] == 1, scored, video) for values in (video.labels, video.decisions)
                )
                pairs = [value for pair in zip(human, model, strict=True) for value in pair]
                rows.append([video.name, name, seconds, *pairs])
    return rows


def _bout_numbers(on: np.ndarray, scored: np.ndarray, video: ScoredVideo) -> tuple[float, int, float | None]:
    seconds = np.diff(video.edges)
    starts, stops = find_scored_bouts(on, scored, video.breaks).T
    lengths = video.edges[stops] - video.edges[starts]
    share = float(seconds[on & scored].sum() / seconds[scored].sum())
    return share, len(lengths), float(lengths.mean()) if len(lengths) else None


def _null(content: Any) -> Any:
    """Return `content` with None for NaN, and floats rounded to 6 decimals."""
    if isinstance(content, dict):
        return {key: _null(value) for key, value in content.items()}
    if isinstance(content, list):
        return [_null(value) for value in content]
    if isinstance(content, float):
        return None if np.isnan(content) else round(content, 6)
    return content
