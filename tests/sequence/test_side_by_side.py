"""Trainings in several processes: their results, and what is said when one fails."""

import os
import signal
from functools import partial

import pytest
import torch

from ethomake.errors import InputError, TransientError
from ethomake.sequence.side_by_side import run_all

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def where(number):
    return number, os.getpid(), torch.get_num_threads()


def test_results_come_in_order_from_processes_of_one_thread():
    found = run_all([partial(where, number) for number in range(5)], CPU)
    assert [number for number, _, _ in found] == list(range(5))
    assert os.getpid() not in {process for _, process, _ in found}
    assert {threads for _, _, threads in found} == {1}


@pytest.mark.parametrize(("tasks", "threads", "device"), [(1, 2, "cpu"), (3, 1, "cpu"), (3, 2, "meta")])
def test_few_of_them_or_one_thread_or_a_gpu_stay_in_this_process(tasks, threads, device):
    torch.set_num_threads(threads)
    found = run_all([partial(where, number) for number in range(tasks)], torch.device(device))
    assert found == [(number, os.getpid(), threads) for number in range(tasks)]


def fail():
    raise InputError("sequence: lower learning_rate")


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def test_an_error_is_told_as_it_is():
    with pytest.raises(InputError, match=r"^sequence: lower learning_rate$"):
        run_all([fail, partial(where, 1)], CPU)


def test_a_killed_process_is_told_in_one_line_and_may_be_tried_again():
    with pytest.raises(TransientError, match="was killed: there may not have been enough memory"):
        run_all([die, partial(where, 1)], CPU)
