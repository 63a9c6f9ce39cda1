"""The folder that Snakemake runs in: made ready before it looks at what is there, tidied up afterwards."""

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
    """See to the folder before Snakemake looks at what is there; a dry run leaves it as it is."""
    try:
        if known(workflow.output_settings).dryrun:
            workplace.find_records()
            return
        workplace.check_results()
        workplace.keep_records()
        if workplace.free_stale_lock():
            note("note: the last run was killed; this one goes on where it was")
        workplace.take_over()
    except (InputError, OSError) as error:
        stop(failure_of(error).message)


def tell_versions(workflow: Workflow) -> None:
    """Say where results were made with other versions of what computes them; that alone does not outdate them."""
    try:
        for line in version_notes(rules={rule.name for rule in workflow.rules}):
            note(f"note: {line}")
    except InputError as error:
        stop(error)


def members_of(job: Any) -> tuple:
    """The jobs of single videos that a job does; only that of a pack has some."""
    pack = job.params.get("pack")
    return pack.members if pack else ()


def each_video(job: Any) -> Iterator[Any]:
    """A job, or those of single videos that it does."""
    yield from members_of(job) or [job]


def discard_checkpoints(workflow: Workflow) -> None:
    """Remove the states that jobs have kept, now that Snakemake knows their results."""
    jobs = [one for job in known(workflow.dag).jobs for one in each_video(job)]
    kept = (job.params.get("checkpoint") for job in jobs)
    workplace.discard(path for path in kept if path)


def forget_failures(workflow: Workflow) -> None:
    """Remove what jobs that are about to run have told of their failures in an earlier run."""
    for job in known(workflow.dag).needrun_jobs():
        for log in job.log:
            forget_failure(log)
