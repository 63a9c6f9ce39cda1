"""What every job of the workflow does around its work: its log, its record, its progress, its one-line errors."""

import os
import platform
import sys
import threading
import time
import traceback
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn, TextIO

from tqdm import tqdm

from ethomake.failures import DEFECT, STOPPED, Failure, failure_of, forget_failure, write_failure
from ethomake.provenance.record import Job, begin_record, write_record

_remembered: dict[str, Any] = {}  # what the running job has found out for its record


class _Tee:
    """A text stream that writes to the terminal and to the log, and goes on without one that fails."""

    def __init__(self, *streams: TextIO):
        self.streams = list(streams)

    def write(self, text: str) -> int:
        for stream in list(self.streams):
            try:
                stream.write(text)
                stream.flush()
            except OSError:  # a full disk, a closed terminal: no reason to hide what the job has to say
                self.streams.remove(stream)
        return len(text)

    def flush(self) -> None:
        """Nothing waits: `write` flushes."""

    def isatty(self) -> bool:
        return False


@contextmanager
def job(snakemake: Job, script: str | Path | None = None) -> Iterator[None]:
    """Run the body of a workflow script: everything it prints goes to the terminal and to the job's log.

    When it has ended well, the job's record is written (ethomake.provenance.record). Numerical libraries that are
    imported inside use the job's threads. What a user can mend becomes one line and an exit status that says whether it
    may pass, Ctrl-C one line and status 130; any other exception is a defect and keeps its traceback, in the log as
    well. All leave a record (`ethomake.failures`). Where the environment
    variable ETHOMAKE_RUN names the host and the process id of the Snakemake that runs the workflow, the job ends when
    that process is gone. On a SLURM cluster the log begins with the number of the job.

    Args:
        snakemake: the job, as Snakemake tells it.
        script: its script; by default the one that runs.
    """
    for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[variable] = str(snakemake.threads)
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(snakemake.threads)
    _remembered.clear()
    with bound_to(os.environ.get("ETHOMAKE_RUN", "")), _logged(Path(snakemake.log[0])), _in_one_line(snakemake):
        if line := slurm_job():
            say(line)
        begun = begin_record(snakemake, script or sys.modules["__main__"].__file__)
        yield
        if begun:
            write_record(begun, _remembered)


def remember(fact: str, value: Any) -> None:
    """Put a fact, the device say, into the record of the running job."""
    _remembered[fact] = value


def remembered() -> dict[str, Any]:
    """What the running job has put into its record so far."""
    return dict(_remembered)


@contextmanager
def _logged(path: Path) -> Iterator[None]:
    """Write what is printed to a log, too."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        log = path.open("w", encoding="utf-8", buffering=1)
    except OSError as error:
        failure = failure_of(error, path.parent)
        say(f"error: {failure.message}")
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
    """Tell what the user can mend in one line, and end with a status that says what kind of failure it is."""
    log = snakemake.log[0]
    with suppress(OSError):
        forget_failure(log)
    try:
        yield
    except KeyboardInterrupt:
        _end(log, Failure(STOPPED, "stopped; what is done so far is kept: run again to go on"))
    except Exception as error:
        settings = snakemake.params.get("settings")
        batch = settings.get("batch") if isinstance(settings, dict) else None
        results = Path(snakemake.output[0]).parent if snakemake.output else Path("results")
        failure = failure_of(error, results, batch)
        if failure.status == DEFECT:
            _keep(log, failure)
            raise
        _end(log, failure)


def _end(log: str, failure: Failure) -> NoReturn:
    _keep(log, failure)
    say(failure.message if failure.status == STOPPED else f"error: {failure.message}")
    sys.exit(failure.status)


def _keep(log: str, failure: Failure) -> None:
    with suppress(OSError):  # a full disk: the exit status tells it, too
        write_failure(log, failure)


@contextmanager
def bound_to(run: str) -> Iterator[None]:
    """End this process within two seconds when the one that `run` names, "<host> <process id>", is gone.

    A job that outlived its Snakemake, or a process that outlived its job, would write into the results of the next one.
    """
    host, _, process = run.rpartition(" ")
    done = threading.Event()
    if process.isdigit() and host == platform.node():
        threading.Thread(target=_watch, args=(int(process), done), daemon=True).start()
    try:
        yield
    finally:
        done.set()


def _watch(process: int, done: threading.Event) -> None:
    while is_running(process):
        if done.wait(1):
            return
    os._exit(1)  # no clean-up: whoever could hear of it is gone, and the next run removes what is half-written


def is_running(process: int) -> bool:
    """Whether a process of this machine runs; one that has ended and waits for its parent to notice does not."""
    if Path("/proc/self/stat").exists():
        try:
            status = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            return False
        return status.rpartition(")")[2].split()[0] not in ("Z", "X")
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # of another user
        return True
    return True


def slurm_job(environment: Mapping[str, str] = os.environ) -> str:
    """Which SLURM job this process belongs to, on which computer and with which GPUs; nothing outside of SLURM."""
    number = environment.get("SLURM_JOB_ID")
    if not number:
        return ""
    if "SLURM_ARRAY_TASK_ID" in environment:
        number = f"{environment.get('SLURM_ARRAY_JOB_ID', number)}_{environment['SLURM_ARRAY_TASK_ID']}"
    node, gpus = environment.get("SLURMD_NODENAME"), environment.get("CUDA_VISIBLE_DEVICES")
    return f"SLURM job {number}" + (f" on {node}" if node else "") + (f", GPUs {gpus}" if gpus else "")


def say(message: str) -> None:
    """Tell the user one line (terminal and log)."""
    print(message, file=sys.stderr, flush=True)


def duration(seconds: float) -> str:
    """A time span in words: seconds, minutes or hours."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


class Progress:
    """A progress bar made of lines: several jobs can share a terminal, and a log stays readable.

    Used as a context manager; `advance(n)` counts. What will take over half a minute says so early (`estimate`). A
    line appears at most every `every` seconds, and at the end.
    """

    def __init__(self, total: int, label: str, unit: str, every: float = 5.0, estimate: bool = True):
        self.total, self.label, self.unit, self.every = total, label, unit, every
        self.estimate = estimate
        self.count = 0

    def __enter__(self) -> "Progress":
        self.started = self.shown = time.monotonic()
        return self

    def __exit__(self, kind, *_) -> None:
        if kind is None:
            self._show()

    def advance(self, n: int = 1, note: str = "") -> None:
        """Count `n` more units; `note` (a loss, say) stands at the end of the line."""
        self.count += n
        elapsed = time.monotonic() - self.started
        if self.estimate and elapsed > 1:
            self.estimate = False
            expected = elapsed / self.count * self.total
            if expected > 30:
                say(f"{self.label}: {self.total} {self.unit}s take about {duration(expected)}")
        if time.monotonic() - self.shown >= self.every:
            self._show(note)

    def _show(self, note: str = "") -> None:
        self.shown = time.monotonic()
        say(
            tqdm.format_meter(
                self.count,
                self.total,
                self.shown - self.started,
                ncols=110,
                prefix=self.label,
                unit=f" {self.unit}",
                postfix=note or None,
            )
        )


def track(items: Iterable, total: int, label: str, unit: str) -> Iterator:
    """Iterate over `items` with a progress bar."""
    with Progress(total, label, unit) as progress:
        for item in items:
            yield item
            progress.advance()
