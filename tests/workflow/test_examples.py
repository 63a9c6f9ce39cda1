"""The examples: drawn animals as shipped, real flies with short schedules."""

import json

import pytest

from ethomake.features.scores import lift

from .conftest import CORES


@pytest.mark.slow
def test_the_method_works_and_each_stream_sees_its_share(run_snakemake, tmp_path):
    """Macro F1 on test at least 0.85; what only motion shows is the motion stream's, and what looks show is not."""
    config = {"example": "simulated"}
    outcome = run_snakemake(tmp_path, "--cores", CORES, config=config, timeout=4800, threads=CORES)
    assert outcome.status == 0, outcome.output[-3000:]
    metrics = json.loads((tmp_path / "results/evaluation/main/metrics.json").read_text())
    print({name: row["f1"] for name, row in metrics["behaviors"].items()}, metrics["macro"]["f1"])
    assert metrics["macro"]["f1"] >= 0.85

    scores = json.loads((tmp_path / "results/features/main/streams/scores.json").read_text())["scores"]
    lifts = {
        (row["stream"], row["behavior"], row["recording"]): lift(row) for row in scores if row["parts"] == ["test"]
    }
    print(lifts)
    for video in ("sim_06", "sim_07"):
        for behavior in ("turn", "groom"):
            assert lifts["spatial", behavior, video] < 0.45
            assert lifts["motion", behavior, video] > 0.85
        assert lifts["spatial", "rear", video] - lifts["motion", "rear", video] > 0.15


@pytest.mark.slow
def test_real_flies_from_the_package_index_to_the_evaluation(run_snakemake, tmp_path):
    """With short schedules, so it says nothing of accuracy; but through every stage, with the shipped files."""
    short = {"flow": {"epochs": 2, "steps": 20}, "streams": {"epochs": 2, "steps": 20}}
    fetched = run_snakemake(tmp_path, "--cores", CORES, "results/example/flies/sleap-1.3.1-py3-none-any.whl")
    if "example=simulated" in fetched.output:
        pytest.skip("the package index cannot be reached")
    assert fetched.status == 0, fetched.output[-3000:]
    outcome = run_snakemake(tmp_path, "--cores", CORES, config=short, timeout=4800, threads=CORES)
    assert outcome.status == 0, outcome.output[-3000:]
    row = json.loads((tmp_path / "results/evaluation/main/metrics.json").read_text())["behaviors"]["wing_extension"]
    assert row["positive_frames"] == 312
    assert 0 < row["average_precision"] <= 1
