"""Frozen networks, optimized for speed: shared by feature extraction and the training of the motion stream."""

import copy
import logging
from collections.abc import Callable, Iterator
from typing import TypeVar

import torch
from torch import nn
from torch.fx.experimental.optimization import fuse

from ethomake.training.device import place
from ethomake.training.weights import freeze
from ethomake.training.winograd import use_winograd

logger = logging.getLogger(__name__)

T = TypeVar("T")


def for_inference(network: nn.Module, device: torch.device, precision: torch.dtype) -> nn.Module:
    """Return a frozen copy of a network, in one precision, with every BatchNorm folded into the preceding convolution.

    In bfloat16 its features differ by less than 1 % from those in float32, and a CPU that supports it in hardware
    needs a third of the time. Of networks that torch.fx cannot trace only the precision is changed.
    """
    try:
        folded = fuse(network.eval())
    except Exception:  # what cannot be traced fails in many ways: each network has its own checks of shapes
        folded = copy.deepcopy(network.eval())
    if device.type == "cpu":
        use_winograd(folded)
    return freeze(place(folded.to(precision), device))


class Batches:
    """Batch size of a network: on a GPU as many items as its memory has room for, on a CPU what fits the caches.

    A GPU starts with `on_gpu`; each time its memory is not enough the batch size is halved permanently.
    """

    def __init__(self, device: torch.device, on_cpu: int, on_gpu: int):
        self.size = on_gpu if device.type == "cuda" else on_cpu

    def run(self, function: Callable[[range], T], count: int) -> Iterator[T]:
        """Yield the result of `function` for one range of items after another, until all `count` are done.

        Raises:
            RuntimeError: if not even one item fits into memory; usually a torch.OutOfMemoryError.
        """
        done = 0
        while done < count:
            items = range(done, min(done + self.size, count))
            try:
                result = function(items)
            except RuntimeError as error:
                if self.size == 1 or not _lacks_memory(error):
                    raise
                result = None
            if result is None:  # outside of the except block, whose traceback keeps tensors in memory
                self.size = (len(items) + 1) // 2
                logger.info(f"the memory of the GPU is not enough for {len(items)} at once; going on with {self.size}")
                torch.cuda.empty_cache()
                continue
            yield result
            done = items.stop


def _lacks_memory(error: RuntimeError) -> bool:
    """Return whether a GPU ran out of memory, which its libraries report in other words than torch."""
    words = ("CUBLAS_STATUS_ALLOC_FAILED", "CUDNN_STATUS_ALLOC_FAILED", "nable to find an engine to execute")
    return isinstance(error, torch.OutOfMemoryError) or any(word in str(error) for word in words)
