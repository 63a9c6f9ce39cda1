"""Processes of this machine: check whether one runs, and end this one together with another."""

import os
import platform
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def bound_to(run: str) -> Iterator[None]:
    """End this process within two seconds once the process named by `run`, "<host> <process ID>", is gone.

    A job that outlived its Snakemake process, or a process that outlived its job, would write into the results of the
    next run. A process on another host is ignored.
    """
    host, _, process = run.rpartition(" ")
    done = threading.Event()
    if process.isdigit() and host == platform.node():
        threading.Thread(target=_watch, args=(int(process), done), daemon=True).start()
    try:
        yield
    finally:
        done.set()


def _watch(process: int, done: threading.Event) -> None:
    while is_running(process):
        if done.wait(1):
            return
    os._exit(1)  # no clean-up: the parent is gone, and the next run removes partial files


def is_running(process: int) -> bool:
    """Return whether a process of this machine is running; a zombie is not."""
    if Path("/proc/self/stat").exists():
        try:
            status = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            return False
        return status.rpartition(")")[2].split()[0] not in ("Z", "X")
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it runs, but belongs to another user
        return True
    return True
