"""Videos to time things with: drawn by ffmpeg, noisy as dim light makes them, the same each time."""

import subprocess
from pathlib import Path

import imageio_ffmpeg

from ethomake.ingest.frames import FRAMES, INDEX, MANIFEST
from ethomake.ingest.ingest import ingest_video


def draw(path: Path, frames: int, width: int = 640, height: int = 480, noise: int = 6, times: int = 1) -> Path:
    """Draw an H.264 video of moving colors with noise of so many grey levels, shown some times; if not there yet."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        source = f"testsrc2=size={width}x{height}:rate=30,noise=alls={noise}:allf=t"
        once = path.with_name(f"once-{path.name}")
        command = [imageio_ffmpeg.get_ffmpeg_exe(), "-y", "-v", "error"]
        encoder = ["-frames:v", str(frames), "-pix_fmt", "yuv420p", "-c:v", "libx264", "-crf", "18"]
        subprocess.run([*command, "-f", "lavfi", "-i", source, *encoder, str(once)], check=True)
        again = ["-stream_loop", str(times - 1), "-i", str(once), "-c", "copy"]
        subprocess.run([*command, *again, str(path)], check=True)
    return path


def stored(folder: Path, frames: int, side: int) -> Path:
    """The `video.json` of a drawn video, ingested to `side` x `side` pixels."""
    manifest = folder / f"drawn-{frames}-{side}" / MANIFEST
    if not manifest.exists():
        video = draw(folder / f"drawn-{frames}.mp4", frames)
        files = [manifest.with_name(name) for name in (FRAMES, INDEX, MANIFEST)]
        ingest_video(video, *files, video="drawn", image_size=(side, side))
    return manifest
