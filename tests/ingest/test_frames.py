import io
import json
import os
import pickle

import numpy as np
import pytest
import simplejpeg
import torch
from PIL import Image

from ethomake.errors import InputError
from ethomake.files import write_json, write_npy
from ethomake.ingest.frames import LOOKED_AT, FrameStore, FrameWriter, Planes


def smooth(count, seed=0):
    """Return frames that JPEG preserves well: blocks of muted colors."""
    coarse = np.random.default_rng(seed).integers(100, 156, (count, 3, 4, 8), dtype=np.uint8)
    blocks = coarse.repeat(8, axis=2).repeat(8, axis=3)
    return [Planes(luma, blue[::2, ::2].copy(), red[::2, ::2].copy()) for luma, blue, red in blocks]


def write_store(folder, frames, size=(32, 64), corner=(0, 0)):
    """Return frames as pictures in images of a size (height, width); `corner` is x, y."""
    with (folder / "frames.mjpeg").open("wb") as file:
        writer = FrameWriter(file, 92, len(frames))
        for frame in frames:
            writer.append(frame)
    write_npy(folder / "frames.npy", writer.offsets)
    height, width = frames[0].luma.shape if frames else size
    manifest = {"frames": len(frames), "image_size": size, "content_box": [*corner, width, height]}
    write_json(folder / "video.json", manifest | {"frames_digest": writer.digest})
    return writer


@pytest.fixture
def store(tmp_path):
    write_store(tmp_path, smooth(40))
    return FrameStore(tmp_path / "video.json")


def split(folder):
    """Return the JPEGs of a frame file, and as decoded by another decoder, uint8 (T, H, W, 3); needs no index."""
    data = (folder / "frames.mjpeg").read_bytes()
    starts = [i for i in range(len(data) - 2) if data[i : i + 3] == b"\xff\xd8\xff"]
    jpegs = [data[start:stop] for start, stop in zip(starts, [*starts[1:], len(data)], strict=True)]
    return jpegs, np.stack([np.asarray(Image.open(io.BytesIO(jpeg)).convert("RGB")) for jpeg in jpegs])


def test_random_access_equals_a_sequential_decode(store, tmp_path):
    jpegs, sequential = split(tmp_path)
    assert len(store) == len(sequential) == 40
    for indices in ([0], [39, 0, 17, 17], np.arange(40), torch.arange(39, -1, -7), []):
        frames = store.read(indices)
        assert frames.shape == (len(indices), 3, 32, 64)
        assert frames.dtype == torch.uint8
        for frame, index in zip(frames, indices, strict=True):
            np.testing.assert_array_equal(frame.permute(1, 2, 0), sequential[int(index)])
    assert store.jpeg(3) == jpegs[3]


@pytest.mark.parametrize(("size", "corner"), [((96, 64), (0, 12)), ((32, 96), (16, 0)), ((96, 96), (16, 32))])
def test_around_the_picture_all_is_black(size, corner, tmp_path):
    write_store(tmp_path, smooth(3), size, corner)
    x, y = corner
    expected = np.zeros((3, *size, 3), np.uint8)
    expected[:, y : y + 32, x : x + 64] = split(tmp_path)[1]
    frames = FrameStore(tmp_path / "video.json").read([0, 1, 2])
    np.testing.assert_array_equal(frames.permute(0, 2, 3, 1), expected)


def test_several_threads_read_the_same(store):
    wanted = [3, 0, 2, 2, 1]
    assert torch.equal(store.read(wanted, threads=3), store.read(wanted))


def test_frames_look_like_what_was_written(store, to_rgb):
    written = np.stack([to_rgb(frame) for frame in smooth(40)]).astype(float)
    difference = store.read(range(40)).permute(0, 2, 3, 1).numpy() - written
    assert np.sqrt(np.square(difference).mean()) < 7  # colors bleed at their edges
    assert np.abs(difference.mean((0, 1, 2))).max() < 0.5


def test_frames_without_color_are_stored_without_it_and_look_the_same(tmp_path):
    grey, colored = smooth(2)
    grey = Planes(grey.luma, *np.full((2, 16, 32), 128, np.uint8))
    one_dot = Planes(grey.luma, grey.blue, grey.red.copy())
    one_dot.red[3, 4] = 129
    write_store(tmp_path, [grey, one_dot, colored])
    jpegs, frames = zip(*((jpeg, Image.open(io.BytesIO(jpeg))) for jpeg in split(tmp_path)[0]), strict=True)
    assert [frame.mode for frame in frames] == ["L", "RGB", "RGB"]
    found = FrameStore(tmp_path / "video.json").read([0])[0].permute(1, 2, 0)
    with_color = simplejpeg.decode_jpeg(simplejpeg.encode_jpeg_yuv_planes(*grey, quality=92))
    np.testing.assert_array_equal(found, with_color)
    assert len(jpegs[0]) < len(jpegs[1])


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


