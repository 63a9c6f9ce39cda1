"""Files of the user, such as videos, labels, weights: known by their content, whatever their path or date.

The digest of a file is kept in `.snakemake/ethomake/digests/` with the state in which the file was read: its size, the
dates of its last change, its inode. As long as these are the same, nobody reads it again, neither a job nor the next
look at the project. (The date that a user can set is not enough: one who replaces a file may restore it.)
"""

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from ethomake.errors import InputError
from ethomake.files import file_digest, read_json, short_digest

KEPT = Path(".snakemake/ethomake/digests")
SAMPLED = Path(".snakemake/ethomake/samples")
FOUND = Path(".snakemake/ethomake/found")

GONE = "gone"
"""In place of the digest of a file that is not there."""

TICK = 0.02
"""Seconds within which two changes of a file may get the same date, on the file systems that are in use."""

SAMPLE, SAMPLES = 1 << 14, 5
"""Bytes of each sample of a file, and how many are taken."""

_job_has_ended: ContextVar[bool] = ContextVar("job_has_ended", default=False)

State = tuple[int, int, int, int]
"""Size in bytes, dates of the last change of content and of anything (nanoseconds), inode."""


def digest_of(path: str | Path) -> str:
    """Return the digest of a file's content, which is read only if it may have changed since it was read last.

    Raises:
        OSError: if the file is not there or cannot be read.
    """
    return _once(path, KEPT, file_digest)


def sample_of(path: str | Path) -> str:
    """Return a digest of a few parts of a file, from its beginning to its end; it is read as rarely as by `digest_of`.

    Files with different samples are different; those with the same may be.

    Raises:
        OSError: if the file is not there or cannot be read.
    """
    return _once(path, SAMPLED, _digest_of_samples)


def known_digest(path: str | Path) -> str:
    """Return the digest of a file's content as `digest_of` does, but keep none: for functions outside of a workflow.

    Raises:
        OSError: if the file is not there or cannot be read.
    """
    return _kept(path) or file_digest(path)


def digest_if_there(path: str | Path) -> str:
    """Return the digest of a file's content, or `GONE` if it is not there.

    Raises:
        OSError: if it cannot be read.
    """
    try:
        return digest_of(path)
    except FileNotFoundError:
        return GONE


def sizes_of_unread(paths: Iterable[str | Path]) -> list[int]:
    """Return the size in bytes of each file that is there and that `digest_of` would have to read."""
    return [os.stat(path).st_size for path in set(paths) if os.path.isfile(path) and not _kept(path)]


def found_in(path: str | Path, reader: str, find: Callable[[], Any]) -> Any:
    """Return what is found in a file, which is looked through only if nobody has done so with the same content.

    Args:
        path: the file.
        reader: names what is looked for and the code that does it: another name, another look.
        find: reads the file; returns what JSON can hold. What it raises is not kept.
    """
    try:
        note = FOUND / f"{short_digest(digest_of(path), reader)}.json"
    except OSError:
        return find()  # which says what is wrong
    with suppress(OSError, ValueError):
        return json.loads(note.read_text(encoding="utf-8"))
    found = find()
    _write_note(note, found)
    return found


class ByContent(str):
    """The path of a user's file as a param of a rule, by the content of which Snakemake compares it.

    Snakemake compares params by their `repr`, which here is the digest of the file: it changes if and only if the
    content does. The digest is looked for only then, so that no file is read of which there are no results yet.

    Args:
        path: the file.
        role: what it is for the job that reads it: `video`, `labels`, `weights`.
        record: the record of provenance of that job. It tells with which content a result was made: that counts when
            the job has ended, since the file may be another one by then, and for a file that is not there any more,
            which has not changed as far as anybody can know.
    """

    role: str
    record: Path

    def __new__(cls, path: str, role: str, record: str | Path) -> "ByContent":
        """Return the path, which is a `str` to everybody else."""
        made = super().__new__(cls, path)
        made.role, made.record = role, Path(record)
        return made

    def __repr__(self) -> str:
        return repr(self.digest())

    def __reduce__(self) -> tuple:
        return ByContent, (str(self), self.role, self.record)

    def digest(self) -> str:
        """Return the digest of the file; `GONE` if it is not there and never was."""
        if _job_has_ended.get() and (recorded := self.recorded()):
            return recorded
        found = digest_if_there(self)
        return self.recorded() or GONE if found == GONE else found

    def recorded(self) -> str | None:
        """Return the digest with which the results were made; None if there is no record of it."""
        with suppress(OSError, InputError, KeyError, TypeError):
            return str(read_json(self.record)["sources"][self.role])
        return None


