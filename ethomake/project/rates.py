"""Frames per second of life: what is known of the videos of a project, and what a user should know of it."""

import re
from collections.abc import Iterable
from pathlib import Path

from ethomake.ingest.times import MIXED
from ethomake.project.videos import Video

_HEAD = 4096  # bytes of video.json with its rate, which comes before its time stamps


def rate_notes(videos: Iterable[Video], ingested: str | Path = "results/ingest") -> list[str]:
    """Return notes on rates that were guessed, and on rates that differ between videos.

    The rate of a video is what the video table says, else that of the file, which is known after ingest.

    Args:
        videos: all videos of the project.
        ingested: the folder of the ingested videos.
    """
    rates: dict[str, float] = {}
    guessed = []
    for video in videos:
        head = "" if video.rate else _read_head(Path(ingested, video.video, "video.json"))
        rate = video.rate or float(found.group(1) if (found := re.search(r'"fps": ([\d.e+-]+)', head)) else 0)
        if rate:
            rates[video.video] = rate
        if '"rate_assumed": true' in head:
            guessed.append(video.video)
    notes = []
    if guessed:
        notes.append(
            f"rate of {_some(guessed)}: assumed, as the file does not say it, so that all seconds may be wrong; give "
            "it in the column rate of the video table"
        )
    if rates and max(rates.values()) > MIXED * min(rates.values()):
        groups: dict[str, list[str]] = {}
        for name, rate in sorted(rates.items(), key=lambda item: item[1]):
            groups.setdefault(f"{rate:.3g}", []).append(name)
        each = "; ".join(f"{rate} in {_some(names)}" for rate, names in groups.items())
        notes.append(
            f"frames per second differ between videos ({each}): the networks see frames and not seconds, so that a "
            "movement looks slower where there are more of them; convert the videos to one rate if that matters"
        )
    return notes


def _read_head(path: Path) -> str:
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return file.read(_HEAD)
    except OSError:
        return ""


def _some(names: list[str]) -> str:
    """Return the first names, and how many more there are."""
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
