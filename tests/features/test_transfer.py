import numpy as np
import pytest
import torch

from ethomake.features.transfer import fetched_from, sent_to
from ethomake.flow import stacks
from ethomake.flow.stacks import MARGIN, read_blocks
from ethomake.ingest.frames import FrameStore
from ethomake.training.frames import prefetch

CPU = torch.device("cpu")


@pytest.fixture
def store(write_store):
    grey = np.random.default_rng(0).integers(0, 256, (300, 64, 64, 1), dtype=np.uint8)
    return FrameStore(write_store("v", grey.repeat(3, axis=3)))


def test_on_the_processor_blocks_and_results_come_as_they_are():
    blocks = [object(), object()]
    assert list(sent_to(CPU, iter(blocks))) == blocks
    results = fetched_from(CPU, iter([{"a": torch.arange(3)}, {"a": torch.arange(2)}]))
    assert [part["a"].tolist() for part in results] == [[0, 1, 2], [0, 1]]


@pytest.mark.gpu
@pytest.mark.parametrize("decoded", ["on the device", "on the processor"])
def test_no_block_is_overwritten_by_the_next_while_the_gpu_has_other_work(store, monkeypatch, decoded):
    gpu = torch.device("cuda", 0)
    monkeypatch.setattr(stacks, "BLOCK", 20)
    assert store.read([0], gpu).is_cuda
    blocks = read_blocks(store, 0, gpu if decoded == "on the device" else CPU)
    work = torch.rand(4096, 4096, device=gpu)
    sums, shown = [], []
    for block in prefetch(sent_to(gpu, blocks), depth=1):
        work = work @ work / 4096  # later work waits for it
        frames = block.frames[MARGIN : MARGIN + block.stop - block.start]
        sums.append(frames.int().sum((1, 2, 3)))
        shown.append(frames.clone())
        del frames
    expected = store.read(range(300))
    found = torch.cat(shown).cpu()
    assert (found.int() - expected.int()).abs().max() <= (3 if decoded == "on the device" else 0)
    assert torch.equal(torch.cat(sums).cpu(), found.int().sum((1, 2, 3)))
