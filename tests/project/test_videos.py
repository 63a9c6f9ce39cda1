"""The video table: mistakes name file and line."""

import os
from pathlib import Path

import pytest

from ethomake.errors import InputError
from ethomake.project.load import load_project
from ethomake.project.videos import check_rows, find_videos, read_table

ROOT = Path(__file__).parents[2]
BASE = {"behaviors": ["groom", "rear"]}


def test_cells_are_read(project):
    project.write_text(
        "\ufeffvideo, path,labels,part,subject,group,crop,scored\n"
        'a,0.mp4,0.csv,train,m1,wild,"0, 10,640,480",groom; rear\n'
        "\n"
        "# left out for now\n"
        "b,1.mp4,1.csv,validate,m2,,,groom\n",
        encoding="utf-8",
    )
    videos = load_project(BASE).videos
    assert videos["a"].crop == (0, 10, 640, 480)
    assert (videos["a"].scored, videos["b"].scored) == (("groom", "rear"), ("groom",))
    assert (videos["a"].group, videos["b"].group) == ("wild", "")
    assert videos["b"].crop is None


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("video,file\na,0.mp4\n", ["line 1", '"file"', "columns are video, path"]),
        ("video,path,label\na,0.mp4,\n", ["line 1", '"label"', "did you mean labels?"]),
        ("name:file\na:0.mp4\n", ["line 1", "with commas between"]),
        ("# mine\n\nvideo,paht\na,0.mp4\n", ["line 3", "did you mean path?"]),
        ('video,path\n"a,0.mp4\nb,1.mp4\n', ["line 2", "a quote is opened and not closed"]),
        ("video,path\na,{a}.mp4\n", ["line 2 (a)", "no { and } can be in a path"]),
        ("video,path\na,0.mp4\0\n", ["not plain text"]),
        ("video\na\n", ["line 1", "column path is missing"]),
        ("video,path,path\na,0.mp4,\n", ["line 1", "duplicate column path"]),
        ("video,path\n", ["no videos in it"]),
        ("", ["line 1", "column video is missing"]),
        ("video,path\na,\n", ["line 2 (a)", "path is empty"]),
        ("video,path\na b,0.mp4\n", ["line 2 (a b)", "letters, digits, _ and -"]),
        ("video,path\na,0.mp4\n\nA,1.mp4\n", ["line 4 (A)", "line 2 already"]),
        ("video,path\na,0.mp4\nb,0.mp4\n", ["line 3 (b)", "same video file and crop as line 2"]),
        ("video,path\na,0.mp4\nb,./0.mp4\n", ["line 3 (b)", "same video file and crop as line 2"]),
        ("video,path\na,0.mp4\nb,link.mp4\n", ["line 3 (b)", "same video file and crop as line 2"]),
        ("video,path,subject\na,0.mp4,Mouse 1\nb,1.mp4,mouse1\n", ["line 3 (b)", '"mouse1": line 2 has "Mouse 1"']),
        ("video,path\na,gone.mp4\n", ["line 2 (a)", "no such video file"]),
        ("video,path\na,~/0.mp4\n", ["line 2 (a)", "no such video file", "write out what ~ and $ stand for"]),
        ("video,path\na,raw\\0.mp4\n", ["line 2 (a)", "no such video file", "write / between folders"]),
        ("video,path,labels\na,0.mp4,results/labels/a.csv\n", ["line 2 (a)", "is in results/", "copy it"]),
        (f"video,path\nm{'0' * 20},0.mp4\n", ["line 2", "a shorter name"]),
        (f"video,path\n{'mouse1' * 40},0.mp4\n", ["line 2", "at most 200 characters"]),
        ("video,path,labels\na,0.mp4,gone.csv\n", ["line 2 (a)", "no such label file"]),
        ("video,path,labels,part\na,0.mp4,0.csv,trian\n", ["line 2 (a)", "did you mean train?"]),
        ("video,path,part\na,0.mp4,test\n", ["line 2 (a)", "no labels"]),
        ("video,path,crop\na,0.mp4,0,0,9,9\n", ["line 2", "6 cells under 3 columns", "quotes"]),
        ('video,path,crop\na,0.mp4,"0,0,0,9"\n', ["line 2 (a)", "x,y,width,height"]),
        ("video,path,scored\na,0.mp4,grom\n", ["line 2 (a)", '"grom"', "did you mean groom?"]),
        ("video,path\na,gone.mp4\nb,gone.mp4\n", ["line 2 (a)", "and 1 more row with errors"]),
    ],
)
def test_mistakes_in_the_table_name_file_and_line(project, text, parts):
    Path("link.mp4").symlink_to("0.mp4")
    Path("results/labels").mkdir(parents=True)
    Path("results/labels/a.csv").write_text("made here")
    project.write_text(text)
    with pytest.raises(InputError) as caught:
        load_project(BASE)
    message = str(caught.value)
    assert "\n" not in message
    assert "videos.csv" in message
    for part in parts:
        assert part in message


