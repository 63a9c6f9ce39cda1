"""Tables of DeepLabCut (CSV): three rows of header, four with several animals, then one row a frame."""

from pathlib import Path

import numpy as np

from ethomake.errors import InputError
from ethomake.ingest.tracks.deeplabcut import columns_to_poses
from ethomake.ingest.tracks.poses import Poses
from ethomake.ingest.tracks.text import first_lines, numbers, read_lines

DESCRIPTION = "DeepLabCut's table (CSV with rows scorer, bodyparts, coords)"

LEVELS = ("scorer", "individuals", "bodyparts", "coords")


def sniff(path: Path) -> bool:
    """Return whether the first rows begin with the names of the levels."""
    lines = first_lines(path, 4)
    names = [line.split(",")[0].strip().strip('"').lower() for line in lines]
    return names[:1] == ["scorer"] and "bodyparts" in names and "coords" in names


def read(path: Path) -> Poses:
    """Read the tracks of one or several animals; empty cells are parts that were not tracked.

    Raises:
        InputError: if the table holds points that a person placed in single pictures, and no tracks, or is wrong.
    """
    lines = read_lines(path)
    header: dict[str, list[str]] = {}
    while lines and (name := lines[0][1].split(",")[0].strip().strip('"').lower()) in LEVELS:
        header[name] = [cell.strip().strip('"') for cell in lines.pop(0)[1].split(",")]
    for name in ("bodyparts", "coords"):
        if name not in header:
            raise InputError(f"{path}: no row '{name}' in its header; export the table from DeepLabCut again")
    for name, cells in header.items():
        if len(cells) != len(header["coords"]):
            raise InputError(
                f"{path}: {len(cells)} cells in the row '{name}' of its header, but {len(header['coords'])} in the row "
                "'coords'; export the table from DeepLabCut again"
            )
    first = 1 + sum(not cell for cell in header["coords"][1:])
    if not lines:
        raise InputError(f"{path}: no frame in it; export the table from DeepLabCut again")
    if first > 1 or not lines[0][1].split(",")[0].strip().strip('"').isdecimal():
        raise InputError(
            f"{path} line {lines[0][0]}: body parts that were placed by hand in single pictures, and not tracked in a "
            "video; let DeepLabCut analyze the video, and give the table that it makes"
        )
    table = numbers(lines, len(header["coords"]), path)
    frames = table[:, 0]
    if not np.array_equal(frames, np.arange(len(frames))):
        line = int(np.flatnonzero(frames != np.arange(len(frames)))[0])
        raise InputError(
            f"{path} line {lines[line][0]}: frame {frames[line]:g} where {line} is expected; give the whole table, "
            "one row for each frame from 0 on"
        )
    parts = header["bodyparts"][1:]
    animals = header["individuals"][1:] if "individuals" in header else [""] * len(parts)
    columns = list(zip(animals, parts, header["coords"][1:], strict=True))
    return columns_to_poses(columns, table[:, 1:], path)
