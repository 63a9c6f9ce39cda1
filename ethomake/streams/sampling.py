"""How often a stream is trained on each labelled frame."""

from typing import Any

import numpy as np

from ethomake.streams.sources import LabelledFrames

MOST = 5.0  # times the mean weight: a label that flickers is not seen over and over


def sampling_weights(settings: dict[str, Any], labelled: LabelledFrames) -> np.ndarray | None:
    """Return the weight of each labelled frame in sampling, (N,) with mean 1, or None if all are drawn alike.

    Args:
        settings: `sampling` is "frames" or "bouts".
        labelled: the training frames.
    """
    return bout_weights(labelled) if settings["sampling"] == "bouts" else None


def bout_weights(labelled: LabelledFrames) -> np.ndarray:
    """Return weights with which short bouts are drawn nearly as often as long ones, (N,) with mean 1.

    A frame has the weight 1 / sqrt(length of its bout), so a bout of L frames has sqrt(L): between 1, with which a
    bout of one frame would count as much as one of a thousand, and L, with which a few long bouts of a common behavior
    are most of what is seen, although neighboring frames show nearly the same. Frames without any behavior between two
    bouts are a bout, too. If several behaviors are present, the shortest of their bouts determines the weight. No
    weight is above five times the mean of these weights.
    """
    on = (labelled.labels == 1).numpy()
    first = np.ones(len(on), bool)  # whether the frame before is missing, not scored, or of another video
    first[1:] = (np.diff(labelled.videos) != 0) | (np.diff(labelled.frames) != 1)
    shortest = np.full(len(on), np.inf)
    for present in [*on.T, ~on.any(axis=1)]:
        begins = first.copy()
        begins[1:] |= present[1:] != present[:-1]
        bout = np.cumsum(begins) - 1
        length = np.bincount(bout)[bout]
        shortest[present] = np.minimum(shortest, length)[present]
    weights = 1 / np.sqrt(shortest)
    weights = np.minimum(weights, MOST * weights.mean())
    return weights / weights.mean()
