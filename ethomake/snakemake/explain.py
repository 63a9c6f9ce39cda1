"""Why jobs run, and why they failed, in plain words for people who don't know Snakemake."""

import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from logging import ERROR, LogRecord
from pathlib import Path
from signal import Signals
from typing import Any

from snakemake.logging import LogEvent, logger
from snakemake.workflow import Workflow

from ethomake import workplace
from ethomake.failures import DEFECT, MISTAKE, STOPPED, TRANSIENT, read_failure
from ethomake.files import read_json
from ethomake.provenance.code import module_digests
from ethomake.provenance.explain import Findings, as_one, explain, parameters_as_one
from ethomake.provenance.record import record_path
from ethomake.snakemake.folder import check_sources, each_video
from ethomake.snakemake.known import known
from ethomake.sources import find_sources

# Snakemake's own summary of the reasons, and its advice how not to run what is outdated.
SUPERFLUOUS = ("Reasons:\n", "Some jobs were triggered by provenance", "Rules with provenance triggered jobs")
# Its message on groups without a cluster, and those of the SLURM plugin without accounts.
SUPERFLUOUS += (
    "Group jobs: inactive",
    "No SLURM account given",
    "No account was given",
    "Unable to guess SLURM account",
)
# Its messages around a failure that has been reported in one line.
TOLD = "|".join(map(str, (DEFECT, MISTAKE, TRANSIENT, STOPPED)))
NOISE = rf"RuleException:\nCalledProcessError(.|\n)*exit status ({TOLD})\.$"
NOISE += r"|WorkflowError( in file .*)?:\nAt least one job did not complete"
# What it says of a job that a signal has ended: of itself, or of the shell that has started it (128 + signal).
KILLED = re.compile(
    r"RuleException:\nCalledProcessError(.|\n)*"
    r"(died with <Signals\.(?P<name>\w+)|exit status (?!130)(?P<status>129|1[3-5]\d)\.$)"
)
# Its last words, true of those failures only that it has told itself.
LAST_WORDS = ("Shutting down, this might take some time.", "Exiting because a job execution failed.")
FROM_SHELL = 128
CRASHES = frozenset({"SIGSEGV", "SIGBUS", "SIGILL", "SIGFPE", "SIGABRT", "SIGSYS", "SIGTRAP"})
"""Signals by which the system ends a program for what this itself has done."""

LOCKED = "Directory cannot be locked"
UNRECORDED = re.compile(r"WorkflowError(.|\n)*Error recording metadata for finished job \((?P<reason>.*)\)\. Please")


def explain_jobs(workflow: Workflow, pack_rules: Mapping[str, str]) -> Callable[[LogRecord], bool]:
    """Return a log filter that says why a job runs, and why it failed; --verbose keeps Snakemake's own messages."""
    verbose = known(workflow.output_settings).verbose
    jobs, told = {}, set()
    killed: list[str] = []  # signals that have ended jobs of which no more was said yet
    in_one_line: list[bool] = []  # of each failure so far, whether it was told so

    def find(number):
        if number not in jobs:
            dag = known(workflow.dag)
            jobs.update({dag.jobid(job): job for job in dag.jobs})
        return jobs[number]

    def filter_message(message):
        event = getattr(message, "event", None)
        if not verbose and (signal := killed_by(str(message.msg))):
            killed.append(signal)
            return False
        if not verbose and (words := explain_words(str(message.msg), refused=message.levelno >= ERROR)):
            message.event, message.msg = None, words
        if in_one_line and all(in_one_line) and str(message.msg).startswith(LAST_WORDS):
            return False
        with suppress(Exception):  # else Snakemake's own message is shown: no reason to stop a run
            if event == LogEvent.RUN_INFO and not verbose:
                message.msg = count_jobs(message.stats, pack_rules)
            if event == LogEvent.RUN_INFO:
                check_sources(workflow)
            if event == LogEvent.JOB_INFO and (words := explain_job(workflow, find(message.jobid))):
                message.reason = f"{words} [{message.reason}]" if verbose else words
            if event == LogEvent.JOB_ERROR and message.jobid in told:
                told.remove(message.jobid)
                return False
            if event == LogEvent.JOB_ERROR and not verbose:
                job = find(message.jobid)
                if killed and not any(read_failure(one.log[0]) for one in each_video(job)):
                    message.event, message.msg = None, explain_kill(job, killed.pop(0))
                elif words := explain_failure(job):
                    message.event, message.msg = None, words
                in_one_line.append(message.event is None)
            if event == LogEvent.GROUP_ERROR and not verbose:  # followed by the errors of all of its jobs
                numbers = [job["jobid"] for job in message.job_error_info]
                if words := list(filter(None, (explain_failure(find(number)) for number in numbers))):
                    message.event, message.msg = None, "\n".join(words)
                    told.update(numbers)
                in_one_line.append(bool(words))
        return verbose or not (str(message.msg).startswith(SUPERFLUOUS) or re.match(NOISE, str(message.msg)))

    return filter_message


def explain_words(text: str, *, refused: bool) -> str:
    """Return a true line in place of some of Snakemake's own messages; "" for others.

    Args:
        text: the message.
        refused: whether the run ends with it; a dry run goes on in a directory that is locked.
    """
    if LOCKED in text:
        return workplace.describe_lock(refused=refused)
    if match := UNRECORDED.match(text):
        reason = " ".join(match["reason"].split())
        return f"error: Snakemake could not write down that a job has ended ({reason}); mend that and run again"
    return ""


