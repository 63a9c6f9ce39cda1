"""Train the flow network without labels: frame t+1, warped back by the flow, must look like frame t."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ethomake.flow.loss import flow_loss
from ethomake.flow.networks import build_flow_network
from ethomake.flow.stacks import FRAMES
from ethomake.training import parallel
from ethomake.training.augment import Augmentation, change_clips, draw_colors, draw_rotations, unit_values
from ethomake.training.device import autocast, choose_device, choose_precision, describe, place
from ethomake.training.frames import FramePool, image_width, normalize
from ethomake.training.history import write_history
from ethomake.training.loop import Schedule, Training, Validation, as_it_is, fit, identify, shuffled_batches
from ethomake.training.weights import load_weights, read_facts, save_weights

logger = logging.getLogger(__name__)

VALIDATION_WINDOWS = 256


def train_flow(
    train: Sequence[str | Path],
    validate: Sequence[str | Path],
    weights: str | Path,
    history: str | Path,
    *,
    settings: dict[str, Any],
    augmentation: dict[str, float],
    seed: int,
    checkpoint: str | Path,
) -> None:
    """Train a flow network on windows of 11 frames and write its weights and learning history.

    Args:
        train: the `video.json` of the videos to train on; no labels are needed.
        validate: those of the videos whose loss chooses the best epoch; may be empty.
        weights, history: the two files to write.
        settings: the section `flow:` of the config, with `network` resolved.
        augmentation: the section `augmentation:` of the config.
        seed: of the first weights and of all sampling.
        checkpoint: where the state is kept; it stays there at the end.

    Raises:
        InputError: if given weights do not fit, or the videos' image sizes differ.
    """
    device = choose_device()
    changes = Augmentation(**augmentation)
    schedule = Schedule.of(settings)
    torch.manual_seed(seed)
    model = place(build_flow_network(settings["network"], FRAMES), device)
    precision = choose_precision(settings["precision"], device, model, image_width(train[0]))
    pretrained: frozenset[str] = frozenset()
    given = [settings["weights"]] if settings["weights"] != "none" else []
    if given:
        facts = read_facts(settings["weights"])
        load_weights(settings["weights"], model)
        pretrained = frozenset(name for name, _ in model.named_parameters())
    pool = FramePool(train)
    mean, std = pool.mean.tolist(), pool.std.tolist()
    if given:  # a network goes on seeing frames in the form it was trained on
        mean, std = facts["channel_mean"], facts["channel_std"]
    places = _all_places(pool)
    network = parallel.replicate(model)
    logger.info(f"flow: {settings['network']}, {len(places)} frames to learn from, {describe(device, precision)}")

    def load(chosen: np.ndarray, rng: np.random.Generator) -> tuple[torch.Tensor, ...]:
        n, own = len(chosen), parallel.own(len(chosen))
        clips, inside = pool.windows(*places[chosen[own]].T, FRAMES)
        return clips, inside, draw_colors(changes, n, rng)[own], draw_rotations(changes, n, rng)[own]

    def prepare(batch: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, torch.Tensor]:
        clips, inside, colors, rotations = batch
        return change_clips(clips, colors, rotations), inside

    def loss(batch: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        clips, inside = batch
        with autocast(device, precision):
            flows = network(normalize(clips, inside, mean, std))
        return flow_loss(clips, [flow.float() for flow in flows], settings)

    def weigh(example: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        mean = loss(example).double()
        return torch.stack([mean, torch.ones_like(mean)])[None] * len(example[0])

    def mean_loss(weighed: torch.Tensor) -> tuple[float, None]:
        total, count = weighed.sum(0).tolist()
        return total / count, None

    rows = fit(
        model,
        schedule,
        Training(lambda rng: shuffled_batches(len(places), schedule, rng), load, loss, prepare),
        Validation(_validation_clips(validate, schedule.batch), as_it_is, weigh, mean_loss, _as_floats),
        seed=seed,
        checkpoint=checkpoint,
        identity=identify([*train, *validate, *given], settings, augmentation, seed),
        label="flow",
        pretrained=pretrained,
    )
    facts = {
        "network": settings["network"],
        "frames": FRAMES,
        "image_size": list(pool.size),
        "channel_mean": mean,
        "channel_std": std,
        "seed": seed,
    }
    if parallel.is_first():
        save_weights(weights, model, facts)
        write_history(history, rows)


def _all_places(pool: FramePool) -> np.ndarray:
    """(video, frame) of every frame whose window lies inside its video; of every frame, where videos are shorter."""
    margin = FRAMES // 2
    places = [
        (video, frame) for video, length in enumerate(pool.lengths) for frame in range(margin, length - margin)
    ] or [(video, frame) for video, length in enumerate(pool.lengths) for frame in range(length)]
    return np.array(places)


def _as_floats(windows: tuple[torch.Tensor, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
    clips, inside = windows
    return unit_values(clips), inside


def _validation_clips(manifests: Sequence[str | Path], batch: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Windows spread evenly over the validation videos, uint8, in batches."""
    if not manifests:
        return []
    pool = FramePool(manifests, budget=0)
    places = _all_places(pool)
    chosen = places[np.unique(np.linspace(0, len(places) - 1, VALIDATION_WINDOWS).astype(int))]
    return [pool.windows(*chosen[i : i + batch].T, FRAMES) for i in range(0, len(chosen), batch)]
