"""Run the workflow on a case, and read its scores."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.accuracy.tasks import CURVE, ROOT, Case, Sizes, config_of, draw_animals, rows_of, write_project
from ethomake.evaluation.bouts import BoutCounts, bout_f1, count_bouts
from ethomake.evaluation.videos import read_scored_video
from ethomake.files import read_json, remove, short_digest, write_whole

IOU = 0.5
"""Least intersection over union of bouts that agree."""


def make_sources(task: str, data: Path, sizes: Sizes, cores: int) -> Path:
    """Draw the animals of a task, or fetch and cut its flies, unless they are there; return their folder."""
    if task in ("drawn", CURVE):
        draw_animals(data / "drawn", sizes)
        return data / "drawn"
    made = Path("results/example/flies")
    targets = [str(made / f"{row.source}.mp4") for row in rows_of("flies-transfer")]
    if not all((data / "flies" / target).exists() for target in targets):
        (data / "flies").mkdir(parents=True, exist_ok=True)
        (data / "flies/config.yaml").write_text("example: flies\n", encoding="utf-8")
        run_workflow(data / "flies", cores, targets)
    return data / "flies" / made


def run_case(case: Case, folder: Path, *, cores: int, sizes: Sizes, keep: bool = False) -> dict[str, Any]:
    """Train and test, and return the scores of each behavior and the CPU-minutes of the run.

    The folder of a run that was stopped is used again, and the workflow goes on in it; its CPU-minutes are then
    unknown (None).

    Args:
        case: what is done.
        folder: of the benchmark; the run has a folder of its own in it, which is removed at the end.
        cores: that Snakemake may use.
        sizes: of the drawn animals.
        keep: whether the folder of the run stays.

    Raises:
        RuntimeError: if the workflow fails; its folder stays.
    """
    sources = make_sources(case.task, folder / "data", sizes, cores)
    run = folder / "runs" / f"{case.task}-{case.preset}-{case.seed}-{short_digest(repr(case))[:8]}"
    again = run.exists()
    if not again:
        with write_whole(run) as part:
            write_project(case, sources, part, sizes)
    seconds = run_workflow(run, cores)
    scores = {
        "cpu_minutes": None if again else seconds / 60,
        "behaviors": read_scores(run, config_of(case, sizes)["behaviors"]),
    }
    if not keep:
        remove(run)
    return scores


def run_workflow(folder: Path, cores: int, targets: Sequence[str] = ()) -> float:
    """Run Snakemake in a folder; return the CPU seconds of all processes, user and system.

    Raises:
        RuntimeError: if it fails.
    """
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--cores", str(cores)]
    log = folder / "run.txt"
    with log.open("a") as output:
        process = subprocess.Popen(
            [*command, *targets],
            cwd=folder,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdout=output,
            stderr=output,
        )
        _, status, used = os.wait4(process.pid, 0)
    if status:
        raise RuntimeError(f"{log}:\n{log.read_text(errors='replace')[-2000:]}")
    return used.ru_utime + used.ru_stime


def read_scores(project: Path, behaviors: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return the scores of each behavior in a finished project; None where a score is not defined.

    `average_precision`, `f1`, `precision`, `recall`, `frames` and `positive_frames` are those of the evaluation, on
    test videos; `threshold` and `calibration_error` those of the out-of-fold probabilities of the other videos.
    `bout_f1` and the counts of bouts are of all test videos together.

    Args:
        project: the folder of the project.
        behaviors: names, in order.
    """
    results = project / "results"
    metrics = read_json(results / "evaluation/main/metrics.json")
    fitted = read_json(results / "ethograms/main/thresholds.json")["behaviors"]
    nothing = np.zeros(len(behaviors), np.int64)
    bouts = BoutCounts(nothing, nothing, nothing)
    for name in metrics["videos"]:
        files = (
            results / f"ethograms/main/predictions/{name}.csv",
            results / f"labels/{name}.csv",
            results / f"ingest/{name}/video.json",
        )
        video = read_scored_video(files, behaviors)
        bouts += count_bouts(video.labels, video.decisions, IOU)
    f1 = bout_f1(bouts)
    own = ("average_precision", "f1", "precision", "recall", "frames", "positive_frames")
    return {
        name: {key: metrics["behaviors"][name][key] for key in own}
        | {key: fitted[name][key] for key in ("threshold", "calibration_error")}
        | {"bout_f1": None if np.isnan(f1[k]) else round(float(f1[k]), 6)}
        | {f"bouts_{key}": int(getattr(bouts, key)[k]) for key in ("matched", "labelled", "predicted")}
        for k, name in enumerate(behaviors)
    }
