"""The folder that Snakemake runs in: prepared before it looks which files exist, cleaned up afterwards."""

from collections.abc import Iterator
from typing import Any

from snakemake.workflow import Workflow

from ethomake import workplace
from ethomake.errors import InputError
from ethomake.failures import failure_of, forget_failure
from ethomake.provenance.versions import version_notes
from ethomake.snakemake.known import known
from ethomake.snakemake.stop import note, stop


def prepare_folder(workflow: Workflow) -> None:
    """Prepare the folder before Snakemake looks which files exist; a dry run changes nothing."""
    try:
        if known(workflow.output_settings).dryrun:
            workplace.find_records()
            return
        workplace.check_results()
        workplace.keep_records()
        if workplace.free_stale_lock():
            note("note: the last run was killed; this one resumes where it stopped")
        workplace.take_over()
    except (InputError, OSError) as error:
        stop(failure_of(error).message)


def tell_versions(workflow: Workflow) -> None:
    """Note which results were made with other versions of packages; that alone does not make them outdated."""
    try:
        for line in version_notes(rules={rule.name for rule in workflow.rules}):
            note(f"note: {line}")
    except InputError as error:
        stop(error)


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


def forget_failures(workflow: Workflow) -> None:
    """Remove the failure records that jobs which are about to run have left in an earlier run."""
    for job in known(workflow.dag).needrun_jobs():
        for log in job.log:
            forget_failure(log)
