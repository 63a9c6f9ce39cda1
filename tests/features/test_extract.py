import errno
import json

import numpy as np
import pytest
import torch
import zarr

from ethomake.errors import InputError
from ethomake.features import extract as extract_module
from ethomake.features.extract import FrozenStream, extract_features
from ethomake.features.store import open_features, read_inputs, verify
from ethomake.files import read_json, remove, write_json
from ethomake.flow.metadata import FlowMetadata
from ethomake.flow.networks import build_flow_network
from ethomake.ingest.frames import FrameStore
from ethomake.project.settings import PRESETS
from ethomake.streams.metadata import StreamMetadata
from ethomake.streams.networks import Stream
from ethomake.training.weights import save_weights

BEHAVIORS = ["walk", "rest"]
COUNT = 23
TRAINED = [name for name, choice in PRESETS.items() if "frozen" not in choice["streams"]["enabled"]]
TOLERANCE = 0.01  # of probabilities, between precisions; docs/performance.md states it


class KilledError(Exception):
    pass


def metadata_of(name, statistics, networks=("tiny_motion_net", "resnet18"), behaviors=BEHAVIORS):
    """Return the metadata of a weights file of a flow network or a stream."""
    if name == "flow":
        return FlowMetadata(networks[0], 0, 11, [32, 32], **statistics)
    shown = statistics if name == "spatial" else {}
    return StreamMetadata(networks[1], 0, name, list(behaviors), False, 11, **shown)


@pytest.fixture
def models(tmp_path):
    """Make random networks with nontrivial BatchNorm statistics, and their weights files."""
    torch.manual_seed(0)
    statistics = {"channel_mean": [0.5, 0.4, 0.3], "channel_std": [0.2, 0.3, 0.25]}
    flow = build_flow_network("tiny_motion_net")
    networks = {"flow": flow, "spatial": Stream("resnet18", "spatial", 2)}
    networks["motion"] = Stream("resnet18", "motion", 2)
    torch.nn.init.normal_(flow.predict2.weight, std=0.2)
    for name, network in networks.items():
        for module in network.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.running_mean.normal_(0, 0.1)
                module.running_var.uniform_(0.5, 1.5)
        network.eval()
        save_weights(tmp_path / name, network, metadata_of(name, statistics))
    return networks, {f"{name}_weights": tmp_path / name for name in networks}, statistics


@pytest.fixture
def video(write_store):
    frames = np.random.default_rng(0).integers(0, 255, (COUNT, 32, 32, 3))
    return write_store("v", frames)


def extract(video, output, **options):
    """Extract to `<output>.zarr` and `<output>.json`."""
    store, manifest, checkpoint = (
        output.with_name(output.name + suffix) for suffix in (".zarr", ".json", ".checkpoint")
    )
    extract_features(video, store, manifest, checkpoint=checkpoint, **options)


def normalized_window(store, statistics, t):
    """Return the window of frame t, read one frame at a time; the mean image, zero, outside the video."""
    mean = torch.tensor(statistics["channel_mean"])[:, None, None]
    std = torch.tensor(statistics["channel_std"])[:, None, None]
    window = torch.zeros(11, 3, 32, 32)
    for i, frame in enumerate(range(t - 5, t + 6)):
        if 0 <= frame < len(store):
            window[i] = (store.read([frame])[0].float() / 255 - mean) / std
    return window


@torch.no_grad()
def reference(networks, store, statistics):
    """Return features and logits, computed one frame at a time as in the paper."""
    rows = []
    for t in range(len(store)):
        window = normalized_window(store, statistics, t)[None]
        spatial, spatial_logits = networks["spatial"](window[:, 5:6])
        motion, motion_logits = networks["motion"](networks["flow"](window)[0])
        rows.append([spatial, motion, spatial_logits, motion_logits])
    return [torch.cat(part).numpy() for part in zip(*rows, strict=True)]


