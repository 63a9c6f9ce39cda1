"""Atomic writing of files and directories, and digests of their content."""

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile, ZipInfo

import numpy as np

from ethomake.errors import InputError


@contextmanager
def write_whole(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path` to write to; rename it to `path` at the end, or remove it after an error.

    The name keeps the suffix of `path`, since libraries (matplotlib, ffmpeg) choose the format by it. Works for a
    file and for a directory.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.stem}.part{path.suffix}")
    remove(part)
    try:
        yield part
        if path.is_dir() and part.is_dir():  # os.replace cannot replace a directory that is not empty
            remove(path)
        os.replace(part, path)
    except BaseException:
        remove(part)
        raise


def remove(path: str | Path) -> None:
    """Remove a file or a directory tree; do nothing if it does not exist."""
    path = Path(path)
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def write_text(path: str | Path, text: str) -> None:
    """Write `text` atomically, as UTF-8 with Unix line ends."""
    with write_whole(path) as part:
        part.write_text(text, encoding="utf-8", newline="\n")


def write_json(path: str | Path, content: Any) -> None:
    """Write `content` atomically as indented JSON; NaN raises ValueError, since it is not valid JSON."""
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: str | Path) -> Any:
    """Read a JSON file.

    Raises:
        InputError: if the file does not exist or is not valid JSON, which NaN is not.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"), parse_constant=refuse_constant)
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such file; run the step that makes it first") from None
    except ValueError as error:
        raise InputError(f"{path}: not readable as JSON ({error}); delete it and run again") from None


def refuse_constant(name: str) -> Any:
    """Refuse NaN, Infinity and -Infinity, which Python reads in JSON though they are no JSON: for `parse_constant`.

    Raises:
        ValueError: always.
    """
    raise ValueError(f"{name} is no number")


def write_npy(path: str | Path, array: np.ndarray) -> None:
    """Write an array atomically in NumPy's .npy format."""
    with write_whole(path) as part, part.open("wb") as file:
        np.save(file, array, allow_pickle=False)


def read_npy(path: str | Path) -> np.ndarray:
    """Read an array written by `write_npy`.

    Raises:
        InputError: if the file does not exist or is damaged.
    """
    try:
        return np.load(path, allow_pickle=False)
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such file; run the step that makes it first") from None
    except (ValueError, EOFError) as error:
        reason = str(error).partition(".")[0]
        raise InputError(f"{path}: not readable as an array ({reason}); delete it and run again") from None


def write_npz(path: str | Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write named arrays atomically in NumPy's .npz format; equal arrays give equal bytes."""
    with write_whole(path) as part, ZipFile(part, "w") as archive:  # np.savez refuses an array called "file"
        for name, array in arrays.items():
            with archive.open(ZipInfo(f"{name}.npy"), "w", force_zip64=True) as file:
                np.lib.format.write_array(file, array, allow_pickle=False)


def read_npz(path: str | Path) -> dict[str, np.ndarray]:
    """Read the arrays of a file written by `write_npz`, by name.

    Raises:
        InputError: if the file does not exist or is damaged.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return dict(arrays)
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such file; run the step that makes it first") from None
    except (ValueError, EOFError, OSError, BadZipFile) as error:
        reason = str(error).partition(".")[0]
        raise InputError(f"{path}: not readable as arrays ({reason}); delete it and run again") from None


def file_digest(path: str | Path) -> str:
    """Return the SHA-256 of a file's bytes, as `sha256:<hex>`."""
    with Path(path).open("rb") as file:
        return "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()


def content_digest(parts: Iterable[bytes | memoryview | np.ndarray | str]) -> str:
    """Return the SHA-256 over several pieces of content, as `sha256:<hex>`; arrays include their dtype and shape."""
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, np.ndarray):
            digest.update(f"{part.dtype.str}{part.shape}".encode())
            part = np.ascontiguousarray(part).data
        digest.update(part.encode() if isinstance(part, str) else part)
    return "sha256:" + digest.hexdigest()


def short_digest(*values: Any) -> str:
    """Return a digest of plain values, independent of the order of keys, as 16 hexadecimal digits for file names."""
    text = json.dumps(values, sort_keys=True, default=str)
    return content_digest([text]).removeprefix("sha256:")[:16]


def scratch_folder(tmpdir: str | Path, owner: str | Path) -> Path | None:
    """Return a folder on the scratch disk of this machine for large files of one job, without creating it.

    Args:
        tmpdir: folder for temporary files, from Snakemake's resource `tmpdir`.
        owner: a path that belongs to this job only.

    Returns:
        None if `tmpdir` is just /tmp, which may be small or lie in memory.
    """
    if Path(tmpdir).resolve() in {Path(common).resolve() for common in ("/tmp", "/var/tmp", "/usr/tmp")}:
        return None
    name = content_digest([str(Path(owner).absolute())]).removeprefix("sha256:")
    return Path(tmpdir) / f"ethomake-{name[:16]}"
