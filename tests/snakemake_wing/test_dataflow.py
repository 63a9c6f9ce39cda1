"""Rules find inputs and settings in the run of a job, and inputs at the home of the stage that makes them."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from snakemake.iocontainers import Wildcards

from ethomake.project.load import Project
from ethomake.project.runs import Run, Split
from ethomake.project.settings import resolve_settings
from ethomake.project.videos import Video
from ethomake.snakemake.dataflow import DataFlow, curves_title, stream_of

SCRIPTS = Path(__file__).parents[2] / "workflow" / "scripts"
PARTS = {"train": ["a", "b"], "validate": ["c"], "test": ["d"]}


def job(**values):
    return Wildcards(fromdict=values)


def data_of(bundle=None, **sections):
    """The data flow of a project of the run `main` and a run `other` that differs in some sections of the settings."""
    videos = {name: Video(name, f"{name}.mp4", f"{name}.csv", subject=name.upper()) for name in "abcd"}
    split = Split(PARTS, {"train": ["a", "b", "x"], "validate": ["c"]}, PARTS)
    base = {"behaviors": ["groom"], "example": "none"}
    runs = {
        "main": Run("main", split, resolve_settings(base)),
        "other": Run("other", split, resolve_settings(base | sections)),
    }
    return DataFlow(Project(videos, runs, ()), bundle, SCRIPTS)


def test_an_input_lies_at_the_home_of_its_stage():
    data = data_of(sequence={"epochs": 3})
    features = data.at_home("features", "results/features/{run}/{video}.json")
    assert features(job(run="other", video="a")) == "results/features/main/a.json"
    probabilities = data.part_files("train", "results/sequence/{run}/probabilities/{video}.npy", "sequence")
    assert probabilities(job(run="other")) == [f"results/sequence/other/probabilities/{name}.npy" for name in "ab"]


def test_a_run_uses_the_networks_of_another_until_they_differ():
    assert data_of(sequence={"epochs": 3}).trained_models("other") == data_of().trained_models("main")
    models = dict(data_of(flow={"epochs": 3}).trained_models("other"))
    assert models == {
        "flow": "results/flow/other/weights.safetensors",
        "spatial": "results/streams/main/spatial/weights.safetensors",
        "motion": "results/streams/other/motion/weights.safetensors",
    }
    joint = dict(data_of(streams={"joint_epochs": 1}).trained_models("other"))
    assert joint["flow"] == "results/streams/other/joint/flow.safetensors"


def test_a_frozen_backbone_stands_in_for_the_streams():
    data = data_of(preset="frozen")
    assert data.trained_models("other") == [("frozen", "results/streams/other/frozen/weights.safetensors")]
    assert data.learning_curves("other") == [("Sequence model", "results/sequence/other/curves.svg")]


def test_learning_curves_are_those_of_the_trainings_that_a_run_uses():
    curves = data_of(streams={"enabled": ["spatial"]}).learning_curves("other")
    assert curves == [
        ("Spatial stream", "results/streams/main/spatial/curves.svg"),
        ("Sequence model", "results/sequence/other/curves.svg"),
    ]
    assert curves_title(job(trained="streams/flow/joint")) == "Both streams together"
    assert curves_title(job(trained="flow/motion")) == "Flow network"


def test_with_a_bundle_nothing_was_learned_here():
    data = data_of(bundle=SimpleNamespace())
    assert data.learning_curves("main") == []
    assert data.learned_from("main") == []
    assert data.sequence_model("main") == "results/models/sequence.safetensors"
    assert dict(data.trained_models("main"))["flow"] == "results/models/flow.safetensors"


def test_settings_are_those_of_the_run_as_far_as_the_stage_depends_on_them():
    data = data_of(flow={"reuse": False}, seed=7)
    assert data.settings_of("flow", "seed")(job(run="other")) == 7
    assert "reuse" not in data.settings_of("flow", "flow")(job(run="other"))
    assert data.stream_settings(job(run="other", stream="motion"))["reuse"] is False
    assert "reuse" not in data.stream_settings(job(run="other", stream="spatial"))
    assert data.setting("flow", "reuse")(job(run="main")) is True
    assert data.setting("ethogram", "thresholds", "colors")(job(run="main")) == {"thresholds": {}, "colors": {}}


def test_a_checkpoint_is_named_by_what_its_job_depends_on():
    data = data_of(sequence={"epochs": 3})
    flow, sequence = data.checkpoint_of("flow", "train_flow"), data.checkpoint_of("sequence", "train_sequence")
    assert flow(job(run="other")).rpartition("-")[2] == flow(job(run="main")).rpartition("-")[2]
    assert sequence(job(run="other")).rpartition("-")[2] != sequence(job(run="main")).rpartition("-")[2]
    stream = data.checkpoint_of(stream_of, "train_stream")
    paths = {stream(job(run="main", stream=name)) for name in ("spatial", "motion")}
    assert len(paths) == 2


def test_where_a_file_of_weights_lies_does_not_name_a_checkpoint():
    def path(weights):
        project = data_of().project
        for run in project.runs.values():
            run.settings["flow"] = run.settings["flow"] | {"weights": weights}
        return DataFlow(project, None, SCRIPTS).checkpoint_of("flow", "train_flow")(job(run="main"))

    assert path("here/flow.safetensors") == path("/there/flow.safetensors") != path("none")


@pytest.mark.parametrize("changed", [{"enabled": ["spatial"]}, {"fusion": "weighted", "joint_epochs": 2}])
def test_a_checkpoint_is_the_same_where_a_stage_depends_on_nothing_that_changed(changed):
    data = data_of(streams=changed)
    for stage, script, wildcards in (
        ("flow", "train_flow", {}),
        (stream_of, "train_stream", {"stream": "spatial"}),
        (stream_of, "train_stream", {"stream": "motion"}),
    ):
        main, other = (data.checkpoint_of(stage, script)(job(run=name, **wildcards)) for name in ("main", "other"))
        assert main.rpartition("-")[2] == other.rpartition("-")[2]


def test_flow_videos_are_a_part_of_their_own():
    data = data_of()
    assert data.trained_on("flow.train", "flow.validate")(job(run="main")) == {
        "train": ["a", "b", "x"],
        "validate": ["c"],
    }
    assert data.learned_from("main") == ["a", "b", "c", "x"]


def test_the_streams_are_adapted_to_the_recording_of_a_video_if_the_run_says_so(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    data = data_of(streams={"adapt": "recording"})
    assert data.adapted_statistics(job(run="main", video="a")) == {}
    assert data.adapted_statistics(job(run="other", video="a")) == {
        "adapted": "results/features/other/adapted/a.safetensors"
    }
    assert data.recording_of(job(run="other", recording="a")) == "a"
    assert data.recording_files("results/ingest/{video}/video.json")(job(run="other", recording="a")) == [
        "results/ingest/a/video.json"
    ]


def test_a_video_that_joins_a_recording_leaves_its_statistics_as_they_are(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    videos = {name: Video(name, f"{name}.mp4", "", recording="Cage 1") for name in "abc"}
    settings = resolve_settings({"behaviors": ["groom"], "streams": {"adapt": "recording"}})
    split = Split({"train": [], "validate": [], "test": []}, {"train": [], "validate": []}, {})
    runs = {"main": Run("main", split, settings)}

    def data(*names):
        return DataFlow(Project({name: videos[name] for name in names}, runs, ()), None, SCRIPTS)

    data("a", "b").keep_adapted()
    later = data("a", "b", "c")
    path = later.adapted_statistics(job(run="main", video="c"))["adapted"]
    recording = Path(path).stem
    assert later.recording_of(job(run="main", recording=recording)) == "Cage 1"
    assert later.recording_files("{video}")(job(run="main", recording=recording)) == ["a", "b"]
    later.keep_adapted()
    assert data("c").adapted_to == {"Cage 1": ["c"]}, "when the first ones are gone, those that are there"


def test_without_adaptation_nothing_is_kept(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    data_of().keep_adapted()
    assert not Path("results").exists()


def test_streams_are_scored_on_the_videos_of_the_split_if_any_is_trained():
    data = data_of(preset="frozen")
    assert data.stream_scores_of("main") == ["results/features/main/streams/scores.json"]
    assert data.stream_scores_of("other") == []
    assert data.scored_as(job(run="main")) == [["a", "train"], ["b", "train"], ["c", "validate"], ["d", "test"]]


def test_rows_of_the_report_name_part_and_subject():
    assert data_of().report_rows(job(run="main"))[3] == {"video": "d", "part": "test", "subject": "D", "group": ""}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda data: data.run_of("nobody"), "nobody: no run of this name; there is main, other"),
        (lambda data: data.video_of(job(video="z")), "z: no video of this name in the video table"),
        (lambda data: data.recording_of(job(recording="z")), "z: no recording has files of this name"),
    ],
)
def test_unknown_names_end_with_one_line(call, message, capsys):
    with pytest.raises(SystemExit) as end:
        call(data_of())
    assert end.value.code == 2
    assert capsys.readouterr().err == f"error: {message}\n"
