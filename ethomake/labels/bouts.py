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
