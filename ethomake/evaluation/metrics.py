"""Metrics of the agreement of predictions with labels, frame by frame.

All functions take frames as rows and behaviors as columns, mask frames that were not scored (-1) per behavior, and
return NaN for undefined metrics: those that need a positive label if there is none, and precision if nothing was
predicted.
"""

from dataclasses import dataclass

import numpy as np

from ethomake.ethogram.reliability import calibration_error
from ethomake.labels.table import background

PROBABILISTIC = ("brier", "calibration_error")

METRICS = (
    *("precision", "recall", "f1", "average_precision", "auroc", "accuracy", "kappa"),
    *PROBABILISTIC,
    *(f"{name}_calibrated" for name in PROBABILISTIC),
)
"""Names that end in `_calibrated` are those of the calibrated probabilities."""


@dataclass(frozen=True)
class Counts:
    """Number of frames per behavior, by label of the human and decision of the model: int64 (K,) each."""

    true_positive: np.ndarray
    false_positive: np.ndarray
    false_negative: np.ndarray
    true_negative: np.ndarray


def count_frames(labels: np.ndarray, decisions: np.ndarray) -> Counts:
    """Count the scored frames.

    Args:
        labels: (T, K), 1, 0 or -1.
        decisions: (T, K), 1 or 0.
    """
    on, off, said = labels == 1, labels == 0, decisions == 1
    return Counts((on & said).sum(0), (off & said).sum(0), (on & ~said).sum(0), (off & ~said).sum(0))


def divide(top: np.ndarray, bottom: np.ndarray) -> np.ndarray:
    """Return `top / bottom`, NaN where `bottom` is 0."""
    top, bottom = np.asarray(top, float), np.asarray(bottom, float)
    return np.divide(top, bottom, out=np.full(np.broadcast(top, bottom).shape, np.nan), where=bottom != 0)


def decision_metrics(counts: Counts) -> dict[str, np.ndarray]:
    """Return precision, recall, F1, accuracy and Cohen's kappa from counts: float64 (K,) each.

    Kappa is not defined if human and model both use only one and the same value.
    """
    tp, fp, fn, tn = counts.true_positive, counts.false_positive, counts.false_negative, counts.true_negative
    positive, said, total = tp + fn, tp + fp, (tp + fp + fn + tn).astype(float)
    accuracy = divide(tp + tn, total)
    agree = divide(positive * said + (total - positive) * (total - said), total * total)
    return {
        "precision": divide(tp, said),
        "recall": divide(tp, positive),
        "f1": np.where(positive > 0, divide(2 * tp, 2 * tp + fp + fn), np.nan),
        "accuracy": accuracy,
        "kappa": divide(accuracy - agree, 1 - agree),
    }


@dataclass(frozen=True)
class Ranking:
    """The frames of one behavior in order of decreasing probability; equal probabilities form one step.

    Attributes:
        order: (N,) positions of the frames.
        steps: (S,) in `order`, the last position of each step.
        probabilities: (S,) of each step.
    """

    order: np.ndarray
    steps: np.ndarray
    probabilities: np.ndarray


def rank(probabilities: np.ndarray) -> Ranking:
    """Rank the frames of one behavior, (N,)."""
    order = np.argsort(-probabilities)  # the order within a step is irrelevant: only whole steps are counted
    ordered = probabilities[order]
    steps = np.append(np.flatnonzero(np.diff(ordered)), len(ordered) - 1) if len(ordered) else np.zeros(0, int)
    return Ranking(order, steps, ordered[steps])


