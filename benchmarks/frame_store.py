"""How frames are best kept for random access: JPEGs with offsets, raw and memory-mapped, or in Zarr.

Run `uv run python benchmarks/frame_store.py [VIDEO] [--size 256]`; without a video it draws a noisy one. It ingests
the video, copies the frames into each of the other stores and reads clips of 11 frames at random places. Times are
CPU time of one thread, the median over clips, stores interleaved; the files are in the page cache.
"""

import argparse
import resource
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import simplejpeg
import torch
import zarr

from ethomake.ingest.frames import FrameStore
from ethomake.ingest.ingest import ingest_video

CLIP = 11
HOUR = 3600 * 30  # frames


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", nargs="?", type=Path)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--noise", type=int, default=6, help="of the drawn video: 6 is dim light, 12 heavy noise")
    parser.add_argument("--clips", type=int, default=100)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        video = arguments.video or draw(Path(folder) / "drawn.mkv", arguments.size, arguments.noise)
        measure(video, Path(folder), arguments.size, arguments.clips)


def measure(video: Path, folder: Path, size: int, clips: int) -> None:
    """Make every store of one video and time its reads."""
    names = [folder / name for name in ("frames.mjpeg", "frames.npy", "video.json")]
    before = time.process_time(), children()
    ingest_video(video, *names, video="benchmark", image_size=(size, size), jpeg_quality=92)
    own, ffmpeg = time.process_time() - before[0], children() - before[1]
    store = FrameStore(names[2])
    count = len(store)
    frames = store.read(range(count))

    stores: dict[str, tuple[float, Callable[[int], torch.Tensor]]] = {
        "JPEG 92 + offsets (ethomake)": (
            names[0].stat().st_size + names[1].stat().st_size,
            lambda start: store.read(range(start, start + CLIP)),
        )
    }
    for quality in (80, 95):
        pixels = frames.permute(0, 2, 3, 1).contiguous().numpy()
        jpegs = [simplejpeg.encode_jpeg(frame, quality, colorsubsampling="420") for frame in pixels]
        stores[f"JPEG {quality}, bytes in memory"] = (sum(map(len, jpegs)), lambda start, j=jpegs: decode(j, start))
    raw = np.memmap(folder / "raw.dat", np.uint8, "w+", shape=tuple(frames.shape))
    raw[:] = frames.numpy()
    stores["raw, memory-mapped"] = (raw.nbytes, lambda start: torch.from_numpy(raw[start : start + CLIP].copy()))
    for label, codecs, chunk in (("raw", None, 1), ("raw", None, CLIP), ("zstd", "auto", 1), ("zstd", "auto", CLIP)):
        path = folder / f"{label}{chunk}.zarr"
        chunks = (chunk, *frames.shape[1:])
        array = zarr.create_array(path, shape=frames.shape, chunks=chunks, dtype="uint8", compressors=codecs)
        array[:] = frames.numpy()
        nbytes = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
        stores[f"Zarr, {label}, {chunk} frames a chunk"] = (
            nbytes,
            lambda start, a=array: torch.from_numpy(a[start : start + CLIP]),
        )

    times: dict[str, list[float]] = {name: [] for name in stores}
    for start in np.random.default_rng(0).integers(0, count - CLIP, clips):
        for name, (_, read) in stores.items():
            begin = time.process_time()
            read(int(start))
            times[name].append((time.process_time() - begin) * 1000)

    print(f"\n{video.name}: {count} frames of {size}x{size}")
    print(f"ingest: {own / count * 1000:.2f} CPU-ms a frame in Python, {ffmpeg / count * 1000:.2f} in ffmpeg\n")
    print(f"| {'store':32} | GB an hour at 30/s | CPU-ms a clip of {CLIP} |")
    print(f"| {'-' * 32} | {'-' * 18} | {'-' * 19} |")
    for name, (nbytes, _) in stores.items():
        print(f"| {name:32} | {nbytes / count * HOUR / 1e9:18.2f} | {statistics.median(times[name]):19.2f} |")


def decode(jpegs: list[bytes], start: int) -> torch.Tensor:
    """A clip from JPEG bytes that are already in memory."""
    frames = [torch.from_numpy(simplejpeg.decode_jpeg(jpeg)) for jpeg in jpegs[start : start + CLIP]]
    return torch.stack(frames).permute(0, 3, 1, 2)


def draw(path: Path, size: int, noise: int) -> Path:
    """A saturated test picture with noise of so many grey levels; JPEGs grow with noise."""
    source = f"testsrc2=size={size}x{size}:rate=30:duration=10,noise=alls={noise}:allf=t"
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-f", "lavfi", "-i", source]
    subprocess.run([*command, "-pix_fmt", "yuv420p", "-c:v", "libx264", "-crf", "18", str(path)], check=True)
    return path


def children() -> float:
    """CPU seconds of the processes that this one has started and that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main()
