"""Convolutions over time with many taps, in a third of the multiplications, by discrete Fourier transforms.

A convolution is a product at each frequency; long series are cut into overlapping blocks, of whose results the ends are
left out (overlap-save: T. G. Stockham, High-speed convolution and correlation, AFIPS 1966). The networks here have
filters of 15 frames between all pairs of some hundred channels, so these products are nearly all of the work. Blocks
are short: what is saved grows slowly with their length, and the transforms of some tens of values are matrix products,
which are faster than FFTs. It is the same sum in another order: float32 differs by rounding.
"""

import math
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional as F

BLOCK = 45  # outputs of a block, about: measured, 30 and 60 take longer


def convolve(x: Tensor, weight: Tensor, bias: Tensor, dilation: int) -> Tensor:
    """Return what `torch.nn.functional.conv1d` does with zeros around `x` so that T is kept.

    Args:
        x: (B, C, T).
        weight: (outputs, C, taps), taps being odd.
        bias: (outputs,).
        dilation: frames from one tap to the next.

    Returns:
        (B, outputs, T).
    """
    batch, channels, frames = x.shape
    outputs, _, taps = weight.shape
    in_phase = -(-frames // dilation)  # every `dilation`th frame is a series of its own
    blocks = max(1, round(in_phase / BLOCK))
    block = -(-in_phase // blocks)
    length = block + taps - 1
    there, back = _transforms(length, block, x.dtype)

    reach = dilation * (taps - 1) // 2
    padded = F.pad(x, (reach, reach + blocks * block * dilation - frames))
    parts = padded.unfold(2, length * dilation, block * dilation).unflatten(3, (length, dilation))
    series = batch * blocks * dilation
    values = parts.permute(3, 0, 2, 4, 1).reshape(length, series * channels)
    real, imaginary = (there @ values).view(2, -1, series, channels)
    filters = weight.permute(2, 1, 0).reshape(taps, channels * outputs)
    real_filter, imaginary_filter = (there[:, :taps] @ filters).view(2, -1, channels, outputs)

    # (a + ib)(c - id) in three products
    one, other = real @ real_filter, imaginary @ imaginary_filter
    both = (real + imaginary) @ (real_filter - imaginary_filter)
    spectrum = torch.stack([one + other, both - one + other])
    found = back @ spectrum.view(-1, series * outputs)
    found = found.view(block, batch, blocks, dilation, outputs).permute(1, 4, 2, 0, 3)
    return found.reshape(batch, outputs, -1)[..., :frames] + bias[:, None]


@lru_cache(maxsize=16)
def _transforms(length: int, block: int, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Return the transform of real series, (2 * frequencies, length), and its inverse for the first values of a block.

    Rows are the real parts of all frequencies, then the imaginary parts.
    """
    frequencies = torch.arange(length // 2 + 1)[:, None]
    angles = 2 * math.pi / length * (frequencies * torch.arange(length) % length).double()
    there = torch.cat([angles.cos(), -angles.sin()])
    counted = torch.where((frequencies == 0) | (2 * frequencies == length), 1.0, 2.0).double() / length
    back = (there * counted.repeat(2, 1))[:, :block].T
    return there.to(dtype), back.to(dtype).contiguous()
