"""Spreadsheets of Datavyu: projects (`.opf`), and their database as text (`.csv`).

Times are hours:minutes:seconds:milliseconds, and the last millisecond is included. The behavior is the name of a
column; the values of its codes are modifiers. A cell whose offset is 0, as it is until it is set, never stops; one
whose offset is its onset is an event without duration. In a project, the time of a video begins at its offset.

Exports by scripts are other tables: give the project.

Source: https://www.datavyu.org/user-guide/, file format 4 (`SaveDatabaseFileC` of https://github.com/databrary/datavyu)
"""

import re
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from ethomake.errors import InputError
from ethomake.labels.intervals import Bout, Intervals, count_bouts, to_labels
from ethomake.labels.policies import Policies
from ethomake.labels.table import LabelTable, Positives, decode_text, head, head_text, read_bytes
from ethomake.labels.timeline import Timeline

TITLE = "a spreadsheet of Datavyu (.opf, or its .csv)"
SEVERAL = True

MOST_BYTES = 1 << 28
"""Of an unpacked part of a project."""

MILLISECOND = 0.001
"""Seconds; a cell lasts to the end of the millisecond of its offset."""

_COLUMN = re.compile(r"(.+?) \((MATRIX|TEXT|NOMINAL|PREDICATE|INTEGER|FLOAT)\b[^)]*\)\s*(-.*)?")
_CELL = re.compile(r"(\d+):(\d\d):(\d\d):(\d{3}),(\d+):(\d\d):(\d\d):(\d{3}),?(.*)", re.DOTALL)
_FEED = re.compile(r"^\s*(?:- )?(?:!vs\s+)?feed:\s*(.+?)\s*$", re.MULTILINE)
_SETTINGS = re.compile(r"^\s*(?:- )?settingsId:\s*['\"]?(\w+)['\"]?\s*$", re.MULTILINE)
_OFFSET = re.compile(r"^\s*offset\s*[=:]\s*(-?\d{1,15})\s*$", re.MULTILINE)


def sniff(path: Path) -> bool:
    """Return whether it is a project, or begins as its database does."""
    if head(path).startswith(b"PK\x03\x04"):
        return {"db", "project"} <= set(_parts(path))
    lines = head_text(path).splitlines()
    first = next((number for number, line in enumerate(lines[:20]) if _COLUMN.fullmatch(line.strip())), None)
    return first is not None and all(re.fullmatch(r"\s*|#\d+", line) for line in lines[:first])


def read(path: Path, timeline: Timeline, policies: Policies) -> LabelTable:
    """Return the labels by frame."""
    return to_labels(_parse(path), timeline, policies)


def count_positives(path: Path, policies: Policies, video: str = "", subject: str = "") -> Positives:
    """Count the cells of each column."""
    return count_bouts(_parse(path), policies, video, subject)


def _parse(path: Path) -> Intervals:
    if not head(path).startswith(b"PK\x03\x04"):
        columns, bouts = _spreadsheet(path, decode_text(read_bytes(path), path, "the spreadsheet"))
        return Intervals(path, bouts, scored=columns)
    columns, bouts = _spreadsheet(path, _part(path, "db"))
    media = dict(_media(path))
    shown = [_shift(bout, video, offset) for video, offset in media.items() for bout in bouts]
    return Intervals(path, shown if media else bouts, scored=columns, media=tuple(media))


def _spreadsheet(path: Path, text: str) -> tuple[tuple[str, ...], list[Bout]]:
    """Return the names of the columns, and their cells."""
    columns, bouts = [], []
    for line, number in _entries(text):
        where = f"line {number}"
        if column := _COLUMN.fullmatch(line.strip()):
            columns.append(_unescape(column[1]).strip())
        elif re.fullmatch(r"\s*|#\d+\s*", line):
            continue
        elif not (cell := _CELL.fullmatch(line.strip())):
            raise InputError(
                f"{path}, {where}: '{line.strip()[:40]}' is neither a column nor a cell; save it again in Datavyu"
            )
        elif not columns:
            raise InputError(f"{path}, {where}: a cell before the first column; save it again in Datavyu")
        else:
            bouts.append(_bout(path, where, cell, columns[-1]))
    if not columns:
        raise InputError(f"{path}: there is no column; give a spreadsheet with labels")
    return tuple(dict.fromkeys(columns)), bouts


def _entries(text: str) -> Iterator[tuple[str, int]]:
    """Yield columns and cells with their lines; the values of a cell may have line breaks."""
    entry, first, after_cell = "", 1, False
    for number, line in enumerate(text.splitlines(), start=1):
        begins = bool(_CELL.match(line) or _COLUMN.fullmatch(line.strip()))
        if begins or not after_cell:
            yield entry, first
            entry, first = line, number
        else:
            entry += "\n" + line
        after_cell = bool(_CELL.match(line)) or (after_cell and not begins)
    yield entry, first


def _bout(path: Path, where: str, cell: re.Match[str], column: str) -> Bout:
    onset, offset = (
        int(hours) * 3600 + int(minutes) * 60 + int(seconds) + int(milliseconds) / 1000
        for hours, minutes, seconds, milliseconds in (cell.group(1, 2, 3, 4), cell.group(5, 6, 7, 8))
    )
    if 0 < offset < onset:
        raise InputError(f"{path}, {where}: {column} stops before it starts; correct the cell in Datavyu")
    values = re.sub(r"^\s*\((.*)\)\s*$", r"\1", cell[9], flags=re.DOTALL)
    modifiers = tuple(" ".join(_unescape(value).split()) for value in re.split(r"(?<!\\),", values))
    point = offset == onset
    stop = onset if point else None if offset == 0 else round(offset + MILLISECOND, 3)
    return Bout(column, onset, stop, where, modifiers=modifiers, point=point)


def _unescape(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL)


def _media(path: Path) -> Iterator[tuple[str, float]]:
    """Yield the videos of a project, and the second of its time at which each begins."""
    project = _part(path, "project")
    parts = set(_parts(path))
    for block in re.split(r"^\s*- !vs", project, flags=re.MULTILINE)[1:]:
        feed, settings = _FEED.search(block), _SETTINGS.search(block)
        if feed:
            own = _part(path, settings[1]) if settings and settings[1] in parts else ""
            offset = _OFFSET.search(own)
            yield feed[1].strip("'\""), int(offset[1]) / 1000 if offset else 0.0


def _shift(bout: Bout, video: str, offset: float) -> Bout:
    start, stop = (None if time is None else round(time - offset, 9) for time in (bout.start, bout.stop))
    return replace(bout, media=video, start=start, stop=stop)


def _parts(path: Path) -> Sequence[str]:
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, RuntimeError, EOFError):
        return []


def _part(path: Path, name: str) -> str:
    """Return a part of a project as text."""
    try:
        with zipfile.ZipFile(path) as archive, archive.open(name) as file:
            content = file.read(MOST_BYTES + 1)
    except (
        *(zipfile.BadZipFile, zlib.error, OSError, ValueError, KeyError, NotImplementedError, RuntimeError, EOFError),
    ) as error:
        raise InputError(f"{path}: a project of Datavyu that is damaged ({error}); save it again in Datavyu") from None
    if len(content) > MOST_BYTES:
        raise InputError(f"{path}: a project of Datavyu with a part {name} that is too large; save it again in Datavyu")
    return decode_text(content, path, "the spreadsheet")
