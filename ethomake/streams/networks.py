"""Networks that turn frames or optic flow into a vector of 512 features and logits of the behaviors.

The second axis of all inputs is time:
    spatial: normalized frames (B, T, 3, H, W), of which the middle `context_frames` are used: 1 by 2D networks, 5 if
        they see grey frames, all by 3D ones;
    motion: flows in the layout of the flow networks' output, (B, 2 * (frames - 1), h, w), channels dx0, dy0, dx1, ...
"""

from collections.abc import Sequence
from typing import Literal, Self

import torch
from torch import Tensor, nn

# Imported so that backbones count as code of the stages that import this module: registry records name them by strings.
from ethomake.streams import backbones  # noqa: F401
from ethomake.streams.grey import WINDOW, grey_images
from ethomake.streams.registry import find_network

FEATURES = 512
Kind = Literal["spatial", "motion"]
Sight = Literal["color", "grey"]
"""What a spatial stream sees: the colors of a frame, or three neighboring grey frames as red, green and blue,
in which what moves shows as color."""


class Stream(nn.Module):
    """Backbone, projection to 512 features, and classification head.

    In weights files, the keys of backbone and projection begin with `body` and `reduce`, their attribute names;
    code uses the properties `backbone` and `projection`.

    Args:
        network: its name, see `ethomake.streams.registry.find_network`.
        kind: "spatial" or "motion".
        outputs: number of logits.
        frames: number of frames in a window; the motion stream takes `frames - 1` flows.
        dropout: dropout probability before the head.
        sees: what a spatial stream sees.

    Attributes:
        kind: "spatial" or "motion".
        network: name of the network, see `find_network`.
        volumetric: whether the backbone is 3D.
        sees: what a spatial stream sees; a 3D network sees colors.
        context_frames: number of frames that the input must contain, centered on the frame to classify.
        head: dropout and a linear layer.
        still: names of the modules that stay in eval mode in training, see `ethomake.streams.partial`.

    Raises:
        InputError: if no network has that name.
    """

    def __init__(
        self,
        network: str,
        kind: Kind,
        outputs: int,
        frames: int = 11,
        dropout: float = 0.25,
        sees: Sight = "color",
    ) -> None:
        super().__init__()
        record = find_network(network)
        self.network, self.kind, self.frames, self.volumetric = network, kind, frames, record.volumetric
        self.sees: Sight = "color" if self.volumetric else sees
        if kind == "motion" or self.volumetric:
            self.context_frames = frames
        else:
            self.context_frames = 1 if self.sees == "color" else WINDOW
        channels = 3 if kind == "spatial" else 2 if self.volumetric else 2 * (frames - 1)
        self.body, width = record.make(channels)
        self.reduce = (
            nn.Identity() if width == FEATURES else nn.Sequential(nn.Linear(width, FEATURES), nn.ReLU(inplace=True))
        )
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(FEATURES, outputs))
        self.still: tuple[str, ...] = ()

    def train(self, mode: bool = True) -> Self:
        """Set the mode of all modules but those that stay as they are."""
        super().train(mode)
        for name in self.still:
            self.get_submodule(name).eval()
        return self

    @property
    def backbone(self) -> nn.Module:
        """The network from images to a vector; its state dict has the keys of public weights."""
        return self.body

    @property
    def projection(self) -> nn.Module:
        """The layers from the backbone's vector to 512 features."""
        return self.reduce

    def to_backbone_layout(self, inputs: Tensor) -> Tensor:
        """Return the input in the layout of the backbone: (B, C, H, W), or (B, C, T, H, W) for a 3D network."""
        if self.kind == "motion":
            return inputs.unflatten(1, (self.frames - 1, 2)).transpose(1, 2) if self.volumetric else inputs
        first = (inputs.shape[1] - self.context_frames) // 2
        if self.volumetric:
            return inputs[:, first : first + self.context_frames].transpose(1, 2)
        if self.sees == "grey":
            return grey_images(inputs[:, first : first + self.context_frames])[:, 0]
        return inputs[:, first]

    def features(self, inputs: Tensor) -> Tensor:
        """Return features (B, 512)."""
        return self.projection(self.backbone(self.to_backbone_layout(inputs)))

    def forward(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Return features (B, 512) and logits (B, outputs)."""
        features = self.features(inputs)
        return features, self.head(features)


def head_bias(positives: Tensor | Sequence[float], negatives: Tensor | Sequence[float]) -> Tensor:
    """Return the initial biases of the head: the log odds of each behavior in the labels.

    Args:
        positives: number of labelled frames with each behavior, (K,).
        negatives: number of labelled frames without it, (K,).

    Returns:
        ln(positives / negatives), (K,) float32; 0 if there is no positive, 1 if there is no negative.
    """
    positives, negatives = (torch.as_tensor(counts, dtype=torch.float32) for counts in (positives, negatives))
    odds = torch.log(positives.clamp(min=1) / negatives.clamp(min=1))
    odds = torch.where(negatives > 0, odds, torch.ones_like(odds))
    return torch.where(positives > 0, odds, torch.zeros_like(odds))
