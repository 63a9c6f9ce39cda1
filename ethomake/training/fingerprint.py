"""What networks compute from, as one digest: work that was begun on something else is not continued."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch

from ethomake.files import content_digest, file_digest


def fingerprint(files: Iterable[str | Path], *plain: Any) -> str:
    """Return a digest of all that networks compute from.

    Args:
        files: whose content counts, not their names.
        plain: values that JSON can hold, such as settings; the version of torch counts, too.
    """
    values = json.dumps([torch.__version__, *plain], sort_keys=True)
    return content_digest([values, *(file_digest(path) for path in files)])
