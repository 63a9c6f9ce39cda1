"""Extract the features of a video in one pass over its frames, with both streams or a frozen backbone, to a Zarr store.

Frames are decoded in a thread while networks compute. Each frame is copied to a GPU once, where windows are made;
results are copied back while the next block is computed.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
import torch
from torch import nn

from ethomake.errors import InputError
from ethomake.features.statistics import Statistics
from ethomake.features.store import CHUNK, digest_of_all
from ethomake.features.transfer import fetched_from, sent_to
from ethomake.features.writer import FeatureWriter
from ethomake.files import file_digest, write_json
from ethomake.flow.stacks import BLOCK, MARGIN, Block, FlowGenerator, frame_stacks, read_blocks
from ethomake.ingest.frames import FrameStore
from ethomake.labels.groups import Groups, count_outputs, groups_of
from ethomake.messages import Progress
from ethomake.streams.frozen import FrozenMetadata, normalized_images
from ethomake.streams.fusion import fuse
from ethomake.streams.grey import OFFSETS
from ethomake.streams.metadata import StreamMetadata
from ethomake.streams.registry import find_network
from ethomake.training.device import choose_device, choose_precision, describe
from ethomake.training.fingerprint import fingerprint
from ethomake.training.frames import normalize_frames, prefetch
from ethomake.training.inference import Batches, for_inference
from ethomake.training.losses import probabilities
from ethomake.training.weights import freeze

logger = logging.getLogger(__name__)

ON_CPU = 16  # frames per forward pass on a CPU
ON_GPU = 320  # frames per forward pass on a GPU, if its memory has room for them
FEW_ON_CPU = 4  # of large frames, if layers are large and thin: 16 of 224x224 take half as long again
LARGE = 128 * 128  # pixels
assert CHUNK % BLOCK == 0, "chunks are written whole, so blocks must fill them"


@dataclass(frozen=True)
class FrozenStream:
    """A trained stream, frozen, on its device.

    Attributes:
        network: returns 512 features (and logits, which are not used: see `head`).
        head: from features to logits, always in float32.
        metadata: the metadata of its weights file.
        context_frames: number of frames that its input contains, centered on the frame to classify.
        batches: its batch size in frames.
    """

    network: nn.Module
    head: nn.Module
    context_frames: int
    metadata: StreamMetadata
    device: torch.device
    precision: torch.dtype
    batches: Batches

    @classmethod
    def load(
        cls, weights: str | Path, device: torch.device, precision: torch.dtype, adapted: Statistics | None = None
    ) -> "FrozenStream":
        """Load a weights file written by `train_stream`, with the BatchNorm statistics of a recording if given."""
        network, metadata = StreamMetadata.load_network(weights)
        if adapted is not None:  # before BatchNorm is folded
            adapted.apply(metadata.stream, network, file_digest(weights))
        folded = for_inference(network, device, precision)
        head = freeze(network.head.to(device))
        return cls(folded, head, network.context_frames, metadata, device, precision, Batches(device, ON_CPU, ON_GPU))

    @torch.no_grad()
    def __call__(self, inputs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return features (N, 512) and logits (N, K), float32 on the stream's device."""
        features = self.network(inputs.to(self.precision))[0].float()
        return features, self.head(features)


@dataclass(frozen=True)
class FrozenMaps:
    """A pretrained backbone, on its device.

    Attributes:
        network: returns the feature map of images on a grid.
        metadata: the metadata of its weights file.
        batches: its batch size in frames.
    """

    network: nn.Module
    metadata: FrozenMetadata
    device: torch.device
    precision: torch.dtype
    batches: Batches

    @classmethod
    def load(cls, weights: str | Path, device: torch.device, precision: torch.dtype) -> "FrozenMaps":
        """Load a weights file written by `freeze_backbone`."""
        network, metadata = FrozenMetadata.load_network(weights)
        folded = for_inference(network, device, precision)
        return cls(folded, metadata, device, precision, Batches(device, FEW_ON_CPU, ON_GPU))

    @property
    def width(self) -> int:
        """Number of features of a frame: channels * grid * grid."""
        return self.metadata.channels * self.metadata.grid**2

    @torch.no_grad()
    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        """Return features (N, width), float32 on the backbone's device, of normalized images (N, 3, H, W)."""
        images = images.to(self.precision).contiguous(memory_format=torch.channels_last)
        return self.network(images).flatten(1)


