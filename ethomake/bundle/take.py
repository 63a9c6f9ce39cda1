"""Copy the networks and thresholds of a bundle into a project."""

import logging
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ethomake.bundle.read import REMEDY, Bundle, check_digest, read_bundle
from ethomake.errors import InputError
from ethomake.files import read_json, write_whole
from ethomake.flow.metadata import FlowMetadata
from ethomake.sequence.metadata import SequenceMetadata
from ethomake.streams.frozen import FrozenMetadata
from ethomake.streams.metadata import StreamMetadata
from ethomake.streams.networks import FEATURES
from ethomake.training.weights import WeightsMetadata

logger = logging.getLogger(__name__)

METADATA: dict[str, type[WeightsMetadata]] = {
    "flow": FlowMetadata,
    "spatial": StreamMetadata,
    "motion": StreamMetadata,
    "frozen": FrozenMetadata,
    "sequence": SequenceMetadata,
}


def take_models(folder: str | Path, outputs: Mapping[str, str | Path]) -> None:
    """Copy a bundle's files into a project, after checking that all are unchanged and fit each other.

    Args:
        folder: folder of the bundle.
        outputs: path to write for each network, `thresholds` and `manifest` (bundle.json).

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
    """Load each network strictly (names and shapes of all tensors) and compare its metadata with bundle.json.

    Raises:
        InputError: for the first network that does not fit.
    """
    for name in bundle.networks:
        path = bundle.files[name]
        try:
            _, metadata = METADATA[name].load_network(path)
            wrong = [key for key, value in _expected(name, bundle).items() if getattr(metadata, key) != value]
        except InputError as error:
            raise InputError(f"{path}: is not a network of this bundle ({error}); {REMEDY}") from None
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            reason = f"{type(error).__name__} {' '.join(str(error).split())[:200]}"
            raise InputError(f"{path}: is not a network of this bundle ({reason}); {REMEDY}") from None
        if wrong:
            key, found, value = wrong[0], getattr(metadata, wrong[0]), _expected(name, bundle)[wrong[0]]
            raise InputError(f"{path}: was trained for {key} {found}, but bundle.json says {value}; {REMEDY}")
    fitted = read_json(bundle.files["thresholds"])
    if list(fitted["behaviors"]) != bundle.content["behaviors"]:
        raise InputError(f"{bundle.files['thresholds']}: has other behaviors than bundle.json; {REMEDY}")


def _expected(name: str, bundle: Bundle) -> dict[str, Any]:
    """Return the metadata that a network of this bundle must have."""
    content = bundle.content
    if name == "flow":
        return {"image_size": bundle.settings["ingest"]["image_size"], "network": bundle.settings["flow"]["network"]}
    if name == "frozen":
        return {"network": bundle.settings["streams"]["network"]}
    behaviors = {"behaviors": content["behaviors"], "exclusive": content["exclusive"]}
    if name == "sequence":
        return behaviors | {"streams": content["streams"]} | _inputs(bundle)
    return behaviors | {"stream": name, "network": bundle.settings["streams"]["network"]}


def _inputs(bundle: Bundle) -> dict[str, Any]:
    """Return the metadata of the input that the sequence model must have."""
    if "frozen" not in bundle.content["streams"]:
        return {"inputs": FEATURES * len(bundle.content["streams"]), "maps": None}
    frozen = FrozenMetadata.read(bundle.files["frozen"])
    width = frozen.channels * frozen.grid**2
    return {"inputs": width, "maps": {"channels": frozen.channels, "grid": [frozen.grid, frozen.grid]}}
