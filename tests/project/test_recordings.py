"""Which videos were filmed together: the column `recording` of the video table, and what holds where it is empty."""

import re
from pathlib import Path

import pytest

from ethomake.errors import InputError
from ethomake.files import write_json
from ethomake.project.load import load_project, open_project
from ethomake.project.recordings import (
    HERE,
    file_name_of,
    places_of,
    read_adapted,
    read_places,
    recordings_of,
    videos_to_adapt,
    write_adapted,
    write_places,
)
from ethomake.project.videos import Video, check_rows, find_videos
from ethomake.sources import digest_of

ROOT = Path(__file__).parents[2]
BASE = {"behaviors": ["groom", "rear"]}


def recordings(*paths, names=()):
    """The recordings of videos a, b, ... at some paths, in order; `names` are those of the table."""
    names = [*names, *[""] * (len(paths) - len(names))]
    videos = [
        Video("abcdef"[n], path, recording=name, crop=(n, 0, 9, 9))
        for n, (path, name) in enumerate(zip(paths, names, strict=True))
    ]
    found = recordings_of(videos)
    assert list(found) == [video.video for video in videos]
    assert all(found.values())
    assert recordings_of(reversed(videos)) == found
    return list(found.values())


def test_the_column_says_which_videos_belong_together(project):
    project.write_text(
        "video,path,labels,part,recording\na,0.mp4,0.csv,train, Käfig 1 \nb,1.mp4,1.csv,validate,Käfig 1\n"
        'c,2.mp4,,,"rig 2, night"\nd,3.mp4,,,\n',
        encoding="utf-8",
    )
    loaded = load_project(BASE)
    assert loaded.videos["a"].recording == "Käfig 1"
    assert loaded.videos["d"].recording == ""
    assert loaded.recordings == {"a": "Käfig 1", "b": "Käfig 1", "c": "rig 2, night", "d": "d"}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Cam1", "cam1"),
        ("cam 1", "cam1"),
        ("cam  a", "cam a"),
        ("01", "1"),
        ("2024-03-01", "2024-3-1"),
        ("KÄFIG", "käfig"),
    ],
)
def test_two_spellings_of_a_recording_are_told_in_one_line(project, one, other):
    project.write_text(f"video,path,recording\na,0.mp4,{one}\nb,1.mp4,{other}\n", encoding="utf-8")
    with pytest.raises(InputError) as caught:
        load_project(BASE)
    said = f'recording = "{other}": line 2 has "{one}"; write a recording in one way'
    assert str(caught.value).startswith(f"videos.csv line 3 (b): {said}")
    assert "\n" not in str(caught.value)


def test_recordings_whose_numbers_differ_are_others(project):
    names = ["1", "10", "100", "cam 1 11", "cam 11 1", "0"]
    rows = [(n, {"video": f"v{n}", "path": f"{n}.mp4", "recording": name}) for n, name in enumerate(names)]
    assert [video.recording for video in check_rows(rows, "table", ["groom"], must_exist=False)] == names


def test_two_encodings_of_an_accent_are_one_recording():
    rows = [
        (n, {"video": f"v{n}", "path": f"{n}.mp4", "recording": name})
        for n, name in enumerate(["K\u00e4fig", "Ka\u0308fig"])
    ]
    found = recordings_of(check_rows(rows, "table", ["groom"], must_exist=False))
    assert found == {"v0": "K\u00e4fig", "v1": "K\u00e4fig"}


def test_folders_are_recordings_where_there_are_several():
    assert recordings("raw/day1/a.mp4", "raw/day1/b.mp4", "raw/day2/a.mp4") == ["day1", "day1", "day2"]
    assert recordings("raw/a.mp4", "raw/more/b.mp4") == ["raw", "more"]
    assert recordings("a.mp4", "day2/b.mp4", "day2/a.mp4") == [HERE, "day2", "day2"]
    assert recordings("/disk/x/a.mp4", "/disk/y z/b.mp4") == ["x", "y z"]


def test_folders_of_one_name_are_told_apart_by_those_above():
    paths = ["raw/mouse1/day1/a.mp4", "raw/mouse2/day1/a.mp4", "raw/mouse2/day2/a.mp4"]
    assert recordings(*paths) == ["mouse1/day1", "mouse2/day1", "day2"]
    assert recordings("m1/raw/top/a.mp4", "m2/raw/top/a.mp4") == ["m1/raw/top", "m2/raw/top"]
    assert recordings("day1/a.mp4", "more/day1/a.mp4") == ["day1", "more/day1"]


