"""Pictures that follow an animal: a square around its center, turned to its body axis if that is asked for."""

import math

import numpy as np

from ethomake.ingest.frames import Planes
from ethomake.ingest.tracks.follow import Track

BLACK, GREY = 0, 128  # outside the picture: of luma, and of the colors


class Follower:
    """Cuts the square around an animal out of each frame, and scales it.

    A square that is not turned begins at a whole pixel, so that a picture is as sharp as the next one; one that is
    turned does not. Values between pixels are interpolated bilinearly. Where the picture becomes smaller, each of its
    pixels is the mean of as many samples in each direction as it covers pixels.

    Args:
        track: from `follow`.
        size: height and width of the pictures; both even.
    """

    def __init__(self, track: Track, size: tuple[int, int]):
        self.track, self.size = track, size
        self._grids = [_grid(track.side, size), _grid(track.side, (size[0] // 2, size[1] // 2), pixel=2)]
        self._padded: list[np.ndarray] = []

    def cut(self, frame: Planes, number: int) -> Planes | None:
        """Return the picture of the animal in a frame, whole as the video has it; None if it has no track there."""
        if number >= len(self.track.centers):
            return None
        x, y = self.track.centers[number]
        if not math.isfinite(x):
            return None
        if self.track.align:
            heading = self.track.headings[number]
            up = np.array([math.cos(heading), math.sin(heading)])
            middle = np.array([x, y])
        else:
            up = np.array([0.0, -1.0])
            middle = np.floor(np.array([x, y]) + 0.5) - 0.5  # between two pixels: the side is even
        places = [_place(grid, middle, up) for grid in self._grids]
        luma = self._sample(0, frame.luma, *places[0], BLACK)
        if frame.colorless:
            grey = np.full((self.size[0] // 2, self.size[1] // 2), GREY, np.uint8)
            return Planes(luma, grey, grey)
        half = [(place + 0.5) / 2 - 0.5 for place in places[1]]
        blue, red = (self._sample(n, plane, half[0], half[1], GREY) for n, plane in enumerate(frame[1:], start=1))
        return Planes(luma, blue, red)

    def _sample(self, number: int, plane: np.ndarray, x: np.ndarray, y: np.ndarray, outside: int) -> np.ndarray:
        """Return the values of a plane at places (h, w, k * k) as the mean of the last axis, uint8 (h, w)."""
        height, width = plane.shape
        while len(self._padded) <= number:
            self._padded.append(np.zeros((0, 0), np.float32))
        if self._padded[number].shape != (height + 2, width + 2):
            self._padded[number] = np.full((height + 2, width + 2), outside, np.float32)
        padded = self._padded[number]
        x, y = (x + 1).clip(0, width + 0.999), (y + 1).clip(0, height + 0.999)
        left, top = x.astype(np.int32), y.astype(np.int32)
        rows, columns = slice(top.min(), top.max() + 2), slice(left.min(), left.max() + 2)
        _copy(plane, padded, rows, columns)
        right, down = (x - left).astype(np.float32), (y - top).astype(np.float32)
        place = top * (width + 2) + left
        flat = padded.ravel()
        upper, lower = flat[place], flat[place + width + 2]
        upper += (flat[place + 1] - upper) * right
        lower += (flat[place + width + 3] - lower) * right
        upper += (lower - upper) * down
        return np.rint(upper.mean(axis=-1, dtype=np.float32)).astype(np.uint8)


def _copy(plane: np.ndarray, padded: np.ndarray, rows: slice, columns: slice) -> None:
    """Copy the part of a plane that is looked at into its padded copy, whose border stays."""
    height, width = plane.shape
    top, bottom = max(rows.start, 1), min(rows.stop, height + 1)
    left, right = max(columns.start, 1), min(columns.stop, width + 1)
    if top < bottom and left < right:
        padded[top:bottom, left:right] = plane[top - 1 : bottom - 1, left - 1 : right - 1]


def _grid(side: int, size: tuple[int, int], pixel: int = 1) -> np.ndarray:
    """Return the places of the samples from the middle of the square, to the right and down: float64 (2, h, w, k * k).

    `pixel` is the size of the pixels that are sampled: 2 for colors.
    """
    axes = []
    for count in size:
        samples = max(1, math.ceil(side / pixel / count - 1e-9))
        axes.append((((np.arange(count * samples) + 0.5) / samples / count - 0.5) * side).reshape(count, samples))
    down, right = axes
    shape = (size[0], size[1], down.shape[1], right.shape[1])
    grid = np.stack([np.broadcast_to(right[None, :, None, :], shape), np.broadcast_to(down[:, None, :, None], shape)])
    return grid.reshape(2, *size, -1)


def _place(grid: np.ndarray, middle: np.ndarray, up: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return x and y in the video of the places of a grid whose upper side is in the direction `up`."""
    right, down = grid
    x = middle[0] - up[1] * right - up[0] * down
    y = middle[1] + up[0] * right - up[1] * down
    return x, y
