"""Ethomake's format: `frame,<behavior>,...`, one row per frame."""

from ethomake.labels.table import LabelTable, Sheet, read_columns

DESCRIPTION = "ethomake (first column 'frame', then the behaviors)"


def recognizes(header: list[str]) -> bool:
    """Return whether the first column is named `frame`."""
    return header[0].lower() == "frame"


def read(sheet: Sheet) -> LabelTable:
    """Return the labels; a column `background` is checked and left out."""
    return read_columns(sheet, first=1, index=True)