def test_a_folder_has_one_name_however_it_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("raw/day1").mkdir(parents=True)
    Path("day2").mkdir()
    Path("link").symlink_to("raw/day1")
    paths = [
        "raw/day1/a.mp4",
        "./raw//day1/b.mp4",
        f"{tmp_path}/raw/day1/c.mp4",
        "day2/../raw/day1/d.mp4",
        "day2/e.mp4",
    ]
    assert recordings(*paths) == ["day1"] * 4 + ["day2"]
    assert recordings("link/a.mp4", "raw/day1/b.mp4", "day2/c.mp4") == ["link", "link", "day2"]
    monkeypatch.chdir("day2")
    assert recordings("../a.mp4", "../raw/b.mp4", "b.mp4") == [tmp_path.name, "raw", HERE]


def test_videos_of_one_folder_are_recordings_of_their_own():
    assert recordings("raw/0.mp4", "raw/1.mp4") == ["a", "b"]
    assert recordings("0.mp4") == ["a"]
    assert recordings() == []


def test_groups_and_subjects_are_no_recordings():
    videos = [Video(name, f"{name}.mp4", subject="mouse", group="mutant") for name in "ab"]
    assert recordings_of(videos) == {"a": "a", "b": "b"}


def test_crops_of_one_file_are_of_one_recording(tmp_path, monkeypatch):
    assert recordings("raw/x.mp4", "raw/x.mp4", "raw/y.mp4") == ["x", "x", "c"]
    assert recordings("raw/x.mp4", "raw/x.mp4", "raw/y.mp4", names=["", "cam1"]) == ["cam1", "cam1", "c"]
    assert recordings("1/x.mp4", "1/x.mp4", "1/y.mp4", "2/z.mp4", names=["cam1"]) == ["cam1", "cam1", "1", "2"]
    # one file with the pictures of two cameras: the table may say so
    assert recordings("raw/x.mp4", "raw/x.mp4", "raw/x.mp4", names=["cam1", "cam2"]) == ["cam1", "cam2", "x"]
    monkeypatch.chdir(tmp_path)
    for folder in ("1", "2"):
        Path(folder).mkdir()
    Path("1/x.mp4").write_bytes(b"")
    Path("2/x.mp4").symlink_to("../1/x.mp4")
    assert recordings("2/x.mp4", "1/x.mp4", "2/y.mp4") == ["1", "1", "2"]


def test_a_default_that_is_spelled_otherwise_in_the_table_is_that_recording():
    assert recordings("Day01/a.mp4", "day2/b.mp4", "raw/c.mp4", names=["", "", "day 1"]) == ["day 1", "day2", "day 1"]
    assert recordings("raw/0.mp4", "raw/1.mp4", "raw/2.mp4", names=["", "A"]) == ["A", "A", "c"]


