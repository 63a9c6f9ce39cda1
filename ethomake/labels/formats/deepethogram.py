"""DeepEthogram's `<video>_labels.csv`: an unnamed index (not in all files), `background`, the behaviors.

Values are 1, 0 and -1, written as floats by some versions. DeepEthogram's predictions have the same format.
"""

from ethomake.labels.table import BACKGROUND, TIME_COLUMN, LabelTable, Sheet, read_columns

DESCRIPTION = "DeepEthogram (a column 'background', in front an index without a name or nothing)"


def recognizes(header: list[str]) -> bool:
    """Return whether there is an unnamed index column, or a background column and the first is no frame or time."""
    names = [name.lower() for name in header]
    other = names[0] == "frame" or TIME_COLUMN.fullmatch(names[0])
    return _has_index(header) or (BACKGROUND in names and not other)


def read(sheet: Sheet) -> LabelTable:
    """Return the labels without `background`, which is derived."""
    index = _has_index(sheet.header)
    return read_columns(sheet, first=int(index), index=index)


def _has_index(header: list[str]) -> bool:
    return header[0] in ("", "Unnamed: 0")  # the second: written by pandas, read and written again
