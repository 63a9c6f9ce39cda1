"""What every job of the workflow does around its work: its log, its progress, its one-line errors."""

import os
import sys
import time
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from tqdm import tqdm

from ethomake.errors import InputError


class _Tee:
    """A text stream that writes to the terminal and to the log."""

    def __init__(self, *streams: TextIO):
        self.streams = streams

    def write(self, text: str) -> int:
        for stream in self.streams:
            stream.write(text)
            stream.flush()
        return len(text)

    def flush(self) -> None:
        for stream in self.streams:
            stream.flush()

    def isatty(self) -> bool:
        return False


@contextmanager
def job(log: str | Path, threads: int = 1) -> Iterator[None]:
    """Run the body of a workflow script: everything it prints goes to the terminal and to `log`.

    Numerical libraries that are imported inside use `threads` threads. An `InputError` becomes one line and exit
    status 1; any other exception is a defect and keeps its traceback, in the log as well.
    """
    for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[variable] = str(threads)
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(threads)
    log = Path(log)
    log.parent.mkdir(parents=True, exist_ok=True)
    stdout, stderr = sys.stdout, sys.stderr
    with log.open("w", encoding="utf-8", buffering=1) as file:
        sys.stdout, sys.stderr = _Tee(stdout, file), _Tee(stderr, file)
        try:
            yield
        except InputError as error:
            print(f"error: {error}", file=sys.stderr)
            sys.exit(1)
        except OSError as error:
            if error.filename is None and error.errno is None:
                raise
            print(f"error: {error}; nothing half-written was kept", file=sys.stderr)
            sys.exit(1)
        except Exception:
            file.write(traceback.format_exc())
            raise
        finally:
            sys.stdout, sys.stderr = stdout, stderr


def say(message: str) -> None:
    """Tell the user one line (terminal and log)."""
    print(message, file=sys.stderr, flush=True)


def duration(seconds: float) -> str:
    """A time span in words: seconds, minutes or hours."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


class Progress:
    """A progress bar made of lines: several jobs can share a terminal, and a log stays readable.

    Used as a context manager; `advance(n)` counts. What will take over half a minute says so early (`estimate`). A
    line appears at most every `every` seconds, and at the end.
    """

    def __init__(self, total: int, label: str, unit: str, every: float = 5.0, estimate: bool = True):
        self.total, self.label, self.unit, self.every = total, label, unit, every
        self.estimate = estimate
        self.count = 0

    def __enter__(self) -> "Progress":
        self.started = self.shown = time.monotonic()
        return self

    def __exit__(self, kind, *_) -> None:
        if kind is None:
            self._show()

    def advance(self, n: int = 1, note: str = "") -> None:
        """Count `n` more units; `note` (a loss, say) stands at the end of the line."""
        self.count += n
        elapsed = time.monotonic() - self.started
        if self.estimate and elapsed > 1:
            self.estimate = False
            expected = elapsed / self.count * self.total
            if expected > 30:
                say(f"{self.label}: {self.total} {self.unit}s take about {duration(expected)}")
        if time.monotonic() - self.shown >= self.every:
            self._show(note)

    def _show(self, note: str = "") -> None:
        self.shown = time.monotonic()
        say(
            tqdm.format_meter(
                self.count,
                self.total,
                self.shown - self.started,
                ncols=110,
                prefix=self.label,
                unit=f" {self.unit}",
                postfix=note or None,
            )
        )


def track(items: Iterable, total: int, label: str, unit: str) -> Iterator:
    """Iterate over `items` with a progress bar."""
    with Progress(total, label, unit) as progress:
        for item in items:
            yield item
            progress.advance()
