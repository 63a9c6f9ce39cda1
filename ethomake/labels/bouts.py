"""Bouts: runs of consecutive frames in which a behavior is present."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np


def find_bouts(on: np.ndarray) -> np.ndarray:
    """Return the runs of true values in `on`, bool (T,): int64 (n, 2), start and stop frames, stop exclusive."""
    edges = np.flatnonzero(np.diff(np.asarray(on, bool), prepend=False, append=False))
    return edges.reshape(-1, 2)


def find_scored_bouts(on: np.ndarray, scored: np.ndarray, breaks: Sequence[int] | np.ndarray = ()) -> np.ndarray:
    """Return the bouts of a behavior in a video that is scored in part.

    What happens in unscored frames is not known: neither that the behavior goes on, nor that it ends. A bout goes on
    over a stretch of them if the behavior is present right before and right after it, and the stretch is shorter than
    the two runs of present frames beside it together; else the bout ends, or begins, where scoring does.

    Args:
        on: whether the behavior is present, bool (T,); unscored frames are ignored.
        scored: whether a frame is scored for the behavior, bool (T,).
        breaks: first frame after each time in which nothing was filmed, (G,); there, bouts end.

    Returns:
        As from `find_bouts`, with the unscored frames that a bout goes on over.
    """
    if len(breaks):
        spans = pairwise([0, *breaks, len(on)])
        return np.concatenate([find_scored_bouts(on[a:b], scored[a:b]) + a for a, b in spans])
    runs = find_bouts(np.asarray(on, bool) & scored)
    lengths = runs[:, 1] - runs[:, 0]
    unscored = np.concatenate([[0], np.cumsum(~np.asarray(scored, bool))])
    gaps = runs[1:, 0] - runs[:-1, 1]
    ends = (unscored[runs[1:, 0]] - unscored[runs[:-1, 1]] < gaps) | (gaps >= lengths[:-1] + lengths[1:])
    first, last = np.append(True, ends)[: len(runs)], np.append(ends, True)[: len(runs)]
    return np.stack([runs[first, 0], runs[last, 1]], axis=1)


def drop_short_bouts(on: np.ndarray, minimum: int) -> np.ndarray:
    """Return a copy of `on`, bool (T,), without the bouts shorter than `minimum` frames."""
    kept = np.array(on, bool)
    for start, stop in find_bouts(kept):
        if stop - start < minimum:
            kept[start:stop] = False
    return kept


def split_bouts(bouts: np.ndarray, breaks: np.ndarray) -> np.ndarray:
    """Split bouts, int64 (n, 2), that go on over a time in which nothing was filmed.

    Args:
        bouts: from `find_bouts`.
        breaks: first frame after each of these times, (G,).
    """
    parts = []
    for start, stop in bouts.tolist():
        cuts = [int(cut) for cut in breaks if start < cut < stop]
        parts += zip([start, *cuts], [*cuts, stop], strict=True)
    return np.array(parts, np.int64).reshape(-1, 2) if len(breaks) else bouts
