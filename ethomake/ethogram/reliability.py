"""How well probabilities agree with the share of frames that are labelled: bins of probability, and their error."""

import numpy as np

BINS = 10
"""Of probability, all equally wide."""


def calibration(probabilities: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sort the frames of one behavior into bins by their probability.

    Args:
        probabilities: (N,); frames whose probability is NaN are ignored.
        labels: (N,), 1, 0 or -1; frames with -1 are ignored.

    Returns:
        Mean probability, share labelled 1 (both NaN where there is no frame) and number of frames, (10,) each.
    """
    scored = (labels >= 0) & np.isfinite(probabilities)
    values, positive = probabilities[scored].astype(float), labels[scored] == 1
    place = np.minimum((values * BINS).astype(int), BINS - 1)
    frames = np.bincount(place, minlength=BINS)
    mean, share = (
        np.divide(
            np.bincount(place, weights=weights, minlength=BINS), frames, out=np.full(BINS, np.nan), where=frames > 0
        )
        for weights in (values, positive)
    )
    return mean, share, frames


def calibration_error(probabilities: np.ndarray, labels: np.ndarray) -> float | None:
    """Return the expected calibration error of one behavior (Naeini et al. 2015, AAAI).

    It is the mean, weighted by the number of frames, of the difference between the mean probability in a bin and the
    share of its frames that are labelled 1.

    Args:
        probabilities: (N,); frames whose probability is NaN are ignored.
        labels: (N,), 1, 0 or -1; frames with -1 are ignored.

    Returns:
        0 to 1; None if no frame is scored.
    """
    mean, share, frames = calibration(probabilities, labels)
    filled = frames > 0
    if not filled.any():
        return None
    return float((np.abs(mean - share)[filled] * frames[filled]).sum() / frames.sum())
