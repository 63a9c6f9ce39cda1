"""Checksums of inputs, each computed once."""

import os
from collections.abc import Callable

from snakemake.io import _IOFile

from ethomake.snakemake.replace import replace


def read_inputs_once() -> None:
    """Let Snakemake remember checksums: else it reads all inputs of a job, weights and frames, again for each output.

    Raises:
        InputError: if this version of Snakemake computes checksums differently.
    """
    replace(_IOFile, "checksum", ("self", "threshold", "force", "algorithm"), remembering)


def remembering(read: Callable) -> Callable:
    """Return a function like `read`, which computes checksums, but only once for each state of a file."""
    known = {}

    async def checksum(self, *args, **options):
        try:
            status = os.stat(self)
        except OSError:  # not on this disk: left to Snakemake
            return await read(self, *args, **options)
        file = str(self), status.st_ino, status.st_mtime_ns, status.st_size
        key = (*file, *map(str, args), *(f"{name}={value}" for name, value in sorted(options.items())))
        if key not in known:
            known[key] = await read(self, *args, **options)
        return known[key]

    return checksum
