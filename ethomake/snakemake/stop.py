"""End with one line before any job runs."""

import sys
from typing import NoReturn

from ethomake.failures import MISTAKE
from ethomake.visible import visible


def stop(message: object) -> NoReturn:
    """Print one line and exit with the status of a user's mistake, without a traceback."""
    print(f"error: {message}", file=sys.stderr, flush=True)
    sys.exit(MISTAKE)


def note(line: str) -> None:
    """Print one line for the user."""
    print(visible(line), file=sys.stderr, flush=True)
