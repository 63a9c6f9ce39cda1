import glob
import unicodedata
from pathlib import Path

import pytest

from ethomake.project.paths import (
    any_case,
    as_on_disk,
    escape_existing,
    is_no_video,
    label_stem,
    similar_file,
    video_stem,
)


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_a_path_is_found_in_the_other_encoding():
    decomposed, composed = (unicodedata.normalize(form, "gr\u00f6n/m\u00e4use 1.mp4") for form in ("NFD", "NFC"))
    Path(decomposed).parent.mkdir()
    Path(decomposed).touch()
    assert as_on_disk(composed) == decomposed
    assert as_on_disk(str(Path(composed).absolute())) == str(Path(decomposed).absolute())
    assert as_on_disk("gr\u00f6n/other.mp4") == "gr\u00f6n/other.mp4"
    Path(composed).parent.mkdir()
    Path(composed).touch()
    assert as_on_disk(composed) == composed


def test_brackets_of_what_exists_are_letters():
    Path("day [1]").mkdir()
    assert escape_existing("day [1]/*.mp4") == "day [[]1]/*.mp4"
    assert escape_existing(str(Path("day [1]/*.mp4").absolute())) == str(Path.cwd() / "day [[]1]/*.mp4")
    assert escape_existing("m[12].mp4") == "m[12].mp4"
    Path("m[12].mp4").touch()
    assert glob.glob(escape_existing("m[12].mp4")) == ["m[12].mp4"]


@pytest.mark.parametrize("pattern", ["*.mp4", "**/*.Mp4", "m[1a].mp4", "m?.[mM]P4", "[!x]*.mp4", "\u00df*.mp4"])
def test_a_pattern_in_any_case_matches_more_than_the_pattern(pattern):
    for name in ("m1.mp4", "M1.MP4", "ma.MP4", "mA.mp4", "\u00df.Mp4"):
        Path(name).touch()
    given, wide = (set(glob.glob(each, recursive=True)) for each in (pattern, any_case(pattern)))
    assert given <= wide
    assert wide >= ({"M1.MP4"} if "m1.mp4" in given else set())


@pytest.mark.parametrize(
    ("table", "stem", "says"),
    [
        ("m3_Labels.csv", "m3", True),
        ("m3 labels.csv", "m3", True),
        ("m3-LABEL.TSV", "m3", True),
        ("m3labels (1).csv", "m3", True),
        ("m3_labels - Copy.csv", "m3", True),
        ("m3_labels.csv.txt", "m3", True),
        ("m3_annotations.xlsx", "m3", True),
        ("m3_scored.csv", "m3", True),
        ("m3.csv", "m3", False),
        ("labels.csv", "labels", False),
        ("mouse3_tracks.csv", "mouse3tracks", False),
    ],
)
def test_the_name_of_a_table_says_of_which_video_it_is(table, stem, says):
    assert label_stem(table) == (stem, says)
    assert video_stem("raw/M 3.mp4") == "m3"


def test_a_misspelt_file_is_found_but_not_that_of_another_animal():
    for name in ("Mouse 1.MP4", "mouse2.mp4", "other.txt"):
        Path(name).touch()
    assert similar_file("mouse_1.mp4") == "Mouse 1.MP4"
    assert similar_file("mose2.mp4") == "mouse2.mp4"
    assert similar_file("mouse3.mp4") == similar_file("nowhere/mouse2.mp4") == ""


def test_what_is_no_video_is_known_by_its_suffix():
    assert all(map(is_no_video, ["a.csv", "a.XLSX", ".DS_Store", "a.png", "a.json"]))
    assert not any(map(is_no_video, ["a.mp4", "a.seq", "a", "a.h264", "a.MTS"]))
