"""End with one line before any job runs."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from ethomake.errors import InputError
from ethomake.failures import DEFECT, MISTAKE, failure_of
from ethomake.visible import visible


def stop(message: object) -> NoReturn:
    """Print one line and exit with the status of a user's mistake, without a traceback."""
    print(f"error: {message}", file=sys.stderr, flush=True)
    sys.exit(MISTAKE)


@contextmanager
def in_one_line() -> Iterator[None]:
    """Within this context, a mistake and what the machine lacks (access, disk space) end the run as `stop` does.

    A bug keeps its traceback.
    """
    try:
        yield
    except (InputError, OSError) as error:
        failure = failure_of(error)
        if failure.status == DEFECT:
            raise
        stop(failure.message)


def note(line: str) -> None:
    """Print one line for the user."""
    print(visible(line), file=sys.stderr, flush=True)
