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
from ethomake.files import content_digest, read_json, write_json
from ethomake.flow.stacks import FLOWS, FRAMES, FlowGenerator, pair_flows, read_blocks
from ethomake.ingest.frames import FrameStore
from ethomake.job import Progress, say
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

    labelled: LabelledFrames

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

    Flips and rotations turn the flow itself; changes of color have no effect on it. Where a killed job has left
    the file, only what is missing is computed.

    Args:
        track: path of the file to keep the flow in, float16; how far it is complete stands in `<track>.json`.
    """

    def __init__(
        self, labelled: LabelledFrames, generator: FlowGenerator, augmentation: Augmentation, track: str | Path
    ):
        self.labelled, self.augmentation = labelled, augmentation
        pool = FramePool(labelled.manifests, budget=0)
        rows = pool.lengths + FLOWS - 1
        self.first = np.cumsum(rows) - rows
        shape = (int(rows.sum()), 2, pool.size[0] // 2, pool.size[1] // 2)
        track = Path(track)
        _complete_track(track, pool.stores, self.first, generator)
        self.pairs = np.memmap(track, np.float16, "r", shape=shape)

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


def _complete_track(
    track: Path, stores: Sequence[FrameStore], first_rows: np.ndarray, generator: FlowGenerator
) -> None:
    """Write the flow of all pairs of some videos, float16 (rows, 2, h, w), block by block.

    Args:
        first_rows: where each video begins in the track.
    """
    made_with = f"{generator.digest} {generator.precision}"
    identity = content_digest([made_with, *(store.manifest["frames_digest"] for store in stores)])
    record = Path(f"{track}.json")
    done = 0  # frames whose blocks are complete
    if track.exists() and record.exists():
        kept = read_json(record)
        done = kept["frames"] if kept["identity"] == identity else 0
    track.parent.mkdir(parents=True, exist_ok=True)
    total = sum(len(store) for store in stores)
    if done:
        say(f"optic flow: goes on after frame {done} of {total}")
    with track.open("r+b" if done else "wb") as file, Progress(total - done, "optic flow", "frame") as progress:
        before = 0  # frames of the videos before
        for store, first_row in zip(stores, first_rows, strict=True):
            for block in read_blocks(store, max(0, done - before)):
                pairs = pair_flows(generator, block).cpu().numpy()
                file.seek((int(first_row) + block.start) * pairs[0].nbytes)
                file.write(pairs.tobytes())
                file.flush()
                write_json(record, {"identity": identity, "frames": before + block.stop})
                progress.advance(block.stop - block.start)
            before += len(store)


class WindowSource(FrameSource):
    """Stacks computed on the fly by the frozen flow network from augmented windows of frames, as in the paper."""

    def __init__(self, labelled: LabelledFrames, generator: FlowGenerator, augmentation: Augmentation):
        super().__init__(labelled, FRAMES, augmentation, [], [])
        self.generator = generator

    def prepare(self, clips: torch.Tensor, inside: torch.Tensor) -> torch.Tensor:
        """Flow stacks, float32 (N, 20, H/2, W/2)."""
        return self.generator(clips, inside)
