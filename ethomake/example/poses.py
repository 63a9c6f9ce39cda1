"""The poses of the fly videos, tracked by SLEAP, and the labels derived from them."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import h5py
import numpy as np

from ethomake.labels.bouts import drop_short_bouts
from ethomake.labels.table import LabelTable

BEHAVIORS = ("wing_extension", "walking", "near")

WING_ANGLE = 35.0  # degrees between a wing and the backward body axis
WALKING_SPEED = 1.0  # pixels per frame
NEAR_BODIES = 1.5  # body lengths between two thoraces
MINIMUM_BOUT = 5  # frames


@dataclass(frozen=True, eq=False)
class Poses:
    """Positions of the body parts of two flies.

    Attributes:
        nodes: names of the body parts, N of them.
        points: float64 (2, T, N, 2), x and y in pixels of the source video; gaps are filled.
    """

    nodes: list[str]
    points: np.ndarray

    def node(self, name: str) -> np.ndarray:
        """Return the track of one body part of both flies: float64 (2, T, 2)."""
        return self.points[:, :, self.nodes.index(name)]


def read_analysis(path: str | Path) -> Poses:
    """Read a SLEAP analysis file (`tracks` of shape (tracks, 2, nodes, frames)), the first two tracks."""
    with h5py.File(path) as file:
        nodes = [name.decode() for name in _dataset(file, "node_names")[:]]
        return Poses(nodes, fill_gaps(_dataset(file, "tracks")[:2].transpose(0, 3, 2, 1)))


def read_slp(path: str | Path) -> Poses:
    """Read a SLEAP project file (HDF5: `frames` list instances, which list points), the first two tracks."""
    with h5py.File(path) as file:
        skeleton = json.loads(cast("str | bytes", file["metadata"].attrs["json"]))
        nodes = [skeleton["nodes"][node["id"]]["name"] for node in skeleton["skeletons"][0]["nodes"]]
        frames, instances = _dataset(file, "frames")[:], _dataset(file, "instances")[:]
        predicted = _dataset(file, "pred_points")
        points = predicted[:] if len(predicted) else _dataset(file, "points")[:]
    frame_of = np.repeat(
        frames["frame_idx"].astype(int), (frames["instance_id_end"] - frames["instance_id_start"]).astype(int)
    )
    tracked = np.full((2, frame_of.max() + 1, len(nodes), 2), np.nan)
    xy = np.stack([points["x"], points["y"]], axis=-1)
    for frame, instance in zip(frame_of, instances, strict=True):
        if instance["track"] in (0, 1):
            start, stop = int(instance["point_id_start"]), int(instance["point_id_end"])
            tracked[instance["track"], frame] = xy[start:stop]
    return Poses(nodes, fill_gaps(tracked))


def _dataset(file: h5py.File, name: str) -> h5py.Dataset:
    """A dataset of a file of SLEAP.

    Raises:
        ValueError: if something else has that name.
    """
    found = file[name]
    if not isinstance(found, h5py.Dataset):
        raise ValueError(f"{file.filename}: {name} is no dataset; export the file from SLEAP again")
    return found


def fill_gaps(points: np.ndarray) -> np.ndarray:
    """Fill NaN in tracks (flies, T, nodes, 2) by linear interpolation in time; at the ends, by the nearest value."""
    filled = np.array(points, float)
    times = np.arange(filled.shape[1])
    for fly, node, axis in np.ndindex(filled.shape[0], *filled.shape[2:]):
        track = filled[fly, :, node, axis]
        known = np.isfinite(track)
        if known.any() and not known.all():
            track[~known] = np.interp(times[~known], times[known], track[known])
    return filled


def derive_labels(poses: Poses, fly: int, *, walking: bool) -> LabelTable:
    """Derive the three behaviors of one fly from its pose.

    - wing_extension: the larger angle of the two wings against the body axis (head to thorax, extended
      backward), median over 7 frames, above 35 degrees.
    - walking: speed of the thorax (central differences), mean over 5 frames, above 1 pixel per frame.
    - near: the thoraces are closer than 1.5 body lengths, a body length being the median of head to abdomen of
      both flies.

    Bouts shorter than 5 frames are dropped.

    Args:
        poses: both flies.
        fly: which of them, 0 or 1.
        walking: whether the video allows walking to be scored; if not it is -1 throughout.
    """
    head, thorax, abdomen = poses.node("head"), poses.node("thorax"), poses.node("abdomen")
    body = float(np.median(np.linalg.norm(head - abdomen, axis=-1)))
    backward = thorax[fly] - head[fly]
    wings = np.stack([poses.node(wing)[fly] - thorax[fly] for wing in ("wingL", "wingR")])
    angle = _running(_angle(wings, backward).max(axis=0), 7, np.median)
    speed = _running(np.linalg.norm(np.gradient(thorax[fly], axis=0), axis=-1), 5, np.mean)
    distance = np.linalg.norm(thorax[0] - thorax[1], axis=-1)
    on = [angle > WING_ANGLE, speed > WALKING_SPEED, distance < NEAR_BODIES * body]
    values = np.stack([drop_short_bouts(behavior, MINIMUM_BOUT) for behavior in on], axis=1).astype(np.int8)
    if not walking:
        values[:, BEHAVIORS.index("walking")] = -1
    return LabelTable(BEHAVIORS, values)


def _angle(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the angle between vectors (..., 2) in degrees."""
    cosine = (a * b).sum(axis=-1) / (np.linalg.norm(a, axis=-1) * np.linalg.norm(b, axis=-1))
    return np.degrees(np.arccos(np.clip(cosine, -1, 1)))


def _running(values: np.ndarray, width: int, statistic) -> np.ndarray:
    """Return a statistic over a centred window of `width` frames; padded with the first and the last value."""
    padded = np.pad(values, width // 2, mode="edge")
    return statistic(np.lib.stride_tricks.sliding_window_view(padded, width), axis=1)
