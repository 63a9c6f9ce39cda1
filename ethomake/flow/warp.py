"""Move images along optic flow."""

import torch
from torch import Tensor
from torch.nn import functional as F


def warp(image: Tensor, flow: Tensor) -> Tensor:
    """Sample an image at the positions that the flow points to: `out[y, x] = image[y + dy, x + dx]`.

    Frame t + 1, warped by the flow from t to t + 1, matches frame t. Values between pixels are interpolated
    bilinearly; positions outside the image take the values of its border.

    Args:
        image: (B, C, H, W).
        flow: (B, 2, H, W), dx and dy in pixels.

    Returns:
        (B, C, H, W).
    """
    height, width = flow.shape[-2:]
    x = torch.arange(width, device=flow.device, dtype=flow.dtype) + flow[:, 0]
    y = torch.arange(height, device=flow.device, dtype=flow.dtype)[:, None] + flow[:, 1]
    # Without aligned corners the centers of n pixels lie at (2 i + 1) / n - 1, which also holds for n = 1.
    grid = torch.stack([(2 * x + 1) / width - 1, (2 * y + 1) / height - 1], -1)
    return F.grid_sample(image, grid, mode="bilinear", padding_mode="border", align_corners=False)
