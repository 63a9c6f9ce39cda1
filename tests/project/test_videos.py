"""The video table: mistakes name file and line."""

import json
import os
from pathlib import Path

import pytest

from ethomake.errors import InputError
from ethomake.project.load import load_project
from ethomake.project.videos import check_rows, find_videos, is_archived, read_table

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
        ("video,path\na,0.MP4\n", ["line 2 (a)", "did you mean 0.mp4?"]),
        ("video,path,labels\na,0.csv,0.mp4\n", ["line 2 (a)", "a table and no video", "mixed up"]),
        ("video,path,labels\na,0.mp4,1.mp4\n", ["line 2 (a)", "a video and no table of labels"]),
        ("video,path\na,results\n", ["line 2 (a)", "is a folder; name the file in it"]),
        ("video,path\na,frames\n", ["line 2 (a)", "a folder of 2 pictures", "ffmpeg -framerate"]),
        ("video,path\na,frames/1.png\n", ["line 2 (a)", "one of 2 pictures", "ffmpeg -framerate"]),
        ('video,path,group\na,0.mp4,"wild\nb,1.mp4,ko"\n', ["line 2", '"wild\\nb,1.mp4,ko" goes on to line 3']),
        ('video,path,group\na,0.mp4,"wild\nb,1.mp4,ko\n', ["line 2", "opened and not closed"]),
        ("video,path,subject\na,0.mp4,m1\nb,1.mp4,m1\u200b\n", ['line 3 (b): subject = "m1\\u200b": line 2 has "m1"']),
        ("video,p\u200bath\na,0.mp4\n", ['"p\\u200bath"', '"path" looks the same']),
    ],
)
def test_mistakes_in_the_table_name_file_and_line(project, text, parts):
    Path("link.mp4").symlink_to("0.mp4")
    Path("frames").mkdir()
    for number in range(2):
        Path(f"frames/{number}.png").write_bytes(b"")
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


@pytest.mark.parametrize(
    ("cell", "rate"),
    [("120", 120), ("29.97", 29.97), ("30000/1001", 30000 / 1001), ("1/60", 1 / 60), ("1 / 60", 1 / 60), ("0.5", 0.5)],
)
def test_a_rate_is_a_number_or_a_fraction(cell, rate, project):
    project.write_text(f"video,path,labels,part,rate\na,0.mp4,0.csv,train,{cell}\nb,1.mp4,1.csv,validate,\n")
    videos = load_project(BASE).videos
    assert videos["a"].rate == pytest.approx(rate)
    assert videos["b"].rate is None


@pytest.mark.parametrize(
    "cell", ["0", "0.000", "-30", "0/5", "30/0", "fast", "30 fps", "1e3", "nan", "inf", "99999999"]
)
def test_a_rate_that_is_impossible_is_refused(cell, project):
    project.write_text(f"video,path,labels,part,rate\na,0.mp4,0.csv,train,{cell}\nb,1.mp4,1.csv,validate,\n")
    with pytest.raises(InputError, match=r"line 2 \(a\): rate = .*must be a number above 0"):
        load_project(BASE)


@pytest.mark.parametrize("name", ["fps", "FPS", "frame_rate", "Rate"])
def test_other_names_of_the_rate_are_understood(name, project):
    project.write_text(f"video,path,{name}\na,0.mp4,30\n")
    with pytest.raises(InputError, match=r"did you mean rate\?"):
        load_project(BASE)


def test_a_line_break_at_the_end_of_a_cell_is_none(project):
    project.write_text(
        'video,path,labels,part,group\na,0.mp4,0.csv,train,"wild\n"\n\n# "x\nb,1.mp4,1.csv,validate,"a ""b"""\n'
    )
    assert [video.group for video in load_project(BASE).videos.values()] == ["wild", 'a "b"']


def test_names_have_one_encoding_and_paths_that_of_the_disk(project):
    composed, decomposed = "gr\u00f6\u00dfe", "gro\u0308\u00dfe"
    Path("0.mp4").rename(f"{decomposed}.mp4")
    project.write_text(
        f"video,path,labels,part,subject,group,scored\na,{composed}.mp4,0.csv,train,{composed},{decomposed},\n"
        f"b,1.mp4,1.csv,validate,{decomposed},{composed},{decomposed}\n"
    )
    for number in range(2):
        text = Path(f"{number}.csv").read_text().replace("groom", [composed, decomposed][number])
        Path(f"{number}.csv").write_text(text)
    a, b = load_project({"behaviors": [decomposed, "rear"], "split": {"by": "video"}}).videos.values()
    assert a.path == f"{decomposed}.mp4"
    assert a.subject == b.subject == a.group == b.group == composed
    assert b.scored == (composed,)


