import logging

import numpy as np
import pytest
import torch
import zarr
from torch import nn

from ethomake.errors import InputError
from ethomake.features import adapt as adapt_module
from ethomake.features.adapt import adapt_recording, adapt_statistics, choose_places, undamaged_frames
from ethomake.features.extract import extract_features
from ethomake.features.statistics import Statistics, statistics_of
from ethomake.files import read_json, write_json
from ethomake.flow.metadata import FlowMetadata
from ethomake.flow.networks import build_flow_network
from ethomake.ingest.frames import FrameStore
from ethomake.streams.metadata import StreamMetadata
from ethomake.streams.networks import Stream
from ethomake.training.frames import FramePool
from ethomake.training.weights import save_weights

COUNT = 24
COLORS = {"channel_mean": [0.5, 0.4, 0.3], "channel_std": [0.2, 0.3, 0.25]}


@pytest.fixture
def models(tmp_path):
    """Make random networks, and their weights files."""
    torch.manual_seed(0)
    networks = {"flow": build_flow_network("tiny_motion_net")}
    networks |= {kind: Stream("resnet18", kind, 2) for kind in ("spatial", "motion")}
    nn.init.normal_(networks["flow"].predict2.weight, std=0.2)
    for name, network in networks.items():
        shown = COLORS if name != "motion" else {}
        metadata = (
            FlowMetadata("tiny_motion_net", 0, 11, [32, 32], **shown)
            if name == "flow"
            else StreamMetadata("resnet18", 0, name, ["walk", "rest"], False, 11, **shown)
        )
        save_weights(tmp_path / name, network.eval(), metadata)
    return networks, {f"{name}_weights": tmp_path / name for name in networks}


def make_videos(write_store, **brightness):
    """Write one video of random frames for each name; `brightness` is the largest value of its pixels."""
    random = np.random.default_rng(0)
    return [write_store(name, random.integers(0, most, (COUNT, 32, 32, 3))) for name, most in brightness.items()]


def extract(video, output, **options):
    """Extract to `<output>.zarr` and `<output>.json`; return the store."""
    store, manifest, kept = (output.with_name(output.name + suffix) for suffix in (".zarr", ".json", ".checkpoint"))
    extract_features(video, store, manifest, checkpoint=kept, precision="float32", **options)
    return zarr.open_group(store, mode="r")


def test_each_layer_has_the_mean_over_batches_of_their_mean_and_variance(models):
    stream = models[0]["spatial"]
    batches = [torch.randn(6, 1, 3, 32, 32) * 3 + shift for shift in (1.0, 2.0)]
    before = {name: value.clone() for name, value in stream.state_dict().items()}
    adapted = adapt_statistics(stream, batches)
    seen = [stream.body.conv1(batch[:, 0]) for batch in batches]
    mean = torch.stack([each.mean((0, 2, 3)) for each in seen]).mean(0)
    variance = torch.stack([each.var((0, 2, 3)) for each in seen]).mean(0)
    assert torch.allclose(adapted.body.bn1.running_mean, mean, atol=1e-5)
    assert torch.allclose(adapted.body.bn1.running_var, variance, rtol=1e-4)
    assert not adapted.training
    assert all(torch.equal(value, before[name]) for name, value in stream.state_dict().items()), "a copy is adapted"
    weights = dict(adapted.named_parameters())
    assert all(torch.equal(value, weights[name]) for name, value in stream.named_parameters())


def test_an_adapted_stream_sees_the_same_in_other_light(models):
    """Contrast and brightness of all frames of a recording pass through the first convolution as scale and shift."""
    stream = models[0]["spatial"]
    images = torch.randn(12, 1, 3, 32, 32)
    darker = images * 0.4
    with torch.no_grad():
        usual, adapted = stream(images)[0], adapt_statistics(stream, [images])(images)[0]
        other, moved = stream(darker)[0], adapt_statistics(stream, [darker])(darker)[0]
    assert torch.allclose(adapted, moved, atol=0.02 * float(adapted.std()))
    assert float((usual - other).abs().max()) > 0.1 * float(usual.std()), "without it the light matters"


