import logging
import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from ethomake.errors import InputError
from ethomake.failures import DEFECT, MISTAKE, STOPPED, TRANSIENT, Failure, read_failure
from ethomake.files import read_json
from ethomake.job import job, slurm_job
from ethomake.messages import remember

logger = logging.getLogger("ethomake.tests")


@pytest.fixture
def task(tmp_path, monkeypatch):
    """A job as Snakemake describes it, in a temporary folder: `task(params={...})`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("__main__.__file__", "count.py", raising=False)  # processes of xdist have none

    def make(**changes):
        facts = {"rule": "count", "log": ["logs/a.log"], "threads": 1, "input": [], "output": [], "params": {}}
        return SimpleNamespace(**{**facts, "wildcards": {}, **changes})

    return make


def test_what_a_job_says_goes_to_the_terminal_and_to_the_log(task, capsys):
    with job(task()):
        logger.info("one line")
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


def test_the_log_of_a_job_on_a_cluster_begins_with_its_number(task, monkeypatch):
    for name in ("SLURM_JOB_ID", "SLURM_ARRAY_TASK_ID", "CUDA_VISIBLE_DEVICES"):
        monkeypatch.delenv(name, raising=False)
    with job(task()):
        logger.info("works")
    assert Path("logs/a.log").read_text() == "works\n"
    monkeypatch.setenv("SLURM_JOB_ID", "17")
    monkeypatch.setenv("SLURMD_NODENAME", "node01")
    with job(task()):
        logger.info("works")
    assert Path("logs/a.log").read_text() == "SLURM job 17 on node01\nworks\n"
    named = {
        "SLURM_JOB_ID": "19",
        "SLURM_ARRAY_JOB_ID": "18",
        "SLURM_ARRAY_TASK_ID": "1",
        "CUDA_VISIBLE_DEVICES": "0,3",
    }
    assert slurm_job(named) == "SLURM job 18_1, GPUs 0,3"
