"""Labels by time step -> labels by frame, by the time stamps of the video."""

import numpy as np

END = 0.05
"""Of the length of a video: as much may a table end before it, or two steps if these are longer."""

ROUNDING = 1e-9
"""Seconds by which two computed times may differ that are the same."""

BEYOND = 0.1
"""Of the length of a video, or a second: as much may a table go on after it."""


def rows_of_frames(times: np.ndarray, frames: np.ndarray, end: float, tolerance: float = 0.0) -> np.ndarray:
    """Return for each frame the row of a table by time that covers it: int64 (T,), -1 for frames after its last row.

    A row covers what is from its time to the time of the next; the last one lasts as long as most do. A frame is at
    its time stamp.

    Args:
        times: float64 (R,), increasing: the seconds at which rows begin.
        frames: float64 (T,), the seconds at which frames are shown, from 0 on.
        end: the seconds at which the last frame ends.
        tolerance: by how much `times` may have been rounded, in seconds.

    Raises:
        ValueError: with the reason, if the table begins late, has gaps, or ends long before or long after the video.
    """
    steps = np.diff(times)
    step = float(np.median(steps)) if len(steps) else end
    gaps = np.flatnonzero(steps > 1.5 * step + 2 * tolerance)
    if len(gaps):
        at = times[gaps[0]]
        raise ValueError(
            f"rows are {step:.4g} s apart, but the row after {at:.4g} s is at {times[gaps[0] + 1]:.4g} s; add the rows "
            "between (-1: not scored)"
        )
    if times[0] > step + tolerance:
        raise ValueError(
            f"the first row is at {times[0]:.4g} s, but the video begins at 0 s; add the rows before (-1: not scored), "
            "or, if the times have another origin, subtract it"
        )
    last = times[-1] + step
    if last < end - max(2 * step, END * end) - tolerance:
        raise ValueError(
            f"the table ends at {last:.4g} s, but the video at {end:.4g} s; add the missing rows (-1: not scored), or "
            "give the labels of this video if these belong to another"
        )
    if last > end + max(1.0, BEYOND * end) + step:
        raise ValueError(
            f"the table ends at {last:.4g} s, but the video at {end:.4g} s; give the labels of this video if these "
            "belong to another, or leave out the rows after its end"
        )
    shown = frames + tolerance + ROUNDING
    rows = np.searchsorted(times, shown, side="right") - 1
    rows[shown - 2 * tolerance >= last] = -1
    return np.where((rows < 0) & (frames < times[0]), 0, rows)
