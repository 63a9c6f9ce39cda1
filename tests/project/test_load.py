"""A project as a whole: who trains, validates and tests, and what the user should know."""

import json
import subprocess
import sys
from itertools import chain
from pathlib import Path

import pytest

from ethomake.errors import InputError
from ethomake.project.load import load_project
from ethomake.project.splits import choose_flow_videos

BASE = {"behaviors": ["groom", "rear"]}


def test_project_is_read(project):
    loaded = load_project(BASE)
    assert list(loaded.videos) == ["mouse0", "mouse1", "mouse2", "mouse3", "mouse4", "new"]
    assert loaded.videos["mouse1"].labels == "1.csv"
    assert sorted(chain(*loaded.parts.values())) == ["mouse0", "mouse1", "mouse2", "mouse3", "mouse4"]
    assert [len(loaded.parts[part]) for part in ("train", "validate", "test")] == [3, 1, 1]


def test_videos_keep_their_part_and_fixed_parts_win(project):
    before = load_project(BASE).parts
    Path("results/splits").mkdir(parents=True)
    Path("results/splits/main.json").write_text(json.dumps(before))
    with project.open("a") as table:
        table.write("another,new2.mp4,0.csv,animal7\n")
    Path("new2.mp4").write_bytes(b"")
    after = load_project({**BASE, "seed": 5}).parts
    for part, names in before.items():
        assert set(names) <= set(after[part])
    assert "another" in chain(*after.values())


def test_an_assigned_split_is_a_fixed_point_and_reads_no_labels(project):
    before = load_project(BASE).parts
    Path("results/splits").mkdir(parents=True)
    Path("results/splits/main.json").write_text(json.dumps(before))
    for number in range(5):
        Path(f"{number}.csv").write_text("changed beyond recognition")
    assert load_project(BASE).parts == before


def test_nothing_labelled_is_said(project):
    project.write_text("video,path\nnew,new.mp4\n")
    with pytest.raises(InputError, match="no video has labels"):
        load_project(BASE)


def test_no_test_video_is_a_note(project):
    project.write_text("video,path,labels,part\na,0.mp4,0.csv,train\nb,1.mp4,1.csv,validate\n")
    loaded = load_project(BASE)
    assert loaded.parts == {"train": ["a"], "validate": ["b"], "test": []}
    assert any("no test video" in note for note in loaded.notes)


def test_flow_without_a_validation_video_is_a_note(project):
    project.write_text("video,path,labels,part\na,0.mp4,0.csv,train\nb,1.mp4,1.csv,validate\n")
    loaded = load_project({**BASE, "flow": {"videos": ["a", "b"]}})
    assert loaded.flow_parts == {"train": ["a", "b"], "validate": []}
    assert any("flow.videos names all validation videos" in note for note in loaded.notes)
    kept = {"train": ["a"], "validate": ["b"]}
    parts = {"train": ["a"], "validate": ["b", "c"], "test": []}
    assert choose_flow_videos(["a", "b"], dict.fromkeys("abc"), parts, kept)["validate"] == ["c"]


def test_labels_that_lack_a_behavior_stop_before_any_job(project):
    Path("1.csv").write_text("frame,Groom,rear\n0,1,0\n")
    with pytest.raises(InputError, match=r"1\.csv, line 1: there is no column 'groom'.*did you mean Groom\?.*mouse1"):
        load_project(BASE)
    project.write_text("video,path,labels,part,scored\na,0.mp4,0.csv,train,\nb,1.mp4,1.csv,validate,rear\n")
    assert load_project(BASE).parts["validate"] == ["b"]


@pytest.mark.parametrize("content", ["[1]", '{"train": 3}'])
def test_a_split_that_is_none(project, content):
    Path("results/splits").mkdir(parents=True)
    Path("results/splits/main.json").write_text(content)
    with pytest.raises(InputError, match="delete it and run again"):
        load_project(BASE)


def test_importing_config_is_light():
    script = (
        "import sys, ethomake.project.load; print([m for m in ('torch', 'matplotlib', 'zarr') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout == "[]\n"
