"""How a run bears with a cluster; the cluster itself is that of tests/slurm."""

import asyncio
import sys
from types import SimpleNamespace

import pytest

from ethomake import workplace
from ethomake.failures import DEFECT, MISTAKE, TRANSIENT, Failure, write_failure
from ethomake.scheduling import slurm
from ethomake.snakemake import clusters
from ethomake.snakemake.clusters import is_mistake, patient, wait_for_earlier_jobs


def job(*logs, **facts):
    return SimpleNamespace(log=[str(log) for log in logs], is_group=lambda: False, **facts)


@pytest.mark.parametrize(
    ("statuses", "mistake"),
    [
        ([], False),
        ([MISTAKE], True),
        ([TRANSIENT], False),
        ([DEFECT], False),
        ([MISTAKE, MISTAKE], True),
        ([MISTAKE, TRANSIENT], False),
    ],
)
def test_only_mistakes_are_not_tried_again(tmp_path, statuses, mistake):
    logs = [tmp_path / f"{number}.log" for number in range(3)]
    for log, status in zip(logs, statuses, strict=False):
        write_failure(log, Failure(status, "one line"))
    assert is_mistake(job(*logs)) is mistake
    group = SimpleNamespace(jobs=[job(log) for log in logs], is_group=lambda: True)
    assert is_mistake(group) is mistake


class Plugin:
    """What the plugin's executor does, as far as ours builds on it."""

    def __init__(self, workflow, logger):
        self.calls, self.answers = [], []
        asyncio.run(self.first_check())  # in a thread that may be faster than __post_init__
        self.__post_init__()

    async def first_check(self):
        assert [job async for job in self.check_active_jobs([])] == []

    def __post_init__(self):
        self.run_uuid = "run-1"

    def run_job(self, job):
        self.calls.append(("submitted", job))

    def report_job_error(self, job_info, msg=None, **options):
        self.calls.append(("failed", job_info.job, msg))

    def report_job_success(self, job_info):
        self.calls.append(("done", job_info.job))

    def handle_job_error(self, job):
        self.calls.append(("handled", job))

    async def check_active_jobs(self, active_jobs):
        assert self.run_uuid
        for job_info, answer in zip(active_jobs, self.answers, strict=False):
            if answer == "done":
                self.report_job_success(job_info)
            elif answer == "failed":
                self.report_job_error(job_info, "failed")
            else:
                yield job_info

    def shutdown(self):
        self.calls.append(("over",))


@pytest.fixture
def executor(monkeypatch):
    noted = []
    monkeypatch.setattr(slurm, "note_run", lambda name: noted.append(f"+{name}"))
    monkeypatch.setattr(slurm, "forget_run", lambda name: noted.append(f"-{name}"))
    monkeypatch.setattr(clusters, "TRY_AGAIN", 0.01)
    one = patient(Plugin)(None, None)
    one.noted = noted
    return one


def info(name, number="17"):
    return SimpleNamespace(job=name, external_jobid=number)


def test_the_name_of_a_run_is_noted_before_its_first_job_and_struck_out_at_its_end(executor):
    assert executor.noted == ["+run-1"]
    executor.shutdown()
    assert executor.noted == ["+run-1", "-run-1"]
    assert executor.calls == [("over",)]


def test_jobs_of_which_nothing_is_told_are_asked_for_again(executor):
    jobs = [info(name) for name in "abcd"]

    async def ask():
        return [each.job async for each in executor.check_active_jobs(jobs)]

    executor.answers = ["done", "waits", "failed"]  # and nothing of the last
    assert asyncio.run(ask()) == ["b", "d"]
    executor.answers = []
    assert asyncio.run(ask()) == list("abcd")


def test_what_the_queue_refuses_for_now_is_submitted_later_and_told_once(executor, capsys):
    refused = "sbatch: error: Slurm temporarily unable to accept job, sleeping and retrying"
    for name in "ab":
        executor.report_job_error(info(name, None), refused)
    for _ in range(500):
        if len(executor.calls) == 2:
            break
        asyncio.run(asyncio.sleep(0.01))
    assert sorted(executor.calls) == [("submitted", "a"), ("submitted", "b")]
    assert capsys.readouterr().err.count("note: SLURM takes no more jobs for now") == 1


def test_nothing_is_submitted_when_the_run_is_over(executor):
    executor.shutdown()
    executor.submit_again("a")
    assert ("submitted", "a") not in executor.calls


def test_what_it_refuses_for_good_has_failed(executor):
    executor.report_job_error(info("a", None), "sbatch: error: invalid partition specified")
    executor.report_job_error(info("b"), "SLURM-job '17' failed, SLURM status is: 'TIMEOUT'")
    assert [call[:2] for call in executor.calls] == [("failed", "a"), ("failed", "b")]


def test_a_mistake_uses_up_all_tries(executor, tmp_path):
    log = tmp_path / "a.log"
    one = job(log, attempt=1, restart_times=3)
    executor.handle_job_error(one)
    assert one.attempt == 1
    write_failure(log, Failure(MISTAKE, "one line"))
    executor.handle_job_error(one)
    assert one.attempt == 4


@pytest.mark.parametrize(
    ("words", "dryrun", "locked", "waits"),
    [
        (["snakemake"], False, False, True),
        (["snakemake", "--executor", "slurm", "--touch"], False, False, True),
        (["snakemake", "lint"], False, False, True),
        (["snakemake", "--dry-run"], True, False, False),
        (["snakemake", "--unlock"], False, False, False),
        (["snakemake", "--lint"], False, False, False),
        (["snakemake", "--report=a.html"], False, False, False),
        (["snakemake"], False, True, False),
    ],
)
def test_only_a_run_waits_for_the_jobs_of_an_earlier_one(monkeypatch, words, dryrun, locked, waits):
    waited = []
    monkeypatch.setattr(slurm, "settle_runs", waited.append)
    monkeypatch.setattr(workplace, "is_locked", lambda: locked)
    monkeypatch.setattr(sys, "argv", words)
    wait_for_earlier_jobs(SimpleNamespace(output_settings=SimpleNamespace(dryrun=dryrun)))
    assert bool(waited) is waits
