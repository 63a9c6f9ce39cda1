"""Columns track and animal of the video table: checked before anything runs."""

import pytest

from ethomake.errors import InputError
from ethomake.project.settings import resolve_settings
from ethomake.project.tracks import check_tracks
from ethomake.project.videos import check_rows


@pytest.fixture(autouse=True)
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "v.mp4").write_bytes(b"video")
    (tmp_path / "t.csv").write_text("frame,x,y,animal\n0,1,2,Anna\n0,3,4,Bert\n")
    (tmp_path / "one.csv").write_text("frame,x,y,animal\n0,1,2,Anna\n")


def table(*rows):
    cells = [{"video": f"v{n}", "path": "v.mp4", **row} for n, row in enumerate(rows)]
    return check_rows(list(enumerate(cells, start=2)), "videos.csv", ["groom"])


def check(rows, settings):
    videos = table(*rows)
    track = resolve_settings({"behaviors": ["groom"], "track": settings})["track"]
    check_tracks(videos, track, {video.video: f"videos.csv line {n + 2}" for n, video in enumerate(videos)})


def refusal(*rows, settings):
    with pytest.raises(InputError) as refused:
        check(rows, settings)
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_animals_of_one_video_are_rows():
    rows = table({"track": "t.csv", "animal": "Anna"}, {"track": "t.csv", "animal": "Bert"}, {"crop": "0,0,9,9"}, {})
    assert [video.animal for video in rows] == ["Anna", "Bert", "", ""]
    check_tracks(rows, resolve_settings({"behaviors": ["groom"]})["track"], {})


@pytest.mark.parametrize(
    ("rows", "settings", "reason"),
    [
        (
            [{"track": "t.csv", "animal": "Ana"}],
            {},
            "line 2 (v0): t.csv: no animal 'Ana' in it; did you mean Anna",
        ),
        ([{"track": "t.csv"}], {}, "tracks of 2 animals (Anna, Bert); name one in the column animal"),
        ([{"track": "t.csv", "animal": "Anna"}] * 2, {}, "the same video file and animal as line 2"),
        (
            [{"track": "one.csv", "animal": "Anna"}, {"track": "./one.csv"}],
            {},
            "line 3 (v1): the same video file and animal (Anna) as videos.csv line 2 (v0); remove one",
        ),
        ([{"track": "t.csv", "crop": "0,0,9,9"}], {}, "crop and track are given"),
        ([{"animal": "Anna"}], {}, "there is no track"),
        ([{"track": "u.csv"}], {}, "no such track file"),
        ([{"track": "v.mp4"}], {}, "a track file of no known format"),
        ([{"track": "t.csv", "animal": "Anna"}], {"nodes": ["thorax"]}, "config: track.nodes = 'thorax': no body part"),
        ([{"track": "t.csv", "animal": "Anna"}], {"head": "nose"}, "config: track.tail"),
        ([{"track": "t.csv", "animal": "Anna"}], {"head": "nose", "tail": "nose"}, "the same body part as track.tail"),
        ([{"track": "t.csv", "animal": "Anna"}], {"gap": -1}, "track.gap"),
        ([{"track": "t.csv", "animal": "Anna"}], {"align": True}, "config: track.align = true: name a body part"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(rows, settings, reason):
    assert reason in refusal(*rows, settings=settings)
