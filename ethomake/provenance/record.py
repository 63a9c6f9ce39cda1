"""The record of a job: what its outputs were made from. One JSON file per job, in results/provenance/.

A record has the path of the job's log: results/provenance/flow/main.json belongs to logs/flow/main.log. It is removed
when the job begins and written when it succeeds, so that it never describes other outputs than those it was written
for. The same work leaves the same bytes: no dates, no names of machines, no absolute paths of this machine.
"""

import ast
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import ethomake
from ethomake.errors import InputError
from ethomake.files import content_digest, file_digest, read_json, remove, write_text
from ethomake.provenance import code
from ethomake.sources import digest_of, find_sources, without_paths

RECORDS = Path("results/provenance")
STAMP = ".snakemake_timestamp"  # Snakemake's own, in folders that are outputs
NOT_PARAMETERS = ("code", "checkpoint", "source")  # known otherwise: code, where a training keeps its state, inputs
# By the module that is imported: the package whose version matters to results.
PACKAGES = {
    "h5py": "h5py",
    "imageio_ffmpeg": "imageio-ffmpeg",
    "jinja2": "jinja2",
    "matplotlib": "matplotlib",
    "numpy": "numpy",
    "safetensors": "safetensors",
    "simplejpeg": "simplejpeg",
    "torch": "torch",
    "torchvision": "torchvision",
    "zarr": "zarr",
}


class Named(Protocol):
    """Values by name: a dictionary, or one of Snakemake's lists with names."""

    def get(self, name: str, default: Any = None, /) -> Any:
        """The value of that name, or `default`."""
        ...

    def items(self) -> Iterable[tuple[str, Any]]:
        """Names and values."""
        ...


class Job(Protocol):
    """The job of a script, in the form of the `snakemake` object of a workflow script."""

    rule: str
    log: Sequence[str]
    threads: int
    input: Sequence[str]
    output: Sequence[str]
    params: Named
    wildcards: Named


@dataclass(frozen=True)
class Begun:
    """Digests taken before the work begins, since inputs and code may change while the job runs."""

    job: Job
    path: Path
    inputs: dict[str, str]
    sources: dict[str, str]  # digests of the user's files by role; they are among the inputs, too
    stamps: dict[str, tuple[int, ...]]
    code: dict[str, Any]
    did: str


def record_path(log: str | Path) -> Path:
    """Return the path of the record of the job with this log."""
    path = Path(log).as_posix().removeprefix(_storage_of(log))
    return RECORDS / Path(path.removeprefix("logs/")).with_suffix(".json")


def _storage_of(log: str | Path) -> str:
    """Return the path prefix of the local copies of a storage, or "" without one."""
    before, logs, _ = Path(log).as_posix().rpartition("/logs/")
    return f"{before}/" if logs else ""


def begin_record(job: Job, script: str | Path) -> Begun | None:
    """Remove the record of an earlier run, and take the digests of inputs and code; None for a job without outputs.

    Raises:
        InputError: if an input does not exist.
    """
    path = record_path(job.log[0])
    remove(path)
    if not job.output:
        return None
    try:
        inputs = {str(name): digest(name) for name in job.input}
        given = list(find_sources(dict(job.params.items())))
        inputs |= {str(path): digest_of(path) for path in given}
        stamps = {name: _stamp(name) for name in inputs}
    except FileNotFoundError as error:
        raise InputError(f"{error.filename}: vanished before it was read; put it back and run again") from None
    modules = {"digest": code.code_digest(script), "modules": code.module_digests(script)}
    did = ast.get_docstring(ast.parse(Path(script).read_text(encoding="utf-8"))) or ""
    sources = {each.role: inputs[str(each)] for each in given}
    return Begun(job, path, inputs, sources, stamps, modules, did)


