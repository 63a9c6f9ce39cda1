import numpy as np
import pytest
import torch
from torch import nn

from ethomake.flow.known_motion import motion_seen
from ethomake.training.frames import FramePool

SIDES = ((1, 0), (-1, 0), (0, 1), (0, -1))


class Oracle(nn.Module):
    """Finds by trial how a window moves as a whole; says `share` of it, where `where` is true of a frame's pixels."""

    def __init__(self, share, where=None):
        super().__init__()
        self.share, self.where = share, where

    def forward(self, clips):
        flows = clips.new_zeros(len(clips), 20, clips.shape[-2] // 2, clips.shape[-1] // 2)
        for flow, clip in zip(flows, clips, strict=True):
            (x, y), *others = [(x, y) for x, y in SIDES if torch.equal(clip[0].roll((y, x), (-2, -1)), clip[1])]
            assert not others
            for pair in range(10):
                here = 1.0 if self.where is None else self.where(clip[pair].mean(0)[::2, ::2])
                flow[2 * pair], flow[2 * pair + 1] = self.share * x / 2 * here, self.share * y / 2 * here
        return [flows]


@pytest.fixture
def pool(write_store):
    """Make two videos with a textured square on a plain background."""
    manifests = []
    for name, seed in (("a", 0), ("b", 1)):
        frames = np.full((5, 32, 32, 3), 128.0)
        square = np.random.default_rng(seed).integers(0, 2, (10, 10, 1)).repeat(2, 0).repeat(2, 1)
        frames[:, 6:26, 6:26] = 255 * square
        manifests.append(write_store(name, list(frames)))
    return FramePool(manifests)


def seen(pool, network):
    return motion_seen(network, pool, 11, [0.5] * 3, [0.25] * 3, torch.device("cpu"), torch.float32)


@pytest.mark.parametrize("share", [1.0, 0.25, 0.0, -0.5])
def test_it_is_the_share_that_the_network_says(pool, share):
    assert seen(pool, Oracle(share)) == pytest.approx(share, abs=1e-5)


def test_what_a_network_says_of_a_plain_background_does_not_count(pool):
    def plain(frame):
        return (frame.abs() < 0.1).float()  # 128 is 0.01 after normalization

    of_square, of_background = seen(pool, Oracle(1, lambda frame: 1 - plain(frame))), seen(pool, Oracle(1, plain))
    assert of_square + of_background == pytest.approx(1, abs=1e-5)
    assert of_square > 0.8  # the background is 60 % of the image
