"""Trainings of small networks side by side, each in a process with one thread.

A step of such a network is hundreds of short operations: two threads that share each of them wait for each other most
of the time, two trainings that share nothing do not.
"""

import logging
import multiprocessing
import os
import platform
import signal
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from typing import Any

import torch

from ethomake.errors import TransientError
from ethomake.processes import bound_to
from ethomake.sequence.dropout import same_masks

logger = logging.getLogger(__name__)

_tasks: list[Callable[[], Any]] = []  # of this process and those that are forked from it
_stack = ExitStack()  # what is open as long as a forked process runs


def run_all(tasks: Sequence[Callable[[], Any]], device: torch.device) -> list[Any]:
    """Call functions, and return what they return, in the same order.

    If there are at least as many as threads, and nothing but these to compute with, each thread is a process that calls
    some of them; it has the memory of this process and changes nothing in it. Else they are called one after another.

    Args:
        tasks: functions without arguments; what they return can be pickled.
        device: on which they compute.

    Raises:
        TransientError: if one of the processes was killed.
    """
    threads = torch.get_num_threads()
    if device.type != "cpu" or threads == 1 or len(tasks) < threads:
        with same_masks():
            return [task() for task in tasks]
    logger.info(f"{len(tasks)} trainings in {threads} processes side by side")
    _tasks[:] = tasks
    try:
        with ProcessPoolExecutor(
            threads, multiprocessing.get_context("fork"), initializer=_begin, initargs=(os.getpid(),)
        ) as pool:
            waiting = [pool.submit(_call, number) for number in range(len(tasks))]
            try:
                return [each.result() for each in waiting]
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
    except BrokenProcessPool:
        raise TransientError(
            "a process of the training was killed: there may not have been enough memory for all; what is done so far "
            "is kept: run again to go on"
        ) from None
    finally:
        _tasks.clear()


def _begin(parent: int) -> None:
    """Begin a process: it ends with its parent, which alone tells of Ctrl-C, and computes in one thread."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    torch.set_num_threads(1)
    _stack.enter_context(bound_to(f"{platform.node()} {parent}"))
    _stack.enter_context(same_masks())


def _call(number: int) -> Any:
    return _tasks[number]()
