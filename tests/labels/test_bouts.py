import numpy as np
import pytest

from ethomake.labels.bouts import find_bouts, find_scored_bouts


def bouts(text):
    """Bouts in frames of one behavior: # present, . absent, ? not scored."""
    frames = np.array(list(text))
    return find_scored_bouts(frames == "#", frames != "?").tolist()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("....", []),
        ("????", []),
        ("##..#", [[0, 2], [4, 5]]),
        ("##?##", [[0, 5]]),
        ("##???##", [[0, 7]]),
        ("##????##", [[0, 2], [6, 8]]),  # as long as what is seen of the behavior
        ("#????#####", [[0, 10]]),
        ("##?.##", [[0, 2], [4, 6]]),  # seen to have ended
        ("##.?##", [[0, 2], [4, 6]]),
        ("##?.?##", [[0, 2], [5, 7]]),
        ("##?", [[0, 2]]),  # nothing is known of what follows
        ("?##", [[1, 3]]),
        (".?##?.", [[2, 4]]),
        ("##?##?##", [[0, 8]]),
        ("#?#????#?#", [[0, 3], [7, 10]]),  # each stretch is compared with the runs right beside it
        ("##??##.##????##", [[0, 6], [7, 9], [13, 15]]),
    ],
)
def test_a_bout_goes_on_over_a_short_unscored_stretch_with_the_behavior_on_both_sides(text, expected):
    assert bouts(text) == expected


def test_where_all_is_scored_bouts_are_runs():
    on = np.random.default_rng(0).random(500) < 0.5
    assert np.array_equal(find_scored_bouts(on, np.ones(500, bool)), find_bouts(on))


def test_what_is_on_in_unscored_frames_does_not_count():
    on, scored = np.array([0, 1, 1, 1, 0, 0]) == 1, np.array([1, 0, 0, 0, 1, 1]) == 1
    assert find_scored_bouts(on, scored).shape == (0, 2)


def test_scored_bouts_end_where_nothing_was_filmed():
    on = np.array([0, 1, 1, 1, 1, 0, 1, 1]) == 1
    scored = np.array([1, 1, 1, 0, 1, 1, 1, 1]) == 1
    assert find_scored_bouts(on, scored).tolist() == [[1, 5], [6, 8]]
    assert find_scored_bouts(on, scored, [7]).tolist() == [[1, 5], [6, 7], [7, 8]]
    assert find_scored_bouts(on, scored, [3]).tolist() == [[1, 3], [4, 5], [6, 8]]
    assert find_scored_bouts(on, scored, [4]).tolist() == [[1, 3], [4, 5], [6, 8]]
