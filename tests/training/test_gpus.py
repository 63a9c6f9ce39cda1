import pytest
import torch

from ethomake.training import gpus
from ethomake.training.device import choose_device
from ethomake.training.gpus import claim_gpus, count_gpus, names_of


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """Return a function that makes torch report a machine with a number of GPUs."""
    monkeypatch.setenv("ETHOMAKE_DEVICE", "auto")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(gpus, "LOCKS", tmp_path)

    def make(count):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: count)

    return make


@pytest.fixture
def new_job(monkeypatch):
    """Return a function that simulates a new process that claims GPUs while earlier ones run, and returns its end."""

    def begin():
        held = {}
        monkeypatch.setattr(gpus, "_held", held)

        def end():
            for lock in held.values():
                lock.close()

        return end

    return begin


def test_jobs_that_run_at_once_take_different_gpus(machine, new_job):
    machine(4)
    end_first = new_job()
    assert claim_gpus(1) == [0]
    assert claim_gpus(1) == [0], "a job that asks again keeps its own"
    new_job()
    assert claim_gpus(2) == [1, 2]
    end_first()
    new_job()
    assert claim_gpus(1) == [0]
    new_job()
    assert claim_gpus(2) == [3, 0], "where too few are free, one is shared"


def test_one_device_is_taken_of_several_and_none_where_there_is_no_choice(machine, new_job, monkeypatch):
    current = [0]
    monkeypatch.setattr(
        torch.cuda, "set_device", lambda gpu: current.append(gpu if isinstance(gpu, int) else gpu.index)
    )
    monkeypatch.setattr(torch.cuda, "current_device", lambda: current[-1])
    for count, wanted in ((0, "cpu"), (1, "cuda:0"), (2, "cuda:0")):
        machine(count)
        new_job()
        assert str(choose_device()) == wanted
    new_job()
    assert str(choose_device()) == "cuda:1"
    assert current[-1] == 1


def test_gpus_keep_the_names_that_a_scheduler_gives_them(machine, monkeypatch):
    machine(2)
    assert names_of([1, 0]) == "1,0"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-a1, GPU-b2")
    assert names_of([1]) == "GPU-b2"


def test_who_names_a_device_chooses_from_none(machine, monkeypatch):
    machine(2)
    assert count_gpus() == 2
    monkeypatch.setenv("ETHOMAKE_DEVICE", "cuda:1")
    assert count_gpus() == 0