def test_features_are_those_of_each_frames_own_window(models, video, tmp_path):
    networks, weights, statistics = models
    extract(video, tmp_path / "v", **weights, fusion="weighted", precision="float32")
    group = zarr.open_group(tmp_path / "v.zarr", mode="r")
    spatial, motion, spatial_logits, motion_logits = reference(networks, FrameStore(video), statistics)
    assert np.allclose(group["spatial"][:], spatial, atol=2e-3, rtol=2e-3)
    assert np.allclose(group["motion"][:], motion, atol=0.02)  # flow is rounded to float16
    assert np.allclose(group["logits_motion"][:], motion_logits, atol=5e-3)
    fused = (spatial_logits + 1.5 * motion_logits) / 2.5
    assert np.allclose(group["probabilities"][:], 1 / (1 + np.exp(-fused)), atol=2e-3)
    assert np.std(motion, axis=0).max() > 0.2, "the reference must tell frames apart"


@torch.no_grad()
def test_a_stream_of_grey_frames_sees_the_frames_around_each(video, tmp_path):
    statistics = {"channel_mean": [0.5, 0.4, 0.3], "channel_std": [0.2, 0.3, 0.25]}
    torch.manual_seed(0)
    stream = Stream("resnet18", "spatial", 2, sees="grey").eval()
    metadata = StreamMetadata("resnet18", 0, "spatial", BEHAVIORS, False, 11, **statistics, sees="grey")
    save_weights(tmp_path / "grey", stream, metadata)
    extract(video, tmp_path / "v", spatial_weights=tmp_path / "grey", precision="float32")
    store = FrameStore(video)
    expected = [stream(normalized_window(store, statistics, t)[None, 3:8])[0] for t in range(len(store))]
    found = zarr.open_group(tmp_path / "v.zarr", mode="r")["spatial"][:]
    assert np.allclose(found, torch.cat(expected).numpy(), atol=2e-3, rtol=2e-3)
    assert np.std(found, axis=0).max() > 0.02, "the frames must differ"


@pytest.mark.parametrize("block", [10, 640])
def test_reused_flow_is_that_of_the_window_that_holds_the_pair(models, video, tmp_path, monkeypatch, block):
    monkeypatch.setattr("ethomake.flow.stacks.BLOCK", block)  # with 10, windows cross borders of blocks
    monkeypatch.setattr("ethomake.features.store.CHUNK", block)
    networks, weights, statistics = models
    extract(video, tmp_path / "v", **weights, reuse=True, precision="float32")
    store, pairs = FrameStore(video), {}
    with torch.no_grad():
        for first in range(-10, COUNT + 10, 10):  # windows end to end, the first frame of each a multiple of ten
            flow = networks["flow"](normalized_window(store, statistics, first + 5)[None])[0][0]
            pairs |= {first + i: flow[2 * i : 2 * i + 2].half().float() for i in range(10)}
        stacks = torch.stack([torch.cat([pairs[p] for p in range(t - 5, t + 5)]) for t in range(COUNT)])
        want = networks["motion"](stacks)[0].numpy()
    got = zarr.open_group(tmp_path / "v.zarr", mode="r")["motion"][:]
    assert np.allclose(got, want, atol=2e-3, rtol=2e-3)


def test_one_stream_is_enough_and_none_is_refused(models, video, tmp_path):
    _, weights, _ = models
    extract(video, tmp_path / "v", spatial_weights=weights["spatial_weights"])
    facts, group = open_features(tmp_path / "v.json")
    assert facts["streams"] == ["spatial"]
    assert sorted(group.array_keys()) == ["logits_spatial", "probabilities", "spatial"]
    assert read_inputs(tmp_path / "v.json").shape == (COUNT, 512)
    with pytest.raises(InputError, match=r"streams\.enabled"):
        extract(video, tmp_path / "w")


def test_streams_of_different_behaviors_are_refused(models, video, tmp_path):
    networks, weights, statistics = models
    other = metadata_of("spatial", statistics, behaviors=["walk", "sleep"])
    save_weights(weights["spatial_weights"], networks["spatial"], other)
    with pytest.raises(InputError, match="different behaviors"):
        extract(video, tmp_path / "v", **weights)
    assert not (tmp_path / "v.zarr").exists()


def test_the_digest_is_that_of_the_content(models, video, tmp_path):
    _, weights, _ = models
    digests = []
    for name in "ab":
        extract(video, tmp_path / f"{name}", **weights)
        digests.append(read_json(tmp_path / f"{name}.json")["content_digest"])
    extract(video, tmp_path / "c", spatial_weights=weights["spatial_weights"])
    digests.append(read_json(tmp_path / "c.json")["content_digest"])
    assert digests[0] == digests[1] != digests[2]


