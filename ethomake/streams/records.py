"""What is known of a network of the streams without building it. Imports no torch."""

from dataclasses import dataclass

from ethomake.registry import Network, NetworkCost


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
        weights: names of its public weights.
        costs: costs per stream, "spatial" and "motion".
        thin: whether its layers have much data for their arithmetic (depthwise convolutions), so that a CPU takes few
            large images at a time.
        scaled: whether all images are scaled to one size, so that costs do not depend on theirs.
        feature_map: what the frozen stream sees; None for a backbone that can only be trained.
    """

    volumetric: bool
    weights: tuple[str, ...]
    costs: dict[str, NetworkCost]
    thin: bool = False
    scaled: bool = False
    feature_map: FeatureMap | None = None
