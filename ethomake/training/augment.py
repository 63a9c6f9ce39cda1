"""Random augmentation of training clips, identical for every frame of a clip.

Its parameters are drawn on the CPU, as small matrices per clip, and applied on the device that holds the clips.
What a setting switches off costs nothing, but its random numbers are drawn, so that the other changes stay the same.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from torch.nn import functional

GREY = (0.299, 0.587, 0.114)  # of red, green and blue (ITU-R BT.601), as in JPEG
WAVES = 3  # of the shading along each axis: a constant, half a wave and a whole one
NOISE_VALUES = 2**21  # of the noise that is drawn once; each frame has a part of it that begins elsewhere
NOISE_STEP = 64  # values between two places where such a part may begin
NOISE_PLACES = 2**20
NOISE_STRIDE = 7919  # steps from the noise of a frame to that of the next one; a prime


@dataclass(frozen=True)
class Augmentation:
    """Settings of the augmentation; the fields are the keys of `augmentation:` in config.yaml.

    Flips, `greyscale`, `color_probability` and `channel` are probabilities; `rotation` is the largest angle in degrees
    in either direction; `scale` and `rate` are the largest factors either way, 1 is none (1.25: 0.8 to 1.25, uniform
    in their logarithm); `gamma` is the largest relative change of the exponent (0.5: 1/1.5 to 1.5, uniform in its
    logarithm); `blur` is the largest standard deviation of a Gaussian blur in pixels, which as often is used to
    sharpen; `noise` (its standard deviation) and `shading` are shares of the range from black to white; the others
    are the largest relative changes (hue: largest shift, in turns of the color wheel).

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
    gamma: float = 0.0
    blur: float = 0.0
    noise: float = 0.0
    shading: float = 0.0
    channel: float = 0.0


def draw_clip_changes(augmentation: Augmentation, n: int, rng: np.random.Generator) -> tuple[torch.Tensor, ...]:
    """Draw the changes of n clips: the arguments of `change_clips` after the settings."""
    colors = draw_colors(augmentation, n, rng)
    rotations, scales = draw_flow_changes(augmentation, n, rng)
    colors = repeat_channels(colors, augmentation, rng)
    return colors, rotations, scales, *draw_camera_changes(augmentation, n, rng)


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


def repeat_channels(colors: torch.Tensor, augmentation: Augmentation, rng: np.random.Generator) -> torch.Tensor:
    """Change color changes (n, 3, 4) so that some clips have one of their channels, drawn at random, three times."""
    chance, which = torch.from_numpy(rng.random((2, len(colors))))
    one = colors[torch.arange(len(colors)), (3 * which).long()]
    return torch.where((chance < augmentation.channel)[:, None, None], one[:, None], colors)


def draw_camera_changes(augmentation: Augmentation, n: int, rng: np.random.Generator) -> tuple[torch.Tensor, ...]:
    """Draw how other cameras and lights would show n clips.

    Returns:
        Float32 tensors: exponents of the brightness (n,); standard deviations of the blur in pixels, negative to
        sharpen, (n,); coefficients of the shading (n, 3, 3), for `shade_clips`; standard deviation of the noise, and
        where the noise of the first frame begins, (n, 2).
    """
    a = augmentation
    exponents, blurs = rng.uniform(-1, 1, (2, n))
    waves, strength = rng.uniform(-1, 1, (n, WAVES, WAVES)), rng.random((n, 1, 1))
    waves[:, 0, 0] = 0  # a constant is brightness
    waves *= a.shading * strength / np.abs(waves).sum((1, 2), keepdims=True)
    noises = rng.random((n, 2)) * [a.noise, NOISE_PLACES]
    noises[:, 1] = np.floor(noises[:, 1])
    drawn = (1 + a.gamma) ** exponents, blurs * a.blur, waves, noises
    return tuple(torch.from_numpy(part).float() for part in drawn)


def _turn_hue(turns: np.ndarray) -> np.ndarray:
    """Return the rotation of (red, green, blue) about grey by a number of turns of the color wheel, red to green."""
    angle = 2 * np.pi * turns
    across = np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / np.sqrt(3)
    return np.cos(angle) * np.eye(3) + (1 - np.cos(angle)) / 3 + np.sin(angle) * across


def change_clips(clips: torch.Tensor, augmentation: Augmentation, *changes: torch.Tensor) -> torch.Tensor:
    """Flip, rotate and zoom clips, and change their colors and what another camera would show.

    Args:
        clips: uint8 (N, frames, 3, H, W).
        augmentation: settings; what they switch off is not computed.
        changes: as from `draw_clip_changes` with the same settings.

    Returns:
        float32 (N, frames, 3, H, W), values 0..1.
    """
    a = augmentation

    def change(
        clips: torch.Tensor,
        colors: torch.Tensor,
        rotations: torch.Tensor,
        scales: torch.Tensor,
        exponents: torch.Tensor,
        blurs: torch.Tensor,
        waves: torch.Tensor,
        noises: torch.Tensor,
    ) -> torch.Tensor:
        values = bend_values(clips, exponents) if a.gamma else unit_values(clips)
        values = turn_clips(values, rotations, scales[:, 0])
        if a.blur:
            values = blur_clips(values, blurs, a.blur)
        if a.shading:
            values = shade_clips(values, waves)
        values = change_colors(values, colors)
        return add_noise(values, noises) if a.noise else values

    return _clip_by_clip(change, clips, *changes)


