"""Sheets of Solomon Coder."""

import pytest

from ethomake.labels.check import choose_behaviors
from ethomake.labels.formats import count_any_positives, solomon
from ethomake.labels.policies import Policies
from ethomake.labels.timeline import Timeline

from .reading import reader_of, saver

SHEET = "Time,Posture,Act\n0,sit,\n0.2,sit,lick\n0.4,,lick\n0.6,stand,\n0.8,stand,\n"


save = saver("a.csv")


labels, refusal = reader_of("solomon")


@pytest.mark.parametrize("change", [(",", ","), (",", ";"), (",", "\t"), ("\n", "\r\n"), ("Time", "Time (s)")])
def test_rows_are_time_steps_with_names(save, change):
    path = save(SHEET.replace(*change))
    assert labels(path) == {"sit": "1111000000", "lick": "0011110000", "stand": "0000001111"}
    assert count_any_positives(path).counts == {"sit": 2, "lick": 2, "stand": 2}


def test_frames_after_the_last_row_were_not_scored(save):
    rows = "".join(f"{number / 10},{'sit' if number < 30 else ''}\n" for number in range(100))
    path = save("Time,Behaviour\n" + rows)
    assert labels(path, 102) == {"sit": "1" * 30 + "0" * 70 + "??"}


def test_a_behavior_that_is_in_no_row_was_absent(save):
    table = solomon.read(save(SHEET), Timeline.regular(10, 10), Policies())
    chosen = choose_behaviors(table, "a.csv", behaviors=["sit", "stand", "lick", "rear"])
    assert chosen.values[:, 3].tolist() == [0] * 10


def test_a_subject_may_name_a_column(save):
    path = save(SHEET.replace("stand", "lick"))
    assert labels(path, subject="Posture") == {"sit": "1111000000", "lick": "0000001111"}
    assert "line 5: lick is in the columns Act and Posture" in refusal(path)


def test_other_tables_by_time_are_no_sheets(save):
    for text in (
        SHEET.replace("Posture", "Status"),  # a table of events
        "time,walk\n0,1\n0.2,0\n0.4,1\n",  # a binary table
        "time,walk,note\n0,1,hm\n0.2,0,\n0.4,1,\n",
        "Time,Behavior\n0.31,walk\n0.9,walk\n4,rear\n",  # events at any time
    ):
        assert not solomon.sniff(save(text))


def test_a_table_that_is_not_of_the_video_is_refused(save):
    assert "the table ends at 1 s, but the video at 2 s" in refusal(save(SHEET), frames=20)


def test_numbers_between_names_are_refused(save):
    path = save("Time,Act\n" + "".join(f"{step / 10:.1f},sit\n" for step in range(9000)) + "900.0,1\n")
    assert "line 9002: column 'Act' holds 1 where the name of a behavior" in refusal(path)
