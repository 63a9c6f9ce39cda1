import dataclasses
from copy import deepcopy

import numpy as np
import pytest
import torch

from ethomake.flow.metadata import FlowMetadata
from ethomake.flow.networks import build_flow_network
from ethomake.flow.stacks import FlowGenerator, frame_stacks, read_blocks, window_flows
from ethomake.ingest.frames import FrameStore
from ethomake.streams import sources
from ethomake.streams.sources import CachedFlowSource, LabelledFrames, WindowSource, flow_source
from ethomake.training.augment import Augmentation, turn_flow
from ethomake.training.weights import save_weights

# Windows end to end over videos of 45 and 30 frames begin at -10, 0, ..., 40 and -10, 0, ..., 30; in batches of two:
BATCHES = [2, 2, 2, 2, 2, 1]


class KilledError(Exception):
    pass


@pytest.fixture
def videos(write_store, write_table, monkeypatch):
    monkeypatch.setattr(sources, "BLOCK", 4)
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
    metadata = FlowMetadata("tiny_motion_net", 0, 11, [32, 32], [0.3] * 3, [0.2] * 3)
    save_weights(tmp_path / "flow", network, metadata)
    made = FlowGenerator.load(tmp_path / "flow", torch.device("cpu"), torch.float32)
    made.batches.size = 2
    return made


@pytest.fixture
def computed(monkeypatch):
    """Return the number of windows of each batch whose flow was computed; `limit` simulates a job killed midway."""

    class Computed(list):
        limit = 100

    batches = Computed()

    def watched(*arguments):
        for flows in window_flows(*arguments):
            if len(batches) == batches.limit:
                raise KilledError
            batches.append(len(flows))
            yield flows

    monkeypatch.setattr(sources, "window_flows", watched)
    return batches


def make_track(videos, generator, path, **options):
    CachedFlowSource(LabelledFrames(videos, ["a"]), generator, Augmentation(), path, **options)
    return path.read_bytes()


@pytest.mark.parametrize("complete", range(7))
def test_a_killed_track_goes_on_after_its_last_complete_block(tmp_path, videos, generator, computed, complete):
    whole = make_track(videos, generator, tmp_path / "a/train")
    computed.clear()
    computed.limit = complete
    if complete < len(BATCHES):
        with pytest.raises(KilledError):
            make_track(videos, generator, tmp_path / "b/train")
    else:
        make_track(videos, generator, tmp_path / "b/train")
    assert computed == BATCHES[:complete]
    computed.limit = 100
    assert make_track(videos, generator, tmp_path / "b/train") == whole
    again = complete % 2 if complete < len(BATCHES) else 0  # a block has two batches
    assert len(computed) == len(BATCHES) + again


