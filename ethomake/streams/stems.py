"""The first convolution of a backbone, for inputs with a number of channels other than three, and of any size."""

from collections.abc import Sequence
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ethomake.errors import InputError

Convolution = nn.Conv2d | nn.Conv3d
AnyConvolution = TypeVar("AnyConvolution", bound=Convolution)


def first_convolution(network: nn.Module) -> tuple[str, Convolution]:
    """Return the name and the layer of the first convolution of a network, whose weights are those of its channels.

    Raises:
        InputError: if it has none.
    """
    for name, module in network.named_modules():
        if isinstance(module, nn.Conv2d | nn.Conv3d):
            return name, module
    raise InputError(
        f"{type(network).__name__} has no convolution that sees the image, so it cannot be adapted to optic flow; "
        "choose another streams.network"
    )


def widen_stem(network: nn.Module, channels: int) -> None:
    """Adapt the first convolution of a network to another number of input channels, in place."""
    name, convolution = first_convolution(network)
    network.set_submodule(name, widen(convolution, channels))


def widen(convolution: AnyConvolution, channels: int) -> AnyConvolution:
    """Return the convolution for another number of input channels, with new weights; unchanged if the number fits."""
    if channels == convolution.in_channels:
        return convolution
    new = type(convolution)(
        channels,
        convolution.out_channels,
        convolution.kernel_size,  # pyright: ignore[reportArgumentType] (two numbers in 2D, three in 3D)
        convolution.stride,  # pyright: ignore[reportArgumentType]
        convolution.padding,  # pyright: ignore[reportArgumentType]
        bias=convolution.bias is not None,
    )
    nn.init.kaiming_normal_(new.weight, mode="fan_out", nonlinearity="relu")
    return new


def see_size(network: nn.Module, size: Sequence[int] | None, least: int = 0) -> None:
    """Let a network that takes images of one size, or of no less than a size, take any: they are scaled first.

    Args:
        network: the network, which is changed in place; names and number of its parameters stay.
        size: (height, width), or (frames, height, width) of a 3D network, if it takes no other.
        least: smallest height and width in pixels that it takes.
    """
    if size or least:
        fixed = tuple(size) if size else None
        network.register_forward_pre_hook(lambda _, inputs: (scaled(inputs[0], fixed, least), *inputs[1:]))


def scaled(images: Tensor, size: tuple[int, ...] | None, least: int = 0) -> Tensor:
    """Return images (B, C, H, W) or (B, C, T, H, W) in another size, by linear interpolation.

    Args:
        images: images or optic flow, whose values stay as they are.
        size: the new size; None to enlarge to `least` only.
        least: smallest height and width, in pixels.
    """
    wanted = size or (*images.shape[2:-2], *(max(side, least) for side in images.shape[-2:]))
    if tuple(images.shape[2:]) == wanted:
        return images
    if images.ndim == 5:
        new = F.interpolate(images.float(), wanted, mode="trilinear", align_corners=False)
    else:
        new = F.interpolate(images.float(), wanted, mode="bilinear", align_corners=False, antialias=True)
    return new.to(images.dtype)


torch.fx.wrap("scaled")  # torch.fx, which folds BatchNorm, does not look into it: what it does depends on the size
