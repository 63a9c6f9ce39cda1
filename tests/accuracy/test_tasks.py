import csv

import numpy as np
import pytest
import yaml

from benchmarks.accuracy import tasks
from benchmarks.accuracy.__main__ import parse
from benchmarks.accuracy.tasks import (
    CURVE,
    FOLDS,
    MINUTES,
    QUICK,
    Case,
    config_of,
    plan_cases,
    read_settings,
    rows_of,
    write_project,
)
from ethomake.example.video import read_grey, write_h264
from ethomake.labels.table import LabelTable, read_labels, write_labels
from ethomake.project.load import load_project
from ethomake.project.settings import PRESETS

FLIES = [(task, fold) for task, folds in FOLDS.items() for fold in folds if task not in ("drawn", CURVE)]
ALL = [(task, fold) for task, folds in FOLDS.items() for fold in folds]


@pytest.fixture
def sources(tmp_path, monkeypatch):
    """A folder with the flies and the animals of the small sizes: empty videos with labels of each behavior."""
    monkeypatch.setattr(tasks, "_cut", lambda _, target, first, stop: target.write_text(f"{first}-{stop}"))
    folder = tmp_path / "sources"
    for task, behaviors, frames in (
        ("flies-transfer", ("wing_extension", "walking", "near"), 1200),
        ("drawn", ("walk", "turn", "rear", "groom"), 240),
    ):
        for row in rows_of(task, sizes=QUICK):
            values = np.arange(frames)[:, None] // 20 % len(behaviors) == np.arange(len(behaviors))
            write_labels(folder / f"{row.source}_labels.csv", LabelTable(behaviors, values.astype(np.int8)))
            (folder / f"{row.source}.mp4").write_bytes(row.source.encode())
    return folder


def project_of(case, sources, folder, monkeypatch):
    """The project that is written for a case, as the workflow loads it."""
    write_project(case, sources, folder, QUICK)
    monkeypatch.chdir(folder)
    return load_project(yaml.safe_load((folder / "config.yaml").read_text()))


@pytest.mark.parametrize(("task", "fold"), ALL)
def test_each_task_is_a_project_that_can_be_trained_and_tested(task, fold, sources, tmp_path, monkeypatch):
    case = Case(task, fold, "swift", (), 0, 0.25 if task == CURVE else None)
    project = project_of(case, sources, tmp_path / "run", monkeypatch)
    parts = project.main.split.parts
    assert all(parts[part] for part in ("train", "validate", "test"))
    for row in rows_of(task, fold, QUICK):
        assert row.part in ("train", "validate", "test")
        if row.video in parts[row.part]:
            continue
        assert task == CURVE  # nothing of this video is labelled
        assert row.video in project.main.split.flow["train"]


@pytest.mark.parametrize(("task", "fold"), FLIES)
def test_what_choices_are_made_by_never_has_the_test_of_the_example(task, fold):
    clips = {row.recording for row in rows_of(task, fold) if row.part != "test"}
    tested = {row.recording for row in rows_of(task, fold) if row.part == "test"}
    assert ("clip2" in clips | tested) == (task == "flies-transfer")
    assert bool(clips & tested) == (task == "flies-within")


def test_the_transfer_is_the_shipped_example():
    assert [(row.video, row.part) for row in rows_of("flies-transfer")] == [
        ("clip1_male", "train"),
        ("clip1_female", "train"),
        ("clip2_fly0", "test"),
        ("clip2_fly1", "test"),
        ("clip3_fly0", "validate"),
        ("clip3_fly1", "train"),
    ]


def test_the_two_ends_of_a_fly_share_no_frame(sources, tmp_path, monkeypatch):
    project_of(Case("flies-within", "", "swift", (), 0), sources, tmp_path / "run", monkeypatch)
    whole = read_labels(sources / "clip1_male_labels.csv").values
    begin, end = (read_labels(tmp_path / f"run/labels/clip1_male_{what}.csv").values for what in ("begin", "end"))
    assert np.array_equal(begin, whole[:900])
    assert np.array_equal(end, whole[910:])
    assert (tmp_path / "run/videos/clip1_male_begin.mp4").read_text() == "0-900"
    assert (tmp_path / "run/videos/clip1_male_end.mp4").read_text() == "910-1200"


def test_a_cut_has_the_frames_of_its_labels(tmp_path):
    with write_h264(tmp_path / "whole.mp4", height=32, width=32, fps=25) as write:
        for number in range(10):
            write(np.full((32, 32), 20 * number + 20, np.uint8))
    tasks._cut(tmp_path / "whole.mp4", tmp_path / "cut.mp4", 3, 7, side=32)
    found = [frame.mean() for frame in read_grey(tmp_path / "cut.mp4", height=32, width=32)]
    assert found == pytest.approx([80, 100, 120, 140], abs=4)


def test_the_learning_curve_takes_labels_from_what_is_learned_only(sources, tmp_path, monkeypatch):
    project_of(Case(CURVE, "", "swift", (), 0, 0.25), sources, tmp_path / "run", monkeypatch)
    with (tmp_path / "run/videos.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    scored = {"learned": 0, "test": 0}
    for row in rows:
        if row["labels"]:
            values = read_labels(tmp_path / "run" / row["labels"]).values
            scored["test" if row["part"] == "test" else "learned"] += int((values[:, 0] >= 0).sum())
    assert scored == {"learned": 0.25 * 60 * QUICK.fps, "test": 240}


@pytest.mark.parametrize(("task", "fold"), ALL)
def test_settings_are_those_of_the_example_and_the_given_ones(task, fold):
    config = config_of(Case(task, fold, "fast", ("streams={epochs: 16}", "ethogram={minimum_bout_s: 0}"), 7))
    assert (config["preset"], config["seed"], config["example"]) == ("fast", 7, "none")
    assert config["streams"]["epochs"] == 16
    assert config["streams"]["learning_rate"] == 5e-4  # of the example's file
    assert config["ethogram"] == {"minimum_bout_s": 0}


@pytest.mark.parametrize(("text", "problem"), [("streams", "write key=value"), ("seed=3", "the benchmark sets seed")])
def test_settings_of_another_form_are_refused(text, problem):
    with pytest.raises(ValueError, match=problem):
        read_settings([text])


def test_cases_are_all_that_was_asked_for():
    cases = plan_cases(list(FOLDS), ["swift", "fast"], ["seed_of=x"], [0, 1], MINUTES)
    assert len(cases) == len(set(cases)) == 2 * 2 * (1 + 1 + 2 + 1 + len(MINUTES))
    assert [case.seed for case in cases] == sorted(case.seed for case in cases)


def test_the_command_line_has_the_shipped_preset_and_refuses_what_no_run_would_take(capsys):
    assert {case.preset for case in parse([]).cases} == {"swift"}
    assert {case.preset for case in parse(["drawn", "--presets", *PRESETS]).cases} == set(PRESETS)
    for arguments, problem in (
        (["bees"], "there is no task bees"),
        (["drawn", "--config", "streams={epoch: 3}"], "epoch"),
        (["drawn", "--config", "seed=3"], "see --presets and --seeds"),
    ):
        with pytest.raises(SystemExit):
            parse(arguments)
        assert problem in capsys.readouterr().err
