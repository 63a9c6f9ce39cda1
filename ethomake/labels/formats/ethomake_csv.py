"""Our own form: `frame,<behavior>,...`, a row a frame."""

from ethomake.labels.table import LabelTable, Sheet, read_columns

DESCRIPTION = "ethomake (first column 'frame', then the behaviors)"


def recognizes(header: list[str]) -> bool:
    """Our form counts its rows in a first column that is named `frame`."""
    return header[0].lower() == "frame"


def read(sheet: Sheet) -> LabelTable:
    """The labels; a column `background` is checked and left out."""
    return read_columns(sheet, first=1, index=True)
