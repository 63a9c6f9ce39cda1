"""Sheets of Solomon Coder (`.csv`): a row a time step, with the names of the behaviors that were on.

The first column is the time in seconds; each other column holds, in each row, the name of a behavior or nothing. A row
holds from its time until that of the next; which frames these are is known by the time stamps of the video. A row
without a name is scored: nothing was on. Behaviors that are in no row were absent, since the sheet names no others.

A behavior that is in several columns may be of several animals: the row's `subject` names the column.

Source: https://solomon.andraspeter.com/Solomon%20Intro.pdf
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ethomake.cells import restore, to_number
from ethomake.errors import InputError
from ethomake.labels.formats.by_time import read_times
from ethomake.labels.policies import Policies
from ethomake.labels.steps import rows_of_frames
from ethomake.labels.table import (
    BACKGROUND,
    MILLISECONDS,
    TIME_COLUMN,
    LabelTable,
    Positives,
    Sheet,
    head_text,
    is_label,
    parse_sheet,
    read_sheet,
)
from ethomake.labels.timeline import Timeline
from ethomake.letters import nfc

TITLE = "a sheet of Solomon Coder (first column 'Time', then names of behaviors in each row)"
SEVERAL = True

_EVENTS = {"status", "event", "event type", "event_type", "type", "behavior type", "behaviour type", "start", "stop"}
_EVENTS |= {"onset", "offset", "duration", "end", "start (s)", "stop (s)", "media file path", "observation id"}
"""Names of columns of tables of events, which may begin with the time, too."""

_LEAST = 3
"""Rows by which equal steps are told."""


def sniff(path: Path) -> bool:
    """Return whether the first column has equal time steps, and all others have names and blanks only."""
    try:
        sheet = parse_sheet(head_text(path), path)
    except (InputError, IndexError):
        return False
    names = {name.casefold() for name in sheet.header}
    first = sheet.header[0]
    if len(names) < 2 or names & _EVENTS or not (TIME_COLUMN.fullmatch(first) or MILLISECONDS.fullmatch(first)):
        return False
    cells = [cell for row in sheet.rows for cell in row[1:] if cell]
    if not cells or any(to_number(cell) is not None for cell in cells) or len(sheet.rows) < _LEAST:
        return False
    try:
        times, rounded = read_times(sheet)
    except InputError:
        return False
    return bool(np.ptp(np.diff(times)) <= 4 * rounded + 1e-6)


def read(path: Path, timeline: Timeline, policies: Policies) -> LabelTable:
    """Return the labels by frame.

    Frames after the last row become -1; rows after the end of the video are left out.
    """
    sheet = read_sheet(path)
    behaviors, on, note = _choose(sheet, timeline.subject)
    times, rounded = read_times(sheet)
    try:
        rows = rows_of_frames(times, timeline.begins, timeline.end, rounded)
    except ValueError as error:
        raise InputError(f"{path}: {error}") from None
    values = np.where(rows[:, None] >= 0, on[rows], np.int8(-1)).astype(np.int8)
    late = int((rows < 0).sum())
    used = np.count_nonzero(np.diff(rows[rows >= 0], prepend=-1))
    told = [note] * bool(note) + [f"read by time: {used} rows for {len(rows)} frames"]
    told += [f"{late} frames after the last row count as not scored"] if late else []
    return LabelTable(behaviors, values, notes=tuple(told), is_list=True, observed=rows >= 0)


def count_positives(path: Path, policies: Policies, video: str = "", subject: str = "") -> Positives:
    """Count the rows of each behavior."""
    sheet = read_sheet(path)
    read_times(sheet)
    behaviors, on, _ = _choose(sheet, subject)
    return Positives(dict(zip(behaviors, on.sum(axis=0).tolist(), strict=True)), is_list=True)


def _choose(sheet: Sheet, subject: str) -> tuple[tuple[str, ...], np.ndarray, str]:
    """Return the behaviors of one column or of all, where they are on, int8 (R, K), and what to tell.

    Raises:
        InputError: if a behavior is in several columns, and the subject names none.
    """
    own = [number for number, name in enumerate(sheet.header) if number and name.casefold() == subject.casefold() != ""]
    used = own[:1] or list(range(1, len(sheet.header)))
    homes: dict[str, int] = {}
    entries: list[tuple[int, str]] = []
    known: dict[str, str] = {}
    for row, cells in enumerate(sheet.rows):
        for column in used:
            if not (cell := cells[column]):
                continue
            if cell not in known:
                known[cell] = _name(sheet, row, column)
            name = known[cell]
            if homes.setdefault(name, column) != column and name:
                both = f"{sheet.header[homes[name]]} and {sheet.header[column]}"
                raise sheet.error(
                    row,
                    f"{name} is in the columns {both}, and which one is meant is not known; write one of them into the "
                    "column subject of the video table",
                )
            entries.append((row, name))
    homes.pop("", None)
    behaviors = tuple(homes)
    on = np.zeros((len(sheet.rows), len(behaviors)), np.int8)
    places = {name: number for number, name in enumerate(behaviors)}
    for row, name in entries:
        if name:
            on[row, places[name]] = 1
    return behaviors, on, _together(sheet, used)


def _name(sheet: Sheet, row: int, column: int) -> str:
    """Return the behavior in a cell, "" if it says that there is none."""
    name = nfc(restore(" ".join(sheet.rows[row][column].split())))
    if is_label(name):
        problem = f"column '{sheet.header[column]}' holds {name} where the name of a behavior, or nothing, is due"
        raise sheet.error(row, f"{problem}; correct it")
    return "" if name.casefold() == BACKGROUND else name


def _together(sheet: Sheet, used: Sequence[int]) -> str:
    names = [sheet.header[column] for column in used]
    return f"the columns {', '.join(names[:8])} were read together" if len(names) > 1 else ""