def test_videos_that_a_glob_finds_have_the_recordings_of_their_folders(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for path in ("raw/day1/a.mp4", "raw/day1/b.mp4", "raw/day2/c.mp4"):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_bytes(b"")
    videos = check_rows(find_videos("raw/*/*.mp4"), "raw/*/*.mp4", ["groom"], found=True)
    assert recordings_of(videos) == {"a": "day1", "b": "day1", "c": "day2"}


def test_a_recording_changes_neither_a_split_nor_a_setting(project):
    before = load_project(BASE)
    lines = project.read_text().splitlines()
    named = [f"{lines[0]},recording", *(f"{line},cam{n % 2}" for n, line in enumerate(lines[1:]))]
    project.write_text("\n".join(named) + "\n")
    after = load_project(BASE)
    assert (after.runs, after.homes, after.notes) == (before.runs, before.homes, before.notes)
    assert set(after.recordings.values()) == {"cam0", "cam1"}


def test_the_recordings_of_the_examples():
    flies = open_project({"example": "flies", "behaviors": ["wing_extension", "walking", "near"]}, ROOT)
    assert flies.recordings == {name: name.split("_")[0] for name in flies.videos}
    simulated = open_project({"example": "simulated", "behaviors": ["walk", "turn", "rear", "groom"]}, ROOT)
    assert simulated.recordings == {name: name for name in simulated.videos}


def test_files_of_recordings_have_names_of_their_own():
    names = ["cage1", "Cage1", "mouse1/day1", "mouse1_day1", "mouse1 day1", "ü", ".."]
    files = [file_name_of(name) for name in names]
    assert files[0] == "cage1"
    assert len({file.lower() for file in files}) == len(names), "on a disk that ignores case, too"
    assert all(re.fullmatch("[A-Za-z0-9_-]+", file) for file in files)


def test_a_recording_is_adapted_to_the_videos_of_the_first_time():
    recordings = {"a": "cage1", "b": "cage1", "c": "cage2"}
    assert videos_to_adapt(recordings, {}) == {"cage1": ["a", "b"], "cage2": ["c"]}
    earlier = {"cage1": ["a"], "cage2": ["gone"], "cage3": ["x"]}
    assert videos_to_adapt(recordings, earlier) == {"cage1": ["a"], "cage2": ["c"]}
    assert videos_to_adapt({"a": "cage2", "b": "cage1"}, earlier) == {"cage1": ["b"], "cage2": ["a"]}


def test_the_videos_of_the_first_time_are_read_as_written_and_other_files_are_refused(tmp_path):
    path = tmp_path / "adapted.json"
    assert read_adapted(path) == {}
    write_adapted(path, {"mouse1/day1": ["b", "a"]})
    assert read_adapted(path) == {"mouse1/day1": ["a", "b"]}
    for content in ('["a"]', '{"cage1": "a"}', '{"cage1": [1]}'):
        path.write_text(content)
        with pytest.raises(InputError, match=r"adapted\.json.*delete it and run again"):
            read_adapted(path)


@pytest.fixture
def read(tmp_path, monkeypatch):
    """A function that writes a video and what was read of it; returns its row."""
    monkeypatch.chdir(tmp_path)

    def make(name, path):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text(name)
        write_json(f"results/ingest/{name}/video.json", {"source": {"digest": digest_of(path)}})
        return Video(name, path)

    return make


def test_videos_that_are_moved_keep_their_recordings(read):
    videos = [read("a", "raw/day1/a.mp4"), read("b", "raw/day1/b.mp4"), read("c", "raw/day2/c.mp4")]
    places = places_of(videos, {})
    assert places == {"a": "raw/day1/a.mp4", "b": "raw/day1/b.mp4", "c": "raw/day2/c.mp4"}
    Path("raw").rename("disk")
    for number, row in enumerate(videos):
        Path(row.path.replace("raw", "disk")).rename(f"disk/{number}.mp4")  # all in one folder now, with other names
    moved = [Video(row.video, f"disk/{number}.mp4") for number, row in enumerate(videos)]
    assert places_of(moved, places) == places
    assert recordings_of(moved, places) == recordings_of(videos) == {"a": "day1", "b": "day1", "c": "day2"}
    Path("disk/0.mp4").unlink()  # archived
    assert places_of(moved, places) == places
    Path("disk/0.mp4").write_text("another video")
    assert places_of(moved, places) == places | {"a": "disk/0.mp4"}


def test_a_new_video_joins_the_recording_of_a_folder_that_was_moved(read):
    places = {"a": "raw/day1/a.mp4", "b": "raw/day1/b.mp4", "c": "raw/day2/c.mp4"}
    videos = [read("a", "disk/one/a.mp4"), read("b", "disk/one/b.mp4"), read("c", "disk/two/c.mp4")]
    found = places_of([*videos, Video("new", "disk/one/new.mp4"), Video("other", "disk/three/x.mp4")], places)
    assert found == places | {"new": "raw/day1/new.mp4", "other": "disk/three/x.mp4"}


def test_the_places_of_videos_are_read_as_written_and_other_files_are_refused(tmp_path):
    path = tmp_path / "places.json"
    assert read_places(path) == {}
    write_places({"b": "raw/b.mp4", "a": "raw/a.mp4"}, path)
    assert list(read_places(path).items()) == [("a", "raw/a.mp4"), ("b", "raw/b.mp4")]
    path.write_text('{"a": 1}')
    with pytest.raises(InputError, match=r"places\.json.*delete it and run again"):
        read_places(path)
