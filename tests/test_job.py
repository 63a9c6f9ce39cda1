import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from ethomake import job as jobs
from ethomake.errors import InputError
from ethomake.failures import DEFECT, MISTAKE, STOPPED, TRANSIENT, Failure, read_failure
from ethomake.files import read_json
from ethomake.job import Progress, duration, job, remember, say, slurm_job


@pytest.fixture
def clock(monkeypatch):
    """A clock that a test moves by hand."""

    class Clock:
        now = 0.0

    monkeypatch.setattr(jobs.time, "monotonic", lambda: Clock.now)
    return Clock


@pytest.fixture
def task(tmp_path, monkeypatch):
    """A job as Snakemake describes it, in a folder of its own: `task(params={...})`."""
    monkeypatch.chdir(tmp_path)

    def make(**changes):
        facts = {"rule": "count", "log": ["logs/a.log"], "threads": 1, "input": [], "output": [], "params": {}}
        return SimpleNamespace(**{**facts, "wildcards": {}, **changes})

    return make


def test_what_a_job_says_goes_to_the_terminal_and_to_the_log(task, capsys):
    with job(task()):
        say("one line")
    assert Path("logs/a.log").read_text() == "one line\n"
    assert capsys.readouterr().err == "one line\n"


def test_a_users_mistake_is_one_line_and_status_2(task, capsys):
    with pytest.raises(SystemExit) as end, job(task()):
        raise InputError("videos.csv, line 3: no such file")
    assert end.value.code == MISTAKE == 2
    assert read_failure("logs/a.log") == Failure(MISTAKE, "videos.csv, line 3: no such file")
    assert capsys.readouterr().err == "error: videos.csv, line 3: no such file\n"
    assert Path("logs/a.log").read_text() == "error: videos.csv, line 3: no such file\n"


def test_too_large_a_batch_is_named(task, capsys):
    with pytest.raises(SystemExit) as end, job(task(params={"settings": {"batch": 64}})):
        raise MemoryError
    assert end.value.code == TRANSIENT == 75
    assert read_failure("logs/a.log").status == TRANSIENT
    assert "make `batch` smaller (it is 64)" in capsys.readouterr().err


def test_ctrl_c_is_one_line_and_status_130(task, capsys):
    with pytest.raises(SystemExit) as end, job(task()):
        raise KeyboardInterrupt
    assert end.value.code == STOPPED == 130
    assert read_failure("logs/a.log").status == STOPPED
    assert capsys.readouterr().err == "stopped; what is done so far is kept: run again to go on\n"


def test_a_defect_keeps_its_traceback_in_the_log(task):
    with pytest.raises(KeyError), job(task()):
        raise KeyError("x")
    assert "Traceback" in Path("logs/a.log").read_text()
    assert read_failure("logs/a.log") == Failure(DEFECT, "KeyError: 'x'")


def test_what_an_earlier_try_has_told_is_forgotten_when_the_next_begins(task):
    with pytest.raises(SystemExit), job(task()):
        raise InputError("videos.csv, line 3: no such file")
    with job(task()):
        assert read_failure("logs/a.log") is None


def test_a_log_that_cannot_be_written_hides_nothing(task, capsys):
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    Path("logs").mkdir()
    Path("logs/a.log").symlink_to("/dev/full")
    with pytest.raises(SystemExit) as end, job(task()):
        raise InputError("the real reason")
    assert end.value.code == MISTAKE
    assert capsys.readouterr().err == "error: the real reason\n"


def test_a_log_that_cannot_be_made_is_one_line(task, capsys):
    Path("logs").write_text("a file where a folder should be")
    with pytest.raises(SystemExit) as end, job(task()):
        pass
    assert end.value.code == TRANSIENT
    assert re.fullmatch("error: .*logs.*\n", capsys.readouterr().err)


def test_a_job_that_ends_well_leaves_its_record_with_what_it_remembered(task, tmp_path):
    (tmp_path / "count.py").write_text('"""Count."""\n')
    Path("results").mkdir()
    with job(task(output=["results/a.txt"]), tmp_path / "count.py"):
        remember("device", "abacus")
        Path("results/a.txt").write_text("3")
    assert read_json("results/provenance/a.json")["device"] == "abacus"
    with pytest.raises(KeyError), job(task(output=["results/a.txt"]), tmp_path / "count.py"):
        raise KeyError("x")
    assert not Path("results/provenance/a.json").exists()


WORK = """
import time
from types import SimpleNamespace
from ethomake.job import job
with job(SimpleNamespace(rule="r", log=["a.log"], threads=1, input=[], output=[], params={}, wildcards={})):
    print("works", flush=True)
    time.sleep(30)
    print("outlives it", flush=True)
"""

START = """
import os, platform, subprocess, sys
os.environ["ETHOMAKE_RUN"] = f"{platform.node()} {os.getpid()}"
subprocess.run([sys.executable, "work.py"])
"""


def test_a_job_does_not_outlive_the_snakemake_that_started_it(tmp_path):
    (tmp_path / "work.py").write_text(WORK)
    command = [sys.executable, "-c", START]
    environment = os.environ | {"PYTHONPATH": str(Path(jobs.__file__).parents[1])}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=tmp_path, env=environment) as starter:
        assert starter.stdout.readline() == "works\n"
        starter.kill()
        assert starter.stdout.read() == ""  # to the end, which comes when the job has ended


def test_only_processes_that_run_count_as_running():
    ended = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)  # it has ended, and nobody has noticed yet
    if Path("/proc/self/stat").exists():
        assert not jobs.is_running(ended.pid)
    ended.wait()
    assert not jobs.is_running(ended.pid)
    assert jobs.is_running(os.getpid())


def test_long_work_says_early_how_long_it_takes(clock, capsys):
    with Progress(1000, "features of v", "frame") as progress:
        clock.now = 2.0
        progress.advance(10)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "features of v: 1000 frames take about 3 min"


def test_a_bar_shows_rate_and_time_left_now_and_then(clock, capsys):
    with Progress(100, "ingest", "frame", every=5) as progress:
        for _ in range(10):
            clock.now += 1
            progress.advance(10)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3  # after 5 and 10 seconds, and at the end
    assert "50/100" in lines[0]
    assert "10.00 frame/s" in lines[0]
    assert "00:05<00:05" in lines[0]


def test_the_log_of_a_job_on_a_cluster_begins_with_its_number(task, monkeypatch):
    for name in ("SLURM_JOB_ID", "SLURM_ARRAY_TASK_ID", "CUDA_VISIBLE_DEVICES"):
        monkeypatch.delenv(name, raising=False)
    with job(task()):
        say("works")
    assert Path("logs/a.log").read_text() == "works\n"
    monkeypatch.setenv("SLURM_JOB_ID", "17")
    monkeypatch.setenv("SLURMD_NODENAME", "node01")
    with job(task()):
        say("works")
    assert Path("logs/a.log").read_text() == "SLURM job 17 on node01\nworks\n"
    named = {
        "SLURM_JOB_ID": "19",
        "SLURM_ARRAY_JOB_ID": "18",
        "SLURM_ARRAY_TASK_ID": "1",
        "CUDA_VISIBLE_DEVICES": "0,3",
    }
    assert slurm_job(named) == "SLURM job 18_1, GPUs 0,3"


@pytest.mark.parametrize(("seconds", "words"), [(12.4, "12 s"), (300, "5 min"), (9000, "2.5 h")])
def test_durations_in_words(seconds, words):
    assert duration(seconds) == words
