"""Which jobs the workflow plans, for the examples and for projects of users; nothing is run."""

import re
from pathlib import Path

import pytest


def plan(outcome):
    """The jobs of a dry run; fails where it failed."""
    assert outcome.status == 0, outcome.output
    return outcome.jobs


def inputs(outcome, message):
    """The files made by other jobs that a planned job waits for, as --verbose says; it is known by what it does."""
    reason = re.search(rf"^Job \d+: {message}\nReason: .*\[(.*)\]$", outcome.output, re.MULTILINE)[1]
    return set(reason.partition("Input files updated by another job: ")[2].split(", "))


def videos(paths, stage):
    """The names of the videos whose files of a stage are among some paths."""
    found = [path for path in paths if path.startswith(f"results/{stage}/")]
    if stage == "ethograms":
        return {Path(path).stem for path in found if "/figures/" in path}
    place = 3 if stage == "features" else 2
    return {path.split("/")[place].split(".")[0] for path in found}


def test_as_shipped_it_plans_the_flies(run_snakemake, tmp_path):
    jobs = plan(run_snakemake(tmp_path, "--dry-run"))
    assert {rule: jobs[rule] for rule in ("fetch_flies", "cut_flies_clip1", "cut_flies_clip2", "cut_flies_clip3")} == {
        "fetch_flies": 1,
        "cut_flies_clip1": 1,
        "cut_flies_clip2": 1,
        "cut_flies_clip3": 1,
    }
    assert jobs["ingest_video"] == jobs["check_labels"] == jobs["extract_features"] == jobs["draw_ethogram"] == 6
    assert (jobs["train_flow"], jobs["train_stream"], jobs["train_sequence"]) == (1, 2, 1)
    assert jobs["draw_curves"] == 4
    assert jobs["evaluate"] == jobs["write_report"] == 1
    assert "train_joint" not in jobs
    assert jobs["score_streams"] == 1


def test_the_simulated_example_draws_instead_of_fetching(run_snakemake, tmp_path, tiny):
    jobs = plan(run_snakemake(tmp_path, "--dry-run", config=tiny))
    assert "fetch_flies" not in jobs
    assert jobs["draw_video"] == jobs["ingest_video"] == 4
    assert jobs["check_labels"] == 3


def test_the_command_line_stands_above_the_example_and_that_above_the_config(run_snakemake, tmp_path):
    (tmp_path / "config.yaml").write_text("example: flies\nbehaviors: ['a;b']\nseed: -1\n")
    outcome = run_snakemake(tmp_path, "--dry-run", "frames")
    assert "seed = -1" in outcome.output
    plan(run_snakemake(tmp_path, "--dry-run", "frames", config={"seed": 1}))
    outcome = run_snakemake(tmp_path, "--dry-run", "frames", config={"seed": 1, "behaviors": ["c;d"]})
    assert 'behaviors[0] = "c;d"' in outcome.output


def test_parts_stay_apart_and_videos_without_labels_are_only_predicted(run_snakemake, project):
    (project / "videos.csv").write_text(
        "video,path,labels,part\na,0.mp4,0.csv,train\nb,1.mp4,1.csv,train\nc,2.mp4,2.csv,validate\nd,3.mp4,3.csv,test\n"
        "new,new.mp4,,\n"
    )
    outcome = run_snakemake(project, "--dry-run", "--verbose")
    jobs = plan(outcome)
    assert jobs["ingest_video"] == jobs["extract_features"] == jobs["predict_video"] == jobs["draw_ethogram"] == 5
    assert jobs["check_labels"] == 4
    flow = inputs(outcome, "Training the flow network")
    assert videos(flow, "ingest") == {"a", "b", "c"}
    assert videos(flow, "labels") == set()
    for stream in ("spatial", "motion"):
        files = inputs(outcome, f"Training the {stream} stream")
        assert videos(files, "labels") == videos(files, "ingest") == {"a", "b", "c"}
    sequence = inputs(outcome, "Training the sequence model")
    assert videos(sequence, "labels") == videos(sequence, "features") == {"a", "b", "c"}
    thresholds = inputs(outcome, "Fitting thresholds and shortest bouts")
    assert videos(thresholds, "labels") == videos(thresholds, "ingest") == {"a", "b", "c"}
    assert "results/sequence/main/out_of_fold.npz" in thresholds
    assert videos(inputs(outcome, "Evaluating on the test videos"), "labels") == {"d"}
    assert videos(inputs(outcome, "Writing the report"), "ethograms") == {"a", "b", "c", "d", "new"}


