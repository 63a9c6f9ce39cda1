"""Lists of bouts to labels by frame."""

from pathlib import Path

import numpy as np
import pytest

from ethomake.errors import InputError
from ethomake.labels.intervals import Bout, Intervals, Stretch, count_bouts, to_labels
from ethomake.labels.policies import Policies
from ethomake.labels.timeline import Timeline

from .formats.reading import show

LINE = Timeline.regular(10, 10, video="a.mp4")


def intervals(*bouts, **more):
    """Intervals of (behavior, start, stop, ...) with rows counted from 2, as below a header."""
    made = [
        Bout(name, start, stop, f"line {row}", **(rest[0] if rest else {}))
        for row, (name, start, stop, *rest) in enumerate(bouts, start=2)
    ]
    return Intervals(Path("list.csv"), made, **more)


def labels(given, line=LINE, **policies):
    return show(to_labels(given, line, Policies(**policies)))


def test_bouts_are_placed_by_seconds_or_frames():
    assert labels(intervals(("walk", 0.1, 0.3), ("rear", 0.8, 1.0), ("walk", 0.5, 0.61))) == {
        "walk": "0110010000",
        "rear": "0000000011",
    }
    assert labels(intervals(("walk", 1, 3), ("rear", 8, 10), unit="frames")) == {
        "walk": "0110000000",
        "rear": "0000000011",
    }


def test_labels_agree_with_a_loop_at_a_variable_rate():
    rng = np.random.default_rng(0)
    edges = np.cumsum(rng.uniform(0.01, 0.2, 200))
    line = Timeline(edges[:-1] - edges[0], edges[1:] - edges[0], 10.0)
    ends = np.sort(rng.uniform(0, line.end, 40)).reshape(-1, 2)
    given = intervals(*(("ab"[number % 2], start, stop) for number, (start, stop) in enumerate(ends)))
    table = to_labels(given, line, Policies(empty="warn"))
    middles = (line.begins + line.ends) / 2
    for column, name in enumerate(table.behaviors):
        expected = [
            int(any(bout.behavior == name and bout.start <= middle < bout.stop for bout in given.bouts))
            for middle in middles
        ]
        assert table.values[:, column].tolist() == expected


PROBLEMS = {
    "unpaired": intervals(("walk", 0.1, 0.3), ("walk", 0.7, None)),
    "overlap": intervals(("walk", 0.1, 0.5), ("walk", 0.3, 0.7)),
    "beyond": intervals(("walk", 0.1, 0.3), ("walk", 0.8, 1.7)),
    "empty": intervals(("walk", 0.1, 0.3), ("walk", 0.71, 0.72)),
    "points": intervals(("walk", 0.1, 0.3), ("walk", 0.72, None, {"point": True})),
}


@pytest.mark.parametrize(
    ("kind", "policy", "expected", "done"),
    [
        ("unpaired", "warn", "0110000000", "states without the other end were left out"),
        ("unpaired", "fix", "0110000111", "states without the other end went on to that of what was observed"),
        ("overlap", "warn", "0111111000", "overlapping bouts were made one"),
        ("overlap", "fix", "0111111000", "overlapping bouts were made one"),
        ("beyond", "warn", "0110000011", "cut at the ends of the video"),
        ("beyond", "fix", "0110000011", "cut at the ends of the video"),
        ("empty", "warn", "0110000000", "bouts without a frame were left out"),
        ("empty", "fix", "0110000100", "bouts without a frame got the one at their start"),
        ("points", "frame", "0110000100", "events without duration got the frame at their time"),
        ("points", "ignore", "0110000000", "events without duration were left out"),
    ],
)
def test_a_problem_stops_or_is_mended_as_the_policy_says(kind, policy, expected, done):
    others = dict.fromkeys(("unpaired", "overlap", "beyond", "empty"), "fix") | {"points": "frame"}
    with pytest.raises(InputError, match=rf"^list\.csv, line 3: walk .*; .*, or set labels.{kind} to ") as caught:
        labels(PROBLEMS[kind], **(others | {kind: "error"}))
    assert "\n" not in str(caught.value)
    table = to_labels(PROBLEMS[kind], LINE, Policies(**{kind: policy}))
    assert labels(PROBLEMS[kind], **{kind: policy}) == {"walk": expected}
    notes, silent = (table.mended, table.notes) if policy == "fix" else (table.notes, table.mended)
    assert silent == ()
    assert notes == (f"line 3: {done} ({kind}: {policy})",)


