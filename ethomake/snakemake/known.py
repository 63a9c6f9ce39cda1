"""What Snakemake declares as optional, though it is set before anything of ours is called."""

from typing import TypeVar

T = TypeVar("T")


def known(value: T | None) -> T:
    """A setting or a part of a workflow that is there.

    Raises:
        RuntimeError: if it is not: Snakemake calls us earlier than it did.
    """
    if value is None:
        raise RuntimeError("Snakemake has not set up its workflow yet")
    return value