def test_a_track_of_other_weights_precision_videos_order_or_labels_is_not_believed(
    tmp_path, videos, generator, computed, write_table
):
    make_track(videos, generator, tmp_path / "track")
    halves = dataclasses.replace(generator, network=deepcopy(generator.network).bfloat16(), precision=torch.bfloat16)
    fewer = [(videos[0][0], write_table("fewer", ["a"], np.arange(45)[:, None] // 20 - 1)), videos[1]]
    others = [
        (videos, dataclasses.replace(generator, digest="sha256:other"), 11),
        (videos, halves, 11),
        (videos[::-1], generator, 11),
        (videos[:1], generator, 6),
        (fewer, generator, 9),
    ]
    for given, made_with, windows in others:
        computed.clear()
        make_track(given, made_with, tmp_path / "track")
        assert sum(computed) == windows


@pytest.mark.parametrize("shared", [True, False])
def test_a_track_holds_the_flow_of_extraction_at_labelled_frames_and_no_more(
    tmp_path, videos, generator, computed, write_table, shared
):
    values = np.full((45, 1), -1)
    values[[0, 1, 23, 44]] = 0
    labelled = LabelledFrames([(videos[0][0], write_table("some", ["a"], values)), videos[1]], ["a"])
    source = CachedFlowSource(labelled, generator, Augmentation(), tmp_path / "track", (0,) if shared else None)
    # shared: pairs -5..5, 18..27 and 39..48 of the first video, -5..33 of the second
    assert sum(computed) == (6 + 5 if shared else 34)
    got = source.load(np.arange(34), np.random.default_rng(0))[0].float()
    own = [
        torch.cat([next(frame_stacks(generator, block, shared, 640)) for block in read_blocks(FrameStore(path))])
        for path, _ in videos
    ]
    expected = torch.cat([own[0][[0, 1, 23, 44]], own[1]]).float()
    assert torch.allclose(got, expected, atol=1e-3, rtol=1e-3)  # precision of float16: batches are composed differently
    assert expected.abs().mean() > 0.1


def test_stacks_of_a_track_turn_as_flow_does(tmp_path, videos, generator):
    changes = Augmentation(rotation=90, scale=1.5, rate=2)
    source = CachedFlowSource(LabelledFrames(videos, ["a"]), generator, changes, tmp_path / "track")
    chosen = np.array([3, 60])
    stacks, *drawn = source.load(chosen, np.random.default_rng(0))
    assert torch.equal(stacks, source.load(chosen, np.random.default_rng(1))[0])
    assert stacks.dtype == torch.float16
    (turned,) = source.change((stacks, *drawn))
    assert torch.allclose(turned, turn_flow(stacks.float(), *drawn), atol=1e-5)
    assert not torch.allclose(turned, stacks.float(), atol=0.1)


def test_flow_on_the_fly_becomes_as_fast_as_drawn(videos, generator):
    labelled, chosen = LabelledFrames(videos, ["a"]), np.array([3, 60, 70])
    plain, faster = (WindowSource(labelled, generator, Augmentation(rate=rate)) for rate in (1, 4))
    loaded = faster.load(chosen, np.random.default_rng(0))
    flows = plain.prepare(plain.change(plain.load(chosen, np.random.default_rng(0))))
    factors = loaded[2 + sources.SCALES][:, 1]
    assert len(set(factors.tolist())) == 3
    assert torch.allclose(faster.prepare(faster.change(loaded)), flows * factors.view(3, 1, 1, 1), atol=1e-5)


def test_a_batch_to_learn_from_sees_flow_of_several_phases(tmp_path, videos, generator):
    labelled = LabelledFrames(videos, ["a"])
    source = CachedFlowSource(labelled, generator, Augmentation(rotation=0), tmp_path / "track", (0, 5))
    one = CachedFlowSource(labelled, generator, Augmentation(rotation=0), tmp_path / "one", (0,))
    own = CachedFlowSource(labelled, generator, Augmentation(rotation=0), tmp_path / "own", None)
    # Windows that begin at 5, 15, ... are those around frames 10, 20, ...
    middles = np.array([0, 10, 20, 40, 45, 55, 65])
    first, second = (cached.load(middles, np.random.default_rng(0))[0] for cached in (one, own))
    assert not torch.allclose(first, second, atol=0.01)
    seen = [source.load(middles, np.random.default_rng(seed))[0] for seed in range(20)]
    for row, (zero, five) in enumerate(zip(first, second, strict=True)):
        is_zero = [torch.equal(stacks[row], zero) for stacks in seen]
        is_five = [torch.allclose(stacks[row], five, atol=2e-3, rtol=1e-3) for stacks in seen]
        assert all(a != b for a, b in zip(is_zero, is_five, strict=True))
        assert 2 < sum(is_five) < 18


@pytest.mark.parametrize(
    ("shared", "samples", "largest", "kind", "why"),
    [
        (True, 1, 0, CachedFlowSource, ""),
        (False, 76, 1e9, CachedFlowSource, "computed once for 75 frames and kept, rather than for up to 76 samples"),
        (False, 75, 1e9, WindowSource, "on the fly for 75 samples, no more than there are labelled frames"),
        (False, 10**6, 1e5, WindowSource, "on the fly for 1000000 samples; to keep it would take"),
    ],
)
def test_flow_is_kept_where_that_is_cheaper_and_there_is_room(
    tmp_path, videos, generator, monkeypatch, capsys, shared, samples, largest, kind, why
):
    monkeypatch.setattr(sources, "LARGEST_TRACK", largest)
    labelled = LabelledFrames(videos, ["a"])
    options = {"shared": shared, "samples": samples}
    source = flow_source(labelled, generator, Augmentation(), tmp_path / "train", **options)
    assert type(source) is kind
    assert why in capsys.readouterr().err
    if kind is CachedFlowSource:
        assert len(source.pairs) == (110 + 100 if shared else 750)
