"""Spreadsheets of Datavyu."""

import zipfile

import pytest

from ethomake.labels.formats import count_any_positives

from .reading import reader_of, saver

SHEET = """#4
walk (MATRIX,true,)-speed|NOMINAL,to|NOMINAL
00:00:00:200,00:00:00:399,(fast,left)
00:00:00:500,00:00:00:799,(slow\\, calm,)
rear (MATRIX,false,)-code01|NOMINAL
"""
PROJECT = """!project
dbFile: a.opf
name: a
version: 5
viewerSettings:
- !vs
  classifier: datavyu.video
  feed: /home/me/films/a.mp4
  plugin: db3fc496-58a7-3706-8538-3f61278b5bec
  settingsId: '1'
  version: 3
- !vs
  classifier: datavyu.video
  feed: /home/me/films/side.mp4
  settingsId: '2'
"""


save = saver("a.csv")


@pytest.fixture
def project(tmp_path):
    path = tmp_path / "a.opf"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("db", SHEET)
        archive.writestr("project", PROJECT)
        archive.writestr("1", "#Settings\nheight=350\noffset=0\nvolume=1.0\n")
        archive.writestr("2", "#Settings\nheight=350\noffset=100\n")
    return path


labels, refusal = reader_of("datavyu")


def test_columns_are_behaviors_and_their_codes_modifiers(save):
    path = save(SHEET)
    assert labels(path) == {"walk": "0011011100", "rear": "0000000000"}
    assert labels(path, modifiers="name")["walk:slow, calm"] == "0000011100"
    assert count_any_positives(path).counts == {"walk": 2, "rear": 0}


def test_values_may_have_line_breaks(save):
    text = SHEET.replace("(fast,left)", "(fast\nand\n\nhigh,left)")
    assert labels(save(text), modifiers="name")["walk:fast and high:left"] == "0011000000"


def test_a_project_has_the_offsets_of_its_videos(project):
    assert labels(project) == {"walk": "0011011100", "rear": "0000000000"}
    assert labels(project, video="side.mp4") == {"walk": "0110111000", "rear": "0000000000"}
    assert "the labels of 2 videos (a.mp4, side.mp4), and none is b.mp4" in refusal(project, video="b.mp4")


def test_points_and_cells_without_an_offset_go_by_the_policy(save):
    path = save(SHEET + "00:00:00:900,00:00:00:900,()\n")
    assert "line 6: rear is an event without duration, at 0.9" in refusal(path)
    assert labels(path, points="frame")["rear"] == "0000000001"
    path = save(SHEET + "00:00:00:800,00:00:00:000,()\n")
    assert "line 6: rear starts at 0.8 and never stops" in refusal(path)


def test_a_damaged_project_is_refused(project):
    content = project.read_bytes()
    project.write_bytes(content.replace(b"fast,left", b"FAST,LEFT", 1))
    assert "damaged (Bad CRC-32" in refusal(project)


MISTAKES = {
    "line 6: 'nonsense' is neither a column nor a cell": SHEET + "nonsense\n",
    "line 3: walk stops before it starts": SHEET.replace("00:00:00:399", "00:00:00:100"),
    "line 3: walk goes to 9.401 s, but the video": SHEET.replace("00:00:00:399", "00:00:09:400"),
}


@pytest.mark.parametrize("said", MISTAKES)
def test_mistakes_are_told_with_the_line(save, said):
    assert said in refusal(save(MISTAKES[said]))
