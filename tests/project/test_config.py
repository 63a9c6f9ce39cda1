"""config.yaml, its schema and the video table: what is right goes through, what is wrong says what and where."""

import copy
import json
import subprocess
import sys
from itertools import chain
from pathlib import Path

import pytest
import yaml

from ethomake.errors import InputError
from ethomake.files import short_digest
from ethomake.project.configfile import find_config_file
from ethomake.project.load import load_project
from ethomake.project.schemas import load_schema
from ethomake.project.settings import resolve_settings
from ethomake.project.splits import assign_without_training, choose_flow_videos
from ethomake.project.videos import Video, check_rows, find_videos, read_table

ROOT = Path(__file__).parents[2]
BASE = {"behaviors": ["groom", "rear"]}


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder with five labelled videos and one without labels; returns the path of its table."""
    monkeypatch.chdir(tmp_path)
    rows = ["video,path,labels,subject"]
    for number in range(5):
        Path(f"{number}.mp4").write_bytes(b"not read here")
        labels = "".join(f"{frame},{frame % 2},{(frame + 1) % 2}\n" for frame in range(20))
        Path(f"{number}.csv").write_text("frame,groom,rear\n" + labels)
        rows.append(f"mouse{number},{number}.mp4,{number}.csv,animal{number}")
    Path("new.mp4").write_bytes(b"")
    rows.append("new,new.mp4,,animal9")
    Path("videos.csv").write_text("\n".join(rows) + "\n")
    return tmp_path / "videos.csv"


# --- config.yaml


def test_config_as_shipped_states_the_defaults():
    shipped = yaml.safe_load((ROOT / "config.yaml").read_text())
    assert shipped.pop("example") == "flies"
    expected = resolve_settings(BASE) | {"behaviors": []}
    expected["flow"]["network"] = expected["flow"]["reuse"] = expected["streams"]["network"] = "auto"
    expected.pop("example")
    assert shipped == expected


def test_every_key_of_the_shipped_config_has_a_comment():
    lines = (ROOT / "config.yaml").read_text().splitlines()
    for number, line in enumerate(lines):
        if line and not line.lstrip().startswith("#"):
            opens_a_section = not line.startswith(" ") and line.endswith(":")
            above = lines[number - 1].startswith("#") and not line.startswith(" ")
            assert "#" in line or above or opens_a_section, line


@pytest.mark.parametrize(("name", "side"), [("flies", 96), ("simulated", 64)])
def test_examples_settle(name, side):
    overlay = yaml.safe_load((ROOT / "example" / f"{name}.yaml").read_text())
    settings = resolve_settings({"example": name, **overlay})
    assert settings["ingest"]["image_size"] == [side, side]
    assert settings["flow"]["weights"] == settings["streams"]["weights"] == "none"
    assert (settings["augmentation"]["rotation"], settings["augmentation"]["flip_vertical"]) == (180, 0.5)


@pytest.mark.parametrize(
    ("preset", "flow", "reuse", "streams"),
    [
        ("swift", "tiny_motion_net", True, "resnet18"),
        ("fast", "tiny_motion_net", False, "resnet18"),
        ("medium", "motion_net", False, "resnet50"),
        ("slow", "tiny_motion_net_3d", False, "resnet3d_34"),
    ],
)
def test_presets_name_the_networks_and_how_flow_is_computed(preset, flow, reuse, streams):
    settings = resolve_settings({**BASE, "preset": preset})
    assert (settings["flow"]["network"], settings["streams"]["network"]) == (flow, streams)
    assert settings["flow"]["reuse"] is reuse
    assert resolve_settings({**BASE, "preset": preset, "flow": {"reuse": not reuse}})["flow"]["reuse"] is not reuse
    own = resolve_settings({**BASE, "preset": preset, "streams": {"network": "mobilenet_v2"}})
    assert (own["flow"]["network"], own["streams"]["network"]) == (flow, "mobilenet_v2")


def test_numbers_are_read_as_the_schema_means_them():
    given = yaml.safe_load("flow: {learning_rate: 1e-3, epochs: 4.0}\naugmentation: {rotation: 20}\nstreams:\n")
    settings = resolve_settings({**BASE, **given})
    assert settings["flow"]["learning_rate"] == 0.001
    assert repr(settings["flow"]["epochs"]) == "4"
    assert repr(settings["augmentation"]["rotation"]) == "20.0"
    assert settings["streams"]["batch"] == 32
    text = resolve_settings(
        {**BASE, "flow": {"reuse": "true"}, "ingest": {"image_size": ["64", "32"], "keep_aspect": "false"}}
    )
    assert text["flow"]["reuse"] is True
    assert (text["ingest"]["image_size"], text["ingest"]["keep_aspect"]) == ([64, 32], False)
    seconds = resolve_settings({**BASE, "ethogram": {"minimum_bout_s": {"groom": 1}, "minimum_gap_s": 2}})["ethogram"]
    assert repr(seconds["minimum_bout_s"]) == "{'groom': 1.0}"
    assert repr(seconds["minimum_gap_s"]) == "2.0"


def test_settling_twice_changes_nothing_and_leaves_the_input_alone():
    given = {**BASE, "flow": {"epochs": 3}}
    before = copy.deepcopy(given)
    settled = resolve_settings(given)
    assert given == before
    assert resolve_settings(settled) == settled


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        ({"flow": {"epoch": 3}}, ["flow.epoch = 3", "unknown key", "did you mean epochs?"]),
        ({"epochs": 3}, ["epochs = 3", "unknown key", "flow.epochs or streams.epochs or sequence.epochs"]),
        ({"behaviours": []}, ["behaviours = []", "did you mean behaviors?"]),
        ({"flow": {"epochs": 0}}, ["flow.epochs = 0", "at least 1"]),
        ({"flow": {"epochs": 2.5}}, ["flow.epochs = 2.5", "a whole number"]),
        ({"flow": {"epochs": "many"}}, ['flow.epochs = "many"', "a whole number"]),
        ({"flow": {"learning_rate": float("nan")}}, ['flow.learning_rate = "nan"', "a number"]),
        ({"sequence": {"l2": float("inf")}}, ['sequence.l2 = "inf"', "a number"]),
        ({"ethogram": {"minimum_bout_s": float("nan")}}, ['ethogram.minimum_bout_s = "nan"', "must be auto, seconds"]),
        ({"flow": 3}, ["flow = 3", "a section of keys"]),
        ({"preset": "fsat"}, ['preset = "fsat"', "swift, fast, medium, slow", "did you mean fast?"]),
        ({"ingest": {"image_size": [100, 96]}}, ["ingest.image_size[0] = 100", "multiple of 32"]),
        ({"ingest": {"image_size": [96]}}, ["ingest.image_size = [96]", "[height, width]"]),
        ({"augmentation": {"hue": 0.6}}, ["augmentation.hue = 0.6", "at most 0.5"]),
        ({"streams": {"dropout": 1}}, ["streams.dropout = 1", "below 1"]),
        ({"streams": {"enabled": []}}, ["streams.enabled = []"]),
        ({"behaviors": ["groom", "groom"]}, ["behaviors", "twice"]),
        ({"behaviors": [True, "rear"]}, ["behaviors[0] = true", "put it in quotes"]),
        ({"behaviors": [1, "rear"]}, ["behaviors[0] = 1", "put it in quotes"]),
        ({"behaviors": "groom"}, ['behaviors = "groom"', "a list, as in [a, b]"]),
        ({"behaviors": ["groom\u2028x"]}, ["groom\\u2028x", "cannot be printed"]),
        ({"flow": {"learning_rate": 0, 1: None}}, ["flow.1 = null", "with a point"]),
        ({"behaviors": ["{video}"]}, ["behaviors[0]", "braces"]),
        ({"ethogram": {"thresholds": {True: 0.5}}}, ["ethogram.thresholds.True", "put it in quotes"]),
        ({"ethogram": {"colors": {None: "#123456"}}}, ["ethogram.colors.None", "put it in quotes"]),
        ({"flow": {"videos": [1]}}, ["flow.videos = [1]", "in quotes"]),
        ({"behaviors": ["groom;rear"]}, ["behaviors[0]", "without commas, semicolons"]),
        ({"behaviors": ["groom", "background"]}, ["behaviors", "background", "derived"]),
        ({"behaviors": ["groom", "Human"]}, ["behaviors", "Human", "our tables use it"]),
        ({"behaviors": ["micro"]}, ["behaviors", "micro", "our tables use it"]),
        ({"behaviors": []}, ["behaviors = []", "at least one"]),
        ({"seed": None}, ["seed = null", "a whole number"]),
        ({"ethogram": {"colors": {"groom": "red"}}}, ["ethogram.colors.groom", "#4477aa"]),
        ({"ethogram": {"minimum_bout_s": -1}}, ["ethogram.minimum_bout_s = -1", "must be auto, seconds"]),
        # right by themselves, impossible together
        ({"split": {"train": 0.9}}, ["split = ", "add up to 1.3"]),
        ({"flow": {"learning_rate": 1e-8}}, ["flow.minimum_learning_rate", "below flow.learning_rate"]),
        ({"streams": {"enabled": ["motion"], "joint_epochs": 2}}, ["streams.joint_epochs = 2", "both streams"]),
        ({"sequence": {"filter_length": 14}}, ["sequence.filter_length = 14", "odd"]),
        ({"sequence": {"window": 9}}, ["sequence.window = 9", "filter_length (15)"]),
        ({"ethogram": {"thresholds": {"grom": 0.5}}}, ["ethogram.thresholds.grom", "did you mean groom?"]),
        ({"exclusive": True, "ethogram": {"thresholds": {"groom": 0.5}}}, ["ethogram.thresholds", "exclusive"]),
        ({"preset": "slow", "streams": {"weights": "DEFAULT"}}, ["streams.weights", "no weights for resnet3d_34"]),
        ({"streams": {"weights": "imagenet"}}, ["streams.weights", "IMAGENET1K_V1"]),
        ({"flow": {"weights": "nowhere/flow.safetensors"}}, ["flow.weights", "no such file"]),
    ],
)
def test_mistakes_are_refused_in_one_line(change, parts):
    with pytest.raises(InputError) as caught:
        resolve_settings({**BASE, **change})
    message = str(caught.value)
    assert "\n" not in message
    for part in parts:
        assert part in message


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"", "config is empty"),
        (b"# all of it left out\n", "config is empty"),
        (b"- a\n", "config has no keys"),
        (b"seed: 1\nflow: {epochs: 1}\nseed: 2\n", "line 3: seed stands in line 1 already"),
        (b"flow:\n  epochs: 1\n  epochs: 2\n", r"line 3: flow\.epochs stands in line 2 already"),
        (b"flow:\n\tepochs: 1\n", "line 2: not YAML .*; indent with blanks and not with tabs"),
        (b"flow: [1, 2\nseed: 3\n", "line 2: not YAML .*flow sequence of line 1"),
        (b"preset: fast\nseed:3\nvideos: a\n", "line 2: not YAML .* with a blank after the colon|line 3: not YAML"),
        (b"seed: 1\n# m\xe4use\n", "line 2: not text in UTF-8"),
        (b"seed: 1\n\0", "not YAML .* save it as plain text"),
        (b"flow: &a {epochs: *a}\n", "nested without end"),
        (b"seed: 1\nvideos: 2024-31-01\n", "a value is no date or number .*; quote it"),
        (b"seed: 1\nvideos: {{path}}\n", "line 2: not YAML"),
    ],
)
def test_a_config_file_that_cannot_be_read(tmp_path, monkeypatch, text, said):
    monkeypatch.chdir(tmp_path)
    Path("config.yaml").write_bytes(text)
    with pytest.raises(InputError, match=said) as caught:
        find_config_file(ROOT)
    assert str(caught.value).startswith("config.yaml")
    assert "\n" not in str(caught.value)


def test_a_folder_whose_path_snakemake_would_take_apart(tmp_path, monkeypatch):
    (tmp_path / "mice {1}").mkdir()
    monkeypatch.chdir(tmp_path / "mice {1}")
    with pytest.raises(InputError, match=r"mice \{1\}: rename this folder"):
        find_config_file(ROOT)


def test_the_config_of_the_folder_or_else_that_of_the_workflow(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert find_config_file(ROOT) == str(ROOT / "config.yaml")
    Path("mine.json").write_text('{\n\t"seed": 1\n}')
    assert find_config_file(ROOT, ["mine.json"]) == str(ROOT / "config.yaml")
    Path("config.yaml.txt").write_text("seed: 1")
    with pytest.raises(InputError, match=r"config\.yaml\.txt: .* rename it to config\.yaml"):
        find_config_file(ROOT)
    Path("config.yaml").write_text("\ufeffseed: 1\r\n")
    assert find_config_file(ROOT) == "config.yaml"
    Path("mine.yaml").write_text("seed: 1\nseed: 2\n")
    with pytest.raises(InputError, match=r"mine\.yaml line 2"):
        find_config_file(ROOT, ["mine.yaml"])


def test_other_mistakes_are_counted():
    with pytest.raises(InputError, match="and 1 more key with errors"):
        resolve_settings({**BASE, "seed": -1, "flow": {"epochs": 0}})


def test_every_key_of_the_schema_has_a_default():
    def keys(schema, path=""):
        for key, inner in schema["properties"].items():
            assert "default" in inner, path + key
            if "properties" in inner:
                keys(inner, f"{path}{key}.")

    keys(load_schema("config"))


# --- the video table


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
        ("video,path,path\na,0.mp4,\n", ["line 1", "column path stands there twice"]),
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
        ("video,path,labels\na,0.mp4,results/labels/a.csv\n", ["line 2 (a)", "lies in results/", "copy it"]),
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
    with pytest.raises(InputError, match="lies in results/"):
        check_rows([(2, row | {"path": "results/raw/0.mp4"})], "videos.csv", ["groom"])


def test_subjects_whose_numbers_differ_are_others():
    rows = [(n, {"video": f"v{n}", "path": f"{n}.mp4", "subject": name}) for n, name in enumerate(["1 11", "11 1"])]
    assert len(check_rows(rows, "table", ["groom"], must_exist=False)) == 2


def test_flow_without_a_validation_video_is_a_note(project):
    project.write_text("video,path,labels,part\na,0.mp4,0.csv,train\nb,1.mp4,1.csv,validate\n")
    loaded = load_project({**BASE, "flow": {"videos": ["a", "b"]}})
    assert loaded.flow_parts == {"train": ["a", "b"], "validate": []}
    assert any("flow.videos names all validation videos" in note for note in loaded.notes)
    kept = {"train": ["a"], "validate": ["b"]}
    parts = {"train": ["a"], "validate": ["b", "c"], "test": []}
    assert choose_flow_videos(["a", "b"], dict.fromkeys("abc"), parts, kept)["validate"] == ["c"]


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
    with pytest.raises(InputError, match=r"file b_1\.mp4 \(b_1\): the name stands in file b 1\.mp4 already"):
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


# --- what the workflow relies on


def test_importing_config_is_light():
    script = (
        "import sys, ethomake.project.load; print([m for m in ('torch', 'matplotlib', 'zarr') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_digests_tell_values_apart_and_not_their_order():
    assert short_digest({"a": 1, "b": 2}) == short_digest({"b": 2, "a": 1})
    assert short_digest({"a": 1}) != short_digest({"a": 2})


# --- where a bundle is applied


def test_labelled_videos_test_a_bundle_unless_it_may_know_them():
    videos = [
        Video("unlabelled", "u.mp4"),
        Video("new", "n.mp4", labels="n.csv"),
        Video("marked", "m.mp4", labels="m.csv", part="train"),
        Video("learned", "l.mp4", labels="l.csv"),
        Video("freed", "f.mp4", labels="f.csv", part="test"),
    ]
    parts, notes = assign_without_training(videos, {"validate": ["learned"], "train": ["freed", "gone"]})
    assert parts == {"train": ["marked"], "validate": ["learned"], "test": ["freed", "new"]}
    assert notes == [
        "not evaluated: marked, learned (their part is train or validate; write test there if the bundle was not made "
        "from them)"
    ]


def test_a_bundle_needs_no_labels():
    parts, notes = assign_without_training([Video("a", "a.mp4")], {})
    assert parts == {"train": [], "validate": [], "test": []}
    assert "not evaluated" in notes[0]
