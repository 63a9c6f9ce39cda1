"""Many short videos: packs of them share jobs, with the same results as if they did not."""

import ast
import json
import shutil

import pytest

from .conftest import TINY


def contents(folder):
    """All results by path, without what Snakemake keeps among them and who is with whom."""
    results = folder / "results"
    return {
        path.relative_to(results).as_posix(): path.read_bytes()
        for path in sorted(results.rglob("*"))
        if path.is_file() and not path.is_relative_to(results / ".snakemake") and path.name != "packs.json"
    }


@pytest.fixture(scope="module")
def packed(run_snakemake, finished, tmp_path_factory):
    """The finished folder, in which the jobs of two videos were then done anew, as those of a pack; and the Outcome."""
    folder = tmp_path_factory.mktemp("packed") / "project"
    shutil.copytree(finished, folder, symlinks=True)
    (folder / "results/packs.json").write_text(json.dumps([["sim_00"], ["sim_01"], ["sim_02", "sim_03"]]))
    config = {"example": "simulated"} | TINY
    return folder, config, run_snakemake(folder, "--cores", "2", config=config)


def test_a_pack_gives_the_same_bytes_and_records_as_its_videos_alone(packed, finished):
    folder, _, outcome = packed
    assert outcome.status == 0, outcome.output[-3000:]
    stages = ("ingest_video", "extract_features", "predict_video", "decide_behaviors", "draw_ethogram")
    assert [outcome.jobs[stage] for stage in stages] == [1] * 5
    assert "train_stream" not in outcome.jobs
    ours, theirs = contents(folder), contents(finished)
    assert sorted(ours) == sorted(theirs)
    assert [name for name in theirs if ours[name] != theirs[name]] == []
    assert "features of sim_03" in (folder / "logs/features/main/sim_03.log").read_text()


def test_then_there_is_nothing_to_do_and_a_new_video_makes_only_its_own_jobs(packed, run_snakemake):
    folder, config, _ = packed
    assert "Nothing to be done" in run_snakemake(folder, "--cores", "2", config=config).output
    config = config | {"simulated": config["simulated"] | {"videos": 5, "unlabelled": 2}}
    jobs = run_snakemake(folder, "--dry-run", config=config).jobs
    own = ("draw_video", "ingest_video", "extract_features", "predict_video", "decide_behaviors", "draw_ethogram")
    follow = ("summarize_bouts", "count_transitions", "write_report")
    assert {name: number for name, number in jobs.items() if name not in ("all", "total")} == {
        name: 1 for name in own + follow
    }


def test_a_dry_run_says_why_a_pack_runs(packed, run_snakemake):
    folder, config, _ = packed
    config = config | {"ethogram": {"minimum_bout_s": 0.4}}
    output = run_snakemake(folder, "--dry-run", config=config).output
    reasons = [line for line in output.splitlines() if line.startswith("Reason: ")]
    assert reasons.count("Reason: the setting minimum_bout_s is 0.4, was auto") == 3  # the pack, and two alone
    assert "Deciding which behaviors are present in 2 videos from sim_02 on" in output


def test_a_failure_names_each_video(packed, run_snakemake, tmp_path):
    folder, config, _ = packed
    work = tmp_path / "project"
    shutil.copytree(folder, work, symlinks=True)
    for video in ("sim_02", "sim_03"):
        shutil.rmtree(work / "results/ingest" / video)
        (work / f"results/example/simulated/{video}.mp4").write_bytes(b"no video")
    outcome = run_snakemake(work, "--cores", "2", "frames", config=config)
    assert outcome.status != 0
    for video in ("sim_02", "sim_03"):
        assert f"Reading the frames of {video} failed: results/example/simulated/{video}.mp4: " in outcome.output
        assert f"(log: logs/ingest/{video}.log)" in outcome.output
    assert "Traceback" not in outcome.output
    assert "WorkflowError" not in outcome.output


@pytest.fixture(scope="module")
def late(run_snakemake, finished, tmp_path_factory):
    """The finished folder, in which what follows the features was then done anew in packs; and the Outcome."""
    folder = tmp_path_factory.mktemp("late") / "project"
    shutil.copytree(finished, folder, symlinks=True)
    (folder / "results/late_packs.json").write_text(json.dumps([["sim_00", "sim_02"], ["sim_01", "sim_03"]]))
    config = {"example": "simulated"} | TINY
    return folder, config, run_snakemake(folder, "--cores", "2", config=config)


def test_late_packs_of_all_parts_give_the_same_bytes_and_nothing_before_them_is_done_again(late, finished):
    folder, _, outcome = late
    assert outcome.status == 0, outcome.output[-3000:]
    assert {name: number for name, number in outcome.jobs.items() if "video" in name or "train" in name} == {
        "predict_video": 2
    }
    assert outcome.jobs["decide_behaviors"] == outcome.jobs["draw_ethogram"] == 2
    ours, theirs = contents(folder), contents(finished)
    assert sorted(ours) == sorted([*theirs, "late_packs.json"])
    assert [name for name in theirs if ours[name] != theirs[name]] == []
    log = (folder / "logs/sequence/main/probabilities/sim_02.log").read_text()
    assert "probabilities of sim_02" in log
    assert "sim_00" not in log


