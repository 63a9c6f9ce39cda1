"""The cells of a workbook as text; run as a program of its own, since the reader may end it at damage.

`python sheets.py FILE` writes JSON: the rows of each sheet, by its name.
"""

import json
import sys
import zipfile
from datetime import date, datetime, time, timedelta
from typing import Any

MEMORY = 8 << 30
"""Bytes that reading a workbook may take, where the system can limit this."""

MOST_BYTES = 1 << 30
"""Of an unpacked workbook: more is no table of labels."""


def read_sheets(path: str) -> dict[str, list[list[str]]]:
    """Return the cells of each sheet as text.

    Raises:
        ValueError: if it is too large.
    """
    import python_calamine

    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            if sum(each.file_size for each in archive.infolist()) > MOST_BYTES:
                raise ValueError("too large")
    workbook = python_calamine.CalamineWorkbook.from_path(path)
    sheets = {name: workbook.get_sheet_by_name(name) for name in workbook.sheet_names}
    return {
        name: [[write_cell(value) for value in row] for row in sheet.to_python(skip_empty_area=False)]
        for name, sheet in sheets.items()
    }


def write_cell(value: Any) -> str:
    """Return a cell as it would be in a CSV file, without line breaks; durations and times of day as h:mm:ss."""
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else f"{value:.15g}"
    if isinstance(value, datetime | date):
        return value.isoformat(" ") if isinstance(value, datetime) else value.isoformat()
    if isinstance(value, time):
        value = timedelta(hours=value.hour, minutes=value.minute, seconds=value.second, microseconds=value.microsecond)
    if isinstance(value, timedelta):
        minutes, seconds = divmod(value / timedelta(seconds=1), 60)
        rest = f"{seconds:09.6f}".rstrip("0").rstrip(".")
        return f"{int(minutes // 60)}:{int(minutes % 60):02d}:{rest}"
    return " ".join(str(value).split())


def main() -> None:
    """Write the sheets of the file that is named on the command line."""
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    except (ImportError, ValueError, OSError):
        pass  # not on this system, or not allowed
    sys.stdout.buffer.write(json.dumps(read_sheets(sys.argv[1])).encode())


if __name__ == "__main__":
    main()