def killed_by(text: str) -> str:
    """Return the name of the signal that has ended a job, by Snakemake's message on that job; "" for other messages."""
    match = KILLED.match(text)
    if match is None or match["name"]:
        return match["name"] if match else ""
    try:
        return Signals(int(match["status"]) - FROM_SHELL).name
    except ValueError:
        return f"signal {int(match['status']) - FROM_SHELL}"


def explain_kill(job: Any, signal: str) -> str:
    """Return that a signal has ended a job, which leaves no record of why."""
    asked, settings = job.resources.get("mem_mb"), job.params.get("settings")
    again = "run again: what is done so far is kept"
    if signal == "SIGKILL":  # what the kernel sends where memory is out
        memory = f" (it had asked for {asked} MB)" if isinstance(asked, int) else ""
        batch = settings.get("batch") if isinstance(settings, Mapping) else None
        smaller = f"make `batch` smaller (it is {batch}) or " if batch else ""
        why = f"it was killed from outside ({signal}), most likely because memory ran out{memory}; {smaller}"
        why += f"let fewer jobs run at once (--cores) and {again}"
    elif signal in CRASHES:
        why = f"a library that it uses crashed ({signal}); {again}; if that comes again, report it with the log"
        if signal == "SIGBUS":
            why = f"it could not use memory that it was given ({signal}), most likely because the disk or /dev/shm is "
            why += f"full; free some space and {again}"
    else:
        why = f"it was ended from outside ({signal}); {again}"
    return f"{job.message} failed: {why} (log: {job.log[0]})"


def count_jobs(numbers: Mapping[str, int], pack_rules: Mapping[str, str]) -> str:
    """Return Snakemake's table of jobs, in which jobs of packs count for the rule of single videos."""
    together: dict[str, int] = {}
    for name, number in numbers.items():
        stage = pack_rules.get(name, name)
        together[stage] = together.get(stage, 0) + number
    width = max(map(len, together))
    lines = [f"{'job':{width}}    count", f"{'-' * width}  -------"]
    return (
        "\n".join(["Job stats:", *lines, *(f"{name:{width}}  {number:7}" for name, number in together.items())]) + "\n"
    )


def explain_failure(job: Any) -> str | None:
    """Return why a job failed, or each video of a pack, from the records that it left; None if there are none."""
    return "\n".join(filter(None, map(explain_log, each_video(job)))) or None


def explain_log(job: Any) -> str | None:
    """Return why a job failed, from the record that it left; None for a defect, which Snakemake shows itself."""
    log = job.log[0]
    failure = read_failure(log)
    if failure is None or failure.status == DEFECT:
        return None
    if failure.status == STOPPED:
        return f"{job.message}: {failure.message}"
    return f"{job.message} failed: {failure.message} (log: {log})"


def explain_job(workflow: Workflow, job: Any) -> str | None:
    """Return why a job runs; None if there is nothing to add to Snakemake's message."""
    if not job.output:
        return "it is what you asked for"
    script = job.params.pack.script if job.params.get("pack") else job.rule.script
    records = [record_path(log) for log in job.log]  # one, but of a pack as many as it has videos
    before = [read_json(record) for record in records if record.is_file()]
    findings = find_reasons(workflow, job)
    changed = list(each_video(job)) if findings.parameters else []
    last = as_one(before) if before else None
    if last and findings.parameters:
        found = changed_sources(changed, last["inputs"])
        findings = replace(findings, changed=[*findings.changed, *found])
    return explain(
        findings,
        last,
        list(job.input),
        parameters_as_one([dict(each.params.items()) for each in changed]),
        lambda: module_digests(Path(workflow.basedir) / "workflow" / "scripts" / Path(script).name),
    )


def changed_sources(jobs: Iterable[Any], before: Mapping[str, str]) -> list[str]:
    """Return the user's files that jobs read and whose content was not among the inputs the last time."""
    known_contents = set(before.values())
    files = {str(each): each for job in jobs for each in find_sources(dict(job.params.items()))}
    return sorted(path for path, each in files.items() if each.digest() not in known_contents)


def find_reasons(workflow: Workflow, job: Any) -> Findings:
    """Return Snakemake's findings about a job."""
    dag, settings = known(workflow.dag), known(workflow.dag_settings)
    reason = dag.reason(job)
    asked = job.rule in dag.forcerules or not settings.forcerun.isdisjoint({job.rule.name, *job.output})
    asked = asked or settings.forceall or (settings.forcetargets and not dag.targetfiles.isdisjoint(job.output))
    return Findings(
        forced=reason.forced and asked,
        interrupted=reason.forced and not asked,  # Snakemake forces jobs with incomplete outputs
        missing=sorted(reason.missing_output),
        changed=sorted(reason.updated_input - reason.updated_input_run),
        remade=sorted(reason.updated_input_run),
        other_inputs=bool(reason.input_changed),
        parameters=bool(reason.params_changed),
        program=bool(reason.code_changed),
        environment=bool(reason.software_stack_changed),
    )


def explain_in_words(workflow: Workflow, pack_rules: Mapping[str, str]) -> None:
    """Install the filter of `explain_jobs`.

    Args:
        pack_rules: rule of a pack -> rule of single videos.
    """
    logger.addFilter(explain_jobs(workflow, pack_rules))