def write_record(begun: Begun, facts: Mapping[str, Any]) -> None:
    """Write the record of a job that succeeded.

    Args:
        begun: from `begin_record`.
        facts: further entries of the record, such as the device.

    Raises:
        InputError: if an input vanished or changed while the job ran: its outputs are then of unknown origin.
    """
    for name, stamp in begun.stamps.items():
        try:
            same = _stamp(name) == stamp or digest(name) == begun.inputs[name]
        except FileNotFoundError:
            raise InputError(f"{name}: vanished while it was in use; put it back and run again") from None
        if not same:
            raise InputError(f"{name}: changed while it was in use; run again")
    job, storage = begun.job, _storage_of(begun.job.log[0])
    parameters = {name: without_paths(value) for name, value in job.params.items() if name not in NOT_PARAMETERS}
    record = {
        "rule": job.rule,
        "did": begun.did,
        "wildcards": dict(job.wildcards.items()),
        "outputs": {str(name).removeprefix(storage): digest(name) for name in job.output},
        "inputs": {name.removeprefix(storage): found for name, found in begun.inputs.items()},
        "sources": begun.sources,
        "parameters": parameters,
        "seed": parameters.get("seed"),
        "code": begun.code,
        "checkout": _own_checkout(),
        "versions": versions(),
        **facts,
    }
    write_text(
        begun.path, json.dumps(record, indent=1, sort_keys=True, ensure_ascii=False, default=_known_to_json) + "\n"
    )


def read_records(folder: Path = RECORDS) -> dict[Path, dict[str, Any]]:
    """Read all records of a project, by path, sorted.

    Raises:
        InputError: if one is not readable.
    """
    records = {}
    for path in sorted(folder.rglob("*.json")):
        try:
            records[path] = read_json(path)
        except InputError:
            log = Path("logs", *path.relative_to(folder).parts).with_suffix(".log")
            raise InputError(
                f"{path}: this record is damaged; delete it and the results of the job whose log is {log}, run again"
            ) from None
    return records


def digest(path: str | Path) -> str:
    """The digest of a file or folder, named by its kind.

    `sha256:` is of a file's bytes; that of a frame file is taken from its manifest, not computed again.
    `content-sha256:` is of the values in a feature store, from its manifest. `folder-sha256:` is of all files in any
    other folder, by name.
    """
    path = Path(path)
    if path.name == "frames.mjpeg" and (kept := _kept_digest(path.with_name("video.json"), "frames_digest")):
        path.stat()  # the manifest must not speak for a file that is gone
        return kept
    if path.suffix == ".zarr" and (kept := _kept_digest(path.with_suffix(".json"), "content_digest")):
        path.stat()
        return f"content-{kept}"
    if path.is_dir():
        files = (each for each in sorted(path.rglob("*")) if each.is_file() and each.name != STAMP)
        return "folder-" + content_digest(
            f"{each.relative_to(path).as_posix()}\n{file_digest(each)}\n" for each in files
        )
    return _digest_of_file(path.absolute(), _stamp(path))


@cache
def _digest_of_file(path: Path, stamp: tuple[int, ...]) -> str:
    """The jobs of a pack share files, such as weights: each is read once, unless it was changed."""
    return file_digest(path)


def plain(value: Any) -> Any:
    """Return a parameter as it is in a record: converted to types of JSON."""
    return json.loads(json.dumps(without_paths(value), default=_known_to_json))


def versions() -> dict[str, str]:
    """Return the versions of Python, ethomake, and of those packages that matter to results and were imported."""
    found = {"python": platform.python_version(), "ethomake": ethomake.__version__}
    for module, package in PACKAGES.items():
        if module in sys.modules:
            found[package] = importlib.metadata.version(package)
    if "imageio_ffmpeg" in sys.modules:
        found["ffmpeg"] = _ffmpeg_version()
    return found


@cache
def _own_checkout() -> dict[str, Any] | None:
    return checkout(code.LIBRARY.parent)


@cache
def _ffmpeg_version() -> str:
    return sys.modules["imageio_ffmpeg"].get_ffmpeg_version()


def checkout(folder: Path) -> dict[str, Any] | None:
    """The commit that is checked out in a folder, and whether files were changed since; None where git knows none."""
    if not (folder / ".git").exists():  # else git would speak of any repository that the folder lies in
        return None
    command = ["git", "-C", str(folder), "describe", "--always", "--abbrev=40", "--exclude=*", "--dirty=+"]
    environment = os.environ | {"GIT_OPTIONAL_LOCKS": "0"}
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=5, env=environment, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    commit = done.stdout.strip()
    return {"commit": commit.removesuffix("+"), "changed": commit.endswith("+")}


def _kept_digest(manifest: Path, key: str) -> str | None:
    return read_json(manifest).get(key) if manifest.is_file() else None


def _stamp(path: str | Path) -> tuple[int, ...]:
    """Return times, size and inode, by which a change of a file or folder is noticed without reading it."""
    status = os.stat(path)
    return status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino


def _known_to_json(value: Any) -> Any:
    return sorted(value) if isinstance(value, set | frozenset) else str(value)
