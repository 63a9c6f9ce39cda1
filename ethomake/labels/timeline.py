"""When each frame of a video is shown, and the ways from seconds to frames and back.

A frame belongs to an interval of seconds if its middle does. So each end of an interval goes to the nearest boundary
between two frames: times may be wrong by up to half a frame, as those that other programs round are, and what was
written as seconds comes back as the same frames, at a constant rate, at a variable one and beside a pause.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from ethomake.ingest.times import frame_clock

ROUNDED = 0.0005
"""Seconds by which the time of a point may be less than that of its frame: programs round to a thousandth."""

SAME = 1e-9
"""Seconds by which two computed times may differ that are the same."""

LEAST = 1e-6
"""Seconds by which time stamps differ at least if they are not the same."""


@dataclass(frozen=True, eq=False)
class Timeline:
    """The T frames of a video, in seconds of its file after the first frame.

    Attributes:
        begins: float64 (T,), increasing: when frames begin.
        ends: float64 (T,): when they end; where the next begins, unless nothing was filmed for long after it.
        rate: frames per second, by the median.
        video: file name of the video, "" if unknown: which one is meant in files with the labels of several.
        subject: the animal whose labels are meant in files with several; "" if none is named.
    """

    begins: np.ndarray
    ends: np.ndarray
    rate: float
    video: str = ""
    subject: str = ""

    @classmethod
    def of(cls, manifest: Mapping[str, Any], subject: str = "") -> "Timeline":
        """Return the timeline of an ingested video.

        Frames with the same time stamp as the one before, or an earlier one, share the time until the next, or until
        nothing was filmed.

        Args:
            manifest: content of video.json.
            subject: the animal whose labels are meant.
        """
        clock = frame_clock(dict(manifest))  # of the file: programs for scoring know no other rate
        count = len(clock.begins)
        steps = np.diff(clock.begins)
        usual = float(np.median(steps)) if len(steps) else 0.0
        usual = usual if usual > 0 else 1 / (manifest["fps"] or 1)
        begins, ends, end = np.empty(count), np.empty(count), -np.inf
        for first, stop in pairwise([0, *clock.breaks.tolist(), count]):  # in between, nothing was filmed
            times = np.maximum(clock.begins[first:stop], end)
            known = np.append(True, times[1:] > np.maximum.accumulate(times)[:-1] + LEAST).nonzero()[0]
            last, shared = float(times[known[-1]]), (stop - first - known[-1]) * usual
            end = float(clock.ends[stop - 1])
            if stop == count or end <= last + LEAST:
                end = max(end, last + shared)
            edges = np.interp(np.arange(stop - first + 1), np.append(known, stop - first), np.append(times[known], end))
            begins[first:stop], ends[first:stop] = edges[:-1], edges[1:]
        return cls(begins, ends, 1 / usual, manifest.get("source", {}).get("name", ""), subject)

    @classmethod
    def regular(cls, frames: int, rate: float, video: str = "", subject: str = "") -> "Timeline":
        """Return the timeline of a video with `frames` frames at a constant rate, in frames per second."""
        edges = np.arange(frames + 1) / rate
        return cls(edges[:-1], edges[1:], rate, video, subject)

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self.begins)

    @property
    def end(self) -> float:
        """Return the second at which the last frame ends."""
        return float(self.ends[-1])

    def frames_of(self, start: Any, stop: Any) -> tuple[np.ndarray, np.ndarray]:
        """Return the frames of intervals: first frame, and the one after the last, both int64.

        Args:
            start: seconds, a number or float64 (N,).
            stop: seconds, of the same shape.
        """
        middles = (self.begins + self.ends) / 2
        first, after = (np.searchsorted(middles, np.asarray(time, float) - SAME) for time in (start, stop))
        return np.asarray(first, np.int64), np.asarray(after, np.int64)

    def frame_at(self, time: Any) -> np.ndarray:
        """Return the frame that is shown at some times, int64: -1 before the first frame, T after the last one.

        In a time in which nothing was filmed, this is the frame before it.

        Args:
            time: seconds, a number or float64 (N,).
        """
        early = np.minimum(ROUNDED, (self.ends - self.begins) / 2) + SAME
        time = np.asarray(time, float)
        shown = np.searchsorted(self.begins - early, time, side="right") - 1
        return np.where(time > self.end + SAME, len(self), shown).astype(np.int64)

    def seconds_of(self, first: Any, stop: Any) -> tuple[np.ndarray, np.ndarray]:
        """Return when intervals of frames begin and end, in seconds, float64.

        Args:
            first: first frames, an integer or int64 (N,).
            stop: the frames after the last ones, more than `first`.
        """
        return self.begins[np.asarray(first)], self.ends[np.asarray(stop) - 1]
