"""Projects of the VGG Image Annotator 3."""

import copy
import json

import pytest

from ethomake.labels.formats import count_any_positives, via
from ethomake.labels.policies import Policies
from ethomake.labels.timeline import Timeline

from .reading import reader_of

PROJECT = {  # as VIA 3.0 saves it
    "project": {"pid": "__VIA_PROJECT_ID__", "data_format_version": "3.1.2", "vid_list": ["1", "2"]},
    "config": {"file": {"loc_prefix": {"1": ""}}},
    "attribute": {
        "1": {"aname": "act", "anchor_id": "FILE1_Z2_XY0", "type": 4, "options": {"0": "walk", "1": "rear"}},
        "2": {"aname": "more", "anchor_id": "FILE1_Z2_XY0", "type": 2, "options": {"0": "sniff", "1": "lick"}},
        "3": {"aname": "box", "anchor_id": "FILE1_Z1_XY1", "type": 4, "options": {"0": "mouse"}},
    },
    "file": {
        "1": {"fid": "1", "fname": "a.mp4", "type": 4, "loc": 1, "src": ""},
        "2": {"fid": "2", "fname": "b.mp4", "type": 4, "loc": 1, "src": ""},
        "3": {"fid": "3", "fname": "a.wav", "type": 8, "loc": 1, "src": ""},
    },
    "metadata": {
        "1_a": {"vid": "1", "flg": 0, "z": [0.2, 0.4], "xy": [], "av": {"1": "0"}},
        "1_b": {"vid": "1", "flg": 0, "z": [0.5, 0.7], "xy": [], "av": {"1": "", "2": "0,1"}},
        "1_c": {"vid": "1", "flg": 0, "z": [0.5], "xy": [2, 1, 1, 5, 5], "av": {"3": "0"}},
        "2_a": {"vid": "2", "flg": 0, "z": [0.1, 0.3], "xy": [], "av": {"1": "1"}},
    },
    "view": {"1": {"fid_list": ["1", "3"]}, "2": {"fid_list": ["2"]}},
}


@pytest.fixture
def save(tmp_path):
    def _save(change=lambda project: None):
        project = copy.deepcopy(PROJECT)
        change(project)
        path = tmp_path / "a.json"
        path.write_text(json.dumps(project))
        return path

    return _save


labels, refusal = reader_of("via")


def test_segments_are_bouts_of_the_options_chosen_and_regions_are_left_out(save):
    path = save()
    expected = {"walk": "0011000000", "rear": "0000000000", "sniff": "0000011000", "lick": "0000011000"}
    assert labels(path) == expected
    assert labels(path, video="b.mp4") == dict.fromkeys(expected, "0000000000") | {"rear": "0110000000"}
    assert count_any_positives(path, video="a.mp4").counts == {"walk": 1, "rear": 0, "sniff": 1, "lick": 1}
    assert via.read(path, Timeline.regular(10, 10, "a.mp4"), Policies()).ignored == (
        "1 regions, or remarks on whole files",
    )
    assert "the labels of 2 videos (a.mp4, b.mp4), and none is c.mp4" in refusal(path, video="c.mp4")


def test_texts_are_behaviors(save):
    def change(project):
        project["attribute"]["1"] |= {"type": 1, "options": {}}
        project["metadata"]["1_a"]["av"] = {"1": " digging  in "}
        project["metadata"]["2_a"]["av"] = {"1": "rest"}

    assert labels(save(change)) == {"digging in": "0011000000", "sniff": "0000011000", "lick": "0000011000"}


def test_marks_at_one_time_go_by_the_policy(save):
    path = save(lambda project: project["metadata"].update({"1_c": PROJECT["metadata"]["1_a"] | {"z": [0.8]}}))
    assert "metadata 1_c: walk is an event without duration, at 0.8" in refusal(path)
    assert labels(path, points="frame")["walk"] == "0011000010"


def _set(*keys, to):
    def change(project):
        for key in keys[:-1]:
            project = project[key]
        project[keys[-1]] = to

    return change


MISTAKES = {
    "metadata 1_a: the segment at 0.2 s has no behavior": _set("metadata", "1_a", "av", to={"1": ""}),
    "metadata 1_a: option 7 of attribute 1 is not in the project": _set("metadata", "1_a", "av", to={"1": "7"}),
    "metadata 1_a: attribute 9 is not in the project": _set("metadata", "1_a", "av", to={"9": "7"}),
    "metadata 1_a: of view 9, which is not in the project": _set("metadata", "1_a", "vid", to="9"),
    "view 1: file 9 is not in the project": _set("view", "1", "fid_list", to=["9"]),
    "metadata 1_a, z: 'x' where a number is due": _set("metadata", "1_a", "z", to=["x", 2]),
    "metadata 1_a: walk stops at 0.1, before it starts at 0.2": _set("metadata", "1_a", "z", to=[0.2, 0.1]),
    "metadata 1_a: walk goes to 3 s, but the video": _set("metadata", "1_a", "z", to=[0.2, 3]),
    "metadata: [] where an object": _set("metadata", to=[]),
}


@pytest.mark.parametrize("said", MISTAKES)
def test_mistakes_are_told_with_the_entry(save, said):
    assert said in refusal(save(MISTAKES[said]))


def test_two_files_of_one_name_are_not_confused(save):
    path = save(lambda project: project["file"]["2"].update(fname="a.mp4"))
    assert "several videos there could be meant by a.mp4 (file 1/a.mp4, file 2/a.mp4)" in refusal(path)
