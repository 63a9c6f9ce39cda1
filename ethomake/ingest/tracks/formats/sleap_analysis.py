"""Analysis files of SLEAP (Export Analysis HDF5): all tracks as one array."""

from pathlib import Path

import numpy as np

from ethomake.errors import InputError
from ethomake.ingest.tracks.hdf5 import as_text, holds, open_file, read_array
from ethomake.ingest.tracks.poses import Poses, make_poses

DESCRIPTION = "SLEAP's analysis file (HDF5 with tracks and node_names)"


def sniff(path: Path) -> bool:
    """Return whether the file has the two datasets that distinguish this format."""
    return holds(path, "tracks", "node_names")


def read(path: Path) -> Poses:
    """Read `tracks` (tracks, 2, nodes, frames), `node_names`, `track_names`, and `point_scores` if it is there.

    SLEAP's Python interface writes the axes in the opposite order for MATLAB (`transpose`): told from the shape. Points
    that a person placed or corrected have no score (NaN): their confidence is 1.

    Raises:
        InputError: if the datasets do not fit each other, or two tracks have one name.
    """
    with open_file(path) as file:
        points = read_array(file, "tracks")
        nodes = tuple(as_text(name) for name in read_array(file, "node_names").ravel())
        names = (
            tuple(as_text(name) for name in read_array(file, "track_names").ravel()) if "track_names" in file else ()
        )
        scores = read_array(file, "point_scores") if "point_scores" in file else None
    if scores is not None and (scores.ndim != 3 or not np.issubdtype(scores.dtype, np.number)):
        raise InputError(f"{path}: point_scores is no array of numbers with 3 axes; export the analysis file again")
    if not np.issubdtype(points.dtype, np.number):
        raise InputError(f"{path}: tracks holds no numbers; export the analysis file again")
    if points.ndim != 4:
        raise InputError(f"{path}: tracks has {points.ndim} axes instead of 4; export the analysis file again")
    if points.shape[1] == 2 and points.shape[2] == len(nodes):
        points = points.transpose(3, 0, 2, 1)
        scores = None if scores is None else scores.transpose(2, 0, 1)
    elif points.shape[2] == 2 and points.shape[1] == len(nodes):  # frames, nodes, 2, tracks
        points = points.transpose(0, 3, 1, 2)
        scores = None if scores is None else scores.transpose(0, 2, 1)
    else:
        raise InputError(
            f"{path}: tracks has the shape {points.shape}, which does not fit {len(nodes)} nodes; export it again"
        )
    animals = names if len(names) == points.shape[1] else tuple(f"track_{n}" for n in range(points.shape[1]))
    if len(set(animals)) < len(animals):
        raise InputError(
            f"{path}: two tracks have one name ({', '.join(animals)}); rename one in SLEAP and export again"
        )
    if scores is not None and scores.shape != points.shape[:3]:
        raise InputError(f"{path}: point_scores does not fit tracks; export the analysis file again")
    if scores is not None:
        scores = np.where(np.isnan(scores) & np.isfinite(points).all(axis=-1), 1.0, scores.clip(0, 1))
    return make_poses(animals, nodes, points, scores)