class Uncompared(str):
    """A path as a param of a rule that Snakemake takes for the same as any other. It is plain text to jobs."""

    def __repr__(self) -> str:
        return "'a path'"

    def __reduce__(self) -> tuple:
        return str, (str(self),)


class Later(str):
    """A param that is worked out only when Snakemake compares it, as `ByContent` is. It is an empty text to jobs."""

    work_out: Callable[[], Any]

    def __new__(cls, work_out: Callable[[], Any]) -> "Later":
        """Return a param whose `repr` is that of what `work_out()` returns."""
        made = super().__new__(cls, "")
        made.work_out = work_out
        return made

    def __repr__(self) -> str:
        return repr(self.work_out())

    def __reduce__(self) -> tuple:
        return str, ("",)


@contextmanager
def as_recorded() -> Iterator[None]:
    """Within this context, files count by the content with which a job that has ended was done."""
    token = _job_has_ended.set(True)
    try:
        yield
    finally:
        _job_has_ended.reset(token)


def find_sources(value: Any) -> Iterator[ByContent]:
    """Yield the user's files in params, at any depth."""
    if isinstance(value, ByContent):
        yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from find_sources(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from find_sources(each)


def without_paths(value: Any) -> Any:
    """Return a param with digests in place of the user's files."""
    if isinstance(value, ByContent):
        return value.digest()
    if isinstance(value, Mapping):
        return {name: without_paths(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [without_paths(each) for each in value]
    return value


def _state(path: str | Path) -> State:
    status = os.stat(path)
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino


def _wait_for_a_tick(path: str | Path) -> None:
    """Wait until a further change of a file would have another date."""
    age = time.time() - os.stat(path).st_ctime
    if 0 <= age < TICK:
        time.sleep(TICK - age)


def _once(path: str | Path, folder: Path, read: Callable[[str | Path], str]) -> str:
    """Return what is kept of a file in a folder of notes, or else what `read` returns, which is kept then."""
    if kept := _kept(path, folder):
        return kept
    _wait_for_a_tick(path)
    state = _state(path)
    found = read(path)
    if _state(path) == state:
        _write_note(_note(path, folder), {"path": os.path.abspath(path), "state": state, "digest": found})
    return found


def _digest_of_samples(path: str | Path) -> str:
    digest, size = hashlib.sha256(), os.stat(path).st_size
    with open(path, "rb") as file:
        for number in range(SAMPLES if size > SAMPLE else 1):
            file.seek(max(0, size - SAMPLE) * number // (SAMPLES - 1))
            digest.update(file.read(SAMPLE))
    return digest.hexdigest()


def _note(path: str | Path, folder: Path) -> Path:
    return folder / f"{short_digest(os.path.abspath(path))}.json"


def _kept(path: str | Path, folder: Path = KEPT) -> str | None:
    """Return what is kept of a file that is as it was when it was read; None if there is nothing."""
    try:
        known = json.loads(_note(path, folder).read_text(encoding="utf-8"))
        fits = known["path"] == os.path.abspath(path) and tuple(known["state"]) == _state(path)
        return str(known["digest"]) if fits else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _write_note(note: Path, content: Any) -> None:
    """Write a note. Several processes may do so at once; one that cannot write does without."""
    part = note.with_name(f"{note.name}.{os.getpid()}")
    with suppress(OSError):
        note.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(json.dumps(content), encoding="utf-8")
        os.replace(part, note)
