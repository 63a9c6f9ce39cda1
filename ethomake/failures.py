"""What may go wrong on a machine, told in one line: memory, disk, files that are not there or not writable."""

import errno
import shutil
from collections.abc import Iterator
from pathlib import Path

from ethomake.errors import InputError

NO_SPACE = (errno.ENOSPC, errno.EDQUOT)
# What libraries say that lose the error number on its way out of C++ or Rust.
NO_SPACE_WORDS = ("No space left", "StorageFull", "quota exceeded", "PytorchStreamWriter failed")
NO_MEMORY_WORDS = ("out of memory", "can't allocate memory", "not enough memory", "ALLOC_FAILED")
# What `in_words` says of the machine, and nobody else of anything.
PASSING = ("is not enough; ", "put it back and run again", "nothing half-written was kept")
LITTLE = 2**20  # bytes; with less on the disk, an error that tells nothing else is taken to come from that


def in_words(error: Exception, results: str | Path = "results", batch: int | None = None) -> str | None:
    """What happened and how to mend it, in one line; None for a defect of ethomake, which needs its traceback.

    Args:
        error: what was raised.
        results: the folder that the job writes to.
        batch: the batch size of the job's settings, where there is one.
    """
    if isinstance(error, InputError):
        return str(error)
    if _is_about_memory(error):
        where = "the GPU's memory" if _is_about_gpu(error) else "the memory of this machine"
        smaller = f"make `batch` smaller (it is {batch})" if batch else "let fewer jobs run at once (--cores)"
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


def may_pass(line: str) -> bool:
    """Whether what `in_words` tells so may be over at the next try: too little memory or disk, a file seen too late.

    A mistake in a file or a setting will not.
    """
    return any(words in line for words in PASSING)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An exception, and those which it was raised from or after."""
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
    """Bytes that are free on the disk of a folder, which need not exist yet."""
    folder = Path(folder).absolute()
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free
