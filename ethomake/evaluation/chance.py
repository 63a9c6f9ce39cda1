"""The agreement expected by chance."""

from collections.abc import Sequence

import numpy as np

from ethomake.evaluation.metrics import average_precision, count_frames, decision_metrics, rank
from ethomake.evaluation.videos import ScoredVideo
from ethomake.messages import track

METRICS = ("f1", "average_precision", "accuracy")

APART = 20
"""Labels are moved by at least a twentieth of the video either way, so that a shift does not meet its own bouts."""


def shifted_metrics(videos: Sequence[ScoredVideo], shifts: int, seed: int) -> dict[str, np.ndarray]:
    """Return metrics of predictions against labels shifted in time: float64 (shifts, K) each.

    Each shift is circular and moves the labels of every video, unscored frames included, by its own random number of
    frames. This keeps how long and how often behaviors occur, in the labels and in the predictions, and breaks only
    the relation between the two.

    Args:
        videos: the test videos.
        shifts: number of shifts.
        seed: seed of the random numbers.
    """
    behaviors = videos[0].labels.shape[1]
    decisions = np.concatenate([video.decisions for video in videos])
    rankings = [rank(np.concatenate([video.probabilities[:, k] for video in videos])) for k in range(behaviors)]
    random = np.random.default_rng(seed)
    metrics = {name: np.full((shifts, behaviors), np.nan) for name in METRICS}
    for n in track(range(shifts), shifts, "chance", "shifts"):
        labels = np.concatenate([_shift(video.labels, random) for video in videos])
        found = decision_metrics(count_frames(labels, decisions))
        metrics["f1"][n], metrics["accuracy"][n] = found["f1"], found["accuracy"]
        metrics["average_precision"][n] = [average_precision(rankings[k], labels[:, k]) for k in range(behaviors)]
    return metrics


def _shift(labels: np.ndarray, random: np.random.Generator) -> np.ndarray:
    frames = len(labels)
    least = frames // APART
    return np.roll(labels, int(random.integers(least, frames - least, endpoint=True)), axis=0)


def summarize_shifts(values: np.ndarray) -> dict[str, float]:
    """Return mean and 95th percentile of the finite ones among `values` (shifts,); NaN if there are none."""
    values = values[np.isfinite(values)]
    if not values.size:
        return {"mean": float("nan"), "p95": float("nan")}
    return {"mean": float(values.mean()), "p95": float(np.percentile(values, 95))}
