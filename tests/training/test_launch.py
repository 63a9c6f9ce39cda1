"""Processes that train together begin and end together; their output and files are those of a single process."""

import logging
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
import torch

from ethomake.errors import InputError
from ethomake.files import read_json
from ethomake.job import job
from ethomake.messages import remember
from ethomake.training import launch as launching
from ethomake.training import parallel
from ethomake.training.launch import launch, processes_for

logger = logging.getLogger("ethomake.tests")
ROOT = Path(__file__).parents[2]


def tell(path):
    """Do what a training does, except for the training itself."""
    logger.info(f"process {parallel.rank()} of {parallel.size()}, {torch.get_num_threads()} thread(s)")
    remember("device", "abacus")
    parallel.wait()
    if parallel.is_first():
        Path(path).write_text("learned")


def fail(kind):
    """Fail in the second process while the first one waits for it."""
    if not parallel.is_first():
        raise {"mistake": InputError("videos.csv: one line"), "defect": KeyError("x")}[kind]
    parallel.wait()


def abort():
    if parallel.is_first():
        print("what a library says last", file=sys.stderr, flush=True)
        os.abort()
    parallel.wait()


def hang():
    logger.info(f"pid {os.getpid()}")
    parallel.wait()
    if parallel.is_first():
        signal.pause()
    parallel.wait()


@pytest.fixture
def task(tmp_path, monkeypatch):
    """Make a job as Snakemake describes it, in a separate folder."""
    monkeypatch.chdir(tmp_path)
    facts = {"rule": "train", "log": ["logs/a.log"], "input": [], "output": ["results/a.txt"], "params": {}}
    Path("results").mkdir()
    Path("train.py").write_text('"""Train."""\n')
    return SimpleNamespace(**facts, threads=2, wildcards={})


def test_the_log_and_the_record_of_a_job_are_those_of_its_first_process(task, capsys):
    with job(task, "train.py"):
        launch(tell, 2, "results/a.txt")
    lines = ["training in 2 processes, on the CPU", "process 0 of 2, 1 thread(s)"]
    assert Path("logs/a.log").read_text().splitlines() == lines
    assert capsys.readouterr().err.splitlines() == lines
    record = read_json("results/provenance/a.json")
    assert (record["device"], record["processes"]) == ("abacus", 2)
    assert Path("results/a.txt").read_text() == "learned"


def test_alone_it_is_a_call(task, capsys, monkeypatch):
    monkeypatch.setattr(launching, "elastic_launch", None)
    with job(task, "train.py"):
        launch(tell, 1, "results/a.txt")
    assert capsys.readouterr().err.startswith("process 0 of 1")
    assert "processes" not in read_json("results/provenance/a.json")


def test_a_mistake_that_one_process_finds_is_one_line_and_ends_all(task, capsys):
    with pytest.raises(SystemExit) as end, job(task, "train.py"):
        launch(fail, 2, "mistake")
    assert end.value.code == 2
    assert capsys.readouterr().err.splitlines()[1:] == ["error: videos.csv: one line"]


def test_a_defect_in_one_process_keeps_its_traceback(task):
    before = {number: signal.getsignal(number) for number in launching.SIGNALS}
    with pytest.raises(KeyError) as end, job(task, "train.py"):
        launch(fail, 2, "defect")
    assert "In process 2: Traceback" in end.value.__notes__[0]
    assert "in fail" in Path("logs/a.log").read_text()
    assert {number: signal.getsignal(number) for number in launching.SIGNALS} == before


def test_the_last_words_of_a_process_that_crashed_are_told():
    with pytest.raises(RuntimeError, match=r"process 1 of 2 ended with status -6: (?s:.)*what a library says last"):
        launch(abort, 2)


JOB = """
from types import SimpleNamespace
from ethomake.job import job
with job(SimpleNamespace(rule="r", log=["a.log"], threads=2, input=[], output=[], params={}, wildcards={})):
    from tests.training.test_launch import hang
    from ethomake.training.launch import launch
    launch(hang, 2)
"""


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_processes_do_not_outlive_their_job(tmp_path, how):
    (tmp_path / "work.py").write_text(JOB)
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    restore = {"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)}  # a shell may ignore it
    started = {"cwd": tmp_path, "env": environment, "stderr": subprocess.PIPE, "text": True, **restore}
    with subprocess.Popen([sys.executable, "work.py"], **started) as process:
        assert process.stderr.readline() == "training in 2 processes, on the CPU\n"
        assert process.stderr.readline().startswith("pid ")
        processes = psutil.Process(process.pid).children(recursive=True)
        assert len(processes) == 2
        process.send_signal(how)
        gone, alive = psutil.wait_procs(processes, timeout=60)
        assert (len(gone), alive) == (2, [])
        said = process.stderr.read()
    if how == signal.SIGINT:
        assert process.returncode == 130
        assert said == "stopped; what is done so far is kept: run again to go on\n"
    else:
        assert process.returncode == -how
        assert said == ""


@pytest.mark.parametrize(
    ("gpus", "there", "processes", "told"),
    [
        (1, 0, 1, ""),
        (1, 4, 1, ""),
        (2, 2, 2, ""),
        (2, 0, 1, "2 GPUs were asked for, but this job has none to choose from: it trains in one process\n"),
        (4, 1, 1, "4 GPUs were asked for, but this job has 1 to choose from: it trains in one process\n"),
        (4, 2, 2, "4 GPUs were asked for, but this job has 2 to choose from: it trains in 2 processes\n"),
    ],
)
def test_a_process_for_each_gpu_that_is_asked_for_and_there(monkeypatch, capsys, gpus, there, processes, told):
    monkeypatch.setenv("ETHOMAKE_DEVICE", "auto")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: there > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: there)
    assert processes_for(gpus) == processes
    assert capsys.readouterr().err == told