@pytest.fixture
def raw(tmp_path, monkeypatch):
    """A folder with labelled videos m0 to m3; a function adds files and returns the notes, or the error, of a glob."""
    monkeypatch.chdir(tmp_path)
    Path("raw").mkdir()
    for number in range(4):
        add(f"raw/m{number}.mp4", f"raw/m{number}_labels.csv")

    def notes(*names, pattern="raw/*.mp4"):
        add(*names)
        try:
            project = load_project({**BASE, "videos": pattern})
        except InputError as error:
            return [str(error)]
        return [note for note in project.notes if "absent" not in note]

    return notes


def add(*names):
    for name in names:
        on = sum(map(ord, name)) % 7
        rows = "".join(f"{frame},{int(frame == on)},{int(frame >= on)}\n" for frame in range(9))
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text("frame,groom,rear\n" + rows if name.endswith(".csv") else name)


def test_a_glob_that_misses_nothing_says_nothing(raw):
    add("raw/notes.txt", "raw/tracks.csv", "raw/m1.json")
    assert raw() == []


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("raw/m4.MP4", 'raw/m4.MP4 differs from videos = "raw/*.mp4" only in small and capital letters'),
        ("raw/m5_labels.csv", "raw/m5_labels.csv is not used: no video that the pattern matches has its name"),
        ("raw/m1_labels (1).csv", "of raw/m1.mp4, which has raw/m1_labels.csv, name it m1_labels.csv"),
        ("raw/m1_labels.xlsx", "save it as a CSV file m1_labels.csv"),
        ("raw/m1.csv", "raw/m1.csv is not used: if it has the labels of raw/m1.mp4"),
    ],
)
def test_files_that_a_glob_misses_by_a_hair_are_told(raw, name, said):
    notes = raw(name)
    assert len(notes) == 1
    assert said in notes[0]


@pytest.mark.parametrize(
    "name",
    [
        "m4_Labels.csv",
        "m4 labels.csv",
        "M4_labels.csv",
        "m4_label.csv",
        "m4_labels.tsv",
        "m4_labels.csv.csv",
        "m4_lables.csv",
    ],
)
def test_a_table_that_is_named_almost_like_labels_is_told(raw, name):
    notes = raw("raw/m4.mp4", f"raw/{name}")
    assert notes == [
        f"raw/{name} is not used: if it has the labels of raw/m4.mp4, which has no labels now, name it m4_labels.csv"
    ]


def test_misspelt_labels_are_told_but_not_those_of_another_number(raw):
    assert "labels of raw/mouse7.mp4" in raw("raw/mouse7.mp4", "raw/mosue7_labels.csv")[0]
    assert "no video that the pattern matches" in raw("raw/mouse8_labels.csv")[-1]


def test_where_too_little_is_labelled_the_near_misses_are_in_the_error(raw):
    for number in range(1, 4):
        Path(f"raw/m{number}_labels.csv").rename(f"raw/m{number}-labels.csv")
    (error,) = raw()
    assert error.startswith("there is no validation video")
    assert "(but look: raw/m1-labels.csv is not used" in error


def test_tables_are_no_videos(raw):
    notes = raw("raw/m4.avi", "raw/readme.md", pattern="raw/*")
    assert notes == ['left out, since no videos: raw/readme.md; a pattern like "*.mp4" is clearer']
    assert set(load_project({**BASE, "videos": "raw/*"}).videos) == {"m0", "m1", "m2", "m3", "m4"}
    assert "matches only files that are no videos" in raw(pattern="raw/*.csv")[0]


def test_pictures_are_no_videos(raw):
    (error,) = raw("raw/f1.png", "raw/f2.png", pattern="raw/*.png")
    assert "they are 2 pictures and no video; make a video of them" in error


def test_a_pattern_in_the_wrong_case_says_what_is_there(raw):
    (error,) = raw(pattern="raw/*.MP4")
    assert "small and capital letters differ: raw/m0.mp4, raw/m1.mp4, raw/m2.mp4 and 1 more" in error


