"""Random changes of the training clips, the same for every frame of a clip."""

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional
from torchvision.transforms import v2

GREY = (0.299, 0.587, 0.114)  # ITU-R BT.601 luma


@dataclass(frozen=True)
class Augmentation:
    """How clips are changed at random; the fields are the keys `augmentation:` of config.yaml.

    Flips, `greyscale` and `color_probability` are probabilities; `rotation` is the largest angle in degrees to
    either side; the others are largest relative changes (hue: largest shift, in turns of the color wheel).
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


def draw_rotations(augmentation: Augmentation, n: int, rng: np.random.Generator) -> torch.Tensor:
    """Draw random flips and rotations: float32 (n, 2, 2) that turn an (x, y) of the clip into the new (x, y)."""
    angle = np.deg2rad(rng.uniform(-1, 1, n) * augmentation.rotation)
    rotation = np.stack([np.cos(angle), -np.sin(angle), np.sin(angle), np.cos(angle)], -1).reshape(n, 2, 2)
    flips = np.ones((n, 2))
    flips[rng.random(n) < augmentation.flip_horizontal, 0] = -1
    flips[rng.random(n) < augmentation.flip_vertical, 1] = -1
    return torch.from_numpy(rotation * flips[:, None, :]).float()


def turn_clips(clips: torch.Tensor, rotations: torch.Tensor) -> torch.Tensor:
    """Flip and rotate each clip about its middle; what comes into view at the corners is mirrored content.

    Args:
        clips: float (N, ..., H, W).
        rotations: (N, 2, 2), as from `draw_rotations`.
    """
    n, height, width = len(clips), clips.shape[-2], clips.shape[-1]
    flat = clips.reshape(n, -1, height, width)
    # grid_sample wants, for each new place, the old place: the inverse (= transpose) of the rotation. Its
    # coordinates run from -1 to 1 along each side, so other than square images need the ratio of the sides.
    ratio = torch.tensor([[1.0, height / width], [width / height, 1.0]], device=clips.device)
    inverse = rotations.to(clips.device).transpose(1, 2) * ratio
    theta = torch.cat([inverse, torch.zeros(n, 2, 1, device=clips.device)], dim=2)
    grid = functional.affine_grid(theta, list(flat.shape), align_corners=False).to(flat.dtype)
    return functional.grid_sample(flat, grid, padding_mode="reflection", align_corners=False).reshape(clips.shape)


def turn_flow(flow: torch.Tensor, rotations: torch.Tensor) -> torch.Tensor:
    """Flip and rotate optic flow as `turn_clips` does its frames: the field moves and its vectors turn.

    Args:
        flow: (N, 2 * steps, h, w), channels dx0, dy0, dx1, ..., in pixels.
    """
    n, channels, height, width = flow.shape
    turned = turn_clips(flow, rotations).view(n, channels // 2, 2, height, width)
    return torch.einsum("nij,nsjhw->nsihw", rotations.to(flow), turned).reshape(flow.shape)


def change_colors(clips: torch.Tensor, augmentation: Augmentation, rng: np.random.Generator) -> torch.Tensor:
    """Change brightness, contrast, saturation and hue of some clips, and make some grey.

    Args:
        clips: values 0..1, float (N, frames, 3, H, W).
    """
    a = augmentation
    out = clips.clone()
    for i in range(len(clips)):
        # every clip takes the same number of random numbers, whatever is switched on
        chance, grey = rng.random(2)
        brightness, contrast, saturation, hue = rng.uniform(-1, 1, 4)
        if chance < a.color_probability:
            out[i] = (out[i] * (1 + brightness * a.brightness)).clamp(0, 1)
            if a.contrast:
                middle = out[i].mean()
                out[i] = ((out[i] - middle) * (1 + contrast * a.contrast) + middle).clamp(0, 1)
            if a.saturation:
                luma = _luma(out[i])
                out[i] = ((out[i] - luma) * (1 + saturation * a.saturation) + luma).clamp(0, 1)
            if a.hue:
                out[i] = v2.functional.adjust_hue(out[i], float(hue * a.hue))
        if grey < a.greyscale:
            out[i] = _luma(out[i])
    return out


def _luma(images: torch.Tensor) -> torch.Tensor:
    weights = torch.tensor(GREY, dtype=images.dtype, device=images.device).view(3, 1, 1)
    return (images * weights).sum(dim=-3, keepdim=True)
