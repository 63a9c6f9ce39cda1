"""Time functions side by side: each in a process of its own, one at a time, in turns; and print one table."""

import gc
import multiprocessing
import re
import resource
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import torch

HEADS = ("stage", "what", "a second", "CPU-ms each", "peak MB", "of peak", "x plain: CPU", "wall")
SIDE = 2048  # rows and columns of the matrices whose product is the machine's measured peak
PRECISIONS = (torch.float32, torch.bfloat16)


@dataclass(frozen=True)
class Case:
    """Something that is timed.

    Attributes:
        stage: it is compared with the plain case of the same stage.
        name: what is done, in words.
        make: called once, in a process of its own; gives the function to be timed, which returns the number of units
            that it did. Picklable: a function of a module, or a `functools.partial` of one.
        unit: what is counted.
        plain: whether this is the plain way, with which the others are compared.
        flops: floating-point operations a unit, where the share of the peak tells something.
        precision: of the peak that `flops` are compared with.
    """

    stage: str
    name: str
    make: Callable[[], Callable[[], int]]
    unit: str = "frame"
    plain: bool = False
    flops: float = 0.0
    precision: torch.dtype = torch.float32


@dataclass(frozen=True)
class Timing:
    """What was measured of a case: medians over the rounds, for one unit; the most memory it ever had."""

    wall: float  # seconds
    cpu: float  # seconds, of children, too
    peak: float  # megabytes, of the process itself


def compare(cases: Sequence[Case], rounds: int, threads: int) -> list[list[str]]:
    """Rows of the table for the cases of one stage, and with them, in turns, the matrix products that are the peak.

    Args:
        rounds: how often each is timed.
        threads: that each may use; matrix products have one.
    """
    products = [Case("matrix product", str(precision), _Product(precision)) for precision in PRECISIONS]
    timings = measure([*cases, *products], rounds, threads)
    peaks = dict(zip(PRECISIONS, (1 / timing.cpu for timing in timings[len(cases) :]), strict=True))
    plain = next((timing for case, timing in zip(cases, timings, strict=False) if case.plain), None)
    return [_row(case, timing, plain, peaks) for case, timing in zip(cases, timings, strict=False)]


def measure(cases: Sequence[Case], rounds: int, threads: int) -> list[Timing]:
    """Run the cases in turns, `rounds` times, after each has run once to warm up.

    Only one of them works at a time, so what else the machine does hits all of them alike.
    """
    context = multiprocessing.get_context("spawn")
    workers = []
    for case in cases:
        ours, theirs = context.Pipe()
        process = context.Process(target=_work, args=(case.make, theirs, threads), daemon=True)
        process.start()
        theirs.close()
        _answer(ours, case)  # made and warm
        workers.append((process, ours))
    samples: list[list[tuple[float, float, float]]] = [[] for _ in cases]
    for _ in range(rounds):
        for case, kept, (_, pipe) in zip(cases, samples, workers, strict=True):
            pipe.send("go")
            kept.append(_answer(pipe, case))
    for process, pipe in workers:
        pipe.send("stop")
        process.join()
    return [
        Timing(statistics.median(walls), statistics.median(cpus), max(peaks))
        for walls, cpus, peaks in (zip(*kept, strict=True) for kept in samples)
    ]


def table(rows: Sequence[Sequence[str]]) -> str:
    """The rows in Markdown."""
    widths = [max(len(row[column]) for row in [HEADS, *rows]) for column in range(len(HEADS))]
    lines = [HEADS, ["-" * width for width in widths], *rows]
    return "\n".join(
        f"| {' | '.join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))} |" for line in lines
    )


def _row(case: Case, timing: Timing, plain: Timing | None, peaks: dict[torch.dtype, float]) -> list[str]:
    return [
        case.stage,
        case.name,
        f"{1 / timing.wall:,.4g} {case.unit}s",
        f"{timing.cpu * 1000:,.3g}",
        f"{timing.peak:,.0f}",
        f"{case.flops / timing.cpu / peaks[case.precision]:.0%}" if case.flops else "",
        f"{plain.cpu / timing.cpu:.2f}" if plain else "",
        f"{plain.wall / timing.wall:.2f}" if plain else "",
    ]


@dataclass(frozen=True)
class _Product:
    precision: torch.dtype

    def __call__(self) -> Callable[[], int]:
        torch.set_num_threads(1)
        a = torch.randn(SIDE, SIDE).to(self.precision)

        def multiply() -> int:
            a @ a
            return 2 * SIDE**3

        return multiply


def _work(make: Callable[[], Callable[[], int]], pipe: Connection, threads: int) -> None:
    torch.set_num_threads(threads)
    try:
        function = make()
        function()
        gc.collect()
        pipe.send(None)
        while pipe.recv() == "go":
            began, cpu = time.perf_counter(), _cpu()
            units = function()
            wall, cpu = time.perf_counter() - began, _cpu() - cpu
            pipe.send((wall / units, cpu / units, _peak()))
    except Exception as error:
        pipe.send(error)


def _answer(pipe: Connection, case: Case) -> tuple[float, float, float]:
    answer = pipe.recv()
    if isinstance(answer, Exception):
        raise RuntimeError(f"{case.stage}, {case.name}: could not be timed") from answer
    return answer


def _cpu() -> float:
    """CPU seconds of this process and of its children that have ended."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def _peak() -> float:
    """The most memory that this process ever had, in megabytes.

    Where the system tells (Linux), from this process's own start: children inherit `ru_maxrss` from their parents.
    """
    status = Path("/proc/self/status")
    if status.exists():
        return int(re.search(r"VmHWM:\s+(\d+) kB", status.read_text())[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
