"""Log messages through the standard `logging`, progress lines, and values for the record of a job.

Modules log with `logging.getLogger(__name__)`, so that all messages pass through the logger `ethomake`.
Workflow jobs show them (ethomake.job); in a notebook, call `show()`.
"""

import logging
import sys
import time
from collections.abc import Iterable, Iterator
from typing import Any

from tqdm import tqdm

from ethomake.visible import visible

NOTE = 25
"""A level between INFO and WARNING: what a user should know, and nothing to worry about."""

logging.addLevelName(NOTE, "NOTE")

logger = logging.getLogger(__name__)
_remembered: dict[str, Any] = {}  # values for the record of the running job


class OneLine(logging.Formatter):
    """Formats a message unchanged; from level NOTE on, prefixed with the level in lower case ("warning: ...")."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a log record."""
        text = super().format(record)
        if record.levelno < NOTE:
            return text
        return f"{record.levelname.lower()}: {text if record.exc_info else visible(text)}"


class _Stderr(logging.StreamHandler):
    """Writes to the current `sys.stderr`, which a job, a notebook or a test may have replaced."""

    def __init__(self) -> None:
        super().__init__(sys.stderr)
        self.setFormatter(OneLine())

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stderr
        super().emit(record)


def show(level: int = logging.INFO) -> None:
    """Show the log messages of ethomake on stderr, one line each; a second call only changes the level."""
    ours = logging.getLogger("ethomake")
    ours.setLevel(level)
    ours.propagate = False
    if not any(isinstance(handler, _Stderr) for handler in ours.handlers):
        ours.addHandler(_Stderr())


def remember(name: str, value: Any) -> None:
    """Store a value, such as the device, for the record of the running job."""
    _remembered[name] = value


def remembered() -> dict[str, Any]:
    """Return the values stored so far for the record of the running job."""
    return dict(_remembered)


def forget() -> None:
    """Clear the stored values, for a new job."""
    _remembered.clear()


def duration(seconds: float) -> str:
    """Return a time span in words: seconds, minutes or hours."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


class Progress:
    """Progress as separate lines: several jobs can share a terminal, and a log stays readable.

    Used as a context manager; `advance(n)` counts. With `estimate`, work expected to take over 30 s logs its expected
    duration early. A line appears at most every `every` seconds, and at the end.
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
        """Count `n` more units; `note` (for example a loss) is added at the end of the line."""
        self.count += n
        elapsed = time.monotonic() - self.started
        if self.estimate and elapsed > 1:
            self.estimate = False
            expected = elapsed / self.count * self.total
            if expected > 30:
                logger.info(f"{self.label}: {self.total} {self.unit}s take about {duration(expected)}")
        if time.monotonic() - self.shown >= self.every:
            self._show(note)

    def _show(self, note: str = "") -> None:
        self.shown = time.monotonic()
        logger.info(
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
    """Yield `items` while logging progress."""
    with Progress(total, label, unit) as progress:
        for item in items:
            yield item
            progress.advance()