def test_a_state_that_never_began_begins_with_the_observation():
    given = intervals(("walk", None, 0.4), observed=[Stretch(0.2, 0.9)])
    assert labels(given, unpaired="fix") == {"walk": "??1100000?"}
    with pytest.raises(InputError, match=r"line 2: walk stops at 0.4 but never started; add the other end"):
        labels(given)


def test_a_state_without_its_other_end_stays_in_its_observation():
    parts = [Stretch(0.0, 0.5, observation="o1"), Stretch(0.5, 1.0, observation="o2")]
    bouts = (("walk", 0.1, None, {"observation": "o1"}), ("rear", None, 0.7, {"observation": "o2"}))
    found = labels(intervals(*bouts, observed=parts), unpaired="fix")
    assert found == {"walk": "0111100000", "rear": "0000011000"}


@pytest.mark.parametrize(
    ("bout", "message"),
    [
        (("walk", 0.5, 0.4), "line 2: walk stops at 0.4, before it starts at 0.5; correct"),
        (("walk", None, None), "line 2: walk has no times"),
        (("walk", float("nan"), 1.0), "line 2: walk has no number as its time"),
        (("walk", 0.0, float("inf")), "line 2: walk has no number as its time"),
    ],
)
def test_times_that_make_no_sense_are_errors_whatever_the_policies(bout, message):
    policies = dict.fromkeys(("unpaired", "overlap", "beyond", "empty"), "fix")
    with pytest.raises(InputError, match=message):
        labels(intervals(bout), **policies)


def test_the_last_bout_may_end_a_frame_after_the_video():
    assert labels(intervals(("walk", 0.85, 1.09))) == {"walk": "0000000011"}
    assert labels(intervals(("walk", -0.05, 0.1))) == {"walk": "1000000000"}
    with pytest.raises(InputError, match=r"line 2: walk goes to 11, .* from 0 to 10; give the labels of"):
        labels(intervals(("walk", 5, 11), unit="frames"))
    assert labels(intervals(("walk", 20.0, 21.0), ("rear", 0.0, 0.1)), beyond="warn") == {"rear": "1000000000"}


def test_points_at_the_ends_and_beyond():
    point = {"point": True}
    given = intervals(("peck", 0.0, None, point), ("peck", 1.0, None, point))
    assert labels(given, points="frame") == {"peck": "1000000001"}
    for unit, at in (("seconds", 1.3), ("frames", 10)):
        with pytest.raises(InputError, match="line 2: peck goes to"):
            labels(intervals(("peck", at, None, point), unit=unit), points="frame")
    assert labels(intervals(("peck", 9, None, point), unit="frames"), points="frame") == {"peck": "0000000001"}


def test_what_was_not_observed_is_not_scored_and_the_row_is_told():
    given = intervals(("walk", 0.1, 0.3), observed=[Stretch(0.2, 0.5), Stretch(0.7, 0.8)])
    assert labels(given) == {"walk": "??100??0??"}
    table = to_labels(given, LINE, Policies())
    assert table.observed.tolist() == [False, False, True, True, True, False, False, True, False, False]
    told = "6 of 10 frames are outside of what was observed: not scored, also in the bouts of line 2"
    assert table.notes == (told,)


def test_behaviors_that_were_scored_are_absent_without_bouts():
    given = intervals(("walk", 0.1, 0.5), scored=("rear", "walk"))
    assert labels(given) == {"rear": "0000000000", "walk": "0111100000"}
    assert to_labels(given, LINE, Policies()).observed is None


def test_modifiers_are_left_out_or_part_of_the_name():
    given = intervals(
        ("walk", 0.1, 0.3, {"modifiers": ("fast", "None", "")}), ("walk", 0.5, 0.6), ("background", 0.0, 1.0)
    )
    assert labels(given) == {"walk": "0110010000"}
    assert labels(given, modifiers="name") == {"walk:fast": "0110000000", "walk": "0000010000"}


