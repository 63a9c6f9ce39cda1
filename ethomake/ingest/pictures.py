"""Pictures in place of a video: what they are, and the ffmpeg command that makes a video of them."""

import os
import re
import shlex
import struct
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import BinaryIO

PICTURES = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp", ".pgm", ".ppm", ".dpx", ".jp2"})
"""Suffixes of single pictures, in small letters."""

RATE = 30
"""Frames per second in the commands; the user has to put in the true one."""


def describe_pictures(path: str | Path | Sequence[str]) -> str:
    """Return what pictures given as a video are and how to make a video of them; "" if they are no pictures.

    Args:
        path: a file, a folder, or a list of files; files are recognized by their suffix.
    """
    if not isinstance(path, str | Path):
        files = [Path(each) for each in path]
        return _of_sequence("they are", files) if files and all(map(_is_picture, files)) else ""
    path = Path(path)
    if path.is_dir():
        found = [path / name for name in sorted(os.listdir(path)) if _is_picture(Path(name))]
        return _of_sequence("a folder of", found) if found else ""
    if not _is_picture(path):
        return ""
    if path.suffix.lower() in (".tif", ".tiff") and (pages := count_pages(path)) > 1:
        frames = shlex.quote(str(path.with_suffix("")) + "_%05d.png")
        return (
            f"a TIFF stack of {pages} pictures and no video; save them as single pictures (Fiji: File > Save As > "
            f"Image Sequence; ImageMagick: convert {shlex.quote(str(path))} {frames}), and make a video of these: "
            f"{_command(frames, path.with_suffix('.mkv'))}"
        )
    number = re.search(r"\d+(?=\D*$)", path.stem)
    others = [path.parent / name for name in sorted(os.listdir(path.parent))] if number and path.parent.is_dir() else []
    before, after = (path.stem[: number.start()], path.stem[number.end() :]) if number else ("", "")
    name = re.compile(rf"{re.escape(before)}\d+{re.escape(after)}{re.escape(path.suffix)}", re.IGNORECASE)
    if len(sequence := [each for each in others if name.fullmatch(each.name)]) > 1:
        return _of_sequence("a single picture and no video, one of", sequence)
    return "a single picture and no video; name the video file"


def count_pages(path: str | Path, most: int = 100_000) -> int:
    """Return the number of pictures in a TIFF file; 0 if it cannot be read as one."""
    try:
        with Path(path).open("rb") as file:
            return _count_pages(file, most)
    except (OSError, struct.error):
        return 0


def _count_pages(file: BinaryIO, most: int) -> int:
    head = file.read(16)
    order = {b"II": "<", b"MM": ">"}.get(head[:2])
    if order is None or (kind := struct.unpack(order + "H", head[2:4])[0]) not in (42, 43):
        return 0
    big = kind == 43
    place = struct.unpack(order + ("Q" if big else "I"), head[8:16] if big else head[4:8])[0]
    seen: set[int] = set()
    while place and place not in seen and len(seen) < most:
        seen.add(place)
        file.seek(place)
        entries = struct.unpack(order + ("Q" if big else "H"), file.read(8 if big else 2))[0]
        file.seek(entries * (20 if big else 12), os.SEEK_CUR)
        place = struct.unpack(order + ("Q" if big else "I"), file.read(8 if big else 4))[0]
    return len(seen)


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in PICTURES


def _of_sequence(what: str, files: Sequence[Path]) -> str:
    """Return what a sequence of pictures is, with the command for it."""
    folder = files[0].parent
    said = f"{what} {len(files)} pictures{'' if 'no video' in what else ' and no video'}"
    pattern, start = _numbered(files)
    if not pattern and len({_digits(path) for path in files} - {0}) > 1:  # ffmpeg would put 10 before 9
        return f"{said}; number them with equally many digits (0009, 0010), and make a video of them"
    if pattern:
        given = shlex.quote(str(folder / pattern))
        options = f"-start_number {start} " if start not in (0, 1) else ""
    else:
        given, options = shlex.quote(str(folder / f"*{files[0].suffix}")), "-pattern_type glob "
    name = folder.resolve().name or "frames"
    return (
        f"{said}; make a video of them, with the true "
        f"frames per second after -framerate: {_command(given, Path(f'{name}.mkv'), options)}"
    )


def _digits(path: Path) -> int:
    """Return how many digits the number at the end of a name has."""
    found = re.search(r"(\d+)\D*$", path.stem)
    return len(found[1]) if found else 0


def _numbered(files: Iterable[Path]) -> tuple[str, int]:
    """Return ffmpeg's pattern of numbered pictures and the first number; "" if one is named differently or missing."""
    parts = [re.fullmatch(r"(.*?)(\d+)(\D*)", path.name) for path in files]
    if not all(parts):
        return "", 0
    named = [part.groups() for part in parts if part]
    (first, digits, last), numbers = named[0], sorted(int(number) for _, number, _ in named)
    if any((before, after) != (first, last) for before, _, after in named):
        return "", 0
    if numbers != list(range(numbers[0], numbers[0] + len(numbers))):
        return "", 0
    widths = {len(number) for _, number, _ in named}
    padded = f"%0{len(digits)}d" if len(widths) == 1 else "%d"
    return f"{first.replace('%', '%%')}{padded}{last.replace('%', '%%')}", numbers[0]


def _command(pictures: str, output: Path, options: str = "") -> str:
    return f"ffmpeg -framerate {RATE} {options}-i {pictures} -c:v ffv1 {shlex.quote(str(output))}"
