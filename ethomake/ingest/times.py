"""Time stamps: exact, in ticks of the file's time base, stored as runs of equal steps."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

UNKNOWN = np.iinfo(np.int64).min  # ffmpeg's value for "no time stamp"

GAP_S, GAP_FRAMES = 1.0, 5
"""Nothing was filmed between two frames that are further apart than both: seconds, and usual intervals of frames."""

MIXED = 1.1
"""The highest rate of some videos is more than so many times the lowest if their rates are mixed."""


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


def find_gaps(ticks: np.ndarray, time_base: Fraction | float) -> np.ndarray:
    """Return after which frames nothing was filmed for long: int64 (G,), from time stamps, int64 (T,).

    A gap is long if it is longer than `GAP_S` seconds and `GAP_FRAMES` usual intervals (the median). Single frames that
    are lost are no gap. Where time goes back by more than two usual intervals, as in recordings that were joined, it
    is not known how long nothing was filmed.
    """
    steps = np.diff(ticks) * float(time_base)
    if len(steps) == 0:
        return np.zeros(0, np.int64)
    usual = float(np.median(steps))
    return np.flatnonzero((steps > max(GAP_S, GAP_FRAMES * usual)) | (steps < min(0.0, -2 * usual)))


def frame_rate(ticks: np.ndarray, time_base: Fraction, nominal: float) -> float:
    """Return the frames per second, of the time in which something was filmed.

    This is `nominal`, from the header, or half of it (two fields are a frame), if it explains every time stamp or if
    there are no usable ones; else the mean over the whole video.
    """
    steps, gaps = np.diff(ticks), find_gaps(ticks, time_base)
    if len(gaps):
        steps[gaps] = np.rint(np.median(np.delete(steps, gaps)))
        ticks = ticks[0] + np.concatenate(([0], np.cumsum(steps)))
    span = float(int(ticks[-1] - ticks[0]) * time_base)
    if span <= 0:
        return nominal
    for rate in (nominal, nominal / 2):
        ideal = np.arange(len(ticks)) / (rate * float(time_base))
        if np.abs((ticks - ticks[0]) - ideal).max() <= 1.0:
            return rate
    return (len(ticks) - 1) / span


def is_constant(ticks: np.ndarray) -> bool:
    """Return whether the frames are equally spaced, up to the rounding to whole ticks."""
    if len(ticks) < 3:
        return True
    ideal = np.linspace(0.0, float(ticks[-1] - ticks[0]), len(ticks))
    return bool(np.abs((ticks - ticks[0]) - ideal).max() <= 1.0)


@dataclass(frozen=True, eq=False)
class Clock:
    """When each of the T frames of a video begins and ends, in seconds after the beginning of the first.

    Attributes:
        begins: float64 (T,).
        ends: float64 (T,); a frame ends where the next begins, unless nothing was filmed for long after it.
        breaks: int64 (G,): the first frames after times in which nothing was filmed.
        filmed: float64 (T + 1,): when frames begin, and the last one ends, on a clock that stands still while nothing
            is filmed. Differences are durations of what was filmed.
    """

    begins: np.ndarray
    ends: np.ndarray
    breaks: np.ndarray
    filmed: np.ndarray

    @property
    def seconds(self) -> float:
        """Return how long something was filmed."""
        return float(self.filmed[-1])

    @property
    def edges(self) -> np.ndarray:
        """Return when frames begin and end if a time in which nothing was filmed is a frame: (T + G + 1,)."""
        return np.append(np.insert(self.begins, self.breaks, self.ends[self.breaks - 1]), self.ends[-1:])

    def with_pauses(self, values: np.ndarray, fill: float) -> np.ndarray:
        """Return values of frames, (T, ...), with `fill` for each time in which nothing was filmed: (T + G, ...)."""
        return np.insert(values, self.breaks, fill, axis=0)


def frame_clock(manifest: dict[str, Any], rate: float | None = None) -> Clock:
    """Return the times of all frames; `manifest` is the content of video.json.

    Where the time stamps go back, time goes on as if nothing were missing, and a bout ends. The last frame, and one
    after which nothing was filmed for long, last as long as an average frame.

    Args:
        manifest: content of video.json.
        rate: frames per second of life, if those of the file are not true; then all frames last 1 / rate, and times in
            which nothing was filmed are longer or shorter by the same factor as frames.
    """
    numerator, denominator = manifest["timestamps"]["time_base"]
    ticks = frame_ticks(manifest)
    gaps = find_gaps(ticks, numerator / denominator)
    usual = 1 / manifest["fps"] if manifest["fps"] > 0 else 0.0
    begins = (ticks - ticks[0]) * numerator / denominator
    steps = np.diff(begins)
    back = gaps[steps[gaps] < 0]
    steps[back] = usual
    if rate:
        pauses = steps[gaps] / (rate * usual) if usual else 0
        steps, usual = np.full(len(steps), 1 / rate), 1 / rate
        steps[gaps] = pauses
        begins = np.arange(len(ticks)) / rate
    if len(back) or (rate and len(gaps)):
        begins = np.concatenate(([0.0], np.cumsum(steps)))
    ends = np.append(begins[1:], begins[-1:] + usual)
    ends[gaps] = begins[gaps] + usual
    paused = np.zeros(len(begins) + 1)
    paused[gaps + 1] = begins[gaps + 1] - ends[gaps]
    filmed = np.append(begins, ends[-1:]) - np.cumsum(paused)
    return Clock(begins, ends, gaps + 1, filmed)


def unseen(manifest: Mapping[str, Any]) -> list[list[int]]:
    """Return the ranges [start, stop) of frames in which the animal is not to be seen: damaged, or without a track."""
    return [*(manifest.get("damaged") or ()), *without_track(manifest)]


def without_track(manifest: Mapping[str, Any]) -> list[list[int]]:
    """Return the ranges [start, stop) of frames in which the animal that the picture follows has no track."""
    return list(manifest.get("track", {}).get("lost", ()))
