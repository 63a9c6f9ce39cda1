"""How the logits of the streams become one: a weighted mean."""

from typing import cast

import torch

FUSION = {"average": {"spatial": 1.0, "motion": 1.0}, "weighted": {"spatial": 1.0, "motion": 1.5}}


def fuse(logits: dict[str, torch.Tensor], fusion: str) -> torch.Tensor:
    """The weighted mean of the logits (N, K) of each stream, with the weights of a key of FUSION."""
    weights = FUSION[fusion]
    total = cast(torch.Tensor, sum(weights[stream] * logits[stream] for stream in logits))
    return total / sum(weights[stream] for stream in logits)
