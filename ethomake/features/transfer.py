"""Asynchronous copies of blocks to a GPU and of results back, so that it never waits; on a CPU nothing is copied."""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace

import numpy as np
import torch

from ethomake.flow.stacks import Block


def sent_to(device: torch.device, blocks: Iterator[Block]) -> Iterator[Block]:
    """Yield blocks with their frames on the device; a GPU continues to compute while they are copied."""
    if device.type != "cuda":
        yield from blocks
        return
    way = torch.cuda.Stream(device)
    while True:
        with torch.cuda.stream(way):  # for reading, too, which may decode on the GPU
            if (block := next(blocks, None)) is None:
                return
            frames = block.frames if block.frames.is_cuda else block.frames.pin_memory()
            with suppress(torch.OutOfMemoryError):  # then frames stay on the host, and batches are copied
                frames = frames.to(device, non_blocking=True)
        way.synchronize()  # only this thread waits
        if frames.is_cuda:
            frames.record_stream(torch.cuda.default_stream(device))
        yield replace(block, frames=frames)


def fetched_from(device: torch.device, results: Iterator[dict[str, torch.Tensor]]) -> Iterator[dict[str, np.ndarray]]:
    """Yield results as arrays; those of a GPU are copied back while it computes the next ones."""
    waiting: deque[Callable[[], dict[str, np.ndarray]]] = deque()
    for tensors in results:
        waiting.append(_fetch(tensors))
        if len(waiting) > (device.type == "cuda"):
            yield waiting.popleft()()
    while waiting:
        yield waiting.popleft()()


def _fetch(tensors: dict[str, torch.Tensor]) -> Callable[[], dict[str, np.ndarray]]:
    """Start copying results to host memory, and return a function that waits for them and returns them."""
    host, arrived = {}, None
    for name, tensor in tensors.items():
        if tensor.is_cuda:
            host[name] = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
            host[name].copy_(tensor, non_blocking=True)
            arrived = arrived or torch.cuda.Event()
            arrived.record(torch.cuda.current_stream(tensor.device))  # the last record counts
        else:
            host[name] = tensor

    def wait() -> dict[str, np.ndarray]:
        if arrived:
            arrived.synchronize()
        return {name: tensor.numpy() for name, tensor in host.items()}

    return wait
