"""Annotations of the Caltech Behavior Annotator."""

import numpy as np
import pytest

from ethomake.errors import InputError
from ethomake.labels.formats import count_any_positives, read_any_labels
from ethomake.labels.timeline import Timeline

from .reading import reader_of, saver

HEAD = (
    "Caltech Behavior Annotator - Annotation File\r\n\r\nConfiguration file:\r\nbase\tz\r\nwalk\tw\r\nbite\tb\r\n\r\n"
)
RULE = "-----------------------------\r\n"
BOUTS = {
    "S1": [(1, 2, "base"), (3, 6, "walk"), (7, 10, "base")],
    "S2": [(1, 3, "base"), (4, 4, "bite"), (5, 9, "base")],
}


def stream(name, bouts):
    rows = "".join(f"   \t{start}\t{end}\t{code}\r\n" for start, end, code in bouts)
    return f"{name}:\tstart\tend\ttype\r\n{RULE}{rows}  \r\n"


save = saver("a.txt")


def both():
    return HEAD + "".join(stream(name, bouts) for name, bouts in BOUTS.items())


labels, refusal = reader_of("caltech", rate=25)


def test_frames_count_from_1_and_the_end_is_included(save):
    path = save(HEAD + stream("S1", BOUTS["S1"]))
    assert labels(path, 12) == {"base": "1100001111??", "walk": "0011110000??", "bite": "0000000000??"}
    assert count_any_positives(path).counts == {"base": 2, "walk": 1, "bite": 0}


def test_a_gap_was_not_scored(save):
    path = save(HEAD + stream("S1", [(1, 2, "walk"), (5, 6, "base")]))
    assert labels(path, 6) == {"base": "00??11", "walk": "11??00", "bite": "00??00"}


def test_a_subject_may_name_a_stream(save):
    assert labels(save(both()), subject="s2") == {"base": "111011111?", "bite": "000100000?"}
    assert labels(save(both()), subject="S1") == {"base": "1100001111", "walk": "0011110000"}


def test_streams_together_have_the_first_type_where_nothing_else_is(save):
    assert labels(save(both())) == {"base": "110000111?", "walk": "001111000?", "bite": "000100000?"}


def test_which_of_two_streams_is_meant_is_not_guessed(save):
    text = HEAD + stream("S1", [(1, 4, "walk")]) + stream("S2", [(1, 2, "base"), (3, 4, "walk")])
    assert "line 15: walk is in the streams S1 and S2" in refusal(save(text))
    assert "the streams S1, S2, and none is m1" in refusal(save(both()), subject="m1")
    assert "the streams S1, and none is S2" in refusal(save(HEAD + stream("S1", BOUTS["S1"])), subject="S2")


MISTAKES = {
    "line 10: run is not in the configuration (base, walk, bite)": HEAD + stream("S1", [(1, 2, "run")]),
    "line 10: the bout 0 to 2 is not from frame 1 on": HEAD + stream("S1", [(0, 2, "walk")]),
    "line 10: the bout 5 to 2 begins after its end": HEAD + stream("S1", [(5, 2, "walk")]),
    "line 11: a frame of walk has a type already": HEAD + stream("S1", [(1, 5, "base"), (5, 6, "walk")]),
    "line 10: '1 x walk' where start, end and type are due": HEAD + stream("S1", [(1, "x", "walk")]),
    "line 8: 'walk 1 2' where 'S1: start end type' is due": HEAD + "walk 1 2\n",
    "there is no stream": HEAD,
    "a second stream S1": HEAD + stream("S1", [(1, 2, "walk")]) * 2,
    "walk goes to 11, but the video goes from 0 to 10": HEAD + stream("S1", [(1, 11, "walk")]),
}


@pytest.mark.parametrize("said", MISTAKES)
def test_mistakes_are_told_with_the_line(save, said):
    assert said in refusal(save(MISTAKES[said]))


SAMPLES = {  # as counted by the people who gave them
    "1": (14734, "base 2 social 32 nonsocial 24 aggression 12", 107),
    "11": (14778, "base 2 social 18 nonsocial 15 aggression 2", 6),
    "12": (12987, "base 2 social 27 nonsocial 19 aggression 12", 68),
    "14": (15242, "base 2 social 26 nonsocial 23 aggression 4", 21),
    "15": (13800, "base 2 social 15 nonsocial 14", None),
    "20": (13680, "base 2 social 35 nonsocial 33 aggression 6", 39),
}


@pytest.mark.parametrize("number", SAMPLES)
def test_samples_have_the_bouts_of_their_readme(samples, number):
    path = samples / "caltech-annotator" / f"{number}_annot.txt"
    frames, first, second = SAMPLES[number]
    words = first.split()
    counts = count_any_positives(path, subject="S1").counts
    assert {name: count for name, count in counts.items() if count} == dict(
        zip(words[::2], map(int, words[1::2]), strict=True)
    )
    if second is not None:
        assert sum(count_any_positives(path, subject="S2").counts.values()) == second
    values = read_any_labels(path, Timeline.regular(frames, 30, subject="S1")).values
    assert (values == 1).sum(axis=1).tolist() == [1] * frames  # one type a frame, without gaps
    with pytest.raises(InputError, match=f"goes to {frames}"):
        read_any_labels(path, Timeline.regular(frames - 1, 30, subject="S1"))
    assert np.isin(read_any_labels(path, Timeline.regular(frames, 30)).values, (1, 0, -1)).all()