@pytest.mark.parametrize(
    "pattern", ["raw [1]/*.mp4", "raw [1]/m*.mp4", "./raw [1]/**/*.mp4", "raw [1]/[[]a] m?.mp4", "raw [1]/[a] m*.mp4"]
)
def test_brackets_in_names_of_files_and_folders_are_letters(raw, pattern):
    named = "[a] " if "a]" in pattern else ""
    Path("raw").rename("raw [1]")
    for path in list(Path("raw [1]").iterdir()):
        path.rename(path.with_name(named + path.name))
    assert raw(pattern=pattern) == []
    assert len(load_project({**BASE, "videos": pattern}).videos) == 4


def test_a_table_with_brackets_in_its_name_is_a_table(project):
    Path("videos.csv").rename("videos [1].csv")
    assert "mouse1" in load_project({**BASE, "videos": "videos [1].csv"}).videos


@pytest.mark.parametrize(
    ("videos", "said"), [("0.mp4", "a video and not a table"), (".", "a folder; name a table, or write")]
)
def test_a_video_or_a_folder_in_place_of_the_table(project, videos, said):
    with pytest.raises(InputError, match=said):
        load_project({**BASE, "videos": videos})


def test_a_video_table_knows_paths_in_the_other_encoding(project):
    Path("videos.csv").rename("vide\u0301os.csv")
    assert "mouse1" in load_project({**BASE, "videos": "vid\u00e9os.csv"}).videos


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


def test_files_in_a_folder_that_may_not_be_read_are_not_taken_for_missing_or_archived(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    manifest = Path("results/ingest/v/video.json")
    manifest.parent.mkdir(parents=True)
    manifest.write_text("{}")
    look = os.stat

    def closed(path, **options):
        if str(path) == "raw/v.mp4":
            raise PermissionError(13, "Permission denied", path)
        return look(path, **options)

    monkeypatch.setattr(os, "stat", closed)
    assert not is_archived("v", "raw/v.mp4")
    assert 'path = "raw/v.mp4": in a folder that may not be read' in refusal("raw/v.mp4")


def test_a_name_that_is_not_text_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    name = os.fsdecode(b"caf\xe9.mp4")
    Path(name).write_text("")
    with pytest.raises(InputError, match="the name of the video file is not text in UTF-8; rename it"):
        check_rows(find_videos("*.mp4"), "*.mp4", ["groom"], found=True)


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        ("a,0.mp4,,1.csv\n", r"line 2 \(a\): second_labels = .1\.csv.: the video has no labels to compare them with"),
        ("a,0.mp4,0.csv,./0.csv\n", r"line 2 \(a\): second_labels = .*: the same file as labels"),
        ("a,0.mp4,0.csv,9.csv\n", r"second_labels = .9\.csv.: no such label file"),
        ("a,0.mp4,0.csv,1.mp4\n", r"second_labels = .1\.mp4.: a video and no table of labels"),
        ("a,0.mp4,0.csv,2.csv\nb,1.mp4,1.csv,2.csv\n", r"line 3 \(b\): second_labels = .*: the same file as in line 2"),
    ],
)
def test_slips_of_second_labels(project, rows, problem):
    project.write_text("video,path,labels,second_labels\n" + rows)
    with pytest.raises(InputError, match=problem):
        load_project(BASE)


def test_second_labels_of_a_format_that_holds_several_videos_may_be_shared_as_labels_may(project):
    boris = {"time_format": "hh:mm:ss", "project_format_version": "7.0", "observations": {}, "behaviors_conf": {}}
    Path("all.boris").write_text(json.dumps(boris | {"subjects_conf": {}}))
    rows = [
        (line, {"video": f"v{line}", "path": f"{line}.mp4", "labels": f"{line}.csv", "second_labels": "all.boris"})
        for line in (1, 2)
    ]
    assert len(check_rows(rows, "videos.csv", ["groom"])) == 2
    rows = [(line, row | {"second_labels": "3.csv"}) for line, row in rows]
    with pytest.raises(InputError, match=r"line 2 \(v2\): second_labels = .*give each video its own labels, or"):
        check_rows(rows, "videos.csv", ["groom"])


def test_second_labels_are_read(project):
    project.write_text("video,path,labels,second_labels\na,0.mp4,0.csv,2.csv\nb,1.mp4,1.csv,\n")
    videos = load_project(BASE).videos
    assert (videos["a"].second_labels, videos["b"].second_labels) == ("2.csv", "")
