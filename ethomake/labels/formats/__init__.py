"""The formats of label files, one module each.

Each module of this folder is a format. It defines

    DESCRIPTION: str                          describes the format in the error for a file of no known format
    recognizes(header: list[str]) -> bool     whether a file with these column names has this format
    read(sheet: Sheet) -> LabelTable          reads the labels; raises InputError if the file is wrong

A new module in this folder is found automatically; nothing else needs to change.
"""

import importlib
import pkgutil
from pathlib import Path
from types import ModuleType

from ethomake.errors import InputError
from ethomake.labels.recognize import describe_header, explain_refusal
from ethomake.labels.table import LabelTable, read_sheet


def find_formats() -> list[ModuleType]:
    """Return the modules of this folder, sorted by name."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    return [importlib.import_module(f"{__name__}.{name}") for name in names]


def read_any_labels(path: str | Path) -> LabelTable:
    """Read a label file of any known format.

    Raises:
        InputError: if its header matches no known format or more than one, or if the file is wrong.
    """
    formats = find_formats()

    def is_known(header: list[str]) -> bool:
        return any(module.recognizes(header) for module in formats)

    try:
        sheet = read_sheet(path)
    except InputError as error:
        raise explain_refusal(path, error, is_known) from None
    found = [module for module in formats if module.recognizes(sheet.header)]
    if len(found) != 1:
        if not found and (problem := describe_header(path, sheet, is_known)):
            raise InputError(f"{path}, line 1: {problem}")
        known = "; ".join(module.DESCRIPTION for module in formats)
        which = "no known format" if not found else " and ".join(module.__name__.split(".")[-1] for module in found)
        header = ",".join(sheet.header)[:80]
        raise InputError(f"{path}, line 1: the header '{header}' matches {which}; known formats: {known}")
    return found[0].read(sheet)
