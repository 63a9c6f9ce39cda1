"""The sequence model: from standardized features to logits of whole videos."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from ethomake.features.store import FeatureReader, Maps
from ethomake.sequence.maps import MapReader
from ethomake.sequence.networks import build_sequence_network

CHUNK = 1024  # frames per forward pass at inference: faster than fewer or more, and a few megabytes each


@dataclass(frozen=True, eq=False)
class Moments:
    """What mean and standard deviation of some rows of features follow from, also together with others.

    Attributes:
        rows: their number.
        mean: float64 (D,).
        squares: the sum of the squared differences from that mean, float64 (D,).
    """

    rows: int
    mean: np.ndarray
    squares: np.ndarray

    @classmethod
    def of(cls, features: np.ndarray) -> "Moments":
        """Return those of features (T, D)."""
        # In pieces, as the differences are float64, four times as large as the features.
        pieces = [features[start : start + CHUNK] for start in range(0, len(features), CHUNK)]
        mean = np.sum([piece.sum(0, dtype=np.float64) for piece in pieces], axis=0) / len(features)
        squares = np.zeros_like(mean)
        for piece in pieces:
            squares += ((piece - mean) ** 2).sum(0)
        return cls(len(features), mean, squares)


class SequenceModel(nn.Module):
    """A sequence network whose input features are standardized with the statistics of the training videos.

    Features that are maps pass through a `MapReader` first.

    Args:
        maps: channels and grid of the maps that the features are; None if they are vectors.

    Attributes:
        inputs: number of features per frame.
    """

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, network: str, inputs: int, outputs: int, settings: dict[str, Any], maps: Maps | None = None):
        super().__init__()
        self.inputs = inputs
        self.reader = None
        if maps is not None:
            channels, grid = maps["channels"], (maps["grid"][0], maps["grid"][1])
            self.reader = MapReader(channels, grid, settings["hidden"], settings["dropout"])
        read = inputs if self.reader is None else settings["hidden"]
        self.network = build_sequence_network(network, read, outputs, settings)
        self.register_buffer("mean", torch.zeros(inputs))
        self.register_buffer("std", torch.ones(inputs))

    def standardize_with(self, moments: Sequence[Moments]) -> None:
        """Set mean and standard deviation to those of the training videos' features, from the moments of each."""
        rows = sum(one.rows for one in moments)
        mean = sum(one.mean * one.rows for one in moments) / rows
        squares = sum(one.squares + one.rows * (one.mean - mean) ** 2 for one in moments)
        self.mean.copy_(torch.from_numpy(mean))
        self.std.copy_(torch.from_numpy(np.sqrt(squares / rows)).clamp(min=1e-3))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Return logits (B, T, K) of features (B, T, D); beyond the ends of T the standardized features are zero."""
        standardized = (features - self.mean).div_(self.std)
        return self.network(standardized if self.reader is None else self.reader(standardized))


def infer(model: SequenceModel, features: np.ndarray, chunk: int = CHUNK) -> torch.Tensor:
    """Return the logits of a whole video, float32 (T, K) on the CPU; arguments as for `infer_in_pieces`."""
    return torch.cat(list(infer_in_pieces(model, features, chunk)))


@torch.no_grad()
def infer_in_pieces(
    model: SequenceModel, features: np.ndarray | FeatureReader, chunk: int = CHUNK
) -> Iterator[torch.Tensor]:
    """Yield the logits of a video from its first frame to its last, float32 (up to `chunk`, K) on the CPU.

    The video is processed in windows that overlap by the network's reach on each side; of each window only the
    frames whose whole context lies in it are kept. The result is therefore that of one pass over the video,
    independent of the position of windows, and memory does not grow with the video's length.

    Args:
        features: float16 or float32 (T, D), or a reader that loads them when it is sliced.
        chunk: number of frames to keep of a window.
    """
    device, reach = model.mean.device, model.network.reach
    for start in range(0, len(features), chunk):
        stop = min(start + chunk, len(features))
        first, last = max(0, start - reach), min(len(features), stop + reach)
        window = torch.from_numpy(features[first:last]).to(device).float()  # torch converts faster than NumPy
        yield model(window[None])[0, start - first : stop - first].float().cpu()
