import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest

from ethomake.ingest.times import (
    UNKNOWN,
    encode_steps,
    fill_unknown,
    find_gaps,
    frame_clock,
    frame_rate,
    frame_ticks,
    frame_times,
    is_constant,
)


def manifest(ticks, time_base=(1, 1000)):
    return {"timestamps": {"time_base": time_base, "first": int(ticks[0]), "steps": encode_steps(np.asarray(ticks))}}


def test_runs_of_steps_are_as_counted_by_hand():
    assert encode_steps(np.array([5, 38, 71, 105, 105, 104])) == [[33, 2], [34, 1], [0, 1], [-1, 1]]
    assert encode_steps(np.array([7])) == []


def test_any_time_stamps_come_back_exactly():
    rng = np.random.default_rng(1)
    for count in (1, 2, 3, 500):
        ticks = np.cumsum(rng.integers(-2, 4, count)) + rng.integers(-(10**12), 10**12)
        np.testing.assert_array_equal(frame_ticks(manifest(ticks)), ticks)


def test_times_are_seconds_after_the_first_frame():
    times = frame_times(manifest([9000, 12003, 12003, 90_000], (1, 90_000)))
    np.testing.assert_array_equal(times, [0.0, 3003 / 90_000, 3003 / 90_000, 0.9])
    assert times.dtype == np.float64
    assert frame_times(manifest([42])).tolist() == [0.0]


def test_frames_without_a_stamp_get_one_between_their_neighbors():
    ticks = np.array([UNKNOWN, 10, UNKNOWN, UNKNOWN, 16, UNKNOWN])
    assert fill_unknown(ticks, 3.0).tolist() == [7, 10, 12, 14, 16, 19]
    assert fill_unknown(np.full(3, UNKNOWN), 2.5).tolist() == [0, 2, 5]
    assert fill_unknown(np.array([3, 1]), 1.0).tolist() == [3, 1]


@pytest.mark.parametrize(
    ("ticks", "rate", "constant"),
    [
        ([0, 33, 67, 100], 30.0, True),  # 30 per second, as precisely as whole milliseconds allow
        ([0, 40, 80, 120], 25.0, True),  # the header's 30 is wrong
        ([0, 33, 100, 133, 200], 20.0, False),
        ([0, 0, 0], 30.0, True),
        ([0], 30.0, True),
        ([0, 40], 25.0, True),
    ],
)
def test_rate(ticks, rate, constant):
    ticks = np.array(ticks)
    assert frame_rate(ticks, Fraction(1, 1000), 30.0) == pytest.approx(rate)
    assert is_constant(ticks) is constant


def test_times_can_be_imported_without_torch():
    code = "import ethomake.ingest.times, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_edges_of_frames_end_with_that_of_the_last():
    steady = {"frames": 4, "fps": 10.0, "timestamps": {"time_base": [1, 1000], "first": 0, "steps": [[100, 3]]}}
    clock = frame_clock(steady)
    assert clock.edges == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])
    np.testing.assert_array_equal(clock.filmed, clock.edges)
    np.testing.assert_array_equal(clock.begins, clock.edges[:-1])
    np.testing.assert_array_equal(clock.ends, clock.edges[1:])
    assert clock.breaks.tolist() == []


def paused(steps, time_base=(1, 1000), fps=10.0):
    return {
        "frames": 1 + sum(n for _, n in steps),
        "fps": fps,
        "timestamps": {"time_base": time_base, "first": 7, "steps": steps},
    }


@pytest.mark.parametrize(
    ("steps", "after"),
    [
        ([100, 100, 1100, 100], [2]),
        ([100, 100, 900, 100], []),  # a few lost frames
        ([100, 100, 1000, 100], []),
        ([2000, 2000, 9000, 2000], []),  # slow: single frames are lost
        ([60_000, 60_000, 60_000, 900_000, 60_000], [3]),
        ([33, 2000, 33, 33, 5000, 33], [1, 4]),
        ([0, 0, 0, 5000, 0], [3]),
        ([100, 100, -200, 100], []),  # in another order
        ([100, 100, -300, 100], [2]),  # joined
        ([33, -1, 33], []),
        ([5000], []),  # of two frames, one interval is the usual one
        ([], []),
    ],
)
def test_long_gaps_are_those_of_more_than_a_second_and_several_frames(steps, after):
    assert find_gaps(np.cumsum([0, *steps]), Fraction(1, 1000)).tolist() == after


def test_the_clock_stands_still_while_nothing_is_filmed():
    clock = frame_clock(paused([[100, 2], [600_000, 1], [100, 2]]))
    assert clock.breaks.tolist() == [3]
    assert clock.begins == pytest.approx([0, 0.1, 0.2, 600.2, 600.3, 600.4])
    assert clock.ends == pytest.approx([0.1, 0.2, 0.3, 600.3, 600.4, 600.5])
    assert clock.filmed == pytest.approx([0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
    assert clock.seconds == pytest.approx(0.6)
    assert clock.edges == pytest.approx([0, 0.1, 0.2, 0.3, 600.2, 600.3, 600.4, 600.5])
    assert clock.with_pauses(np.arange(6), -1).tolist() == [0, 1, 2, -1, 3, 4, 5]


def test_with_a_rate_all_frames_last_as_long_and_pauses_are_stretched_like_them():
    jittered = paused([[33, 1], [34, 1], [33, 1]], fps=30.0)
    assert frame_clock(jittered, 300.0).edges == pytest.approx(np.arange(5) / 300, abs=1e-15)
    clock = frame_clock(paused([[100, 2], [60_000, 1], [100, 2]]), 1.0)  # ten times slower than the file
    assert clock.begins == pytest.approx([0, 1, 2, 602, 603, 604])
    assert clock.filmed == pytest.approx([0, 1, 2, 3, 4, 5, 6])


def test_time_goes_on_where_time_stamps_go_back():
    clock = frame_clock(paused([[100, 3], [-300, 1], [100, 2]]))
    assert clock.breaks.tolist() == [4]
    assert clock.edges.tolist() == pytest.approx([0, 0.1, 0.2, 0.3, 0.4, 0.4, 0.5, 0.6, 0.7])
    assert clock.seconds == pytest.approx(0.7)
    assert frame_clock(paused([[100, 3], [-300, 1], [100, 2]]), 1.0).filmed == pytest.approx(np.arange(8))
    ticks = np.cumsum([0, 40, 40, 40, -120, 40, 40, 40])
    assert frame_rate(ticks, Fraction(1, 1000), 30.0) == pytest.approx(25)


def test_the_rate_is_that_of_the_time_in_which_something_was_filmed():
    ticks = np.cumsum([0, *[33, 33, 34] * 5, 600_000, *[33, 33, 34] * 5])
    assert frame_rate(ticks, Fraction(1, 1000), 30.0) == 30.0
    assert frame_rate(np.cumsum([0, 40, 40, 9000, 40, 40]), Fraction(1, 1000), 30.0) == pytest.approx(25)
    assert frame_rate(np.arange(50) * 40, Fraction(1, 1000), 50.0) == 25.0  # the header counts fields
