"""What the tables of DeepLabCut have in common, in whatever file they are."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ethomake.errors import InputError
from ethomake.ingest.tracks.poses import Poses, make_poses

ANIMAL = "animal"
"""The name of the only animal of a table that names none."""


def columns_to_poses(columns: Sequence[tuple[str, str, str]], values: np.ndarray, path: Path) -> Poses:
    """Return the poses of a table.

    Body parts that belong to no animal but to the arena (DeepLabCut's `single`, beside others) are one more animal.

    Args:
        columns: animal, body part, and x, y or likelihood, of each column; an animal may be "".
        values: (T, number of columns).
        path: the file, for messages.

    Raises:
        InputError: if a part lacks x or y, or a column comes twice.
    """
    animals = tuple(dict.fromkeys(animal or ANIMAL for animal, _, _ in columns))
    nodes = tuple(dict.fromkeys(part for _, part, _ in columns))
    points = np.full((len(values), len(animals), len(nodes), 2), np.nan)
    sure = np.ones(points.shape[:3])
    seen = set()
    for (animal, part, what), column in zip(columns, values.T, strict=True):
        if what not in ("x", "y", "likelihood"):
            raise InputError(f"{path}: a column '{what}' of {part}; only x, y and likelihood can be read")
        if (animal, part, what) in seen:
            raise InputError(f"{path}: {what} of {part} comes twice; export the table from DeepLabCut again")
        seen.add((animal, part, what))
        place = (slice(None), animals.index(animal or ANIMAL), nodes.index(part))
        if what == "likelihood":
            sure[place] = column
        else:
            points[place][:, "xy".index(what)] = column
    for animal, part, what in columns:
        for other in "xy":
            if (animal, part, other) not in seen:
                raise InputError(f"{path}: {part} has {what} but no {other}; export the table from DeepLabCut again")
    return make_poses(animals, nodes, points, sure)
