import json
import os
import pickle

import numpy as np
import pytest
import torch
from torchvision.io import decode_jpeg

from ethomake.errors import InputError
from ethomake.files import write_json, write_npy
from ethomake.ingest.frames import FrameStore, FrameWriter

BOX = (0, 8, 64, 16)  # x, y, w, h in images of 32x64


def smooth(count, seed=0):
    """Frames that JPEG keeps well."""
    coarse = np.random.default_rng(seed).integers(0, 256, (count, 4, 8, 3)).astype(np.uint8)
    return coarse.repeat(8, axis=1).repeat(8, axis=2)


def write_store(folder, frames, quality=92):
    with (folder / "frames.mjpeg").open("wb") as file:
        writer = FrameWriter(file, quality, BOX)
        for frame in frames:
            writer.append(frame)
    write_npy(folder / "frames.npy", writer.offsets)
    manifest = {"frames": len(frames), "image_size": [32, 64], "frames_digest": writer.digest}
    write_json(folder / "video.json", manifest)
    return writer


@pytest.fixture
def store(tmp_path):
    write_store(tmp_path, smooth(40))
    return FrameStore(tmp_path / "video.json")


def test_random_access_equals_a_sequential_decode(store, tmp_path):
    data = (tmp_path / "frames.mjpeg").read_bytes()
    starts = [i for i in range(len(data) - 2) if data[i : i + 3] == b"\xff\xd8\xff"]  # no offsets needed
    stops = [*starts[1:], len(data)]
    sequential = [
        decode_jpeg(torch.frombuffer(bytearray(data[a:b]), dtype=torch.uint8))
        for a, b in zip(starts, stops, strict=True)
    ]
    assert len(store) == len(sequential) == 40
    for indices in ([0], [39, 0, 17, 17], np.arange(40), torch.arange(39, -1, -7), []):
        frames = store.read(indices)
        assert frames.shape == (len(indices), 3, 32, 64)
        assert frames.dtype == torch.uint8
        for frame, index in zip(frames, indices, strict=True):
            assert torch.equal(frame, sequential[int(index)])
    assert store.jpeg(3) == data[starts[3] : stops[3]]


def test_frames_look_like_what_was_written(store):
    difference = store.read(range(40)).permute(0, 2, 3, 1).int() - torch.from_numpy(smooth(40)).int()
    assert difference.float().square().mean().sqrt() < 20  # hard color edges, and color at half size


def test_there_is_nothing_outside(store):
    for index in (-1, 40):
        with pytest.raises(IndexError, match=f"no frame {index}; there are 40"):
            store.read([index])
        with pytest.raises(IndexError):
            store.jpeg(index)


def test_a_pickled_store_is_small_and_opens_its_own_file(store):
    first = store.read([5])
    copy = pickle.loads(pickle.dumps(store))
    assert len(pickle.dumps(store)) < 5000
    assert torch.equal(copy.read([5]), first)
    del copy
    assert torch.equal(store.read([5]), first)


def test_files_that_do_not_belong_together_are_refused(tmp_path):
    write_store(tmp_path, smooth(40))
    path = tmp_path / "video.json"
    manifest = json.loads(path.read_text())
    write_json(path, {**manifest, "frames": 41})
    with pytest.raises(InputError, match=r"has 40 frames, video.json says 41; delete the folder"):
        FrameStore(path)
    write_json(path, manifest)
    os.truncate(tmp_path / "frames.mjpeg", 100)
    with pytest.raises(InputError, match="has 100 bytes, its index says"):
        FrameStore(path)
    for content in (b"no array", b""):
        (tmp_path / "frames.npy").write_bytes(content)
        with pytest.raises(InputError, match="not readable"):
            FrameStore(path)
    (tmp_path / "frames.mjpeg").unlink()
    with pytest.raises(InputError, match="run ingest again"):
        FrameStore(path)
    with pytest.raises(InputError, match="there is no such file"):
        FrameStore(tmp_path / "none.json")


def test_verify_finds_a_changed_byte(store, tmp_path):
    store.verify()
    data = bytearray((tmp_path / "frames.mjpeg").read_bytes())
    data[500] ^= 1
    (tmp_path / "frames.mjpeg").write_bytes(data)
    with pytest.raises(InputError, match="changed since ingest"):
        FrameStore(tmp_path / "video.json").verify()


def test_statistics_are_of_the_content_only(tmp_path):
    frames = smooth(7, seed=5)
    writer = write_store(tmp_path, frames)
    mean, std = writer.statistics()
    content = frames[:, 8:24].reshape(-1, 3) / 255
    np.testing.assert_allclose(mean, content.mean(0), atol=1e-8)
    np.testing.assert_allclose(std, content.std(0), atol=1e-8)


def test_statistics_of_large_bright_images_are_exact(tmp_path):
    # the squares of 640 rows add up to more than float32 holds
    bright = np.random.default_rng(0).integers(225, 256, (3, 640, 32, 3)).astype(np.uint8)
    with (tmp_path / "frames.mjpeg").open("wb") as file:
        writer = FrameWriter(file, 92, (0, 0, 32, 640))
        for frame in bright:
            writer.append(frame)
    pixels = bright.reshape(-1, 3).astype(np.int64)
    mean = pixels.sum(axis=0) / len(pixels)
    std = np.sqrt((pixels**2).sum(axis=0) / len(pixels) - mean**2)
    assert writer.statistics() == ((mean / 255).round(8).tolist(), (std / 255).round(8).tolist())


def test_a_damaged_frame_shows_the_one_before(tmp_path):
    with (tmp_path / "frames.mjpeg").open("wb") as file:
        writer = FrameWriter(file, 92, BOX)
        writer.fill((32, 64))
        writer.append(smooth(1)[0])
        mean = writer.statistics()
        writer.fill((32, 64))
        assert writer.statistics() == mean
    write_npy(tmp_path / "frames.npy", writer.offsets)
    write_json(tmp_path / "video.json", {"frames": 3, "image_size": [32, 64]})
    black, good, filled = FrameStore(tmp_path / "video.json").read([0, 1, 2])
    assert (black == 0).all()
    assert torch.equal(good, filled)


def test_no_frame_no_statistics(tmp_path):
    writer = write_store(tmp_path, [])
    assert writer.statistics() == ([0.0] * 3, [1.0] * 3)
