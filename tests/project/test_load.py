"""A project as a whole: who trains, validates and tests, and what the user should know."""

import json
import subprocess
import sys
from itertools import chain
from pathlib import Path

import pytest

from ethomake.errors import InputError
from ethomake.project import load, settings, splits
from ethomake.project.load import load_project
from ethomake.project.splits import choose_flow_videos

BASE = {"behaviors": ["groom", "rear"]}


def test_project_is_read(project):
    loaded = load_project(BASE)
    assert list(loaded.videos) == ["mouse0", "mouse1", "mouse2", "mouse3", "mouse4", "new"]
    assert loaded.videos["mouse1"].labels == "1.csv"
    assert sorted(chain(*loaded.main.split.parts.values())) == ["mouse0", "mouse1", "mouse2", "mouse3", "mouse4"]
    assert [len(loaded.main.split.parts[part]) for part in ("train", "validate", "test")] == [3, 1, 1]


def test_videos_keep_their_part_and_fixed_parts_win(project):
    before = load_project(BASE).main.split.parts
    Path("results/splits").mkdir(parents=True)
    Path("results/splits/main.json").write_text(json.dumps(before))
    with project.open("a") as table:
        table.write("another,new2.mp4,new2.csv,animal7\n")
    Path("new2.mp4").write_bytes(b"")
    Path("new2.csv").write_text("frame,groom,rear\n0,1,1\n")
    after = load_project({**BASE, "seed": 5}).main.split.parts
    for part, names in before.items():
        assert set(names) <= set(after[part])
    assert "another" in chain(*after.values())


@pytest.fixture
def ran(project):
    """The split of the project, which has run before."""
    split = load_project(BASE).main.split.parts
    Path("results/splits").mkdir(parents=True)
    Path("results/splits/main.json").write_text(json.dumps(split))
    return split


def test_an_assigned_split_is_a_fixed_point_and_reads_no_labels_again(project, ran, monkeypatch):
    monkeypatch.setattr(splits, "count_any_positives", None)
    assert load_project(BASE).main.split.parts == ran


def test_a_project_that_ran_before_is_told_the_same_mistakes_as_a_new_one(project, ran):
    with pytest.raises(InputError, match="there is no column 'jump'"):
        load_project({"behaviors": ["groom", "rear", "jump"]})
    header = Path("3.csv").read_text()
    Path("3.csv").write_text(header.replace("groom", "grooming"))
    with pytest.raises(InputError, match=r"3\.csv, line 1: there is no column 'groom'.*did you mean grooming"):
        load_project(BASE)
    Path("3.csv").write_text(header)
    assert load_project(BASE).notes == ()
    *others, _ = [Path(f"{video.removeprefix('mouse')}.csv") for video in ran["validate"] + ran["train"]]
    for labels in others:
        labels.write_text("frame,groom,rear\n" + "".join(f"{frame},0,1\n" for frame in range(20)))
    assert any("behavior 'groom' is present in only one of the" in note for note in load_project(BASE).notes)
    labels.write_text("frame,groom,rear\n0,maybe,1\n")
    for _ in range(2):
        with pytest.raises(InputError, match="maybe"):
            load_project(BASE)


def test_a_raw_video_may_be_archived_once_its_frames_were_read(project, ran):
    Path("0.mp4").unlink()
    with pytest.raises(InputError, match=r'path = "0\.mp4": no such video file'):
        load_project(BASE)
    Path("results/ingest/mouse0").mkdir(parents=True)
    Path("results/ingest/mouse0/video.json").write_text("{}")
    (note,) = load_project(BASE).notes
    assert note.startswith('not there: "0.mp4"; ')
    Path("0.csv").unlink()
    with pytest.raises(InputError, match="no such label file"):
        load_project(BASE)


def test_nothing_labelled_is_said(project):
    project.write_text("video,path\nnew,new.mp4\n")
    with pytest.raises(InputError, match="no video has labels"):
        load_project(BASE)


def test_no_test_video_is_a_note(project):
    project.write_text("video,path,labels,part\na,0.mp4,0.csv,train\nb,1.mp4,1.csv,validate\n")
    loaded = load_project(BASE)
    assert loaded.main.split.parts == {"train": ["a"], "validate": ["b"], "test": []}
    assert any("no test video" in note for note in loaded.notes)


def test_flow_without_a_validation_video_is_a_note(project):
    project.write_text("video,path,labels,part\na,0.mp4,0.csv,train\nb,1.mp4,1.csv,validate\n")
    loaded = load_project({**BASE, "flow": {"videos": ["a", "b"]}})
    assert loaded.main.split.flow == {"train": ["a", "b"], "validate": []}
    assert any("flow.videos names all validation videos" in note for note in loaded.notes)
    kept = {"train": ["a"], "validate": ["b"]}
    parts = {"train": ["a"], "validate": ["b", "c"], "test": []}
    assert choose_flow_videos(["a", "b"], dict.fromkeys("abc"), parts, kept)["validate"] == ["c"]


def test_labels_that_lack_a_behavior_stop_before_any_job(project):
    Path("1.csv").write_text("frame,Groom,rear\n0,1,0\n")
    with pytest.raises(InputError, match=r"1\.csv, line 1: there is no column 'groom'.*did you mean Groom\?.*mouse1"):
        load_project(BASE)
    project.write_text("video,path,labels,part,scored\na,0.mp4,0.csv,train,\nb,1.mp4,1.csv,validate,rear\n")
    assert load_project(BASE).main.split.parts["validate"] == ["b"]


