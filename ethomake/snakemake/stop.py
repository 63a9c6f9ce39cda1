"""End with one line before any job runs."""

import sys
from typing import NoReturn

from ethomake.failures import MISTAKE


def stop(message: object) -> NoReturn:
    """End with one line and the status of a user's mistake, which is no matter for a traceback."""
    print(f"error: {message}", file=sys.stderr, flush=True)
    sys.exit(MISTAKE)


def note(line: str) -> None:
    """Tell the user one line."""
    print(line, file=sys.stderr, flush=True)
