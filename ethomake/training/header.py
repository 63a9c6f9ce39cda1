"""The header of a weights file, read without torch."""

import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from ethomake.errors import InputError
from ethomake.files import refuse_constant

KEY = "ethomake"


def read_header(path: str | Path) -> dict[str, Any]:
    """Return the metadata of any network's weights file as plain values.

    Raises:
        InputError: if the file is missing, damaged, or was not written by ethomake.
    """
    try:
        with safe_open(path, "numpy") as file:
            metadata = file.metadata() or {}
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such weights file") from None
    except (SafetensorError, OSError) as error:
        raise InputError(
            f"{path}: not a safetensors file ({error}); give one that ethomake wrote, or train again"
        ) from None
    if KEY not in metadata:
        raise InputError(f"{path}: these weights were not written by ethomake; give a file that was")
    try:
        return json.loads(metadata[KEY], parse_constant=refuse_constant)
    except ValueError as error:
        raise InputError(f"{path}: its metadata cannot be read ({error}); copy it again, or train again") from None
