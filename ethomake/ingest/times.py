"""Time stamps: exact, in ticks of the file's time base, stored as runs of equal steps."""

from fractions import Fraction
from typing import Any

import numpy as np

UNKNOWN = np.iinfo(np.int64).min  # ffmpeg's value for "no time stamp"


def fill_unknown(ticks: np.ndarray, step: float) -> np.ndarray:
    """Interpolate the time stamps of frames that have none.

    Some files (MPEG-4 with B-frames in AVI, MPEG program streams) have time stamps for only some of their frames.

    Args:
        ticks: int64 (T,) in the order of the frames, `UNKNOWN` where there is no time stamp.
        step: ticks between frames, used before the first and after the last known one.
    """
    known = np.flatnonzero(ticks != UNKNOWN)
    index = np.arange(len(ticks))
    if len(known) == len(ticks):
        return ticks
    if len(known) == 0:
        return np.rint(index * step).astype(np.int64)
    first, last = known[0], known[-1]
    filled = np.interp(index, known, (ticks[known] - ticks[first]).astype(float))
    filled = np.where(index < first, (index - first) * step, filled)
    filled = np.where(index > last, filled[last] + (index - last) * step, filled)
    return np.rint(filled).astype(np.int64) + ticks[first]


def encode_steps(ticks: np.ndarray) -> list[list[int]]:
    """Return the differences of `ticks`, int64 (T,), as runs: [[step, count], ...]."""
    steps = np.diff(ticks)
    if len(steps) == 0:
        return []
    starts = np.concatenate(([0], np.flatnonzero(np.diff(steps)) + 1))
    counts = np.diff(np.append(starts, len(steps)))
    return [[int(step), int(count)] for step, count in zip(steps[starts], counts, strict=True)]


def frame_ticks(manifest: dict[str, Any]) -> np.ndarray:
    """Return the presentation time of every frame in ticks of the time base, int64 (T,), from video.json's content."""
    stamps = manifest["timestamps"]
    runs = np.array(stamps["steps"], dtype=np.int64).reshape(-1, 2)
    steps = np.repeat(runs[:, 0], runs[:, 1])
    return stamps["first"] + np.concatenate(([0], np.cumsum(steps)))


def frame_times(manifest: dict[str, Any]) -> np.ndarray:
    """Return the seconds from the first frame to every frame, float64 (T,); `manifest` is the content of video.json.

    The first frame is at 0, whatever its time stamp in the file (`timestamps.first` keeps that).
    """
    numerator, denominator = manifest["timestamps"]["time_base"]
    ticks = frame_ticks(manifest)
    return (ticks - ticks[0]) * numerator / denominator


def frame_rate(ticks: np.ndarray, time_base: Fraction, nominal: float) -> float:
    """Return the frames per second.

    This is `nominal`, from the header, if it explains every time stamp or if there are no usable ones; else the mean
    over the whole video.
    """
    span = float(int(ticks[-1] - ticks[0]) * time_base)
    ideal = np.arange(len(ticks)) / (nominal * float(time_base))
    if span <= 0 or np.abs((ticks - ticks[0]) - ideal).max() <= 1.0:
        return nominal
    return (len(ticks) - 1) / span


def is_constant(ticks: np.ndarray) -> bool:
    """Return whether the frames are equally spaced, up to the rounding to whole ticks."""
    if len(ticks) < 3:
        return True
    ideal = np.linspace(0.0, float(ticks[-1] - ticks[0]), len(ticks))
    return bool(np.abs((ticks - ticks[0]) - ideal).max() <= 1.0)


def frame_edges(manifest: dict) -> np.ndarray:
    """Return the time in seconds at which each frame begins, and the end of the last: float64 (T + 1,).

    The last frame is assumed to last as long as an average frame.
    """
    times = frame_times(manifest)
    last = 1 / manifest["fps"] if manifest["fps"] > 0 else 0.0
    return np.append(times, times[-1] + last)
