"""Annotations of BENTO and MARS, and those that are written."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from ethomake.errors import InputError
from ethomake.labels.formats import bento, count_any_positives, recognize
from ethomake.labels.policies import Policies
from ethomake.labels.table import LabelTable
from ethomake.labels.timeline import Timeline

from .reading import reader_of, saver, show


def annot(channels, *, kind="frame", span=(1, 10), rate=30.0, names=("walk", "rear"), movie="films/a.seq"):
    """Return a file as BENTO's `saveAnnot` writes it: frames, or times of three numbers a bout."""
    text = f"Bento annotation file\nMovie file(s):  {movie} \n\nStimulus name: \n"
    text += f"Annotation start {kind}: {span[0]}\nAnnotation stop {kind}: {span[1]}\nAnnotation framerate: {rate:f}\n\n"
    text += "List of channels:\n" + "".join(f"{name}\n" for name in channels) + "\n"
    text += "List of annotations:\n" + "".join(f"{name}\n" for name in names) + "\n"
    for channel, behaviors in channels.items():
        text += f"{channel}----------\n"
        for name, bouts in behaviors.items():
            rows = "".join(f"{start}\t{stop}\t{stop - start + 1}\n" for start, stop in bouts)
            text += f">{name}\nStart\t Stop\t Duration \n{rows}\n"
        text += "\n"
    return text


save = saver("a.annot")


labels, refusal = reader_of("bento", rate=30)


def test_frames_count_from_1_and_the_stop_is_included(save):
    path = save(annot({"Ch1": {"walk": [(1, 2), (5, 5)], "rear": [(10, 10)]}}))
    assert labels(path) == {"walk": "1100100000", "rear": "0000000001"}
    assert count_any_positives(path).counts == {"walk": 2, "rear": 1}


def test_times_are_the_number_of_the_frame_by_the_rate_of_the_file(save):
    bouts = [(1 / 30, 2 / 30), (0.1666667, 5 / 30)]
    for kind, span in (("time", (3.333333e-02, 3.333333e-01)), ("frame", (1, 10))):  # later versions, with old header
        path = save(annot({"Ch1": {"walk": bouts}}, kind=kind, span=span))
        assert labels(path) == {"walk": "1100100000", "rear": "0000000000"}
        assert labels(path, rate=15)["walk"] == "1100100000"  # frames, whatever the time stamps
    path = save(annot({"Ch1": {"walk": [(0.0, 1 / 30), (5 / 30, 5 / 30)]}}, kind="time", span=(0, 9 / 30)))
    assert labels(path)["walk"] == "1100010000"


def test_frames_outside_of_the_annotated_ones_were_not_scored(save):
    assert labels(save(annot({"Ch1": {"walk": [(3, 4)]}}, span=(3, 8)))) == {
        "walk": "??110000??",
        "rear": "??000000??",
    }


def test_the_annotated_frames_must_be_in_the_video(save):
    frames = annot({"Ch1": {"walk": [(3, 4)]}}, span=(1, 900))
    times = annot({"Ch1": {"walk": [(0.1, 4 / 30)]}}, kind="time", span=(1 / 30, 30))
    for text in (frames, times):
        path = save(text)
        assert "line 6: what was observed goes to 900, but the video to 10; give the labels of" in refusal(path)
        assert labels(path, beyond="warn")["walk"] == "0011000000"


def test_frames_that_were_not_annotated_are_told(save):
    path = save(annot({"Ch1": {"walk": [(3, 4), (5, 8)]}}, span=(1, 5)))
    table = bento.read(path, Timeline.regular(10, 30), Policies())
    assert show(table)["walk"] == "00111?????"
    assert table.notes == ("5 of 10 frames are outside of what was observed: not scored, also in the bouts of line 20",)


def test_one_end_of_the_annotated_frames_is_enough(save):
    text = annot({"Ch1": {"walk": [(3, 4)]}}, span=(3, 8))
    assert labels(save(text.replace("start frame: 3", "start frame: ")))["walk"] == "00110000??"
    assert labels(save(text.replace("Annotation stop frame: 8\n", "")))["walk"] == "??11000000"


def test_channels_are_subjects(save):
    path = save(annot({"Ch1": {"walk": [(1, 2)]}, "Ch2": {"walk": [(4, 5)]}}))
    assert labels(path, subject="Ch2")["walk"] == "0001100000"
    assert "the labels of 2 subjects (Ch1, Ch2)" in refusal(path)
    assert labels(save(annot({"Ch1": {"walk": [(1, 2)]}, "Ch2": {"walk": []}})))["walk"] == "1100000000"


