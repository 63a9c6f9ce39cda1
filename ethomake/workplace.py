"""The working directory of Snakemake: its metadata, its lock, and whether results can be written.

Snakemake stores in `.snakemake` how each result was made, and locks the directory while it runs. Two things are
changed here. The metadata is kept within `results/`, so that it is copied along with the results. And a lock whose
owner was killed is removed, so that after a crash or a power cut the same command resumes the work.
"""

import json
import os
import platform
import re
import shutil
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import psutil

from ethomake.errors import InputError
from ethomake.files import remove, write_json

LIBRARY = Path(__file__).resolve().parents[1]  # where `ethomake` is imported from
RESULTS = Path("results")
RECORDS = RESULTS / ".snakemake" / "metadata"  # Snakemake's metadata of each result
LINK = Path(".snakemake/metadata")  # where Snakemake expects it
LOCKS = Path(".snakemake/locks")
OWNER = Path(".snakemake/owner.json")


def check_place() -> None:
    """Check that `results` is a folder, or can become one, and that it and the records may be read.

    Raises:
        InputError: if it is a file, a link to nothing, or closed to this user.
    """
    _check_open(LINK.parent)
    if RESULTS.is_symlink() and not RESULTS.exists():
        target = os.readlink(RESULTS)
        raise InputError(f"results: a link to {target}, which is not there; make that folder or remove the link")
    if RESULTS.exists() and not RESULTS.is_dir():
        raise InputError(f"results: a file in {Path.cwd()}, but the results go into a folder of this name; rename it")
    _check_open(RESULTS)
    for folder in sorted(RESULTS.iterdir()) if RESULTS.is_dir() else ():
        _check_open(folder)
    _check_open(RECORDS)


def _check_open(folder: Path) -> None:
    """Check that a folder may be read, if it is there."""
    if folder.is_dir() and not os.access(folder, os.R_OK | os.X_OK):
        raise InputError(f"{folder}: may not be read; change its permissions (chmod u+rx), or ask its owner")


def check_results() -> None:
    """Check that results can be written.

    Raises:
        InputError: if `results` is not a folder, or cannot be written to.
    """
    check_place()
    for folder in (RESULTS if RESULTS.exists() else Path(), Path()):
        if not os.access(folder, os.W_OK | os.X_OK):
            where = folder.resolve()
            raise InputError(f"{where}: cannot be written to; change its permissions, or run in a folder of your own")


def keep_records() -> None:
    """Make Snakemake keep its metadata within `results/`."""
    RECORDS.mkdir(parents=True, exist_ok=True)
    _link_records()


def find_records() -> None:
    """Make Snakemake read the metadata within `results/`, if there is any; for a dry run, which writes none.

    If there is none any more, since the results were removed, renamed or left out of a copy, the link to it goes: where
    a link to nothing is, Snakemake can make no folder.
    """
    with suppress(OSError):  # a read-only folder
        if RECORDS.is_dir():
            _link_records()
        elif LINK.is_symlink():
            LINK.unlink()


def _link_records() -> None:
    if LINK.is_symlink():
        return
    # without this folder Snakemake takes the metadata for that of an old version
    LINK.with_name("incomplete").mkdir(parents=True, exist_ok=True)
    if LINK.is_dir():
        shutil.copytree(LINK, RECORDS, dirs_exist_ok=True)
        remove(LINK)
    LINK.symlink_to(Path("..") / RECORDS)


def free_stale_lock() -> bool:
    """Remove the lock of a Snakemake process that was killed on this machine; return whether there was one."""
    if not is_stale():
        return False
    remove(LOCKS)
    return True


def is_stale() -> bool:
    """Return whether the directory is locked by a Snakemake process that was killed on this machine."""
    return is_locked() and OWNER.is_file() and _alive(_read_owner()) is False


def describe_lock(*, refused: bool) -> str:
    """Return in one line who has locked the directory, and what to do.

    Args:
        refused: whether the run ends because of the lock; a dry run goes on.
    """
    kind, owner = "error" if refused else "note", _read_owner()
    alive = _alive(owner)
    if alive is False:
        again = "run again: that" if refused else "the next one"
        return f"{kind}: the last run was killed; {again} resumes where it stopped"
    try:
        since = time.strftime("%Y-%m-%d %H:%M", time.localtime(owner["started"]))
        who = f"process {owner['pid']} on {owner['host']} has been working here since {since}"
    except (KeyError, TypeError, ValueError, OverflowError):
        who = "another run is working here"
    if alive:
        return f"{kind}: {who}; wait for it, or stop it"
    return f"{kind}: {who}, as far as can be known from here; if it is gone: ./run snakemake --unlock"


def is_locked() -> bool:
    """Return whether the directory is locked: another Snakemake process runs here, or was killed on another machine."""
    return any(LOCKS.glob("*"))


def bind_jobs() -> None:
    """Make the jobs that this process starts end when it is gone (see `ethomake.job.job`).

    On a cluster each job is bound to the Snakemake process that starts it on the node: jobs continue when the Snakemake
    process that submitted them is gone (see `ethomake.scheduling.slurm`), and end with their allocation.
    """
    os.environ["ETHOMAKE_RUN"] = f"{platform.node()} {os.getpid()}"


def share_library() -> None:
    """Put this library on PYTHONPATH, so that jobs can import it in environments where it is not installed."""
    paths = [str(LIBRARY), os.environ.get("PYTHONPATH", "")]
    os.environ["PYTHONPATH"] = os.pathsep.join(path for path in paths if path)


def take_over() -> None:
    """Record this process as the owner of the directory, unless another is at work, or may be on another machine.

    Whoever finds the directory locked is refused: the lock is not its own, and must not seem to be that of a process
    which is gone soon.
    """
    if not is_locked() and _alive(_read_owner()) is not True:
        process = psutil.Process()
        write_json(OWNER, {"host": platform.node(), "pid": process.pid, "started": process.create_time()})


def discard(checkpoints: Iterable[str | Path]) -> None:
    """Remove the checkpoints of jobs whose results are written, files beside them with their names, and orphans.

    Orphans are checkpoints of the same jobs with other settings: `flow-main-<another digest>`. The checkpoints of
    other jobs, which may be running, stay.
    """
    jobs: dict[Path, set[str]] = {}
    for checkpoint in map(Path, checkpoints):
        jobs.setdefault(checkpoint.parent, set()).add(checkpoint.name.rpartition("-")[0])
    own = re.compile(r"\.?(.+)-[0-9a-f]{16}(\.[a-z]+)?")  # partial ones begin with a dot and end in .part
    for folder, names in jobs.items():
        for path in folder.glob("*"):
            if (match := own.fullmatch(path.name)) and match[1] in names:
                remove(path)


def _read_owner() -> dict:
    try:
        owner = json.loads(OWNER.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return owner if isinstance(owner, dict) else {}


def _alive(owner: dict) -> bool | None:
    """Return whether a process is still running; None if that cannot be determined from this machine."""
    if owner.get("host") != platform.node():
        return None
    try:
        process = psutil.Process(owner["pid"])
        # the process ID may have been reused; the start time may shift a little when the clock is set
        return abs(process.create_time() - owner["started"]) < 5 and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
    except (psutil.Error, KeyError, TypeError):
        return None
