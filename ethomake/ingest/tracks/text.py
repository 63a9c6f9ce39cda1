"""Read text tables of numbers."""

from pathlib import Path

import numpy as np

from ethomake.cells import to_number
from ethomake.errors import InputError

_HEAD = 1 << 16  # bytes in which the first lines are looked for

Lines = list[tuple[int, str]]
"""Number, from 1 on, and text of each line that is not blank."""


def first_lines(path: Path, count: int) -> list[str]:
    """Return the first lines of a file that are not blank; none if it is no text."""
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if b"\0" in head:
        return []
    lines = head.decode("utf-8-sig", "replace").splitlines()
    return [line for line in lines if line.strip()][:count]


def read_lines(path: Path) -> Lines:
    """Return the lines of a text file.

    Raises:
        InputError: if it is no text in UTF-8.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(f"{path}: not text in UTF-8; save it as CSV in UTF-8") from None
    return [(number, line) for number, line in enumerate(text.splitlines(), start=1) if line.strip()]


def numbers(lines: Lines, width: int, path: Path, separator: str = ",") -> np.ndarray:
    """Return the numbers of some lines, float64 (number of lines, width); NaN for an empty cell.

    Raises:
        InputError: if a cell is no number, or a line has more or fewer cells.
    """
    table = np.empty((len(lines), width))
    for row, (number, line) in enumerate(lines):
        cells = line.split(separator)
        if len(cells) != width:
            raise InputError(f"{path} line {number}: {len(cells)} cells under {width} columns; export the table again")
        try:
            table[row] = [float(cell) if cell.strip() else np.nan for cell in cells]
        except ValueError:
            bad = next(cell for cell in cells if cell.strip() and to_number(cell) is None)
            raise InputError(f"{path} line {number}: '{bad.strip()[:40]}' is no number; correct the cell") from None
    return table
