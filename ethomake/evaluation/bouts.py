"""Agreement of predictions with labels, bout by bout: which predicted bouts meet which labelled ones."""

from dataclasses import dataclass

import numpy as np

from ethomake.evaluation.metrics import divide
from ethomake.labels.bouts import find_scored_bouts


@dataclass(frozen=True)
class BoutCounts:
    """Number of bouts per behavior: int64 (K,) each. The counts of several videos can be added.

    Attributes:
        matched: pairs of a labelled and a predicted bout.
        labelled: bouts of the human.
        predicted: bouts of the model.
    """

    matched: np.ndarray
    labelled: np.ndarray
    predicted: np.ndarray

    def __add__(self, other: "BoutCounts") -> "BoutCounts":
        return BoutCounts(
            self.matched + other.matched, self.labelled + other.labelled, self.predicted + other.predicted
        )


def count_bouts(labels: np.ndarray, decisions: np.ndarray, iou: float = 0.5) -> BoutCounts:
    """Count the bouts of a video, and the most pairs of a labelled and a predicted bout that agree.

    Two bouts agree if their intersection over union (IoU), in frames, is at least `iou`. Each bout is in one pair at
    most. This is how actions in videos are scored; source: Lea et al. 2017 (CVPR, "Temporal convolutional networks for
    action segmentation and detection"), who have it as the segmental F1@IoU, but match greedily.

    Only scored frames count, for the model, too: what is predicted in unscored frames only is neither right nor wrong.
    A bout that continues into unscored frames is cut there, labelled and predicted alike, unless it goes on after a
    short stretch of them (`find_scored_bouts`).

    Args:
        labels: (T, K), 1, 0 or -1.
        decisions: (T, K), 1 or 0.
        iou: least intersection over union of a pair, above 0, at most 1.
    """
    pairs = [
        [find_scored_bouts(values[:, k] == 1, labels[:, k] >= 0) for values in (labels, decisions)]
        for k in range(labels.shape[1])
    ]
    matched = [len(match_bouts(human, model, iou)) for human, model in pairs]
    return BoutCounts(
        np.array(matched, np.int64),
        np.array([len(human) for human, _ in pairs], np.int64),
        np.array([len(model) for _, model in pairs], np.int64),
    )


def match_bouts(labelled: np.ndarray, predicted: np.ndarray, iou: float = 0.5) -> np.ndarray:
    """Return a largest set of pairs of bouts that agree, each bout in one pair at most: int64 (M, 2), numbers of both.

    Pairs are taken in the order of time, each if both of its bouts are free. No other choice gives more pairs: of the
    earliest pair that is left, one bout agrees with no other that is free, so taking this pair costs one other at
    most. (If each of the two had a later partner, these would overlap crosswise; but the bouts of one side are
    disjoint.)

    Args:
        labelled: (N, 2) first frame and frame after the last one of each bout, disjoint and in order.
        predicted: (P, 2) likewise.
        iou: least intersection over union of a pair, above 0, at most 1.
    """
    pairs: list[tuple[int, int]] = []
    i = j = 0
    while i < len(labelled) and j < len(predicted):
        (start, stop), (other_start, other_stop) = labelled[i], predicted[j]
        common = min(stop, other_stop) - max(start, other_start)
        if common > 0 and common / (stop - start + other_stop - other_start - common) >= iou:
            pairs.append((i, j))
            i, j = i + 1, j + 1
        elif stop <= other_stop:  # the next pair in time: of the bout that ends first nothing later can overlap
            i += 1
        else:
            j += 1
    return np.array(pairs, np.int64).reshape(-1, 2)


def bout_f1(counts: BoutCounts) -> np.ndarray:
    """Return the F1 of bouts, 2 matched / (labelled + predicted): float64 (K,); NaN if there is no labelled bout."""
    f1 = divide(2 * counts.matched, counts.labelled + counts.predicted)
    return np.where(counts.labelled > 0, f1, np.nan)
