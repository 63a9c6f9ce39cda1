"""Where the inputs of a stream come from: frames, optic flow computed beforehand, or optic flow on the fly.

A source works in two steps. `load` gathers and augments a batch on the CPU, in the loader's thread; `prepare` turns
that into the network's input on the device.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import torch

from ethomake.errors import InputError
from ethomake.flow.stacks import FLOWS, FRAMES, FlowGenerator, pair_flows, read_blocks
from ethomake.job import Progress
from ethomake.labels.table import read_labels
from ethomake.training.augment import Augmentation, change_colors, draw_rotations, turn_clips, turn_flow
from ethomake.training.frames import FramePool, normalize
from ethomake.training.losses import UNSCORED

Labelled = tuple[str | Path, str | Path]  # a video's video.json and its label table


class LabelledFrames:
    """All frames of some videos on which at least one behavior is scored.

    Attributes:
        manifests: the videos' `video.json`.
        videos, frames: video number and frame number of each labelled frame, (N,).
        labels: 1, 0 or -1 (not scored), int8 tensor (N, K).
    """

    def __init__(self, videos: Sequence[Labelled], behaviors: Sequence[str]):
        self.manifests = [manifest for manifest, _ in videos]
        places, labels = [np.zeros((0, 2), int)], [np.zeros((0, len(behaviors)), np.int8)]
        for number, (_, path) in enumerate(videos):
            table = read_labels(path)
            if tuple(table.behaviors) != tuple(behaviors):
                raise InputError(f"{path}: has the behaviors {table.behaviors}, not {tuple(behaviors)}; make it again")
            scored = np.flatnonzero((table.values != UNSCORED).any(axis=1))
            places.append(np.stack([np.full(len(scored), number), scored], axis=1))
            labels.append(table.values[scored])
        self.videos, self.frames = np.concatenate(places).T
        self.labels = torch.from_numpy(np.concatenate(labels))

    def __len__(self) -> int:
        return len(self.labels)


class Source(Protocol):
    """Makes a stream's inputs for labelled frames, augmented where random numbers are given."""

    def load(self, chosen: np.ndarray, rng: np.random.Generator | None) -> tuple[torch.Tensor, ...]:
        """Gather a batch on the CPU."""
        ...

    def prepare(self, *loaded: torch.Tensor) -> torch.Tensor:
        """Turn what `load` gave, on the device, into the input of the network."""
        ...


class FrameSource:
    """Frames for the spatial stream: `count` of them around each labelled frame, normalized."""

    def __init__(self, labelled: LabelledFrames, count: int, augmentation: Augmentation, mean: list, std: list):
        self.labelled, self.count, self.augmentation = labelled, count, augmentation
        self.mean, self.std = mean, std
        self.pool = FramePool(labelled.manifests)

    def load(self, chosen: np.ndarray, rng: np.random.Generator | None) -> tuple[torch.Tensor, ...]:
        """Clips 0..1 (N, count, 3, H, W), and whether each frame lies inside its video (N, count)."""
        clips, inside = self.pool.windows(self.labelled.videos[chosen], self.labelled.frames[chosen], self.count)
        clips = clips.float() / 255
        if rng is not None:
            clips = change_colors(clips, self.augmentation, rng)
            clips = turn_clips(clips, draw_rotations(self.augmentation, len(clips), rng))
        return clips, inside

    def prepare(self, clips: torch.Tensor, inside: torch.Tensor) -> torch.Tensor:
        """Normalized clips (N, count, 3, H, W)."""
        return normalize(clips, inside, self.mean, self.std)


class TrackSource:
    """Stacks out of optic flow that was computed once for each video and kept in a file.

    Flips and rotations turn the flow itself; changes of color have no effect on it.

    Args:
        scratch: path of the file to keep the flow in, float16.
    """

    def __init__(
        self, labelled: LabelledFrames, generator: FlowGenerator, augmentation: Augmentation, scratch: str | Path
    ):
        self.labelled, self.augmentation = labelled, augmentation
        pool = FramePool(labelled.manifests, budget=0)
        rows = pool.lengths + FLOWS - 1
        self.first = np.cumsum(rows) - rows
        shape = (int(rows.sum()), 2, pool.size[0] // 2, pool.size[1] // 2)
        self.pairs = np.memmap(scratch, np.float16, "w+", shape=shape)
        with Progress(int(pool.lengths.sum()), "optic flow", "frame") as progress:
            for store, first in zip(pool.stores, self.first, strict=True):
                for block in read_blocks(store):
                    pairs = pair_flows(generator, block).cpu().numpy()
                    self.pairs[first + block.start : first + block.start + len(pairs)] = pairs
                    progress.advance(block.stop - block.start)

    def load(self, chosen: np.ndarray, rng: np.random.Generator | None) -> tuple[torch.Tensor, ...]:
        """Flow stacks, float32 (N, 20, h, w)."""
        rows = self.first[self.labelled.videos[chosen]] + self.labelled.frames[chosen]
        stacks = torch.from_numpy(self.pairs[rows[:, None] + np.arange(FLOWS)]).float().flatten(1, 2)
        if rng is not None:
            stacks = turn_flow(stacks, draw_rotations(self.augmentation, len(stacks), rng))
        return (stacks,)

    def prepare(self, stacks: torch.Tensor) -> torch.Tensor:
        """The stacks as they are."""
        return stacks


class WindowSource(FrameSource):
    """Stacks computed on the fly by the frozen flow network from augmented windows of frames, as in the paper."""

    def __init__(self, labelled: LabelledFrames, generator: FlowGenerator, augmentation: Augmentation):
        super().__init__(labelled, FRAMES, augmentation, [], [])
        self.generator = generator

    def prepare(self, clips: torch.Tensor, inside: torch.Tensor) -> torch.Tensor:
        """Flow stacks, float32 (N, 20, H/2, W/2)."""
        return self.generator(clips, inside)
