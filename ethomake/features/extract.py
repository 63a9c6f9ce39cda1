"""Extract the features of a video: one pass over its frames, both streams, to a Zarr store."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from ethomake.errors import InputError
from ethomake.features.store import CHUNK, digest_of_all
from ethomake.features.writer import FeatureWriter
from ethomake.files import file_digest, write_json
from ethomake.flow.stacks import BLOCK, MARGIN, Block, FlowGenerator, frame_stacks, read_blocks
from ethomake.ingest.frames import FrameStore
from ethomake.job import Progress, say
from ethomake.streams.fusion import fuse
from ethomake.streams.networks import build_stream
from ethomake.training.device import autocast, choose_device, choose_precision, describe, place
from ethomake.training.frames import normalize
from ethomake.training.loop import identify
from ethomake.training.losses import probabilities
from ethomake.training.weights import freeze, load_weights, read_facts

BATCH = 32
assert CHUNK % BLOCK == 0, "chunks are written whole, so blocks must fill them"


@dataclass(frozen=True)
class Stream:
    """A trained stream, frozen, on its device."""

    network: nn.Module
    facts: dict[str, Any]
    device: torch.device
    precision: torch.dtype

    @classmethod
    def load(cls, weights: str | Path, device: torch.device, precision: torch.dtype) -> "Stream":
        """Load a weights file written by `train_stream`."""
        facts = read_facts(weights)
        outputs = len(facts["behaviors"]) + facts["exclusive"]
        network = build_stream(facts["network"], facts["stream"], outputs, frames=facts["frames"], dropout=0.0)
        load_weights(weights, network)
        return cls(freeze(place(network, device)), facts, device, precision)

    @torch.no_grad()
    def __call__(self, inputs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Features (N, 512) and logits (N, K), float32 on the CPU."""
        with autocast(self.device, self.precision):
            features, logits = self.network(inputs.to(self.device))
        return features.float().cpu(), logits.float().cpu()


def extract_features(
    manifest: str | Path,
    store: str | Path,
    output: str | Path,
    *,
    checkpoint: str | Path,
    flow_weights: str | Path | None = None,
    spatial_weights: str | Path | None = None,
    motion_weights: str | Path | None = None,
    reuse: bool = False,
    fusion: str = "average",
    precision: str = "auto",
) -> None:
    """Write the features, logits and probabilities of every frame of a video.

    The window of a frame is the five frames on each side of it; where it leaves the video it is filled with the
    mean image of the training videos. Each stream that is given contributes an array of its name (T, 512),
    float16, and `logits_<stream>`; `probabilities` (T, K) come from the weighted mean of the logits.

    Args:
        manifest: the video's `video.json`.
        store: the Zarr directory to write.
        output: its manifest, written last, with the digests by which `verify` knows damaged chunks.
        checkpoint: folder in which the store grows; a killed job goes on after the last complete chunk there.
        flow_weights: needed with `motion_weights`.
        spatial_weights, motion_weights: the trained streams, at least one.
        reuse: compute each pair's flow once (see `ethomake.flow.stacks`).
        fusion: "average" of the logits as in the paper, or "weighted", motion 1.5 to spatial 1.
        precision: "auto", "float32" or "bfloat16".
    """
    device = choose_device()
    dtype = choose_precision(precision, device)
    given = {"spatial": spatial_weights, "motion": motion_weights}
    streams = {name: Stream.load(path, device, dtype) for name, path in given.items() if path is not None}
    facts = _common_facts(streams)
    generator = FlowGenerator.load(flow_weights, device, dtype) if "motion" in streams else None
    frames = FrameStore(manifest)
    name = frames.manifest["video"]
    say(f"features of {name}: {len(frames)} frames, streams {' and '.join(streams)}, {describe(device, dtype)}")

    outputs = len(facts["behaviors"]) + facts["exclusive"]
    widths = {stream: (512, "float16") for stream in streams}
    widths |= {f"logits_{stream}": (outputs, "float32") for stream in streams}
    widths["probabilities"] = (len(facts["behaviors"]), "float32")
    made_from = {
        "frames": frames.manifest["frames_digest"],
        **{f"{key}_weights": file_digest(path) for key, path in given.items() if path is not None},
        **({"flow_weights": generator.digest} if generator else {}),
    }
    settings = {"reuse": reuse, "fusion": fusion, "precision": str(dtype).removeprefix("torch.")}
    writer = FeatureWriter(checkpoint, len(frames), widths, identify([], made_from, settings))
    if writer.rows:
        say(f"features of {name}: goes on after frame {writer.rows} of {len(frames)}")
    with Progress(len(frames) - writer.rows, f"features of {name}", "frame") as progress:
        for block in read_blocks(frames, writer.rows):
            writer.append(_describe_block(block, streams, generator, reuse, fusion, facts))
            progress.advance(block.stop - block.start)
    writer.publish(store)
    content = {
        "video": name,
        "frames": len(frames),
        "streams": list(streams),
        "behaviors": facts["behaviors"],
        "exclusive": facts["exclusive"],
        "arrays": {array: [len(frames), width] for array, (width, _) in sorted(widths.items())},
        **settings,
        "content_digest": digest_of_all(writer.chunks),
        "layout_digest": writer.layout,
        "chunks": writer.chunks,
        "made_from": made_from,
    }
    write_json(output, content)


def _describe_block(
    block: Block,
    streams: dict[str, Stream],
    generator: FlowGenerator | None,
    reuse: bool,
    fusion: str,
    facts: dict[str, Any],
) -> dict[str, np.ndarray]:
    """All arrays of one block of frames."""
    out: dict[str, np.ndarray] = {}
    logits: dict[str, torch.Tensor] = {}
    for name, stream in streams.items():
        if name == "motion":
            stacks = frame_stacks(generator, block, reuse)
            parts = [stream(part.float()) for part in stacks.split(BATCH)]
        else:
            parts = [stream(inputs) for inputs in _spatial_inputs(block, stream)]
        features, logits[name] = (torch.cat(part) for part in zip(*parts, strict=True))
        out[name], out[f"logits_{name}"] = features.numpy(), logits[name].numpy()
    out["probabilities"] = probabilities(fuse(logits, fusion), facts["exclusive"]).numpy()
    return out


def _spatial_inputs(block: Block, stream: Stream) -> Iterator[torch.Tensor]:
    """The spatial stream's inputs for each frame of a block, in batches."""
    count = stream.network.needs
    for batch in torch.arange(block.stop - block.start).split(BATCH):
        rows = MARGIN + batch[:, None] + torch.arange(count) - count // 2
        clips, inside = block.frames[rows].to(stream.device), block.inside[rows].to(stream.device)
        yield normalize(clips.float() / 255, inside, stream.facts["channel_mean"], stream.facts["channel_std"])


def _common_facts(streams: dict[str, Stream]) -> dict[str, Any]:
    """Behaviors and kind of output that the streams share.

    Raises:
        InputError: if there is no stream or they were trained for different behaviors.
    """
    if not streams:
        raise InputError("streams.enabled is empty; name spatial, motion or both")
    first, *others = (stream.facts for stream in streams.values())
    for other in others:
        for key in ("behaviors", "exclusive"):
            if other[key] != first[key]:
                raise InputError(
                    f"the streams were trained for different {key}: {first[key]} and {other[key]}; train them again"
                )
    return first
