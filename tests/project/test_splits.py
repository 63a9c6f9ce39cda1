"""Who trains, validates and tests; and the file of a split."""

import json
import string
from itertools import chain

import pytest

from ethomake.errors import InputError
from ethomake.project.settings import resolve_settings
from ethomake.project.splits import (
    assign_videos,
    assign_without_training,
    check_split,
    choose_flow_videos,
    count_positives,
    deal_folds,
    read_split,
    write_split,
)
from ethomake.project.videos import Video


def test_check_warns_and_refuses():
    parts = {"train": ["a"], "validate": ["b"], "test": ["c"]}
    positives = {"a": {"walk": 5, "rear": 2}, "b": {"walk": 1}, "c": {"walk": 0, "rear": 1}}
    warnings = check_split(parts, positives, ["walk", "rear"])
    assert len(warnings) == 2
    assert "'walk' is absent from all frames of the test" in warnings[0]
    assert "'rear' is present in only one of the 2 videos for training and validation, a: no threshold" in warnings[1]
    assert check_split(parts, positives | {"b": {"walk": 1, "rear": 1}}, ["rear"]) == []
    with pytest.raises(InputError, match="'jump' is absent from all frames of the 2 training and validation videos"):
        check_split(parts, positives, ["walk", "jump"])
    # networks learn from validation videos, too
    (warning,) = check_split(parts, {"b": {"jump": 3}, "c": {"jump": 1}}, ["jump"])
    assert "'jump' is present in only one of the 2 videos for training and validation, b" in warning
    for name, what in (("train", "training"), ("validate", "validation")):
        with pytest.raises(InputError, match=f"no {what} video"):
            check_split(parts | {name: []}, positives, ["walk"])
    assert check_split(parts | {"test": []}, positives, ["walk"]) == [
        "no test video: the model is not evaluated; label more videos"
    ]


def test_the_file_of_a_split(tmp_path):
    path = tmp_path / "splits" / "main.json"
    write_split(path, {"test": ["c"], "train": ["b", "a"], "validate": []}, run="main", seed=4)
    content = json.loads(path.read_text())
    assert content == {"run": "main", "seed": 4, "train": ["a", "b"], "validate": [], "test": ["c"]}
    assert read_split(path) == content
    assert read_split(tmp_path / "none.json") == {}


def test_positives_are_counted(tmp_path):
    (tmp_path / "v.csv").write_text("background,walk,rear\n0,1,-1\n0,1,1\n1,0,0\n")
    assert count_positives(tmp_path / "v.csv") == ({"walk": 2, "rear": 1}, False)


def test_labelled_videos_test_a_bundle_unless_it_may_know_them():
    videos = [
        Video("unlabelled", "u.mp4"),
        Video("new", "n.mp4", labels="n.csv"),
        Video("marked", "m.mp4", labels="m.csv", part="train"),
        Video("learned", "l.mp4", labels="l.csv"),
        Video("freed", "f.mp4", labels="f.csv", part="test"),
        Video("looked", "c.mp4", labels="c.csv", part="check"),
    ]
    parts, notes = assign_without_training(videos, {"validate": ["learned"], "train": ["freed", "gone"]})
    assert parts == {"train": ["marked"], "validate": ["learned"], "test": ["freed", "new"], "check": ["looked"]}
    assert notes == [
        "not evaluated: marked, learned (their part is train or validate; write test there if the bundle was not made "
        "from them)"
    ]


def test_check_videos_are_dealt_to_no_part(tmp_path):
    videos = []
    for name, part in (("a", ""), ("b", ""), ("c", ""), ("d", "check"), ("e", "check")):
        (tmp_path / f"{name}.csv").write_text("frame,walk\n0,1\n1,0\n")
        subject = "one animal" if name in "ad" else ""  # a check video may show an animal that is learned from
        videos.append(Video(name, f"{name}.mp4", labels=str(tmp_path / f"{name}.csv"), part=part, subject=subject))
    settings = resolve_settings({"behaviors": ["walk"]})
    parts, _ = assign_videos(videos, settings, {"train": ["d", "a"]})  # it trained before
    assert parts.pop("check") == ["d", "e"]
    assert sorted(chain(*parts.values())) == ["a", "b", "c"]
    named = {video.video: video for video in videos}
    whole = parts | {"check": ["d", "e"]}
    assert choose_flow_videos("keep", named, whole, {"train": ["d", "a"], "validate": ["b"]})["train"] == ["a"]
    with pytest.raises(InputError, match='"e": it is a check video'):
        choose_flow_videos(["a", "e"], named, whole, {})
    with pytest.raises(InputError, match="no video has labels"):
        assign_videos(videos[3:], settings, {})
    (tmp_path / "e.csv").write_text("frame,wakl\n0,1\n")
    with pytest.raises(InputError, match=r"e\.csv, line 1: there is no column 'walk'"):
        assign_videos(videos, settings, {})


