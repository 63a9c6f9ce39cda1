"""Tables by time: `time,<behavior>,...` with one row per time step, such as the binary tables of BORIS.

A row holds from its time until that of the next one. Which frames these are is known by the time stamps of the video
(`ethomake.labels.steps`). Times are seconds, as in 12.5, or hours, minutes and seconds, as in 0:00:12.5; or
milliseconds if the name of the column says so.
"""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np

from ethomake.errors import InputError
from ethomake.labels.policies import Policies
from ethomake.labels.steps import rows_of_frames
from ethomake.labels.table import (
    MILLISECONDS,
    TIME_COLUMN,
    LabelTable,
    Positives,
    Sheet,
    count_frames,
    head_names,
    read_columns,
    read_sheet,
)
from ethomake.labels.timeline import Timeline

TITLE = "a table by time, as BORIS's binary table (first column 'time' in seconds, then the behaviors)"
PLAIN = True

EQUAL = 1e-9
"""Seconds by which steps may differ that are the same."""

_CLOCK = re.compile(r"(?:(\d+):)?(\d{1,2}):(\d{1,2}(?:\.\d*)?)")


def sniff(path: Path) -> bool:
    """Return whether the first column is the time, and there are others that are not names of behaviors."""
    header = head_names(path)
    is_list = {"behavior", "behaviour"} & {name.casefold() for name in header}  # of events, one in each row
    return len(header) > 1 and not is_list and _is_time(header[0])


def read(path: Path, timeline: Timeline, policies: Policies) -> LabelTable:
    """Return the labels by frame; a column `background` is checked and left out.

    Frames after the last row become -1; rows after the end of the video are left out.
    """
    sheet = read_sheet(path)
    times, rounded = read_times(sheet)
    given = read_columns(sheet, first=1, index=False, policies=policies)
    try:
        rows = rows_of_frames(times, timeline.begins, timeline.end, rounded)
    except ValueError as error:
        raise InputError(f"{path}: {error}") from None
    beyond, late = int((times >= timeline.end).sum()), int((rows < 0).sum())
    used = len(np.unique(rows[rows >= 0]))
    told = [f"read by time: {used} rows for {len(rows)} frames"]
    told += [f"{beyond} rows after the end of the video are left out"] if beyond else []
    told += [f"{late} frames after the last row count as not scored"] if late else []
    values = np.where(rows[:, None] >= 0, given.values[rows], np.int8(-1)).astype(np.int8)
    return replace(given, values=values, notes=(*given.notes, "; ".join(told)))


def count_positives(path: Path, policies: Policies, video: str = "", subject: str = "") -> Positives:
    """Count the rows with each behavior."""
    sheet = read_sheet(path)
    read_times(sheet)
    return count_frames(read_columns(sheet, first=1, index=False, policies=policies))


def read_times(sheet: Sheet) -> tuple[np.ndarray, float]:
    """Return the times in the first column, float64 (R,) seconds, and by how much they may have been rounded.

    Raises:
        InputError: if one is no time, or not after the one before.
    """
    unit = 0.001 if MILLISECONDS.fullmatch(sheet.header[0]) else 1.0
    times = np.array([_seconds(sheet, row, unit) for row in range(len(sheet.rows))])
    backwards = np.flatnonzero(np.diff(times) <= 0)
    if len(backwards):
        row = int(backwards[0]) + 1
        raise sheet.error(row, f"{sheet.rows[row][0]} follows {sheet.rows[row - 1][0]} {_why(sheet, times, row)}")
    return times, _rounding(sheet, times, unit)


def _is_time(name: str) -> bool:
    return bool(TIME_COLUMN.fullmatch(name) or MILLISECONDS.fullmatch(name))


def _seconds(sheet: Sheet, row: int, unit: float) -> float:
    cell = sheet.rows[row][0]
    try:
        value = float(cell) * unit if unit == 1 else float(cell) / 1000  # divided: 0.033, not 0.033000000000000004
    except ValueError:
        clock = _CLOCK.fullmatch(cell) if unit == 1 else None
        hours, minutes, seconds = clock.groups(default="0") if clock else ("nan", "0", "0")
        value = float(hours) * 3600 + float(minutes) * 60 + float(seconds)
        if clock and (float(seconds) >= 60 or (clock[1] and float(minutes) >= 60)):
            value = np.nan
    if not np.isfinite(value):
        shown = f"'{cell}'" if cell else "nothing"
        what = "in milliseconds, as in 12500" if unit < 1 else "in seconds, as in 12.5, or as 0:00:12.5"
        raise sheet.error(row, f"column '{sheet.header[0]}' holds {shown}; write the time {what}")
    return value


def _rounding(sheet: Sheet, times: np.ndarray, unit: float) -> float:
    """Return how far times may be from the true ones: not at all if steps are equal, else half of the last digit."""
    steps = np.diff(times)
    if len(steps) == 0 or np.ptp(steps) < EQUAL:
        return 0.0
    decimals = max(len(row[0].partition(".")[2]) for row in sheet.rows)
    return min(0.5 * unit * 10.0**-decimals, 0.5 * float(steps.min()))


def _why(sheet: Sheet, times: np.ndarray, row: int) -> str:
    if times[row] == times[0]:
        return "and begins anew: give each animal or video a label file, and a row of the video table, of its own"
    return f"in column '{sheet.header[0]}'; times have to increase from row to row"
