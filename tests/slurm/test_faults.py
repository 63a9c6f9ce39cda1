"""What goes wrong on clusters, each on a real one: the run copes, and ends with the results of an undisturbed one."""

import re
import shutil
import signal

import pytest

from .cluster import wait_until
from .conftest import CONFIG, PATIENCE, TRAININGS, running

pytestmark = pytest.mark.slurm

FLOW = "results/flow/main/weights.safetensors"
STREAM = "results/streams/main/spatial/weights.safetensors"


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A folder with all that the trainings need; made without a cluster."""
    folder = tmp_path_factory.mktemp("prepared") / "project"
    folder.mkdir()
    videos = [f"results/labels/sim_0{number}.csv" for number in (0, 1)]
    with running(folder, *videos) as run:
        run.finish()
    return folder


@pytest.fixture
def folder(prepared, tmp_path):
    """A copy of it."""
    return shutil.copytree(prepared, tmp_path / "project", symlinks=True)


def number_of(run, log="flow/main"):
    """The number of the SLURM job that a log is of."""
    return re.match(r"SLURM job (\d+)", run.log(log))[1]


def assert_learned_as_usual(folder, undisturbed, training="flow/main"):
    """Weights and history, and the record of what they were made from, are what they are without any fault."""
    for name in (f"{training}/weights.safetensors", f"{training}/history.csv", f"provenance/{training}.json"):
        assert (folder / "results" / name).read_bytes() == (undisturbed / "results" / name).read_bytes(), name


def test_a_job_over_its_memory_is_tried_again_with_more(cluster, folder, local):
    memory = "train_flow:mem_mb=400*4**(attempt-1)"
    with running(folder, FLOW, "--set-resources", memory, cluster=cluster) as run:
        run.finish()
    assert "Trying to restart" in run.said
    job = cluster.ask("scontrol", "show", "job", number_of(run)).stdout
    assert re.search(r"mem=(1600M|6400M)", job), job
    assert_learned_as_usual(folder, local)


def test_a_job_over_its_time_goes_on_in_the_next_try(cluster, folder, local):
    with running(folder, FLOW, cluster=cluster) as run:
        run.hold("train_flow")  # so that it needs more time than it has, on any computer
        number = number_of(run)
        assert cluster.ask("scontrol", "update", f"JobId={number}", "TimeLimit=1").returncode == 0
        run.finish()
    assert "JobState=TIMEOUT" in cluster.ask("scontrol", "show", "job", number).stdout
    assert "flow: goes on after epoch" in run.log("flow/main")
    assert_learned_as_usual(folder, local)


def test_a_training_that_is_cancelled_goes_on_in_the_next_try(cluster, folder, local):
    with running(folder, FLOW, cluster=cluster) as run:
        run.hold("train_flow")
        cluster.ask("scancel", number_of(run))
        run.finish()
    assert "flow: goes on after epoch" in run.log("flow/main")
    assert_learned_as_usual(folder, local)


def test_a_node_that_comes_back_goes_on_with_its_jobs(cluster, folder, local):
    with running(folder, FLOW, cluster=cluster) as run:
        _, training = run.hold("train_flow")
        cluster.end("slurmd")
        training.resume()
        cluster.start_node()
        run.finish()
    assert "goes on" not in run.log("flow/main")
    assert_learned_as_usual(folder, local)


def test_while_the_controller_is_away_jobs_go_on_and_are_not_forgotten(cluster, folder, local):
    with running(folder, FLOW, cluster=cluster) as run:
        _, training = run.hold("train_flow")
        cluster.end("slurmctld")
        asked = cluster.asked()
        training.resume()
        run.wait_for((folder / FLOW).exists, "the network is there")
        run.wait_for(lambda: cluster.asked() > asked, "the run asks, and nobody answers")
        cluster.start_controller()
        run.finish()
    assert "goes on" not in run.log("flow/main")
    assert_learned_as_usual(folder, local)


def test_what_cannot_be_submitted_now_is_submitted_later(cluster, folder, local):
    cluster.end("slurmctld")
    try:
        with running(folder, FLOW, cluster=cluster) as run:
            run.wait_for(lambda: "note: SLURM takes no more jobs for now" in run.said, "a job is refused")
            cluster.start_controller()
            run.finish()
    finally:
        if not cluster.answers():
            cluster.start_controller()
    assert "Error" not in run.said
    assert_learned_as_usual(folder, local)


def test_a_full_queue_is_waited_for(cluster, folder, local):
    for _ in range(2):
        cluster.ask("sbatch", "--hold", "--wrap=true")
    cluster.end("slurmctld")
    cluster.configure(MaxJobCount="2")
    cluster.start_controller()
    log = cluster.folder / "slurmctld.log"
    try:
        with running(folder, FLOW, cluster=cluster) as run:
            run.wait_for(lambda: "MaxJobCount limit" in log.read_text(), "a job is refused")
            cluster.end("slurmctld")
            cluster.configure(MaxJobCount="10000")
            cluster.start_controller()
            run.finish()
    finally:
        cluster.configure(MaxJobCount="10000")
    assert_learned_as_usual(folder, local)


def test_a_new_run_waits_for_the_jobs_of_one_that_was_killed_and_does_none_twice(cluster, folder, local):
    """One training is at work when the run is killed, and another waits for the GPU that somebody else has."""
    other = cluster.ask("sbatch", "--parsable", "--gpus=1", "--mem=100", "--wrap=sleep 3600").stdout.strip()
    with running(folder, FLOW, STREAM, cluster=cluster, words="killed.txt") as killed:
        rule, training = killed.hold(*TRAININGS)
        number = number_of(killed, TRAININGS[rule])
        assert sorted(line.split()[1] for line in cluster.jobs()) == ["PENDING", "RUNNING", "RUNNING"]
        killed.kill()
        with running(folder, FLOW, STREAM, cluster=cluster) as run:
            line = "note: an earlier run was killed, but 1 of its jobs is still at work on the cluster"
            run.wait_for(lambda: line in run.said, "it waits")
            assert f"scancel {number};" in run.said
            assert sorted(cluster.jobs()) == sorted([f"{number} RUNNING", f"{other} RUNNING"])
            training.resume()
            cluster.ask("scancel", other)
            run.finish()
    left = next(each for each in TRAININGS if each != rule)
    assert run.jobs == {left: 1}
    assert number_of(run, TRAININGS[rule]) == number
    assert "goes on" not in run.log(TRAININGS[rule])
    for training in TRAININGS.values():
        assert_learned_as_usual(folder, local, training)
    # what the job has made is known with its settings
    section = {"train_flow": "flow", "train_stream": "streams"}[rule]
    changed = CONFIG | {section: CONFIG[section] | {"epochs": 4}}
    with running(folder, FLOW, STREAM, "--dry-run", config=changed) as run:
        run.finish()
    assert run.jobs[rule] == 1


def test_stopped_with_ctrl_c_a_run_leaves_no_jobs(cluster, folder):
    with running(folder, FLOW, cluster=cluster) as run:
        run.hold("train_flow")
        run.process.send_signal(signal.SIGINT)
        assert run.process.wait(timeout=120) != 0
        wait_until(lambda: not cluster.jobs(), 60, "the queue is empty")
    assert "Traceback" not in run.said


def test_a_mistake_that_a_group_of_jobs_meets_is_told_in_a_line_and_not_tried_again(cluster, local, tmp_path):
    folder = shutil.copytree(local, tmp_path / "project", symlinks=True)
    (folder / "results/sequence/main/probabilities/sim_03.npy").write_bytes(b"no array")
    with running(folder, "results/ethograms/main/figures/sim_03.png", cluster=cluster) as run:
        assert run.process.wait(timeout=PATIENCE) != 0
    assert run.said.count("Deciding which behaviors are present in sim_03 failed: ") == 1
    assert run.said.count("has been submitted with SLURM jobid") == 1
    assert "Trying to restart" not in run.said
    assert "Traceback" not in run.said