def ranked_counts(ranking: Ranking, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return counts of positive and negative frames up to each step: float64 (S,) each; `labels` (N,) may hold -1."""
    ordered = labels[ranking.order]
    return (
        np.cumsum(ordered == 1, dtype=float)[ranking.steps],
        np.cumsum(ordered == 0, dtype=float)[ranking.steps],
    )


def average_precision(ranking: Ranking, labels: np.ndarray) -> float:
    """Return the mean precision over the positives in order of probability (area under the precision-recall steps).

    Source: the definition of Zhu (2004), sum over steps of (recall gained x precision), without interpolation.
    """
    hits, misses = ranked_counts(ranking, labels)
    if not hits.size or hits[-1] == 0:
        return float("nan")
    # Steps that hold only unscored frames gain no recall; before the first scored one precision is 0 / 0.
    precision = hits / np.maximum(hits + misses, 1)
    return float((np.diff(hits, prepend=0) * precision).sum() / hits[-1])


def auroc(ranking: Ranking, labels: np.ndarray) -> float:
    """Return the area under the ROC curve: how often a positive frame ranks above a negative one, ties count half."""
    hits, misses = ranked_counts(ranking, labels)
    if not hits.size or hits[-1] == 0 or misses[-1] == 0:
        return float("nan")
    above = hits - np.diff(hits, prepend=0) / 2
    return float((np.diff(misses, prepend=0) * above).sum() / hits[-1] / misses[-1])


def precision_recall_curve(probabilities: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return decreasing thresholds, and recall and precision at each: float64 (S,) each; arguments are (N,).

    All are empty if no scored frame is positive.
    """
    scored = labels >= 0
    ranking = rank(probabilities[scored])
    hits, misses = ranked_counts(ranking, labels[scored])
    if not hits.size or hits[-1] == 0:
        return np.zeros(0), np.zeros(0), np.zeros(0)
    return ranking.probabilities, hits / hits[-1], hits / (hits + misses)


def brier_score(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Return the mean squared difference between probability and label (Brier 1950) of one behavior; (N,) each."""
    scored = labels >= 0
    return float(np.square(probabilities[scored] - labels[scored]).mean()) if scored.any() else float("nan")


def behavior_metrics(
    labels: np.ndarray, decisions: np.ndarray, probabilities: np.ndarray | None, calibrated: np.ndarray | None = None
) -> dict[str, np.ndarray]:
    """Return all of `METRICS` for each behavior: float64 (K,) each.

    Args:
        labels: (T, K), 1, 0 or -1.
        decisions: (T, K), 1 or 0.
        probabilities: (T, K); None leaves out the metrics of probabilities (NaN).
        calibrated: (T, K); None leaves out those of calibrated probabilities (NaN).
    """
    metrics = decision_metrics(count_frames(labels, decisions))
    nothing = np.full(labels.shape[1], np.nan)
    metrics |= {name: nothing.copy() for name in METRICS if name not in metrics}
    for k in range(labels.shape[1]):
        scored = labels[:, k] >= 0
        own = labels[scored, k]
        if probabilities is not None:
            ranking = rank(probabilities[scored, k])
            metrics["average_precision"][k] = average_precision(ranking, own)
            metrics["auroc"][k] = auroc(ranking, own)
        for suffix, values in (("", probabilities), ("_calibrated", calibrated)):
            if values is not None and scored.any():
                metrics[f"brier{suffix}"][k] = brier_score(values[scored, k], own)
                metrics[f"calibration_error{suffix}"][k] = calibration_error(values[scored, k], own)
    return {name: metrics[name] for name in METRICS}


def macro_metrics(metrics: dict[str, np.ndarray]) -> dict[str, float]:
    """Return the mean of each metric over the behaviors for which it is defined; NaN if it is defined for none."""
    return {
        name: float(values[np.isfinite(values)].mean()) if np.isfinite(values).any() else float("nan")
        for name, values in metrics.items()
    }


def micro_metrics(
    labels: np.ndarray, decisions: np.ndarray, probabilities: np.ndarray | None, calibrated: np.ndarray | None = None
) -> dict[str, float]:
    """Return the metrics of all behaviors pooled: every scored cell counts once; arguments as in `behavior_metrics`."""
    pooled = behavior_metrics(
        *(labels.reshape(-1, 1), decisions.reshape(-1, 1)),
        *(None if values is None else values.reshape(-1, 1) for values in (probabilities, calibrated)),
    )
    return {name: float(values[0]) for name, values in pooled.items()}


def confusion_matrix(labels: np.ndarray, decisions: np.ndarray) -> np.ndarray:
    """Return the confusion matrix of human and model, over the behaviors and background.

    For behaviors that exclude each other this is the usual confusion matrix. If several can be present at once, each
    behavior that the human labelled in a frame (or background) gives one count to its row: to the same column if the
    model predicts it, too; otherwise in equal shares to the behaviors that only the model predicts; and if there are
    none, to background. A row therefore sums to the human's frames, and its diagonal share is the recall. Only frames
    that are scored for all behaviors count.

    Args:
        labels: (T, K), 1, 0 or -1.
        decisions: (T, K), 1 or 0.

    Returns:
        float64 (K + 1, K + 1), human in rows, model in columns, background last.
    """
    scored = (labels >= 0).all(axis=1)
    human = np.column_stack([labels[scored] == 1, background(labels[scored]) == 1]).astype(float)
    model = decisions[scored] == 1
    model = np.column_stack([model, ~model.any(axis=1)]).astype(float)
    agreed = human * model
    surplus = model * (1 - human)
    surplus[:, -1] = 0
    many = surplus.sum(axis=1, keepdims=True)
    share = np.divide(surplus, many, out=np.zeros_like(surplus), where=many > 0)
    share[many[:, 0] == 0, -1] = 1
    return np.diag(agreed.sum(axis=0)) + (human - agreed).T @ share