def test_animals_of_one_video_in_different_parts_are_noted(tmp_path):
    parts = {"a": "train", "b": "test", "c": "train", "d": "validate", "e": "check", "f": "validate"}
    videos = []
    for name, part in parts.items():
        (tmp_path / f"{name}.csv").write_text("frame,walk\n0,1\n1,0\n")
        labels, file = str(tmp_path / f"{name}.csv"), {"a": "1", "b": "1", "d": "2", "f": "2"}.get(name, "3")
        videos.append(Video(name, f"{file}.mp4", labels=labels, part=part, track="t.csv", animal=name))
    _, notes = assign_videos(videos, resolve_settings({"behaviors": ["walk"]}), {})
    assert [note for note in notes if "animals of one video" in note] == [
        "animals of one video are in different parts (a in train and b in test; 2 videos in all), but are seen in each "
        "other's pictures, so scores may be too good; give them one part in the video table"
    ]
    _, notes = assign_videos([videos[0], *videos[2:4]], resolve_settings({"behaviors": ["walk"]}), {})
    assert not any("animals of one video" in note for note in notes)


def test_animals_of_one_video_are_in_one_fold_unless_there_is_no_other():
    videos = {name: Video(name, f"{name.upper() in 'AB'}.mp4", track="t.csv", animal=name) for name in "abcd"}
    recordings = dict.fromkeys("abcd", "x")
    assert deal_folds("abcd", videos, recordings, by="subject") == [["a", "b"], ["c", "d"]]
    assert deal_folds("ab", videos, recordings, by="subject") == [["a"], ["b"]]


def test_a_bundle_needs_no_labels():
    parts, notes = assign_without_training([Video("a", "a.mp4")], {})
    assert parts == {"train": [], "validate": [], "test": []}
    assert "not evaluated" in notes[0]


def folds_of(subjects, recordings, by="subject"):
    """Return the folds of videos a, b, ..., given as strings of one letter for each video."""
    names = string.ascii_lowercase[: len(subjects)]
    videos = {name: Video(name, f"{name}.mp4", subject=subject) for name, subject in zip(names, subjects, strict=True)}
    return ["".join(fold) for fold in deal_folds(names, videos, dict(zip(names, recordings, strict=True)), by=by)]


@pytest.mark.parametrize(
    ("subjects", "recordings", "by", "folds"),
    [
        ("1", "x", "subject", []),
        ("11", "xy", "subject", []),  # one animal cannot be left out
        ("11", "xy", "video", ["a", "b"]),
        ("1234", "xxyy", "subject", ["a", "b", "c", "d"]),  # few: each by itself
        ("1223", "xxyy", "subject", ["bc", "a", "d"]),
        ("123456", "xxyyzz", "subject", ["ab", "cd", "ef"]),  # many: recordings as a whole
        ("1234567", "xxxxyyy", "subject", ["af", "bg", "c", "d", "e"]),  # two recordings: each would take half away
        ("1231231", "xxxyyyz", "subject", ["adg", "be", "cf"]),
        ("123456789", "qrstuvwxy", "subject", ["af", "bg", "ch", "di", "e"]),
    ],
)
def test_folds(subjects, recordings, by, folds):
    assert folds_of(subjects, recordings, by) == folds


def test_each_video_is_in_one_fold():
    folds = folds_of("ABCDEFGHIJKLM", "xxyyzzuuvvwww")
    assert len(folds) == 5
    assert sorted("".join(folds)) == list("abcdefghijklm")