@pytest.mark.parametrize("separator", [";", "\t"])
def test_semicolons_and_tabs_of_spreadsheets_separate_too(project, separator):
    lines = [
        "",
        "video,path,labels,part,scored,",
        "a,0.mp4,0.csv,train,'groom;rear',,",
        ",,,,,",
        "b,1.mp4,1.csv,validate,,",
    ]
    text = "\r\n".join(lines).replace(",", separator).replace("'", '"')
    project.write_text(text, newline="")
    videos = load_project(BASE).videos
    assert (videos["a"].scored, videos["b"].path) == (("groom", "rear"), "1.mp4")


def test_only_what_is_a_comment_is_left_out(project):
    Path("#1 mouse.mp4").write_bytes(b"")
    project.write_text(
        'sep=,\n"# mine; all; of them"\npath,video,labels,part\n"#1 mouse.mp4",a,0.csv,train\n"# tired, left out",,,\n'
        "#2.mp4,c,,\n1.mp4,b,1.csv,validate\n"
    )
    assert [video.path for video in load_project(BASE).videos.values()] == ["#1 mouse.mp4", "1.mp4"]
    project.write_text('"video","path","labels"\n"#c","2.mp4",""\n"a","0.mp4","0.csv"\n"b","1.mp4","1.csv"\n')
    assert list(load_project(BASE).videos) == ["a", "b"]


def test_a_results_folder_on_another_disk_says_nothing_of_its_neighbors(project):
    Path("disk/raw").mkdir(parents=True)
    Path("disk/raw/0.mp4").write_bytes(b"")
    Path("results").symlink_to("disk")
    row = {"video": "a", "path": "disk/raw/0.mp4"}
    assert check_rows([(2, row)], "videos.csv", ["groom"])[0].path == "disk/raw/0.mp4"
    with pytest.raises(InputError, match="is in results/"):
        check_rows([(2, row | {"path": "results/raw/0.mp4"})], "videos.csv", ["groom"])


def test_subjects_whose_numbers_differ_are_others():
    rows = [(n, {"video": f"v{n}", "path": f"{n}.mp4", "subject": name}) for n, name in enumerate(["1 11", "11 1"])]
    assert len(check_rows(rows, "table", ["groom"], must_exist=False)) == 2


def test_scored_takes_commas_too(project):
    project.write_text('video,path,labels,part,scored\na,0.mp4,0.csv,train,"groom, rear"\nb,1.mp4,1.csv,validate,\n')
    assert load_project(BASE).videos["a"].scored == ("groom", "rear")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"PK\x03\x04\x14\0", "workbook"),
        ("video,path\nm\xe4use,0.mp4\n".encode("latin-1"), "line 2 has other characters"),
        ("video,path\na,0.mp4\n".encode("utf-16"), "not plain text in UTF-8; save"),
    ],
)
def test_a_table_that_is_no_text(project, content, said):
    project.write_bytes(content)
    with pytest.raises(InputError, match=said):
        load_project(BASE)


def test_a_table_that_is_not_there(project):
    with pytest.raises(InputError, match=r'videos = "other\.csv".*no such video table'):
        load_project({**BASE, "videos": "other.csv"})


def test_two_crops_of_one_video_are_two_videos(project):
    project.write_text('video,path,labels,part,crop\nl,0.mp4,0.csv,train,"0,0,9,9"\nr,0.mp4,0.csv,validate,"9,0,9,9"\n')
    assert set(load_project(BASE).videos) == {"l", "r"}


def test_rows_of_an_example_need_no_files():
    rows = [(2, {"video": "a", "path": "made/later.mp4", "labels": "made/later.csv", "part": "train"})]
    assert check_rows(rows, "example", ["groom"], must_exist=False)[0].path == "made/later.mp4"


