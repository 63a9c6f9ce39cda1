"""The formats of label files, one module each.

Each module of this folder is a format. It defines

    TITLE: str                                describes the format in the error for a file of no known format
    sniff(path) -> bool                       whether a file has this format, by the first 64 KB of its content
    read(path, timeline, policies) -> LabelTable
                                              the labels, one row for every frame of the timeline
    count_positives(path, policies, video="", subject="") -> Positives
                                              how much it shows of each behavior, before the video has been looked at

and, if it can be written, too,

    EXTENSION: str                            of the files, as in `.csv`
    write(table, timeline, path) -> None      writes labels, whole or not at all

A format whose files can hold the labels of several videos or subjects has `SEVERAL = True`; rows of the video table may
share such a file.

`sniff` raises nothing, whatever the bytes (`head`, `head_text` and `head_names` of `ethomake.labels.table` help). The
others raise InputError if the file is wrong. Two formats that both claim a file are an error, except that a format with
`PLAIN = True` (a table that many programs write) is asked only if no other claims the file.

Tables with a row for every frame are read by `ethomake.labels.table.read_table`. Lists of bouts or events become
`ethomake.labels.intervals.Intervals`, of which `to_labels` and `count_bouts` make the results of `read` and
`count_positives`.

A new module in this folder is found automatically; nothing else needs to change.
"""

import importlib
import pkgutil
from pathlib import Path
from types import ModuleType

from ethomake.errors import InputError
from ethomake.labels.policies import STRICT, Policies
from ethomake.labels.recognize import describe_header, explain_refusal
from ethomake.labels.table import LabelTable, Positives, head_names, read_sheet
from ethomake.labels.timeline import Timeline


def find_formats() -> dict[str, ModuleType]:
    """Return the modules of this folder by name, sorted."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    return {name: importlib.import_module(f"{__name__}.{name}") for name in names}


def writable_formats() -> dict[str, str]:
    """Return the formats that can be written: their names, and the extensions of their files."""
    return {name: module.EXTENSION for name, module in find_formats().items() if hasattr(module, "write")}


def may_hold_several(path: str | Path) -> bool:
    """Return whether a label file has a format that can hold the labels of several videos or subjects."""
    try:
        return getattr(find_formats()[recognize(path)], "SEVERAL", False)
    except InputError:  # told where it is read
        return False


def recognize(path: str | Path) -> str:
    """Return the name of the format that a label file has.

    Raises:
        InputError: if it has none that is known, or more than one; the message says what it is, if that is known.
    """
    formats = find_formats()
    found = [name for name, module in formats.items() if not _is_plain(module) and module.sniff(Path(path))]
    found = found or [name for name, module in formats.items() if _is_plain(module) and module.sniff(Path(path))]
    if len(found) == 1:
        return found[0]
    if found:
        raise InputError(
            f"{path}: the file could be of the formats {' and '.join(found)}; save the labels in another way, or "
            "report this with the first lines of the file"
        )
    try:
        sheet = read_sheet(path)
    except InputError as error:
        raise explain_refusal(path, error) from None
    if problem := describe_header(path, sheet):
        raise InputError(f"{path}, line 1: {problem}")
    known = "; ".join(module.TITLE for module in formats.values())
    header = ",".join(head_names(path))[:80]
    raise InputError(f"{path}, line 1: the header '{header}' matches no known format; known formats: {known}")


def read_any_labels(path: str | Path, timeline: Timeline, policies: Policies = STRICT) -> LabelTable:
    """Read a label file of any known format.

    Args:
        path: the label file.
        timeline: the frames of its video.
        policies: what is done with entries that are not clear.

    Raises:
        InputError: if it matches no known format or more than one, or if the file is wrong.
    """
    return find_formats()[recognize(path)].read(Path(path), timeline, policies)


def count_any_positives(path: str | Path, policies: Policies = STRICT, video: str = "", subject: str = "") -> Positives:
    """Count how much a label file of any known format shows of each behavior, before its video is looked at.

    Args:
        path: the label file.
        policies: what is done with entries that are not clear.
        video: file name of the video.
        subject: the animal whose labels are meant.

    Raises:
        InputError: as from `read_any_labels`, as far as this can be known.
    """
    return find_formats()[recognize(path)].count_positives(Path(path), policies, video, subject)


def _is_plain(module: ModuleType) -> bool:
    return getattr(module, "PLAIN", False)
