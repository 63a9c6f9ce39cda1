"""The folder that Snakemake runs in: prepared before it looks which files exist, cleaned up afterwards."""

import os
from collections.abc import Iterable, Iterator
from typing import Any

from snakemake.workflow import Workflow

from ethomake import workplace
from ethomake.failures import forget_failure
from ethomake.provenance.versions import version_notes
from ethomake.snakemake.known import known
from ethomake.snakemake.stop import in_one_line, note, stop
from ethomake.sources import ByContent, find_sources, sizes_of_unread

LONG_TO_READ = 5e9  # bytes


def prepare_folder(workflow: Workflow) -> None:
    """Prepare the folder before Snakemake looks which files exist; a dry run changes nothing."""
    with in_one_line():
        if known(workflow.output_settings).dryrun:
            workplace.check_place()
            workplace.find_records()
            return
        workplace.check_results()
        workplace.keep_records()
        if workplace.free_stale_lock():
            note("note: the last run was killed; this one resumes where it stopped")
        workplace.take_over()


def tell_versions(workflow: Workflow) -> None:
    """Note which results were made with other versions of packages; that alone does not make them outdated."""
    with in_one_line():
        for line in version_notes(rules={rule.name for rule in workflow.rules}):
            note(f"note: {line}")


def is_stored(workflow: Workflow) -> bool:
    """Return whether files are in a storage, from which Snakemake fetches the inputs of jobs, and not on this disk."""
    return known(workflow.storage_settings).default_storage_provider is not None


def members_of(job: Any) -> tuple:
    """Return the jobs of single videos in the job of a pack; none for other jobs."""
    pack = job.params.get("pack")
    return pack.members if pack else ()


def each_video(job: Any) -> Iterator[Any]:
    """Yield a job, or, if it is that of a pack, the jobs of its videos."""
    yield from members_of(job) or [job]


def discard_checkpoints(workflow: Workflow) -> None:
    """Remove the checkpoints of jobs, now that Snakemake has recorded their results."""
    jobs = [one for job in known(workflow.dag).jobs for one in each_video(job)]
    kept = (job.params.get("checkpoint") for job in jobs)
    workplace.discard(path for path in kept if path)


def tell_reading(sources: Iterable[ByContent]) -> None:
    """Note that large files are read to compare them with what results were made from, after a copy for instance."""
    sizes = sizes_of_unread(each for each in sources if each.record.is_file())
    if sum(sizes) > LONG_TO_READ:
        note(
            f"note: {len(sizes)} of your files ({sum(sizes) / 1e9:.0f} GB) are read once, to see whether results were "
            "made from these"
        )


def check_sources(workflow: Workflow) -> None:
    """End with one line if a job that is to run needs a file of the user that is not there any more."""
    gone = {
        str(each): str(job.message)
        for job in _planned(workflow)
        for each in find_sources(dict(job.params.items()))
        if not os.path.exists(each)
    }
    if gone:
        path, message = min(gone.items())
        others = f" (and {len(gone) - 1} more)" if len(gone) > 1 else ""
        stop(f"{path}: not there any more, but needed again ({message}){others}; put it back, or undo what changed")


def check_folders(workflow: Workflow) -> None:
    """End with one line if a job that is to run cannot write where its results go: Snakemake removes old ones first."""
    paths = (path for job in _planned(workflow) for path in (*job.output, *job.log) if path)
    folders = {_nearest_folder(os.path.dirname(path)) for path in paths}
    closed = [folder for folder in sorted(folders) if not os.access(folder, os.W_OK | os.X_OK)]
    if closed:
        others = f" (and {len(closed) - 1} more)" if len(closed) > 1 else ""
        stop(f"{closed[0]}: cannot be written to{others}; change its permissions (chmod u+rwx), or ask its owner")


def _nearest_folder(folder: str) -> str:
    """Return a folder, or the one above it that is there, in which it would be made."""
    while folder and not os.path.isdir(folder):
        folder = os.path.dirname(folder)
    return folder or "."


def _planned(workflow: Workflow) -> Iterator[Any]:
    """Yield the jobs that are to run, those of packs one by one."""
    for job in known(workflow.dag).needrun_jobs():
        yield from each_video(job)


def forget_failures(workflow: Workflow) -> None:
    """Remove the failure records that jobs which are about to run have left in an earlier run."""
    for job in known(workflow.dag).needrun_jobs():
        for log in job.log:
            forget_failure(log)
