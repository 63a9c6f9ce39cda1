"""The networks of the spatial and the motion stream. Imports no torch.

Those with a record here are named in config.yaml. Further ones can be chosen by their name in torchvision, or by
`timm:` and their name in timm: `ethomake.streams.published` knows them, and `find_network` has a record of any.

To add a backbone that neither has, write two things:

1. A module in `ethomake/streams/backbones/` with a function that takes the number of input channels (3 for frames; 20
   for ten flows, or 2 if the network is 3D) and returns an `nn.Module` and the length of its output vector:
   (B, channels, H, W) -> (B, length), or (B, channels, T, H, W) -> (B, length) for a 3D network. `widen_stem`
   in `ethomake.streams.stems` adapts the first convolution of an RGB network to other channels. Modules of that folder
   are found, and count as code of the stages, without being named anywhere else.
2. A record below. `python -m benchmarks.needs train_stream extract_features` compares the costs it states with
   measured ones.

A backbone that can also be used frozen (`ethomake.streams.frozen`) states its feature map in the record, too.

Tests then fail until the two lists that users read show the new name: `streams.network` in config.schema.yaml, and
the section `streams` of config.yaml. Nothing else has to be changed.
"""

import difflib
from collections.abc import Iterable

from ethomake.errors import InputError
from ethomake.registry import NetworkCost, by_name
from ethomake.streams.published import (
    MAPS,
    OF_TORCHVISION,
    PACKAGED,
    TIMM,
    TORCHVISION,
    PublishedNetwork,
    has_timm,
    timm_names,
    timm_network,
    timm_tags,
    torchvision_network,
)
from ethomake.streams.records import FeatureMap, StreamNetwork

__all__ = [
    "STREAM_NETWORKS",
    "FeatureMap",
    "StreamNetwork",
    "check_network",
    "find_network",
    "mapped_networks",
    "reject_weights",
]

# ethomake/scheduling/resources.py describes how costs were measured, and their limits.
STREAM_NETWORKS = by_name(
    [
        PublishedNetwork(
            name="resnet18",
            title="ResNet18",
            maker=OF_TORCHVISION,
            arguments=("resnet18",),
            volumetric=False,
            weights=("IMAGENET1K_V1", "DEFAULT"),
            costs={
                "spatial": NetworkCost(parameters=11.2, gflop=3.6, held=28, passing=12),
                "motion": NetworkCost(parameters=11.2, gflop=1.3, held=8, passing=5),
            },
            feature_map=FeatureMap(
                layers=("conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3"),
                channels=256,
                stride=16,
                grid=4,
                cost=NetworkCost(parameters=2.8, gflop=2.8, held=28, passing=12),
            ),
        ),
        PublishedNetwork(
            name="resnet50",
            title="ResNet50",
            maker=OF_TORCHVISION,
            arguments=("resnet50",),
            volumetric=False,
            weights=("IMAGENET1K_V1", "IMAGENET1K_V2", "DEFAULT"),
            costs={
                "spatial": NetworkCost(parameters=24.6, gflop=8.2, held=100, passing=20),
                "motion": NetworkCost(parameters=24.6, gflop=2.5, held=30, passing=8),
            },
            feature_map=FeatureMap(
                layers=("conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3"),
                channels=1024,
                stride=16,
                grid=4,
                cost=NetworkCost(parameters=8.5, gflop=6.6, held=100, passing=20),
            ),
        ),
        StreamNetwork(
            name="resnet3d_34",
            title="3D ResNet34",
            maker="ethomake.streams.backbones.resnet3d:resnet3d_34",
            volumetric=True,
            weights=(),
            costs={
                "spatial": NetworkCost(parameters=63.5, gflop=78.6, held=230, passing=110),
                "motion": NetworkCost(parameters=63.5, gflop=17.1, held=60, passing=30),
            },
        ),
        PublishedNetwork(
            name="mobilenet_v2",
            title="MobileNetV2",
            maker=OF_TORCHVISION,
            arguments=("mobilenet_v2",),
            volumetric=False,
            thin=True,
            weights=("IMAGENET1K_V1", "IMAGENET1K_V2", "DEFAULT"),
            costs={
                "spatial": NetworkCost(parameters=2.9, gflop=0.6, held=90, passing=20),
                "motion": NetworkCost(parameters=2.9, gflop=0.2, held=25, passing=8),
            },
            feature_map=FeatureMap(
                layers=tuple(f"features.{number}" for number in range(14)),
                channels=96,
                stride=16,
                grid=4,
                cost=NetworkCost(parameters=0.5, gflop=0.7, held=80, passing=20),
            ),
        ),
    ]
)