def test_a_glob_finds_videos_and_labels_beside_them(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("raw").mkdir()
    for name in ("b day 1.mp4", "a.mp4", "a_labels.csv"):
        Path("raw", name).write_text("")
    assert find_videos("raw/*.mp4") == [
        (1, {"video": "a", "path": "raw/a.mp4", "labels": "raw/a_labels.csv"}),
        (2, {"video": "b_day_1", "path": "raw/b day 1.mp4"}),
    ]
    with pytest.raises(InputError, match="no file"):
        find_videos("raw/*.avi")


def test_names_of_a_glob_stay_apart_in_any_script(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("\u043a\u043e\u0448\u043a\u0430", "\u043c\u044b\u0448\u043a\u0430", "Ma\u0308use   2"):
        Path(f"{name}.mp4").write_text("")
    latin, *others = (row["video"] for _, row in find_videos("*.mp4"))
    assert latin == "M_use___2"
    assert len(set(others)) == 2
    assert all(name.startswith("_-") for name in others)


def test_mistakes_of_a_glob_name_files_and_not_lines(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("a.mp4").mkdir()  # a folder is no video
    for name in ("b 1.mp4", "b_1.mp4"):
        Path(name).write_text("")
    with pytest.raises(InputError, match=r"file b_1\.mp4 \(b_1\): the name is used in file b 1\.mp4 already"):
        load_project({**BASE, "videos": "*.mp4"})
    Path("b 1.mp4").unlink()
    with pytest.raises(InputError, match=r"put <name>_labels\.csv beside the video"):
        load_project({**BASE, "videos": "*.mp4"})


def test_the_table_of_the_flies():
    videos = check_rows(
        read_table(ROOT / "example" / "flies.csv"), "flies.csv", ["wing_extension", "walking", "near"], must_exist=False
    )
    parts = {video.video: video.part for video in videos}
    assert parts == {
        "clip1_male": "train",
        "clip1_female": "train",
        "clip3_fly1": "train",
        "clip3_fly0": "validate",
        "clip2_fly0": "test",
        "clip2_fly1": "test",
    }


def refusal(path, **columns):
    rows = [(2, {"video": "v", "path": path} | columns)]
    with pytest.raises(InputError) as error:
        check_rows(rows, "videos.csv", ["groom"])
    assert "\n" not in str(error.value)
    return str(error.value)


def test_it_is_said_what_lies_there_in_place_of_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("folder.mp4").mkdir()
    Path("one.mp4").symlink_to("other.mp4")
    Path("other.mp4").symlink_to("one.mp4")
    Path("dead.mp4").symlink_to("/gone/x.mp4")
    os.mkfifo("pipe.mp4")
    assert 'path = "folder.mp4": is a folder; name the file in it' in refusal("folder.mp4")
    assert 'path = "one.mp4": a link to "other.mp4", which leads nowhere' in refusal("one.mp4")
    assert 'path = "dead.mp4": a link to "/gone/x.mp4", which leads nowhere' in refusal("dead.mp4")
    assert "is no file but a pipe" in refusal("pipe.mp4")
    Path("v.mp4").write_text("")
    assert 'labels = "folder.mp4": is a folder' in refusal("v.mp4", labels="folder.mp4")


def test_all_files_that_may_not_be_read_are_told_before_anything_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = [(line, {"video": f"v{line}", "path": f"{line}.mp4"}) for line in (2, 3, 4)]
    for _, row in rows:
        Path(row["path"]).write_text("")
    monkeypatch.setattr(os, "access", lambda path, mode: path == "3.mp4")
    with pytest.raises(InputError) as error:
        check_rows(rows, "videos.csv", ["groom"])
    assert str(error.value) == (
        'videos.csv line 2 (v2): path = "2.mp4": may not be read; change its permissions (chmod u+r), or ask its owner '
        "(and 1 more row with errors)"
    )


def test_a_name_that_is_not_text_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    name = os.fsdecode(b"caf\xe9.mp4")
    Path(name).write_text("")
    with pytest.raises(InputError, match="the name of the video file is not text in UTF-8; rename it"):
        check_rows(find_videos("*.mp4"), "*.mp4", ["groom"], found=True)
