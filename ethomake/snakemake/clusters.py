"""What a run on a cluster needs beyond Snakemake and its plugin for SLURM.

Jobs outlive the run that submitted them, a queue may be full, and a user's mistake is not tried again.
"""

import math
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from snakemake.persistence import PersistenceBase
from snakemake.workflow import Workflow

from ethomake import workplace
from ethomake.errors import InputError
from ethomake.failures import MISTAKE, read_failure
from ethomake.scheduling import slurm
from ethomake.snakemake.replace import replace
from ethomake.snakemake.stop import note, stop

TRY_AGAIN = 60  # seconds, where the queue takes no more jobs


def settle_before_execution(workflow: Workflow) -> None:
    """Wait for what a killed run has left on a cluster, before Snakemake looks at what is there and what is not."""
    execute = workflow.execute

    def settle_and_execute(*args, executor_plugin, **settings):
        if not executor_plugin.common_settings.dryrun_exec and not workplace.is_locked():
            try:
                slurm.settle_runs(note)
            except InputError as error:
                stop(error)
            except KeyboardInterrupt:
                note("stopped while jobs of an earlier run are still at work on the cluster")
                sys.exit(130)
        return execute(*args, executor_plugin=executor_plugin, **settings)

    workflow.execute = settle_and_execute


def slurm_executor(workflow: Workflow) -> Any:
    """What submits the jobs of this run to SLURM; None elsewhere. (That for LSF has names of runs, too.)"""
    executor = workflow.scheduler._executor
    return executor if type(executor).__module__ == "snakemake_executor_plugin_slurm" else None


def begin_run(workflow: Workflow) -> None:
    """Write down by which name SLURM knows the jobs of this run, before the first is submitted."""
    if executor := slurm_executor(workflow):
        slurm.note_run(executor.run_uuid)
        submit_later(executor)
        keep_to_squeue(executor)
        try_no_mistake_again(executor)


def end_run(workflow: Workflow) -> None:
    """Strike out the name of this run where its jobs have ended; those that were just cancelled may take a while."""
    if executor := slurm_executor(workflow):
        slurm.forget_run(executor.run_uuid)


def submit_later(executor: Any) -> None:
    """Let a job that the queue has refused only for now be submitted later; the plugin would count it as failed."""
    fail, told = executor._report_job_error_threadsafe, []

    def submit(job):
        with suppress(RuntimeError):  # the run has ended
            executor._job_submission_executor.submit(executor.run_job, job)

    def report(job_info, msg):
        if not slurm.is_full(msg):
            fail(job_info, msg)
            return
        if not told:
            told.append(msg)
            note("note: SLURM takes no more jobs for now; those that are left are submitted as soon as it does")
        timer = threading.Timer(TRY_AGAIN, submit, [job_info.job])
        timer.daemon = True
        timer.start()

    executor._report_job_error_threadsafe = report


def keep_to_squeue(executor: Any) -> None:
    """Keep polling squeue, as the profile says, if slurmctld does not answer when the plugin looks at its settings.

    The plugin would take that for a cluster that forgets its jobs at once, and from then on ask sacct: for ever, where
    there is no accounting.
    """
    plugin = sys.modules[type(executor).__module__]
    ask = plugin.get_min_job_age
    plugin.get_min_job_age = lambda: math.inf if (age := ask()) is None else age


def try_no_mistake_again(executor: Any) -> None:
    """Do not retry jobs that failed with a user's mistake."""
    settle = executor.handle_job_error

    def settle_mistake(job):
        settle(job)
        if is_mistake(job):
            job.attempt = job.restart_times + 1

    executor.handle_job_error = settle_mistake


def is_mistake(job: Any) -> bool:
    """Whether a job, or a group of jobs, has failed by nothing but mistakes of the user."""
    logs = [log for one in (job.jobs if job.is_group() else [job]) for log in one.log]
    failures = [failure for log in logs if (failure := read_failure(log))]
    return bool(failures) and all(failure.status == MISTAKE for failure in failures)


def keep_records_in_jobs() -> None:
    """Let a job on a cluster write down how its results were made: whoever submitted it may be gone when it ends.

    Snakemake leaves that to the process that submits, and would take such results for complete, but know nothing of
    their settings: no later change of them would count.

    Raises:
        InputError: if this version of Snakemake writes its records otherwise.
    """
    replace(PersistenceBase, "finished", ("self", "job"), _with_record)


def _with_record(finish: Callable) -> Callable:
    async def finished(self, job):
        settings = self.dag.workflow.remote_execution_settings
        before, settings.immediate_submit = settings.immediate_submit, self.dag.workflow.local_exec
        try:
            await finish(self, job)
        finally:
            settings.immediate_submit = before

    return finished
