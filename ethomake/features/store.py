"""The feature store of a video: a Zarr group of float16 and float32 arrays, one row per frame."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypedDict

import numpy as np
import zarr
from zarr.codecs import Crc32cCodec, ZstdCodec

from ethomake.errors import InputError
from ethomake.files import content_digest, read_json

CHUNK = 5120  # rows per chunk
# zstd makes features about 10 % smaller; without crc32c a flipped bit on the disk would go unnoticed
COMPRESSORS = [ZstdCodec(level=1), Crc32cCodec()]
DAMAGE = (ValueError, RuntimeError, OSError)  # raised by the codecs for a damaged chunk


class Maps(TypedDict):
    """What the rows of an array of feature maps are: `channels` maps of rows and columns `grid`, one after another."""

    channels: int
    grid: list[int]


def create_features(path: str | Path, frames: int, widths: dict[str, tuple[int, str]]) -> zarr.Group:
    """Create an empty store.

    Args:
        path: the store's directory; must not exist.
        frames: number of rows.
        widths: number of columns and data type of each array, such as `{"spatial": (512, "float16")}`.
    """
    group = zarr.open_group(path, mode="w-", zarr_format=3)
    for name, (width, dtype) in widths.items():
        group.create_array(
            name,
            shape=(frames, width),
            chunks=(min(CHUNK, frames), width),
            dtype=dtype,
            fill_value=float("nan"),
            dimension_names=("frame", "feature" if dtype == "float16" else "behavior"),
            compressors=COMPRESSORS,
        )
    return group


def open_features(manifest: str | Path) -> tuple[dict[str, Any], zarr.Group]:
    """Return the manifest of a video's features, and the store beside it.

    Raises:
        InputError: if either is missing or they do not belong together.
    """
    manifest = Path(manifest)
    facts = read_json(manifest)
    store = manifest.with_suffix(".zarr")
    try:
        group = zarr.open_group(store, mode="r")
        # by name: listing the group would warn of a file that Snakemake leaves in the directory
        shapes = {name: list(array_of(group, name).shape) for name in facts["arrays"]}
    except (FileNotFoundError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{store}: not a readable feature store ({error}); remove it and run again") from None
    if shapes != facts["arrays"]:
        raise InputError(f"{store}: holds {shapes}, its manifest says {facts['arrays']}; remove both and run again")
    return facts, group


def array_of(group: zarr.Group, name: str) -> zarr.Array:
    """An array of a store.

    Raises:
        KeyError: if nothing has that name.
        TypeError: if it is the name of a group.
    """
    found = group[name]
    if not isinstance(found, zarr.Array):
        raise TypeError(f"{name} is no array")
    return found


class FeatureReader:
    """Lazy reader of the input of the sequence model: the features of the streams side by side.

    `reader[start:stop]` returns float16 (stop - start, D), D being 512 per stream, or channels * rows * columns of the
    maps of a frozen backbone. The chunks of the last rows are cached, so
    that each chunk is read once when overlapping windows pass over the video.

    Args:
        manifest: the manifest beside the store.
        streams: streams to read, in this order; by default all, in the order of the manifest.

    Attributes:
        maps: channels and grid of the maps that the rows are; None if they are vectors.

    Raises:
        InputError: if a stream is missing; when rows are read, if they are damaged, NaN or infinite.
    """

    def __init__(self, manifest: str | Path, streams: list[str] | None = None):
        facts, self._group = open_features(manifest)
        names = facts["streams"] if streams is None else streams
        if missing := [name for name in names if name not in facts["arrays"]]:
            raise InputError(f"{manifest}: has no features of the stream {missing[0]}; extract the features again")
        self._manifest = manifest
        self.maps: Maps | None = facts.get("maps")
        self._arrays = [array_of(self._group, name) for name in names]
        self._step = max(1, self._arrays[0].chunks[0])
        self._chunks: dict[int, list[np.ndarray]] = {}  # by first row, one array per stream
        self.shape = (self._arrays[0].shape[0], sum(array.shape[1] for array in self._arrays))

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: slice) -> np.ndarray:
        start, stop, _ = rows.indices(len(self))
        begins = range(start - start % self._step, max(stop, start + 1), self._step)
        self._chunks = {begin: self._chunks[begin] for begin in begins if begin in self._chunks}
        for begin in begins:
            if begin not in self._chunks:
                self._chunks[begin] = self._read(begin)
        return np.block(
            [
                [values[max(0, start - begin) : max(0, stop - begin)] for values in self._chunks[begin]]
                for begin in begins
            ]
        )

    def _read(self, begin: int) -> list[np.ndarray]:
        """Return the chunk of each stream whose first row is `begin`."""
        try:
            chunk = [np.asarray(array[begin : begin + self._step]) for array in self._arrays]
        except DAMAGE as error:
            raise InputError(f"{self._group.store_path}: damaged ({error}); remove it and run again") from None
        if not all((right := np.isfinite(values).all(axis=1)).all() for values in chunk):
            row = begin + int(right.argmin())
            raise InputError(
                f"{self._manifest}: the features of frame {row} are not numbers; extract the features again"
            )
        return chunk


def read_inputs(manifest: str | Path, streams: list[str] | None = None) -> np.ndarray:
    """Return all rows of a `FeatureReader`, float16 (T, D)."""
    reader = FeatureReader(manifest, streams)
    features = np.empty(reader.shape, np.float16)
    for start in range(0, len(reader), CHUNK):
        features[start : start + CHUNK] = reader[start : start + CHUNK]
    return features


def verify(manifest: str | Path) -> None:
    """Compare a video's features with their manifest, reading one chunk at a time.

    Raises:
        InputError: if a chunk is missing or anything has changed; it names the array and the rows.
    """
    facts = read_json(manifest)
    store = Path(manifest).with_suffix(".zarr")
    again = "remove it and run again"
    if "chunks" not in facts or digest_of_all(facts["chunks"]) != facts["content_digest"]:
        raise InputError(f"{manifest}: has no digests of the chunks, or changed ones; {again}")
    if layout_digest(store) != facts["layout_digest"]:
        raise InputError(f"{store}: its zarr.json files are missing or have changed; {again}")
    _, group = open_features(manifest)
    for damage in find_damage(group, facts["chunks"]):
        raise InputError(f"{store}: {damage}; {again}")


def chunk_digest(rows: np.ndarray) -> str:
    """Return the digest of the uncompressed content of a chunk, including its type and shape."""
    return content_digest([rows])


def digest_of_all(chunks: dict[str, list[str]]) -> str:
    """Return the digest of the content of a store, from the digests of the chunks of each array."""
    return content_digest([json.dumps(chunks, sort_keys=True)])


def layout_digest(store: str | Path) -> str:
    """Return the digest of all metadata of a store: shapes, types, codecs."""
    return content_digest(path.read_bytes() for path in sorted(Path(store).rglob("zarr.json")))


def find_damage(group: zarr.Group, chunks: dict[str, list[str]]) -> Iterator[str]:
    """Compare chunks with digests of each array's first chunks, and yield a message for each that differs."""
    for name, digests in sorted(chunks.items()):
        array = array_of(group, name)
        frames, step = array.shape[0], array.chunks[0]
        for number, digest in enumerate(digests):
            start, stop = number * step, min((number + 1) * step, frames)
            try:
                same = chunk_digest(np.asarray(array[start:stop])) == digest  # Zarr returns NaN for missing chunks
            except DAMAGE as error:
                yield f"rows {start} to {stop - 1} of {name} cannot be read ({error})"
            else:
                if not same:
                    yield f"rows {start} to {stop - 1} of {name} are missing or have changed"
