"""Read HDF5 files of other programs."""

from collections.abc import Iterator
from contextlib import contextmanager
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


@contextmanager
def open_file(path: Path) -> Iterator[h5py.File]:
    """Open a file for reading, for a `with` statement.

    Raises:
        InputError: if it is damaged, there or in what is read of it.
    """
    try:
        with h5py.File(path, "r") as file:
            yield file
    except InputError:
        raise
    except (OSError, RuntimeError, KeyError, ValueError, TypeError, MemoryError) as error:  # as h5py tells nonsense
        raise InputError(f"{path}: damaged ({' '.join(str(error).split())}); copy or export it again") from None


def holds(path: Path, *names: str) -> bool:
    """Return whether a file is an HDF5 file with these groups or datasets.

    Raises:
        InputError: if it is a damaged one.
    """
    if not is_hdf5(path):
        return False
    with open_file(path) as file:
        return all(name in file for name in names)


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
