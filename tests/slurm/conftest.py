"""A SLURM cluster, and Snakemake that submits to it."""

import fcntl
import json
import os
import re
import signal
import subprocess
import sys
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import gettempdir

import psutil
import pytest

from ..tiny import TINY
from .cluster import Cluster, missing, wait_until

ROOT = Path(__file__).parents[2]
PATIENCE = 1200  # seconds for one thing to happen; on a quiet computer it takes some

# Flow network and streams learn in epochs enough to be halted between two of them.
CONFIG = {"example": "simulated"} | TINY
CONFIG |= {"flow": TINY["flow"] | {"epochs": 8}, "streams": TINY["streams"] | {"epochs": 5}}

# Where trainings say how far they have come.
TRAININGS = {"train_flow": "flow/main", "train_stream": "streams/main/spatial"}


@pytest.fixture(scope="session")
def cluster(tmp_path_factory):
    """A cluster of one node with two GPUs, up for the whole session; a computer has one at a time."""
    if reason := missing():
        pytest.skip(f"no SLURM cluster: {reason}")
    one = Cluster(tmp_path_factory.mktemp("cluster"))
    with (Path(gettempdir()) / "ethomake-cluster.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            one.start()
            yield one
        finally:
            one.stop()


@dataclass
class Run:
    """Snakemake at work on a cluster, or locally where there is none."""

    folder: Path
    process: subprocess.Popen
    words: Path

    @property
    def said(self) -> str:
        """What it has said so far."""
        return self.words.read_text()

    @property
    def jobs(self) -> dict[str, int]:
        """The number of jobs of each rule in the table that it begins with."""
        table = re.search(r"^job +count\n-.*\n((?:\S+ +\d+\n)*)", self.said, re.MULTILINE)
        return {rule: int(n) for rule, n in re.findall(r"(\S+) +(\d+)\n", table[1]) if rule != "total"} if table else {}

    def log(self, name: str) -> str:
        """What a job has written to its log; nothing where there is none yet."""
        path = self.folder / f"logs/{name}.log"
        return path.read_text() if path.exists() else ""

    def wait_for(self, condition, words: str):
        """Wait until something is so, while the run goes on."""

        def so_or_over():
            assert self.process.poll() is None, f"ended before {words}:\n{self.said[-3000:]}"
            return condition()

        return wait_until(so_or_over, PATIENCE, words, lambda: self.said[-3000:])

    def hold(self, *rules: str) -> tuple[str, psutil.Process]:
        """Halt a training when its first epoch is kept; give its rule, one of these, and its process."""

        def training():  # an epoch is told before it is kept
            return next((rule for rule in rules if "epoch 2:" in self.log(TRAININGS[rule])), None)

        rule = self.wait_for(training, f"the second epoch of {rules}")
        found = [each for each in processes_in(self.folder) if each.cmdline()[-1].endswith(f".{rule}.py")]
        assert len(found) == 1, found
        found[0].suspend()
        wait_until(lambda: found[0].status() == psutil.STATUS_STOPPED, 60, "the training is halted")
        return rule, found[0]

    def finish(self) -> None:
        """Wait until it has succeeded."""
        try:
            status = self.process.wait(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            status = None
        assert status == 0, self.said[-5000:]

    def kill(self) -> None:
        """End it, and it alone, as a crash of its computer would."""
        self.process.kill()
        self.process.wait(timeout=60)


def processes_in(folder):
    """The processes with a command line that work in a folder."""
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.cwd() == str(folder) and process.cmdline():
                yield process


@contextmanager
def running(folder, *arguments, cluster=None, config=None, words="run.txt"):
    """Run the workflow in a folder: on a cluster, or locally; both with at most two threads a job.

    What it says goes into a file there. At the end nothing of it is left, neither processes nor jobs.
    """
    options = [f"{key}={json.dumps(value)}" for key, value in (config or CONFIG).items()]
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--max-threads", "2"]
    if cluster:
        command += ["--workflow-profile", str(ROOT / "profiles/slurm"), "--latency-wait", "20"]
        command += ["--slurm-init-seconds-before-status-checks", "3", "--slurm-keep-successful-logs"]
    else:
        command += ["--cores", "2"]
    environment = (cluster.environment if cluster else os.environ) | {
        "PYTHONPATH": str(ROOT),
        "OMP_NUM_THREADS": "1",
        "XDG_CACHE_HOME": str(folder / ".cache"),
        "ETHOMAKE_DEVICE": "cpu",  # the GPUs are none
    }
    with (folder / words).open("w") as out:
        process = subprocess.Popen(
            [*command, *arguments, "--config", *options],
            cwd=folder,
            env=environment,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            # whoever starts the tests in the background lets them ignore Ctrl-C
            preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
        )
        try:
            yield Run(folder, process, folder / words)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(timeout=60)
            if cluster:
                end_jobs(cluster)


def end_jobs(cluster):
    """Cancel what is in the queue and wait until it is empty."""
    cluster.ask("scancel", "--user=root")
    cluster.ask("scancel", "--signal=KILL", "--user=root")
    wait_until(lambda: not cluster.jobs(), 60, "the queue is empty", cluster.ends_of_logs)


def contents(folder):
    """All results by path, without what Snakemake keeps among them and the states of trainings."""
    results = folder / "results"
    return {
        path.relative_to(results).as_posix(): path.read_bytes()
        for path in sorted(results.rglob("*"))
        if path.is_file() and not {".snakemake", ".checkpoints"} & set(path.relative_to(results).parts)
    }


def assert_same(folder, undisturbed):
    """The same results, byte for byte."""
    ours, theirs = contents(folder), contents(undisturbed)
    assert sorted(ours) == sorted(theirs)
    assert [name for name in theirs if ours[name] != theirs[name]] == []


@pytest.fixture(scope="session")
def local(tmp_path_factory):
    """A folder in which the whole example has run without a cluster."""
    folder = tmp_path_factory.mktemp("local")
    with running(folder) as run:
        run.finish()
    return folder
