"""Train the flow network without labels: frame t+1, warped back by the flow, must look like frame t."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from ethomake.flow.known_motion import motion_seen
from ethomake.flow.loss import flow_loss
from ethomake.flow.metadata import FlowMetadata
from ethomake.flow.networks import build_flow_network
from ethomake.flow.stacks import FRAMES
from ethomake.training import parallel
from ethomake.training.augment import change_clips, draw_clip_changes, unit_values
from ethomake.training.device import autocast, choose_device, choose_precision, describe, place
from ethomake.training.frames import FramePool, image_width, normalize
from ethomake.training.history import write_history
from ethomake.training.loop import Training, Validation, fit, identity
from ethomake.training.plan import TrainingPlan
from ethomake.training.schedule import Schedule, shuffled_batches
from ethomake.training.weights import load_weights, save_weights

logger = logging.getLogger(__name__)

VALIDATION_WINDOWS = 256


def train_flow(plan: TrainingPlan, weights: str | Path, history: str | Path) -> None:
    """Train a flow network on windows of 11 frames and write its weights and learning history.

    Args:
        plan: `train` and `validate` are the `video.json` of the videos, for which no labels are needed; `settings`
            is the section `flow:` of the config.
        weights: the weights file to write.
        history: the learning history to write.

    Raises:
        InputError: if given weights do not fit, or the videos' image sizes differ.
    """
    device = choose_device()
    settings, schedule = plan.settings, Schedule.of(plan.settings)
    changes = replace(plan.changes, noise=0.0)  # with noise of its own, no frame looks like another one that is warped
    torch.manual_seed(plan.seed)
    model = place(build_flow_network(settings["network"], FRAMES), device)
    precision = choose_precision(settings["precision"], device, model, image_width(plan.train[0]))
    given, before, pretrained = [], None, frozenset[str]()
    if settings["weights"] != "none":
        given = [settings["weights"]]
        before = FlowMetadata.read(settings["weights"])
        load_weights(settings["weights"], model)
        pretrained = frozenset(name for name, _ in model.named_parameters())
    pool = FramePool(plan.train)
    mean, std = pool.mean.tolist(), pool.std.tolist()
    if before:  # a pretrained network needs frames normalized as in its training
        mean, std = before.channel_mean, before.channel_std
    places = _all_places(pool)
    network = parallel.replicate(model)
    logger.info(f"flow: {settings['network']}, {len(places)} frames to learn from, {describe(device, precision)}")

    def load(chosen: np.ndarray, rng: np.random.Generator) -> tuple[torch.Tensor, ...]:
        n, own = len(chosen), parallel.own(len(chosen))
        videos, frames = places[chosen[own]].T
        clips, inside = pool.windows(videos, frames, FRAMES)
        return clips, inside, *(part[own] for part in draw_clip_changes(changes, n, rng))

    def prepare(batch: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, torch.Tensor]:
        clips, inside, *drawn = batch
        return change_clips(clips, changes, *drawn), inside

    def loss(batch: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        clips, inside = batch
        with autocast(device, precision):
            flows = network(normalize(clips, inside, mean, std))
        return flow_loss(clips, [flow.float() for flow in flows], settings)

    def weigh(example: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        mean = loss(example).double()
        return torch.stack([mean, torch.ones_like(mean)])[None] * len(example[0])

    def mean_loss(weighed: torch.Tensor) -> float:
        total, count = weighed.sum(0).tolist()
        return total / count

    rows = fit(
        model,
        schedule,
        Training(lambda rng: shuffled_batches(len(places), schedule, rng), load, loss, prepare),
        Validation(_validation_clips(plan.validate, schedule.batch), identity, weigh, mean_loss, _as_floats),
        seed=plan.seed,
        checkpoint=plan.checkpoint,
        identity=plan.fingerprint(given),
        label="flow",
        pretrained=pretrained,
    )
    if parallel.is_first():
        seen = motion_seen(model.eval(), pool, FRAMES, mean, std, device, precision)
        logger.info(f"flow: of frames that move by one pixel, it sees {seen:.0%} of the motion")
        metadata = FlowMetadata(
            network=settings["network"],
            seed=plan.seed,
            frames=FRAMES,
            image_size=list(pool.size),
            channel_mean=mean,
            channel_std=std,
            motion_seen=round(seen, 3),
        )
        save_weights(weights, model, metadata)
        write_history(history, rows)


def _all_places(pool: FramePool) -> np.ndarray:
    """Return (video, frame) of all frames whose window lies inside its video; if there are none, of all frames."""
    margin = FRAMES // 2
    places = [
        (video, frame) for video, length in enumerate(pool.lengths) for frame in range(margin, length - margin)
    ] or [(video, frame) for video, length in enumerate(pool.lengths) for frame in range(length)]
    return np.array(places)


def _as_floats(windows: tuple[torch.Tensor, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
    clips, inside = windows
    return unit_values(clips), inside


def _validation_clips(manifests: Sequence[str | Path], batch: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Return windows spread evenly over the validation videos, uint8, in batches."""
    if not manifests:
        return []
    pool = FramePool(manifests, budget=0)
    places = _all_places(pool)
    chosen = places[np.unique(np.linspace(0, len(places) - 1, VALIDATION_WINDOWS).astype(int))]
    batches = [chosen[i : i + batch] for i in range(0, len(chosen), batch)]
    return [pool.windows(part[:, 0], part[:, 1], FRAMES) for part in batches]
