"""Tables in workbooks (.xlsx, .xls, .ods) as text, so that whatever reads delimited text reads them, too.

Needs python-calamine (the extra `excel`). A workbook has to have a single sheet with content: which one is meant cannot
be known otherwise, but by formats that know the names of theirs (`workbook_sheets`).
"""

import csv
import importlib.util
import io
import json
import os
import subprocess
import sys
from functools import lru_cache
from pathlib import Path
from typing import NoReturn

from ethomake.errors import InputError
from ethomake.labels import sheets

SECONDS = 120
"""After which reading a workbook is given up."""


def is_workbook(content: bytes) -> bool:
    """Return whether a file begins as workbooks do: zip, as .xlsx and .ods are, or the older .xls."""
    return content.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0"))


def workbook_text(path: str | Path) -> str:
    """Return the table of a workbook as text, one line a row, cells separated by tabs; row 1 of the sheet is line 1.

    Raises:
        InputError: if it cannot be read, has several sheets with content, or python-calamine is not installed.
    """
    found = workbook_sheets(path)
    if len(found) > 1:
        raise InputError(
            f"{path}: {len(found)} sheets of the workbook have content ({', '.join(found)}), and which one is meant "
            "is not known; leave the one with the labels, or save it as a CSV file in UTF-8"
        )
    text = io.StringIO()
    writer = csv.writer(text, delimiter="\t", lineterminator="\n")
    writer.writerows(next(iter(found.values()), []))
    return text.getvalue()


def workbook_sheets(path: str | Path) -> dict[str, list[list[str]]]:
    """Return the cells of each sheet of a workbook that has content, as text.

    Raises:
        InputError: if it cannot be read, or python-calamine is not installed.
    """
    try:
        found = os.stat(path)
    except OSError as error:
        raise InputError(f"{path}: not readable ({error.strerror}); correct its path or its permissions") from None
    content = _sheets(str(path), found.st_mtime_ns, found.st_size)
    if isinstance(content, InputError):
        raise InputError(str(content))
    return content


@lru_cache(maxsize=2)
def _sheets(path: str, _changed: int, _size: int) -> dict[str, list[list[str]]] | InputError:
    """Return the sheets, or what is wrong; formats look at the same file one after the other."""
    try:
        return {name: rows for name, rows in _read(path).items() if any(cell for row in rows for cell in row)}
    except InputError as error:
        return error


def _read(path: str) -> dict[str, list[list[str]]]:
    """Return the rows of each sheet, read by a process of its own: the reader ends its process at some damage."""
    if importlib.util.find_spec("python_calamine") is None:
        raise InputError(
            f"{path}: a workbook (Excel, LibreOffice) and not plain text in UTF-8, whatever its name; workbooks are "
            'read with pip install "ethomake[excel]", or open it there and save the labels as a CSV file in UTF-8'
        )
    command = [sys.executable, "-P", sheets.__file__, path]
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=SECONDS)
        return json.loads(done.stdout) if done.returncode == 0 else _refuse(path)
    except (subprocess.TimeoutExpired, ValueError):
        return _refuse(path)


def _refuse(path: str) -> NoReturn:
    raise InputError(
        f"{path}: a workbook (Excel, LibreOffice) and not plain text in UTF-8, whatever its name; it is damaged, too "
        "large, or of another kind; open it there and save the labels as a CSV file in UTF-8"
    )
