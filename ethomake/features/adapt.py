"""Adapt the trained streams to a recording: collect the statistics of their BatchNorm on its frames, without labels.

One set of statistics is collected for all videos of a recording, never for one video: those of a video would depend on
what the animal does in it, and hide part of that.
"""

import copy
import logging
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch

from ethomake.errors import InputError
from ethomake.features.statistics import Statistics, norms_of, statistics_of
from ethomake.files import file_digest
from ethomake.flow.stacks import FLOWS, FRAMES, FlowGenerator, window_flows
from ethomake.ingest.times import unseen
from ethomake.messages import track
from ethomake.streams.metadata import StreamMetadata
from ethomake.streams.networks import Stream
from ethomake.text import counted
from ethomake.training.device import choose_device, choose_precision, describe
from ethomake.training.frames import FramePool, normalize_frames, prefetch

logger = logging.getLogger(__name__)

MOST = 2000
"""Frames that statistics are collected from, spread evenly over the videos of a recording."""

LEAST = 200
"""With fewer frames the stored statistics are kept: those of so few would be noise more than light and camera."""

BATCH = 32  # frames that pass through a stream at a time


@torch.no_grad()
def adapt_statistics(stream: Stream, batches: Iterable[torch.Tensor]) -> Stream:
    """Return a copy of a trained stream with the BatchNorm statistics of other inputs; its weights stay.

    Mean and variance of each layer are averages of those of the batches, which should therefore be of about the same
    size, and each a sample of all inputs. Dropout is off.

    Args:
        stream: as trained.
        batches: its inputs, at least one batch, of at least two samples each.

    Raises:
        InputError: if the network has no BatchNorm.
    """
    stream = copy.deepcopy(stream).eval()
    norms = norms_of(stream)
    if not norms:
        raise InputError(
            f"streams.adapt: {stream.network} has no batch normalization, so the {stream.kind} stream cannot be "
            "adapted; set streams.adapt: none"
        )
    for layer in norms.values():
        layer.reset_running_stats()
        layer.momentum = None  # a mean over all batches, not a moving one
        layer.train()
    for inputs in batches:
        stream.features(inputs)
    return stream.eval()


def adapt_recording(
    recording: str,
    manifests: Sequence[str | Path],
    output: str | Path,
    *,
    flow_weights: str | Path | None = None,
    spatial_weights: str | Path | None = None,
    motion_weights: str | Path | None = None,
    reuse: bool = False,
    precision: str = "auto",
    most: int = MOST,
    least: int = LEAST,
) -> None:
    """Write the BatchNorm statistics of the streams on the frames of a recording.

    Args:
        recording: its name, for messages and provenance.
        manifests: `video.json` of each of its videos.
        output: the file to write, for `extract_features`.
        flow_weights: needed with `motion_weights`.
        spatial_weights: the trained spatial stream; at least one of the two streams is needed.
        motion_weights: the trained motion stream.
        reuse: how the flow is computed, as for `extract_features`.
        precision: of the flow network, as for `extract_features`; the streams always compute in float32 here.
        most: the number of frames that are used, spread evenly over the frames of all videos; damaged ones are not.
        least: with fewer frames no statistics are collected, and extraction uses those that are stored.

    Raises:
        InputError: if no weights are given, some that do not go together, or a network without BatchNorm.
    """
    if motion_weights is not None and flow_weights is None:
        raise InputError("the motion stream needs the weights of a flow network; give `flow_weights`")
    given = {"spatial": spatial_weights, "motion": motion_weights}
    weights = {name: path for name, path in given.items() if path is not None}
    if not weights:
        raise InputError("streams.adapt: there is no trained stream to adapt; set streams.adapt: none")
    device = choose_device()
    pool = FramePool(manifests, budget=0)
    videos, frames = undamaged_frames(pool)
    made_from = {f"{name}_weights": file_digest(path) for name, path in weights.items()}
    made_from |= {"flow_weights": file_digest(flow_weights)} if flow_weights and "motion" in weights else {}
    made_from |= {f"frames of {store.manifest['video']}": store.manifest["frames_digest"] for store in pool.stores}
    names = [store.manifest["video"] for store in pool.stores]
    if len(frames) < least:
        logger.warning(
            f"recording {recording}: {len(frames)} frames are too few to adapt to ({least} are needed); its features "
            "are made with the statistics of the training videos; if you add videos to it, delete "
            "results/features/adapted.json"
        )
        Statistics(recording, names, len(frames), 0, made_from, {}).save(output)
        return
    logger.info(
        f"recording {recording}: up to {most} of {len(frames)} frames of {counted(len(names), 'video')}, streams "
        f"{' and '.join(weights)}, {describe(device, torch.float32)}"
    )
    values, used = {}, 0
    for name, path in weights.items():
        stream, metadata = StreamMetadata.load_network(path)
        places = choose_places(videos, frames, most, together=name == "motion" and reuse)
        used = max(used, sum(len(part) for _, part in places))
        if name == "motion":
            assert flow_weights is not None, "checked above"
            generator = FlowGenerator.load(flow_weights, device, choose_precision(precision, device))
            inputs = see_motion(pool, places, generator, reuse)
        else:
            inputs = see_frames(pool, places, stream.context_frames, metadata, device)
        adapted = adapt_statistics(
            stream.to(device), track(inputs, len(places), f"{name} stream, {recording}", "batch")
        )
        values[name] = {key: value.cpu() for key, value in statistics_of(adapted).items()}
    Statistics(recording, names, len(frames), used, made_from, values).save(output)


