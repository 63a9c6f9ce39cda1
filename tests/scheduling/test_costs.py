"""What an experiment costs: which jobs it has, and what they add up to."""

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

from ethomake.messages import duration
from ethomake.project.settings import resolve_settings
from ethomake.scheduling.costs import LEARNING, LONG, ON_GPU, in_other_tier, jobs_of, note_on_time, plan, price, table
from ethomake.scheduling.resources import SHARED, need

ROOT = Path(__file__).parents[2]


def experiment(splits=1, **changes):
    return plan(10, 2, 30, splits, resolve_settings({"behaviors": ["a", "b"], **changes}))


def count(x, packs=()):
    return Counter(rule for rule, _ in jobs_of(x, packs))


def test_each_split_trains_anew_but_videos_are_read_once():
    once, five = count(experiment()), count(experiment(splits=5))
    assert once["train_flow"] == 1
    assert once["train_stream"] == 2
    assert once["draw_curves"] == 4
    assert once["extract_features"] == once["ingest_video"] == 10
    assert five["train_flow"] == five["train_sequence"] == 5
    assert five["extract_features"] == 50
    assert five["ingest_video"] == 10


def test_streams_that_are_left_out_cost_nothing():
    jobs = count(experiment(streams={"enabled": ["spatial"]}))
    assert jobs["train_flow"] == jobs["train_joint"] == 0
    assert jobs["train_stream"] == 1
    assert count(experiment(streams={"joint_epochs": 2}))["train_joint"] == 1


def test_the_quick_tier_stands_beside_the_trained_one():
    x = experiment(splits=2, streams={"joint_epochs": 2})
    preset, quick = in_other_tier(x)
    jobs = count(quick)
    assert preset == "frozen"
    assert (jobs["freeze_backbone"], jobs["extract_features"], jobs["train_sequence"]) == (1, 10, 1)
    assert not {"train_flow", "train_stream", "train_joint"} & set(jobs)
    preset, back = in_other_tier(quick)
    assert preset == "swift"
    assert count(back) == count(experiment())


def single_jobs(x):
    return [(rule, at) for rule, each in jobs_of(x) for at in each]


def test_a_run_of_hours_is_told_of_before_it_begins():
    x = experiment()
    jobs = single_jobs(x)
    line = note_on_time(x, jobs, 2)
    seconds = sum(need(x, rule, [at]).seconds for rule, at in jobs) / (2 * SHARED)
    learning = sum(need(x, rule, [at]).seconds for rule, at in jobs if rule in LEARNING) / (2 * SHARED)
    quick = sum(need(in_other_tier(x)[1], rule, [at]).seconds for rule, at in single_jobs(in_other_tier(x)[1]))
    assert learning > 0.8 * seconds > LONG
    for text in (f"up to {duration(seconds)} on 2 cores", duration(learning), duration(quick / (2 * SHARED))):
        assert text in line
    assert "--config preset=frozen" in line
    assert note_on_time(x, jobs, 8) != line


def test_a_run_that_trains_nothing_or_is_short_is_not():
    x = experiment()
    assert note_on_time(x, [job for job in single_jobs(x) if job[0] not in LEARNING], 1) == ""
    quick = in_other_tier(x)[1]
    assert note_on_time(quick, single_jobs(quick), 1) == ""
    short = {"epochs": 1, "steps": 1}
    brief = experiment(flow=short, streams=short, ingest={"image_size": [64, 64]})
    assert note_on_time(brief, single_jobs(brief), 2) == ""


def test_videos_of_a_pack_share_a_job():
    x = experiment()
    packs = [["video0", "video1", "gone"], ["video2"]]
    assert count(x, packs)["ingest_video"] == 9
    seen = [at["video"] for rule, each in jobs_of(x, packs) if rule == "draw_ethogram" for at in each]
    assert sorted(seen) == sorted(x.videos)


def test_late_packs_share_the_jobs_after_the_features_only():
    x = experiment()
    packs, late = [["video0", "video1"]], [["video2", "video3", "gone"], ["video4", "video5"]]
    jobs = [(rule, [at["video"] for at in each]) for rule, each in jobs_of(x, packs, late) if "video" in each[0]]
    of_rule = Counter(rule for rule, _ in jobs)
    assert of_rule["ingest_video"] == of_rule["check_labels"] == of_rule["extract_features"] == 9
    assert of_rule["predict_video"] == of_rule["decide_behaviors"] == of_rule["draw_ethogram"] == 7
    assert sorted(video for rule, videos in jobs if rule == "predict_video" for video in videos) == sorted(x.videos)


def test_gpu_hours_are_those_for_which_a_gpu_is_held():
    x = experiment()
    jobs = list(jobs_of(x))
    with_gpu = price(x, jobs, lambda rule: ON_GPU.get(rule, 1), lambda rule: int(rule in ON_GPU))
    without = price(x, jobs, lambda rule: ON_GPU.get(rule, 1), lambda rule: 0)
    assert {row.rule for row in with_gpu if row.gpu_hours} == {rule for rule, _ in jobs} & set(ON_GPU)
    assert all(row.core_hours == ON_GPU[row.rule] * row.gpu_hours for row in with_gpu if row.gpu_hours)
    assert sum(row.gpu_hours for row in without) == 0
    assert sum(row.core_hours for row in without) > sum(row.core_hours for row in with_gpu)
    assert len(table(with_gpu).splitlines()) == len(with_gpu) + 3


def test_the_cores_of_a_plan_are_those_of_the_rules():
    text = "".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "workflow/rules").glob("*.smk")))
    for rule, body in re.findall(r"^ *rule (\w+):\n(.*?)^ *script:", text, re.MULTILINE | re.DOTALL):
        if "gpu=1" in body:
            assert int(re.search(r"threads: (\d+)", body)[1]) == ON_GPU[rule]
        else:
            assert rule not in ON_GPU


def test_the_command_line_prints_a_plan():
    command = [sys.executable, "-m", "ethomake.scheduling.costs", "--videos", "5", "--splits", "2", "--preset", "slow"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert re.search(r"^\| train_flow +\| +2 \|", done.stdout, re.MULTILINE)
