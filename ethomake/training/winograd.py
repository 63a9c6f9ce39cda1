"""3x3 convolutions with a third fewer multiplications, by Winograd's minimal filtering along one axis.

Two neighboring outputs of a filter with three taps need six products, or four if inputs and taps are first combined
(S. Winograd, Arithmetic Complexity of Computations, 1980; for convolutions: A. Lavin, S. Gray, CVPR 2016, F(2, 3)).
Here the outputs are pairs of image rows and each product is a convolution of one row's height. It is the same sum in
another order: float32 differs by rounding, bfloat16 rounds twice instead of once.

oneDNN, which computes convolutions on CPUs, does not do this for bfloat16; cuDNN selects its own algorithms.
"""

from typing import TypeGuard

import torch
from torch import Tensor, nn
from torch.nn import functional as F

WORTH = 400  # minimum of 3 * products saved per value added; measured: at 288 there is no gain


class WinogradConv(nn.Module):
    """A 3x3 or 3x3x3 convolution of stride 1 and padding 1, computed two rows at a time.

    Args:
        conv: the convolution to replace; see `suits`. It is not changed.
    """

    def __init__(self, conv: nn.Conv2d | nn.Conv3d) -> None:
        super().__init__()
        self.convolve = F.conv2d if isinstance(conv, nn.Conv2d) else F.conv3d
        self.layout = torch.channels_last if isinstance(conv, nn.Conv2d) else torch.channels_last_3d
        self.padding = [1] * (conv.weight.ndim - 4) + [0, 1]
        above, middle, below = conv.weight.detach().split(1, dim=-2)
        sums = [above, (above + middle + below) / 2, (above - middle + below) / 2, below]
        self.weights = nn.ParameterList(nn.Parameter(kernel.clone()) for kernel in sums)
        bias = None if conv.bias is None else conv.bias.detach()
        self.bias = None if bias is None else nn.Parameter(bias.clone())
        self.minus_bias = None if bias is None else nn.Parameter(-bias)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, [T,] H, W) -> (B, outputs, [T,] H, W)."""
        height = x.shape[-2]
        if height % 2:
            x = F.pad(x, (0, 0, 0, 1))
        even, odd = x[..., 0::2, :], x[..., 1::2, :]
        # Outputs y0 and y1 see rows d0 to d3: the odd one before, an even and an odd one, and the even one after.
        first = -odd
        first[..., 1:, :] += odd[..., :-1, :]
        last = even.clone()
        last[..., :-1, :] -= even[..., 1:, :]
        m0 = self._product(0, first, self.bias)
        m1 = self._product(1, even + odd)
        m2 = self._product(2, odd - even)
        m3 = self._product(3, last, self.minus_bias)
        shape = (*m0.shape[:-2], x.shape[-2], x.shape[-1])
        y = torch.empty(shape, dtype=x.dtype, device=x.device, memory_format=self.layout)
        torch.add(m1, m2, out=y[..., 0::2, :]).add_(m0)
        torch.sub(m1, m2, out=y[..., 1::2, :]).sub_(m3)
        return y[..., :height, :]

    def _product(self, number: int, rows: Tensor, bias: Tensor | None = None) -> Tensor:
        return self.convolve(rows, self.weights[number], bias, padding=self.padding)


def suits(module: nn.Module) -> TypeGuard[nn.Conv2d | nn.Conv3d]:
    """Return whether a module is a convolution with enough channels that fewer products outweigh the added rows."""
    return (
        isinstance(module, nn.Conv2d | nn.Conv3d)
        and set(module.kernel_size) == {3}
        and set(module.stride) == set(module.dilation) == {1}
        and set(module.padding) == {1}
        and module.padding_mode == "zeros"
        and module.groups == 1
        and module.weight.numel() >= WORTH * (module.in_channels + module.out_channels)
    )


def use_winograd(network: nn.Module) -> nn.Module:
    """Replace the convolutions of a frozen network that become faster, in place."""
    for parent in list(network.modules()):
        for name, child in list(parent.named_children()):
            if suits(child):
                setattr(parent, name, WinogradConv(child))
    return network
