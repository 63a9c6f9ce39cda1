"""The F1 score of the validation of a training."""

import numpy as np


def best_f1(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the highest F1 over all thresholds, for each behavior, over the scored frames.

    The loss alone says little if behaviors are rare, and F1 at a fixed threshold says more about the
    threshold than about the model.

    Args:
        probabilities: (T, K).
        labels: 1, 0 or -1 (not scored), (T, K).

    Returns:
        (K,); NaN for a behavior without a positive frame.
    """
    scores = np.full(labels.shape[1], np.nan)
    for k in range(labels.shape[1]):
        scored = labels[:, k] >= 0
        truth = labels[scored, k] == 1
        if not truth.any():
            continue
        order = np.argsort(-probabilities[scored, k], kind="stable")
        value = probabilities[scored, k][order]
        hits = np.cumsum(truth[order])
        f1 = 2 * hits / (np.arange(1, len(truth) + 1) + truth.sum())
        f1 = f1[np.append(value[1:] != value[:-1], True)]  # a threshold cannot separate equal values
        scores[k] = f1.max()
    return scores