def extract_features(
    manifest: str | Path,
    store: str | Path,
    output: str | Path,
    *,
    checkpoint: str | Path,
    flow_weights: str | Path | None = None,
    spatial_weights: str | Path | None = None,
    motion_weights: str | Path | None = None,
    frozen_weights: str | Path | None = None,
    adapted: str | Path | None = None,
    reuse: bool = False,
    fusion: str = "average",
    precision: str = "auto",
) -> None:
    """Write the features of every frame of a video; of trained streams also their logits and probabilities.

    The window of a frame extends five frames to each side; outside the video it is filled with the mean image of the
    training videos. Each given stream contributes an array of its name (T, 512), float16, and `logits_<stream>`;
    `probabilities` (T, K) are computed from the weighted mean of the logits. A frozen backbone, which stands alone,
    contributes the array `frozen` (T, channels * grid * grid), float16, and no more: it knows no behaviors.

    Args:
        manifest: the video's `video.json`.
        store: the Zarr directory to write.
        output: the manifest to write last, with digests from which `verify` detects damaged chunks.
        checkpoint: folder in which the store grows; a killed job resumes after the last complete chunk there.
        flow_weights: needed with `motion_weights`.
        spatial_weights: the trained spatial stream; at least one of the two streams is needed, or a frozen backbone.
        motion_weights: the trained motion stream.
        frozen_weights: a frozen backbone.
        adapted: BatchNorm statistics of the video's recording, which replace those of the trained streams (see
            `ethomake.features.adapt`).
        reuse: compute each pair's flow once (see `ethomake.flow.stacks`).
        fusion: "average" of the logits as in the paper, or "weighted", motion 1.5 to spatial 1.
        precision: "auto", "float32" or "bfloat16"; with "auto" a frozen backbone computes in float32.

    Raises:
        InputError: if no weights are given, or some that do not go together.
    """
    if motion_weights is not None and flow_weights is None:
        raise InputError("the motion stream needs the weights of a flow network; give `flow_weights`")
    device = choose_device()
    if frozen_weights is not None and precision == "auto":
        precision = "float32"  # MobileNet's thin layers lose more in bfloat16 than they gain (docs/decisions/0005)
    dtype = choose_precision(precision, device)
    given = {"spatial": spatial_weights, "motion": motion_weights, "frozen": frozen_weights}
    weights = {name: str(path) for name, path in given.items() if path is not None}
    weights |= {"flow": str(flow_weights)} if "motion" in weights else {}
    digests = {name: file_digest(path) for name, path in weights.items()}
    if adapted is not None:
        weights["adapted"], digests["adapted"] = str(adapted), file_digest(adapted)
    streams, generator, maps = _load(tuple(weights.items()), tuple(digests.values()), device, dtype)
    frames = FrameStore(manifest)
    name = frames.manifest["video"]
    logger.info(f"features of {name}: {len(frames)} frames, {_title(streams)}, {describe(device, dtype)}")

    if maps is None:
        shared = _shared_metadata(streams)
        outputs = count_outputs(shared.exclusive, shared.behaviors)
        widths = {stream: (512, "float16") for stream in streams}
        widths |= {f"logits_{stream}": (outputs, "float32") for stream in streams}
        widths["probabilities"] = (len(shared.behaviors), "float32")
        facts = {"streams": list(streams), "behaviors": shared.behaviors, "exclusive": shared.exclusive}
    elif streams:
        raise InputError("a frozen backbone stands alone; give no other weights with `frozen_weights`")
    else:
        shown = maps.metadata
        widths = {"frozen": (maps.width, "float16")}
        facts = {"streams": ["frozen"], "maps": {"channels": shown.channels, "grid": [shown.grid, shown.grid]}}
    made_from = {
        "frames": frames.manifest["frames_digest"],
        **{f"{name}_statistics" if name == "adapted" else f"{name}_weights": found for name, found in digests.items()},
    }
    if adapted is not None:
        own = Statistics.load(adapted)
        facts["adapted"] = {"recording": own.recording, "videos": own.videos, "frames": own.used}
    settings = {"reuse": reuse, "fusion": fusion, "precision": str(dtype).removeprefix("torch.")}
    if device.type == "cpu" and "spatial" in streams:
        stream = streams["spatial"]
        is_few = find_network(stream.metadata.network).thin and frames.height * frames.width > LARGE
        stream.batches.size = FEW_ON_CPU if is_few else ON_CPU
    writer = FeatureWriter(checkpoint, len(frames), widths, fingerprint([], made_from, settings))
    if writer.rows:
        logger.info(f"features of {name}: goes on after frame {writer.rows} of {len(frames)}")
    with Progress(len(frames) - writer.rows, f"features of {name}", "frame") as progress:
        if maps is None:
            described = describe_frames(frames, streams, generator, reuse=reuse, fusion=fusion, first=writer.rows)
        else:
            described = describe_maps(frames, maps, first=writer.rows)
        for rows in described:
            writer.append(rows)
            progress.advance(len(next(iter(rows.values()))))
    writer.publish(store)
    content = {
        "video": name,
        "frames": len(frames),
        **facts,
        "arrays": {array: [len(frames), width] for array, (width, _) in sorted(widths.items())},
        **settings,
        "content_digest": digest_of_all(writer.chunks),
        "layout_digest": writer.layout,
        "chunks": writer.chunks,
        "made_from": made_from,
    }
    write_json(output, content)


