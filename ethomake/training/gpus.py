"""Choose the GPUs of a job: on a workstation with several, jobs that run at the same time use different ones."""

import fcntl
import os
import re
from pathlib import Path
from typing import TextIO

import torch

LOCKS = Path("/tmp")  # not Snakemake's temporary folder, as all jobs must use the same folder
_held: dict[int, TextIO] = {}  # the locks of this process, by the number of the GPU


def count_gpus() -> int:
    """Return the number of GPUs a job may choose from: 0 if the environment variable ETHOMAKE_DEVICE names one."""
    free = os.environ.get("ETHOMAKE_DEVICE", "auto") in ("auto", "cuda")
    return torch.cuda.device_count() if free and torch.cuda.is_available() else 0


def claim_gpus(count: int) -> list[int]:
    """Reserve `count` GPUs until this process ends, in whatever way, and return their numbers.

    If a scheduler shows a job only its own GPUs, these are taken. If fewer are free, others are shared.
    """
    numbers = range(torch.cuda.device_count())
    for number in numbers:
        if len(_held) < count and number not in _held and (lock := _lock(number)):
            _held[number] = lock
    return sorted(_held)[:count] + [number for number in numbers if number not in _held][: count - len(_held)]


def names_of(numbers: list[int]) -> str:
    """Return GPUs in the format of the environment variable CUDA_VISIBLE_DEVICES, by its names if it is set."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    names = visible.split(",") if visible else list(map(str, range(torch.cuda.device_count())))
    return ",".join(names[number].strip() for number in numbers)


def _lock(number: int) -> TextIO | None:
    """Return an open lock file, locked until it is closed; None if another process holds the lock."""
    folder = LOCKS / f"ethomake-{os.getuid()}"
    folder.mkdir(exist_ok=True)
    file = (folder / f"gpu-{re.sub(r'[^A-Za-z0-9-]', '_', names_of([number]))}.lock").open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        return None
    return file
