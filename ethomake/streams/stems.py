"""The first convolution of a backbone, for inputs with a number of channels other than three."""

from typing import cast

from torch import nn

_Pair = tuple[int, int]


def widen(convolution: nn.Conv2d, channels: int) -> nn.Conv2d:
    """Return the convolution for another number of input channels, with new weights; unchanged if the number fits."""
    if channels == convolution.in_channels:
        return convolution
    new = nn.Conv2d(
        channels,
        convolution.out_channels,
        cast(_Pair, convolution.kernel_size),
        cast(_Pair, convolution.stride),
        cast(_Pair, convolution.padding),
        bias=False,
    )
    nn.init.kaiming_normal_(new.weight, mode="fan_out", nonlinearity="relu")
    return new
