"""Networks of torchvision and of timm by name, without their classifier."""

import warnings
from collections.abc import Sequence
from typing import Any

from torch import nn
from torchvision import models

from ethomake.errors import InputError
from ethomake.streams.stems import see_size, widen_stem

HEADS = ("fc", "classifier", "head", "heads")
"""What torchvision's networks call the layers that end in their classifier."""

# Without the classifiers that help in training only.
OPTIONS = {name: {"aux_logits": False, "init_weights": True} for name in ("googlenet", "inception_v3")}


def of_torchvision(
    name: str, channels: int, size: Sequence[int] | None = None, least: int = 0
) -> tuple[nn.Module, int]:
    """Return a network of torchvision, (B, channels, [T,] H, W) -> (B, length), and the length of its vector.

    Args:
        name: as in `torchvision.models`.
        channels: number of input channels.
        size: the only size of images that it takes, see `ethomake.streams.stems.see_size`.
        least: the smallest.
    """
    network = models.get_model(name, weights=None, **OPTIONS.get(name, {}))
    if name == "s3d":  # its own pooling is for seven rows and columns, which are left of 224 pixels
        network.register_module("avgpool", nn.AdaptiveAvgPool3d(1))
    width = _remove_classifier(network)
    widen_stem(network, channels)
    see_size(network, size, least)
    return network, width


def of_timm(name: str, channels: int) -> tuple[nn.Module, int]:
    """Return a network of timm, (B, channels, H, W) -> (B, length), and the length of its vector.

    A transformer whose position embeddings are for one size of images gets them interpolated where timm can do that;
    images are scaled to that size where it cannot.

    Args:
        name: as in `timm.list_models`, without a tag.
        channels: number of input channels.

    Raises:
        InputError: if timm is not installed, has no such network, or cannot build it for that many channels.
    """
    timm = import_timm()
    if not timm.is_model(name):
        raise InputError(f"timm {timm.__version__} has no network {name!r}; timm.list_models() in Python lists them")
    options = {"pretrained": False, "num_classes": 0, "in_chans": channels}
    try:
        try:  # only transformers with position embeddings know these options
            network, is_flexible = timm.create_model(name, **options, dynamic_img_size=True, dynamic_img_pad=True), True
        except TypeError:
            network, is_flexible = timm.create_model(name, **options), False
    except Exception as error:  # networks refuse what they cannot do in many ways
        raise InputError(
            f"timm's {name} cannot be built for {channels} channels ({' '.join(str(error).split())[:200]}); "
            "choose another streams.network"
        ) from error
    facts = network.pretrained_cfg
    if facts.get("fixed_input_size") and not is_flexible:
        see_size(network, facts["input_size"][1:])
    return network, getattr(network, "head_hidden_size", None) or network.num_features


def import_timm() -> Any:
    """Return the module timm.

    Raises:
        InputError: if it is not installed.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import timm  # pyright: ignore[reportMissingImports] (an extra)
    except ImportError as error:
        raise InputError(
            f"networks of timm need the package timm, which cannot be imported ({error}); install it beside ethomake: "
            "pip install timm"
        ) from None
    return timm


def _remove_classifier(network: nn.Module) -> int:
    """Replace the last layer of a network of torchvision, and dropout before it, by nothing; return its inputs."""
    head = next(name for name in HEADS if hasattr(network, name))
    layers = [
        (name, module)
        for name, module in network.named_modules()
        if name.split(".")[0] == head and not list(module.children())
    ]
    at = max(k for k, (_, module) in enumerate(layers) if isinstance(module, nn.Linear | nn.Conv2d | nn.Conv3d))
    last = layers[at][1]
    network.set_submodule(layers[at][0], nn.Identity())
    if at and isinstance(layers[at - 1][1], nn.Dropout):  # a stream has its own
        network.set_submodule(layers[at - 1][0], nn.Identity())
    assert isinstance(last, nn.Linear | nn.Conv2d | nn.Conv3d)
    return last.in_features if isinstance(last, nn.Linear) else last.in_channels
