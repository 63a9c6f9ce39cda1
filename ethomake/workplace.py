"""The folder in which Snakemake runs: what is kept there, who works in it, and whether it can be written to.

Snakemake remembers in `.snakemake` how each result was made, and locks the folder while it works. Two things of
that are changed here. The memory lies within `results/`, so that whoever copies the results copies it, too. And a
lock whose owner was killed is taken away, so that after a crash or a power cut the same command just goes on.
"""

import json
import os
import platform
import re
import shutil
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import psutil

from ethomake.errors import InputError
from ethomake.files import remove, write_json

LIBRARY = Path(__file__).resolve().parents[1]  # where `ethomake` is imported from
RESULTS = Path("results")
RECORDS = RESULTS / ".snakemake" / "metadata"  # what Snakemake remembers of each result
LINK = Path(".snakemake/metadata")  # where it looks for that
LOCKS = Path(".snakemake/locks")
OWNER = Path(".snakemake/owner.json")


def check_results() -> None:
    """Look whether results can be written.

    Raises:
        InputError: if something else is called `results`, or its folder cannot be written to.
    """
    if RESULTS.is_symlink() and not RESULTS.exists():
        target = os.readlink(RESULTS)
        raise InputError(f"results: a link to {target}, which is not there; make that folder or remove the link")
    if RESULTS.exists() and not RESULTS.is_dir():
        raise InputError(f"results: a file in {Path.cwd()}, but the results go into a folder of this name; rename it")
    for folder in (RESULTS if RESULTS.exists() else Path(), Path()):
        if not os.access(folder, os.W_OK | os.X_OK):
            where = folder.resolve()
            raise InputError(f"{where}: cannot be written to; change its permissions, or run in a folder of your own")


def keep_records() -> None:
    """Let Snakemake keep its records within `results/`."""
    RECORDS.mkdir(parents=True, exist_ok=True)
    _link_records()


def find_records() -> None:
    """Let Snakemake read the records within `results/`, if there are any; for a dry run, which makes none."""
    if RECORDS.is_dir():
        with suppress(OSError):  # a folder that may only be read
            _link_records()


def _link_records() -> None:
    if LINK.is_symlink():
        return
    # without this folder Snakemake takes the records for those of an old version
    LINK.with_name("incomplete").mkdir(parents=True, exist_ok=True)
    if LINK.is_dir():
        shutil.copytree(LINK, RECORDS, dirs_exist_ok=True)
        remove(LINK)
    LINK.symlink_to(Path("..") / RECORDS)


def free_stale_lock() -> bool:
    """Take away the lock of a Snakemake that was killed on this machine; tell whether there was one."""
    if not is_locked() or not OWNER.is_file() or _alive(_read_owner()) is not False:
        return False
    remove(LOCKS)
    return True


def is_locked() -> bool:
    """Whether another Snakemake works here, or has been killed on another machine."""
    return any(LOCKS.glob("*"))


def bind_jobs() -> None:
    """Let the jobs that this process starts end when it is gone (see `ethomake.job.job`).

    On a cluster each job is started by a Snakemake of its own, beside it on the node, to which it is bound: jobs go
    on when the Snakemake that submitted them is gone (see `ethomake.scheduling.slurm`), and end with their allocation.
    """
    os.environ["ETHOMAKE_RUN"] = f"{platform.node()} {os.getpid()}"


def share_library() -> None:
    """Let the jobs import this library from where it lies, in environments that do not have it installed."""
    paths = [str(LIBRARY), os.environ.get("PYTHONPATH", "")]
    os.environ["PYTHONPATH"] = os.pathsep.join(path for path in paths if path)


def take_over() -> None:
    """Write down that this process works here, unless one is known that still does."""
    if _alive(_read_owner()) is not True:
        process = psutil.Process()
        write_json(OWNER, {"host": platform.node(), "pid": process.pid, "started": process.create_time()})


def discard(checkpoints: Iterable[str | Path]) -> None:
    """Remove the checkpoints of jobs whose results are safe, what lies beside them under their names, and orphans.

    Orphans are what the same jobs left under other settings: `flow-main-<another digest>`. The checkpoints of
    other jobs, which may be running, stay.
    """
    jobs: dict[Path, set[str]] = {}
    for checkpoint in map(Path, checkpoints):
        jobs.setdefault(checkpoint.parent, set()).add(checkpoint.name.rpartition("-")[0])
    own = re.compile(r"\.?(.+)-[0-9a-f]{16}(\.[a-z]+)?")  # half-written ones begin with a dot and end in .part
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
    """Whether a process still runs; None where that cannot be told from this machine."""
    if owner.get("host") != platform.node():
        return None
    try:
        process = psutil.Process(owner["pid"])
        # another process may have its number by now; clocks that are set move the time a little
        return abs(process.create_time() - owner["started"]) < 5 and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
    except (psutil.Error, KeyError, TypeError):
        return None
