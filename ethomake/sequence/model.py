"""The sequence model as it is trained and used: standardized features in, logits of whole videos out."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from ethomake.features.store import FeatureReader
from ethomake.sequence.networks import build_sequence_network

CHUNK = 1024  # frames a forward pass gives at inference: faster than few or many, and a few megabytes each


class SequenceModel(nn.Module):
    """A sequence network behind a standardization of its features with the statistics of the training videos."""

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, network: str, inputs: int, outputs: int, settings: dict[str, Any]):
        super().__init__()
        self.network = build_sequence_network(network, inputs, outputs, settings)
        self.register_buffer("mean", torch.zeros(inputs))
        self.register_buffer("std", torch.ones(inputs))

    def standardize_with(self, features: Sequence[np.ndarray]) -> None:
        """Take mean and standard deviation from the training videos' features, each (T, D)."""
        # In pieces: the differences are float64, four times as large as the features.
        pieces = [part[start : start + CHUNK] for part in features for start in range(0, len(part), CHUNK)]
        rows = sum(len(piece) for piece in pieces)
        mean = sum(piece.sum(0, dtype=np.float64) for piece in pieces) / rows
        variance = sum(((piece - mean) ** 2).sum(0) for piece in pieces) / rows
        self.mean.copy_(torch.from_numpy(mean))
        self.std.copy_(torch.from_numpy(np.sqrt(variance)).clamp(min=1e-3))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Logits (B, T, K) of features (B, T, D); past the ends of T the standardized features are zero."""
        return self.network((features - self.mean).div_(self.std))


def infer(model: SequenceModel, features: np.ndarray, chunk: int = CHUNK) -> torch.Tensor:
    """Logits of a whole video, float32 (T, K) on the CPU; arguments as for `infer_in_pieces`."""
    return torch.cat(list(infer_in_pieces(model, features, chunk)))


@torch.no_grad()
def infer_in_pieces(
    model: SequenceModel, features: np.ndarray | FeatureReader, chunk: int = CHUNK
) -> Iterator[torch.Tensor]:
    """Logits of a video from its first frame to its last, float32 (up to `chunk`, K) on the CPU.

    The video passes in windows that overlap by the network's reach on each side; of each window only the frames
    are kept whose whole context lies in it. So the result is that of one pass over the video, wherever the
    windows fall, and memory does not grow with it.

    Args:
        features: float16 or float32 (T, D), or what reads them as they are sliced.
        chunk: frames to keep of a window.
    """
    device, reach = model.mean.device, model.network.reach
    for start in range(0, len(features), chunk):
        stop = min(start + chunk, len(features))
        first, last = max(0, start - reach), min(len(features), stop + reach)
        window = torch.from_numpy(features[first:last]).to(device).float()  # torch's conversion is the faster one
        yield model(window[None])[0, start - first : stop - first].float().cpu()
