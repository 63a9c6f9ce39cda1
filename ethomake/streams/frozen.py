"""The frozen stream: a pretrained backbone as it is, whose feature map describes each frame; nothing is trained.

The images that it sees are made of three neighboring grey frames, in place of red, green and blue: what moves shows
as color. Of a feature map in the middle of the backbone, means over the cells of a small grid are the features: a mean
over the whole image would not tell where in it something is, and the sequence model has layers of its own for maps
(`ethomake.sequence.maps`).
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ethomake.errors import InputError
from ethomake.streams.grey import OFFSETS, grey_images
from ethomake.streams.networks import Stream
from ethomake.streams.registry import find_network, mapped_networks
from ethomake.streams.weights import load_pretrained, origin_of
from ethomake.training.weights import WeightsMetadata, save_weights

logger = logging.getLogger(__name__)

# Of ImageNet, for values 0..1, where the weights do not say otherwise.
CHANNEL_MEAN, CHANNEL_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class FrozenBackbone(nn.Module):
    """The layers of a backbone up to a feature map, and the means over the cells of a grid.

    Attributes:
        network: name of the backbone, one of `mapped_networks`.
        grid: rows and columns of the grid.
        channels: of the feature map.
    """

    def __init__(self, network: str) -> None:
        super().__init__()
        shown = find_network(network).feature_map
        if shown is None:
            raise InputError(f"{network} has no feature map to be used frozen; choose {' or '.join(mapped_networks())}")
        self.network, self.grid, self.channels = network, shown.grid, shown.channels
        backbone, _ = find_network(network).make(3)
        self.layers = nn.ModuleDict({name.replace(".", "_"): backbone.get_submodule(name) for name in shown.layers})

    def forward(self, images: Tensor) -> Tensor:
        """Return the feature map on the grid, normalized images (B, 3, H, W) -> float32 (B, channels, grid, grid)."""
        for layer in self.layers.values():
            images = layer(images)
        return F.adaptive_avg_pool2d(images.float(), self.grid)


@dataclass(frozen=True)
class FrozenMetadata(WeightsMetadata[FrozenBackbone]):
    """The metadata of a frozen backbone.

    Attributes:
        stream: frozen.
        source: where its weights come from: the name of public ones, or the name of a file.
        license: of public weights.
        channel_mean, channel_std: statistics that normalize its images.
        layers: the layers of the backbone up to the feature map.
        channels, grid: channels of the feature map, and rows and columns of the grid.
        offsets: the frames around frame t that are the channels of its image.
        page: address of a page about public weights.
    """

    kinds: ClassVar[tuple[str, ...]] = ("frozen",)

    stream: Literal["frozen"]
    source: str
    license: str
    channel_mean: list[float]
    channel_std: list[float]
    layers: list[str]
    channels: int
    grid: int
    offsets: list[int]
    page: str = ""

    def build(self) -> FrozenBackbone:
        """Return a new backbone.

        Raises:
            InputError: if this version of ethomake takes another feature map of it.
        """
        backbone, shown = FrozenBackbone(self.network), find_network(self.network).feature_map
        assert shown is not None, "checked by FrozenBackbone"
        here = {"layers": list(shown.layers), "grid": shown.grid, "offsets": list(OFFSETS)}
        if changed := [key for key, value in here.items() if getattr(self, key) != value]:
            raise InputError(
                f"the frozen {self.network} was made with other {changed[0]} than this version of ethomake has; make "
                "it again, or use the version that made it"
            )
        return backbone


def freeze_backbone(network: str, weights: str | Path, output: str | Path) -> None:
    """Write the layers of a pretrained backbone up to its feature map.

    Args:
        network: name of the backbone.
        weights: the name of public weights, which are downloaded, or a file; as for `load_pretrained`.
        output: the weights file to write.

    Raises:
        InputError: if the backbone has no feature map, or the weights are not available or do not fit.
    """
    frozen = FrozenBackbone(network)
    shown = find_network(network).feature_map
    assert shown is not None, "checked by FrozenBackbone"
    stream = Stream(network, "spatial", 1)
    load_pretrained(stream, weights)
    for name in shown.layers:
        given = stream.backbone.get_submodule(name).state_dict()
        frozen.layers[name.replace(".", "_")].load_state_dict(given)
    origin = origin_of(network, weights)
    metadata = FrozenMetadata(
        network=network,
        seed=0,
        stream="frozen",
        source=origin.source,
        license=origin.license,
        page=origin.page,
        channel_mean=list(origin.mean or CHANNEL_MEAN),
        channel_std=list(origin.std or CHANNEL_STD),
        layers=list(shown.layers),
        channels=frozen.channels,
        grid=frozen.grid,
        offsets=list(OFFSETS),
    )
    save_weights(output, frozen, metadata)
    logger.info(f"frozen {network}: {origin.source}, up to {shown.layers[-1]}, {frozen.channels} channels on a grid")


def normalized_images(frames: Tensor, mean: Sequence[float], std: Sequence[float]) -> Tensor:
    """Return the images that a frozen backbone sees: those of `grey_images`, normalized.

    Args:
        frames: uint8 (T, 3, H, W).
        mean, std: statistics that normalize the channels, for values 0..1.

    Returns:
        float32 (T - 4, 3, H, W).
    """
    channels = (grey_images(frames.float()) / 255).unbind(1)
    return torch.stack([(channel - m) / s for channel, m, s in zip(channels, mean, std, strict=True)], 1)
