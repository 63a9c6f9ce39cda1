import numpy as np
import pytest
import torch

from ethomake.flow import stacks
from ethomake.flow.stacks import MARGIN, FlowGenerator, frame_stacks, pair_flows, read_blocks, stack_pairs
from ethomake.ingest.frames import FrameStore
from ethomake.training.inference import Batches


class Differences(torch.nn.Module):
    """Stand-in for a flow network: the "flow" of a pair is its difference in grey level, which identifies it."""

    def __init__(self):
        super().__init__()
        self.windows = 0

    def forward(self, windows):
        self.windows += len(windows)
        level = (windows.mean((2, 3, 4)) * 255).round()
        steps = level[:, 1:] - level[:, :-1]
        return [steps.repeat_interleave(2, 1)[:, :, None, None].expand(-1, -1, 16, 16)]


def generator(network=None):
    device, plain = torch.device("cpu"), {"channel_mean": [0.0] * 3, "channel_std": [1.0] * 3}
    return FlowGenerator(network or Differences(), plain, device, torch.float32, "", Batches(device, 4, 0))


def levels(count):
    return (np.arange(count) ** 2 // 7) % 251


@pytest.fixture
def store(write_store):
    def make(count):
        frames = np.broadcast_to(levels(count)[:, None, None, None], (count, 32, 32, 3))
        return FrameStore(write_store(f"v{count}", frames))

    return make


def expected(count):
    """Return the stack of every frame by a plain loop: differences of the frames t-5..t+5, with 0 outside the video."""
    level = levels(count)
    out = np.zeros((count, 10))
    for t in range(count):
        window = [level[i] if 0 <= i < count else 0 for i in range(t - 5, t + 6)]
        out[t] = np.diff(window)
    return out


@pytest.mark.parametrize("reuse", [False, True])
@pytest.mark.parametrize("count", [1, 7, 11, 20, 53])
def test_each_frame_has_the_flows_of_the_pairs_around_it(store, monkeypatch, reuse, count):
    monkeypatch.setattr(stacks, "BLOCK", 20)
    blocks = read_blocks(store(count))
    got = torch.cat([part for block in blocks for part in frame_stacks(generator(), block, reuse, batch=7)])
    assert got.shape == (count, 20, 16, 16)
    assert np.array_equal(got[:, ::2, 0, 0].numpy(), expected(count))
    assert torch.equal(got[:, ::2], got[:, 1::2])


def test_reuse_computes_each_flow_about_once(store):
    counter = Differences()
    for block in read_blocks(store(600)):
        list(frame_stacks(generator(counter), block, reuse=True, batch=16))
    assert counter.windows <= 600 / 10 + 3


def test_a_track_of_pairs_gives_the_same_stacks(store, monkeypatch):
    monkeypatch.setattr(stacks, "BLOCK", 20)
    track = torch.zeros(53 + 9, 2, 16, 16, dtype=torch.half)
    for block in read_blocks(store(53)):
        pairs = pair_flows(generator(), block)
        track[block.start : block.start + len(pairs)] = pairs
    assert np.array_equal(stack_pairs(track, np.arange(53))[:, ::2, 0, 0].numpy(), expected(53))


def test_blocks_hold_every_frame_once(store, monkeypatch):
    monkeypatch.setattr(stacks, "BLOCK", 20)
    blocks = list(read_blocks(store(45)))
    assert [(block.start, block.stop) for block in blocks] == [(0, 20), (20, 40), (40, 45)]
    own = torch.cat([block.frames[MARGIN : MARGIN + block.stop - block.start] for block in blocks])
    assert np.array_equal(own[:, 0, 0, 0].numpy(), levels(45))


def test_blocks_can_be_read_from_the_midst_of_a_video(store, monkeypatch):
    monkeypatch.setattr(stacks, "BLOCK", 20)
    video = store(45)
    blocks, rest = list(read_blocks(video)), list(read_blocks(video, 20))
    assert [(block.start, block.stop) for block in rest] == [(20, 40), (40, 45)]
    assert all(torch.equal(a.frames, b.frames) for a, b in zip(rest, blocks[1:], strict=True))
