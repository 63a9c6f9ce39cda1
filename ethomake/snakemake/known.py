"""Values that Snakemake declares as optional, though they are set before any code of ours is called."""

from typing import TypeVar

T = TypeVar("T")


def known(value: T | None) -> T:
    """Return a setting or a part of a workflow that must be set.

    Raises:
        RuntimeError: if it is not, since Snakemake calls our code earlier than it used to.
    """
    if value is None:
        raise RuntimeError("Snakemake has not set up its workflow yet")
    return value