@pytest.fixture
def described(monkeypatch):
    """Return the first frames of the blocks that were computed; `limit` simulates a kill in the middle of a block."""

    class Described(list):
        limit = 100

    blocks = Described()
    describe = extract_module.describe_block

    def watched(block, *given):
        if len(blocks) == blocks.limit:
            raise KilledError
        blocks.append(block.start)
        return describe(block, *given)

    monkeypatch.setattr(extract_module, "describe_block", watched)
    monkeypatch.setattr("ethomake.flow.stacks.BLOCK", 5)
    monkeypatch.setattr("ethomake.features.store.CHUNK", 10)  # of 23 frames: three chunks, five blocks
    return blocks


def content_of(folder):
    return {path.relative_to(folder): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.mark.parametrize("blocks", range(5))
def test_a_killed_extraction_goes_on_after_its_last_complete_chunk(models, video, tmp_path, described, blocks):
    _, weights, _ = models
    extract(video, tmp_path / "whole", **weights)
    described.clear()
    described.limit = blocks
    with pytest.raises(KilledError):
        extract(video, tmp_path / "v", **weights)
    assert not (tmp_path / "v.zarr").exists()
    stray = tmp_path / "v.checkpoint/features.zarr/motion/c/1/0.0123.partial"  # of a chunk that Zarr was writing
    stray.parent.mkdir(parents=True, exist_ok=True)
    stray.write_bytes(b"half")
    described.clear()
    described.limit = 100
    extract(video, tmp_path / "v", **weights)
    assert described == [0, 5, 10, 15, 20][blocks // 2 * 2 :]
    assert content_of(tmp_path / "v.zarr") == content_of(tmp_path / "whole.zarr")
    assert (tmp_path / "v.json").read_bytes() == (tmp_path / "whole.json").read_bytes()


def test_on_a_full_disk_the_finished_chunks_stay(models, video, tmp_path, described, monkeypatch):
    _, weights, _ = models

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(extract_module, "write_json", full)
        with pytest.raises(OSError, match="No space"):
            extract(video, tmp_path / "v", spatial_weights=weights["spatial_weights"])
    assert not (tmp_path / "v.json").exists(), "the manifest is what others believe"
    described.clear()
    extract(video, tmp_path / "v", spatial_weights=weights["spatial_weights"])
    assert described == []
    verify(tmp_path / "v.json")


def test_a_job_that_is_killed_while_it_ends_extracts_nothing_again(models, video, tmp_path, described):
    _, weights, _ = models
    extract(video, tmp_path / "v", **weights)
    whole = content_of(tmp_path / "v.zarr")
    described.clear()
    remove(tmp_path / "v.zarr")  # Snakemake removes the outputs of an incomplete job
    remove(tmp_path / "v.json")
    extract(video, tmp_path / "v", **weights)
    assert described == []
    assert content_of(tmp_path / "v.zarr") == whole
    verify(tmp_path / "v.json")


def test_chunks_of_other_weights_or_settings_or_damaged_ones_are_not_continued(models, video, tmp_path, described):
    _, weights, _ = models
    spatial = {"spatial_weights": weights["spatial_weights"]}

    def kill():
        described.clear()
        described.limit = 3
        with pytest.raises(KilledError):
            extract(video, tmp_path / "v", **spatial)
        described.clear()
        described.limit = 100

    kill()
    extract(video, tmp_path / "v", **spatial, fusion="weighted")
    assert described[0] == 0
    kill()
    (tmp_path / "v.checkpoint/features.zarr/spatial/c/0/0").unlink()
    extract(video, tmp_path / "v", **spatial)
    assert described[0] == 0
    verify(tmp_path / "v.json")


def test_one_job_loads_its_networks_once_but_others_under_the_same_path_anew(models, video, tmp_path, monkeypatch):
    networks, weights, statistics = models
    spatial, loaded, load = {"spatial_weights": weights["spatial_weights"]}, [], FrozenStream.load
    monkeypatch.setattr(FrozenStream, "load", lambda *arguments: loaded.append(1) or load(*arguments))
    extract(video, tmp_path / "a", **spatial)
    extract(video, tmp_path / "b", **spatial)
    assert len(loaded) == 1
    torch.nn.init.constant_(networks["spatial"].head[-1].bias, 3.0)
    save_weights(weights["spatial_weights"], networks["spatial"], metadata_of("spatial", statistics))
    extract(video, tmp_path / "c", **spatial)
    before, after = (zarr.open_group(tmp_path / f"{name}.zarr", mode="r")["probabilities"][:] for name in "bc")
    assert (after > before).all()


@pytest.mark.parametrize("array", ["logits_spatial", "probabilities", "spatial"])
@pytest.mark.parametrize("chunk", [0, 1, 2])
def test_verifying_names_the_chunk_that_is_damaged_or_missing(models, video, tmp_path, described, array, chunk):
    _, weights, _ = models
    extract(video, tmp_path / "v", spatial_weights=weights["spatial_weights"])
    verify(tmp_path / "v.json")
    path = tmp_path / f"v.zarr/{array}/c/{chunk}/0"
    data = path.read_bytes()
    rows = ["rows 0 to 9", "rows 10 to 19", "rows 20 to 22"][chunk]
    for place in (0, len(data) // 2, len(data) - 1):
        path.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        with pytest.raises(InputError, match=f"{rows} of {array} cannot be read"):
            verify(tmp_path / "v.json")
    path.unlink()
    with pytest.raises(InputError, match=f"{rows} of {array} are missing"):
        verify(tmp_path / "v.json")


def test_verifying_notices_changed_metadata_and_chunks_of_another_video(models, video, tmp_path, write_store):
    _, weights, _ = models
    spatial = {"spatial_weights": weights["spatial_weights"]}
    extract(video, tmp_path / "v", **spatial)
    extract(write_store("w", np.zeros((COUNT, 32, 32, 3))), tmp_path / "w", **spatial)
    metadata = tmp_path / "v.zarr/spatial/zarr.json"
    text = metadata.read_text()
    metadata.write_text(text.replace("frame", "Frame"))
    with pytest.raises(InputError, match=r"zarr\.json"):
        verify(tmp_path / "v.json")
    metadata.write_text(text)
    (tmp_path / "w.zarr/spatial/c/0/0").replace(tmp_path / "v.zarr/spatial/c/0/0")
    with pytest.raises(InputError, match="rows 0 to 22 of spatial are missing or have changed"):
        verify(tmp_path / "v.json")
    facts = read_json(tmp_path / "w.json")
    facts["chunks"]["spatial"][0] = "sha256:0"
    write_json(tmp_path / "w.json", facts)
    with pytest.raises(InputError, match="digests"):
        verify(tmp_path / "w.json")


def test_a_flipped_byte_is_noticed(models, video, tmp_path):
    _, weights, _ = models
    extract(video, tmp_path / "v", spatial_weights=weights["spatial_weights"])
    chunk = next(path for path in (tmp_path / "v.zarr" / "spatial" / "c").rglob("*") if path.is_file())
    data = bytearray(chunk.read_bytes())
    data[len(data) // 2] ^= 1
    chunk.write_bytes(data)
    with pytest.raises(InputError, match="remove"):
        read_inputs(tmp_path / "v.json")


def test_a_store_that_is_missing_or_of_another_video_is_refused(models, video, tmp_path, write_store):
    _, weights, _ = models
    spatial = {"spatial_weights": weights["spatial_weights"]}
    extract(video, tmp_path / "v", **spatial)
    extract(write_store("w", np.zeros((5, 32, 32, 3))), tmp_path / "w", **spatial)
    (tmp_path / "x.json").write_bytes((tmp_path / "v.json").read_bytes())
    with pytest.raises(InputError, match="run again"):
        open_features(tmp_path / "x.json")
    (tmp_path / "w.zarr").rename(tmp_path / "x.zarr")
    with pytest.raises(InputError, match="run again"):
        open_features(tmp_path / "x.json")


@pytest.mark.gpu
def test_gpu_and_cpu_agree(models, video, tmp_path, monkeypatch):
    _, weights, _ = models
    probabilities = {}
    for device in ("cpu", "cuda"):
        monkeypatch.setenv("ETHOMAKE_DEVICE", device)
        extract(video, tmp_path / f"{device}", **weights, precision="float32")
        probabilities[device] = zarr.open_group(tmp_path / f"{device}.zarr", mode="r")["probabilities"][:]
    assert np.allclose(probabilities["cpu"], probabilities["cuda"], atol=1e-3)


@pytest.mark.gpu
@pytest.mark.parametrize("reuse", [False, True])
def test_gpu_in_its_own_precision_is_close_to_float32_on_the_cpu(models, video, tmp_path, monkeypatch, reuse):
    _, weights, _ = models
    probabilities = {}
    for device, precision in (("cpu", "float32"), ("cuda", "auto")):
        monkeypatch.setenv("ETHOMAKE_DEVICE", device)
        extract(video, tmp_path / device, **weights, reuse=reuse, precision=precision)
        probabilities[device] = zarr.open_group(tmp_path / f"{device}.zarr", mode="r")["probabilities"][:]
    assert np.abs(probabilities["cpu"] - probabilities["cuda"]).max() < TOLERANCE


@pytest.mark.gpu
def test_a_gpu_with_little_memory_takes_fewer_frames_at_once(models, video, tmp_path, monkeypatch):
    _, weights, _ = models
    monkeypatch.setenv("ETHOMAKE_DEVICE", "cuda")
    extract(video, tmp_path / "much", **weights)
    call, limit = extract_module.FrozenStream.__call__, 4

    def call_with_little(stream, inputs):
        if len(inputs) > limit:
            raise torch.OutOfMemoryError
        return call(stream, inputs)

    monkeypatch.setattr(extract_module.FrozenStream, "__call__", call_with_little)
    extract(video, tmp_path / "little", **weights)
    much, little = (zarr.open_group(tmp_path / f"{name}.zarr", mode="r")["spatial"][:] for name in ("much", "little"))
    assert np.allclose(much, little, atol=0.05, rtol=0.05)


@pytest.mark.gpu
def test_frames_decoded_on_the_device_are_nearly_those_of_the_cpu(video, write_store):
    colored = np.tile(np.uint8([[[200, 100, 40]]]), (64, 64, 1))
    mixed = write_store("mixed", [colored, np.full((64, 64, 3), 90), colored])  # one is stored without color
    framed = write_store(
        "framed", [np.random.default_rng(0).integers(0, 256, (64, 64, 1)).repeat(3, 2).astype(np.uint8)]
    )
    facts = json.loads(framed.read_text())
    framed.write_text(json.dumps(facts | {"image_size": [96, 128], "content_box": [32, 16, 64, 64]}))
    for path, frames, there in (
        (video, [3, 0, 3], False),
        (mixed, [0, 1, 2], False),
        (mixed, [1], True),
        (framed, [0], True),
    ):
        store = FrameStore(path)
        images = store.read(frames, "cuda")
        assert images.is_cuda == there, "colors come from the processor"
        assert (images.cpu().int() - store.read(frames).int()).abs().max() <= 3


@pytest.mark.parametrize(
    "preset", [pytest.param(name, marks=pytest.mark.slow if name in ("medium", "slow") else ()) for name in TRAINED]
)
def test_bfloat16_changes_probabilities_by_less_than_the_tolerance(write_store, tmp_path, preset):
    """Return the largest difference of any probability; heads are scaled so that these range from about 0 to 1."""
    torch.manual_seed(0)
    choice, statistics = PRESETS[preset], {"channel_mean": [0.5, 0.4, 0.3], "channel_std": [0.2, 0.3, 0.25]}
    networks = {"flow": build_flow_network(choice["flow"]["network"])}
    networks |= {kind: Stream(choice["streams"]["network"], kind, 2) for kind in ("spatial", "motion")}
    names = choice["flow"]["network"], choice["streams"]["network"]
    for name, network in networks.items():
        if name != "flow":
            torch.nn.init.normal_(network.head[-1].weight, std=0.2)
        save_weights(tmp_path / name, network.eval(), metadata_of(name, statistics, names))
    smooth = np.random.default_rng(0).integers(0, 255, (6, 4, 4, 3)).astype(np.uint8)
    video = write_store("v", smooth.repeat(16, axis=1).repeat(16, axis=2))
    weights = {f"{name}_weights": tmp_path / name for name in networks}
    found = {}
    for precision in ("float32", "bfloat16"):
        extract(video, tmp_path / precision, **weights, reuse=choice["flow"]["reuse"], precision=precision)
        found[precision] = zarr.open_group(tmp_path / f"{precision}.zarr", mode="r")["probabilities"][:]
    assert np.ptp(found["float32"]) > 0.05, "probabilities that tell frames apart"
    assert np.abs(found["float32"] - found["bfloat16"]).max() < TOLERANCE