def test_one_video_of_several_is_chosen_by_its_name():
    given = intervals(
        ("walk", 0.1, 0.2, {"media": "C:\\x\\A.mp4"}), ("walk", 0.3, 0.4, {"media": "/y/b.avi"}), media=("c.mp4",)
    )
    assert labels(given) == {"walk": "0100000000"}
    assert labels(given, Timeline.regular(10, 10, "b.mp4")) == {"walk": "0001000000"}  # converted: the same stem
    assert labels(given, Timeline.regular(10, 10, "c.mp4")) == {}
    for name, told in (("d.mp4", "none is d.mp4"), ("", "which one is meant is not known")):
        with pytest.raises(InputError, match=rf"the labels of 3 videos \(c.mp4, A.mp4, b.avi\), and {told}; correct"):
            labels(given, Timeline.regular(10, 10, name))
    one = intervals(("walk", 0.1, 0.2, {"media": "x.mp4"}))
    assert labels(one) == {"walk": "0100000000"}
    assert to_labels(one, LINE, Policies()).notes == ("the labels name the video x.mp4, not a.mp4",)


def test_one_subject_of_several_is_chosen_by_the_table():
    given = intervals(
        ("walk", 0.1, 0.2, {"subject": "one"}), ("walk", 0.3, 0.4, {"subject": "Two"}), ("walk", 0.5, 0.6)
    )
    line = Timeline.regular(10, 10, "a.mp4", "two")
    assert labels(given, line) == {"walk": "0001000000"}
    assert any("2 entries of other subjects" in note for note in to_labels(given, line, Policies()).notes)
    for name, told in (("", "the video table names none"), ("ten", "none is ten")):
        with pytest.raises(InputError, match=rf"of 3 subjects \(one, Two, no subject\), and {told}; write one of them"):
            labels(given, Timeline.regular(10, 10, "a.mp4", name))
    single = intervals(("walk", 0.1, 0.2, {"subject": "one"}))
    assert labels(single) == labels(single, line) == {"walk": "0100000000"}
    known = intervals(("walk", 0.1, 0.2, {"subject": "one"}), subjects=("one", "two"), scored=("walk",))
    assert labels(known, line) == {"walk": "0000000000"}


@pytest.mark.parametrize("scored", ["m1", ""])
def test_a_subject_that_a_file_does_not_know_is_an_error_if_it_knows_several(scored):
    bouts = [("walk", 0.1, 0.2, {"subject": scored})] if scored else []
    given = intervals(*bouts, subjects=("m1", "m2"), scored=("walk",))
    line = Timeline.regular(10, 10, "a.mp4", "m3")
    for read in (lambda: labels(given, line), lambda: count_bouts(given, Policies(), "a.mp4", "m3")):
        with pytest.raises(InputError, match=r"the labels of 2 subjects \(m1, m2\), and none is m3; write one of"):
            read()
    assert labels(given) == {"walk": "0100000000" if scored else "0000000000"}  # the row names none
    alone = intervals(*bouts, subjects=("m1",), scored=("walk",))
    assert to_labels(alone, line, Policies()).notes == ("the labels are of subject m1, not m3",)


def test_subjects_that_differ_only_in_case_are_two():
    given = intervals(("walk", 0.1, 0.2, {"subject": "m"}), ("walk", 0.3, 0.4, {"subject": "M"}))
    assert labels(given, Timeline.regular(10, 10, "", "M")) == {"walk": "0001000000"}


def test_bouts_are_counted_before_the_video_is_known():
    given = intervals(
        ("walk", 0.1, 0.2, {"media": "a.mp4"}),
        ("walk", 0.3, 0.4, {"media": "b.mp4"}),
        ("peck", 0.3, None, {"media": "b.mp4", "point": True}),
        scored=("rear",),
    )
    found = count_bouts(given, Policies(), "b.mp4")
    assert (found.counts, found.is_list) == ({"rear": 0, "walk": 1, "peck": 1}, True)
    assert count_bouts(given, Policies(points="ignore"), "b.mp4").counts == {"rear": 0, "walk": 1}
    with pytest.raises(InputError, match="labels of 2 videos"):
        count_bouts(given, Policies())


