"""Fusion of the streams: a weighted mean of their logits."""

from typing import cast

import torch

FUSION = {"average": {"spatial": 1.0, "motion": 1.0}, "weighted": {"spatial": 1.0, "motion": 1.5}}


def fuse(logits: dict[str, torch.Tensor], fusion: str) -> torch.Tensor:
    """Return the weighted mean of the streams' logits, each (N, K); `fusion` is a key of FUSION."""
    weights = FUSION[fusion]
    total = cast(torch.Tensor, sum(weights[stream] * logits[stream] for stream in logits))
    return total / sum(weights[stream] for stream in logits)
