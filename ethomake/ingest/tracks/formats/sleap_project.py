"""Project files of SLEAP (`.slp`): HDF5 tables of frames, instances and points."""

import json
from pathlib import Path

import h5py
import numpy as np

from ethomake.errors import InputError
from ethomake.ingest.tracks.hdf5 import as_text, fields, holds, open_file, read_array
from ethomake.ingest.tracks.poses import MOST_FRAMES, Poses, make_poses

DESCRIPTION = "SLEAP's project file (.slp)"

PREDICTED = 1  # instance_type; 0 was placed by a person
MOST_TRACKS = 10_000  # of which the file says no names
CENTRED = 1.1  # from this version of the format on, 0 is the centre of the first pixel; before, its edge


def sniff(path: Path) -> bool:
    """Return whether the file has the tables of this format."""
    return holds(path, "metadata", "frames", "instances")


def read(path: Path) -> Poses:
    """Read the tracked instances: of a person where there are some, in place of a prediction in the same track.

    Raises:
        InputError: if the file has several videos or skeletons, or several animals that are in no tracks: it does not
            say then who is who; or if it is damaged.
    """
    with open_file(path) as file:
        nodes, version = _skeleton(file, path)
        frames, instances = read_array(file, "frames"), read_array(file, "instances")
        tables = [_points(file, "points", path), _points(file, "pred_points", path)]
        tracks = (
            [_track_name(entry, path) for entry in read_array(file, "tracks_json")] if "tracks_json" in file else []
        )
    fields(frames, "frames", ("video", "frame_idx", "instance_id_start", "instance_id_end"), path)
    fields(instances, "instances", ("instance_type", "track", "point_id_start", "point_id_end"), path)
    if len(set(frames["video"].tolist())) > 1:
        raise InputError(
            f"{path}: poses of {len(set(frames['video'].tolist()))} videos; export an analysis file of each from SLEAP"
        )
    damaged = f"{path}: damaged: frames names instances that are not there; save it in SLEAP again"
    for key in ("instance_id_start", "instance_id_end"):
        if len(frames) and not (frames[key].min() >= 0 and frames[key].max() <= len(instances)):
            raise InputError(damaged)
    counts = frames["instance_id_end"].astype(int) - frames["instance_id_start"].astype(int)
    if (counts < 0).any():
        raise InputError(damaged)
    numbers = frames["frame_idx"]
    if (wrong := numbers[(numbers < 0) | (numbers >= MOST_FRAMES)]).size:
        raise InputError(f"{path}: damaged: there is no frame {wrong[0]} in a video; save it in SLEAP again")
    if len(frames) == 0 or counts.sum() == 0:
        raise InputError(f"{path}: no animal was tracked in it; export the tracks again")
    rows = np.concatenate([np.arange(frame["instance_id_start"], frame["instance_id_end"]) for frame in frames])
    frame_of, rows = np.repeat(numbers.astype(int), counts), rows.astype(int)
    instances = instances[rows]
    track_of = instances["track"].astype(int)
    if (track_of < 0).all():
        if counts.max() > 1:
            raise InputError(
                f"{path}: {counts.max()} animals in one frame, but no tracks, so that nobody knows who is who; "
                "run the tracking in SLEAP and save again"
            )
        tracks, track_of = ["track_0"], np.zeros_like(track_of)
    elif track_of.max() >= max(len(tracks), MOST_TRACKS):
        raise InputError(f"{path}: damaged: an instance of track {track_of.max()}; save it in SLEAP again")
    elif track_of.max() >= len(tracks):
        tracks += [f"track_{number}" for number in range(len(tracks), track_of.max() + 1)]
    if len(set(tracks)) < len(tracks):
        raise InputError(f"{path}: two tracks have one name; rename one in SLEAP and save again")
    shape = (int(frame_of.max()) + 1, len(tracks), len(nodes))
    points, scores = np.full((*shape, 2), np.nan), np.zeros(shape)
    placed = np.argsort(instances["instance_type"] != PREDICTED, kind="stable")  # a person's last
    for place in placed:
        one, frame, animal = instances[place], frame_of[place], track_of[place]
        if animal < 0:  # in no track
            continue
        xy, score = tables[int(one["instance_type"] == PREDICTED)]
        start, stop = int(one["point_id_start"]), int(one["point_id_end"])
        if start < 0 or stop - start != len(nodes) or stop > len(xy):
            raise InputError(f"{path}: damaged: an instance of frame {frame} lacks points; save it in SLEAP again")
        points[frame, animal], scores[frame, animal] = xy[start:stop], score[start:stop]
    return make_poses(tuple(tracks), nodes, points - (0.5 if version < CENTRED else 0.0), scores)


def _skeleton(file: h5py.File, path: Path) -> tuple[tuple[str, ...], float]:
    """Return the names of the body parts and the version of the format."""
    attributes = file["metadata"].attrs
    try:
        about = json.loads(as_text(attributes["json"]))
        skeletons = about["skeletons"]
        nodes = tuple(str(about["nodes"][node["id"]]["name"]) for node in skeletons[0]["nodes"])
    except (KeyError, IndexError, ValueError, TypeError):
        raise InputError(f"{path}: its skeleton is not readable; save it in SLEAP again") from None
    if len(skeletons) > 1:
        raise InputError(f"{path}: {len(skeletons)} skeletons; export an analysis file of one from SLEAP")
    return nodes, float(attributes.get("format_id", 1.0))


def _points(file: h5py.File, name: str, path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return the coordinates (P, 2) of a table of points, NaN for those out of sight, and their scores (P,)."""
    if name not in file:
        return np.zeros((0, 2)), np.zeros(0)
    table = read_array(file, name)
    fields(table, name, ("x", "y"), path)
    xy = np.stack([table["x"], table["y"]], axis=-1).astype(float)
    names = table.dtype.names or ()
    if "visible" in names:
        xy[~table["visible"].astype(bool)] = np.nan
    return xy, table["score"].astype(float).clip(0, 1) if "score" in names else np.ones(len(xy))


def _track_name(entry: bytes | str, path: Path) -> str:
    """Return the name in `[frame, "name"]`, the JSON of a track."""
    try:
        return str(json.loads(as_text(entry))[1])
    except (ValueError, IndexError, KeyError, TypeError):
        raise InputError(f"{path}: the name of a track is not readable; save it in SLEAP again") from None
