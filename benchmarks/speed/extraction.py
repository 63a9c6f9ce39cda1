"""Extraction: ethomake beside the same networks run plainly, from the frame store to probabilities.

Plain means float32, contiguous memory, BatchNorm as it is, each frame's own window of 11 frames, 16 windows a batch;
every frame is read once. Networks have random weights: what they compute costs the same.
"""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.speed.drawn import stored
from benchmarks.speed.measure import Case
from ethomake.features.extract import FrozenStream, describe_frames
from ethomake.flow.metadata import FlowMetadata
from ethomake.flow.networks import build_flow_network
from ethomake.flow.stacks import FRAMES, FlowGenerator
from ethomake.ingest.frames import FrameStore
from ethomake.project.settings import PRESETS
from ethomake.streams.fusion import fuse
from ethomake.streams.metadata import StreamMetadata
from ethomake.streams.networks import Stream
from ethomake.training.device import choose_device, choose_precision
from ethomake.training.frames import normalize
from ethomake.training.weights import save_weights

MEAN, STD = [0.5, 0.5, 0.5], [0.25, 0.25, 0.25]
BEHAVIORS = ["walk", "turn", "rear", "groom"]
PLAIN_BATCH = 16
LENGTHS = {"swift": 640, "fast": 64, "medium": 48, "slow": 32}  # frames that are timed, twelve seconds' work or so


def cases(folder: Path, quick: bool) -> list[Case]:
    """Each preset, and swift beside plain fast."""
    side = 64 if quick else 224
    found = []
    for preset in ["fast"] if quick else ["fast", "medium", "slow"]:
        networks = save_networks(folder / preset, preset, side)
        flops = count_flops(preset, side)
        video = stored(folder, LENGTHS[preset], side)
        stage = f"extraction, {preset}"
        found.append(Case(stage, "plain, float32", partial(plain, video, preset), plain=True, flops=flops))
        for precision in ("float32", "auto"):
            dtype = choose_precision(precision, choose_device())
            name = f"ethomake, {str(dtype).removeprefix('torch.')}"
            run = partial(ours, video, networks, False, precision)
            found.append(Case(stage, name, run, flops=flops, precision=dtype))
        if preset == "fast":
            video = stored(folder, LENGTHS["swift"], side)
            name = f"ethomake, swift, {str(dtype).removeprefix('torch.')}"
            flops = count_flops("swift", side)
            found.append(Case(stage, name, partial(ours, video, networks, True, "auto"), flops=flops, precision=dtype))
    return found


def build(preset: str) -> dict[str, nn.Module]:
    """The networks of a preset, with random weights."""
    torch.manual_seed(0)
    choice = PRESETS[preset]
    networks = {"flow": build_flow_network(choice["flow"]["network"], FRAMES)}
    for kind in ("spatial", "motion"):
        networks[kind] = Stream(choice["streams"]["network"], kind, len(BEHAVIORS), frames=FRAMES)
    return {name: network.eval() for name, network in networks.items()}


def save_networks(folder: Path, preset: str, side: int) -> dict[str, Path]:
    """The weights files of a preset."""
    choice, paths = PRESETS[preset], {}
    for name, network in build(preset).items():
        if name == "flow":
            metadata = FlowMetadata(choice["flow"]["network"], 0, FRAMES, [side, side], MEAN, STD)
        else:
            metadata = StreamMetadata(choice["streams"]["network"], 0, name, BEHAVIORS, False, FRAMES, MEAN, STD)
        paths[name] = folder / f"{name}.safetensors"
        save_weights(paths[name], network, metadata)
    return paths


def count_flops(preset: str, side: int) -> float:
    """Floating-point operations a frame of all networks of a preset."""
    networks = build(preset)
    window = torch.zeros(1, FRAMES, 3, side, side)
    total = 0.0
    for name, share in (("flow", 0.1 if PRESETS[preset]["flow"]["reuse"] else 1.0), ("spatial", 1.0), ("motion", 1.0)):
        inputs = torch.zeros(1, 2 * (FRAMES - 1), side // 2, side // 2) if name == "motion" else window
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            networks[name](inputs)
        total += counter.get_total_flops() * share
    return total


def ours(video: Path, networks: dict[str, Path], reuse: bool, precision: str) -> Callable[[], int]:
    """What the workflow does, but for writing the store."""
    device = choose_device()
    dtype = choose_precision(precision, device)
    generator = FlowGenerator.load(networks["flow"], device, dtype)
    streams = {name: FrozenStream.load(networks[name], device, dtype) for name in ("spatial", "motion")}
    frames = FrameStore(video)

    def run() -> int:
        blocks = describe_frames(frames, streams, generator, reuse=reuse, fusion="average")
        return sum(len(rows["probabilities"]) for rows in blocks)

    return run


def plain(video: Path, preset: str) -> Callable[[], int]:
    """The same networks, plainly."""
    networks, frames = build(preset), FrameStore(video)

    @torch.no_grad()
    def run() -> int:
        done = 0
        for windows, inside in _windows(frames):
            clips = normalize(windows.float() / 255, inside, MEAN, STD)
            flows = networks["flow"](clips)[0]
            middle, needs = FRAMES // 2, networks["spatial"].context_frames // 2
            spatial = networks["spatial"](clips[:, middle - needs : middle + needs + 1])[1]
            motion = networks["motion"](flows)[1]
            done += len(fuse({"spatial": spatial, "motion": motion}, "average").sigmoid())
        return done

    return run


def _windows(frames: FrameStore) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """The window of each frame, uint8 (N, 11, 3, H, W), and which frames of it lie inside the video, in batches."""
    margin, count = FRAMES // 2, len(frames)
    for start in range(0, count, PLAIN_BATCH):
        stop = min(start + PLAIN_BATCH, count)
        wanted = torch.arange(start - margin, stop + margin)
        inside = (wanted >= 0) & (wanted < count)
        read = frames.read(wanted.clamp(0, count - 1))
        rows = torch.arange(stop - start)[:, None] + torch.arange(FRAMES)
        yield read[rows], inside[rows]
