"""Random augmentation of training clips, identical for every frame of a clip.

Its parameters are drawn on the CPU, as small matrices per clip, and applied on the device that holds the clips.
What a setting switches off costs nothing, but its random numbers are drawn, so that the other changes stay the same.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

GREY = (0.299, 0.587, 0.114)  # ITU-R BT.601 luma


@dataclass(frozen=True)
class Augmentation:
    """Settings of the augmentation; the fields are the keys of `augmentation:` in config.yaml.

    Flips, `greyscale` and `color_probability` are probabilities; `rotation` is the largest angle in degrees in
    either direction; `scale` and `rate` are the largest factors either way, 1 is none (1.25: 0.8 to 1.25, uniform in
    their logarithm); the others are the largest relative changes (hue: largest shift, in turns of the color wheel).

    `rate` is another frame rate, or an animal that moves faster or slower. Only the length of the vectors of flow
    stacks changes, which is right as long as a movement goes on through the window: stacks are not resampled in time,
    and neither are frames. It has no effect on the spatial stream, on the training of the flow network, and where
    flow and streams are trained together.
    """

    flip_horizontal: float = 0.5
    flip_vertical: float = 0.0
    rotation: float = 10.0
    color_probability: float = 0.5
    brightness: float = 0.25
    contrast: float = 0.1
    saturation: float = 0.1
    hue: float = 0.1
    greyscale: float = 0.5
    scale: float = 1.0
    rate: float = 1.0


def draw_clip_changes(augmentation: Augmentation, n: int, rng: np.random.Generator) -> tuple[torch.Tensor, ...]:
    """Draw the changes of n clips: the arguments of `change_clips` after the clips."""
    return draw_colors(augmentation, n, rng), *draw_flow_changes(augmentation, n, rng)


def draw_flow_changes(augmentation: Augmentation, n: int, rng: np.random.Generator) -> tuple[torch.Tensor, ...]:
    """Draw the changes of n flow stacks: the arguments of `change_flows` after the stacks."""
    return draw_rotations(augmentation, n, rng), draw_scales(augmentation, n, rng)


def draw_rotations(augmentation: Augmentation, n: int, rng: np.random.Generator) -> torch.Tensor:
    """Draw random flips and rotations: float32 (n, 2, 2) that map a position (x, y) in the clip to its new (x, y)."""
    angle = np.deg2rad(rng.uniform(-1, 1, n) * augmentation.rotation)
    rotation = np.stack([np.cos(angle), -np.sin(angle), np.sin(angle), np.cos(angle)], -1).reshape(n, 2, 2)
    flips = np.ones((n, 2))
    flips[rng.random(n) < augmentation.flip_horizontal, 0] = -1
    flips[rng.random(n) < augmentation.flip_vertical, 1] = -1
    return torch.from_numpy(rotation * flips[:, None, :]).float()


def draw_scales(augmentation: Augmentation, n: int, rng: np.random.Generator) -> torch.Tensor:
    """Draw random factors, float32 (n, 2): of the size of what a clip shows, and of the speed at which it moves."""
    largest = np.array([augmentation.scale, augmentation.rate])
    return torch.from_numpy(largest ** rng.uniform(-1, 1, (n, 2))).float()


def draw_colors(augmentation: Augmentation, n: int, rng: np.random.Generator) -> torch.Tensor:
    """Draw random color changes: float32 (n, 3, 4), a 3x3 channel matrix and a column of factors for the clip's mean.

    Brightness, contrast about the clip's mean, saturation about the luma, hue and grey, in this order, are all
    affine in red, green and blue; hue rotates colors about the grey axis.
    """
    a = augmentation
    # every clip uses the same number of random numbers, whatever is switched on
    chance, grey = rng.random((2, n, 1, 1))
    brightness, contrast, saturation, hue = rng.uniform(-1, 1, (4, n, 1, 1)) * (chance < a.color_probability)
    brightness, contrast = 1 + brightness * a.brightness, 1 + contrast * a.contrast
    saturation = 1 + saturation * a.saturation
    luma = np.tile(GREY, (3, 1))
    matrix = _turn_hue(hue * a.hue) @ (saturation * np.eye(3) + (1 - saturation) * luma) * (contrast * brightness)
    matrix = np.where(grey < a.greyscale, luma @ matrix, matrix)
    # the steps after contrast leave grey unchanged
    mean = np.broadcast_to((1 - contrast) * brightness, (n, 3, 1))
    return torch.from_numpy(np.concatenate([matrix, mean], axis=2)).float()


def _turn_hue(turns: np.ndarray) -> np.ndarray:
    """Return the rotation of (red, green, blue) about grey by a number of turns of the color wheel, red to green."""
    angle = 2 * np.pi * turns
    across = np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / np.sqrt(3)
    return np.cos(angle) * np.eye(3) + (1 - np.cos(angle)) / 3 + np.sin(angle) * across


def change_clips(
    clips: torch.Tensor, colors: torch.Tensor, rotations: torch.Tensor, scales: torch.Tensor
) -> torch.Tensor:
    """Flip, rotate and zoom clips and change their colors.

    Args:
        clips: uint8 (N, frames, 3, H, W).
        colors: (N, 3, 4), as from `draw_colors`.
        rotations: (N, 2, 2), as from `draw_rotations`.
        scales: (N, 2), as from `draw_scales`; the speed has no effect on frames.

    Returns:
        float32 (N, frames, 3, H, W), values 0..1.
    """

    def change(
        clips: torch.Tensor, colors: torch.Tensor, rotations: torch.Tensor, scales: torch.Tensor
    ) -> torch.Tensor:
        return change_colors(turn_clips(unit_values(clips), rotations, scales[:, 0]), colors)

    return _clip_by_clip(change, clips, colors, rotations, scales)


def change_flows(stacks: torch.Tensor, rotations: torch.Tensor, scales: torch.Tensor) -> torch.Tensor:
    """Flip, rotate and scale flow stacks, float16 (N, 20, h, w), as `turn_flow` does; return float32."""

    def change(stacks: torch.Tensor, rotations: torch.Tensor, scales: torch.Tensor) -> torch.Tensor:
        return turn_flow(stacks.float(), rotations, scales)

    return _clip_by_clip(change, stacks, rotations, scales)


def unit_values(clips: torch.Tensor) -> torch.Tensor:
    """Convert uint8 values 0..255 to float32 0..1."""
    return clips.float().div_(255)


def _clip_by_clip(change: Callable[..., torch.Tensor], *parts: torch.Tensor) -> torch.Tensor:
    """Apply `change` clip by clip on a CPU, so that intermediate results stay in the caches; on a GPU all at once."""
    if parts[0].device.type != "cpu":
        return change(*parts)
    first = change(*(part[:1] for part in parts))
    out = first.new_empty((len(parts[0]), *first.shape[1:]))
    out[:1] = first
    for i in range(1, len(out)):
        out[i] = change(*(part[i : i + 1] for part in parts))[0]
    return out


def turn_clips(clips: torch.Tensor, rotations: torch.Tensor, zooms: torch.Tensor | None = None) -> torch.Tensor:
    """Flip, rotate and zoom each clip about its center; what comes into view is filled with mirrored content.

    Args:
        clips: float (N, ..., H, W).
        rotations: (N, 2, 2), as from `draw_rotations`.
        zooms: factor of the size of what a clip shows, (N,); None for 1.
    """
    n, height, width = len(clips), clips.shape[-2], clips.shape[-1]
    flat = clips.reshape(n, -1, height, width)
    # grid_sample needs, for each new position, the old position: the inverse (= transpose) of the rotation, divided by
    # the zoom. Its coordinates run from -1 to 1 along each side, so images that are not square need the ratio of sides.
    inverse = rotations.to(clips).transpose(1, 2)
    if zooms is not None:
        inverse = inverse / zooms.to(clips)[:, None, None]
    theta = functional.pad(inverse, (0, 1))
    theta[:, 0, 1] *= height / width
    theta[:, 1, 0] *= width / height
    grid = functional.affine_grid(theta, list(flat.shape), align_corners=False)
    return functional.grid_sample(flat, grid, padding_mode="reflection", align_corners=False).reshape(clips.shape)


def turn_flow(flow: torch.Tensor, rotations: torch.Tensor, scales: torch.Tensor | None = None) -> torch.Tensor:
    """Flip, rotate and zoom optic flow as `turn_clips` does frames, the field and its vectors, and change its speed.

    Args:
        flow: (N, 2 * steps, h, w), channels dx0, dy0, dx1, ..., in pixels.
        rotations: (N, 2, 2), as from `draw_rotations`.
        scales: zoom and speed, (N, 2), as from `draw_scales`; each makes vectors that much longer. None for 1.
    """
    n, channels, height, width = flow.shape
    vectors, zooms = rotations.to(flow), None
    if scales is not None:
        vectors, zooms = vectors * scales.to(flow).prod(1)[:, None, None], scales[:, 0]
    turned = turn_clips(flow, rotations, zooms).view(n, channels // 2, 2, height, width)
    return torch.einsum("nij,nsjhw->nsihw", vectors, turned).reshape(flow.shape)


def change_colors(clips: torch.Tensor, colors: torch.Tensor) -> torch.Tensor:
    """Apply color changes, each to all frames of its clip.

    Args:
        clips: values 0..1, float (N, frames, 3, H, W).
        colors: (N, 3, 4), as from `draw_colors`.
    """
    colors = colors.to(clips)
    matrices, of_mean = colors[:, None, :, :3], colors[:, None, :, 3, None, None]
    changed = torch.matmul(matrices, clips.flatten(3)).view(clips.shape)
    added = of_mean * clips.mean((1, 2, 3, 4), keepdim=True)
    return changed.add_(added).clamp_(0, 1)
