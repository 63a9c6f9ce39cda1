import numpy as np
import pytest

from ethomake.errors import InputError
from ethomake.features import store
from ethomake.features.store import FeatureReader, create_features, read_inputs
from ethomake.features.writer import FeatureWriter
from ethomake.files import write_json

WIDTHS = {"spatial": 3, "motion": 2}


@pytest.fixture
def video(tmp_path, monkeypatch):
    """Write 23 frames in chunks of 10; return the manifest and the features, spatial first."""
    monkeypatch.setattr(store, "CHUNK", 10)
    features = np.random.default_rng(0).normal(size=(23, 5)).astype(np.float16)
    write(tmp_path, features)
    return tmp_path / "v.json", features


def write(folder, features):
    group = create_features(folder / "v.zarr", len(features), {name: (w, "float16") for name, w in WIDTHS.items()})
    group["spatial"][:], group["motion"][:] = features[:, :3], features[:, 3:]
    arrays = {name: [len(features), width] for name, width in WIDTHS.items()}
    write_json(folder / "v.json", {"streams": list(WIDTHS), "arrays": arrays})


@pytest.mark.parametrize("rows", [(0, 23), (0, 4), (9, 11), (10, 20), (3, 23), (22, 40)])
def test_rows_are_those_of_the_whole(video, rows):
    manifest, features = video
    found = FeatureReader(manifest)[slice(*rows)]
    assert found.dtype == np.float16
    assert np.array_equal(found, features[slice(*rows)])
    assert np.array_equal(read_inputs(manifest), features)


def test_streams_stand_in_the_order_in_which_they_are_asked_for(video):
    manifest, features = video
    assert np.array_equal(read_inputs(manifest, ["motion", "spatial"]), np.roll(features, 2, axis=1))
    assert np.array_equal(FeatureReader(manifest, ["motion"])[8:12], features[8:12, 3:])
    with pytest.raises(InputError, match="no features of the stream sound"):
        FeatureReader(manifest, ["sound"])


def test_overlapping_windows_read_each_chunk_once(video, monkeypatch):
    manifest, features = video
    reader, read = FeatureReader(manifest), []
    original = reader._read
    monkeypatch.setattr(reader, "_read", lambda begin: read.append(begin) or original(begin))
    for start in range(0, 23, 4):
        first, last = max(0, start - 3), start + 7
        assert np.array_equal(reader[first:last], features[first:last])
    assert read == [0, 10, 20]


def test_rows_that_are_not_numbers_are_named(video):
    manifest, features = video
    features[14, 4] = np.nan
    (manifest.parent / "v.zarr").rename(manifest.parent / "old.zarr")
    write(manifest.parent, features)
    reader = FeatureReader(manifest)
    assert len(reader[:10]) == 10
    with pytest.raises(InputError, match="features of frame 14 are not numbers"):
        reader[8:12]
    with pytest.raises(InputError, match="features of frame 14 are not numbers"):
        read_inputs(manifest)


def test_a_damaged_chunk_is_an_error_that_says_what_to_do(video):
    manifest, _ = video
    chunk = manifest.parent / "v.zarr/motion/c/1/0"
    content = bytearray(chunk.read_bytes())
    content[len(content) // 2] ^= 1
    chunk.write_bytes(content)
    with pytest.raises(InputError, match=r"v.zarr: damaged .* remove it and run again"):
        read_inputs(manifest)


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e6])
def test_features_that_are_no_numbers_or_too_large_are_not_stored(tmp_path, value):
    writer = FeatureWriter(tmp_path / "v", 40, {"spatial": (3, "float16")}, "a")
    writer.append({"spatial": np.ones((10, 3), np.float32)})
    rows = np.ones((10, 3), np.float32)
    rows[7:, 1] = value
    with pytest.raises(InputError, match="the array spatial of features has no finite numbers from frame 17 on"):
        writer.append({"spatial": rows})
