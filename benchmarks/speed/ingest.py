"""Ingest beside `ffmpeg -f null` with the same filters and threads: the same decode, nothing kept.

Both read the same noisy videos to 224x224. What ingest does besides: it looks at the packets first, takes the frames
through a pipe, writes them as JPEGs with their digest, and looks at some of them for the statistics. `--threads 2` is
what the workflow gives it.
"""

import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path

import imageio_ffmpeg
import torch

from benchmarks.speed.drawn import draw
from benchmarks.speed.measure import Case
from ethomake.ingest.decode import View, content_box
from ethomake.ingest.frames import FRAMES, INDEX, MANIFEST
from ethomake.ingest.ingest import ingest_video

IMAGE = (224, 224)
VIDEOS = [  # height, width, what it is, grey levels of noise, frames that are drawn, how often they are shown
    (192, 192, ", a clip", 2, 3000, 1),  # less than a second of work
    (240, 320, ", smooth", 0, 3000, 6),  # ten minutes
    (240, 320, "", 6, 3000, 6),
    (480, 640, "", 6, 1500, 1),
    (1024, 1280, "", 6, 500, 1),
]


def cases(folder: Path, quick: bool) -> list[Case]:
    """Each size of video, plain and ours."""
    found = []
    for height, width, kind, noise, drawn, times in VIDEOS:
        if quick and height > 480:
            continue
        drawn, times = (150, 1) if quick else (drawn, times)
        frames = drawn * times
        video = draw(folder / f"ingest-{width}x{height}-{noise}-{frames}.mp4", drawn, width, height, noise, times)
        stage = f"ingest, {width}x{height}{kind}"
        found.append(Case(stage, "ffmpeg -f null", partial(plain, video, (height, width), frames), plain=True))
        found.append(Case(stage, "ethomake", partial(ours, video, frames)))
    return found


def plain(video: Path, size: tuple[int, int], frames: int) -> Callable[[], int]:
    """Decode and scale, and drop what comes out."""
    _, _, width, height = content_box(size, IMAGE, keep_aspect=True)
    filters = View(None, (height, width)).filters
    threads = str(torch.get_num_threads())
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-v", "error", "-threads", threads, "-i", str(video)]
    command += ["-fps_mode", "passthrough", "-vf", filters, "-f", "null", "-"]

    def decode() -> int:
        subprocess.run(command, check=True)
        return frames

    return decode


def ours(video: Path, frames: int) -> Callable[[], int]:
    """Leave a frame store."""
    files = [video.with_suffix("") / name for name in (FRAMES, INDEX, MANIFEST)]

    def ingest() -> int:
        for file in files:  # as Snakemake does before a job
            file.unlink(missing_ok=True)
        ingest_video(video, *files, video=video.stem, image_size=IMAGE, threads=torch.get_num_threads())
        return frames

    return ingest
