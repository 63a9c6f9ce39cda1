"""The example on a cluster: all of its stages are jobs there, and its results are those of a local run."""

import re

import pytest

from .conftest import assert_same, running

pytestmark = pytest.mark.slurm

# A log of each stage, by stage; and those of the stages that use a GPU.
LOGS = {
    "example": "example/sim_00",
    "ingest": "ingest/sim_00",
    "labels": "labels/sim_00",
    "flow": "flow/main",
    "spatial stream": "streams/main/spatial",
    "motion stream": "streams/main/motion",
    "features": "features/main/sim_00",
    "sequence": "sequence/main/train",
    "probabilities": "sequence/main/probabilities/sim_00",
    "thresholds": "ethograms/main/thresholds",
    "decisions": "ethograms/main/predictions/sim_00",
    "ethogram": "ethograms/main/figures/sim_00",
    "summary": "ethograms/main/summary",
    "evaluation": "evaluation/main/evaluate",
    "report": "report/main",
}
ON_GPU = {"flow", "spatial stream", "motion stream", "features", "sequence"}


@pytest.fixture(scope="module")
def submitted(cluster, tmp_path_factory):
    """The run of the whole example on the cluster, when it has ended."""
    folder = tmp_path_factory.mktemp("submitted")
    with running(folder, cluster=cluster) as run:
        run.finish()
    return run


def job_of(run, log):
    """Number and GPUs of the SLURM job that a log is of."""
    said = re.match(r"SLURM job (\d+) on localhost(?:, GPUs (.*))?\n", run.log(log))
    assert said, run.log(log)
    return said[1], said[2]


def test_every_stage_is_a_job_of_the_cluster(submitted):
    jobs = {stage: job_of(submitted, log)[0] for stage, log in LOGS.items()}
    one_job = {"summary", "evaluation", "report"}  # they take seconds
    assert len({jobs[stage] for stage in one_job}) == 1
    assert len({jobs[stage] for stage in LOGS if stage not in {"decisions", *one_job}}) == len(LOGS) - 4
    assert jobs["decisions"] == jobs["ethogram"]


def test_stages_that_learn_are_given_one_gpu_each_and_see_it(submitted, cluster):
    gpus = {stage: job_of(submitted, log)[1] for stage, log in LOGS.items()}
    assert {stage for stage, given in gpus.items() if given} == ON_GPU
    assert {gpus[stage] for stage in ON_GPU} <= {"0", "1"}
    for stage in ON_GPU:
        job = cluster.ask("scontrol", "show", "job", job_of(submitted, LOGS[stage])[0]).stdout
        assert re.search(r"TresPerJob=gres:gpu:1\b", job), job


def test_the_results_are_those_of_a_local_run(submitted, local):
    assert_same(submitted.folder, local)


def test_a_second_run_finds_nothing_to_do(submitted, cluster):
    with running(submitted.folder, cluster=cluster) as run:
        run.finish()
    assert "Nothing to be done" in run.said
