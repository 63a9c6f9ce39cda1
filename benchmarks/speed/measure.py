"""Time functions side by side: each in a process of its own, one at a time, in turns; and print one table."""

import gc
import multiprocessing
import resource
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection

import torch

HEADS = ("stage", "what", "a second", "CPU-ms each", "peak MB", "of peak", "x plain")
SIDE = 2048  # rows and columns of the matrices whose product is the machine's measured peak


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
    peak: float  # megabytes


def measure(cases: Sequence[Case], rounds: int, threads: int) -> list[Timing]:
    """Run the cases in turns, `rounds` times, after each has run once to warm up.

    Only one of them works at a time, so what else the machine does hits all of them alike.

    Args:
        rounds: how often each is timed.
        threads: that each may use.
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
        Timing(
            *(statistics.median(column) for column in list(zip(*kept, strict=True))[:2]), peak=max(kept, key=_last)[2]
        )
        for kept in samples
    ]


def table(cases: Sequence[Case], timings: Sequence[Timing], peaks: dict[torch.dtype, float]) -> str:
    """The results in Markdown, a row a case.

    Args:
        peaks: floating-point operations in a CPU second of the best matrix product, by precision.
    """
    plain = {case.stage: timing for case, timing in zip(cases, timings, strict=True) if case.plain}
    rows = []
    for case, timing in zip(cases, timings, strict=True):
        base = plain.get(case.stage)
        rows.append(
            [
                case.stage,
                case.name,
                f"{1 / timing.wall:,.1f} {case.unit}s",
                f"{timing.cpu * 1000:,.2f}",
                f"{timing.peak:,.0f}",
                f"{case.flops / timing.cpu / peaks[case.precision]:.0%}" if case.flops else "",
                f"{base.cpu / timing.cpu:.1f} CPU, {base.wall / timing.wall:.1f} wall" if base else "",
            ]
        )
    widths = [max(len(row[column]) for row in [HEADS, *rows]) for column in range(len(HEADS))]
    lines = [HEADS, ["-" * width for width in widths], *rows]
    return "\n".join(
        f"| {' | '.join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))} |" for line in lines
    )


def matrix_peak(precision: torch.dtype) -> float:
    """Floating-point operations in a CPU second of a large matrix product on one thread: the machine's peak."""
    timing = measure([Case("", "", _Product(precision))], rounds=9, threads=1)[0]
    return 1 / timing.cpu


@dataclass(frozen=True)
class _Product:
    precision: torch.dtype

    def __call__(self) -> Callable[[], int]:
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
    """The most memory that this process, or a child of it, ever had, in megabytes."""
    return max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) / 1024


def _last(sample: tuple[float, float, float]) -> float:
    return sample[-1]