def test_after_late_packs_a_new_raw_test_video_trains_nothing(late, run_snakemake, tmp_path):
    folder, config, _ = late
    assert "Nothing to be done" in run_snakemake(folder, "--cores", "2", config=config).output
    work = tmp_path / "project"
    shutil.copytree(folder, work, symlinks=True)
    videos = work / "results/example/simulated"
    test = json.loads((work / "results/splits/main.json").read_text())["test"]
    (videos / f"{test[0]}.mp4").write_bytes((videos / "sim_03.mp4").read_bytes())
    outcome = run_snakemake(work, "--dry-run", config=config)
    assert not [name for name in outcome.jobs if name.startswith(("train_", "fit_"))], outcome.output[-3000:]
    assert outcome.jobs["extract_features"] == outcome.jobs["predict_video"] == outcome.jobs["draw_ethogram"] == 1


def test_a_video_that_comes_later_leaves_late_packs_as_they_are(late, run_snakemake):
    folder, config, _ = late
    config = config | {"simulated": config["simulated"] | {"videos": 5, "unlabelled": 2}}
    outcome = run_snakemake(folder, "--dry-run", config=config)
    jobs = outcome.jobs
    assert (jobs["predict_video"], jobs["decide_behaviors"], jobs["draw_ethogram"]) == (1, 1, 1)
    assert "Predicting the behaviors in sim_04" in outcome.output


def test_from_eight_videos_on_what_follows_the_features_is_done_in_packs(run_snakemake, project):
    rows = (project / "videos.csv").read_text().splitlines()
    for number in range(3):
        (project / f"other{number}.mp4").write_bytes(b"")
        rows.append(f"other{number},other{number}.mp4,")
    (project / "videos.csv").write_text("\n".join(rows) + "\n")
    outcome = run_snakemake(project, "--dry-run")
    assert outcome.status == 0, outcome.output[-2000:]
    early, late = ("ingest_video", "extract_features"), ("predict_video", "decide_behaviors", "draw_ethogram")
    assert [outcome.jobs[name] for name in (*early, *late)] == [9, 9, 2, 2, 2]


def test_what_a_profile_says_of_a_rule_holds_for_its_packs(run_snakemake, tmp_path, tiny):
    (tmp_path / "results").mkdir()
    (tmp_path / "results/packs.json").write_text(json.dumps([["sim_00", "sim_01", "sim_02"]]))
    said = ["mem_mb=90+10*int(wildcards.get('video','sim_00')[-1:])", "slurm_partition=long", "runtime=7"]
    options = ["--set-resources", *(f"draw_video:{each}" for each in said), "--default-resources", "account=lab"]
    target = "results/example/simulated/sim_01.mp4"
    outcome = run_snakemake(tmp_path, target, "--cores", "1", "--benchmark-extended", *options, config=tiny)
    assert outcome.status == 0, outcome.output
    head, line = (tmp_path / "benchmarks/jobs/packs/draw_video_0.tsv").read_text().splitlines()
    resources = ast.literal_eval(dict(zip(head.split("\t"), line.split("\t"), strict=True))["resources"])
    assert {name: resources[name] for name in ("mem_mb", "slurm_partition", "runtime", "account")} == {
        "mem_mb": 110,  # what the last of the three needs
        "slurm_partition": "long",
        "runtime": 7,
        "account": "lab",
    }


def test_several_hundred_videos_have_their_packs_and_a_new_one_is_alone(run_snakemake, project):
    rows = ["video,path,labels,part"]
    parts = ["train"] * 40 + ["validate"] * 35 + ["test"] * 35
    for number in range(300):
        (project / f"v{number}.mp4").write_bytes(b"")
        part = parts[number] if number < len(parts) else ""
        if part:
            shutil.copy(project / "0.csv", project / f"v{number}.csv")
        rows.append(f"v{number},v{number}.mp4,{f'v{number}.csv' if part else ''},{part}")
    (project / "videos.csv").write_text("\n".join(rows) + "\n")
    outcome = run_snakemake(project, "--dry-run")
    assert outcome.status == 0, outcome.output[-2000:]
    packs = 1 + 1 + 1 + 1  # train, validate, test, and those without labels, at most 200
    for stage in ("ingest_video", "extract_features", "predict_video", "decide_behaviors", "draw_ethogram"):
        assert outcome.jobs[stage] == packs
    assert outcome.jobs["check_labels"] == 3
    one = run_snakemake(project, "--dry-run", "results/ingest/v299/video.json")
    assert one.jobs["ingest_video"] == one.jobs["total"] == 1
    unknown = run_snakemake(project, "--dry-run", "results/ethograms/main/figures/nobody.png")
    assert "error: nobody: no video of this name in the video table" in unknown.output
