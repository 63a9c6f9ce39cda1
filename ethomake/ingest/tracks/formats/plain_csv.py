"""Plain tables (CSV): `frame,x,y`, and if known `angle` (degrees), `animal` and `confidence`."""

from pathlib import Path

import numpy as np

from ethomake.errors import InputError
from ethomake.ingest.tracks.poses import MOST_FRAMES, Poses, make_poses
from ethomake.ingest.tracks.text import first_lines, numbers, read_lines

DESCRIPTION = "a plain table (CSV with the columns frame, x, y, and if known angle, animal, confidence)"

NEEDED, OPTIONAL = ("frame", "x", "y"), ("angle", "animal", "confidence")
NODE, ANIMAL = "center", "animal"


def sniff(path: Path) -> bool:
    """Return whether the header has the columns that are needed."""
    lines = first_lines(path, 1)
    return bool(lines) and set(NEEDED) <= set(_cells(lines[0], _separator(lines[0])))


def read(path: Path) -> Poses:
    """Read the table: frames count from 0, those without a row are gaps, empty cells are not known.

    `angle` is where the animal looks: 0 to the right, 90 down.

    Raises:
        InputError: if a column is unknown, a frame is no whole number or comes twice, a cell is no number, or a
            confidence is not between 0 and 1.
    """
    (_, header), *lines = read_lines(path)
    separator = _separator(header)
    columns = _cells(header, separator)
    for name in columns:
        if name not in (*NEEDED, *OPTIONAL) or columns.count(name) > 1:
            what = "twice" if columns.count(name) > 1 else "unknown"
            raise InputError(
                f"{path} line 1: the column '{name}' is {what}; columns are {', '.join((*NEEDED, *OPTIONAL))}"
            )
    if not lines:
        raise InputError(f"{path}: no frame in it; write one row a frame")
    owners = [ANIMAL] * len(lines)
    if "animal" in columns:
        place, rows = columns.index("animal"), []
        for row, (number, line) in enumerate(lines):
            cells = line.split(separator)
            owners[row] = cells[place].strip().strip('"') if place < len(cells) else ""
            if not owners[row]:
                raise InputError(f"{path} line {number}: no animal; name it")
            rows.append((number, separator.join([*cells[:place], "0", *cells[place + 1 :]])))
        lines = rows
    table = numbers(lines, len(columns), path, separator)
    of = {name: table[:, columns.index(name)] for name in columns}
    frames = of["frame"]
    wrong = ~(np.isfinite(frames) & (frames >= 0) & (frames < MOST_FRAMES)) | (frames != np.floor(frames))
    if wrong.any():
        at = int(np.flatnonzero(wrong)[0])
        if frames[at] >= MOST_FRAMES and np.isfinite(frames[at]):
            reason = f"is too high, at most {MOST_FRAMES - 1:,} can be; number the frames from 0 on"
            raise InputError(f"{path} line {lines[at][0]}: frame {frames[at]:.15g} {reason}")
        raise InputError(f"{path} line {lines[at][0]}: frame {frames[at]:g} is no whole number from 0 on; correct it")
    if "confidence" in of and (wrong := (of["confidence"] < 0) | (of["confidence"] > 1)).any():
        at = int(np.flatnonzero(wrong)[0])
        reason = "is not between 0 and 1; scale all of them"
        raise InputError(f"{path} line {lines[at][0]}: confidence {of['confidence'][at]:g} {reason}")
    animals = tuple(dict.fromkeys(owners))
    owner, frame = np.array([animals.index(name) for name in owners]), frames.astype(int)
    _, first = np.unique(np.stack([owner, frame]), axis=1, return_index=True)
    if len(first) < len(frame):
        at = int(np.setdiff1d(np.arange(len(frame)), first)[0])
        raise InputError(f"{path} line {lines[at][0]}: frame {frame[at]} of {owners[at]} comes twice; remove one row")
    shape = (int(frame.max()) + 1, len(animals))
    points, sure = np.full((*shape, 1, 2), np.nan), np.zeros((*shape, 1))
    points[frame, owner, 0, 0], points[frame, owner, 0, 1] = of["x"], of["y"]
    sure[frame, owner, 0] = of.get("confidence", np.ones(len(frame)))
    headings = np.full(shape, np.nan) if "angle" in of else None
    if headings is not None:
        headings[frame, owner] = of["angle"]
    return make_poses(animals, (NODE,), points, sure, headings)


def _separator(header: str) -> str:
    return max(",;\t", key=header.count)


def _cells(line: str, separator: str) -> list[str]:
    return [cell.strip().strip('"').lower() for cell in line.split(separator)]
