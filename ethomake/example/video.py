"""Read and write the videos of the examples, frame by frame, with the bundled ffmpeg."""

import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import imageio_ffmpeg
import numpy as np


def read_grey(path: str | Path, *, height: int, width: int) -> Iterator[np.ndarray]:
    """Yield all decoded frames in order, none dropped or duplicated: uint8 (height, width) each."""
    raw = "-fps_mode passthrough -f rawvideo -pix_fmt gray -"
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            [*_ffmpeg(), "-i", str(path), *raw.split()],
            stdout=subprocess.PIPE,
            stderr=errors,
        )
        assert process.stdout is not None, "it is a pipe"
        try:
            while content := process.stdout.read(height * width):
                yield np.frombuffer(content, np.uint8).reshape(height, width)
        finally:
            process.stdout.close()
            status = process.wait()
        if status:
            errors.seek(0)
            raise RuntimeError(f"ffmpeg could not read {path}: {errors.read().decode(errors='replace').strip()}")


@contextmanager
def write_h264(
    path: str | Path, *, height: int, width: int, fps: float, crf: int = 16, color: bool = False, intra: bool = False
) -> Iterator[Callable[[np.ndarray], None]]:
    """Encode H.264: yield a function that takes the frames, uint8 (height, width) or (height, width, 3).

    One encoder thread and no metadata: the same frames give the same bytes on every machine with this ffmpeg.

    Args:
        path: an .mp4 file; it exists as soon as encoding starts, so give a temporary name.
        height: pixels; must be even, like `width`.
        width: pixels.
        fps: frames per second.
        crf: quality, 0 (lossless) to 51; 16 is visually almost lossless.
        color: frames are RGB, not grey.
        intra: code each frame independently and with the same quantizer, so that its sharpness does not depend on
            the motion around it; `crf` is then the quantizer.
    """
    with tempfile.TemporaryFile() as errors:
        raw = f"-f rawvideo -pix_fmt {'rgb24' if color else 'gray'} -s {width}x{height} -r {fps} -i -"
        quality = f"-g 1 -qp {crf}" if intra else f"-crf {crf}"
        encoder = f"-c:v libx264 -preset medium {quality} -pix_fmt yuv420p -threads 1"
        bare = "-fflags +bitexact -flags:v +bitexact -map_metadata -1"
        process = subprocess.Popen(
            [*_ffmpeg(), "-y", *raw.split(), *encoder.split(), *bare.split(), str(path)],
            stdin=subprocess.PIPE,
            stderr=errors,
        )
        pipe = process.stdin
        assert pipe is not None, "it is a pipe"

        def write(frame: np.ndarray) -> None:
            pipe.write(np.ascontiguousarray(frame, np.uint8))

        try:
            yield write
            pipe.close()
            status = process.wait()
        except BaseException:
            process.kill()
            process.wait()
            raise
        if status:
            errors.seek(0)
            raise RuntimeError(f"ffmpeg could not write {path}: {errors.read().decode(errors='replace').strip()}")


def _ffmpeg() -> list[str]:
    return [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-loglevel", "error", "-nostdin"]
