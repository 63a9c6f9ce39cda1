"""Take the networks and thresholds of a bundle into a project."""

import logging
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from ethomake.bundle.read import MEND, Bundle, check_digest, read_bundle
from ethomake.errors import InputError
from ethomake.features.extract import Stream
from ethomake.files import read_json, write_whole
from ethomake.flow.stacks import FlowGenerator
from ethomake.sequence.model import load_sequence_model
from ethomake.streams.networks import FEATURES

logger = logging.getLogger(__name__)


def take_models(folder: str | Path, outputs: Mapping[str, str | Path]) -> None:
    """Copy a bundle's files into a project, once all are found to be what they were and to fit each other.

    Args:
        folder: the bundle.
        outputs: where to put each network, `thresholds` and `manifest` (bundle.json).

    Raises:
        InputError: if a digest differs, or a network does not load or does not fit the others.
    """
    bundle = read_bundle(folder)
    for what, path in bundle.files.items():
        if what != "manifest":
            check_digest(path, bundle.content["files"])
    check_networks(bundle)
    for what, output in outputs.items():
        with write_whole(output) as part:
            shutil.copyfile(bundle.files[what], part)
    logger.info(f"models of {folder}: {', '.join(bundle.networks)}; behaviors {', '.join(bundle.content['behaviors'])}")


def check_networks(bundle: Bundle) -> None:
    """Load each network strictly (names and shapes of all tensors) and compare what they say with bundle.json.

    Raises:
        InputError: for the first that does not fit.
    """
    for name in bundle.networks:
        path = bundle.files[name]
        try:
            facts = _load(name, path)
            wrong = [key for key, value in _expected(name, bundle).items() if facts[key] != value]
        except InputError as error:
            raise InputError(f"{path}: is not a network of this bundle ({error}); {MEND}") from None
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            reason = f"{type(error).__name__} {' '.join(str(error).split())[:200]}"
            raise InputError(f"{path}: is not a network of this bundle ({reason}); {MEND}") from None
        if wrong:
            key, value = wrong[0], _expected(name, bundle)[wrong[0]]
            raise InputError(f"{path}: was trained for {key} {facts[key]}, but bundle.json says {value}; {MEND}")
    fitted = read_json(bundle.files["thresholds"])
    if list(fitted["behaviors"]) != bundle.content["behaviors"]:
        raise InputError(f"{bundle.files['thresholds']}: has other behaviors than bundle.json; {MEND}")


def _load(name: str, path: str) -> dict[str, Any]:
    """What a network says of itself, once it has been built from that and its weights have been loaded."""
    device = torch.device("cpu")
    if name == "flow":
        return FlowGenerator.load(path, device, torch.float32).facts
    if name == "sequence":
        return load_sequence_model(path, device)[1]
    return Stream.load(path, device, torch.float32).facts


def _expected(name: str, bundle: Bundle) -> dict[str, Any]:
    """What a network has to say of itself."""
    content = bundle.content
    if name == "flow":
        return {"image_size": bundle.settings["ingest"]["image_size"], "network": bundle.settings["flow"]["network"]}
    behaviors = {"behaviors": content["behaviors"], "exclusive": content["exclusive"]}
    if name == "sequence":
        return behaviors | {"streams": content["streams"], "inputs": FEATURES * len(content["streams"])}
    return behaviors | {"stream": name, "network": bundle.settings["streams"]["network"]}