def test_a_network_without_batch_normalization_is_refused(models):
    stream = models[0]["spatial"]
    stream.body = nn.Flatten()
    with pytest.raises(InputError, match=r"resnet18 has no batch normalization.*streams\.adapt: none"):
        adapt_statistics(stream, [torch.zeros(2, 1, 3, 32, 32)])


@pytest.mark.parametrize("reuse", [False, True])
def test_the_inputs_are_those_of_extraction(models, write_store, tmp_path, reuse, monkeypatch):
    _, weights = models
    videos = make_videos(write_store, a=255, b=120)
    seen = {}

    def keep(stream, batches):
        seen[stream.kind] = torch.cat([stream.eval().features(batch) for batch in batches])
        return stream

    monkeypatch.setattr(adapt_module, "adapt_statistics", torch.no_grad()(keep))
    monkeypatch.setattr(adapt_module, "BATCH", 7)
    adapt_recording("cage", videos, tmp_path / "adapted", **weights, reuse=reuse, precision="float32", least=1)
    pool = FramePool(videos, budget=0)
    stores = [extract(video, tmp_path / f"{n}", **weights, reuse=reuse) for n, video in enumerate(videos)]
    for kind in ("spatial", "motion"):
        places = choose_places(*undamaged_frames(pool), adapt_module.MOST, together=reuse and kind == "motion")
        assert len(places) > 2
        want = np.concatenate([stores[v][kind][int(t)][None] for part in places for v, t in zip(*part, strict=True)])
        assert np.allclose(seen[kind].numpy(), want, atol=2e-3, rtol=2e-3)
        assert np.std(want, axis=0).max() > 0.02, "the reference must tell frames apart"


def test_features_are_made_with_the_statistics_of_the_recording(models, write_store, tmp_path):
    networks, weights = models
    videos = make_videos(write_store, a=255, b=120)
    adapt_recording("cage 1", videos, tmp_path / "adapted", **weights, least=1)
    store = extract(videos[1], tmp_path / "b", **weights, adapted=tmp_path / "adapted")
    stream = networks["spatial"]
    stream.load_state_dict(Statistics.load(tmp_path / "adapted").values["spatial"], strict=False)
    images = FrameStore(videos[1]).read(range(COUNT)).float() / 255
    mean, std = (torch.tensor(COLORS[key])[:, None, None] for key in ("channel_mean", "channel_std"))
    with torch.no_grad():
        features, logits = stream(((images - mean) / std)[:, None])
    assert np.allclose(store["spatial"][:], features, atol=5e-3, rtol=5e-3)
    assert np.allclose(store["logits_spatial"][:], logits, atol=5e-3, rtol=5e-3)
    usual = extract(videos[1], tmp_path / "usual", **weights)
    assert np.abs(usual["motion"][:] - store["motion"][:]).max() > 0.1
    facts = read_json(tmp_path / "b.json")
    assert facts["adapted"] == {"recording": "cage 1", "videos": ["a", "b"], "frames": 2 * COUNT}
    assert facts["made_from"]["adapted_statistics"].startswith("sha256:")
    assert "adapted" not in read_json(tmp_path / "usual.json")


def test_the_same_inputs_give_the_same_bytes(models, write_store, tmp_path):
    videos = make_videos(write_store, a=255)
    for name in ("one", "two"):
        adapt_recording("cage", videos, tmp_path / name, **models[1], least=1)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_frames_are_spread_evenly_and_damaged_ones_are_left_out(write_store):
    (video,) = make_videos(write_store, a=255)
    write_json(video, read_json(video) | {"damaged": [[0, 3], [10, 12]]})
    videos, frames = undamaged_frames(FramePool([video], budget=0))
    assert frames.tolist() == [*range(3, 10), *range(12, COUNT)]
    assert videos.tolist() == [0] * len(frames)


