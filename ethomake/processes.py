"""Processes of this machine: which of them run, and one that ends with another."""

import os
import platform
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def bound_to(run: str) -> Iterator[None]:
    """End this process within two seconds when the one that `run` names, "<host> <process id>", is gone.

    A job that outlived its Snakemake, or a process that outlived its job, would write into the results of the next one.
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
    os._exit(1)  # no clean-up: whoever could hear of it is gone, and the next run removes what is half-written


def is_running(process: int) -> bool:
    """Whether a process of this machine runs; one that has ended and waits for its parent to notice does not."""
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
    except PermissionError:  # of another user
        return True
    return True
