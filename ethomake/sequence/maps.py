"""Layers for the feature maps of a frozen backbone: they turn the map of each frame into a vector, before any time."""

import torch
from torch import Tensor, nn

from ethomake.sequence.dropout import Dropout

HEADS = 4
"""Places of a map that are looked at."""


class MapReader(nn.Module):
    """Attention over the positions of a map, and a layer on what was found there: (B, T, D) -> (B, T, units).

    A frozen backbone knows no behaviors. Each head weighs the positions by what they show, and reads the mean of the
    channels with these weights: what is in one place together, such as a wing and its angle, which a mean over the
    whole map mixes with all else. Where on the map it is does not matter, so that what was learned of an animal on one
    side of another holds on the other side, too (docs/decisions/0005-quick-tier.md).

    Args:
        channels: of a map.
        grid: its rows and columns; D = channels * rows * columns, channel by channel.
        units: of the vector.
        dropout: share of values dropped before the last layer.
    """

    def __init__(self, channels: int, grid: tuple[int, int], units: int, dropout: float) -> None:
        super().__init__()
        self.shape = (channels, grid[0] * grid[1])
        self.score = nn.Linear(channels, HEADS)
        self.dense = nn.Sequential(
            Dropout(dropout),
            nn.Linear(HEADS * channels, units),
            nn.ReLU(inplace=True),
        )

    def forward(self, features: Tensor) -> Tensor:
        """(B, T, channels * rows * columns) -> (B, T, units)."""
        batch, frames, _ = features.shape
        maps = features.reshape(batch * frames, *self.shape)
        scores = self.score.weight @ maps + self.score.bias[:, None]
        seen = torch.softmax(scores, -1) @ maps.transpose(1, 2)
        return self.dense(seen.flatten(1)).view(batch, frames, -1)
