"""Blocks to the device and results back, so that a GPU never waits for either; on the CPU there is nothing to do."""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
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
    while True:
        with torch.cuda.stream(way):  # reading, too, which may decode there
            if (block := next(blocks, None)) is None:
                return
            frames = block.frames if block.frames.is_cuda else block.frames.pin_memory()
            with suppress(torch.OutOfMemoryError):  # then they stay, and each batch is sent by itself
                frames = frames.to(device, non_blocking=True)
        way.synchronize()  # only this thread waits
        if frames.is_cuda:
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
            arrived.record(torch.cuda.current_stream(tensor.device))  # the last time counts
        else:
            host[name] = tensor

    def wait() -> dict[str, np.ndarray]:
        if arrived:
            arrived.synchronize()
        return {name: tensor.numpy() for name, tensor in host.items()}

    return wait