def undamaged_frames(pool: FramePool) -> tuple[np.ndarray, np.ndarray]:
    """Return video number and frame number of each frame of a pool that is not damaged, two arrays (N,)."""
    kept = []
    for number, store in enumerate(pool.stores):
        whole = np.ones(len(store), bool)
        for start, stop in unseen(store.manifest):
            whole[start:stop] = False
        frames = np.flatnonzero(whole)
        kept.append((np.full(len(frames), number), frames))
    videos, frames = (np.concatenate(part) for part in zip(*kept, strict=True))
    return videos, frames


def choose_places(
    videos: np.ndarray, frames: np.ndarray, most: int, *, together: bool = False
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Choose frames that are spread evenly over a recording, in batches each of which is spread over it, too.

    Args:
        videos, frames: video number and frame number of all frames, (N,), in order.
        most: how many frames are chosen at most.
        together: whether frames that share their windows of flow are taken together: of each twenty frames or so four,
            or ten in short recordings. Frames that stand alone would need two windows each, where windows lie end to
            end, and it is the flow that takes time.

    Returns:
        For each batch the numbers of the videos and of the frames.
    """
    if together:
        whose = np.stack([videos, (frames - FLOWS // 2) // FLOWS], 1)  # the first of the two windows of each frame
        first = np.flatnonzero(np.any(np.diff(whose, axis=0, prepend=-2), axis=1))
        groups = np.split(np.arange(len(frames)), first[1:])
        each = slice(None, None, 3 if len(frames) * 4 >= most * FLOWS else 1)
        sets = [group[each] for group in groups]
    else:
        sets = list(np.arange(len(frames))[:, None])
    wanted = max(1, most // max(map(len, sets)))
    chosen = np.unique(np.linspace(0, len(sets) - 1, min(wanted, len(sets))).astype(int))
    count = max(1, sum(len(sets[number]) for number in chosen) // BATCH)
    batches = [
        np.concatenate([sets[number] for number in chosen[start::count]]) for start in range(min(count, len(chosen)))
    ]
    return [(videos[batch], frames[batch]) for batch in batches]


def see_frames(
    pool: FramePool,
    places: Sequence[tuple[np.ndarray, np.ndarray]],
    count: int,
    metadata: StreamMetadata,
    device: torch.device,
) -> Iterator[torch.Tensor]:
    """Yield the inputs of the spatial stream, float32 (n, count, 3, H, W), for each (videos, frames) of `places`."""
    for clips, inside in prefetch(pool.windows(videos, frames, count) for videos, frames in places):
        outside = np.flatnonzero(~inside.flatten().numpy()).tolist()
        flat = clips.flatten(0, 1).to(device)
        yield normalize_frames(flat, outside, *metadata.channels, torch.float32).view(clips.shape)


def see_motion(
    pool: FramePool, places: Sequence[tuple[np.ndarray, np.ndarray]], generator: FlowGenerator, reuse: bool
) -> Iterator[torch.Tensor]:
    """Yield the inputs of the motion stream, float32 (n, 20, H/2, W/2), for each (videos, frames) of `places`.

    They are the stacks of flow that extraction computes (`ethomake.flow.stacks`).
    """
    for videos, frames in places:
        if reuse:  # windows end to end: the ten pairs of a frame are in one of them, or in two
            wanted = frames[:, None] + np.arange(FLOWS) - FLOWS // 2
            windows = np.stack([np.broadcast_to(videos[:, None], wanted.shape), wanted // FLOWS], -1).reshape(-1, 2)
            windows, which = np.unique(windows, axis=0, return_inverse=True)
            rows = which.reshape(wanted.shape) * FLOWS + wanted % FLOWS
            whose, middles = windows[:, 0], windows[:, 1] * FLOWS + FLOWS // 2
        else:
            rows = np.arange(len(frames) * FLOWS).reshape(-1, FLOWS)
            whose, middles = videos, frames
        clips, inside = pool.windows(whose, middles, FRAMES)
        numbers = torch.arange(clips.shape[0] * FRAMES).view(-1, FRAMES)
        flows = torch.cat(list(window_flows(generator, clips.flatten(0, 1), inside.flatten(), numbers)))
        yield (
            flows.unflatten(1, (FLOWS, 2)).flatten(0, 1)[torch.from_numpy(rows).to(flows.device)].flatten(1, 2).float()
        )
