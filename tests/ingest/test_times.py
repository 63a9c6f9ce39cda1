import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest

from ethomake.ingest.times import (
    UNKNOWN,
    encode_steps,
    fill_unknown,
    frame_edges,
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
    assert frame_edges(steady) == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])
