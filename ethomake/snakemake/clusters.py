"""What a run on a cluster needs beyond Snakemake and its SLURM plugin.

Jobs on a cluster outlive the run that submitted them, the queue may be full, the controller may not answer for a while,
and a user's mistake is no reason to try again. So jobs are submitted by a subclass of the plugin's executor, which
overrides only methods of the public executor interface (snakemake-interface-executor-plugins).
"""

import sys
import threading
from collections.abc import AsyncIterator
from typing import Any

from snakemake.workflow import Workflow
from snakemake_interface_executor_plugins.executors.base import SubmittedJobInfo
from snakemake_interface_executor_plugins.executors.remote import RemoteExecutor
from snakemake_interface_executor_plugins.registry import ExecutorPluginRegistry

from ethomake import workplace
from ethomake.errors import InputError
from ethomake.failures import MISTAKE, STOPPED, read_failure
from ethomake.scheduling import slurm
from ethomake.snakemake.known import known
from ethomake.snakemake.replace import replace
from ethomake.snakemake.stop import note, stop

TRY_AGAIN = 60  # seconds, if the queue is full

# Options of Snakemake with which it neither runs nor submits jobs.
LOOKS = {"archive", "cleanup-metadata", "cm", "containerize", "d3dag", "dag", "delete-all-output"}
LOOKS |= {"detailed-summary", "export-cwl", "filegraph", "generate-unit-tests", "li", "lint", "list", "list-changes"}
LOOKS |= {"list-conda-envs", "list-input-changes", "list-params-changes", "list-rules", "list-target-rules"}
LOOKS |= {"list-untracked", "lp", "lt", "lu", "print-compilation", "report", "rulegraph", "summary", "unlock"}


def wait_for_earlier_jobs(workflow: Workflow) -> None:
    """Wait for jobs that a killed run has left on a cluster, before Snakemake looks which files exist."""
    asked = {word.lstrip("-").partition("=")[0] for word in sys.argv if word.startswith("--")}
    if known(workflow.output_settings).dryrun or asked & LOOKS or workplace.is_locked():
        return
    try:
        slurm.settle_runs(note)
    except InputError as error:
        stop(error)
    except KeyboardInterrupt:
        note("stopped while jobs of an earlier run are still running on the cluster")
        sys.exit(STOPPED)


def is_mistake(job: Any) -> bool:
    """Return whether a job, or a group of jobs, has failed only because of user mistakes."""
    logs = [log for one in (job.jobs if job.is_group() else [job]) for log in one.log]
    failures = [failure for log in logs if (failure := read_failure(log))]
    return bool(failures) and all(failure.status == MISTAKE for failure in failures)


def bear_with_slurm() -> None:
    """Use an executor for SLURM that tolerates a full queue and a silent controller, if the plugin is installed.

    Raises:
        InputError: if the executor of this version of the plugin differs from what is expected.
    """
    registry = ExecutorPluginRegistry()
    if registry.is_installed("slurm"):
        replace(registry.get_plugin("slurm"), "executor", ("workflow", "logger"), patient)


def patient(plugin: type[RemoteExecutor]) -> type[RemoteExecutor]:
    """Return a subclass of the SLURM plugin's executor that waits for SLURM and does not retry user mistakes."""

    class Executor(plugin):
        run_uuid: str  # the plugin's

        def __init__(self, workflow: Any, logger: Any) -> None:
            # before super().__init__, which starts the thread that checks jobs
            self.over = False
            self.one_at_a_time = threading.Lock()
            self.noted_full = False
            self.reported: set[int] = set()
            super().__init__(workflow, logger)

        def __post_init__(self) -> None:
            super().__post_init__()
            slurm.note_run(self.run_uuid)  # before the first job is submitted

        def report_job_error(self, job_info: SubmittedJobInfo, msg: str | None = None, **options: Any) -> None:
            """Submit a job later that SLURM refused temporarily; the plugin would count it as failed."""
            self.reported.add(id(job_info))
            if job_info.external_jobid is not None or not slurm.is_full(msg or ""):
                super().report_job_error(job_info, msg, **options)
                return
            if not self.noted_full:
                self.noted_full = True
                note("note: SLURM takes no more jobs for now; the remaining ones are submitted as soon as it does")
            timer = threading.Timer(TRY_AGAIN, self.submit_again, [job_info.job])
            timer.daemon = True
            timer.start()

        def submit_again(self, job: Any) -> None:
            with self.one_at_a_time:
                if not self.over:
                    self.run_job(job)

        def handle_job_error(self, job: Any) -> None:
            """Do not retry jobs that failed because of a user's mistake."""
            super().handle_job_error(job)
            if is_mistake(job):
                job.attempt = job.restart_times + 1

        def report_job_success(self, job_info: SubmittedJobInfo) -> None:
            self.reported.add(id(job_info))
            super().report_job_success(job_info)

        # The interface declares a coroutine that gives a generator; Snakemake and the plugin have an async generator.
        async def check_active_jobs(  # pyright: ignore[reportIncompatibleMethodOverride]
            self, active_jobs: list[SubmittedJobInfo]
        ) -> AsyncIterator[SubmittedJobInfo]:
            """Ask again later for jobs of which SLURM reported nothing; the plugin would forget them."""
            if not active_jobs:
                return  # the plugin is perhaps not set up yet; an error here would end the thread that checks jobs
            self.reported.clear()
            waiting = set()
            check: Any = super().check_active_jobs  # pyright: ignore[reportAbstractUsage]
            async for job_info in check(active_jobs):
                waiting.add(id(job_info))
                yield job_info
            for job_info in active_jobs:
                if id(job_info) not in waiting | self.reported:
                    yield job_info

        def shutdown(self) -> None:
            """Shut down, and remove the name of this run if none of its jobs is left in the queue."""
            with self.one_at_a_time:
                self.over = True
            super().shutdown()
            slurm.forget_run(self.run_uuid)

    return Executor
