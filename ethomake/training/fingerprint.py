"""A digest of all inputs of a computation, so that work begun on other inputs is not resumed."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch

from ethomake.files import content_digest, file_digest


def fingerprint(files: Iterable[str | Path], *plain: Any) -> str:
    """Return a digest of files, values and the version of torch.

    Args:
        files: input files; their content counts, not their names.
        plain: values that JSON can represent, such as settings.
    """
    values = json.dumps([torch.__version__, *plain], sort_keys=True)
    return content_digest([values, *(file_digest(path) for path in files)])
