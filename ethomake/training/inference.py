"""Frozen networks as they compute fastest: what extraction and the training of the motion stream share."""

import copy
import logging
from collections.abc import Callable, Iterator
from typing import TypeVar

import torch
from torch import nn
from torch.fx.experimental.optimization import fuse
from torch.fx.proxy import TraceError

from ethomake.training.device import place
from ethomake.training.weights import freeze
from ethomake.training.winograd import use_winograd

logger = logging.getLogger(__name__)

T = TypeVar("T")


def for_inference(network: nn.Module, device: torch.device, precision: torch.dtype) -> nn.Module:
    """A frozen copy of a network, in one precision, with every BatchNorm folded into the convolution before it.

    In bfloat16 its features differ by less than 1 % from those in float32, and a processor that has it in hardware
    needs a third of the time. Networks that torch.fx cannot trace stay as they are but for the precision.
    """
    try:
        folded = fuse(network.eval())
    except (TraceError, TypeError, ValueError):
        folded = copy.deepcopy(network.eval())
    if device.type == "cpu":
        use_winograd(folded)
    return freeze(place(folded.to(precision), device))


class Batches:
    """How many items a network takes at once: on a GPU as many as its memory has room for, else what fits the caches.

    A GPU starts with `on_gpu`; each time its memory is not enough the number is halved, and stays so.
    """

    def __init__(self, device: torch.device, on_cpu: int, on_gpu: int):
        self.size = on_gpu if device.type == "cuda" else on_cpu

    def run(self, function: Callable[[range], T], count: int) -> Iterator[T]:
        """What `function` gives for one range of items after another, until all `count` are done.

        Raises:
            RuntimeError: if not even one item fits; a torch.OutOfMemoryError, mostly.
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
            if result is None:  # outside of the handler, which keeps what lies in the memory alive
                self.size = (len(items) + 1) // 2
                logger.info(f"the memory of the GPU is not enough for {len(items)} at once; going on with {self.size}")
                torch.cuda.empty_cache()
                continue
            yield result
            done = items.stop


def _lacks_memory(error: RuntimeError) -> bool:
    """Whether the memory of a GPU was not enough: its libraries have other words for it than torch."""
    words = ("CUBLAS_STATUS_ALLOC_FAILED", "CUDNN_STATUS_ALLOC_FAILED", "nable to find an engine to execute")
    return isinstance(error, torch.OutOfMemoryError) or any(word in str(error) for word in words)
