"""How Snakemake records, when a job has ended, what its results were made from."""

import os
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from snakemake.persistence import PersistenceBase

from ethomake.snakemake.replace import replace
from ethomake.sources import as_recorded

State = tuple[str, int, int, int]
"""The state of a file: path, inode, time of its last change, size."""


def record_ends(on_node: bool = False) -> None:
    """Let Snakemake read each input once when it records the end of a job, and let jobs on clusters record theirs.

    It would read all inputs of a job, weights and frames, again for each output. And it leaves the records of a
    cluster's jobs to the process that submits them, which may be gone when they end: their results would count as
    complete, but with unknown settings, and no later change of these would be noticed.

    Args:
        on_node: this process runs a job that another Snakemake has submitted.

    Raises:
        InputError: if this version of Snakemake records the end of jobs differently.
    """
    replace(PersistenceBase, "finished", ("self", "job"), lambda finish: recording(finish, on_node))


def recording(finish: Callable, on_node: bool) -> Callable:
    """Return a method like `finish`, but with the changes that `record_ends` describes.

    Snakemake's cache of checksums is off while jobs run, since files change then. It is switched on while the end of a
    job is recorded, with the known checksums of inputs that have not changed. The user's files are recorded with the
    content that the job found, whatever they are when it has ended.
    """
    known: dict[State, str] = {}

    async def finished(self: Any, job: Any) -> None:
        workflow = self.dag.workflow
        cache, settings = workflow.iocache, workflow.remote_execution_settings
        was_active, was_immediate = cache.active, settings.immediate_submit
        states = {file: state for file in job.input if (state := state_of(file))}
        cache.active = True
        cache.checksum.update({file: known[state] for file, state in states.items() if state in known})
        if on_node:
            settings.immediate_submit = workflow.local_exec
        try:
            with nullcontext() if workflow.touch else as_recorded():  # nothing is made by a touch
                forget_params(self)
                await finish(self, job)
        finally:
            settings.immediate_submit = was_immediate
            found = {state: cache.checksum.get(file) for file, state in states.items()}
            known.update({state: checksum for state, checksum in found.items() if checksum})
            if not was_active:
                cache.deactivate()

    return finished


def forget_params(persistence: Any) -> None:
    """Let params be looked at again: the user's files may have changed since they were compared before the job."""
    getattr(getattr(persistence, "_params", None), "cache_clear", lambda: None)()


def state_of(path: str | Path) -> State | None:
    """Return the state of a file; None if it is not on this disk."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return str(path), status.st_ino, status.st_mtime_ns, status.st_size
