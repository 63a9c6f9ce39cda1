import pytest

from ethomake.errors import InputError
from ethomake.labels.groups import check_groups, count_outputs, groups_of, in_order, in_words, independent, outputs_of

NAMES = ["rest", "left", "walk", "groom", "right"]


def test_all_none_and_some():
    assert groups_of(True, NAMES) == ((0, 1, 2, 3, 4),)
    assert groups_of(False, NAMES) == groups_of([], NAMES) == ()
    groups = groups_of([["right", "left"], ["rest", "walk"]], NAMES)
    assert groups == ((0, 2), (1, 4))
    assert independent(groups, 5) == (3,)
    assert list(outputs_of(groups)) == [((0, 2), [0, 2, 4]), ((1, 4), [1, 3, 6])]
    assert [count_outputs(each, NAMES) for each in (True, False, [["rest", "walk"], ["left", "right"]])] == [6, 5, 7]


def test_the_same_groups_are_the_same_setting():
    one, other = [["right", "left"], ["rest", "walk"]], [["walk", "rest"], ["left", "right"]]
    assert in_order(one, NAMES) == in_order(other, NAMES) == [["rest", "walk"], ["left", "right"]]
    assert in_order([NAMES[::-1]], NAMES) is True
    assert in_order([], NAMES) is False
    assert in_words(one, NAMES) == "at most one at a time of rest, walk and of left, right"


@pytest.mark.parametrize(
    ("groups", "problem"),
    [
        ([["rest"]], "at least two"),
        ([[]], "at least two"),
        ([["rest", "walk"], ["left", "rest"]], "'rest' is named twice"),
        ([["rest", "fly"]], "'fly' is not one of the behaviors"),
    ],
)
def test_groups_that_are_none(groups, problem):
    with pytest.raises(InputError, match=problem):
        check_groups(groups, NAMES)
    check_groups([["rest", "walk"], ["left", "right"]], NAMES)