def test_the_file_of_mars_is_read(save):
    text = annot({"classifier_output": {"walk": [(2, 3)]}}).replace(
        "Movie file(s):  films/a.seq", "Movie file(s):\na.seq"
    )
    assert labels(save(text.replace("\t Stop\t Duration ", "\tStop\tDuration")))["walk"] == "0110000000"


MISTAKES = {
    "line 19: walk stops before it starts": annot({"Ch1": {"walk": [(3, 2)]}}),
    "line 19: walk has 'x' as its start or stop": annot({"Ch1": {"walk": [(3, 4)]}}).replace("\n3\t", "\nx\t"),
    "line 19: '3 4 2 9' where start, stop and duration": annot({"Ch1": {"walk": [(3, 4)]}}).replace(
        "3\t4\t2", "3 4 2 9"
    ),
    "line 19: walk begins at -1, but the video": annot({"Ch1": {"walk": [(0, 2)]}}),
    "line 19: walk goes to 12, but the video": annot({"Ch1": {"walk": [(3, 12)]}}),
    "line 20: walk begins before the bout of line 19 has ended": annot({"Ch1": {"walk": [(3, 5), (5, 6)]}}),
    "line 5: 'annotation start frame' is 'x'; write a number": annot({"Ch1": {}}, span=("x", 10)),
    "line 6: 'annotation stop time' is 'nan'; write a number": annot({"Ch1": {}}, kind="time", span=(1, "nan")),
    "line 6: the annotation stops before it starts": annot({"Ch1": {}}, span=(5, 4)),
    "no 'Annotation framerate'": annot({"Ch1": {"walk": [(0.1, 0.2)]}}).replace("framerate: 30", "framerate: "),
    "there is no channel": "Bento annotation file\n\n",
    "the channel Ch1 is listed, but nothing is said of": annot({"Ch1": {}}).partition("Ch1---")[0],
    "the channel Ch2 is listed, but nothing is said of": annot({"Ch1": {"walk": [(1, 2)]}, "Ch2": {}}).partition(
        "Ch2---"
    )[0],
    "there is no channel, so nothing": annot({}),
    "line 15: 'Ch1----------' in the list of annotations; put a blank line": annot({"Ch1": {"walk": [(1, 2)]}}).replace(
        "\n\nCh1---", "\nCh1---"
    ),
    "line 14: '>rear' in the list of annotations": annot({"Ch1": {}}).replace("rear\n", ">rear\n"),
    "line 11: 'List of annotations:' in the list of channels": annot({"Ch1": {}}).replace(
        "\n\nList of a", "\nList of a"
    ),
    "line 17: there is no behavior after '>'": annot({"Ch1": {" ": [(1, 2)]}}),
}


@pytest.mark.parametrize("said", MISTAKES)
def test_mistakes_are_told_with_the_line(save, said):
    assert said in refusal(save(MISTAKES[said]))


@st.composite
def drawn(draw):
    """Labels with 1, 0 and -1, of any names."""
    names = draw(st.lists(st.sampled_from(["walk", "rear up", "=>", "歩く", "a--", "Start"]), min_size=1, unique=True))
    values = draw(arrays.arrays(np.int8, (draw(st.integers(1, 40)), len(names)), elements=st.sampled_from([0, 1, -1])))
    rate, subject = draw(st.sampled_from([25, 29.97, 1000])), draw(st.sampled_from(["", "m1", "a b--", ">x", "---"]))
    return LabelTable(tuple(names), values), Timeline.regular(len(values), rate, "a.mp4", subject)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(case=drawn())
def test_labels_come_back_as_they_were(tmp_path_factory, case):
    table, line = case
    path = tmp_path_factory.getbasetemp() / "written.annot"
    bento.write(table, line, path)
    assert recognize(path) == "bento"
    back = bento.read(path, line, Policies())
    assert back.behaviors == table.behaviors
    np.testing.assert_array_equal(back.values, table.values)


@pytest.mark.parametrize("name", [">walk", "walk---", "List of channels:", "not scored: walk"])
def test_names_that_mean_something_else_in_a_file_are_not_written(tmp_path, name):
    table = LabelTable((name,), np.ones((3, 1), np.int8))
    with pytest.raises(InputError, match=rf"a\.annot: the behavior '{name}' has the .*; rename it$"):
        bento.write(table, Timeline.regular(3, 30), tmp_path / "a.annot")
    assert not any(tmp_path.iterdir())
