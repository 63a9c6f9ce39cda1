"""Work that can be done at once is done at once, and jobs that are given several GPUs."""

import shutil

import pytest

from .conftest import TINY

CONFIG = {"example": "simulated"} | TINY


@pytest.fixture
def project(finished, tmp_path):
    """The finished folder, to be changed."""
    shutil.copytree(finished, tmp_path / "project", symlinks=True)
    return tmp_path / "project"


def test_both_streams_train_at_once_where_there_are_two_gpus(run_snakemake, project):
    options = ["--resources", "gpu=2", "--set-threads", "train_stream=1"]
    targets = ["--forcerun", "train_stream", "--until", "train_stream"]
    outcome = run_snakemake(project, "--cores", "2", *options, *targets, config=CONFIG)
    assert outcome.status == 0, outcome.output[-3000:]
    assert outcome.jobs == {"train_stream": 2}
    began = [outcome.output.index(f"Training the {stream} stream") for stream in ("spatial", "motion")]
    assert max(began) < outcome.output.index("Finished jobid")


def test_a_job_that_is_given_two_gpus_on_a_machine_without_trains_as_ever(run_snakemake, project, finished):
    options = ["--resources", "gpu=2", "--set-resources", "train_flow:gpu=2"]
    targets = ["--forcerun", "train_flow", "--until", "train_flow"]
    outcome = run_snakemake(project, "--cores", "2", *options, *targets, config=CONFIG)
    assert outcome.status == 0, outcome.output[-3000:]
    log = (project / "logs/flow/main.log").read_text()
    assert "2 GPUs were asked for, but this job has none to choose from: it trains in one process\n" in log
    weights = "results/flow/main/weights.safetensors"
    assert (project / weights).read_bytes() == (finished / weights).read_bytes()
