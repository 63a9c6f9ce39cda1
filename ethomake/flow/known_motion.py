"""How much of a motion that is known a flow network sees: frames that are moved by a pixel, as a whole.

The loss of a training does not tell: of a frame in which little moves it is almost as low without any flow.
"""

import numpy as np
import torch
from torch import nn

from ethomake.training.device import autocast
from ethomake.training.frames import FramePool, normalize

SHIFTS = ((1, 0), (-1, 0), (0, 1), (0, -1))
"""Pixels by which a frame moves from one frame to the next, (x, y)."""

FRAMES_SHOWN = 24
"""Spread evenly over the videos."""

BATCH = 4  # windows that pass through the network at a time


@torch.no_grad()
def motion_seen(
    network: nn.Module,
    pool: FramePool,
    frames: int,
    mean: list[float],
    std: list[float],
    device: torch.device,
    precision: torch.dtype,
) -> float:
    """Return the share of a known motion that a flow network sees: 1 is all, 0 nothing.

    Single frames of the videos move by one pixel per frame, to each side; the share is the slope of the flow on the
    motion, by least squares. A pixel counts by the square of the image's gradient in that direction, as motion along
    an edge, or of a plain background, cannot be seen.

    Args:
        network: in eval mode.
        pool: the videos.
        frames: number of frames in a window of the network.
        mean, std: statistics that normalize the images.
    """
    rows = np.unique(np.linspace(0, pool.lengths.sum() - 1, FRAMES_SHOWN).astype(int))
    videos = np.searchsorted(pool.first, rows, side="right") - 1
    stills, _ = pool.windows(videos, rows - pool.first[videos], 1)
    stills = stills[:, 0].to(device).float() / 255
    inside = torch.ones(BATCH, frames, dtype=torch.bool, device=device)
    seen = weight = 0.0
    for start in range(0, len(stills), BATCH):
        part = stills[start : start + BATCH]
        for x, y in SHIFTS:
            clips = torch.stack([part.roll((y * step, x * step), (-2, -1)) for step in range(frames)], 1)
            with autocast(device, precision):
                flow = network(normalize(clips, inside[: len(part)], mean, std))[0].float()
            pairs = flow.unflatten(1, (-1, 2))[:, :, 0 if x else 1]
            grey = clips[:, :-1].mean(2)
            along = -1 if x else -2
            edges = (grey.roll(-1, along) - grey).square() + (grey - grey.roll(1, along)).square()
            scale = flow.shape[-1] / part.shape[-1]
            visible = nn.functional.adaptive_avg_pool2d(edges, flow.shape[-2:])
            seen += float((visible * pairs).sum() / (scale * (x + y)))
            weight += float(visible.sum())
    return seen / weight if weight else 0.0
