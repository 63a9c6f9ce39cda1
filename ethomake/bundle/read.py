"""Read a bundle's metadata and check that it is complete. Runs while the DAG is built, so it has to be fast."""

import json
import os
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from ethomake.errors import InputError
from ethomake.files import file_digest, read_json
from ethomake.labels.groups import check_groups, groups_of, independent

FORMAT = 2
"""Incremented when a program that knows the old format would misread or wrongly refuse the new one.

2 has groups of exclusive behaviors, and the sections `labels` and `track` in its settings.
"""
MANIFEST = "bundle.json"
SETTINGS = "config.yaml"
THRESHOLDS = "thresholds.json"
REMEDY = "copy the bundle again, or make it again with `snakemake bundle`"


@dataclass(frozen=True)
class Bundle:
    """A complete bundle, as far as can be checked without reading its weights.

    Attributes:
        folder: its path as the user wrote it.
        content: content of bundle.json.
        settings: config.yaml used to train it; not checked here.
    """

    folder: Path
    content: dict[str, Any]
    settings: dict[str, Any]

    @property
    def networks(self) -> list[str]:
        """Return the names of its networks, in the order in which a video passes through them."""
        return network_names(self.content["streams"])

    @property
    def files(self) -> dict[str, str]:
        """Return the paths of the files that a project needs: each network, `thresholds`, `settings`, `manifest`."""
        names = {name: f"{name}.safetensors" for name in self.networks}
        names |= {"thresholds": THRESHOLDS, "settings": SETTINGS, "manifest": MANIFEST}
        return {what: str(self.folder / name) for what, name in names.items()}


def network_names(streams: list[str]) -> list[str]:
    """Return the networks that streams need: with motion, one for the optic flow; always the sequence model."""
    return [*(["flow"] if "motion" in streams else []), *streams, "sequence"]


def read_bundle(folder: str | Path) -> Bundle:
    """Read bundle.json and config.yaml, and check that all files exist with their recorded sizes.

    Digests of the weights are not compared here, since that takes as long as reading them; see `take_models`.

    Raises:
        InputError: if the folder is not a bundle, has a newer format, or lacks a file.
    """
    folder = Path(folder)
    where = str(folder)
    if "{" in str(folder) or "}" in str(folder):  # Snakemake would read them as wildcards
        raise InputError(f"{where}: rename the folder: no {{ and }} can be in its path")
    if not os.path.exists(folder):
        raise InputError(f"{where}: no such folder in {Path.cwd()}; give the path of a bundle, or none")
    if not os.path.isdir(folder):
        raise InputError(f"{where}: is a file; give the folder that `snakemake bundle` made, such as results/bundle")
    content = _read_manifest(folder, where)
    bundle = Bundle(folder, content, {})
    for path in bundle.files.values():
        _check_file(Path(path), content["files"])
    _check_thresholds(folder / THRESHOLDS, content)
    return Bundle(folder, content, _read_settings(folder, content["files"]))


def _read_manifest(folder: Path, where: str) -> dict[str, Any]:
    path = folder / MANIFEST
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        reason = f"there is no {MANIFEST} in it, so it is no bundle, or one that was not finished"
        raise InputError(f"{where}: {reason}; give the folder that `snakemake bundle` made") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: not readable ({' '.join(str(error).split())}); {REMEDY}") from None
    number = content.get("format") if isinstance(content, dict) else None
    if isinstance(number, int) and number > FORMAT:
        reason = f"made by ethomake {content.get('ethomake', '')} in format {number}, this one reads up to {FORMAT}"
        raise InputError(f"{where}: {reason}; update ethomake")
    if error := next(_validator().iter_errors(content), None):
        key = ".".join(map(str, error.absolute_path))
        raise InputError(f"{path}: {key + ': ' if key else ''}{error.message[:200]}; {REMEDY}")
    try:
        check_groups(content["exclusive"], content["behaviors"])
    except InputError as error:
        raise InputError(f"{path}: exclusive: {error}; {REMEDY}") from None
    for part, counted in content["trained_on"].items():
        if missing := [name for name in content["behaviors"] if name not in counted["behaviors"]]:
            raise InputError(f"{path}: trained_on.{part}.behaviors: '{missing[0]}' is missing; {REMEDY}")
    return content


@cache
def _validator() -> jsonschema.Draft202012Validator:
    schema = (files("ethomake.bundle") / "bundle.schema.yaml").read_text(encoding="utf-8")
    return jsonschema.Draft202012Validator(yaml.safe_load(schema))


def _check_file(path: Path, recorded: dict[str, dict[str, Any]]) -> None:
    """Check that a file of a bundle is recorded, exists, and has its recorded size."""
    if path.name == MANIFEST:
        return
    if path.name not in recorded:
        raise InputError(f"{path.parent / MANIFEST}: has no entry for {path.name}, which its networks need; {REMEDY}")
    if not path.is_file():
        raise InputError(f"{path}: missing in the bundle; {REMEDY}")
    found, expected = path.stat().st_size, recorded[path.name]["bytes"]
    if found != expected:
        raise InputError(f"{path}: has {found:,} bytes, but had {expected:,} when the bundle was made; {REMEDY}")


def _check_thresholds(path: Path, content: dict[str, Any]) -> None:
    """Check that the fitted values of each behavior are there, and are numbers."""
    check_digest(path, content["files"])
    try:
        fitted = read_json(path)
    except InputError as error:
        raise InputError(f"{str(error).rpartition(';')[0]}; {REMEDY}") from None
    behaviors = fitted.get("behaviors") if isinstance(fitted, dict) else None
    if not isinstance(behaviors, dict) or list(behaviors) != content["behaviors"]:
        raise InputError(f"{path}: has other behaviors than {MANIFEST}; {REMEDY}")
    if fitted.get("exclusive") != content["exclusive"]:
        raise InputError(f"{path}: exclusive is not that of {MANIFEST}; {REMEDY}")
    alone = independent(groups_of(content["exclusive"], content["behaviors"]), len(behaviors))
    for place, (name, values) in enumerate(behaviors.items()):
        for key in ("minimum_bout_s", "minimum_gap_s", *(["threshold"] if place in alone else [])):
            value = values.get(key) if isinstance(values, dict) else None
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise InputError(f"{path}: behaviors.{name}.{key} is no number; {REMEDY}")


def _read_settings(folder: Path, recorded: dict[str, dict[str, Any]]) -> dict[str, Any]:
    path = folder / SETTINGS
    check_digest(path, recorded)
    try:
        settings = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise InputError(f"{path}: not readable ({' '.join(str(error).split())}); {REMEDY}") from None
    if not isinstance(settings, dict):
        raise InputError(f"{path}: no settings in it; {REMEDY}")
    return settings


def check_digest(path: str | Path, recorded: dict[str, dict[str, Any]]) -> None:
    """Compare a file of a bundle with the digest in its bundle.json.

    Raises:
        InputError: if they differ.
    """
    path = Path(path)
    if file_digest(path) != recorded[path.name]["digest"]:
        raise InputError(f"{path}: damaged or changed since the bundle was made (its digest differs); {REMEDY}")
