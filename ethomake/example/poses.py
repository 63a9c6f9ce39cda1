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
WING_WINDOW = 7  # frames of which the wing angle is the median
WALKING_SPEED = 1.0  # pixels per frame
WALKING_WINDOW = 5  # frames of which the speed is the mean
NEAR_BODIES = 1.5  # body lengths between two thoraces
MINIMUM_BOUT = 5  # frames


@dataclass(frozen=True, eq=False)
class Poses:
    """Positions of the body parts of two flies.

    Attributes:
        nodes: names of the body parts, N of them.
        points: float64 (2, T, N, 2), x and y in pixels of the source video; NaN where the part was not tracked.
    """

    nodes: list[str]
    points: np.ndarray

    def node(self, name: str) -> np.ndarray:
        """Return the track of one body part of both flies, float64 (2, T, 2), its gaps filled by `fill_gaps`."""
        return fill_gaps(self.points[:, :, [self.nodes.index(name)]])[:, :, 0]

    def lost(self, *names: str) -> np.ndarray:
        """Return in which frames one or more of these body parts were not tracked: bool (2, T), a row per fly."""
        parts = [self.nodes.index(name) for name in names]
        return np.any(~np.isfinite(self.points[:, :, parts]), axis=(2, 3))


def read_analysis(path: str | Path) -> Poses:
    """Read a SLEAP analysis file (`tracks` of shape (tracks, 2, nodes, frames)), the first two tracks."""
    with h5py.File(path) as file:
        nodes = [name.decode() for name in _dataset(file, "node_names")[:]]
        return Poses(nodes, _dataset(file, "tracks")[:2].transpose(0, 3, 2, 1).astype(float))


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
    return Poses(nodes, tracked)


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

    What was not tracked is not scored (-1): wing_extension within 3 frames of one in which a wing or the thorax was
    lost, and walking within 3 frames of one in which the thorax was lost, because their windows reach so far; near
    where either thorax was lost. A lost head, in these clips never for more than 4 frames, is interpolated instead.

    Bouts shorter than 5 frames are dropped, except those that may be longer because frames next to them are not
    scored.

    Args:
        poses: both flies.
        fly: which of them, 0 or 1.
        walking: whether the video allows walking to be scored; if not it is -1 throughout.

    Returns:
        The table of `BEHAVIORS`, one row per frame.
    """
    head, thorax, abdomen = poses.node("head"), poses.node("thorax"), poses.node("abdomen")
    body = float(np.median(np.linalg.norm(head - abdomen, axis=-1)))
    backward = thorax[fly] - head[fly]
    wings = np.stack([poses.node(wing)[fly] - thorax[fly] for wing in ("wingL", "wingR")])
    angle = _running(_angle(wings, backward).max(axis=0), WING_WINDOW, np.median)
    speed = _running(np.linalg.norm(np.gradient(thorax[fly], axis=0), axis=-1), WALKING_WINDOW, np.mean)
    distance = np.linalg.norm(thorax[0] - thorax[1], axis=-1)
    no_angle = _around(poses.lost("wingL", "wingR", "thorax")[fly], WING_WINDOW // 2)
    no_speed = _around(poses.lost("thorax")[fly], WALKING_WINDOW // 2 + 1)  # a difference needs the next frame, too
    no_distance = np.any(poses.lost("thorax"), axis=0)
    columns = [
        _score(angle > WING_ANGLE, no_angle),
        _score(speed > WALKING_SPEED, no_speed if walking else np.ones_like(no_speed)),
        _score(distance < NEAR_BODIES * body, no_distance),
    ]
    return LabelTable(BEHAVIORS, np.stack(columns, axis=1))


def _score(on: np.ndarray, unknown: np.ndarray) -> np.ndarray:
    """Return the labels of one behavior, int8 (T,): -1 where `unknown`, and no bouts that are certainly too short.

    A bout is too short for certain if it stays so when the behavior is on in all unknown frames.
    """
    return np.where(unknown, -1, drop_short_bouts(on | unknown, MINIMUM_BOUT)).astype(np.int8)


def _around(frames: np.ndarray, reach: int) -> np.ndarray:
    """Return the frames at most `reach` frames from one that is true in `frames`: bool (T,)."""
    padded = np.pad(frames, reach)
    return np.any(np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1), axis=1)


def _angle(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the angle between vectors (..., 2) in degrees."""
    cosine = (a * b).sum(axis=-1) / (np.linalg.norm(a, axis=-1) * np.linalg.norm(b, axis=-1))
    return np.degrees(np.arccos(np.clip(cosine, -1, 1)))


def _running(values: np.ndarray, width: int, statistic) -> np.ndarray:
    """Return a statistic over a centred window of `width` frames; padded with the first and the last value."""
    padded = np.pad(values, width // 2, mode="edge")
    return statistic(np.lib.stride_tricks.sliding_window_view(padded, width), axis=1)
