"""Bouts: runs of consecutive frames in which a behavior is present."""

import numpy as np


def find_bouts(on: np.ndarray) -> np.ndarray:
    """Return the runs of true values in `on`, bool (T,): int64 (n, 2), start and stop frames, stop exclusive."""
    edges = np.flatnonzero(np.diff(np.asarray(on, bool), prepend=False, append=False))
    return edges.reshape(-1, 2)


def drop_short_bouts(on: np.ndarray, minimum: int) -> np.ndarray:
    """Return a copy of `on`, bool (T,), without the bouts shorter than `minimum` frames."""
    kept = np.array(on, bool)
    for start, stop in find_bouts(kept):
        if stop - start < minimum:
            kept[start:stop] = False
    return kept
