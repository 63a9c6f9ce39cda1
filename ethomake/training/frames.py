"""A pool of the frames of several videos, from which training takes windows."""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import TypeVar

import numpy as np
import torch

from ethomake.errors import InputError
from ethomake.files import read_json
from ethomake.ingest.frames import FrameStore
from ethomake.messages import Progress
from ethomake.training import parallel

T = TypeVar("T")
MEMORY_BUDGET = 4 * 2**30  # bytes of decoded frames that a training keeps in memory
BLOCK = 256  # frames decoded at a time


def image_width(manifest: str | Path) -> int:
    """Return the width of a video's stored images in pixels; it is the same for all videos of a project."""
    return read_json(manifest)["image_size"][1]


class FramePool:
    """Frames of several videos; `windows` gathers the frames around any frame of any video.

    If all decoded frames fit into `budget` bytes (or this process's share of them), they are decoded once and kept;
    otherwise each batch of windows reads its frames from the frame stores, which stay open, each frame once.

    Args:
        manifests: paths of the videos' `video.json`; all videos must have the same image size.
        budget: maximum bytes of decoded frames to keep in memory.

    Attributes:
        lengths: number of frames of each video.
        mean, std: channel mean and standard deviation over all frames of all videos, values 0..1, (3,).
        size: image height and width.
    """

    def __init__(self, manifests: Sequence[str | Path], budget: int = MEMORY_BUDGET):
        self.stores = [FrameStore(manifest) for manifest in manifests]
        sizes = {(store.height, store.width) for store in self.stores}
        if len(sizes) > 1:
            raise InputError(f"{manifests[0]}: image sizes differ between the videos ({sizes}); ingest them again")
        self.size = sizes.pop()
        self.lengths = np.array([len(store) for store in self.stores])
        self.mean, self.std = pooled_statistics([store.manifest for store in self.stores])
        self.first = np.cumsum(self.lengths) - self.lengths  # frames of the videos before
        self.threads = torch.get_num_threads()
        self.decoded: torch.Tensor | None = None
        total = int(self.lengths.sum())
        if total * 3 * self.size[0] * self.size[1] <= budget // parallel.size():
            self.decoded = torch.empty((total, 3, *self.size), dtype=torch.uint8)
            with Progress(total, "decoding", "frame") as progress:
                for rows in np.split(np.arange(total), range(BLOCK, total, BLOCK)):
                    self.decoded[rows[0] : rows[-1] + 1] = self._decode(rows)
                    progress.advance(len(rows))

    def windows(self, videos: np.ndarray, frames: np.ndarray, count: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the `count` frames around each given frame (count odd; the given frame is the middle one).

        Args:
            videos: video numbers, (N,).
            frames: frame numbers within these videos, (N,).

        Returns:
            uint8 frames (N, count, 3, H, W), and bool (N, count): whether the frame lies inside the video.
            Frames outside repeat the first or last frame; the caller must blank them.
        """
        offsets = np.arange(count) - count // 2
        wanted = np.asarray(frames)[:, None] + offsets
        inside = (wanted >= 0) & (wanted < self.lengths[videos][:, None])
        wanted = wanted.clip(0, self.lengths[videos][:, None] - 1)
        rows = (self.first[videos][:, None] + wanted).reshape(-1)
        if self.decoded is None:
            distinct, places = np.unique(rows, return_inverse=True)
            images, places = self._decode(distinct), torch.from_numpy(places)
        else:
            images, places = self.decoded, torch.from_numpy(rows)
        # five times as fast as indexing
        return images.index_select(0, places).view(*wanted.shape, 3, *self.size), torch.from_numpy(inside)

    def _decode(self, rows: np.ndarray) -> torch.Tensor:
        """Return frames by their numbers in the pool, ascending, uint8 (n, 3, H, W)."""
        videos = np.searchsorted(self.first, rows, side="right") - 1
        parts = [part for part in np.array_split(np.arange(len(rows)), self.threads) if len(part)]

        def read(part: np.ndarray) -> list[torch.Tensor]:
            mine = videos[part]
            return [self.stores[v].read(rows[part][mine == v] - self.first[v]) for v in np.unique(mine)]

        if len(parts) == 1:
            return torch.cat(read(parts[0]))
        for video in np.unique(videos):
            self.stores[video].jpeg(0)  # opens the file before several threads try to
        with ThreadPoolExecutor(self.threads) as pool:
            return torch.cat([frames for part in pool.map(read, parts) for frames in part])


def pooled_statistics(manifests: Sequence[dict]) -> tuple[np.ndarray, np.ndarray]:
    """Return channel mean and standard deviation over all frames of several videos, from those of each video.

    Args:
        manifests: contents of `video.json`, with `frames`, `channel_mean` and `channel_std`.

    Returns:
        Two float64 arrays (3,), of values 0..1.
    """
    weights = np.array([manifest["frames"] for manifest in manifests], dtype=float)
    means = np.array([manifest["channel_mean"] for manifest in manifests])
    stds = np.array([manifest["channel_std"] for manifest in manifests])
    mean = np.average(means, axis=0, weights=weights)
    variance = np.average(stds**2 + (means - mean) ** 2, axis=0, weights=weights)
    return mean, np.sqrt(variance).clip(1e-3)


def normalize(clips: torch.Tensor, inside: torch.Tensor, mean: Sequence[float], std: Sequence[float]) -> torch.Tensor:
    """Normalize to zero mean and unit variance per channel; frames outside the video become the mean image, i.e. zero.

    Args:
        clips: float values 0..1, (N, frames, 3, H, W).
        inside: bool (N, frames).
    """
    center, spread = (_channels(tuple(map(float, values)), clips.dtype, clips.device) for values in (mean, std))
    inside = inside.to(clips)[:, :, None, None, None]
    return (clips * (inside / spread)).add_(inside * (-center / spread))  # two passes over the clips


def normalize_frames(
    frames: torch.Tensor, outside: Sequence[int], mean: Sequence[float], std: Sequence[float], precision: torch.dtype
) -> torch.Tensor:
    """Normalize stored frames, uint8 (T, 3, H, W), like `normalize`.

    Args:
        outside: rows of the frames that lie outside their video.
        precision: data type of the result.
    """
    mean, std = (tuple(255 * float(value) for value in values) for values in (mean, std))
    normal = frames.float().sub_(_channels(mean, torch.float32, frames.device)[0])
    normal.div_(_channels(std, torch.float32, frames.device)[0])
    if len(outside):
        normal[list(outside)] = 0
    return normal.to(precision)


@cache
def _channels(values: tuple[float, ...], dtype: torch.dtype, device: torch.device) -> torch.Tensor:
    """Return one value per channel, (1, 1, 3, 1, 1); cached, as every copy to the device would wait for it."""
    return torch.tensor(values, dtype=dtype, device=device).view(1, 1, 3, 1, 1)


def prefetch(items: Iterable[T], depth: int = 2) -> Iterator[T]:
    """Produce the next `depth` items in a thread while the current one is processed; errors are raised here."""
    queue: Queue = Queue(depth)
    end = object()
    stopped = False

    def produce() -> None:
        try:
            for item in items:
                if stopped:
                    return
                queue.put(item)
            queue.put(end)
        except BaseException as error:
            queue.put(error)

    thread = Thread(target=produce, daemon=True)
    thread.start()
    try:
        while (item := queue.get()) is not end:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stopped = True
        while thread.is_alive():  # the thread may be waiting for room in the queue
            while not queue.empty():
                queue.get_nowait()
            thread.join(0.05)
