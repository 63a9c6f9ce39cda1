"""The forms in which label files come, one module each.

A module of this folder is a format. It has

    DESCRIPTION: str                          what the user is told about the format when a file is of none
    recognizes(header: list[str]) -> bool     is a file with these column names of this format?
    read(sheet: Sheet) -> LabelTable          its labels; InputError where the file is wrong

Put a module beside the others and it is found; nothing else changes.
"""

import importlib
import pkgutil
from pathlib import Path
from types import ModuleType

from ethomake.errors import InputError
from ethomake.labels.table import LabelTable, read_sheet


def find_formats() -> list[ModuleType]:
    """The modules of this folder, by name."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    return [importlib.import_module(f"{__name__}.{name}") for name in names]


def read_any_labels(path: str | Path) -> LabelTable:
    """Read a label file of whichever known format it is.

    Raises:
        InputError: if its header is of no known format, or of more than one, or the file is wrong.
    """
    sheet = read_sheet(path)
    formats = find_formats()
    found = [module for module in formats if module.recognizes(sheet.header)]
    if len(found) != 1:
        known = "; ".join(module.DESCRIPTION for module in formats)
        which = "no known format" if not found else " and ".join(module.__name__.split(".")[-1] for module in found)
        header = ",".join(sheet.header)[:80]
        raise InputError(f"{path}, line 1: the header '{header}' is of {which}; known are: {known}")
    return found[0].read(sheet)
