"""Files that appear whole or not at all, and the digests by which they are known."""

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ethomake.errors import InputError


@contextmanager
def write_whole(path: str | Path) -> Iterator[Path]:
    """Yield a path beside `path` to write to; rename it to `path` at the end, or remove it after an error.

    The name keeps the suffix of `path`, so that libraries which look at the suffix (matplotlib, ffmpeg) do the
    right thing. Works for a file and for a directory.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.stem}.part{path.suffix}")
    remove(part)
    try:
        yield part
        if path.is_dir() and part.is_dir():  # os.replace cannot replace a directory that has something in it
            remove(path)
        os.replace(part, path)
    except BaseException:
        remove(part)
        raise


def remove(path: str | Path) -> None:
    """Remove a file or a directory tree; do nothing where there is none."""
    path = Path(path)
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def write_text(path: str | Path, text: str) -> None:
    """Write `text` as UTF-8 with Unix line ends, whole or not at all."""
    with write_whole(path) as part:
        part.write_text(text, encoding="utf-8", newline="\n")


def write_json(path: str | Path, content: Any) -> None:
    """Write `content` as readable JSON, whole or not at all; NaN is refused, since it is not JSON."""
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: str | Path) -> Any:
    """Read a JSON file.

    Raises:
        InputError: if there is no such file or it is not JSON.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such file; run the step that makes it first") from None
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise InputError(f"{path}: not readable as JSON ({error}); delete it and run again") from None


def write_npy(path: str | Path, array: np.ndarray) -> None:
    """Write an array in NumPy's own format, whole or not at all."""
    with write_whole(path) as part, part.open("wb") as file:
        np.save(file, array, allow_pickle=False)


def read_npy(path: str | Path) -> np.ndarray:
    """Read an array that `write_npy` has written.

    Raises:
        InputError: if there is no such file or it is damaged.
    """
    try:
        return np.load(path, allow_pickle=False)
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such file; run the step that makes it first") from None
    except (ValueError, EOFError) as error:
        reason = str(error).partition(".")[0]
        raise InputError(f"{path}: not readable as an array ({reason}); delete it and run again") from None


def file_digest(path: str | Path) -> str:
    """SHA-256 of a file's bytes, as `sha256:<hex>`."""
    with Path(path).open("rb") as file:
        return "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()


def content_digest(parts: Iterable[bytes | memoryview | np.ndarray | str]) -> str:
    """SHA-256 over several pieces of content, as `sha256:<hex>`; arrays count with their type and shape."""
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, np.ndarray):
            digest.update(f"{part.dtype.str}{part.shape}".encode())
            part = np.ascontiguousarray(part).data
        digest.update(part.encode() if isinstance(part, str) else part)
    return "sha256:" + digest.hexdigest()


def short_digest(*values: Any) -> str:
    """Sixteen hexadecimal digits that stand for plain values, whatever the order of keys; for names of files."""
    text = json.dumps(values, sort_keys=True, default=str)
    return content_digest([text]).removeprefix("sha256:")[:16]


def scratch_folder(tmpdir: str | Path, owner: str | Path) -> Path | None:
    """A folder on the scratch disk of this computer for large files of one job; it is not made here.

    Args:
        tmpdir: where Snakemake says that temporary files belong (its resource `tmpdir`).
        owner: a path that no other job of the project has.

    Returns:
        None where `tmpdir` is just /tmp, which may be small or lie in memory.
    """
    if Path(tmpdir).resolve() in {Path(common).resolve() for common in ("/tmp", "/var/tmp", "/usr/tmp")}:
        return None
    name = content_digest([str(Path(owner).absolute())]).removeprefix("sha256:")
    return Path(tmpdir) / f"ethomake-{name[:16]}"