@lru_cache(maxsize=1)
def _load(
    weights: tuple[tuple[str, str], ...], digests: tuple[str, ...], device: torch.device, precision: torch.dtype
) -> tuple[dict[str, FrozenStream], FlowGenerator | None, FrozenMaps | None]:
    """Load the networks that are given; cached for jobs that process several short videos.

    Args:
        weights: name and path of each weights file, and of the statistics of a recording as `adapted`.
        digests: digests of these files, so that a file that has changed is loaded again.
    """
    paths = dict(weights)
    flow = paths.pop("flow", None)
    frozen = paths.pop("frozen", None)
    adapted = Statistics.load(paths.pop("adapted")) if "adapted" in paths else None
    streams = {name: FrozenStream.load(path, device, precision, adapted) for name, path in paths.items()}
    generator = FlowGenerator.load(flow, device, precision) if flow else None
    return streams, generator, FrozenMaps.load(frozen, device, precision) if frozen else None


def describe_frames(
    frames: FrameStore,
    streams: dict[str, FrozenStream],
    generator: FlowGenerator | None,
    *,
    reuse: bool,
    fusion: str,
    first: int = 0,
) -> Iterator[dict[str, np.ndarray]]:
    """Yield the arrays of the frames of a video, block by block; for `reuse` and `fusion` see `extract_features`.

    Args:
        first: the frame to begin with, the start of a block.
    """
    shared = _shared_metadata(streams)
    groups = groups_of(shared.exclusive, shared.behaviors)
    device = next(iter(streams.values())).device
    blocks = prefetch(sent_to(device, read_blocks(frames, first, device)), depth=1)
    described = (describe_block(block, streams, generator, reuse, fusion, groups) for block in blocks)
    yield from fetched_from(device, described)


def describe_maps(frames: FrameStore, maps: FrozenMaps, *, first: int = 0) -> Iterator[dict[str, np.ndarray]]:
    """Yield the array of the frames of a video, block by block: its feature map, on a grid, in float16.

    Args:
        first: the frame to begin with, the start of a block.
    """
    blocks = prefetch(sent_to(maps.device, read_blocks(frames, first, maps.device)), depth=1)
    yield from fetched_from(maps.device, ({"frozen": see_maps(block, maps)} for block in blocks))


