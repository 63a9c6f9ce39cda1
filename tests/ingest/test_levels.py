import json

import numpy as np
import pytest
import simplejpeg

from ethomake.ingest.frames import FrameStore
from ethomake.ingest.ingest import ingest_video
from ethomake.ingest.levels import bit_depth, stretch, used_bits


def ingest(source, folder, **settings):
    files = [folder / name for name in ("frames.mjpeg", "frames.npy", "video.json")]
    ingest_video(source, *files, video="v", image_size=(32, 64), **settings)
    return json.loads(files[2].read_text())


@pytest.fixture
def write_deep(remux, tmp_path):
    """write_deep(name, bits, *options) -> path of a video of 16-bit grey whose values have so many bits: a ramp."""

    def write_deep(name: str, bits: int, *options: str):
        row = np.linspace(0, 2**bits - 1, 64).round().astype("<u2")
        (tmp_path / "raw").write_bytes(np.tile(row, (3 * 32, 1)).tobytes())
        shape = ("-f", "rawvideo", "-pix_fmt", "gray16le", "-s", "64x32", "-r", "30")
        remux(*shape, "-i", tmp_path / "raw", *(options or ("-c:v", "ffv1")), tmp_path / name)
        return tmp_path / name

    return write_deep


def ramp(folder):
    picture = simplejpeg.decode_jpeg(FrameStore(folder / "video.json").jpeg(1), "GRAY")
    return picture[16, :, 0].astype(int)


@pytest.mark.parametrize("bits", [8, 10, 12, 14])
def test_levels_are_stretched_by_the_bits_that_the_setting_says(bits, write_deep, tmp_path, capsys):
    path = write_deep("deep.mkv", bits)
    ingest(path, tmp_path / "dark")
    assert ramp(tmp_path / "dark").max() <= 255 * 2**bits / 2**16 + 8  # as JPEG has it
    assert f"as if a camera of {bits} bits had written into 16; set ingest.bits: {bits}" in capsys.readouterr().err
    facts = ingest(path, tmp_path / "right", bits=bits)
    assert np.abs(ramp(tmp_path / "right") - np.linspace(0, 255, 64)).max() <= 6
    assert facts["channel_mean"][0] == pytest.approx(0.5, abs=0.01)
    assert "warning" not in capsys.readouterr().err


@pytest.mark.parametrize("options", [("-c:v", "png", "-pix_fmt", "rgb48be"), ("-c:v", "png", "-pix_fmt", "gray16be")])
def test_other_formats_of_sixteen_bits_are_stretched_too(options, write_deep, tmp_path):
    ingest(write_deep("deep.mov", 12, *options), tmp_path / "out", bits=12)
    assert np.abs(ramp(tmp_path / "out") - np.linspace(0, 255, 64)).max() <= 6


def test_sixteen_bits_and_files_of_eight_stay_as_they_are(write_deep, encode, tmp_path, capsys):
    whole = write_deep("whole.mkv", 16)
    ingest(whole, tmp_path / "whole")
    assert np.abs(ramp(tmp_path / "whole") - np.linspace(0, 255, 64)).max() <= 6
    plain = encode("plain.mkv", "-c:v", "ffv1", "-pix_fmt", "gray", count=3)
    assert ingest(plain, tmp_path / "a") == ingest(plain, tmp_path / "b", bits=12)
    assert "warning" not in capsys.readouterr().err


def test_all_videos_are_stretched_alike(write_deep, tmp_path):
    """A camera of 12 bits that saw a dark scene: its brightest value has 10."""
    ingest(write_deep("dark.mkv", 10), tmp_path / "dark", bits=12)
    assert ramp(tmp_path / "dark").max() == pytest.approx(64, abs=4)


def test_more_bits_than_the_setting_says_are_told(write_deep, tmp_path, capsys):
    ingest(write_deep("whole.mkv", 16), tmp_path / "out", bits=10)
    assert "warning: v: most of the picture is white: its values have more bits" in capsys.readouterr().err


def test_depths_come_from_ffmpeg():
    formats = ("gray16le", "rgb48be", "gbrp12le", "yuv420p10le", "ya16be", "gray", "yuv420p", "yuvj444p", "pal8", "?")
    assert [bit_depth(name) for name in formats] == [16, 16, 12, 10, 16, 8, 8, 8, 8, 8]


@pytest.mark.parametrize(
    ("brightest", "depth", "bits"),
    [(255, 16, None), (70, 16, None), (64, 16, 14), (16, 16, 12), (15, 16, 12), (4, 16, 10), (1, 16, 8), (64, 12, 10)],
)
def test_bits_are_known_by_the_brightest_pixel(brightest, depth, bits):
    assert used_bits(brightest, depth) == bits


def test_nothing_is_stretched_without_need():
    assert stretch(16, None) == stretch(16, 16) == stretch(8, 12) == ""
    assert "val*16,65535" in stretch(16, 12)
