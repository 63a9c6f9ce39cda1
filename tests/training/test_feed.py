import threading

import numpy as np
import pytest
import torch

from ethomake.training.augment import Augmentation, change_clips, draw_clip_changes
from ethomake.training.feed import Waits, feed

CPU, META = torch.device("cpu"), torch.device("meta")  # meta stands for a GPU: tensors move there, without values


@pytest.mark.parametrize("device", [CPU, META])
def test_batches_are_changed_where_the_network_is(device):
    where = []

    def prepare(batch):
        number, (clips, labels) = batch
        where.append((clips.device, labels.device, threading.current_thread() is threading.main_thread()))
        return number, clips + 1

    batches = ((i, (torch.full((2,), i), torch.zeros(2))) for i in range(3))
    out = list(feed(batches, prepare, device))
    assert [number for number, _ in out] == [0, 1, 2]
    assert where == [(device, device, device == META)] * 3
    if device == CPU:
        assert [clips.tolist() for _, clips in out] == [[1, 1], [2, 2], [3, 3]]


def test_errors_of_the_thread_come_through():
    def broken():
        yield torch.zeros(1)
        raise KeyError("lost")

    batches = feed(broken(), lambda batch: batch, CPU)
    next(batches)
    with pytest.raises(KeyError, match="lost"):
        next(batches)


def test_arrivals_are_told_before_the_batch_is_worked_on():
    told = []
    for number in feed(range(3), lambda batch: batch, CPU, lambda: told.append(len(told))):
        assert told[-1] == number


def test_the_share_of_waiting_is_that_of_the_gaps_between_steps(monkeypatch):
    clock = iter([100.0, 103.0, 104.0, 107.0, 109.0, 110.0])  # begin and end of three steps
    monkeypatch.setattr("ethomake.training.feed.time.perf_counter", lambda: next(clock))
    waits = Waits(CPU)
    shares = []
    for _ in range(3):
        waits.begin()
        waits.end()
        shares.append(waits.share)
    assert shares == [0, pytest.approx(1 / 7), pytest.approx(3 / 10)]


def test_nothing_waits_where_nothing_was_done():
    assert Waits(CPU).share == 0


@pytest.mark.gpu
def test_on_a_gpu_nothing_waits_for_a_copy_or_a_change():
    gpu, rng = torch.device("cuda"), np.random.default_rng(0)
    changes = Augmentation(scale=1.25, gamma=0.5, blur=1.5, noise=0.05, shading=0.3, channel=0.5)
    clips = torch.randint(0, 256, (4, 3, 3, 32, 32), dtype=torch.uint8)
    batch = clips, changes, *draw_clip_changes(changes, 4, rng)
    waits, arrived = Waits(gpu), []
    change_clips(clips.to(gpu), changes, *(part.to(gpu) for part in batch[2:]))  # what is made once is there after it
    torch.cuda.set_sync_debug_mode("error")
    try:
        for changed in feed([batch] * 5, lambda batch: change_clips(*batch), gpu, waits.begin):
            arrived.append(changed)
            waits.end()
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert torch.allclose(arrived[-1].cpu(), change_clips(*batch), atol=1e-4)
    assert 0 <= waits.share <= 1
