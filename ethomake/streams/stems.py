"""The first convolution of a backbone, for images of other than three channels."""

from typing import cast

from torch import nn

_Pair = tuple[int, int]


def widen(convolution: nn.Conv2d, channels: int) -> nn.Conv2d:
    """The same convolution for another number of input channels, with new weights; itself where the number fits."""
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
