"""Tables of DeepLabCut (HDF5): what pandas writes of a table, in either of its layouts."""

import io
import pickle
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from ethomake.errors import InputError
from ethomake.ingest.tracks.deeplabcut import columns_to_poses
from ethomake.ingest.tracks.hdf5 import as_text, is_hdf5, open_file, read_array
from ethomake.ingest.tracks.poses import Poses

DESCRIPTION = "DeepLabCut's table (HDF5, as pandas writes it)"

REMEDY = "give the CSV file that DeepLabCut writes beside it (deeplabcut.analyze_videos with save_as_csv=True)"
TABLE, FIXED = "frame_table", "frame"
"""The two layouts of pandas, by the attribute `pandas_type` of a group."""


def sniff(path: Path) -> bool:
    """Return whether the file holds a table of pandas.

    Raises:
        InputError: if it is a damaged HDF5 file.
    """
    if not is_hdf5(path):
        return False
    with open_file(path) as file:
        return _find(file) is not None


def read(path: Path) -> Poses:
    """Read the tracks of one or several animals.

    Raises:
        InputError: if the layout is another one, or the table is none of DeepLabCut.
    """
    with open_file(path) as file:
        group = _find(file)
        assert group is not None, "it was looked for"
        layout = as_text(group.attrs["pandas_type"])
        try:
            index, columns, values = _read_table(file, group) if layout == TABLE else _read_fixed(file, group)
        except (KeyError, IndexError, ValueError, TypeError, pickle.UnpicklingError, EOFError) as error:
            raise InputError(f"{path}: a table of pandas in a layout that cannot be read ({error}); {REMEDY}") from None
    if len({len(column) for column in columns}) != 1 or len(columns[0]) not in (3, 4):
        raise InputError(f"{path}: a table of pandas, but none of DeepLabCut (scorer, bodyparts, coords); {REMEDY}")
    if not (np.issubdtype(index.dtype, np.integer) and np.array_equal(index, np.arange(len(index)))):
        raise InputError(
            f"{path}: not a row for each frame from 0 on, as if body parts were placed by hand in single pictures; "
            "give the table that DeepLabCut makes when it analyzes a video"
        )
    named = [(column[1] if len(column) == 4 else "", column[-2], column[-1]) for column in columns]
    return columns_to_poses(named, values, path)


def _find(file: h5py.File) -> h5py.Group | None:
    """Return the group with a table: DeepLabCut's, or else the only one."""
    found = [
        group
        for group in file.values()
        if isinstance(group, h5py.Group) and as_text(group.attrs.get("pandas_type", "")) in (TABLE, FIXED)
    ]
    named = [group for group in found if group.name in ("/df_with_missing", "/tracks")]
    return named[0] if named else found[0] if len(found) == 1 else None


def _read_table(file: h5py.File, group: h5py.Group) -> tuple[np.ndarray, list[tuple[str, ...]], np.ndarray]:
    """Return index, names of the columns, and values (T, columns) of the layout that can be searched."""
    table = read_array(file, f"{group.name}/table")
    attributes = file[f"{group.name}/table"].attrs
    columns: list[tuple[str, ...]] = []
    blocks = []
    for name in table.dtype.names or ():
        if name.startswith("values_block_"):
            columns += [tuple(map(str, column)) for column in _plain_values(attributes[f"{name}_kind"])]
            blocks.append(table[name].reshape(len(table), -1))
    values = np.concatenate(blocks, axis=1)
    if values.shape[1] != len(columns):
        raise ValueError("its columns do not fit their names")
    return table["index"], columns, values.astype(float)


def _read_fixed(file: h5py.File, group: h5py.Group) -> tuple[np.ndarray, list[tuple[str, ...]], np.ndarray]:
    """Return index, names of the columns, and values (T, columns) of the layout that is written once."""
    columns: list[tuple[str, ...]] = []
    blocks = []
    for number in range(int(np.asarray(group.attrs.get("nblocks", 1)))):
        items = f"{group.name}/block{number}_items"
        names = []
        for level in range(int(np.asarray(group.attrs[f"block{number}_items_nlevels"]))):
            texts = [as_text(text) for text in read_array(file, f"{items}_level{level}").tolist()]
            names.append([texts[place] for place in read_array(file, f"{items}_label{level}").tolist()])
        columns += list(zip(*names, strict=True))
        blocks.append(read_array(file, f"{group.name}/block{number}_values"))
    return read_array(file, f"{group.name}/axis1"), columns, np.concatenate(blocks, axis=1).astype(float)


class _PlainUnpickler(pickle.Unpickler):
    """Reads pickles of lists, tuples, texts and numbers, and nothing that could run a program."""

    def find_class(self, module: str, name: str) -> Any:
        raise pickle.UnpicklingError(f"it names {module}.{name}")


def _plain_values(pickled: Any) -> list:
    """Return a list that PyTables has kept as a pickle."""
    content = pickled.tobytes() if hasattr(pickled, "tobytes") else bytes(pickled)
    return list(_PlainUnpickler(io.BytesIO(content)).load())
