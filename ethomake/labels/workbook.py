"""Tables in workbooks (.xlsx, .xls, .ods) as text, so that whatever reads delimited text reads them, too.

Needs python-calamine (the extra `excel`). A workbook has to have a single sheet with content: which one is meant cannot
be known otherwise.
"""

import csv
import io
import os
import zipfile
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

from ethomake.errors import InputError

MOST_BYTES = 1 << 30
"""Of an unpacked workbook: more is no table of labels but may fill the memory."""


def is_workbook(content: bytes) -> bool:
    """Return whether a file begins as workbooks do: zip, as .xlsx and .ods are, or the older .xls."""
    return content.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0"))


def workbook_text(path: str | Path) -> str:
    """Return the table of a workbook as text, one line a row, cells separated by tabs; row 1 of the sheet is line 1.

    Raises:
        InputError: if it cannot be read, has several sheets with content, or python-calamine is not installed.
    """
    try:
        found = os.stat(path)
        return _text(str(path), found.st_mtime_ns, found.st_size)
    except OSError as error:
        raise InputError(f"{path}: not readable ({error.strerror}); correct its path or its permissions") from None


@lru_cache(maxsize=2)
def _text(path: str, _changed: int, _size: int) -> str:
    """Return the text; formats look at the same file one after the other."""
    sheets = {name: rows for name, rows in _read(path) if any(cell != "" for row in rows for cell in row)}
    if len(sheets) > 1:
        raise InputError(
            f"{path}: {len(sheets)} sheets of the workbook have content ({', '.join(sheets)}), and which one is meant "
            "is not known; leave the one with the labels, or save it as a CSV file in UTF-8"
        )
    text = io.StringIO()
    writer = csv.writer(text, delimiter="\t", lineterminator="\n")
    for row in next(iter(sheets.values()), []):
        writer.writerow([" ".join(_cell(value).split()) for value in row])
    return text.getvalue()


def _read(path: str) -> list[tuple[str, Sequence[Sequence[Any]]]]:
    try:
        import python_calamine
    except ImportError:
        raise InputError(
            f"{path}: a workbook (Excel, LibreOffice) and not plain text in UTF-8, whatever its name; workbooks are "
            'read with pip install "ethomake[excel]", or open it there and save the labels as a CSV file in UTF-8'
        ) from None
    try:
        _check_size(path)
        workbook = python_calamine.CalamineWorkbook.from_path(path)
        return [
            (name, workbook.get_sheet_by_name(name).to_python(skip_empty_area=False)) for name in workbook.sheet_names
        ]
    except (KeyboardInterrupt, SystemExit, MemoryError, InputError, OSError):
        raise
    except BaseException:  # a panic of the library, which is in Rust, is no Exception
        raise InputError(
            f"{path}: a workbook (Excel, LibreOffice) and not plain text in UTF-8, whatever its name; it is damaged "
            "or of another kind; open it there and save the labels as a CSV file in UTF-8"
        ) from None


def _check_size(path: str) -> None:
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            size = sum(each.file_size for each in archive.infolist())
        if size > MOST_BYTES:
            raise InputError(f"{path}: a workbook of {size:,} bytes when unpacked; save the labels as a CSV file")


def _cell(value: Any) -> str:
    """Return a cell as it would be in a CSV file; durations and times of day as h:mm:ss."""
    if isinstance(value, bool):
        return str(value)
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
    return str(value)
