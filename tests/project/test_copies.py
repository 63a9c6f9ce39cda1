"""Copies of videos and label files, and label files of other videos."""

import json
from pathlib import Path

import pytest

from ethomake import sources
from ethomake.errors import InputError
from ethomake.files import file_digest
from ethomake.project.copies import same_content
from ethomake.project.load import load_project

BASE = {"behaviors": ["groom", "rear"]}
PARTS = ["train", "train", "validate", "test", ""]


def table(project, rows, header="video,path,labels,part,subject"):
    project.write_text("\n".join([header, *rows]) + "\n")


def labels(path, on):
    rows = [f"{frame},{int(frame in on)},{int(frame - 1 in on)}\n" for frame in range(9)]
    Path(path).write_text("frame,groom,rear\n" + "".join(rows))


@pytest.fixture
def four(project):
    """Four videos with labels of their own, in all parts."""
    for number in range(4):
        labels(f"{number}.csv", {number, number + 1})
    return [f"m{number},{number}.mp4,{number}.csv,{PARTS[number]},a{number}" for number in range(4)]


def test_files_of_the_same_bytes_are_found_and_read_once_only_if_need_be(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    content = {"a": b"x" * 300_000, "b": b"x" * 300_000, "c": b"x" * 299_999 + b"y", "d": b"", "e": b"", "f": b"z"}
    for name, data in content.items():
        (tmp_path / name).write_bytes(data)
    (tmp_path / "g").symlink_to(tmp_path / "f")
    whole = []
    monkeypatch.setattr(sources, "file_digest", lambda path: whole.append(path) or file_digest(path))
    paths = [str(tmp_path / name) for name in ["b", "a", "c", "d", "e", "f", "g", "gone"]]
    assert same_content(paths) == [paths[:2], paths[5:7]]
    assert sorted(whole) == sorted([*paths[:2], *paths[5:7]])
    assert same_content(paths) == [paths[:2], paths[5:7]]
    assert len(whole) == 4  # not read again
    (tmp_path / "b").write_bytes(b"x" * 150_000 + b"-" + b"x" * 149_999)
    assert same_content(paths[:3]) == []


def test_a_copy_in_another_part_is_refused_before_anything_runs(project, four):
    Path("copy.mp4").write_bytes(Path("0.mp4").read_bytes())
    table(project, [*four, "again,copy.mp4,4.csv,test,a4"])
    with pytest.raises(InputError) as caught:
        load_project(BASE)
    message = str(caught.value)
    assert message.startswith('videos.csv line 6 (again): path = "copy.mp4": the same video, byte for byte, as m0 ')
    assert "(videos.csv line 2), but m0 is in train and again in test" in message
    table(project, [*four, "again,copy.mp4,4.csv,validate,a4", "more,more.mp4,5.csv,test,a5"])
    labels("5.csv", {6})
    Path("more.mp4").write_bytes(Path("0.mp4").read_bytes())
    with pytest.raises(InputError, match=r"m0 is in train and again in validate.*and 1 more video with errors"):
        load_project(BASE)


def test_a_copy_in_the_same_part_or_without_labels_is_a_note(project, four):
    Path("copy.mp4").write_bytes(Path("0.mp4").read_bytes())
    for row in ("again,copy.mp4,4.csv,train,a4", "again,copy.mp4,,,a4"):
        table(project, [*four, row])
        assert any("line 6 (again)" in note and "the same video" in note for note in load_project(BASE).notes)


def test_a_copy_with_another_crop_is_another_video(project, four):
    Path("copy.mp4").write_bytes(Path("0.mp4").read_bytes())
    rows = [f'{row},"0,0,9,9"' for row in four]
    table(project, [*rows, 'again,copy.mp4,4.csv,test,a4,"9,0,9,9"'], "video,path,labels,part,subject,crop")
    assert not any("the same video" in note for note in load_project(BASE).notes)


def test_copies_in_the_parts_of_another_run_are_refused_with_its_name(project, four):
    Path("copy.mp4").write_bytes(Path("0.mp4").read_bytes())
    table(project, [*four, "again,copy.mp4,4.csv,train,a4"])
    parts = {"train": ["m0", "m1"], "validate": ["m2"], "test": ["again"]}
    with pytest.raises(InputError, match=r"m0 is in train and again in test of run fold"):
        load_project({**BASE, "runs": {"fold": {"parts": parts}}})


def test_a_test_video_must_not_be_a_copy_of_what_the_flow_network_learns_from(project, four):
    Path("new.mp4").write_bytes(Path("3.mp4").read_bytes())
    table(project, [*four, "new,new.mp4,,,"])
    assert any("(new)" in note for note in load_project(BASE).notes)
    with pytest.raises(InputError, match=r"m3 is in test and new in train"):
        load_project({**BASE, "flow": {"videos": ["m0", "new"]}})


def ingest(video, path, frames_digest, crop=None):
    folder = Path("results/ingest", video)
    folder.mkdir(parents=True, exist_ok=True)
    source = {"name": path, "bytes": Path(path).stat().st_size, "digest": file_digest(path)}
    facts = {"video": video, "crop": crop, "source": source, "frames_digest": frames_digest}
    (folder / "video.json").write_text(json.dumps(facts))


def test_the_same_frames_in_other_files_are_refused_once_they_are_ingested(project, four):
    table(project, four)
    ingest("m0", "0.mp4", "sha256:one")
    ingest("m3", "3.mp4", "sha256:one")
    with pytest.raises(
        InputError, match=r'\(m3\): path = "3.mp4": the same frames as m0 .* m0 is in train and m3 in test'
    ):
        load_project(BASE)
    Path("3.mp4").write_bytes(b"another video now")  # what was ingested says nothing of it
    load_project(BASE)
    Path("3.mp4").write_bytes(b"not read her3 3")  # of the same size
    ingest("m3", "3.mp4", "sha256:one")
    Path("3.mp4").write_bytes(b"not read her3 4")
    load_project(BASE)
    Path("3.mp4").unlink()
    ingest("m2", "2.mp4", "sha256:one", crop=[0, 0, 9, 9])  # of an earlier crop
    Path("3.mp4").write_bytes(b"not read here 3")
    ingest("m3", "3.mp4", "sha256:three")
    load_project(BASE)
    Path("results/ingest/m3/video.json").write_text("no JSON")
    load_project(BASE)


def test_one_label_file_for_two_videos_is_refused_unless_both_show_one_animal(project, four):
    slip = [*four[:2], "m2,2.mp4,./1.csv,validate,a2", four[3]]
    table(project, slip)
    with pytest.raises(InputError, match=r'line 4 \(m2\): labels = "./1.csv": the same file as in line 3 \(m1\); give'):
        load_project(BASE)
    table(project, [row.rpartition(",")[0] + "," for row in slip])  # no subjects
    with pytest.raises(InputError, match=r"the same file as in line 3"):
        load_project(BASE)
    Path("4.mp4").write_bytes(b"another view of a1")
    table(project, [*four, "m4,4.mp4,1.csv,train,a1"])
    assert "m4" in load_project(BASE).videos


def test_crops_of_one_file_may_share_labels_unless_they_show_other_animals(project, four):
    header = "video,path,labels,part,subject,crop"
    rows = [f"{row}," for row in four[1:]]
    both = ['l,0.mp4,0.csv,train,,"0,0,9,9"', 'r,0.mp4,0.csv,train,,"9,0,9,9"']
    table(project, [*both, *rows], header)
    assert {"l", "r"} <= set(load_project(BASE).videos)
    table(project, [both[0].replace("train,", "train,x"), both[1].replace("train,", "train,y"), *rows], header)
    with pytest.raises(InputError, match=r"line 3 \(r\): labels"):
        load_project(BASE)


def test_copies_of_label_files_are_a_note_if_some_behavior_is_on(project, four):
    labels("3.csv", {0, 1})  # those of 0.csv
    table(project, four)
    said = [note for note in load_project(BASE).notes if "labels: the same content" in note]
    assert len(said) == 1
    assert "videos.csv line 5: labels: the same content as 0.csv (m0, videos.csv line 2): 3.csv (m3)" in said[0]
    table(project, [*four[:3], four[3].replace("a3", "a0").replace("test", "train")])  # two views of a0
    assert not any("the same content" in note for note in load_project(BASE).notes)
    for number in (2, 3):
        labels(f"{number}.csv", set())  # nothing happens in either
    table(project, four)
    assert not any("2.csv" in note for note in load_project({"behaviors": ["groom"]}).notes)


def test_copies_of_label_files_are_read_as_the_table_and_the_config_say(project, four):
    for number in (0, 3):
        Path(f"{number}.csv").write_text("frame,groom,rear\n0,1,\n1,,1\n" + "".join(f"{n},0,0\n" for n in range(2, 9)))
    table(project, four)
    notes = load_project(BASE | {"labels": {"blank": "absent"}}).notes
    assert [note for note in notes if "the same content as 0.csv (m0, videos.csv line 2): 3.csv (m3)" in note]
    bouts = [f"o,{n}.mp4,9.0,1.0,{who},groom,,STATE,1,3\n" for n, who in ((0, "a0"), (0, "b"), (3, "a3"), (3, "b"))]
    header = "Observation id,Media file,Total length,FPS,Subject,Behavior,Modifiers,Behavior type,Start (s),Stop (s)\n"
    for number in (0, 3):
        Path(f"{number}.csv").write_text(header + "".join(bouts))
    assert [note for note in load_project(BASE).notes if "3.csv (m3)" in note]


def test_second_labels_are_read_and_told_before_anything_runs(project, four):
    header = "video,path,labels,part,subject,second_labels"
    Path("9.csv").write_bytes(Path("0.csv").read_bytes())
    table(project, [four[0] + ",9.csv", *(f"{row}," for row in four[1:])], header)
    (note,) = [note for note in load_project(BASE).notes if "second_labels" in note]
    assert note.startswith("videos.csv line 2 (m0): second_labels: the same content as labels")
    Path("9.csv").write_text("hello\nworld\n")
    with pytest.raises(InputError, match=r"^9\.csv"):
        load_project(BASE)


def test_labels_with_the_name_of_another_video_are_a_note(project, four):
    for number in range(4):
        Path(f"{number}.csv").rename(f"m{number}_labels.csv")
    rows = [row.replace(f"{n}.csv", f"m{n}_labels.csv") for n, row in enumerate(four)]
    table(project, rows)
    assert not any("has the name of" in note for note in load_project(BASE).notes)
    swapped = [rows[0], rows[1].replace("m1_", "m2_"), rows[2].replace("m2_", "m1_"), rows[3]]
    table(project, swapped)
    said = [note for note in load_project(BASE).notes if "has the name of" in note]
    assert len(said) == 2
    assert said[0].startswith(
        'videos.csv line 3 (m1): labels = "m2_labels.csv" has the name of video m2 (videos.csv line 4)'
    )


def test_jobs_need_not_look_for_copies(project, four):
    Path("copy.mp4").write_bytes(Path("0.mp4").read_bytes())
    table(project, [*four, "again,copy.mp4,4.csv,test,a4"])
    assert "again" in load_project(BASE, thorough=False).videos
