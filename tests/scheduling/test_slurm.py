import subprocess

import pytest

from ethomake.errors import InputError
from ethomake.scheduling import slurm


@pytest.fixture
def queue(tmp_path, monkeypatch):
    """`queue(*answers)`: squeue gives these answers, one after another; what was asked is in the list that it gives.

    An answer is {number: state}, or None where SLURM does not answer.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(slurm.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(slurm.time, "sleep", lambda seconds: None)

    def answer_with(*answers):
        left, asked = list(answers), []

        def run(command, **_):
            asked.append(command)
            if command[0] == "scancel":
                return subprocess.CompletedProcess(command, 0, "", "")
            answer = left.pop(0)
            if answer is None:
                raise subprocess.CalledProcessError(1, command, "", "squeue: error: Unable to contact controller\n")
            lines = "".join(f"{number}|{state}\n" for number, state in answer.items())
            return subprocess.CompletedProcess(command, 0, lines, "")

        monkeypatch.setattr(slurm.subprocess, "run", run)
        return asked

    return answer_with


def test_without_an_earlier_run_nobody_is_asked(queue):
    asked = queue()
    slurm.settle_runs(pytest.fail)
    assert asked == []


def test_what_waits_is_withdrawn_and_what_is_at_work_is_waited_for(queue):
    said = []
    slurm.note_run("one")
    slurm.note_run("two")
    asked = queue({"17": "RUNNING", "18": "PENDING", "9": "COMPLETING"}, {"17": "RUNNING", "9": "COMPLETING"}, {})
    slurm.settle_runs(said.append)
    assert len(said) == 1
    assert "2 of its jobs are still at work" in said[0]
    assert "scancel 9 17;" in said[0]
    assert [command for command in asked if command[0] == "scancel"] == [("scancel", "--state=PENDING", "18")]
    assert "--name=one,two" in asked[0]
    assert not slurm.RUNS.exists()


def test_while_slurm_does_not_answer_nothing_begins(queue):
    said = []
    slurm.note_run("one")
    asked = queue(None, None, {})
    slurm.settle_runs(said.append)
    assert len(asked) == 3
    assert len(said) == 1
    assert "Unable to contact controller" in said[0]


def test_where_nobody_can_be_asked_it_says_what_to_do(queue, monkeypatch):
    slurm.note_run("one")
    monkeypatch.setattr(slurm.shutil, "which", lambda name: None)
    with pytest.raises(InputError, match="delete this file"):
        slurm.settle_runs(pytest.fail)
    assert slurm.RUNS.exists()


def test_a_run_is_forgotten_when_its_jobs_have_ended(queue):
    slurm.note_run("one")
    slurm.note_run("two")
    queue({"17": "COMPLETING"}, None, {}, {})
    slurm.forget_run("one")
    slurm.forget_run("one")
    assert slurm.RUNS.read_text().count("one") == 1
    slurm.forget_run("one")
    assert "one" not in slurm.RUNS.read_text()
    slurm.forget_run("two")
    assert not slurm.RUNS.exists()


@pytest.mark.parametrize(
    ("message", "full"),
    [
        (
            "sbatch: error: AssocMaxSubmitJobLimit\nsbatch: error: Batch job submission failed: Job violates "
            "accounting/QOS policy (job submit limit, user's size and/or time limits)",
            True,
        ),
        ("sbatch: error: QOSMaxSubmitJobPerUserLimit\nsbatch: error: Batch job submission failed", True),
        ("sbatch: error: Batch job submission failed: Unable to contact slurm controller (connect failure)", True),
        ("sbatch: error: Slurm temporarily unable to accept job, sleeping and retrying", True),
        ("sbatch: error: Batch job submission failed: Requested node configuration is not available", False),
        ("sbatch: error: invalid partition specified: gpu", False),
    ],
)
def test_a_full_queue_is_told_from_a_job_that_is_never_taken(message, full):
    assert slurm.is_full(message) is full
