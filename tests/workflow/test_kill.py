"""Runs that are killed, stopped, or find their disk full or their files gone, and the runs after them."""

import json
import os
import random
import signal
import subprocess
import sys
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import pytest

from ethomake.failures import MISTAKE

from ..tiny import TINY

ROOT = Path(__file__).parents[2]
# Every training has epochs enough to be killed between two of them.
CONFIG = {"example": "simulated"} | TINY
CONFIG |= {
    "flow": {"epochs": 5, "steps": 6, "batch": 4},
    "streams": {"epochs": 5, "steps": 4, "batch": 4, "joint_epochs": 5},
    "sequence": TINY["sequence"] | {"epochs": 40},
}

FLOW = "results/flow/main/weights.safetensors"

# The eight moments: what a job's log must say before the dice are thrown, and for how many seconds the run may go on
# then. In which order they come is up to Snakemake. "epoch 2:" in a log means that epoch 1 is kept.
MOMENTS = {
    ("ingest/sim_00", ""): 0.1,  # two at a time, of half a second each
    ("flow/main", "epoch 2:"): 0.2,
    ("streams/main/spatial", "epoch 2:"): 0.2,
    ("streams/main/motion", "epoch 2:"): 0.2,
    ("streams/main/joint", "epoch 2:"): 0.2,
    ("features/main/sim_01", ""): 3.0,
    ("sequence/main/train", "epoch 2:"): 0.2,
    ("ethograms/main/figures/sim_00", ""): 0.5,
}


@contextmanager
def running(folder, log="run.txt", extra=()):
    """Snakemake at work in a process group of its own, its words in a file; killed at the end if it still runs."""
    options = [f"{key}={json.dumps(value)}" for key, value in CONFIG.items()]
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")]
    command += ["--cores=2", "--max-threads=1", *extra]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": str(folder / ".cache")}
    with (folder / log).open("w") as words:
        process = subprocess.Popen(
            [*command, "--config", *options],
            cwd=folder,
            env=environment,
            stdout=words,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            # whoever starts the tests in the background lets them ignore Ctrl-C
            preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
        )
        try:
            yield process
        finally:
            end(process, signal.SIGKILL)


