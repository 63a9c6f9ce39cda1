"""One track of poses: the place of one animal in every frame, and the direction in which its head points."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from ethomake.errors import InputError
from ethomake.ingest.tracks.poses import Poses, find_animal, find_nodes

QUANTILE = 0.9
"""The body length is that which so many frames do not exceed: in the others the animal is bent, or seen from above."""

MOST_OUTSIDE = 0.2
"""The largest share of tracked frames in which an animal may be outside of the picture."""

REACH = 4.0  # standard deviations at which the Gaussian is cut off
MOST_NODES = 64  # of which the largest distance is looked for among all pairs


@dataclass(frozen=True, eq=False)
class Track:
    """The track of one animal in a video of T frames.

    Attributes:
        centers: float64 (T, 2), x and y in pixels; NaN in frames without a track.
        headings: float64 (T,), radians from the x axis towards the y axis (down); NaN in frames without a track, and in
            all frames if the heading was not asked for.
        side: height and width in pixels of the square to cut out.
        align: whether the square is turned, so that the head is at the top.
    """

    centers: np.ndarray
    headings: np.ndarray
    side: int
    align: bool

    def as_array(self) -> np.ndarray:
        """Return x, y (pixels) and heading (degrees) of every frame, float32 (T, 3), NaN where they are not known."""
        return np.column_stack([self.centers, np.degrees(self.headings)]).astype(np.float32)


def ranges(frames: np.ndarray) -> list[list[int]]:
    """Return the ranges [start, stop) of frames that are true in a bool array (T,)."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], frames.astype(np.int8), [0]))))
    return edges.reshape(-1, 2).tolist()


def follow(
    poses: Poses,
    animal: str,
    settings: Mapping[str, Any],
    *,
    frames: int,
    rate: float,
    size: tuple[int, int],
    path: str | Path,
) -> Track:
    """Return the track of an animal.

    The center of a frame is the mean of those body parts (`nodes`, or all) whose confidence is sufficient, the heading
    the direction from `tail` to `head`. A frame whose center is outside of the picture has no track. Gaps of up to
    `gap` seconds between two frames with a track are interpolated, linearly, headings by the shorter way. Then both
    are smoothed in time, with a Gaussian of a standard deviation of `smooth` seconds, in each stretch without gaps by
    itself.

    Args:
        poses: what the program has tracked.
        animal: which of its animals; "": the only one.
        settings: section `track` of the config.
        frames: T, the number of frames of the video. Poses may end before; frames behind have no track.
        rate: frames per second.
        size: height and width of the video's picture, in pixels.
        path: the track file, for messages.

    Raises:
        InputError: if there is no such animal or body part, it is tracked in no frame or after the last, is outside of
            the picture too often, or there is nothing to tell the heading or the length of the body from.
    """
    which = find_animal(poses.animals, animal, path)
    nodes = find_nodes(poses, settings["nodes"], "track.nodes", path) or list(range(len(poses.nodes)))
    ends = find_ends(poses, settings, path)
    sure = poses.confidence >= settings["confidence"]
    sure &= np.isfinite(poses.points[..., 0])
    if beyond := len(poses) - frames:
        last = np.flatnonzero(sure[:, which].any(axis=1))
        if beyond > 0 and len(last) and last[-1] >= frames:
            raise InputError(
                f"{path}: its tracks go on to frame {last[-1]}, but the video has only {frames} frames; give "
                " the tracks of this video, or the video that was tracked"
            )
    side = _find_side(poses, sure, nodes, ends, settings, path)
    count = min(frames, len(poses))
    centers, headings = np.full((frames, 2), np.nan), np.full((frames, 2), np.nan)  # headings as unit vectors
    centers[:count] = _mean(poses.points[:count, which][:, nodes], sure[:count, which][:, nodes])
    if not np.isfinite(centers).any():
        raise InputError(
            f"{path}: {poses.animals[which]} is tracked in no frame of the video with a confidence of "
            f"{settings['confidence']:g}; name another animal, or lower track.confidence"
        )
    _drop_outside(centers, size, poses.animals[which], path)
    if ends:
        tail, head = (poses.points[:count, which, node].astype(float) for node in ends)
        both = sure[:count, which][:, list(ends)].all(axis=1)
        headings[:count][both] = _unit((head - tail)[both])
    elif poses.headings is not None:
        angle = np.radians(poses.headings[:count, which].astype(float))
        headings[:count] = np.column_stack([np.cos(angle), np.sin(angle)])
    most = int(settings["gap"] * rate + 1e-6)
    centers, headings = _fill(centers, most), _turn(headings, most)
    if settings["align"]:
        centers[~np.isfinite(headings).all(axis=1)] = np.nan
        if not np.isfinite(centers).any():
            raise InputError(
                f"{path}: in no frame of {poses.animals[which]} both head and tail are tracked, to align it; correct "
                "track.head and tail, or set align: false"
            )
    headings[~np.isfinite(centers).all(axis=1)] = np.nan
    deviation = settings["smooth"] * rate
    centers, headings = _smooth(centers, deviation), _smooth(headings, deviation)
    return Track(centers, np.arctan2(headings[:, 1], headings[:, 0]), side, settings["align"])


def _drop_outside(centers: np.ndarray, size: tuple[int, int], animal: str, path: str | Path) -> None:
    """Set centers (T, 2) outside of a picture (height, width) to NaN.

    Raises:
        InputError: if these are so many that the track must be one of another picture.
    """
    height, width = size
    outside = ((centers < -0.5) | (centers > np.array([width, height]) - 0.5)).any(axis=1)
    tracked = int(np.isfinite(centers[:, 0]).sum())
    if outside.sum() > MOST_OUTSIDE * tracked:
        (left, top), (right, bottom) = (reach(centers, axis=0) for reach in (np.nanmin, np.nanmax))
        raise InputError(
            f"{path}: {animal} is at {left:.0f} to {right:.0f} from the left and {top:.0f} to {bottom:.0f} from the "
            f"top, outside of the picture of {width}x{height} (width x height) in {outside.sum()} of {tracked} frames: "
            "was the track made on another size of this video? Give its own tracks, or the video that was tracked"
        )
    centers[outside] = np.nan


