"""Networks that turn frames or optic flow into a vector of 512 features and logits of the behaviors.

Inputs have the time axis second, whatever the network:
    spatial: normalized frames (B, T, 3, H, W); the middle `needs` of them are seen (1 by 2D networks, all by 3D ones);
    motion: flows as the flow networks give them, (B, 2 * (frames - 1), h, w), channels dx0, dy0, dx1, dy1, ...
"""

from collections.abc import Callable, Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision import models

from ethomake.errors import InputError

FEATURES = 512
Kind = Literal["spatial", "motion"]


class Stream(nn.Module):
    """A body that sees, features, and a head that names behaviors.

    Attributes:
        kind: "spatial" or "motion".
        network: its name in the config.
        needs: frames around (and with) the frame in question that must be read.
        body: from images to a vector; its keys are those of the public weights.
        reduce: from the body's vector to 512 features.
        head: dropout and a linear layer.
    """

    def __init__(self, network: str, kind: Kind, outputs: int, frames: int = 11, dropout: float = 0.25) -> None:
        super().__init__()
        make, self.volumetric = STREAM_NETWORKS[network]
        self.network, self.kind, self.frames = network, kind, frames
        self.needs = frames if kind == "motion" or self.volumetric else 1
        spatial_channels = 3 if kind == "spatial" else 2 if self.volumetric else 2 * (frames - 1)
        self.body, width = make(spatial_channels)
        self.reduce = (
            nn.Identity() if width == FEATURES else nn.Sequential(nn.Linear(width, FEATURES), nn.ReLU(inplace=True))
        )
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(FEATURES, outputs))

    def arrange(self, inputs: Tensor) -> Tensor:
        """The input as the body wants it: (B, C, H, W), or (B, C, T, H, W) for a 3D network."""
        if self.kind == "motion":
            return inputs.unflatten(1, (self.frames - 1, 2)).transpose(1, 2) if self.volumetric else inputs
        first = (inputs.shape[1] - self.needs) // 2
        if self.volumetric:
            return inputs[:, first : first + self.needs].transpose(1, 2)
        return inputs[:, first]

    def features(self, inputs: Tensor) -> Tensor:
        """(B, 512)."""
        return self.reduce(self.body(self.arrange(inputs)))

    def forward(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Features (B, 512) and logits (B, outputs)."""
        features = self.features(inputs)
        return features, self.head(features)


class Block3D(nn.Module):
    """Two 3x3x3 convolutions and a shortcut."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv3d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm3d(outputs)
        self.conv2 = nn.Conv3d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm3d(outputs)
        self.downsample = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(nn.Conv3d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm3d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, T, H, W) -> (B, outputs, T / stride, H / stride, W / stride)."""
        shortcut = x if self.downsample is None else self.downsample(x)
        return F.relu(self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))) + shortcut)


class ResNet3D34(nn.Module):
    """ResNet34 with every convolution over time too (Hara et al., 2018): 63.5 million parameters.

    Keys are named as in torchvision's ResNets, as public 3D weights are.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv3d(channels, 64, 7, (1, 2, 2), 3, bias=False)
        self.bn1 = nn.BatchNorm3d(64)
        inputs = 64
        for stage, (outputs, blocks) in enumerate([(64, 3), (128, 4), (256, 6), (512, 3)], start=1):
            layers = [Block3D(inputs, outputs, 1 if stage == 1 else 2)]
            layers += [Block3D(outputs, outputs, 1) for _ in range(blocks - 1)]
            setattr(self, f"layer{stage}", nn.Sequential(*layers))
            inputs = outputs
        for module in self.modules():
            if isinstance(module, nn.Conv3d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, T, H, W) -> (B, 512)."""
        x = F.max_pool3d(F.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return x.mean((2, 3, 4))


def _widen(convolution: nn.Conv2d, channels: int) -> nn.Conv2d:
    """The same first convolution for another number of input channels; torchvision's where it is 3."""
    if channels == convolution.in_channels:
        return convolution
    new = nn.Conv2d(
        channels,
        convolution.out_channels,
        convolution.kernel_size,
        convolution.stride,
        convolution.padding,
        bias=False,
    )
    nn.init.kaiming_normal_(new.weight, mode="fan_out", nonlinearity="relu")
    return new


def _resnet(make: Callable[..., models.ResNet]) -> Callable[[int], tuple[nn.Module, int]]:
    def body(channels: int) -> tuple[nn.Module, int]:
        network = make(weights=None)
        width = network.fc.in_features
        network.conv1, network.fc = _widen(network.conv1, channels), nn.Identity()
        return network, width

    return body


def _mobilenet_v2(channels: int) -> tuple[nn.Module, int]:
    network = models.mobilenet_v2(weights=None)
    network.features[0][0] = _widen(network.features[0][0], channels)
    network.classifier = nn.Identity()
    return network, network.last_channel


def _resnet3d_34(channels: int) -> tuple[nn.Module, int]:
    return ResNet3D34(channels), FEATURES


# Name in the config -> (maker of a body for so many channels with the length of its vector, whether it is 3D).
STREAM_NETWORKS: dict[str, tuple[Callable[[int], tuple[nn.Module, int]], bool]] = {
    "resnet18": (_resnet(models.resnet18), False),
    "resnet50": (_resnet(models.resnet50), False),
    "mobilenet_v2": (_mobilenet_v2, False),
    "resnet3d_34": (_resnet3d_34, True),
}


def build_stream(network: str, kind: Kind, outputs: int, frames: int = 11, dropout: float = 0.25) -> Stream:
    """A new stream with random weights.

    Args:
        network: a key of `STREAM_NETWORKS`.
        kind: "spatial" or "motion".
        outputs: number of logits.
        frames: in a window; the motion stream sees `frames - 1` flows.
        dropout: before the head.

    Raises:
        InputError: no network has that name.
    """
    if network not in STREAM_NETWORKS:
        raise InputError(
            f"config: streams.network {network!r} is not known; choose one of {', '.join(STREAM_NETWORKS)}"
        )
    if kind not in ("spatial", "motion"):
        raise InputError(f"config: streams.enabled has {kind!r}; a stream is spatial or motion")
    return Stream(network, kind, outputs, frames, dropout)


def head_bias(positives: Tensor | Sequence[float], negatives: Tensor | Sequence[float]) -> Tensor:
    """Where the head's biases start: the log odds of each behavior in the labels.

    Args:
        positives: number of labelled frames with each behavior, (K,).
        negatives: number of labelled frames without it, (K,).

    Returns:
        ln(positives / negatives), (K,) float32; 0 where there is no positive, 1 where there is no negative.
    """
    positives, negatives = (torch.as_tensor(counts, dtype=torch.float32) for counts in (positives, negatives))
    odds = torch.log(positives.clamp(min=1) / negatives.clamp(min=1))
    odds = torch.where(negatives > 0, odds, torch.ones_like(odds))
    return torch.where(positives > 0, odds, torch.zeros_like(odds))
