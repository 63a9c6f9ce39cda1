"""Write a feature store chunk by chunk, so that a killed job can resume."""

import os
import shutil
from pathlib import Path

import numpy as np
import zarr

from ethomake.errors import InputError
from ethomake.features.store import array_of, chunk_digest, create_features, find_damage, layout_digest
from ethomake.files import read_json, remove, write_json, write_whole


class FeatureWriter:
    """Appends rows to all arrays of a store; every complete chunk is kept.

    Args:
        folder: folder in which the store grows, beside a record of what is complete. It is kept after a kill; the
            caller removes it.
        frames: as for `create_features`.
        widths: as for `create_features`.
        identity: digest of all inputs of the rows; a store with another identity is not resumed.

    Attributes:
        rows: number of complete rows.
        chunks: for each array the digests of its complete chunks.
        layout: digest of the store's metadata.
    """

    def __init__(self, folder: str | Path, frames: int, widths: dict[str, tuple[int, str]], identity: str):
        self.frames, self.widths, self.identity = frames, widths, identity
        self._store = Path(folder) / "features.zarr"
        self._record = Path(folder) / "complete.json"
        chunks = self._read_record()
        if chunks is None:
            remove(folder)
            create_features(self._store, frames, widths)
            chunks = {name: [] for name in sorted(widths)}
        self.chunks: dict[str, list[str]] = chunks
        self.layout = layout_digest(self._store)
        self._group = zarr.open_group(self._store, mode="r+")
        self._waiting: dict[str, list[np.ndarray]] = {name: [] for name in self.chunks}
        first = next(iter(self.chunks))
        self._step = array_of(self._group, first).chunks[0]
        self.rows = min(frames, len(self.chunks[first]) * self._step)

    def append(self, values: dict[str, np.ndarray]) -> None:
        """Add the next rows of every array, (n, width); rows must not extend across the end of a chunk.

        Raises:
            InputError: if a value is NaN or infinite, or becomes infinite in the type that is stored.
        """
        done = self.rows + sum(len(rows) for rows in next(iter(self._waiting.values())))
        for name, rows in values.items():
            with np.errstate(over="ignore"):  # said below
                stored = rows.astype(self.widths[name][1])
            if not (right := np.isfinite(stored).all(axis=1)).all():
                frame = done + int(right.argmin())
                raise InputError(
                    f"the array {name} of features has no finite numbers from frame {frame} on: the networks overflow; "
                    "set streams.precision: float32, or train again with a lower learning_rate"
                )
            self._waiting[name].append(stored)
        stop = self.rows + sum(len(rows) for rows in next(iter(self._waiting.values())))
        if stop < min(self.rows + self._step, self.frames):
            return
        for name, parts in self._waiting.items():
            rows = np.concatenate(parts)
            array_of(self._group, name)[self.rows : stop] = rows
            self.chunks[name].append(chunk_digest(rows))
            parts.clear()
        self.rows = stop
        write_json(self._record, {"identity": self.identity, "layout": self.layout, "chunks": self.chunks})

    def publish(self, store: str | Path) -> None:
        """Put the complete store in its final place; the folder keeps it, too, without using space if links work."""
        with write_whole(store) as part:
            shutil.copytree(self._store, part, copy_function=_link)

    def _read_record(self) -> dict[str, list[str]] | None:
        """Return the digests of the complete chunks that a killed job left; None if they do not fit or are damaged."""
        if not self._record.exists():
            return None
        record = read_json(self._record)
        if record["identity"] != self.identity or record["layout"] != layout_digest(self._store):
            return None
        for path in self._store.rglob("*.partial"):  # what Zarr was writing when it was killed
            path.unlink()
        damage = next(find_damage(zarr.open_group(self._store, mode="r"), record["chunks"]), None)
        return None if damage else record["chunks"]


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # another disk, or one without hard links
        shutil.copyfile(source, target)