def test_subjects_cannot_be_told_if_entries_name_none_though_there_are_several():
    given = intervals(("walk", 0.1, 0.3), subjects=("m1", "m2"))
    with pytest.raises(InputError, match=r"the entries are of no subject.*\(m1, m2\), so those of m1 are not known"):
        to_labels(given, Timeline.regular(10, 10, subject="m1"), Policies())
    assert labels(given) == {"walk": "0110000000"}
    alone = intervals(("walk", 0.1, 0.3), subjects=("m1",))
    assert labels(alone, Timeline.regular(10, 10, subject="m1")) == {"walk": "0110000000"}


def test_one_video_in_several_observations_is_an_error_unless_they_are_of_different_times():
    bouts = (("walk", 0.1, 0.3, {"observation": "o1"}), ("rear", 0.6, 0.8, {"observation": "o2"}))
    parts = [Stretch(0.0, 0.5, observation="o1"), Stretch(0.5, 0.9, observation="o2")]
    assert labels(intervals(*bouts, observed=parts)) == {"walk": "011000000?", "rear": "000000110?"}
    overlapping = [Stretch(0.0, 0.6, observation="o1"), Stretch(0.5, 0.9, observation="o2")]
    for observed in (None, overlapping, parts[:1]):
        with pytest.raises(InputError, match=r"scored in 2 observations \(o1, o2\), and which one is"):
            labels(intervals(*bouts, observed=observed))
    one = intervals(*bouts[:1], observed=parts)  # the other one is of another subject, say
    assert labels(one) == {"walk": "01100?????"}


@pytest.mark.parametrize(
    ("paths", "video"),
    [
        (("cam0/a.mp4", "cam1/a.mp4"), "a.mp4"),
        (("cam0\\a.mp4", "cam1\\A.mp4"), "a.mp4"),
        (("a.mp4", "a.avi"), "a.mkv"),
        (("cam0/a.mp4", "cam1/a.mp4"), ""),
        (("cam0/a.mp4", "cam1/a.mp4"), "b.mp4"),
    ],
)
@pytest.mark.parametrize("observation", ["", "o"])
@pytest.mark.parametrize("noted", [1, 2])
def test_videos_of_one_name_are_not_confused(paths, video, observation, noted):
    bouts = [("walk", 0.1, 0.2, {"media": path, "observation": observation}) for path in paths[:noted]]
    given = intervals(*bouts, media=paths)
    shown = r"several videos there could be meant by a\.m" if video.startswith("a") else "labels of 2 videos"
    for read in (lambda: labels(given, Timeline.regular(10, 10, video)), lambda: count_bouts(given, Policies(), video)):
        with pytest.raises(InputError, match=shown) as caught:
            read()
        assert f"({paths[0]}, {paths[1]})" in str(caught.value)


def test_a_name_and_a_path_may_be_of_one_video():
    bouts = [("walk", 0.1, 0.2, {"media": "a.mp4"}), ("walk", 0.3, 0.4, {"media": "C:\\x\\a.mp4"})]
    assert labels(intervals(*bouts, media=("x/a.mp4",))) == {"walk": "0101000000"}


def test_times_in_which_a_behavior_was_not_scored_are_no_bouts():
    given = intervals(("walk", 0.1, 0.3), ("walk", 0.3, 0.5, {"unscored": True}))
    assert labels(given) == {"walk": "011??00000"}
    assert count_bouts(given, Policies()).counts == {"walk": 1}


def test_a_sparse_list_was_scored_where_it_has_entries_only():
    given = intervals(("walk", 1, 3), ("walk", 6, 8, {"absent": True}), unit="frames", sparse=True)
    assert labels(given) == {"walk": "?11???00??"}
    assert to_labels(given, LINE, Policies()).observed is None  # behaviors that are not named were not scored
    assert count_bouts(given, Policies()).counts == {"walk": 1}
    assert labels(intervals(("walk", 1, 3), ("rear", 6, 8, {"absent": True}), unit="frames")) == {
        "walk": "0110000000",
        "rear": "0000000000",
    }
