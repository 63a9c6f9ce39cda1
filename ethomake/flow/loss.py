"""Unsupervised loss of optic flow: how badly it explains changes of frames (DeepEthogram, eLife 2021;10:e63377)."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from ethomake.flow.warp import warp

DEFAULTS: dict[str, Any] = {
    "charbonnier_exponent": 0.4,
    "smoothness_exponent": 0.3,
    "smoothness": (0.01, 0.02, 0.04),
}
EPSILON = 1e-3  # smaller differences count as none
WINDOW, SIGMA = 11, 1.5  # of SSIM, in pixels
C1, C2 = 0.01**2, 0.03**2  # SSIM's constants for values from 0 to 1


def flow_loss(frames: Tensor, flows: Sequence[Tensor], settings: Mapping[str, Any] = DEFAULTS) -> Tensor:
    """Return the photometric and smoothness losses, summed over scales.

    At each scale: Charbonnier and 1 - SSIM between frame t and frame t + 1 warped back by the flow, plus the weighted
    Charbonnier of the flow's forward differences; each a mean over pixels.

    Args:
        frames: (B, T, 3, H, W), values from 0 to 1 (SSIM depends on the range).
        flows: flows from the finest to the coarsest, each (B, 2 * (T - 1), h, w) in pixels of its own resolution.
        settings: `charbonnier_exponent`, `smoothness_exponent`, and `smoothness`, a weight for each of the flows;
            other keys are ignored, missing ones take their defaults.

    Returns:
        A scalar; never 0, as the Charbonnier of 0 is `EPSILON ** (2 * exponent)`.
    """
    settings = {**DEFAULTS, **settings}
    weights = settings["smoothness"]
    if len(weights) != len(flows):
        raise ValueError(f"{len(weights)} smoothness weights for {len(flows)} flows")
    # The roots of Charbonnier and the differences of squares of SSIM need more digits than bfloat16 has.
    with torch.autocast(frames.device.type, enabled=False):
        images = frames
        total = frames.new_zeros(())
        for flow, weight in zip(flows, weights, strict=True):
            images = shrink(images, flow.shape[-2:])
            total = total + scale_loss(images, flow.to(frames.dtype), weight, settings)
        return total


def scale_loss(images: Tensor, flow: Tensor, weight: float, settings: Mapping[str, Any]) -> Tensor:
    """Return the loss at one scale: images (B, T, C, h, w), flow (B, 2 * (T - 1), h, w)."""
    pairs = flow.unflatten(1, (-1, 2)).flatten(0, 1)
    now, following = images[:, :-1].flatten(0, 1), images[:, 1:].flatten(0, 1)
    warped = warp(following, pairs)
    photometric = charbonnier(now - warped, settings["charbonnier_exponent"]).mean() + (1 - ssim(now, warped)).mean()
    return photometric + weight * roughness(pairs, settings["smoothness_exponent"])


def shrink(images: Tensor, size: Sequence[int]) -> Tensor:
    """Reduce images (B, T, C, H, W) to `size`, (height, width), by area averages."""
    if images.shape[-2:] == torch.Size(size):
        return images
    height, width = images.shape[-2] // size[0], images.shape[-1] // size[1]
    flat = images.flatten(0, 1)
    if (height * size[0], width * size[1]) == tuple(images.shape[-2:]):
        flat = F.avg_pool2d(flat, (height, width))
    else:
        flat = F.adaptive_avg_pool2d(flat, (size[0], size[1]))
    return flat.unflatten(0, images.shape[:2])


def charbonnier(difference: Tensor, exponent: float) -> Tensor:
    """Return (x ** 2 + epsilon ** 2) ** exponent: like |x| ** (2 * exponent), but smooth at 0."""
    return (difference**2 + EPSILON**2) ** exponent


def roughness(flow: Tensor, exponent: float) -> Tensor:
    """Return the mean Charbonnier of forward differences of (N, 2, h, w) along x and y; 0 along a side of one pixel."""
    steps = [flow.diff(dim=axis) for axis in (-1, -2) if flow.shape[axis] > 1]
    return sum((charbonnier(step, exponent).mean() for step in steps), flow.new_zeros(()))


def ssim(first: Tensor, second: Tensor) -> Tensor:
    """Return the structural similarity (Wang et al., 2004) of images (N, C, H, W), values 0 to 1, at each pixel.

    Windows are 11x11 Gaussians of sigma 1.5. At the border only the part inside the image counts, with weights
    rescaled to sum to 1, so that images smaller than the window have an SSIM, too.
    """
    down = blur_matrix(first.shape[-2], first)
    across = blur_matrix(first.shape[-1], first).T

    def blur(x: Tensor) -> Tensor:
        return down @ (x @ across)

    mean1, mean2 = blur(first), blur(second)
    variance1 = blur(first**2) - mean1**2
    variance2 = blur(second**2) - mean2**2
    covariance = blur(first * second) - mean1 * mean2
    means = (2 * mean1 * mean2 + C1) / (mean1**2 + mean2**2 + C1)
    return means * (2 * covariance + C2) / (variance1 + variance2 + C2)


def blur_matrix(size: int, like: Tensor) -> Tensor:
    """Return the Gaussian window along one side as a matrix (size, size) whose rows sum to 1.

    Two matrix products are faster on CPUs than depthwise convolutions, and handle borders.
    """
    places = torch.arange(size, device=like.device, dtype=like.dtype)
    distance = places[:, None] - places
    weights = torch.exp(-0.5 * (distance / SIGMA) ** 2) * (distance.abs() <= WINDOW // 2)
    return weights / weights.sum(1, keepdim=True)
