"""Choose the GPUs of a job: on a workstation with several, jobs that run at the same time use different ones."""

import errno
import fcntl
import logging
import os
import re
from contextlib import suppress
from pathlib import Path
from typing import TextIO

import torch

logger = logging.getLogger(__name__)

LOCKS = Path("/tmp")  # not Snakemake's temporary folder, as all jobs must use the same folder
_held: dict[int, TextIO] = {}  # the locks of this process, by the number of the GPU


def count_gpus() -> int:
    """Return the number of GPUs a job may choose from: 0 if the environment variable ETHOMAKE_DEVICE names one."""
    free = os.environ.get("ETHOMAKE_DEVICE", "auto") in ("auto", "cuda")
    return torch.cuda.device_count() if free and torch.cuda.is_available() else 0


def claim_gpus(count: int) -> list[int]:
    """Reserve `count` GPUs until this process ends, in whatever way, and return their numbers.

    If a scheduler shows a job only its own GPUs, these are taken. If fewer are free, others are shared. Where no file
    can be locked that is safe from others on this machine, GPUs are taken without, with a warning.
    """
    numbers = range(torch.cuda.device_count())
    try:
        for number in numbers:
            if len(_held) < count and number not in _held and (lock := _lock(number)):
                _held[number] = lock
    except OSError as error:
        reason = f"{error.filename}: {error.strerror}"
        logger.warning(f"no locks of GPUs ({reason}): jobs that run at once may take the same one")
    return sorted(_held)[:count] + [number for number in numbers if number not in _held][: count - len(_held)]


def names_of(numbers: list[int]) -> str:
    """Return GPUs in the format of the environment variable CUDA_VISIBLE_DEVICES, by its names if it is set."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    names = visible.split(",") if visible else list(map(str, range(torch.cuda.device_count())))
    return ",".join(names[number].strip() for number in numbers)


def _lock(number: int) -> TextIO | None:
    """Return an open lock file, locked until it is closed; None if another process holds the lock.

    Raises:
        OSError: if there is no place for it that nobody else can write to.
    """
    name = f"gpu-{re.sub(r'[^A-Za-z0-9-]', '_', names_of([number]))}.lock"
    place, folder = _open_folder()
    try:  # never through a link, nor emptied: whoever has put a file there may mean another one
        opened = os.open(name, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, mode=0o600, dir_fd=folder)
    except OSError as error:
        why = "is a link" if error.errno == errno.ELOOP else error.strerror
        raise OSError(error.errno, why, str(place / name)) from None
    finally:
        os.close(folder)
    file = os.fdopen(opened, "r+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    except OSError:
        file.close()
        raise
    return file


def _open_folder() -> tuple[Path, int]:
    """Return the folder of the locks of this user, and it opened: one of those that all jobs of the user look at.

    Raises:
        OSError: if in none of them is, or can be made, a real folder of this user.
    """
    name = f"ethomake-{os.getuid()}"
    places = [LOCKS / name, *(Path(folder) / name for folder in (os.environ.get("XDG_RUNTIME_DIR"),) if folder)]
    for place in places:
        with suppress(OSError):
            with suppress(FileExistsError):
                place.mkdir(mode=0o700)
            opened = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
            if os.fstat(opened).st_uid == os.getuid():
                os.fchmod(opened, 0o700)  # nobody else may put files there
                return place, opened
            os.close(opened)
    raise PermissionError(errno.EACCES, "belongs to somebody else, or is no folder", str(places[0]))