def end(process, how):
    """Send a signal to the process and all that it started; wait for it."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, how)
    return process.wait(timeout=120)


def wait_for(process, folder, moments):
    """Wait until the log of a job, written since this run began, says something; give the first of the moments."""
    logs = {moment: folder / f"logs/{moment[0]}.log" for moment in moments}
    began = {path: path.stat().st_mtime_ns for path in logs.values() if path.exists()}
    while process.poll() is None:
        for moment, path in logs.items():
            if path.exists() and path.stat().st_mtime_ns != began.get(path) and moment[1] in path.read_text():
                return moment
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=0.02)
    raise AssertionError(f"none of {list(moments)} has come:\n{said(folder)[-2000:]}")


def finish(folder, *targets):
    with running(folder, extra=targets) as process:
        status = process.wait(timeout=1200)
    assert status == 0, (folder / "run.txt").read_text()[-3000:]


def contents(folder):
    """All results by path, without what Snakemake keeps among them."""
    results = folder / "results"
    return {
        path.relative_to(results).as_posix(): path.read_bytes()
        for path in sorted(results.rglob("*"))
        if path.is_file() and not path.is_relative_to(results / ".snakemake")
    }


def assert_same(folder, undisturbed):
    ours, theirs = contents(folder), contents(undisturbed)
    assert sorted(ours) == sorted(theirs)
    assert [name for name in theirs if ours[name] != theirs[name]] == []


def finish_flow(folder, undisturbed):
    """Make the flow network, and compare all that there is then; what follows from it is as in any run."""
    finish(folder, FLOW)
    ours, theirs = contents(folder), contents(undisturbed)
    assert FLOW.removeprefix("results/") in ours
    assert [name for name in ours if ours[name] != theirs.get(name)] == []


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    finish(folder)
    return folder


@pytest.mark.slow
def test_killed_at_eight_moments_it_ends_with_the_same_bytes(undisturbed, tmp_path):
    dice = random.Random(3)
    resumed, moments = set(), dict(MOMENTS)
    while moments:
        with running(tmp_path) as process:
            span = moments.pop(wait_for(process, tmp_path, moments))
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=dice.uniform(0, span))
            assert end(process, signal.SIGKILL) == -signal.SIGKILL
        resumed |= going_on(tmp_path)
    finish(tmp_path)
    resumed |= going_on(tmp_path)
    assert resumed >= {"flow", "spatial", "motion", "joint", "sequence"}, "trainings go on where they were killed"
    assert_same(tmp_path, undisturbed)
    assert {name.rpartition(".")[2] for name in contents(tmp_path)} >= {
        *("safetensors", "npy", "csv", "json", "png", "svg", "html")
    }
    with running(tmp_path) as process:
        assert process.wait(timeout=300) == 0
    assert "Nothing to be done" in (tmp_path / "run.txt").read_text()


def going_on(folder):
    """The trainings of which the last run said that they went on; the sequence model has one for each fold."""
    lines = (folder / "run.txt").read_text().splitlines()
    names = (line.split(":")[0] for line in lines if "goes on after" in line)
    return {"sequence" if name.startswith("sequence") else name for name in names}


def said(folder):
    return (folder / "run.txt").read_text()


def assert_nothing_half_written(folder):
    assert [name for name in contents(folder) if ".part" in name] == []


def assert_no_traceback(folder):
    assert "Traceback" not in said(folder)
    assert "Exception" not in said(folder)


@pytest.mark.slow
def test_ctrl_c_is_one_line_and_the_next_run_goes_on(undisturbed, tmp_path):
    with running(tmp_path) as process:
        wait_for(process, tmp_path, [("flow/main", "epoch 2:")])
        assert end(process, signal.SIGINT) != 0
    assert "Training the flow network: stopped; what is done so far is kept: run again to go on" in said(tmp_path)
    assert_no_traceback(tmp_path)
    assert_nothing_half_written(tmp_path)
    finish_flow(tmp_path, undisturbed)
    assert "flow" in going_on(tmp_path)


@pytest.fixture
def small_disk(tmp_path):
    """`small_disk(options)` makes results/ a disk of its own, or changes it."""
    disk = tmp_path / "results"
    disk.mkdir()

    def mount(options, again=True):
        command = ["mount", "-t", "tmpfs", "-o", f"{'remount,' if again else ''}{options}", "tmpfs", str(disk)]
        return subprocess.run(command, capture_output=True, text=True)

    done = mount("size=20m", again=False)
    if done.returncode:
        pytest.skip(f"no disk of its own can be made here: {done.stderr.strip()}")
    yield mount
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


@pytest.mark.slow
def test_a_full_disk_is_one_line_and_nothing_half_written_is_left(undisturbed, tmp_path, small_disk):
    for megabytes in (1, 20, 90):  # too small for the frames and features of long videos, for a network, for two
        small_disk(f"size={megabytes}m")
        with running(tmp_path) as process:
            assert process.wait(timeout=1200) != 0
        assert "no space left on the disk that holds results/" in said(tmp_path)
        assert_no_traceback(tmp_path)
        assert_nothing_half_written(tmp_path)
    small_disk("size=3g")  # states of trainings stay until the run has succeeded
    finish(tmp_path)
    assert_same(tmp_path, undisturbed)


@pytest.mark.slow
def test_results_that_cannot_be_written_stop_the_run_before_it_begins(tmp_path, small_disk):
    small_disk("ro")
    with running(tmp_path) as process:
        assert process.wait(timeout=300) == MISTAKE
    assert said(tmp_path).splitlines()[-1].startswith(f"error: {tmp_path / 'results'}: cannot be written to")
    assert_no_traceback(tmp_path)


@pytest.mark.slow
def test_files_that_vanish_while_they_are_needed_are_named_and_made_anew(undisturbed, tmp_path):
    vanishing = tmp_path / "results/ingest/sim_01/frames.mjpeg"
    with running(tmp_path) as process:
        wait_for(process, tmp_path, [("flow/main", "epoch 2:")])
        vanishing.unlink()
        assert process.wait(timeout=1200) != 0
    assert "results/ingest/sim_01/frames.mjpeg" in said(tmp_path)
    assert_no_traceback(tmp_path)
    assert_nothing_half_written(tmp_path)
    finish(tmp_path)
    assert_same(tmp_path, undisturbed)
