"""Tables by time."""

import numpy as np
import pytest

from ethomake.labels.steps import rows_of_frames


def at(frames, rate):
    return np.arange(frames) / rate


@pytest.mark.parametrize(("step", "decimals"), [(0.033, 3), (0.034, 3), (0.1, 1), (0.04, 2), (0.005, 3)])
def test_each_frame_takes_the_row_whose_step_covers_it(step, decimals):
    times = np.round(np.arange(0, 4.0 + step, step), decimals)
    frames = at(120, 30)
    rows = rows_of_frames(times, frames, 4.0)
    for frame, row in zip(frames, rows, strict=True):
        assert times[row] <= frame + 1e-9
        assert row + 1 == len(times) or frame < times[row + 1]


def test_rounded_times_of_frames_are_the_frames():
    for decimals in (2, 3, 4):
        times = at(300, 29.97).round(decimals)
        rows = rows_of_frames(times, at(300, 29.97), 300 / 29.97, 0.5 * 10.0**-decimals)
        assert rows.tolist() == list(range(300))


def test_frames_at_a_variable_rate_are_placed_by_their_time_stamps():
    frames = np.array([0.0, 0.02, 0.31, 0.32, 0.95])
    assert rows_of_frames(np.arange(10) / 10, frames, 1.0).tolist() == [0, 0, 3, 3, 9]


def test_a_few_rows_more_or_fewer_are_the_end_and_many_are_a_mistake():
    frames, times = at(100, 25), np.arange(60) / 10
    assert rows_of_frames(times[:40], frames, 4.0)[-1] == 39
    assert rows_of_frames(times[:45], frames, 4.0)[-1] == 39
    late = rows_of_frames(times[:38], frames, 4.0)
    assert late[:95].min() >= 0
    assert set(late[95:]) == {-1}
    with pytest.raises(ValueError, match=r"the table ends at 3 s, but the video at 4 s; add the missing rows"):
        rows_of_frames(times[:30], frames, 4.0)
    with pytest.raises(ValueError, match=r"the table ends at 6 s, but the video at 4 s; give the labels of this video"):
        rows_of_frames(times, frames, 4.0)


def test_gaps_and_another_origin_are_refused():
    times = np.arange(40) / 10
    with pytest.raises(ValueError, match=r"rows are 0.1 s apart, but the row after 0.9 s is at 1.5 s"):
        rows_of_frames(np.delete(times, range(10, 15)), at(100, 25), 4.0)
    with pytest.raises(ValueError, match=r"the first row is at 12 s, but the video begins at 0 s"):
        rows_of_frames(times + 12, at(100, 25), 4.0)
    assert rows_of_frames(times + 0.05, at(100, 25), 4.0)[0] == 0
