"""What is told of jobs that fail, and what of Snakemake's own words is left out."""

import logging
from types import SimpleNamespace

import pytest
from snakemake.logging import LogEvent

from ethomake import workplace
from ethomake.failures import DEFECT, MISTAKE, STOPPED, TRANSIENT, Failure, write_failure
from ethomake.snakemake.explain import count_jobs, explain_jobs


def failed(folder, number, failure=None):
    """A job of one video, and the record that it has left."""
    log = folder / f"{number}.log"
    if failure:
        write_failure(log, failure)
    return SimpleNamespace(log=[str(log)], message=f"Reading the frames of v{number}", params={})


@pytest.fixture
def tell(tmp_path):
    """`tell(jobs, verbose)` gives a function: a message of Snakemake -> what becomes of it, or None."""

    def make(jobs=(), verbose=False):
        dag = SimpleNamespace(jobs=list(jobs), jobid=list(jobs).index)
        workflow = SimpleNamespace(dag=dag, output_settings=SimpleNamespace(verbose=verbose))
        keep = explain_jobs(workflow, {"ingest_video_0": "ingest_video"})

        def tell_one(text="", **facts):
            message = logging.makeLogRecord({"msg": text, "levelno": logging.ERROR} | facts)
            return message if keep(message) else None

        return tell_one

    return make


@pytest.mark.parametrize("status", [MISTAKE, TRANSIENT])
def test_a_failure_is_told_in_the_words_of_its_job(tell, tmp_path, status):
    job = failed(tmp_path, 1, Failure(status, "a.mp4: damaged; record it again"))
    message = tell([job])("Error in rule", event=LogEvent.JOB_ERROR, jobid=0)
    assert message.msg == f"Reading the frames of v1 failed: a.mp4: damaged; record it again (log: {job.log[0]})"
    assert message.event is None, "so that it is shown as it is"
    assert tell([job], verbose=True)("Error in rule", event=LogEvent.JOB_ERROR, jobid=0).msg == "Error in rule"


def test_who_stops_a_job_is_told_what_is_kept(tell, tmp_path):
    job = failed(tmp_path, 1, Failure(STOPPED, "stopped; run again to go on"))
    message = tell([job])("Error in rule", event=LogEvent.JOB_ERROR, jobid=0)
    assert message.msg == "Reading the frames of v1: stopped; run again to go on"


@pytest.mark.parametrize("failure", [None, Failure(DEFECT, "KeyError: 'x'")])
def test_of_a_defect_and_of_what_told_nothing_snakemake_shows_what_is_known(tell, tmp_path, failure):
    message = tell([failed(tmp_path, 1, failure)])("Error in rule", event=LogEvent.JOB_ERROR, jobid=0)
    assert (message.msg, message.event) == ("Error in rule", LogEvent.JOB_ERROR)


def test_all_failures_of_a_pack_are_told(tell, tmp_path):
    members = [
        failed(tmp_path, 1, Failure(MISTAKE, "one")),
        failed(tmp_path, 2),
        failed(tmp_path, 3, Failure(2, "two")),
    ]
    pack = SimpleNamespace(params={"pack": SimpleNamespace(members=members)}, log=[])
    lines = tell([pack])("Error in rule", event=LogEvent.JOB_ERROR, jobid=0).msg.splitlines()
    assert [line.partition(" (")[0] for line in lines] == [
        "Reading the frames of v1 failed: one",
        "Reading the frames of v3 failed: two",
    ]


def test_the_failures_of_a_group_are_told_once(tell, tmp_path):
    jobs = [failed(tmp_path, 0, Failure(MISTAKE, "one")), failed(tmp_path, 1)]
    say = tell(jobs)
    message = say("Error in group", event=LogEvent.GROUP_ERROR, job_error_info=[{"jobid": 0}, {"jobid": 1}])
    assert message.msg.startswith("Reading the frames of v0 failed: one")
    assert say("Error in rule", event=LogEvent.JOB_ERROR, jobid=0) is None


@pytest.mark.parametrize("status", [DEFECT, MISTAKE, TRANSIENT, STOPPED])
def test_what_snakemake_says_around_a_failure_that_was_told_is_left_out(tell, status):
    around = f"RuleException:\nCalledProcessError in file x, line 3:\nCommand returned non-zero exit status {status}."
    assert tell()(around) is None
    assert tell(verbose=True)(around).msg == around
    assert tell()(around.replace(f" {status}.", " 3.")) is not None


