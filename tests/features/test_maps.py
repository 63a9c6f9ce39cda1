"""Features of a frozen backbone: one row per frame, also at the ends of a video, and resumed to the same bytes."""

import numpy as np
import pytest
import torch

from ethomake.errors import InputError
from ethomake.features import extract as extract_module
from ethomake.features.extract import extract_features
from ethomake.features.store import FeatureReader, open_features, verify
from ethomake.ingest.frames import FrameStore
from ethomake.streams.frozen import CHANNEL_MEAN, CHANNEL_STD, FrozenMetadata, freeze_backbone

COUNT = 23


@pytest.fixture
def frozen(mobilenet, tmp_path):
    freeze_backbone("mobilenet_v2", mobilenet, tmp_path / "frozen.safetensors")
    return tmp_path / "frozen.safetensors"


@pytest.fixture
def video(write_store):
    return write_store("v", np.random.default_rng(0).integers(0, 255, (COUNT, 32, 64, 3)))


def extract(video, output, **options):
    store, manifest, checkpoint = (output.with_suffix(suffix) for suffix in (".zarr", ".json", ".checkpoint"))
    extract_features(video, store, manifest, checkpoint=checkpoint, **options)


@torch.no_grad()
def reference(weights, video):
    """The features, one frame at a time; beyond the ends the first or the last frame."""
    backbone, _ = FrozenMetadata.load_network(weights)
    frames, rows = FrameStore(video).read(np.arange(COUNT)).numpy() / 255, []
    for t in range(COUNT):
        clip = frames[[max(0, t - 2), t, min(COUNT - 1, t + 2)]]
        grey = 0.299 * clip[:, 0] + 0.587 * clip[:, 1] + 0.114 * clip[:, 2]
        image = (grey - np.reshape(CHANNEL_MEAN, (3, 1, 1))) / np.reshape(CHANNEL_STD, (3, 1, 1))
        rows.append(backbone.eval()(torch.from_numpy(image[None]).float()).flatten(1))
    return torch.cat(rows).numpy()


@pytest.mark.parametrize("block", [5, 640])
def test_each_frame_is_seen_with_its_neighbors(frozen, video, tmp_path, monkeypatch, block):
    monkeypatch.setattr("ethomake.flow.stacks.BLOCK", block)
    extract(video, tmp_path / "v", frozen_weights=frozen, precision="float32")
    facts, group = open_features(tmp_path / "v.json")
    assert list(group.array_keys()) == ["frozen"]
    assert (facts["streams"], facts["frames"]) == (["frozen"], COUNT)
    assert facts["maps"] == {"channels": 96, "grid": [4, 4]}
    assert "behaviors" not in facts, "the same features serve any behaviors"
    expected = reference(frozen, video)
    assert np.std(expected, axis=0).max() > 0.1, "the reference must tell frames apart"
    scale = np.abs(expected).max()
    np.testing.assert_allclose(group["frozen"][:] / scale, expected / scale, atol=2e-3)
    reader = FeatureReader(tmp_path / "v.json")
    assert (reader.maps, reader.shape) == (facts["maps"], (COUNT, 96 * 16))


def test_a_killed_extraction_resumes_to_the_same_bytes(frozen, video, tmp_path, monkeypatch):
    monkeypatch.setattr("ethomake.flow.stacks.BLOCK", 5)
    monkeypatch.setattr("ethomake.features.store.CHUNK", 10)
    seen, see = [], extract_module.see_maps

    class KilledError(Exception):
        pass

    def watched(block, maps):
        if len(seen) == 3:
            raise KilledError
        seen.append(block.start)
        return see(block, maps)

    extract(video, tmp_path / "whole", frozen_weights=frozen)
    monkeypatch.setattr(extract_module, "see_maps", watched)
    with pytest.raises(KilledError):
        extract(video, tmp_path / "v", frozen_weights=frozen)
    assert not (tmp_path / "v.zarr").exists()
    seen.clear()
    monkeypatch.setattr(extract_module, "see_maps", lambda block, maps: seen.append(block.start) or see(block, maps))
    extract(video, tmp_path / "v", frozen_weights=frozen)
    assert seen == [10, 15, 20]
    verify(tmp_path / "v.json")
    whole, resumed = (
        {path.relative_to(folder): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
        for folder in (tmp_path / "whole.zarr", tmp_path / "v.zarr")
    )
    assert resumed == whole
    assert (tmp_path / "v.json").read_bytes() == (tmp_path / "whole.json").read_bytes()


def test_it_computes_in_float32_unless_told_otherwise(frozen, video, tmp_path):
    for precision in ("auto", "float32", "bfloat16"):
        extract(video, tmp_path / precision, frozen_weights=frozen, precision=precision)
    auto, float32, bfloat16 = (open_features(tmp_path / f"{name}.json")[0] for name in ("auto", "float32", "bfloat16"))
    assert auto == float32
    assert auto["precision"] == "float32"
    assert auto["content_digest"] != bfloat16["content_digest"]


def test_it_stands_alone(frozen, video, tmp_path):
    from ethomake.streams.metadata import StreamMetadata
    from ethomake.training.weights import save_weights

    metadata = StreamMetadata("resnet18", 0, "spatial", ["walk"], False, 11, [0.5] * 3, [0.2] * 3)
    save_weights(tmp_path / "spatial", metadata.build(), metadata)
    with pytest.raises(InputError, match="stands alone"):
        extract(video, tmp_path / "v", frozen_weights=frozen, spatial_weights=tmp_path / "spatial")
    with pytest.raises(InputError, match="the weights of a spatial network; give those of a frozen network"):
        extract(video, tmp_path / "v", frozen_weights=tmp_path / "spatial")
    with pytest.raises(InputError, match="the weights of a frozen network; give those of a spatial or motion network"):
        extract(video, tmp_path / "v", spatial_weights=frozen)
