"""The body parts of the animals in a video, as a program has tracked them."""

import difflib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ethomake.errors import InputError

MOST_FRAMES = 10_000_000
"""Frames of a video, more than a day at 100 per second: a higher number is a slip, such as a time stamp."""


@dataclass(frozen=True, eq=False)
class Poses:
    """Positions of A animals with N body parts each in the frames 0 to T - 1.

    A file may end before the video does, if nothing was tracked in its last frames. The centre of the pixel at the top
    left is 0, 0; x goes to the right and y down.

    Attributes:
        animals: their names, as in the file.
        nodes: the names of the body parts.
        points: float32 (T, A, N, 2), x and y in pixels of the video; NaN where a part was not tracked.
        confidence: float32 (T, A, N), 0 to 1 as the program that tracked gives it; 1 where a file has none.
        headings: float32 (T, A), degrees from the x axis towards the y axis in which each animal looks, if the file
            says so; NaN where it is not known. None: only the body parts tell.
    """

    animals: tuple[str, ...]
    nodes: tuple[str, ...]
    points: np.ndarray
    confidence: np.ndarray
    headings: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.points)


def make_poses(
    animals: tuple[str, ...],
    nodes: tuple[str, ...],
    points: np.ndarray,
    confidence: np.ndarray | None = None,
    headings: np.ndarray | None = None,
) -> Poses:
    """Return poses in which a part is either known in both coordinates or NaN, with a confidence of 0 where it is NaN.

    Args:
        animals: A names.
        nodes: N names.
        points: (T, A, N, 2), NaN or infinite where a part was not tracked.
        confidence: (T, A, N); None: the file has none.
        headings: (T, A) in degrees; None: the file has none.
    """
    with np.errstate(over="ignore", invalid="ignore"):  # what is too large becomes infinite
        points = np.array(points, np.float32)
    known = np.isfinite(points).all(axis=-1)
    points[~known] = np.nan
    sure = np.ones(known.shape, np.float32) if confidence is None else np.array(confidence, np.float32)
    sure[~known | ~np.isfinite(sure)] = 0
    return Poses(animals, nodes, points, sure, None if headings is None else np.array(headings, np.float32))


def find_animal(animals: tuple[str, ...], name: str, path: str | Path) -> int:
    """Return the number of the animal of a name in a file; the only one, if the name is empty.

    Raises:
        InputError: if there is no such animal, or several and no name.
    """
    if name in animals:
        return animals.index(name)
    if not name and len(animals) == 1:
        return 0
    all_of_them = ", ".join(animals[:8]) + (f" and {len(animals) - 8} more" if animals[8:] else "")
    if not name:
        raise InputError(f"{path}: tracks of {len(animals)} animals ({all_of_them}); name one in the column animal")
    if name.isdecimal() and len(animals) == 1 and int(name) == 0:
        return 0
    near = difflib.get_close_matches(name.casefold(), [each.casefold() for each in animals], n=1, cutoff=0.6)
    meant = next((each for each in animals if near and each.casefold() == near[0]), "")
    hint = f"did you mean {meant}? " if meant else ""
    raise InputError(f"{path}: no animal '{name}' in it; {hint}It has {all_of_them}")


def find_nodes(poses: Poses, names: tuple[str, ...] | list[str], key: str, path: str | Path) -> list[int]:
    """Return the numbers of body parts; `key` is the setting that names them, for messages.

    Raises:
        InputError: if there is no such body part.
    """
    for name in names:
        if name not in poses.nodes:
            near = difflib.get_close_matches(name, poses.nodes, n=1, cutoff=0.6)
            hint = f"did you mean {near[0]}? " if near else ""
            raise InputError(
                f"config: {key} = '{name}': no body part of this name in {path}; {hint}It has {', '.join(poses.nodes)}"
            )
    return [poses.nodes.index(name) for name in names]
