"""The formats of track files, one module each.

Each module of this folder is a format. It defines

    DESCRIPTION: str                    describes the format in the error for a file of no known format
    sniff(path: Path) -> bool           whether the content of a file has this format; raises InputError if the file is
                                        damaged, so that no format can be told
    read(path: Path) -> Poses           reads it; raises InputError if the file is wrong

A new module in this folder is found automatically; nothing else needs to change.
"""

import importlib
import pkgutil
from pathlib import Path
from types import ModuleType

from ethomake.errors import InputError
from ethomake.ingest.tracks.poses import Poses


def find_formats() -> list[ModuleType]:
    """Return the modules of this folder, sorted by name."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    return [importlib.import_module(f"{__name__}.{name}") for name in names]


def read_poses(path: str | Path) -> Poses:
    """Read a track file of any known format, which is found by its content.

    Raises:
        InputError: if it has no known format or more than one, or if it is wrong.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            if not file.read(1):
                raise InputError(f"{path}: the file is empty; export the tracks again")
    except OSError as error:
        raise InputError(f"{path}: not readable ({error.strerror}); correct the column track") from None
    formats = find_formats()
    found = [module for module in formats if module.sniff(path)]
    if len(found) != 1:
        known = "; ".join(module.DESCRIPTION for module in formats)
        names = " and ".join(module.__name__.split(".")[-1] for module in found)
        what = f"it can be read as {names}" if found else "a track file of no known format"
        raise InputError(f"{path}: {what}; known formats: {known}")
    poses = found[0].read(path)
    if not poses.animals or not poses.nodes or not len(poses):
        raise InputError(f"{path}: no animal was tracked in it; export the tracks again")
    return poses
