"""torchvision's MobileNet, without its classifier."""

from typing import cast

from torch import nn
from torchvision import models

from ethomake.streams.stems import widen


def mobilenet_v2(channels: int) -> tuple[nn.Module, int]:
    """Return MobileNetV2, (B, channels, H, W) -> (B, 1280), and the length of its vector."""
    network = models.mobilenet_v2(weights=None)
    first = cast(nn.Sequential, network.features[0])
    first[0] = widen(cast(nn.Conv2d, first[0]), channels)
    network.register_module("classifier", nn.Identity())
    return network, network.last_channel
