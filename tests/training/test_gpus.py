import os

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


def test_locks_follow_no_link_and_empty_no_file(machine, new_job, tmp_path, monkeypatch, caplog):
    machine(2)
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    folder, victim = tmp_path / f"ethomake-{os.getuid()}", tmp_path / "victim"
    folder.mkdir(mode=0o777)
    victim.write_text("precious")
    (folder / "gpu-0.lock").symlink_to(victim)
    new_job()
    assert claim_gpus(1) == [0], "without a lock"
    assert f"no locks of GPUs ({folder / 'gpu-0.lock'}: is a link)" in caplog.text
    (folder / "gpu-0.lock").unlink()
    (folder / "gpu-0.lock").hardlink_to(victim)
    new_job()
    assert claim_gpus(1) == [0]
    assert victim.read_text() == "precious"
    assert folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("other", ["link", "file", "stranger"])
def test_locks_lie_elsewhere_where_their_folder_is_not_ones_own(machine, new_job, tmp_path, monkeypatch, other, caplog):
    machine(2)
    place, private = tmp_path / f"ethomake-{os.getuid()}", tmp_path / "private"
    private.mkdir()
    if other == "link":
        (tmp_path / "target").mkdir()
        place.symlink_to(tmp_path / "target")
    elif other == "file":
        place.write_text("")
    else:
        place.mkdir()
        real, owned = os.fstat, place.stat().st_ino

        def of_a_stranger(file):
            found = list(real(file))
            return os.stat_result([*found[:4], found[4] + (found[1] == owned), *found[5:]])

        monkeypatch.setattr(os, "fstat", of_a_stranger)
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    new_job()
    assert claim_gpus(1) == [0]
    assert "no locks of GPUs" in caplog.text
    caplog.clear()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(private))
    new_job()
    assert claim_gpus(1) == [0]
    new_job()
    assert claim_gpus(1) == [1]
    assert not caplog.text
    assert sorted(os.listdir(private / place.name)) == ["gpu-0.lock", "gpu-1.lock"]