def find_network(name: str) -> StreamNetwork:
    """Return the record of a network, of the table above or by its name in torchvision or timm.

    Args:
        name: as in config.yaml. `timm:...` is not looked up, see `check_network`.

    Raises:
        InputError: if no network has that name.
    """
    if name in STREAM_NETWORKS:
        return STREAM_NETWORKS[name]
    if name in TORCHVISION:
        return torchvision_network(name)
    if name.startswith(TIMM):
        return timm_network(name.removeprefix(TIMM))
    close = _similar(name, [*STREAM_NETWORKS, *TORCHVISION])
    raise InputError(
        f"no stream network is called {name!r}; choose one of {', '.join(STREAM_NETWORKS)}, another one of "
        f"torchvision, or timm:<name>{close}"
    )


def check_network(name: str) -> None:
    """Check that a network can be built here, as far as that can be known without torch.

    Raises:
        InputError: if no network has that name, or it is one of timm and timm is not installed.
    """
    find_network(name)
    if not name.startswith(TIMM):
        return
    if not has_timm():
        raise InputError(
            f"{name} is a network of the package timm, which is not installed; install it with ethomake's extra "
            "`backbones` (pip install timm), or choose a network of torchvision"
        )
    short, known = name.removeprefix(TIMM), timm_names()
    if known and short not in known:
        tag = "; weights are named by streams.weights" if short.partition(".")[0] in known else ""
        raise InputError(f"the installed timm has no network {short!r}{tag}{_similar(short, known)}")


def mapped_networks() -> list[str]:
    """Return the names of the backbones that can be used frozen."""
    return [name for name, record in STREAM_NETWORKS.items() if record.feature_map is not None] + list(MAPS)


def reject_weights(network: str, weights: str) -> str:
    """Return why `weights`, neither "none" nor a file, are not available for a network; "" if they are.

    Args:
        network: a name that `find_network` knows.
        weights: a name such as IMAGENET1K_V1; of a network of timm a tag such as lvd142m, or DEFAULT.
    """
    owner, known = "torchvision", find_network(network).weights
    if network.startswith(TIMM):
        short = network.removeprefix(TIMM)
        owner, known = "timm", public_timm_weights(short)
    if weights in known:
        return ""
    if not known:
        return f"{owner} has no weights for {network}; use none or a file"
    return f"must be none, a file, or weights that {owner} has for {network}: {', '.join(known)}"


def usual_weights(network: str) -> str:
    """Return the name of the public weights of a network, of those in question; "none" if there are none.

    Args:
        network: a name that `find_network` knows.
    """
    if network.startswith(TIMM):
        return "DEFAULT" if public_timm_weights(network.removeprefix(TIMM)) else "none"
    return next(iter(find_network(network).weights), "none")


def public_timm_weights(name: str) -> tuple[str, ...]:
    """Return the names of the public weights of a network of timm: timm's tags, DEFAULT, and those of a package."""
    tags = timm_tags(name)
    return (*tags, *(("DEFAULT",) if tags else ()), *((PACKAGED[name],) if name in PACKAGED else ()))


def _similar(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {close[0]}?" if close else ""
