"""Read HDF5 files of other programs."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np

from ethomake.errors import InputError

_MAGIC = b"\x89HDF\r\n\x1a\n"


def is_hdf5(path: Path) -> bool:
    """Return whether a file begins as HDF5 files do."""
    with path.open("rb") as file:
        return file.read(len(_MAGIC)) == _MAGIC


def open_file(path: Path) -> h5py.File:
    """Open a file for reading.

    Raises:
        InputError: if it is damaged.
    """
    try:
        return h5py.File(path, "r")
    except OSError as error:
        raise InputError(f"{path}: damaged ({error}); copy or export it again") from None


def holds(path: Path, *names: str) -> bool:
    """Return whether a file is an HDF5 file with these groups or datasets. One that is damaged holds what it must."""
    if not is_hdf5(path):
        return False
    try:
        with h5py.File(path, "r") as file:
            return all(name in file for name in names)
    except OSError:
        return False


def read_array(file: h5py.File, name: str) -> np.ndarray:
    """Return a dataset.

    Raises:
        InputError: if there is none of this name, or it cannot be read.
    """
    found = file.get(name)
    if not isinstance(found, h5py.Dataset):
        raise InputError(f"{file.filename}: no dataset {name} in it; export the tracks again")
    try:
        return found[()]
    except OSError as error:
        raise InputError(f"{file.filename}: damaged at {name} ({error}); export the tracks again") from None


def as_text(value: Any) -> str:
    """Return a text that HDF5 may hold as bytes."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def fields(array: np.ndarray, name: str, wanted: tuple[str, ...], path: str | Path) -> None:
    """Check that a table has some columns.

    Raises:
        InputError: if one is missing.
    """
    for each in wanted:
        if each not in (array.dtype.names or ()):
            raise InputError(f"{path}: {name} has no column {each}; export the tracks again")
