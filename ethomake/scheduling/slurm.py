"""SLURM's queue: jobs that earlier runs have left there, and whether it is full.

Jobs on a cluster outlive the Snakemake that submitted them: a login node may go down while a network is trained. But a
killed Snakemake leaves nothing from which the next one could know those jobs; it would submit them a second time, and
remove what they write. So each run records its name, which is that of all its jobs, and the next run waits for them.
"""

import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil

from ethomake.errors import InputError
from ethomake.files import read_json, remove, write_json

RUNS = Path(".snakemake/slurm_runs.json")  # names of the runs whose jobs may be in the queue
ASK_EVERY = 10.0  # seconds

# Errors of sbatch after which it may accept the same job later.
FULL = re.compile(
    r"MaxSubmitJob|temporarily unable to accept job|Resource temporarily unavailable"
    r"|Unable to contact slurm controller|Slurm controller not responding"
)


def is_full(message: str) -> bool:
    """Return whether sbatch refused a job temporarily: the queue is full, or the controller does not answer."""
    return bool(FULL.search(message))


def note_run(name: str, path: Path = RUNS) -> None:
    """Record that a run is about to submit jobs of this name."""
    write_json(path, [*_read_runs(path), name])


def forget_run(name: str, path: Path = RUNS) -> None:
    """Remove the record of a run, unless it still has jobs in the queue or SLURM does not answer."""
    try:
        if _list_jobs([name]):
            return
    except (OSError, subprocess.SubprocessError):
        return
    left = [each for each in _read_runs(path) if each != name]
    write_json(path, left) if left else remove(path)


def settle_runs(tell: Callable[[str], None], path: Path = RUNS) -> None:
    """Cancel pending jobs of earlier runs, and wait for the end of those that are running.

    Args:
        tell: called with one line on what is waited for, again whenever that changes.
        path: file of the names of these runs; removed when none of their jobs is left.

    Raises:
        InputError: if there are such runs but no squeue to query their jobs.
    """
    names = _read_runs(path)
    if not names:
        return
    if not shutil.which("squeue"):
        raise InputError(
            f"{path}: an earlier run has submitted jobs to SLURM, and without squeue it is unknown whether they "
            "still run; start on a node of the cluster, or, if you are sure that they don't, delete this file"
        )
    _stop_submissions(names)
    told = ""
    while True:
        try:
            jobs = _list_jobs(names)
            line = _withdraw(jobs)
        except subprocess.SubprocessError as error:
            jobs, line = None, _no_answer(error, path)
        if line and line != told:
            tell(line)
            told = line
        if jobs == {}:
            break
        time.sleep(ASK_EVERY)
    remove(path)


def _no_answer(error: Exception, path: Path) -> str:
    """Return a line on SLURM not answering."""
    reason = (getattr(error, "stderr", None) or str(error)).strip().rpartition("\n")[2]
    return (
        f"note: an earlier run may have jobs on the cluster, and SLURM does not answer ({reason}); asking again until "
        f"it does (if you are sure that no job runs: stop, and delete {path})"
    )


def _withdraw(jobs: dict[str, str]) -> str:
    """Cancel pending jobs; return a line on those that are running, "" if there are none."""
    if "PENDING" in jobs.values():
        # SLURM itself checks which of them have started by now: those continue
        _run("scancel", "--state=PENDING", *(number for number, state in jobs.items() if state == "PENDING"))
    numbers = sorted((number for number, state in jobs.items() if state != "PENDING"), key=_by_number)
    if not numbers:
        return ""
    return (
        f"note: an earlier run was killed, but {len(numbers)} of its jobs {'is' if len(numbers) == 1 else 'are'} still "
        f"at work on the cluster; waiting for the end (not to wait: scancel {' '.join(numbers)}; what is done is kept)"
    )


def _by_number(number: str) -> list[int]:
    return [int(digits) for digits in re.findall(r"\d+", number)]


def _list_jobs(names: Sequence[str]) -> dict[str, str]:
    """Return numbers and states of the jobs of some names that have not ended."""
    said = _run("squeue", "--noheader", "--format=%i|%T", f"--user={os.getuid()}", f"--name={','.join(names)}")
    return dict(line.strip().split("|", 1) for line in said.splitlines() if "|" in line)


def _stop_submissions(names: Sequence[str]) -> None:
    """Kill processes of sbatch that outlived a killed Snakemake and are still about to submit one of its jobs."""
    for process in psutil.process_iter(["name", "cmdline"]):
        words = process.info["cmdline"] or []
        if process.info["name"] == "sbatch" and any(name in words for name in names):
            try:
                process.kill()
                process.wait(10)
            except psutil.Error:
                continue


def _run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout


def _read_runs(path: Path) -> list[str]:
    names = read_json(path) if path.is_file() else []
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise InputError(f"{path}: not a list of names; if no job of this project is on the cluster, delete it")
    return names
