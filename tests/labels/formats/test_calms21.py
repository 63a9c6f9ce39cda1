"""Sequences of CalMS21 and MABe."""

import pytest

from ethomake.labels.formats import calms21, count_any_positives
from ethomake.labels.policies import Policies
from ethomake.labels.timeline import Timeline

from .reading import reader_of, saver

VOCAB = {"attack": 0, "mount": 2, "other": 3}


def calms(annotations, name="task1/train/mouse001_task1_annotator1", vocab=None, **more):
    keypoints = [[[[1.5, 2.5]] * 2] * 2] * 3
    sequence = {"keypoints": keypoints, "scores": [], "annotations": annotations}
    return {"annotator-id_0": {name: {**sequence, "metadata": {"vocab": vocab or VOCAB}}, **more}}


save = saver("a.json")


labels, refusal = reader_of("calms21", frames=4, rate=30, video="mouse001_task1_annotator1.avi")


def test_each_frame_has_the_class_of_its_number(save):
    path = save(calms([0, 3, 2, None]))
    assert labels(path) == {"attack": "100?", "mount": "001?", "other": "010?"}
    assert count_any_positives(path).counts == {"attack": 1, "mount": 1, "other": 1}


def test_the_layouts_of_mabe_are_read(save):
    of_one = {"vocabulary": {"attack": 0, "other": 1}, "sequences": {"s1": {"annotations": [0, 1], "annotator_id": 0}}}
    assert labels(save(of_one), video="s1.mp4") == {"attack": "10", "other": "01"}
    of_many = {"vocabulary": ["chase", "rest"], "sequences": {"s1": {"annotations": [[0, 1], [1, None]]}}}
    assert labels(save(of_many), video="s1.mp4") == {"chase": "01", "rest": "1?"}
    reverse = {"sequences": of_many["sequences"], "vocabulary": of_many["vocabulary"]}
    assert labels(save(reverse), video="s1.mp4") == {"chase": "01", "rest": "1?"}


def test_a_video_takes_the_sequence_with_its_name(save):
    other = {"annotations": [2], "metadata": {"vocab": VOCAB}}
    path = save(calms([0], **{"task1/train/mouse002_task1_annotator1": other}))
    assert labels(path, video="Mouse002_task1_annotator1.mp4")["mount"] == "1"
    assert "the labels of 2 sequences (task1/train/mouse001" in refusal(path, video="m.mp4")
    assert "and none is named" in refusal(path, video="")
    path = save(calms([0]) | {"annotator-id_1": calms([2])["annotator-id_0"]})
    assert "several have the name of the video" in refusal(path)
    (note,) = calms21.read(save(calms([0])), Timeline.regular(1, 30, "m.mp4"), Policies()).notes
    assert "the labels are of the sequence task1/train/mouse001_task1_annotator1, not m.mp4" in note


MISTAKES = {
    "frame 1: the class 1 is not in the vocabulary": calms([0, 1]),
    "frame 0: the class True is not in the vocabulary": calms([True]),
    "there are no annotations": calms(None),
    "the vocabulary: names and numbers": calms([0], vocab={"attack": 0, "mount": 0}),
    "the vocabulary: classes must have whole numbers": calms([0], vocab={"attack": [0]}),
    "chase, frame 1: 2 where 0, 1 or null is due": {
        "vocabulary": ["chase"],
        "sequences": {"s": {"annotations": [[0, 2]]}},
    },
    "2 lists of annotations for 1 names": {"vocabulary": ["chase"], "sequences": {"s": {"annotations": [[0], [0]]}}},
    "the labels of 0 sequences (), and there is none": {"vocabulary": ["chase"], "sequences": {}},
}


@pytest.mark.parametrize("said", MISTAKES)
def test_mistakes_are_told_with_the_frame(save, said):
    assert said in refusal(save(MISTAKES[said]))
