"""Tables by time: `time,<behavior>,...` with one row per time step, such as the binary tables of BORIS.

A row holds from its time until that of the next one. Which frames these are is known once the time stamps of the video
are (`ethomake.labels.steps`).
"""

from dataclasses import replace

import numpy as np

from ethomake.labels.table import TIME_COLUMN, LabelTable, Sheet, read_columns

DESCRIPTION = "a table by time, as BORIS's binary table (first column 'time' in seconds, then the behaviors)"


EQUAL = 1e-9
"""Seconds by which steps may differ that are the same."""


def recognizes(header: list[str]) -> bool:
    """Return whether the first column is the time in seconds, and there are others."""
    is_list = {"behavior", "behaviour"} & {name.casefold() for name in header}  # of events, one in each row
    return len(header) > 1 and not is_list and TIME_COLUMN.fullmatch(header[0]) is not None


def read(sheet: Sheet) -> LabelTable:
    """Return the labels of the rows, with their times; a column `background` is checked and left out."""
    times = np.array([_seconds(sheet, row) for row in range(len(sheet.rows))])
    backwards = np.flatnonzero(np.diff(times) <= 0)
    if len(backwards):
        row = int(backwards[0]) + 1
        raise sheet.error(row, f"{sheet.rows[row][0]} follows {sheet.rows[row - 1][0]} {_why(sheet, times, row)}")
    table = read_columns(sheet, first=1, index=False)
    return replace(table, times=times, tolerance=_rounding(sheet, times))


def _seconds(sheet: Sheet, row: int) -> float:
    cell = sheet.rows[row][0]
    try:
        value = float(cell)
    except ValueError:
        value = np.nan
    if not np.isfinite(value):
        shown = f"'{cell}'" if cell else "nothing"
        problem = f"column '{sheet.header[0]}' holds {shown}; write the time in seconds, as in 12.5"
        raise sheet.error(row, problem)
    return value


def _rounding(sheet: Sheet, times: np.ndarray) -> float:
    """Return how far times may be from the true ones: not at all if steps are equal, else half of the last digit."""
    steps = np.diff(times)
    if len(steps) == 0 or np.ptp(steps) < EQUAL:
        return 0.0
    decimals = max(len(row[0].partition(".")[2]) for row in sheet.rows)
    return min(0.5 * 10.0**-decimals, 0.5 * float(steps.min()))


def _why(sheet: Sheet, times: np.ndarray, row: int) -> str:
    if times[row] == times[0]:
        return "and begins anew: give each animal or video a label file, and a row of the video table, of its own"
    return f"in column '{sheet.header[0]}'; times have to increase from row to row"