@pytest.mark.parametrize("words", ["died with <Signals.SIGKILL: 9>.", "returned non-zero exit status 137."])
def test_a_job_that_was_killed_is_told_in_one_line(tell, tmp_path, words):
    job = failed(tmp_path, 0)
    job.resources, job.params = {"mem_mb": 2000}, {"settings": {"batch": 8}}
    say = tell([job, failed(tmp_path, 1, Failure(MISTAKE, "one"))])
    assert say(f"RuleException:\nCalledProcessError in file x, line 3:\nCommand 'python\nx' {words}") is None
    assert say("Error in rule", event=LogEvent.JOB_ERROR, jobid=1).msg.startswith(
        "Reading the frames of v1 failed: one"
    )
    line = say("Error in rule", event=LogEvent.JOB_ERROR, jobid=0).msg
    assert line.startswith("Reading the frames of v0 failed: it was killed from outside (SIGKILL), most likely because")
    assert "(it had asked for 2000 MB); make `batch` smaller (it is 8) or let fewer jobs run at once" in line
    assert say("Error in rule", event=LogEvent.JOB_ERROR, jobid=0).msg == "Error in rule", "it was told"


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("died with <Signals.SIGTERM: 15>.", "it was ended from outside (SIGTERM); run again"),
        ("returned non-zero exit status 143.", "it was ended from outside (SIGTERM); run again"),
        ("died with <Signals.SIGSEGV: 11>.", "a library that it uses crashed (SIGSEGV); run again"),
        ("returned non-zero exit status 135.", "it could not use memory that it was given (SIGBUS), most likely"),
        ("returned non-zero exit status 192.", None),
    ],
)
def test_only_of_what_the_kernel_sends_without_memory_is_memory_said_to_be_the_reason(tell, tmp_path, words, line):
    job = failed(tmp_path, 0)
    job.resources = {"mem_mb": 2000}
    say = tell([job])
    kept = say(f"RuleException:\nCalledProcessError in file x, line 3:\nCommand 'python\nx' {words}")
    said = say("Error in rule", event=LogEvent.JOB_ERROR, jobid=0).msg
    if line is None:
        assert kept is not None
        assert said == "Error in rule"
        return
    assert kept is None
    assert said.startswith(f"Reading the frames of v0 failed: {line}")
    assert "ran out" not in said


def test_after_failures_in_one_line_snakemake_does_not_refer_to_messages_that_are_not_there(tell, tmp_path):
    last = "Exiting because a job execution failed. Look above for error messages"
    say = tell([failed(tmp_path, 0, Failure(MISTAKE, "one")), failed(tmp_path, 1, Failure(DEFECT, "KeyError: 'x'"))])
    assert say(last).msg == last, "of an executor that failed before any job did"
    say("Error in rule", event=LogEvent.JOB_ERROR, jobid=0)
    assert say(last) is None
    assert say("Shutting down, this might take some time.") is None
    say("Error in rule", event=LogEvent.JOB_ERROR, jobid=1)
    assert say(last).msg == last, "a defect is shown by Snakemake, above"


@pytest.mark.parametrize(("level", "refused"), [(logging.INFO, False), (logging.ERROR, True)])
def test_a_lock_is_explained_by_who_holds_it(tell, monkeypatch, level, refused):
    monkeypatch.setattr(workplace, "describe_lock", lambda refused: f"process 1 on a works here: {refused}")
    text = "Error: Directory cannot be locked. Another Snakemake instance is running."
    assert tell()(text, levelno=level).msg == f"process 1 on a works here: {refused}"
    assert tell(verbose=True)(text, levelno=level).msg == text


def test_what_could_not_be_recorded_is_told_truly(tell):
    text = (
        "WorkflowError in file x, line 3:\nError recording metadata for finished job ([Errno 28] No space left: 'a'). "
    )
    line = tell()(text + "Please ensure write permissions for the directory .snakemake").msg
    assert line.endswith("a job has ended ([Errno 28] No space left: 'a'); mend that and run again")


def test_jobs_of_packs_count_as_those_of_their_rule():
    assert count_jobs(
        {"ingest_video": 2, "ingest_video_0": 1, "all": 1, "total": 4}, {"ingest_video_0": "ingest_video"}
    ) == (
        "Job stats:\n"
        "job             count\n"
        "------------  -------\n"
        "ingest_video        3\n"
        "all                 1\n"
        "total               4\n"
    )