def find_ends(poses: Poses, settings: Mapping[str, Any], path: str | Path) -> tuple[int, int] | None:
    """Return the numbers of the body parts at tail and head; None if the settings name none."""
    named = {key: settings[key] for key in ("tail", "head")}
    if all(named.values()):
        tail, head = (find_nodes(poses, [name], f"track.{key}", path)[0] for key, name in named.items())
        return tail, head
    if settings["align"] and poses.headings is None:
        raise InputError(
            f"config: track.align = true: name a body part at the head and one at the tail; {path} has "
            f"{', '.join(poses.nodes)}"
        )
    return None


def _find_side(
    poses: Poses,
    sure: np.ndarray,
    nodes: list[int],
    ends: tuple[int, int] | None,
    settings: Mapping[str, Any],
    path: str | Path,
) -> int:
    """Return the side of the square, an even number of pixels: the same for all animals of a file.

    Unless it is given, it is `margin` times the length of a body: from tail to head, or else the largest distance
    between two of the body parts from which the center comes, or between any two.
    """
    if settings["side"] != "auto":
        return max(2, 2 * round(settings["side"] / 2))
    parts = list(ends) if ends else nodes if len(nodes) > 1 else list(range(len(poses.nodes)))
    lengths = _extents(poses.points[:, :, parts], sure[:, :, parts])
    lengths = lengths[lengths > 0]
    if not len(lengths):
        raise InputError(
            f"{path}: the length of a body is not known, since no two body parts are tracked in one frame; set "
            "track.side to the pixels to be cut out"
        )
    return max(2, 2 * round(float(np.quantile(lengths, QUANTILE)) * settings["margin"] / 2))


def _extents(points: np.ndarray, sure: np.ndarray) -> np.ndarray:
    """Return the largest distance between two parts, for each frame and animal (..., N, 2); 0 if fewer are known."""
    points = np.where(sure[..., None], points, np.nan).reshape(-1, *points.shape[-2:])
    largest = np.zeros(len(points))
    for one in range(min(points.shape[1], MOST_NODES) - 1):
        apart = points[:, one + 1 :] - points[:, one : one + 1]
        largest = np.fmax(largest, np.sqrt(np.nan_to_num((apart**2).sum(axis=-1))).max(axis=1))
    return largest


def _mean(points: np.ndarray, sure: np.ndarray) -> np.ndarray:
    """Return the mean of the parts (T, N, 2) of which one is sure (T, N); NaN where none is."""
    number = sure.sum(axis=1)[:, None].astype(float)
    total = np.where(sure[..., None], points, 0).sum(axis=1, dtype=float)
    return np.divide(total, number, out=np.full(total.shape, np.nan), where=number > 0)


def _unit(vectors: np.ndarray) -> np.ndarray:
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.divide(vectors, length, out=np.full(vectors.shape, np.nan), where=length > 0)


def _gaps(known: np.ndarray) -> list[tuple[int, int]]:
    """Return the ranges [start, stop) of unknown frames between two known ones."""
    places = np.flatnonzero(known)
    return [(int(a) + 1, int(b)) for a, b in pairwise(places) if b - a > 1]


def _fill(values: np.ndarray, most: int) -> np.ndarray:
    """Interpolate gaps of at most so many frames in values (T, C), linearly."""
    filled = values.copy()
    for start, stop in _gaps(np.isfinite(values.sum(axis=1))):
        if stop - start <= most:
            share = (np.arange(start, stop) - start + 1)[:, None] / (stop - start + 1)
            filled[start:stop] = values[start - 1] * (1 - share) + values[stop] * share
    return filled


def _turn(vectors: np.ndarray, most: int) -> np.ndarray:
    """Interpolate gaps of at most so many frames in unit vectors (T, 2), turning evenly by the shorter way."""
    filled = vectors.copy()
    for start, stop in _gaps(np.isfinite(vectors.sum(axis=1))):
        if stop - start <= most:
            first, last = (np.arctan2(*vectors[place][::-1]) for place in (start - 1, stop))
            turn = (last - first + np.pi) % (2 * np.pi) - np.pi
            angles = first + turn * (np.arange(start, stop) - start + 1) / (stop - start + 1)
            filled[start:stop] = np.column_stack([np.cos(angles), np.sin(angles)])
    return filled


def _smooth(values: np.ndarray, deviation: float) -> np.ndarray:
    """Smooth values (T, C) with a Gaussian of a standard deviation in frames, in each stretch of known frames alone.

    At the ends of a stretch, and only there, the weights are those of the frames that there are.
    """
    reach = int(REACH * deviation)
    if reach < 1:
        return values
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / deviation) ** 2)
    known = np.asarray(np.isfinite(values).all(axis=1))
    smoothed = values.copy()
    for start, stop in ranges(known):
        padded = np.concatenate(
            [np.zeros((reach, values.shape[1])), values[start:stop], np.zeros((reach, values.shape[1]))]
        )
        there = np.concatenate([np.zeros(reach), np.ones(stop - start), np.zeros(reach)])
        total = np.convolve(there, weights, "valid")
        for column in range(values.shape[1]):
            smoothed[start:stop, column] = np.convolve(padded[:, column], weights, "valid") / total
    return smoothed