def test_a_frame_that_is_no_jpeg_any_more_is_named(store, tmp_path):
    data = bytearray((tmp_path / "frames.mjpeg").read_bytes())
    start = int(np.load(tmp_path / "frames.npy")[3])
    data[start : start + 2] = b"no"
    (tmp_path / "frames.mjpeg").write_bytes(data)
    store.read([2, 4])
    with pytest.raises(InputError, match=r"frames.mjpeg: frame 3 is not a valid JPEG .*; delete the folder"):
        store.read([2, 3])


def test_verify_finds_a_changed_byte(store, tmp_path):
    store.verify()
    data = bytearray((tmp_path / "frames.mjpeg").read_bytes())
    data[500] ^= 1
    (tmp_path / "frames.mjpeg").write_bytes(data)
    with pytest.raises(InputError, match="changed since ingest"):
        FrameStore(tmp_path / "video.json").verify()


def exact_statistics(pixels):
    """Return mean and deviation of values 0 to 255, (..., 3), in integers as far as possible."""
    pixels = pixels.reshape(-1, 3).astype(np.int64)
    mean = pixels.sum(axis=0) / len(pixels)
    std = np.sqrt((pixels**2).sum(axis=0) / len(pixels) - mean**2)
    return (mean / 255).round(8).tolist(), (std / 255).round(8).tolist()


def test_statistics_are_of_the_stored_pictures(tmp_path):
    statistics = write_store(tmp_path, smooth(7, seed=5), (64, 64), (0, 16)).statistics()
    assert statistics == exact_statistics(split(tmp_path)[1])


def test_statistics_with_and_without_color_add_up(tmp_path):
    colored, other = smooth(2)
    grey = Planes(other.luma, *np.full((2, 16, 32), 128, np.uint8))
    for folder, frames in (("first", [grey, colored, grey]), ("last", [colored, grey])):
        (tmp_path / folder).mkdir()
        statistics = write_store(tmp_path / folder, frames).statistics()
        assert statistics == exact_statistics(split(tmp_path / folder)[1])


def test_statistics_of_large_bright_images_are_exact(tmp_path):
    # the squares of 640 rows add up to more than float32 holds
    luma = np.random.default_rng(0).integers(225, 256, (3, 640, 32), dtype=np.uint8)
    frames = [Planes(each, *np.full((2, 320, 16), 128, np.uint8)) for each in luma]
    statistics = write_store(tmp_path, frames, (640, 32)).statistics()
    assert statistics == exact_statistics(split(tmp_path)[1])


def test_statistics_of_long_videos_are_of_frames_from_everywhere(tmp_path):
    grey = [Planes(*np.full((1, 32, 64), value, np.uint8), *np.full((2, 16, 32), 128, np.uint8)) for value in (60, 180)]
    count = 3 * LOOKED_AT + 5
    statistics = write_store(tmp_path, [grey[i >= count // 2] for i in range(count)]).statistics()
    np.testing.assert_allclose(statistics, [[120 / 255] * 3, [60 / 255] * 3], atol=0.002)
    decoded = split(tmp_path)[1][::3]  # every third
    assert statistics == exact_statistics(decoded)


def test_a_damaged_frame_shows_the_one_before(tmp_path):
    with (tmp_path / "frames.mjpeg").open("wb") as file:
        writer = FrameWriter(file, 92, 3)
        writer.fill((32, 64))
        writer.append(smooth(1)[0])
        mean = writer.statistics()
        writer.fill((32, 64))
        assert writer.statistics() == mean
    write_npy(tmp_path / "frames.npy", writer.offsets)
    write_json(tmp_path / "video.json", {"frames": 3, "image_size": [32, 64], "content_box": [0, 0, 64, 32]})
    black, good, filled = FrameStore(tmp_path / "video.json").read([0, 1, 2])
    assert (black == 0).all()
    assert torch.equal(good, filled)


def test_no_frame_no_statistics(tmp_path):
    writer = write_store(tmp_path, [])
    assert writer.statistics() == ([0.0] * 3, [1.0] * 3)