def see_maps(block: Block, maps: FrozenMaps) -> torch.Tensor:
    """Return the feature maps of one block of frames, float16 (n, channels * grid * grid) on the device.

    Beyond the ends of the video its first or last frame is repeated: nothing moves there.
    """

    def see(items: range) -> torch.Tensor:
        rows = slice(MARGIN + items.start + OFFSETS[0], MARGIN + items.stop + OFFSETS[-1])
        frames = block.frames[rows].to(maps.device, non_blocking=True)
        return maps(normalized_images(frames, maps.metadata.channel_mean, maps.metadata.channel_std)).half()

    return torch.cat(list(maps.batches.run(see, block.stop - block.start)))


def describe_block(
    block: Block,
    streams: dict[str, FrozenStream],
    generator: FlowGenerator | None,
    reuse: bool,
    fusion: str,
    groups: Groups,
) -> dict[str, torch.Tensor]:
    """Return all arrays of one block of frames, on the device."""
    out: dict[str, torch.Tensor] = {}
    logits: dict[str, torch.Tensor] = {}
    for name, stream in streams.items():
        parts = _motion(block, stream, generator, reuse) if name == "motion" else _spatial(block, stream)
        features, logits[name] = (torch.cat(part) for part in zip(*parts, strict=True))
        out[name], out[f"logits_{name}"] = features.half(), logits[name]
    out["probabilities"] = probabilities(fuse(logits, fusion), groups)
    return out


def _motion(
    block: Block, stream: FrozenStream, generator: FlowGenerator | None, reuse: bool
) -> Iterator[tuple[torch.Tensor, ...]]:
    """Yield features and logits of the frames of a block from their stacks of optic flow, in batches."""
    assert generator is not None, "the motion stream comes with a flow network"
    for stacks in frame_stacks(generator, block, reuse, stream.batches.size):
        yield from stream.batches.run(partial(_see_stacks, stream, stacks), len(stacks))


def _see_stacks(stream: FrozenStream, stacks: torch.Tensor, items: range) -> tuple[torch.Tensor, torch.Tensor]:
    return stream(stacks[items.start : items.stop])


def _spatial(block: Block, stream: FrozenStream) -> Iterator[tuple[torch.Tensor, ...]]:
    """Yield features and logits of the frames of a block from their images, in batches."""
    return stream.batches.run(lambda items: stream(_clips(block, stream, items)), block.stop - block.start)


def _clips(block: Block, stream: FrozenStream, items: range) -> torch.Tensor:
    """Return the spatial stream's input for some frames of a block: (N, context_frames, 3, H, W)."""
    first = MARGIN + items.start - stream.context_frames // 2
    frames = block.frames[first : first + len(items) + stream.context_frames - 1].to(stream.device, non_blocking=True)
    outside = [row for row in range(len(frames)) if not block.inside[first + row]]
    normal = normalize_frames(frames, outside, *stream.metadata.channels, stream.precision)
    return normal.unfold(0, stream.context_frames, 1).movedim(-1, 1)


def _shared_metadata(streams: dict[str, FrozenStream]) -> StreamMetadata:
    """Return the metadata of one of the streams, after checking that all have the same behaviors and kind of output.

    Raises:
        InputError: if there is no stream or they were trained for different behaviors.
    """
    if not streams:
        raise InputError("streams.enabled is empty; name spatial, motion or both, or frozen")
    first, *others = (stream.metadata for stream in streams.values())
    for other in others:
        for key in ("behaviors", "exclusive"):
            one, another = getattr(first, key), getattr(other, key)
            if one != another:
                raise InputError(f"the streams were trained for different {key}: {one} and {another}; train them again")
    return first


def _title(streams: dict[str, FrozenStream]) -> str:
    return f"streams {' and '.join(streams)}" if streams else "frozen backbone"
