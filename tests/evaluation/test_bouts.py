import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from ethomake.evaluation.bouts import bout_f1, count_bouts, match_bouts
from ethomake.labels.bouts import find_bouts


def frames(text):
    """(T, 1) labels or decisions: # present, . absent, ? not scored."""
    return np.array([{"#": 1, ".": 0, "?": -1}[letter] for letter in text], np.int8)[:, None]


def counts(human, model, iou=0.5):
    found = count_bouts(frames(human), frames(model), iou)
    return tuple(int(getattr(found, name)[0]) for name in ("matched", "labelled", "predicted"))


@pytest.mark.parametrize(
    ("human", "model", "expected"),
    [
        ("..####..", "..####..", (1, 1, 1)),
        ("..####..", "...####.", (1, 1, 1)),  # 3 of 5
        ("..####..", "....####", (0, 1, 1)),  # 2 of 6
        ("..####..", "..##....", (1, 1, 1)),  # half
        ("..####..", "##.#####", (1, 1, 2)),
        ("####.###", "########", (1, 2, 1)),  # one bout for two of them
        ("########", "####.###", (1, 1, 2)),
        ("........", "..##....", (0, 0, 1)),
        ("..##....", "........", (0, 1, 0)),
        ("........", "........", (0, 0, 0)),
        ("", "", (0, 0, 0)),
    ],
)
def test_bouts_are_counted(human, model, expected):
    assert counts(human, model) == expected


@pytest.mark.parametrize(
    ("human", "model", "expected"),
    [
        ("????..##", "####..##", (1, 1, 1)),  # predicted where nobody looked
        ("??####..", "######..", (1, 1, 1)),  # begins before anybody looked
        ("##??##", "######", (1, 1, 1)),  # goes on alike on both sides
        ("##????##", "########", (2, 2, 2)),  # cut alike
        ("##??##", "##..#.", (1, 1, 1)),
        ("??......", "####....", (0, 0, 1)),  # its scored part is wrong
        ("????????", "..####..", (0, 0, 0)),
    ],
)
def test_only_scored_frames_count(human, model, expected):
    assert counts(human, model) == expected


def test_a_pair_needs_the_least_iou():
    human, model = "##########", "####......"
    assert counts(human, model, 0.4) == (1, 1, 1)
    assert counts(human, model, 0.41) == (0, 1, 1)


def test_two_agree_although_each_overlaps_best_with_the_same_one():
    # first label and second prediction overlap best (4 of 10 frames), but both have another partner (2 of 7)
    human = "#######.##"
    model = "##.#######"
    assert counts(human, model, 0.2) == (2, 2, 2)


@pytest.mark.parametrize("iou", [1e-9, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0])
def test_no_assignment_has_more_pairs(iou):
    random = np.random.default_rng(0)
    several = 0
    for _ in range(400):
        stay = random.uniform(0.3, 0.9)
        both = [np.cumsum(random.random(30) > stay) % 2 == 1 for _ in range(2)]
        human, model = map(find_bouts, both)
        pairs = match_bouts(human, model, iou)
        assert len(np.unique(pairs[:, 0])) == len(np.unique(pairs[:, 1])) == len(pairs)
        masks = [[np.isin(np.arange(30), np.arange(start, stop)) for start, stop in bouts] for bouts in (human, model)]
        agree = np.array(
            [[(one & two).sum() / (one | two).sum() >= iou for two in masks[1]] for one in masks[0]], bool
        ).reshape(len(human), len(model))
        assert all(agree[i, j] for i, j in pairs)
        assert len(pairs) == agree[linear_sum_assignment(agree, maximize=True)].sum()
        several += int((agree.sum(axis=0) > 1).any() or (agree.sum(axis=1) > 1).any())
    assert several > 20 or iou > 0.3  # where partners can be chosen, some have more than one


def test_f1_of_several_videos_is_that_of_all_their_bouts():
    one = count_bouts(np.hstack([frames("##..##"), frames("......")]), np.hstack([frames("##...."), frames("..#...")]))
    two = count_bouts(np.hstack([frames("..##"), frames("....")]), np.hstack([frames("#.##"), frames("....")]))
    f1 = bout_f1(one + two)
    assert f1[0] == pytest.approx(2 * 2 / (3 + 3))
    assert np.isnan(f1[1])  # no labelled bout
    assert bout_f1(one)[0] == pytest.approx(2 / 3)
