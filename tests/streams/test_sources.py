import dataclasses

import numpy as np
import pytest
import torch

from ethomake.flow import stacks
from ethomake.flow.networks import build_flow_network
from ethomake.flow.stacks import FlowGenerator, pair_flows
from ethomake.streams import sources
from ethomake.streams.sources import LabelledFrames, TrackSource
from ethomake.training.augment import Augmentation
from ethomake.training.weights import save_weights

BLOCKS = [0, 20, 40, 0, 20]  # where the blocks of two videos of 45 and 30 frames begin


class KilledError(Exception):
    pass


@pytest.fixture
def videos(write_store, write_table, monkeypatch):
    monkeypatch.setattr(stacks, "BLOCK", 20)
    rng = np.random.default_rng(0)
    return [
        (write_store(name, rng.integers(0, 255, (count, 32, 32, 3))), write_table(name, ["a"], np.zeros((count, 1))))
        for name, count in (("u", 45), ("v", 30))
    ]


@pytest.fixture
def generator(tmp_path):
    torch.manual_seed(0)
    network = build_flow_network("tiny_motion_net")
    torch.nn.init.normal_(network.predict2.weight, std=0.2)
    facts = {"network": "tiny_motion_net", "frames": 11, "channel_mean": [0.3] * 3, "channel_std": [0.2] * 3}
    save_weights(tmp_path / "flow", network, facts)
    return FlowGenerator.load(tmp_path / "flow", torch.device("cpu"), torch.float32)


@pytest.fixture
def computed(monkeypatch):
    """Where the blocks begin whose flow was computed; with `limit` a job that is killed in the midst of one."""

    class Computed(list):
        limit = 100

    blocks = Computed()

    def watched(generator, block):
        if len(blocks) == blocks.limit:
            raise KilledError
        blocks.append(block.start)
        return pair_flows(generator, block)

    monkeypatch.setattr(sources, "pair_flows", watched)
    return blocks


def make_track(videos, generator, path):
    TrackSource(LabelledFrames(videos, ["a"]), generator, Augmentation(), path)
    return path.read_bytes()


@pytest.mark.parametrize("complete", range(6))
def test_a_killed_track_goes_on_after_its_last_complete_block(tmp_path, videos, generator, computed, complete):
    whole = make_track(videos, generator, tmp_path / "a/train")
    computed.clear()
    computed.limit = complete
    if complete < len(BLOCKS):
        with pytest.raises(KilledError):
            make_track(videos, generator, tmp_path / "b/train")
    else:
        make_track(videos, generator, tmp_path / "b/train")
    assert computed == BLOCKS[:complete]
    computed.limit = 100
    assert make_track(videos, generator, tmp_path / "b/train") == whole
    assert computed == BLOCKS


def test_a_track_of_other_weights_precision_videos_or_order_is_not_believed(tmp_path, videos, generator, computed):
    make_track(videos, generator, tmp_path / "track")
    others = [
        (videos, dataclasses.replace(generator, digest="sha256:other")),
        (videos, dataclasses.replace(generator, network=generator.network.bfloat16(), precision=torch.bfloat16)),
        (videos[::-1], generator),
        (videos[:1], generator),
    ]
    for given, made_with in others:
        computed.clear()
        make_track(given, made_with, tmp_path / "track")
        assert len(computed) == (5 if len(given) == 2 else 3)
