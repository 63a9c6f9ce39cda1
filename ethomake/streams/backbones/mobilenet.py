"""torchvision's MobileNet, without its classifier."""

from torch import nn
from torchvision import models

from ethomake.streams.stems import widen


def mobilenet_v2(channels: int) -> tuple[nn.Module, int]:
    """Return MobileNetV2, (B, channels, H, W) -> (B, 1280), and the length of its vector."""
    network = models.mobilenet_v2(weights=None)
    network.features[0][0] = widen(network.features[0][0], channels)
    network.classifier = nn.Identity()
    return network, network.last_channel
