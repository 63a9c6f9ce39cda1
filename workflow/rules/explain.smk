# Why jobs run, in words: what Snakemake found out, said anew by ethomake.provenance.explain where it tells about jobs.

from contextlib import suppress

from snakemake.logging import LogEvent, logger

from ethomake.files import read_json
from ethomake.provenance.code import module_digests
from ethomake.provenance.explain import Findings, explain
from ethomake.provenance.record import record_path

# Snakemake's own summary of the reasons, and its advice how not to run what is outdated.
SUPERFLUOUS = ("Reasons:\n", "Some jobs were triggered by provenance", "Rules with provenance triggered jobs")


def explain_jobs(workflow):
    """A filter for Snakemake's messages which puts the reason of each job into other words."""
    jobs = {}

    def filter_message(message):
        if getattr(message, "event", None) == LogEvent.JOB_INFO:
            with suppress(Exception):  # Snakemake's own words do, too: no reason to stop a run
                if message.jobid not in jobs:
                    jobs.update({workflow.dag.jobid(job): job for job in workflow.dag.jobs})
                message.reason = explain_job(workflow, jobs[message.jobid]) or message.reason
        return not str(message.msg).startswith(SUPERFLUOUS)

    return filter_message


def explain_job(workflow, job):
    """Why a job runs."""
    if not job.output:
        return "it is what you asked for"
    record = record_path(job.log[0])
    script = ROOT / "workflow" / "scripts" / Path(job.rule.script).name
    return explain(
        find_reasons(workflow, job),
        read_json(record) if record.is_file() else None,
        list(job.input),
        dict(job.params.items()),
        lambda: module_digests(script),
    )


def find_reasons(workflow, job):
    """What Snakemake found out about a job."""
    reason, settings = workflow.dag.reason(job), workflow.dag_settings
    asked = job.rule in workflow.dag.forcerules or not settings.forcerun.isdisjoint({job.rule.name, *job.output})
    asked = (
        asked or settings.forceall or (settings.forcetargets and not workflow.dag.targetfiles.isdisjoint(job.output))
    )
    return Findings(
        forced=reason.forced and asked,
        interrupted=reason.forced and not asked,  # so Snakemake does with what it finds incomplete
        missing=sorted(reason.missing_output),
        changed=sorted(reason.updated_input - reason.updated_input_run),
        remade=sorted(reason.updated_input_run),
        other_inputs=bool(reason.input_changed),
        parameters=bool(reason.params_changed),
        program=bool(reason.code_changed),
        environment=bool(reason.software_stack_changed),
    )


if workflow.is_main_process:
    logger.addFilter(explain_jobs(workflow))
