"""Labels of JABS."""

import json

import pytest

from ethomake.labels.check import choose_behaviors
from ethomake.labels.formats import count_any_positives, read_any_labels
from ethomake.labels.timeline import Timeline

from .reading import reader_of


def block(start, end, present=True):
    return {"start": start, "end": end, "present": present}


@pytest.fixture
def save(tmp_path):
    def _save(blocks, key="unfragmented_labels", frames=10, **more):
        path = tmp_path / "a.json"
        content = {"version": 1, "file": "a.avi", "num_frames": frames, "labels": {}, key: blocks, **more}
        path.write_text(json.dumps(content))
        return path

    return _save


labels, refusal = reader_of("jabs", rate=30, video="a.avi")


@pytest.mark.parametrize("key", ["unfragmented_labels", "labels"])
def test_blocks_say_present_or_absent_and_all_else_was_not_scored(save, key):
    blocks = {"0": {"walk": [block(0, 1), block(4, 5, False)], "rear": [block(7, 9, False)]}}
    path = save(blocks, key)
    assert labels(path, 12) == {"walk": "11??00??????", "rear": "???????000??"}
    assert count_any_positives(path).counts == {"walk": 1, "rear": 0}


def test_blocks_as_they_were_made_come_before_those_cut_by_the_pose(save):
    path = save({"0": {"walk": [block(0, 5)]}}, labels={"0": {"walk": [block(0, 1), block(4, 5)]}})
    assert labels(path) == {"walk": "111111????"}


def test_a_behavior_without_blocks_was_not_scored(save):
    table = read_any_labels(save({"0": {"walk": [block(0, 9)]}}), Timeline.regular(10, 30))
    assert choose_behaviors(table, "a.json", behaviors=["walk"]).values.tolist() == [[1]] * 10
    assert (choose_behaviors(table, "a.json", behaviors=["walk", "rear"]).values[:, 1] == -1).all()


def test_identities_are_subjects_by_their_number_or_external_identity(save):
    blocks = {"0": {"walk": [block(0, 1)]}, "1": {"walk": [block(3, 4)]}}
    path = save(blocks, external_identities={"0": 7, "1": "red"})
    assert labels(path, subject="1") == labels(path, subject="red") == {"walk": "???11?????"}
    assert labels(path, subject="7") == {"walk": "11????????"}
    assert "the labels of 2 subjects (0, 1)" in refusal(path)
    path = save(blocks, external_identities={"0": 1, "1": 0})
    assert "1 is identity 1, and the external identity of another" in refusal(path, subject="1")


def test_blocks_of_no_behavior_say_that_all_are_absent(save):
    assert labels(save({"0": {"walk": [block(0, 1)], "None": [block(4, 6), block(8, 9, False)]}})) == {
        "walk": "11??000???"
    }


MISTAKES = {
    "block 1 of walk of identity 0: it ends at 1, before it starts at 3": {"0": {"walk": [block(3, 1)]}},
    "block 1 of walk of identity 0: 'present' must be true or false": {"0": {"walk": [block(3, 4, "yes")]}},
    "block 2 of walk of identity 0, end: None where a number is due": {"0": {"walk": [block(1, 2), block(3, None)]}},
    "block 1 of walk of identity 0: 3 to 4.5 are no frame numbers": {"0": {"walk": [block(3, 3.5)]}},
    "block 1 of walk of identity 0: walk goes to 12, but the video": {"0": {"walk": [block(3, 11)]}},
    "unfragmented_labels of identity 0, walk: {} where a list": {"0": {"walk": {}}},
    "block 2 of walk of identity 0: walk begins before the bout of block 1": {
        "0": {"walk": [block(3, 5), block(4, 6, False)]}
    },
}


@pytest.mark.parametrize("said", MISTAKES)
def test_mistakes_are_told_with_the_block(save, said):
    assert said in refusal(save(MISTAKES[said]))


def test_a_file_that_is_cut_off_is_told_with_the_line(save):
    path = save({"0": {"walk": [block(3, 5)]}})
    path.write_text(path.read_text()[:-20])
    assert "line 1: not readable as JSON" in refusal(path)


def test_the_sample_has_its_block(samples):
    path = samples / "jabs" / "video_labels.json"
    table = read_any_labels(path, Timeline.regular(100, 30, "filename.avi"))
    assert table.behaviors == ("behavior name",)
    assert table.values[:, 0].tolist() == [-1] * 25 + [1] * 26 + [-1] * 49
    assert count_any_positives(path).counts == {"behavior name": 1}


def test_the_sample_of_notes_is_refused(samples):
    assert "notes on the video, and no labels" in refusal(samples / "jabs" / "timeline_annotations.json")


def test_a_file_of_a_longer_video_is_refused(save):
    path = save({"0": {"walk": [block(0, 1)]}}, frames=90)
    assert "num_frames: what was observed goes to 90, but the video to 10; give the labels of" in refusal(path)
    assert labels(path, beyond="fix") == {"walk": "11????????"}