def test_check_videos_are_evaluated_apart_and_never_learned_from(run_snakemake, project):
    (project / "videos.csv").write_text(
        "video,path,labels,part\na,0.mp4,0.csv,train\nb,1.mp4,1.csv,validate\nc,2.mp4,2.csv,test\n"
        "d,3.mp4,3.csv,check\ne,4.mp4,4.csv,check\n"
    )
    outcome = run_snakemake(project, "--dry-run", "--verbose")
    jobs = plan(outcome)
    assert jobs["evaluate"] == jobs["evaluate_check"] == 1
    assert jobs["check_labels"] == 5
    for stage in ("spatial stream", "motion stream", "flow network", "sequence model"):
        files = inputs(outcome, f"Training the {stage}")
        assert videos(files, "ingest") | videos(files, "labels") | videos(files, "features") == {"a", "b"}
    assert videos(inputs(outcome, "Fitting thresholds and shortest bouts"), "labels") == {"a", "b"}
    assert videos(inputs(outcome, "Comparing each stream with the labels"), "labels") == {"a", "b", "c"}
    assert videos(inputs(outcome, "Evaluating on the test videos"), "labels") == {"c"}
    assert videos(inputs(outcome, "Evaluating on the check videos"), "labels") == {"d", "e"}
    assert "results/evaluation/main/check/per_video.csv" in inputs(outcome, "Writing the report")


def test_labels_of_a_second_person_are_compared_and_change_nothing_else(run_snakemake, project):
    before = run_snakemake(project, "--dry-run")
    table = (project / "videos.csv").read_text().splitlines()
    (project / "second.csv").write_text((project / "1.csv").read_text())
    table = [f"{table[0]},second_labels", *(f"{row},second.csv" if ",1.csv" in row else f"{row}," for row in table[1:])]
    (project / "videos.csv").write_text("\n".join(table) + "\n")
    outcome = run_snakemake(project, "--dry-run", "--verbose")
    jobs = plan(before)
    assert plan(outcome) == jobs | {"compare_raters": 1, "total": jobs["total"] + 1}
    assert videos(inputs(outcome, "Comparing the labels of two raters"), "labels") == {"mouse1"}
    assert "results/labels/raters/agreement.csv" in inputs(outcome, "Writing the report")
    for stage in ("spatial stream", "motion stream", "flow network", "sequence model"):
        assert not any("raters" in path for path in inputs(outcome, f"Training the {stage}"))


def test_without_test_videos_there_is_no_evaluation_and_a_note(run_snakemake, project):
    (project / "videos.csv").write_text(
        "video,path,labels,part\na,0.mp4,0.csv,train\nb,1.mp4,1.csv,validate\nnew,new.mp4,,\n"
    )
    outcome = run_snakemake(project, "--dry-run")
    jobs = plan(outcome)
    assert "evaluate" not in jobs
    assert jobs["write_report"] == 1
    assert "note: no test video" in outcome.output


@pytest.mark.parametrize(
    ("streams", "expected"),
    [
        ({"enabled": ["spatial"]}, {"train_stream": 1, "draw_curves": 2}),
        ({"enabled": ["motion"]}, {"train_flow": 1, "train_stream": 1, "draw_curves": 3}),
        ({"joint_epochs": 2}, {"train_flow": 1, "train_stream": 2, "train_joint": 1, "draw_curves": 5}),
    ],
)
def test_streams_can_be_left_out_or_trained_together(run_snakemake, project, streams, expected):
    jobs = plan(run_snakemake(project, "--dry-run", config={"streams": streams}))
    rules = ("train_flow", "train_stream", "train_joint", "draw_curves")
    assert {rule: jobs[rule] for rule in rules if rule in jobs} == expected


def test_the_frozen_preset_trains_nothing_but_the_sequence_model(run_snakemake, project):
    outcome = run_snakemake(project, "--dry-run", "--verbose", config={"preset": "frozen"})
    jobs = plan(outcome)
    assert not {"train_flow", "train_stream", "train_joint"} & set(jobs)
    assert jobs["freeze_backbone"] == jobs["train_sequence"] == jobs["draw_curves"] == 1
    assert jobs["extract_features"] == 6
    files = inputs(outcome, "Extracting the features of new")
    assert {path for path in files if "ingest" not in path} == {"results/streams/main/frozen/weights.safetensors"}


def test_public_weights_are_fetched_once_for_both_streams(run_snakemake, project):
    outcome = run_snakemake(project, "--dry-run", "--verbose", config={"streams": {"weights": "IMAGENET1K_V1"}})
    assert plan(outcome)["fetch_weights"] == 1
    for stream in ("spatial", "motion"):
        assert "results/streams/main/pretrained.safetensors" in inputs(outcome, f"Training the {stream} stream")
    assert "fetch_weights" not in plan(run_snakemake(project, "--dry-run", "--verbose"))