def change_flows(stacks: torch.Tensor, rotations: torch.Tensor, scales: torch.Tensor) -> torch.Tensor:
    """Flip, rotate and scale flow stacks, float16 (N, 20, h, w), as `turn_flow` does; return float32."""

    def change(stacks: torch.Tensor, rotations: torch.Tensor, scales: torch.Tensor) -> torch.Tensor:
        return turn_flow(stacks.float(), rotations, scales)

    return _clip_by_clip(change, stacks, rotations, scales)


def unit_values(clips: torch.Tensor) -> torch.Tensor:
    """Convert uint8 values 0..255 to float32 0..1."""
    return clips.float().div_(255)


def bend_values(clips: torch.Tensor, exponents: torch.Tensor) -> torch.Tensor:
    """Convert uint8 values 0..255 to float32 0..1 and raise them to a power per clip, (N,), as a gamma curve does."""
    # a table of 256 values per clip: a power of each value would take four times as long
    tables = (torch.arange(256, device=clips.device) / 255) ** exponents[:, None]
    first = 256 * torch.arange(len(clips), dtype=torch.int32, device=clips.device)
    rows = clips + first.view(-1, 1, 1, 1, 1)
    return tables.flatten().index_select(0, rows.flatten()).view(clips.shape)


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


def blur_clips(clips: torch.Tensor, blurs: torch.Tensor, largest: float) -> torch.Tensor:
    """Blur each clip with a Gaussian, or sharpen it by what the blur would remove (unsharp masking).

    The content is mirrored at the edges.

    Args:
        clips: float (N, frames, 3, H, W).
        blurs: standard deviation in pixels, negative to sharpen, (N,).
        largest: of the standard deviations; the Gaussian is cut off at three times this one.
    """
    height, width = clips.shape[-2:]
    reach = min(math.ceil(3 * largest), height - 1, width - 1)
    away = torch.arange(reach + 1, device=clips.device)
    weights = torch.exp(-0.5 * (away / blurs.abs().clamp(min=1e-3)[:, None]) ** 2)
    weights = weights / (2 * weights.sum(1, keepdim=True) - weights[:, :1])
    weights = weights[:, :, None, None, None]
    padded = functional.pad(clips.flatten(1, 2), [reach] * 4, mode="reflect")
    for axis, length in ((-1, width), (-2, height)):  # shifted and added: on a CPU, faster than a convolution
        blurred = padded.narrow(axis, reach, length) * weights[:, 0]
        for k in range(1, reach + 1):
            pair = padded.narrow(axis, reach - k, length) + padded.narrow(axis, reach + k, length)
            blurred.addcmul_(pair, weights[:, k])
        padded = blurred
    return torch.lerp(clips, padded.view(clips.shape), blurs.sign().view(-1, 1, 1, 1, 1))


def shade_clips(clips: torch.Tensor, waves: torch.Tensor) -> torch.Tensor:
    """Add a brightness that varies smoothly over the image, the same in all frames and channels of a clip, in place.

    Args:
        clips: float (N, frames, 3, H, W).
        waves: coefficients of the first three cosines of a discrete cosine transform along y and x, (N, 3, 3).
    """
    orders = math.pi * torch.arange(WAVES, device=clips.device)
    down, across = (
        torch.cos(torch.outer((torch.arange(length, device=clips.device) + 0.5) / length, orders))
        for length in clips.shape[-2:]
    )
    return clips.add_((down @ waves @ across.T)[:, None, None])


def add_noise(clips: torch.Tensor, noises: torch.Tensor) -> torch.Tensor:
    """Add Gaussian noise to clips, in place, different in each frame and channel; clip the values to 0..1.

    Args:
        clips: values 0..1, float (N, frames, 3, H, W).
        noises: standard deviation, and where the noise of the first frame begins, (N, 2).
    """
    n, frames = clips.shape[:2]
    values = clips[0, 0].numel()
    # the random numbers are the same ones again and again, as to draw so many takes longer than all other changes
    parts = _noise(max(NOISE_VALUES, 2 * values), clips.device).unfold(0, values, NOISE_STEP)
    begins = noises[:, 1:].long() + NOISE_STRIDE * torch.arange(frames, device=clips.device)
    noise = parts[(begins % len(parts)).flatten()].view(clips.shape)
    return clips.addcmul_(noise, noises[:, 0].view(n, 1, 1, 1, 1)).clamp_(0, 1)


@cache
def _noise(count: int, device: torch.device) -> torch.Tensor:
    """Return the same standard normal values (count,) each time."""
    return torch.randn(count, generator=torch.Generator().manual_seed(0)).to(device)
