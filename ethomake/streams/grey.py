"""Images of three neighboring grey frames, in place of red, green and blue: what moves shows as color."""

import torch
from torch import Tensor

from ethomake.training.augment import GREY

OFFSETS = (-2, 0, 2)
"""The frames around frame t that are the channels of its image."""

WINDOW = OFFSETS[-1] - OFFSETS[0] + 1
"""The number of frames that one image needs."""


def grey_images(frames: Tensor) -> Tensor:
    """Return the images of the frames of clips, except for those at their ends whose neighbors are missing.

    Args:
        frames: (..., T, 3, H, W), float32.

    Returns:
        (..., T - 4, 3, H, W): the channels of frame t are the luma of frames t - 2, t and t + 2.
    """
    red, green, blue = (frames[..., channel, :, :] for channel in range(3))
    grey = GREY[0] * red + GREY[1] * green + GREY[2] * blue
    count = frames.shape[-4] - WINDOW + 1
    return torch.stack([grey.narrow(-3, offset - OFFSETS[0], count) for offset in OFFSETS], -3)
