"""The networks of the spatial and the motion stream: one record each, the only place that lists them. Imports no torch.

To add a backbone, write two things:

1. A module in `ethomake/streams/backbones/` with a function that takes the number of input channels (3 for frames; 20
   for ten flows, or 2 if the network is 3D) and returns an `nn.Module` and the length of its output vector:
   (B, channels, H, W) -> (B, length), or (B, channels, T, H, W) -> (B, length) for a 3D network. `widen` in
   `ethomake.streams.stems` adapts the first convolution of an RGB network to other channels. Modules of that folder
   are found, and count as code of the stages, without being named anywhere else.
2. A record below. `python -m benchmarks.needs train_stream extract_features` compares the costs it states with
   measured ones.

A backbone that can also be used frozen (`ethomake.streams.frozen`) states its feature map in the record, too.

Tests then fail until the two lists that users read show the new name: `streams.network` in config.schema.yaml, and
the section `streams` of config.yaml. Nothing else has to be changed.
"""

from dataclasses import dataclass

from ethomake.registry import Network, NetworkCost, by_name


@dataclass(frozen=True)
class FeatureMap:
    """A feature map inside of a backbone, which the frozen stream takes instead of the vector at its end.

    Attributes:
        layers: names of the backbone's layers from the image to the map, each taking the output of the one before.
        channels: its channels.
        stride: pixels of the image per position.
        grid: rows and columns to which it is reduced.
        cost: of one image, up to the map.
    """

    layers: tuple[str, ...]
    channels: int
    stride: int
    grid: int
    cost: NetworkCost


@dataclass(frozen=True, kw_only=True)
class StreamNetwork(Network):
    """A backbone for the streams.

    Attributes:
        volumetric: whether it is 3D: frames or flows are then a third dimension; a 2D network takes a single frame,
            or all flows as channels.
        stem: the name of its first convolution, whose weights are adapted if they were trained on RGB.
        weights: names of the weights that torchvision has for a network of this name.
        costs: costs per stream, "spatial" and "motion".
        feature_map: what the frozen stream sees; None for a backbone that can only be trained.
    """

    volumetric: bool
    stem: str
    weights: tuple[str, ...]
    costs: dict[str, NetworkCost]
    feature_map: FeatureMap | None = None


# ethomake/scheduling/resources.py describes how costs were measured, and their limits.
STREAM_NETWORKS = by_name(
    [
        StreamNetwork(
            name="resnet18",
            title="ResNet18",
            maker="ethomake.streams.backbones.resnet:resnet18",
            volumetric=False,
            stem="conv1",
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
                cost=NetworkCost(parameters=2.8, gflop=2.8, held=28, passing=12),  # not measured
            ),
        ),
        StreamNetwork(
            name="resnet50",
            title="ResNet50",
            maker="ethomake.streams.backbones.resnet:resnet50",
            volumetric=False,
            stem="conv1",
            weights=("IMAGENET1K_V1", "IMAGENET1K_V2", "DEFAULT"),
            costs={
                "spatial": NetworkCost(parameters=24.6, gflop=8.2, held=100, passing=20),
                "motion": NetworkCost(parameters=24.6, gflop=2.5, held=30, passing=8),
            },
        ),
        StreamNetwork(
            name="resnet3d_34",
            title="3D ResNet34",
            maker="ethomake.streams.backbones.resnet3d:resnet3d_34",
            volumetric=True,
            stem="conv1",
            weights=(),
            costs={
                "spatial": NetworkCost(parameters=63.5, gflop=78.6, held=230, passing=110),
                "motion": NetworkCost(parameters=63.5, gflop=17.1, held=60, passing=30),
            },
        ),
        StreamNetwork(
            name="mobilenet_v2",
            title="MobileNetV2",
            maker="ethomake.streams.backbones.mobilenet:mobilenet_v2",
            volumetric=False,
            stem="features.0.0",
            weights=("IMAGENET1K_V1", "IMAGENET1K_V2", "DEFAULT"),
            costs={
                "spatial": NetworkCost(parameters=2.9, gflop=0.6, held=80, passing=20),  # guessed
                "motion": NetworkCost(parameters=2.9, gflop=0.2, held=25, passing=8),  # guessed
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


def reject_weights(network: str, weights: str) -> str:
    """Return why `weights`, neither "none" nor a file, are not available for a network; "" if torchvision has them.

    Args:
        network: a key of `STREAM_NETWORKS`.
        weights: a name such as IMAGENET1K_V1.
    """
    known = STREAM_NETWORKS[network].weights
    if weights in known:
        return ""
    if not known:
        return f"torchvision has no weights for {network}; use none or a file"
    return f"must be none, a file, or weights that torchvision has for {network}: {', '.join(known)}"
