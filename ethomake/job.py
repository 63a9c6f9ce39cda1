"""The context every workflow job runs in: its log, its provenance record and its one-line errors."""

import logging
import os
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NoReturn, TextIO

from ethomake import messages
from ethomake.failures import DEFECT, STOPPED, Failure, failure_of, forget_failure, write_failure
from ethomake.processes import bound_to
from ethomake.provenance.record import Job, begin_record, write_record

logger = logging.getLogger(__name__)


class _Tee:
    """A text stream that writes to several streams, the terminal and the log, and drops any that fails."""

    def __init__(self, *streams: TextIO):
        self.streams = list(streams)

    def write(self, text: str) -> int:
        for stream in list(self.streams):
            try:
                stream.write(text)
                stream.flush()
            except OSError:  # a full disk, a closed terminal: keep writing to the others
                self.streams.remove(stream)
        return len(text)

    def flush(self) -> None:
        """Do nothing: `write` has flushed already."""

    def isatty(self) -> bool:
        return False


@contextmanager
def job(snakemake: Job, script: str | Path | None = None) -> Iterator[None]:
    """Run the body of a workflow script: everything it prints goes to the terminal and to the job's log.

    On success, the job's provenance record is written (ethomake.provenance.record). Numerical libraries imported
    inside use the job's number of threads. An error that the user can fix becomes one line and an exit status that
    says whether it may be transient, Ctrl-C becomes one line and status 130; any other exception is a bug and keeps
    its traceback, in the log as well. Every failure is recorded (`ethomake.failures`). If the environment variable
    ETHOMAKE_RUN names the host and process ID of the Snakemake process that runs the workflow, the job ends when that
    process is gone. On a SLURM cluster the log begins with the job number.

    Args:
        snakemake: the `snakemake` object that Snakemake passes to the script.
        script: path of the script; by default the one that runs.
    """
    for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[variable] = str(snakemake.threads)
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(snakemake.threads)
    messages.show()
    messages.forget()
    with bound_to(os.environ.get("ETHOMAKE_RUN", "")), _logged(Path(snakemake.log[0])), _in_one_line(snakemake):
        if line := slurm_job():
            logger.info(line)
        begun = begin_record(snakemake, script or sys.modules["__main__"].__file__ or sys.argv[0])
        yield
        if begun:
            write_record(begun, messages.remembered())


@contextmanager
def _logged(path: Path) -> Iterator[None]:
    """Copy stdout and stderr to a log."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        log = path.open("w", encoding="utf-8", buffering=1)
    except OSError as error:
        failure = failure_of(error, path.parent)
        logger.error(failure.message)
        sys.exit(failure.status)
    stdout, stderr = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = _Tee(stdout, log), _Tee(stderr, log)
    try:
        yield
    except Exception:
        with suppress(OSError):
            log.write(traceback.format_exc())
        raise
    finally:
        sys.stdout, sys.stderr = stdout, stderr
        with suppress(OSError):
            log.close()


@contextmanager
def _in_one_line(snakemake: Job) -> Iterator[None]:
    """Report errors that the user can fix in one line, and exit with the status of that kind of failure."""
    log = snakemake.log[0]
    with suppress(OSError):
        forget_failure(log)
    try:
        yield
    except KeyboardInterrupt:
        _end(log, Failure(STOPPED, "stopped; what is done so far is kept: run again to go on"))
    except Exception as error:
        settings = snakemake.params.get("settings")
        batch, window = (settings.get(key) if isinstance(settings, dict) else None for key in ("batch", "window"))
        results = Path(snakemake.output[0]).parent if snakemake.output else Path("results")
        failure = failure_of(error, results, batch, window)
        if failure.status == DEFECT:
            _keep(log, failure)
            raise
        _end(log, failure)


def _end(log: str, failure: Failure) -> NoReturn:
    _keep(log, failure)
    logger.log(logging.INFO if failure.status == STOPPED else logging.ERROR, failure.message)
    sys.exit(failure.status)


def _keep(log: str, failure: Failure) -> None:
    with suppress(OSError):  # a full disk: the exit status says the same
        write_failure(log, failure)


def slurm_job(environment: Mapping[str, str] = os.environ) -> str:
    """Return a line with the SLURM job number, node and GPUs of this process, or "" outside of SLURM."""
    number = environment.get("SLURM_JOB_ID")
    if not number:
        return ""
    if "SLURM_ARRAY_TASK_ID" in environment:
        number = f"{environment.get('SLURM_ARRAY_JOB_ID', number)}_{environment['SLURM_ARRAY_TASK_ID']}"
    node, gpus = environment.get("SLURMD_NODENAME"), environment.get("CUDA_VISIBLE_DEVICES")
    return f"SLURM job {number}" + (f" on {node}" if node else "") + (f", GPUs {gpus}" if gpus else "")
