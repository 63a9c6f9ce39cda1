"""Which GPUs of a machine a job takes: on a workstation with several, jobs that run at once take different ones."""

import fcntl
import os
import re
from pathlib import Path
from typing import TextIO

import torch

LOCKS = Path("/tmp")  # not where Snakemake says, as each job must look in the same place
_held: dict[int, TextIO] = {}  # the locks of this process, by the number of the GPU


def count_gpus() -> int:
    """How many GPUs a job may choose from: none where the environment variable ETHOMAKE_DEVICE names one."""
    free = os.environ.get("ETHOMAKE_DEVICE", "auto") in ("auto", "cuda")
    return torch.cuda.device_count() if free and torch.cuda.is_available() else 0


def claim_gpus(count: int) -> list[int]:
    """The numbers of `count` GPUs that no other job takes, until this process ends, however it does.

    Where a scheduler shows a job no others than its own, it is those. Where fewer are free, others are shared.
    """
    numbers = range(torch.cuda.device_count())
    for number in numbers:
        if len(_held) < count and number not in _held and (lock := _lock(number)):
            _held[number] = lock
    return sorted(_held)[:count] + [number for number in numbers if number not in _held][: count - len(_held)]


def names_of(numbers: list[int]) -> str:
    """GPUs as the environment variable CUDA_VISIBLE_DEVICES has them, in which case they are its own words."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    names = visible.split(",") if visible else list(map(str, range(torch.cuda.device_count())))
    return ",".join(names[number].strip() for number in numbers)


def _lock(number: int) -> TextIO | None:
    """A file that is locked as long as it is open; None where another process holds it."""
    folder = LOCKS / f"ethomake-{os.getuid()}"
    folder.mkdir(exist_ok=True)
    file = (folder / f"gpu-{re.sub(r'[^A-Za-z0-9-]', '_', names_of([number]))}.lock").open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        return None
    return file
