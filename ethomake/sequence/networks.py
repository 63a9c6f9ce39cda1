"""Networks over the features of a video in time: (B, T, D) -> logits (B, T, K).

An output depends on the features of at most `reach` frames on each side. A network treats frames outside its input
as zeros, so a window's outputs are those of the whole video except for `reach` frames at borders that are not the
video's own: windows that overlap by `2 * reach` give each frame the same prediction, independent of their position.
Their records are in `ethomake.sequence.registry`.
"""

from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ethomake.errors import InputError
from ethomake.sequence.convolution import convolve
from ethomake.sequence.dropout import Dropout
from ethomake.sequence.registry import SEQUENCE_NETWORKS

FRAMES_AT_ONCE = 16  # frames that the TGM filters in one matrix product


class GaussianMixture(nn.Module):
    """One layer of temporal filters: mixtures of normalized bumps (Piergiovanni & Ryoo, ICML 2019).

    Args:
        inputs: number of channels of the previous layer.
        outputs: number of channels of this layer.
        filters: number of bumps that all of its channels mix.
        length: length of a filter in frames, odd.
    """

    def __init__(self, inputs: int, outputs: int, filters: int, length: int) -> None:
        super().__init__()
        self.length = length
        self.center = nn.Parameter(torch.linspace(-0.8, 0.8, filters) if filters > 1 else torch.zeros(1))
        self.width = nn.Parameter(torch.linspace(-1.0, 1.0, filters) if filters > 1 else torch.zeros(1))
        self.attention = nn.Parameter(torch.randn(outputs, inputs, filters))

    def bumps(self) -> Tensor:
        """Return the bumps (filters, length), each summing to 1; centers lie inside the filter, widths are positive."""
        half = (self.length - 1) / 2
        frames = torch.arange(self.length, device=self.center.device, dtype=self.center.dtype) - half
        center = half * torch.tanh(self.center)
        width = 0.5 + half / 4 * torch.exp(self.width)
        shape = -0.5 * ((frames - center[:, None]) / width[:, None]) ** 2
        return torch.softmax(shape, 1)

    def kernels(self) -> Tensor:
        """Return kernels (outputs, inputs, length): soft attention over inputs and bumps, so each output sums to 1."""
        attention = torch.softmax(self.attention.flatten(1), 1).view_as(self.attention)
        return attention @ self.bumps()


class SequenceNetwork(nn.Module):
    """What all of these networks have.

    Attributes:
        reach: frames on each side that an output depends on.
    """

    reach: int


class TGM(SequenceNetwork):
    """Temporal Gaussian mixture model, as in DeepEthogram (eLife 2021;10:e63377).

    Each feature is smoothed over time by all layers, the maximum over the last layer's channels is taken, and the
    logits are the mean of two small classifiers, one on the features and one on the smoothed features. There is no
    nonlinearity between the layers and all features share the filters, so the layers fold into one convolution.
    """

    def __init__(self, inputs: int, outputs: int, settings: dict[str, Any]) -> None:
        super().__init__()
        length, count, channels = settings["filter_length"], settings["layers"], settings["channels"]
        self.reach = count * (length - 1) // 2
        self.layers = nn.ModuleList(
            GaussianMixture(1 if layer == 0 else channels, channels, settings["filters"], length)
            for layer in range(count)
        )
        self.from_features = _classifier(inputs, outputs, settings)
        self.from_smoothed = _classifier(inputs, outputs, settings)

    def kernel(self) -> Tensor:
        """Return all layers folded into one kernel (channels, 2 * reach + 1)."""
        first, *others = (cast(GaussianMixture, layer).kernels() for layer in self.layers)
        folded = first[:, 0]
        for kernels in others:
            length = kernels.shape[-1]
            # Correlating with one kernel after the other is correlating with their convolution.
            folded = F.conv1d(folded[None], kernels.flip(-1), padding=length - 1)[0]
        return folded

    def smooth(self, features: Tensor) -> Tensor:
        """Return the maximum of the filtered versions of each feature, (B, T, D) -> (B, T, D).

        The input is padded with zeros once, before the first layer. A few frames of all features are computed in one
        matrix product with a band matrix of the shifted kernels: its zeros cost less than a convolution of D series
        of one channel, no axis is moved, and the filtered versions stay in the cache until the maximum is taken.
        """
        b, t, d = features.shape
        kernel = self.kernel().to(features.dtype)
        channels, length = kernel.shape
        missing = -t % FRAMES_AT_ONCE
        padded = F.pad(features, (0, 0, self.reach, self.reach + missing))
        shifted = F.pad(kernel, (0, FRAMES_AT_ONCE)).repeat(1, FRAMES_AT_ONCE)
        # Rows are one column shorter than a whole repeat, so each begins one frame later than the row above.
        width = length + FRAMES_AT_ONCE - 1
        band = shifted[:, : FRAMES_AT_ONCE * width].reshape(channels * FRAMES_AT_ONCE, width)
        largest = [
            (band @ padded[:, start : start + width]).view(b, channels, FRAMES_AT_ONCE, d).amax(1)
            for start in range(0, t, FRAMES_AT_ONCE)
        ]
        return torch.cat(largest, 1)[:, :t]

    def forward(self, features: Tensor) -> Tensor:
        """(B, T, D) -> (B, T, K)."""
        return (self.from_features(features) + self.from_smoothed(self.smooth(features))) / 2


