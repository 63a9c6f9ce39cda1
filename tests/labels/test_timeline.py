"""Seconds to frames and back, against loops over frames."""

import numpy as np
import pytest

from ethomake.labels.timeline import Timeline

RNG = np.random.default_rng


def manifest(steps, base=(1, 1000), fps=25.0):
    """A manifest with time stamps in thousandths of a second, with these steps between frames."""
    steps = [[int(step), 1] for step in steps]
    stamps = {"time_base": list(base), "first": 40, "steps": steps}
    return {"fps": fps, "timestamps": stamps, "source": {"name": "a.mp4"}, "frames": len(steps) + 1}


def variable(seed, frames=120):
    """A video of variable rate, with a pause of ten minutes and one of two seconds."""
    steps = RNG(seed).integers(8, 90, frames - 1)
    steps[30], steps[80] = 600_000, 2_000
    return Timeline.of(manifest(steps))


TIMELINES = [
    Timeline.regular(50, 25),
    Timeline.regular(70, 29.97),
    Timeline.regular(300, 247),
    variable(0),
    variable(1),
]


@pytest.mark.parametrize("line", TIMELINES)
def test_frames_of_an_interval_are_those_whose_middle_is_in_it(line):
    for start, stop in np.sort(RNG(2).uniform(-1, line.end + 1, (300, 2)), axis=1):
        expected = [frame for frame in range(len(line)) if start <= (line.begins[frame] + line.ends[frame]) / 2 < stop]
        first, after = line.frames_of(start, stop)
        assert list(range(first, after)) == expected


@pytest.mark.parametrize("line", TIMELINES)
@pytest.mark.parametrize("decimals", [3, 4, 15])
def test_frames_come_back_from_seconds_and_rounded_ones(line, decimals):
    for first in range(len(line)):
        stops = np.arange(first + 1, len(line) + 1)
        firsts = np.full(len(stops), first)
        begin, end = line.frames_of(*np.round(line.seconds_of(firsts, stops), decimals))
        assert (begin.tolist(), end.tolist()) == (firsts.tolist(), stops.tolist())


@pytest.mark.parametrize("line", TIMELINES)
def test_a_point_is_the_frame_that_is_shown(line):
    times = RNG(3).uniform(0, line.end, 300)
    for time in times:
        shown = [frame for frame in range(len(line)) if line.begins[frame] <= time]
        near = np.abs(line.begins - time).min() < 0.0006  # may be the time of that frame, rounded
        assert line.frame_at(time) == shown[-1] or near
    for frame in range(len(line)):
        assert line.frame_at(np.round(line.begins[frame], 3)) == frame
    assert line.frame_at([-1.0, line.end + 1]).tolist() == [-1, len(line)]


def test_many_intervals_at_once_are_as_one_by_one():
    line = variable(4)
    ends = np.sort(RNG(5).uniform(0, line.end, (50, 2)), axis=1)
    first, stop = line.frames_of(ends[:, 0], ends[:, 1])
    assert [(int(a), int(b)) for a, b in zip(first, stop, strict=True)] == [
        tuple(map(int, line.frames_of(*pair))) for pair in ends
    ]


def test_a_pause_belongs_to_no_frame():
    line = Timeline.of(manifest([40, 40, 60_000, 40]))
    assert line.ends.tolist() == pytest.approx([0.04, 0.08, 0.12, 60.12, 60.16])
    assert line.frames_of(0.13, 60.07) == (3, 3)
    assert line.frames_of(0.0, 30.0) == (0, 3)
    assert line.frame_at(30.0) == 2
    assert line.rate == pytest.approx(25)


def test_frames_with_one_time_stamp_share_the_time_until_the_next():
    line = Timeline.of(manifest([40, 0, 40, 40, -40, 80, 0]))
    assert (np.diff(line.begins) > 0).all()
    assert (line.ends > line.begins).all()
    assert line.begins[:4].tolist() == pytest.approx([0, 0.04, 0.06, 0.08])
    for first in range(len(line)):
        assert line.frames_of(*line.seconds_of(first, first + 1)) == (first, first + 1)


@pytest.mark.parametrize("pause", [60_000, -60_000])
@pytest.mark.parametrize("before", [[40, 0], [40, 0, 0], [80, -40], [40, 40, -40, -40]])
def test_frames_with_one_time_stamp_before_a_pause_end_with_what_was_filmed(before, pause):
    line = Timeline.of(manifest([40, 40, *before, pause, 40, 40, 40, 40]))
    last = 2 + len(before)
    shown = (80 + max(np.cumsum(before))) / 1000
    assert (line.ends > line.begins).all()
    assert (line.begins[1:] >= line.ends[:-1]).all()
    assert shown < line.ends[last] <= shown + 0.04 * len(before) + 1e-6
    if pause > 0:
        assert line.begins[last + 1] == pytest.approx((80 + sum(before) + pause) / 1000)
    for first in range(len(line)):
        for stop in range(first + 1, len(line) + 1):
            assert line.frames_of(*line.seconds_of(first, stop)) == (first, stop)


@pytest.mark.parametrize("steps", [[], [0, 0, 0], [40]])
def test_videos_of_few_frames_and_without_time_stamps_have_times(steps):
    line = Timeline.of(manifest(steps))
    assert len(line) == len(steps) + 1
    assert (line.ends > line.begins).all()
    assert (line.video, line.subject) == ("a.mp4", "")