def test_with_a_bundle_mistakes_in_labels_are_told_before_any_job_too(project, monkeypatch):
    monkeypatch.setattr(settings, "_adopt_bundle", lambda config: config)  # its behaviors are those of the config
    monkeypatch.setattr(load, "check_bundle", lambda *_: None)
    bundle = BASE | {"models": "bundle"}
    assert load_project(bundle).main.split.parts["train"] == []
    labels = Path("1.csv").read_text()
    Path("1.csv").write_text("frame,groom\n0,1\n")
    with pytest.raises(InputError, match=r"1\.csv, line 1: there is no column 'rear'.*mouse1"):
        load_project(bundle)
    Path("1.csv").write_text(labels.replace("0,", "yes,", 1))
    with pytest.raises(InputError, match=r"1\.csv"):
        load_project(bundle)


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


def test_a_run_has_the_split_of_main_unless_it_says_otherwise(project):
    loaded = load_project({**BASE, "runs": {"wide": {"sequence": {"hidden": 7}, "seed": 3}}})
    assert list(loaded.runs) == ["main", "wide"]
    wide = loaded.runs["wide"]
    assert wide.split == loaded.main.split
    assert wide.settings["sequence"]["hidden"] == 7
    assert wide.settings["seed"] == 3
    assert wide.settings["flow"] == loaded.main.settings["flow"]
    assert "runs" not in loaded.main.settings
    assert loaded.homes["flow", "wide"] == "wide"  # another seed
    assert loaded.homes["ingest", "wide"] == "main"


def test_a_run_may_name_the_videos_of_each_part(project):
    parts = {"train": ["mouse0", "mouse1"], "validate": ["mouse2"], "test": ["mouse3"]}
    loaded = load_project({**BASE, "runs": {"fold": {"parts": parts}}})
    assert loaded.runs["fold"].split.parts == parts
    assert loaded.runs["fold"].split.flow == {"train": parts["train"], "validate": parts["validate"]}


def test_a_preset_of_a_run_is_resolved_for_it(project):
    loaded = load_project({**BASE, "runs": {"paper": {"preset": "medium"}}})
    assert loaded.runs["paper"].settings["streams"]["network"] == "resnet50"
    assert loaded.main.settings["streams"]["network"] == "resnet18"


def test_streams_are_not_adapted_to_each_video_for_want_of_recordings(project):
    adapted = {"streams": {"adapt": "recording"}}
    with pytest.raises(InputError, match=r"^config: streams.adapt = recording: all videos lie in one folder.*column"):
        load_project(BASE | adapted)
    with pytest.raises(InputError, match=r"^config: runs.other.streams.adapt = recording: "):
        load_project(BASE | {"runs": {"other": adapted}})
    table = Path("videos.csv").read_text().splitlines()
    Path("videos.csv").write_text("\n".join([table[0] + ",recording", *(f"{row},cage1" for row in table[1:])]) + "\n")
    assert set(load_project(BASE | adapted).recordings.values()) == {"cage1"}


@pytest.mark.parametrize(
    ("runs", "message"),
    [
        ({"main": {}}, r"^config: runs.main: not a valid name"),
        ({"a b": {}}, r"^config: runs.a b: not a valid name"),
        ({"wide": 3}, r"^config: runs.wide = 3: "),
        ({"wide": {"sequence": {"hiden": 1}}}, r"^config: runs.wide: .*hiden.*hidden"),
        ({"wide": {"flow": {"epochs": 0}}}, r"^config: runs.wide: flow.epochs = 0: "),
        ({"wide": {"behaviors": ["a"]}}, r"^config: runs.wide.behaviors: all runs of a project share behaviors"),
        ({"fold": {"parts": {"train": ["nobody"]}}}, r'^config: runs.fold.parts.train = "nobody": no labelled video'),
        ({"fold": {"parts": {"train": ["mouse0"], "test": ["mouse0"]}}}, r'runs.fold.parts.test = "mouse0": .*train'),
        ({"fold": {"parts": {"train": ["mouse0"]}}}, r"^config: runs.fold.parts: no video in validate"),
        ({"fold": {"parts": {"learn": ["mouse0"]}}}, r"^config: runs.fold.parts.*learn"),
    ],
    ids=str,
)
def test_a_wrong_run_is_told_with_its_name(project, runs, message):
    with pytest.raises(InputError, match=message):
        load_project({**BASE, "runs": runs})


def test_all_runs_have_the_same_check_videos_and_none_may_learn_from_them(project):
    table = project.read_text().splitlines()
    place = table[0].split(",").index("subject")
    rows = [line.split(",") for line in table]
    rows[0].append("part")
    for row in rows[1:]:
        row.append("check" if row[0] == "mouse4" else "")
    assert place
    project.write_text("\n".join(",".join(row) for row in rows) + "\n")
    parts = {"train": ["mouse0", "mouse1"], "validate": ["mouse2"], "test": []}
    loaded = load_project({**BASE, "runs": {"fold": {"parts": parts}}})
    assert loaded.main.split.parts["check"] == loaded.runs["fold"].split.parts["check"] == ["mouse4"]
    assert "mouse4" not in chain(*loaded.main.split.flow.values(), *loaded.main.split.remembered.values())
    with pytest.raises(InputError, match=r'runs.fold.parts.test = "mouse4": its part in the video table is check'):
        load_project({**BASE, "runs": {"fold": {"parts": parts | {"test": ["mouse4"]}}}})
