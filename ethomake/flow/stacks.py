"""The stack of ten flows of each frame of a video, computed block by block with a trained network.

The stack of frame t holds the flows of the pairs t-5..t+4 (pair p is the flow from frame p to frame p + 1). The
paper takes all ten from the window around t, so every pair's flow is computed ten times, a little differently each
time. With `reuse` the windows lie end to end instead, each pair's flow is computed once, and the stacks of
neighboring frames share it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from ethomake.files import file_digest
from ethomake.flow.metadata import FlowMetadata
from ethomake.ingest.frames import FrameStore
from ethomake.training.device import sent
from ethomake.training.frames import normalize, normalize_frames
from ethomake.training.inference import Batches, for_inference

FRAMES = 11  # frames in a window
FLOWS = FRAMES - 1
MARGIN = FLOWS  # frames read on each side of a block, so that its windows are complete
BLOCK = 640  # frames in a block, a multiple of FLOWS
ON_CPU = 4  # windows per forward pass on a CPU: more do not fit its caches
ON_GPU = 128  # windows per forward pass on a GPU, if its memory has room for them


@dataclass(frozen=True)
class FlowGenerator:
    """A trained flow network, frozen, with all that is needed to run it.

    Attributes:
        metadata: the metadata of its weights file.
        digest: digest of the weights file.
        batches: its batch size in windows.
    """

    network: nn.Module
    metadata: FlowMetadata
    device: torch.device
    precision: torch.dtype
    digest: str
    batches: Batches

    @classmethod
    def load(cls, weights: str | Path, device: torch.device, precision: torch.dtype) -> "FlowGenerator":
        """Load a weights file written by `train_flow`."""
        network, metadata = FlowMetadata.load_network(weights)
        network = for_inference(network, device, precision)
        return cls(network, metadata, device, precision, file_digest(weights), Batches(device, ON_CPU, ON_GPU))

    @torch.no_grad()
    def __call__(self, clips: torch.Tensor, inside: torch.Tensor) -> torch.Tensor:
        """Return the flows of windows of 11 frames, at half the image size.

        Args:
            clips: values 0..1, (N, 11, 3, H, W).
            inside: whether each frame lies inside its video, (N, 11).

        Returns:
            float32 (N, 20, H/2, W/2), channels dx0, dy0, dx1, ...
        """
        normal = normalize(clips, inside, self.metadata.channel_mean, self.metadata.channel_std)
        return self.network(normal.to(self.precision))[0].float()


@dataclass(frozen=True)
class Block:
    """The frames start..stop of a video with MARGIN frames before and MARGIN + 1 after.

    Windows that lie end to end share the frame at their border: the last one needs an eleventh frame after its ten.

    Attributes:
        frames: uint8 (stop - start + 2 * MARGIN + 1, 3, H, W); outside the video the first or last frame is repeated.
        inside: bool (stop - start + 2 * MARGIN + 1,).
    """

    start: int
    stop: int
    frames: torch.Tensor
    inside: torch.Tensor


def read_blocks(store: FrameStore, first: int = 0, device: torch.device | str = "cpu") -> Iterator[Block]:
    """Yield the blocks of a video to its end; every frame (except for margins) is read once.

    Args:
        first: the frame to begin with, the start of a block: a multiple of BLOCK.
        device: device that decodes frames, if it can.
    """
    threads = torch.get_num_threads() if torch.device(device).type == "cuda" else 1  # on a CPU networks use them all
    for start in range(first, len(store), BLOCK):
        stop = min(start + BLOCK, len(store))
        wanted = np.arange(start - MARGIN, stop + MARGIN + 1)
        inside = torch.from_numpy((wanted >= 0) & (wanted < len(store)))
        yield Block(start, stop, store.read(wanted.clip(0, len(store) - 1), device, threads), inside)


def window_flows(
    generator: FlowGenerator, frames: torch.Tensor, inside: torch.Tensor, rows: torch.Tensor
) -> Iterator[torch.Tensor]:
    """Yield the flows of windows of frames in batches, float16 (n, 20, H/2, W/2) on the generator's device.

    Each frame is normalized once per batch, not once per window that contains it.

    Args:
        frames: uint8 (T, 3, H, W).
        inside: whether each frame lies inside its video, bool (T,).
        rows: the frames of each window, (N, 11), ordered such that the frames of a batch of windows lie close together.
    """
    mean, std = generator.metadata.channel_mean, generator.metadata.channel_std

    @torch.no_grad()
    def flows(items: range) -> torch.Tensor:
        wanted = rows[items.start : items.stop]
        first, last = int(wanted.min()), int(wanted.max())
        part = frames[first : last + 1].to(generator.device, non_blocking=True)
        outside = np.flatnonzero(~inside[first : last + 1].numpy())
        normal = normalize_frames(part, outside.tolist(), mean, std, generator.precision)
        return generator.network(normal[sent(wanted - first, normal.device)])[0].half()

    return generator.batches.run(flows, len(rows))


def pair_flows(generator: FlowGenerator, block: Block) -> torch.Tensor:
    """Return the flow of each pair around a block, computed once each, in windows that lie end to end.

    Returns:
        float16 (n + 9, 2, H/2, W/2) on the generator's device, for n frames in the block; the first is that of
        pair start - 5, the last that of pair stop + 3.
    """
    n = block.stop - block.start
    count = -(-n // FLOWS) + 2  # the first window begins MARGIN frames before the block
    rows = _window_rows(range(0, count * FLOWS, FLOWS)).clamp(max=len(block.frames) - 1)
    flows = torch.cat(list(window_flows(generator, block.frames, block.inside, rows)))
    pairs = flows.reshape(-1, 2, *flows.shape[-2:])
    return pairs[MARGIN - FLOWS // 2 :][: n + FLOWS - 1]


def frame_stacks(generator: FlowGenerator, block: Block, reuse: bool, batch: int) -> Iterator[torch.Tensor]:
    """Yield the stacks of ten flows of the frames of a block in batches, float16 (up to `batch`, 20, H/2, W/2)."""
    rows = range(block.stop - block.start)
    pairs = pair_flows(generator, block) if reuse else None
    for start in range(0, len(rows), batch):
        part = rows[start : start + batch]
        if pairs is not None:
            yield stack_pairs(pairs, part)
        else:
            first = MARGIN - FRAMES // 2
            windows = _window_rows(range(first + part.start, first + part.stop))
            yield torch.cat(list(window_flows(generator, block.frames, block.inside, windows)))


def _window_rows(firsts: range) -> torch.Tensor:
    """Return the frames of windows that begin with the frames `firsts`, (N, 11)."""
    return torch.tensor(firsts)[:, None] + torch.arange(FRAMES)


def stack_pairs(pairs: torch.Tensor, first: Sequence[int] | np.ndarray) -> torch.Tensor:
    """Gather stacks from the flows of pairs: rows first..first+9 of `pairs` (P, 2, h, w), as (N, 20, h, w)."""
    rows = torch.as_tensor(np.asarray(first)[:, None] + np.arange(FLOWS))
    return pairs[sent(rows, pairs.device)].flatten(1, 2)
