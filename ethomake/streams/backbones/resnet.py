"""torchvision's ResNets, without their classifier."""

from collections.abc import Callable

from torch import nn
from torchvision import models

from ethomake.streams.stems import widen


def resnet18(channels: int) -> tuple[nn.Module, int]:
    """Return ResNet18, (B, channels, H, W) -> (B, 512), and the length of its vector."""
    return _without_classifier(models.resnet18, channels)


def resnet50(channels: int) -> tuple[nn.Module, int]:
    """Return ResNet50, (B, channels, H, W) -> (B, 2048), and the length of its vector."""
    return _without_classifier(models.resnet50, channels)


def _without_classifier(make: Callable[..., models.ResNet], channels: int) -> tuple[nn.Module, int]:
    network = make(weights=None)
    width = network.fc.in_features
    network.conv1 = widen(network.conv1, channels)
    network.register_module("fc", nn.Identity())
    return network, width
