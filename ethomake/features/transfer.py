"""Blocks to the device and results back, so that a GPU never waits for either; on the CPU there is nothing to do."""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import torch

from ethomake.flow.stacks import Block


def sent_to(device: torch.device, blocks: Iterator[Block]) -> Iterator[Block]:
    """Blocks with their frames on the device; a GPU goes on computing while they are on their way."""
    if device.type != "cuda":
        yield from blocks
        return
    way = torch.cuda.Stream(device)
    for block in blocks:
        with torch.cuda.stream(way):
            frames = block.frames if block.frames.is_cuda else block.frames.pin_memory()
            frames = frames.to(device, non_blocking=True)
        way.synchronize()  # only this thread waits
        frames.record_stream(torch.cuda.default_stream(device))
        yield replace(block, frames=frames)


def fetched_from(device: torch.device, results: Iterator[dict[str, torch.Tensor]]) -> Iterator[dict[str, np.ndarray]]:
    """Results as arrays; those of a GPU come back while it works on the next ones."""
    waiting: deque[Callable[[], dict[str, np.ndarray]]] = deque()
    for tensors in results:
        waiting.append(_fetch(tensors))
        if len(waiting) > (device.type == "cuda"):
            yield waiting.popleft()()
    while waiting:
        yield waiting.popleft()()


def _fetch(tensors: dict[str, torch.Tensor]) -> Callable[[], dict[str, np.ndarray]]:
    """Begin to copy results to where they can be written; what is given back waits for them."""
    host, arrived = {}, None
    for name, tensor in tensors.items():
        if tensor.is_cuda:
            host[name] = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
            host[name].copy_(tensor, non_blocking=True)
            arrived = arrived or torch.cuda.Event()
        else:
            host[name] = tensor
    if arrived:
        arrived.record()

    def wait() -> dict[str, np.ndarray]:
        if arrived:
            arrived.synchronize()
        return {name: tensor.numpy() for name, tensor in host.items()}

    return wait
