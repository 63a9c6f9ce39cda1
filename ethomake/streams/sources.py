"""The inputs of a stream: frames, optic flow computed beforehand, or optic flow computed on the fly.

A source works in three steps. `load` gathers a batch and draws its augmentation, in the loader's thread; `change`
applies the augmentation, on the GPU or else still in the thread; `prepare` makes the network's input of the result.
"""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import torch

from ethomake.files import content_digest, read_json, write_json
from ethomake.flow.stacks import FLOWS, FRAMES, FlowGenerator, window_flows
from ethomake.labels.table import read_labels
from ethomake.messages import Progress
from ethomake.training import parallel
from ethomake.training.augment import (
    Augmentation,
    change_clips,
    change_flows,
    draw_clip_changes,
    draw_flow_changes,
)
from ethomake.training.frames import FramePool, normalize, prefetch
from ethomake.training.losses import UNSCORED
from ethomake.training.plan import LabelledVideo

logger = logging.getLogger(__name__)

Loaded = tuple[torch.Tensor, ...]
"""A batch on its way to the network; what it holds is the source's own affair. The batch axis comes first."""

BLOCK = 64  # windows after which progress is recorded
PHASES = (0, FLOWS // 2)  # phases of the windows that a motion stream is trained on
SCALES = 2  # place of the scales among the changes of a clip
LARGEST_TRACK = 32e9  # maximum bytes of flows, ten for each frame, that are cached on disk


class LabelledFrames:
    """All frames of some videos on which at least one behavior is scored.

    Attributes:
        manifests: the videos' `video.json`.
        videos, frames: video number and frame number of each labelled frame, (N,).
        labels: 1, 0 or -1 (not scored), int8 tensor (N, K).
    """

    def __init__(self, videos: Sequence[LabelledVideo], behaviors: Sequence[str]):
        self.manifests = [manifest for manifest, _ in videos]
        places, labels = [np.zeros((0, 2), int)], [np.zeros((0, len(behaviors)), np.int8)]
        for number, (_, path) in enumerate(videos):
            table = read_labels(path, behaviors)
            scored = np.flatnonzero((table.values != UNSCORED).any(axis=1))
            places.append(np.stack([np.full(len(scored), number), scored], axis=1))
            labels.append(table.values[scored])
        self.videos, self.frames = np.concatenate(places).T
        self.labels = torch.from_numpy(np.concatenate(labels))

    def __len__(self) -> int:
        return len(self.labels)


class Source(Protocol):
    """Makes a stream's inputs for labelled frames, augmented."""

    labelled: LabelledFrames

    def load(self, chosen: np.ndarray, rng: np.random.Generator) -> Loaded:
        """Gather this process's share of a batch on the CPU and draw its augmentation."""
        ...

    def change(self, loaded: Loaded) -> Loaded:
        """Augment what `load` returned, on the device that holds it."""
        ...

    def prepare(self, changed: Loaded) -> torch.Tensor:
        """Convert what `change` returned, on the device, to the input of the network."""
        ...


class FrameSource:
    """Frames for the spatial stream: `count` of them around each labelled frame, normalized."""

    def __init__(self, labelled: LabelledFrames, count: int, augmentation: Augmentation, mean: list, std: list):
        self.labelled, self.count, self.augmentation = labelled, count, augmentation
        self.mean, self.std = mean, std
        self.pool = FramePool(labelled.manifests)

    def load(self, chosen: np.ndarray, rng: np.random.Generator) -> Loaded:
        """Return clips, uint8 (N, count, 3, H, W); whether each frame lies inside its video (N, count); changes."""
        n = len(chosen)
        own = parallel.own(n)
        chosen = chosen[own]
        windows = self.pool.windows(self.labelled.videos[chosen], self.labelled.frames[chosen], self.count)
        return *windows, *(changes[own] for changes in draw_clip_changes(self.augmentation, n, rng))

    def change(self, loaded: Loaded) -> Loaded:
        """Return clips, values 0..1, float32 (N, count, 3, H, W), and `inside` unchanged."""
        clips, inside, *changes = loaded
        return change_clips(clips, self.augmentation, *changes), inside

    def prepare(self, changed: Loaded) -> torch.Tensor:
        """Return normalized clips (N, count, 3, H, W)."""
        clips, inside = changed
        return normalize(clips, inside, self.mean, self.std)


class CachedFlowSource:
    """Stacks of optic flow that is computed once and cached in a file.

    Flips, rotations and zoom are applied to the flow itself; changes of what frames look like do not affect it. Only
    windows that a labelled frame needs go through the flow network. If a killed job has left the file, only what is
    missing is computed.

    Args:
        track: path of the cache file, float16; `<track>.json` records how far it is complete.
        phases: offsets of windows that lie end to end and share their flows; 0 is the offset of extraction with
            `reuse`. Of several, a batch draws one for each sample, so that the network cannot learn from
            the frame's position in its window. None: each frame has the ten flows of its own window.
    """

    def __init__(
        self,
        labelled: LabelledFrames,
        generator: FlowGenerator,
        augmentation: Augmentation,
        track: str | Path,
        phases: Sequence[int] | None = (0,),
    ):
        self.labelled, self.augmentation = labelled, augmentation
        parts = [own_windows(labelled)] if phases is None else [shared_windows(labelled, phase) for phase in phases]
        places = np.concatenate([windows for windows, _ in parts])
        first = np.cumsum([0, *(len(windows) for windows, _ in parts[:-1])]) * FLOWS
        self.rows = np.stack([rows for _, rows in parts]) + first[:, None, None]
        pool, track = FramePool(labelled.manifests, budget=0), Path(track)
        with parallel.first_alone():
            fill_flow_cache(track, pool, places, generator)
        shape = (len(places) * FLOWS, 2, pool.size[0] // 2, pool.size[1] // 2)
        self.pairs = np.memmap(track, np.float16, "r", shape=shape)

    def load(self, chosen: np.ndarray, rng: np.random.Generator) -> Loaded:
        """Return flow stacks, float16 (N, 20, h, w), and their augmentation."""
        own = parallel.own(len(chosen))
        phases = rng.integers(len(self.rows), size=len(chosen)) if len(self.rows) > 1 else np.zeros(len(chosen), int)
        changes = draw_flow_changes(self.augmentation, len(chosen), rng)
        stacks = torch.from_numpy(self.pairs[self.rows[phases[own], chosen[own]]]).flatten(1, 2)
        return stacks, *(part[own] for part in changes)

    def change(self, loaded: Loaded) -> Loaded:
        """Return flow stacks, float32 (N, 20, h, w)."""
        stacks, *changes = loaded
        return (change_flows(stacks, *changes),)

    def prepare(self, changed: Loaded) -> torch.Tensor:
        """Return the stacks unchanged."""
        return changed[0]


def own_windows(labelled: LabelledFrames) -> tuple[np.ndarray, np.ndarray]:
    """Return a window around each labelled frame.

    Returns:
        (video, middle frame) of each window, (W, 2), and for each labelled frame the rows of its flows among the flows
        of all windows, ten per window, (N, 10).
    """
    return np.stack([labelled.videos, labelled.frames], 1), np.arange(len(labelled) * FLOWS).reshape(-1, FLOWS)


def shared_windows(labelled: LabelledFrames, phase: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return those of the windows that lie end to end which hold the pairs t-5..t+4 of the labelled frames t.

    Windows begin `phase` frames after multiples of ten; 0 is the phase of `ethomake.flow.stacks`. The return value is
    as in `own_windows`.
    """
    pairs = labelled.frames[:, None] + np.arange(FLOWS) - FLOWS // 2 - phase
    videos = np.broadcast_to(labelled.videos[:, None], pairs.shape)
    windows = np.stack([videos, pairs // FLOWS], -1).reshape(-1, 2)
    distinct, which = np.unique(windows, axis=0, return_inverse=True)
    return distinct * [1, FLOWS] + [0, phase + FRAMES // 2], which.reshape(pairs.shape) * FLOWS + pairs % FLOWS


def fill_flow_cache(track: Path, pool: FramePool, places: np.ndarray, generator: FlowGenerator) -> None:
    """Write the flows of windows, float16 (W, 20, h, w), block by block.

    Args:
        places: (video, middle frame) of each window, (W, 2).
    """
    frames = [store.manifest["frames_digest"] for store in pool.stores]
    identity = content_digest([f"{generator.digest} {generator.precision}", *frames, places])
    record = Path(f"{track}.json")
    done = 0  # windows whose flows are complete
    if track.exists() and record.exists():
        kept = read_json(record)
        done = kept["windows"] if kept["identity"] == identity else 0
    track.parent.mkdir(parents=True, exist_ok=True)
    if done:
        logger.info(f"optic flow: goes on after window {done} of {len(places)}")
    bytes_each = FLOWS * 2 * (pool.size[0] // 2) * (pool.size[1] // 2) * 2
    with track.open("r+b" if done else "wb") as file, Progress(len(places) - done, "optic flow", "window") as progress:
        file.seek(done * bytes_each)
        blocks = np.split(places[done:], range(BLOCK, len(places) - done, BLOCK))
        for clips, inside in prefetch(pool.windows(block[:, 0], block[:, 1], FRAMES) for block in blocks if len(block)):
            rows = torch.arange(clips.shape[0] * FRAMES).view(-1, FRAMES)
            for flows in window_flows(generator, clips.flatten(0, 1), inside.flatten(), rows):
                file.write(flows.cpu().numpy().tobytes())
                progress.advance(len(flows))
            done += len(clips)
            file.flush()
            write_json(record, {"identity": identity, "windows": done})


class WindowSource(FrameSource):
    """Flow stacks computed on the fly by the frozen flow network from augmented windows of frames, as in the paper."""

    def __init__(self, labelled: LabelledFrames, generator: FlowGenerator, augmentation: Augmentation):
        super().__init__(labelled, FRAMES, augmentation, [], [])
        self.generator = generator

    def change(self, loaded: Loaded) -> Loaded:
        """Return clips and `inside` as a `FrameSource` does, and factors of the speed (N,) if they are to change it."""
        _, _, *changes = loaded
        changed = super().change(loaded)
        return (*changed, changes[SCALES][:, 1]) if self.augmentation.rate != 1 else changed

    def prepare(self, changed: Loaded) -> torch.Tensor:
        """Return flow stacks, float32 (N, 20, H/2, W/2)."""
        clips, inside, *speeds = changed
        flows = self.generator(clips, inside)
        return flows * speeds[0][:, None, None, None] if speeds else flows


def flow_source(
    labelled: LabelledFrames,
    generator: FlowGenerator,
    augmentation: Augmentation,
    track: str | Path,
    *,
    shared: bool,
    samples: int,
) -> Source:
    """Return the source of the motion stream, cached or on the fly: whichever computes the flow of fewer windows.

    The choice depends on the experiment alone, so that it is identical in a resumed training and on any machine.

    Args:
        track: path of the cache file.
        shared: whether neighboring frames share their flows, which needs the cache.
        samples: maximum number of samples that the training draws in all of its epochs.
    """
    if shared:
        return CachedFlowSource(labelled, generator, augmentation, track, PHASES)
    height, width = read_json(labelled.manifests[0])["image_size"]
    size = len(labelled) * FLOWS * 2 * (height // 2) * (width // 2) * 2
    name = f"optic flow to {Path(track).name}"
    if samples <= len(labelled):
        logger.info(f"{name}: computed on the fly for {samples} samples, no more than there are labelled frames")
    elif size > LARGEST_TRACK:
        logger.info(f"{name}: computed on the fly for {samples} samples; to keep it would take {size / 1e9:.0f} GB")
    else:
        logger.info(
            f"{name}: computed once for {len(labelled)} frames and kept, rather than for up to {samples} samples"
        )
        return CachedFlowSource(labelled, generator, augmentation, track, phases=None)
    return WindowSource(labelled, generator, augmentation)
