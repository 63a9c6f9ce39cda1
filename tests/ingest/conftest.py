"""Tiny videos in which every frame shows its own number, readable from the pixels."""

import subprocess
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest

HEIGHT, WIDTH, BITS = 64, 128, 8  # the number is in the upper half: one block of 16x32 pixels per bit


def draw(count: int) -> np.ndarray:
    """Return frames 0 to count-1, uint8 (count, 64, 128, 3): their number above, noise below (to fill packets)."""
    frames = np.random.default_rng(0).integers(0, 256, (count, HEIGHT, WIDTH, 3), dtype=np.uint8)
    bits = (np.arange(count)[:, None] >> np.arange(BITS)) & 1
    frames[:, : HEIGHT // 2] = np.repeat(bits * 200 + 28, WIDTH // BITS, axis=1)[:, None, :, None]
    return frames


def numbers(frames: np.ndarray) -> list[int]:
    """Return the numbers shown in frames of any size, (T, H, W, 3)."""
    _, height, width, _ = frames.shape
    x = ((np.arange(BITS) + 0.5) * width / BITS).astype(int)
    blocks = frames[:, height // 4][:, x].mean(axis=-1)
    return ((blocks > 128) << np.arange(BITS)).sum(axis=1).tolist()


def run_ffmpeg(*arguments: str | Path, frames: np.ndarray | None = None) -> None:
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", *map(str, arguments)]
    done = subprocess.run(command, input=None if frames is None else frames.tobytes(), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()


@pytest.fixture(scope="session")
def encode(tmp_path_factory):
    """encode(name, *options, count=60, frames=None) -> path of a new video of numbered frames at 30 per second."""

    def encode(name: str, *options: str, count: int = 60, frames: np.ndarray | None = None) -> Path:
        path = tmp_path_factory.mktemp("videos") / name
        frames = draw(count) if frames is None else frames
        size = f"{frames.shape[2]}x{frames.shape[1]}"
        raw = ("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", size, "-r", "30", "-i", "-")
        run_ffmpeg(*raw, *options, path, frames=frames)
        return path

    return encode


@pytest.fixture(scope="session")
def remux():
    """Return the ffmpeg command line, for copies of videos."""
    return run_ffmpeg


@pytest.fixture(scope="session")
def read_numbers():
    return numbers


@pytest.fixture(scope="session")
def numbered():
    return draw
