"""Move batches from the loader's thread to the device ahead of each step, and measure how long steps wait for them."""

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch

from ethomake.training.frames import prefetch


def feed(
    batches: Iterable[Any],
    prepare: Callable[[Any], Any],
    device: torch.device,
    arrived: Callable[[], None] = lambda: None,
) -> Iterator[Any]:
    """Yield batches on the device; a thread loads the next one while the current one is processed.

    `prepare` makes the last changes, on the network's device; if that is a CPU, in the thread. Copies to a GPU do not
    block: they are made from pinned memory, in the order of the device's work. `arrived` is called when the thread
    has delivered a batch.
    """
    on_cpu = device.type == "cpu"
    for batch in prefetch(prepare(batch) if on_cpu else _each(batch, _pin) for batch in batches):
        arrived()
        yield batch if on_cpu else prepare(_each(batch, lambda part: part.to(device, non_blocking=True)))


def _pin(part: torch.Tensor) -> torch.Tensor:
    return part.pin_memory() if torch.cuda.is_available() else part


def _each(batch: Any, change: Callable[[torch.Tensor], torch.Tensor]) -> Any:
    """Apply `change` to all tensors of nested tuples; other values are kept unchanged."""
    if isinstance(batch, torch.Tensor):
        return change(batch)
    return tuple(_each(part, change) for part in batch) if isinstance(batch, tuple) else batch


class Waits:
    """Measure the share of time that an epoch's steps waited for batches: the gaps between one step and the next.

    On a GPU, which works asynchronously, the marks are CUDA events, read when all work is done. There the program
    stays at most two steps ahead, so that batches do not pile up.
    """

    def __init__(self, device: torch.device):
        self.on_gpu = device.type == "cuda"
        self.marks: list[Any] = []  # begin and end of each step

    def begin(self) -> None:
        """Mark that a step has its batch."""
        self.marks.append(self._now())

    def end(self) -> None:
        """Mark that a step has finished, or queued, its work."""
        self.marks.append(self._now())
        if self.on_gpu and len(self.marks) > 2:
            self.marks[-3].synchronize()

    @property
    def share(self) -> float:
        """Share of the time since the first batch arrived, 0 to 1; loading of the first batch overlaps with no step."""
        if len(self.marks) < 4:
            return 0.0
        if self.on_gpu:
            self.marks[-1].synchronize()
        gaps = zip(self.marks[1:-1:2], self.marks[2::2], strict=True)
        return sum(self._between(*gap) for gap in gaps) / max(self._between(self.marks[0], self.marks[-1]), 1e-9)

    def _now(self) -> Any:
        if not self.on_gpu:
            return time.perf_counter()
        event = torch.cuda.Event(enable_timing=True, blocking=True)
        event.record()
        return event

    def _between(self, first: Any, second: Any) -> float:
        return first.elapsed_time(second) / 1000 if self.on_gpu else second - first