def test_each_batch_is_spread_evenly_over_the_recording():
    videos, frames = np.repeat([0, 1], [3000, 7000]), np.concatenate([np.arange(3000), np.arange(7000)])
    batches = choose_places(videos, frames, 2000)
    assert sum(len(part) for _, part in batches) == 2000
    assert {len(part) for _, part in batches} <= {32, 33}
    for own, part in batches:
        assert abs((own == 0).mean() - 0.3) < 0.05
        assert abs(part[own == 1].mean() - 3500) < 300
    pairs = {(v, t) for own, part in batches for v, t in zip(own.tolist(), part.tolist(), strict=True)}
    assert len(pairs) == 2000


@pytest.mark.parametrize("length", [5000, 1000])
def test_frames_with_flow_in_common_are_taken_together(length):
    videos, frames = np.repeat([0, 1], length), np.tile(np.arange(length), 2)
    batches = choose_places(videos, frames, 2000, together=True)
    windows = 0
    for own, part in batches:
        pairs = part[:, None] + np.arange(-5, 5)
        windows += len(np.unique(own[:, None] * 10_000 + pairs // 10))
    many = sum(len(part) for _, part in batches)
    assert 0.95 * 2000 <= many <= 2000
    assert windows <= 0.55 * many
    phases = np.bincount(np.concatenate([part for _, part in batches]) % 10, minlength=10)
    assert (phases > 0).sum() >= 4, "flows at all places of a window are seen"


def test_with_few_frames_features_are_those_of_the_stored_statistics(models, write_store, tmp_path, caplog):
    _, weights = models
    videos = make_videos(write_store, a=255)
    with caplog.at_level(logging.WARNING):
        adapt_recording("cage", videos, tmp_path / "adapted", **weights)
    assert "24 frames are too few to adapt to (200 are needed)" in caplog.text
    store = extract(videos[0], tmp_path / "a", **weights, adapted=tmp_path / "adapted")
    usual = extract(videos[0], tmp_path / "usual", **weights)
    for name in ("spatial", "motion"):
        assert np.array_equal(store[name][:], usual[name][:])
    assert read_json(tmp_path / "a.json")["adapted"]["frames"] == 0


def test_statistics_of_other_weights_or_none_are_refused(models, write_store, tmp_path):
    _, weights = models
    (video,) = make_videos(write_store, a=255)
    adapt_recording("cage", [video], tmp_path / "adapted", spatial_weights=weights["spatial_weights"], least=1)
    with pytest.raises(InputError, match="'cage' were collected with other weights of the motion stream"):
        extract(video, tmp_path / "v", **weights, adapted=tmp_path / "adapted")
    with pytest.raises(InputError, match="not readable as the statistics of a recording"):
        Statistics.load(weights["spatial_weights"])
    with pytest.raises(InputError, match="not readable"):
        Statistics.load(tmp_path / "nowhere")
    with pytest.raises(InputError, match="no trained stream to adapt"):
        adapt_recording("cage", [video], tmp_path / "other")
    with pytest.raises(InputError, match="flow_weights"):
        adapt_recording("cage", [video], tmp_path / "other", motion_weights=weights["motion_weights"])


def test_statistics_are_the_same_after_they_were_written(models, tmp_path):
    own = {name: value.clone() for name, value in statistics_of(models[0]["spatial"]).items()}
    kept = Statistics("mouse1/day 1", ["a"], 500, 400, {"spatial_weights": "sha256:1"}, {"spatial": own})
    kept.save(tmp_path / "adapted")
    read = Statistics.load(tmp_path / "adapted")
    assert (read.recording, read.videos, read.frames, read.used) == ("mouse1/day 1", ["a"], 500, 400)
    assert read.made_from == kept.made_from
    assert all(torch.equal(value, own[name]) for name, value in read.values["spatial"].items())
    assert len(read.values["spatial"]) == len(own) == 40  # of the 20 layers of a ResNet18
