"""Why jobs fail: an exit status for each kind of failure, and a record of the failure beside the job's log.

A job ends with one of these exit statuses. Schedulers replace the status of a job by another (SLURM reports that of
the Snakemake process which ran it), so the job also writes a small file beside its log. Retries and explanations read
that file, never the text of a message.
"""

import errno
import os
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from ethomake.errors import InputError, TransientError
from ethomake.files import read_json, remove, write_json

DEFECT = 1  # a bug in ethomake: the exit status of Python after a traceback
MISTAKE = 2  # an error of the user: every retry fails, too
TRANSIENT = os.EX_TEMPFAIL  # 75: a retry may succeed: too little memory or disk, a file that appears late
STOPPED = 130  # Ctrl-C

NO_SPACE = (errno.ENOSPC, errno.EDQUOT)
# Messages of libraries that lose the error number on its way out of C++ or Rust.
NO_SPACE_WORDS = ("No space left", "StorageFull", "quota exceeded", "PytorchStreamWriter failed")
NO_MEMORY_WORDS = ("out of memory", "can't allocate memory", "not enough memory", "ALLOC_FAILED")
LITTLE = 2**20  # bytes; with less free disk space, an error of unknown cause is attributed to the full disk


@dataclass(frozen=True)
class Failure:
    """Why a job failed.

    Attributes:
        status: its exit status, one of the constants above.
        message: one line: what happened and how to fix it; for a bug, the exception's type and message.
    """

    status: int
    message: str


def failure_of(
    error: Exception, results: str | Path = "results", batch: int | None = None, window: int | None = None
) -> Failure:
    """Return the status and message that an exception means for the user.

    Args:
        error: the exception.
        results: the folder that the job writes to.
        batch: the batch size in the job's settings, if it has one.
        window: the window in frames in these settings, if they have one.
    """
    if isinstance(error, InputError):
        return Failure(TRANSIENT if isinstance(error, TransientError) else MISTAKE, str(error))
    if words := _of_the_machine(error, results, batch, window):
        return Failure(TRANSIENT, words)
    return Failure(DEFECT, f"{type(error).__name__}: {error}")


def _of_the_machine(error: Exception, results: str | Path, batch: int | None, window: int | None) -> str | None:
    """Return in one line what the machine lacks (memory, disk space, a file, access), or None if nothing is known."""
    if _is_about_memory(error):
        where = "the GPU's memory" if _is_about_gpu(error) else "the memory of this machine"
        either = f" or `window` (it is {window})" if window else ""
        smaller = f"make `batch` smaller (it is {batch}){either}" if batch else "let fewer jobs run at once (--cores)"
        return f"{where} is not enough; {smaller} and run again"
    no_space = "no space left on the disk that holds {}: free some and run again; nothing half-written was kept"
    if _is_about_space(error):
        return no_space.format(getattr(error, "filename", None) or results)
    if isinstance(error, FileNotFoundError) and error.filename:
        return f"{error.filename}: there is no such file, or no longer; put it back and run again"
    if isinstance(error, OSError) and error.filename and error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"{error.filename}: {error.strerror}; make it accessible and run again; nothing half-written was kept"
    if isinstance(error, OSError) and (error.filename or error.errno):
        return f"{error}; nothing half-written was kept"
    return no_space.format(results) if _free(results) < LITTLE else None


def failure_path(log: str | Path) -> Path:
    """Return the path of a job's failure record, beside its log."""
    return Path(log).with_suffix(".failed.json")


def write_failure(log: str | Path, failure: Failure) -> None:
    """Write the failure record of the job with this log."""
    write_json(failure_path(log), asdict(failure))


def forget_failure(log: str | Path) -> None:
    """Remove the failure record that an earlier try of the job with this log left."""
    remove(failure_path(log))


def read_failure(log: str | Path) -> Failure | None:
    """Return why the job with this log failed, or None if it left no record: it was killed, or never started."""
    try:
        told = read_json(failure_path(log))
        return Failure(int(told["status"]), str(told["message"]))
    except (OSError, InputError, KeyError, TypeError, ValueError):
        return None


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an exception and the exceptions that caused it or preceded it."""
    while error is not None:
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _is_about_space(error: Exception) -> bool:
    return any(
        (isinstance(each, OSError) and each.errno in NO_SPACE) or any(words in str(each) for words in NO_SPACE_WORDS)
        for each in _chain(error)
    )


def _is_about_memory(error: Exception) -> bool:
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and any(words in str(error) for words in NO_MEMORY_WORDS)
    )


def _is_about_gpu(error: Exception) -> bool:
    return any(word in str(error) for word in ("CUDA", "CUDNN", "GPU"))


def _free(folder: str | Path) -> int:
    """Return the free bytes on the disk of a folder, which need not exist yet."""
    folder = Path(folder).absolute()
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free