def test_streams_are_adapted_once_a_recording_and_a_new_video_does_not_adapt_them_again(run_snakemake, project):
    table = (project / "videos.csv").read_text().splitlines()
    rows = [table[0] + ",recording", *(f"{row},cage {n % 2}" for n, row in enumerate(table[1:]))]
    (project / "videos.csv").write_text("\n".join(rows) + "\n")
    config = {"streams": {"adapt": "recording"}}
    outcome = run_snakemake(project, "--dry-run", "--verbose", "features", config=config)
    assert plan(outcome)["adapt_streams"] == 2
    assert plan(outcome)["extract_features"] == 6
    needed = inputs(outcome, "Adapting the streams to the recording cage 0")
    assert videos(needed, "ingest") == {"mouse0", "mouse2", "mouse4"}
    of_video = inputs(outcome, "Extracting the features of mouse2")
    (adapted,) = {path for path in of_video if "/adapted/" in path}
    assert adapted in inputs(outcome, "Extracting the features of mouse0")
    assert adapted not in inputs(outcome, "Extracting the features of mouse1")
    (project / "results/features").mkdir(parents=True)
    (project / "results/features/adapted.json").write_text('{"cage 0": ["mouse0", "mouse2"]}')
    outcome = run_snakemake(project, "--dry-run", "--verbose", "features", config=config)
    needed = inputs(outcome, "Adapting the streams to the recording cage 0")
    assert videos(needed, "ingest") == {"mouse0", "mouse2"}
    assert adapted in inputs(outcome, "Extracting the features of mouse4")
    assert "adapt_streams" not in plan(run_snakemake(project, "--dry-run"))


@pytest.mark.parametrize(
    ("target", "made", "left"),
    [
        ("frames", "ingest_video", "check_labels"),
        ("models", "fit_thresholds", "decide_behaviors"),
        ("ethograms", "draw_ethogram", "evaluate"),
        ("results/ethograms/main/figures/new.png", "draw_ethogram", "write_report"),
    ],
)
def test_targets(run_snakemake, project, target, made, left):
    jobs = plan(run_snakemake(project, "--dry-run", target))
    assert made in jobs
    assert left not in jobs


def test_a_project_needs_no_config_of_its_own_but_a_configfile(run_snakemake, project):
    (project / "config.yaml").rename(project / "mine.yaml")
    assert plan(run_snakemake(project, "--dry-run", "--configfile", "mine.yaml"))["check_labels"] == 5


@pytest.mark.parametrize(
    ("config", "table", "message"),
    [
        ("flow: {epoch: 3}", None, "config: flow.epoch = 3: unknown key; did you mean epochs?"),
        ("flow: {epochs: 0}", None, "config: flow.epochs = 0: must be at least 1"),
        ("videos: other.csv", None, 'config: videos = "other.csv": no such video table'),
        ("", "video,path\na,gone.mp4\n", 'videos.csv line 2 (a): path = "gone.mp4": no such video file'),
        ("", "video,path\nnew,new.mp4\n", "no video has labels"),
        ("example: simulated\nsimulated: {videos: 3}", None, "simulated"),
        ("seed: 1\nseed: 2", None, "config.yaml line 4: duplicate key seed, first defined on line 3"),
        ("flow:\n\tepochs: 3", None, "config.yaml line 4: not YAML"),
        ("", "video,path\na,{a}.mp4\n", "no { and } can be in a path"),
        (
            "example: fleas",
            None,
            'config: example = "fleas": must be one of flies, simulated, none; did you mean flies?',
        ),
    ],
)
def test_mistakes_stop_before_any_job_with_one_line(run_snakemake, project, config, table, message):
    shipped = "behaviors: [groom, rear]\n" if config.startswith("example:") else (project / "config.yaml").read_text()
    (project / "config.yaml").write_text(shipped + config + "\n")
    if table:
        (project / "videos.csv").write_text(table)
    outcome = run_snakemake(project)
    assert outcome.status == 2
    lines = outcome.output.splitlines()
    assert message in lines[-1]
    assert lines[-1].startswith("error: ")
    assert len([line for line in lines if not line.startswith("Using workflow specific profile")]) == 1
    assert not (project / "results").exists()


def test_a_config_of_almost_the_right_name_is_not_passed_over(run_snakemake, project):
    (project / "config.yaml").rename(project / "config.yml")
    outcome = run_snakemake(project, "--dry-run")
    assert outcome.status == 2
    assert "error: config.yml: is it meant as the config? rename it to config.yaml" in outcome.output
    plan(run_snakemake(project, "--dry-run", "frames", "--configfile", "config.yml"))


def test_unknown_videos_are_said(run_snakemake, project):
    outcome = run_snakemake(project, "--dry-run", "results/ethograms/main/figures/nobody.png")
    assert outcome.status == 2
    assert "error: nobody: no video of this name in the video table" in outcome.output