def _classifier(inputs: int, outputs: int, settings: dict[str, Any]) -> nn.Sequential:
    hidden, dropout = settings["hidden"], settings["dropout"]
    return nn.Sequential(
        Dropout(dropout),
        nn.Linear(inputs, hidden),  # a 1x1 convolution over time
        nn.ReLU(inplace=True),
        Dropout(dropout),
        nn.Linear(hidden, outputs),
    )


class DilatedBlock(nn.Module):
    """x + dropout(1x1(relu(dilated convolution(x)))), which keeps T."""

    def __init__(self, channels: int, length: int, dilation: int, dropout: float) -> None:
        super().__init__()
        self.dilated = nn.Conv1d(channels, channels, length, padding=dilation * (length - 1) // 2, dilation=dilation)
        self.mix = nn.Conv1d(channels, channels, 1)
        self.dropout = Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, T) -> (B, C, T)."""
        return x + self.dropout(self.mix(F.relu(self._filter(x))))

    def _filter(self, x: Tensor) -> Tensor:
        """Return the dilated convolution; that of a training on a processor, where it is most of the work, faster."""
        dilated, bias = self.dilated, self.dilated.bias
        if not self.training or x.device.type != "cpu" or bias is None:
            return dilated(x)  # a pass over pieces of a video is that over the whole video to the last bit
        return convolve(x, dilated.weight, bias, dilated.dilation[0])


class TCN(SequenceNetwork):
    """Residual convolutions of `filter_length` frames with dilations 1, 2, 4, ..., one for each of `layers`.

    `reach` is (filter_length - 1) / 2 * (2 ** layers - 1): 49 frames on each side for 3 layers of length 15.
    """

    def __init__(self, inputs: int, outputs: int, settings: dict[str, Any]) -> None:
        super().__init__()
        hidden, length, count = settings["hidden"], settings["filter_length"], settings["layers"]
        self.reach = (length - 1) // 2 * (2**count - 1)
        self.enter = nn.Sequential(Dropout(settings["dropout"]), nn.Conv1d(inputs, hidden, 1))
        self.blocks = nn.Sequential(
            *(DilatedBlock(hidden, length, 2**layer, settings["dropout"]) for layer in range(count))
        )
        self.leave = nn.Sequential(nn.ReLU(), Dropout(settings["dropout"]), nn.Conv1d(hidden, outputs, 1))

    def forward(self, features: Tensor) -> Tensor:
        """(B, T, D) -> (B, T, K)."""
        dropout, mix = self.enter
        assert isinstance(mix, nn.Conv1d)
        assert mix.bias is not None
        # The 1x1 convolution as a matrix product, which reads the features in their layout: half the time.
        entered = mix.weight[..., 0] @ dropout(features).transpose(1, 2) + mix.bias[:, None]
        return self.leave(self.blocks(entered)).transpose(1, 2)


def build_sequence_network(name: str, inputs: int, outputs: int, settings: dict[str, Any]) -> SequenceNetwork:
    """Return a new sequence network.

    Args:
        name: a key of `SEQUENCE_NETWORKS`.
        inputs: number of features per frame (D).
        outputs: number of logits per frame (K).
        settings: filters, filter_length (odd), layers, channels, hidden, dropout.

    Raises:
        InputError: if no network has that name.
    """
    if name not in SEQUENCE_NETWORKS:
        known = ", ".join(SEQUENCE_NETWORKS)
        raise InputError(f"no sequence network is called {name!r}; choose one of {known}")
    return SEQUENCE_NETWORKS[name].make(inputs, outputs, settings)
