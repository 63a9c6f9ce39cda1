"""Train one stream: the spatial CNN on single frames, or the motion CNN on stacks of optic flow."""

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ethomake.errors import InputError
from ethomake.files import remove
from ethomake.flow.stacks import FRAMES, FlowGenerator
from ethomake.job import say
from ethomake.streams.networks import build_stream, head_bias
from ethomake.streams.sources import FrameSource, Labelled, LabelledFrames, Source, TrackSource, WindowSource
from ethomake.streams.weights import load_pretrained
from ethomake.training.augment import Augmentation
from ethomake.training.device import autocast, choose_device, choose_precision, describe, place
from ethomake.training.frames import FramePool
from ethomake.training.history import write_history
from ethomake.training.loop import Schedule, fit, identify, shuffled_batches
from ethomake.training.objective import Objective
from ethomake.training.weights import save_weights


def train_stream(
    stream: str,
    train: Sequence[Labelled],
    validate: Sequence[Labelled],
    weights: str | Path,
    history: str | Path,
    *,
    flow_weights: str | Path | None = None,
    behaviors: Sequence[str],
    exclusive: bool,
    settings: dict[str, Any],
    augmentation: dict[str, float],
    seed: int,
    checkpoint: str | Path,
) -> None:
    """Train the spatial or the motion stream on labelled frames and write its weights and learning history.

    Args:
        stream: "spatial" or "motion".
        train, validate: manifests and label tables of the videos.
        weights, history: the two files to write.
        flow_weights: the trained flow network; needed by the motion stream, which leaves it as it is.
        behaviors: the columns of the label tables, in order.
        exclusive: one behavior at a time (softmax) instead of any number of them (sigmoid).
        settings: the section `streams:` of the config with `network` resolved, and `reuse` of the section `flow:`.
        augmentation: the section `augmentation:` of the config.
        seed: of the first weights and of all sampling.
        checkpoint: where the state after each epoch is kept until the end.

    Raises:
        InputError: if no frame is labelled, or given weights or label tables do not fit.
    """
    device = choose_device()
    schedule = Schedule.of(settings)
    changes = Augmentation(**augmentation)
    learn, check = LabelledFrames(train, behaviors), LabelledFrames(validate, behaviors)
    if not len(learn):
        raise InputError("no frame of the training videos is labelled; label some or move a labelled video to train")

    torch.manual_seed(seed)
    outputs = len(behaviors) + exclusive
    model = build_stream(settings["network"], stream, outputs, frames=FRAMES, dropout=settings["dropout"])
    pretrained = load_pretrained(model, settings["weights"])
    model = place(model, device)
    precision = choose_precision(settings["precision"], device, model)
    objective = Objective(learn.labels, exclusive, settings, device)
    with torch.no_grad():
        model.head[-1].bias.copy_(head_bias(objective.positives, objective.negatives))
    say(f"{stream}: {settings['network']}, {len(learn)} labelled frames, {describe(device, precision)}")

    inputs = [path for pair in (*train, *validate) for path in pair]
    given = [flow_weights] if stream == "motion" else []
    facts = {
        "stream": stream,
        "network": settings["network"],
        "behaviors": list(behaviors),
        "exclusive": exclusive,
        "frames": FRAMES,
        "seed": seed,
    }
    with tempfile.TemporaryDirectory(prefix="ethomake-") as scratch:
        sources: dict[str, Source] = {}
        if stream == "spatial":
            pool = FramePool(learn.manifests, budget=0)
            mean, std = pool.mean.tolist(), pool.std.tolist()
            facts |= {"channel_mean": mean, "channel_std": std}
        else:
            generator = FlowGenerator.load(flow_weights, device, precision)
        for part, labelled in (("train", learn), ("validate", check)):
            if not len(labelled):
                continue
            if stream == "spatial":
                sources[part] = FrameSource(labelled, model.needs, changes, mean, std)
            elif settings["reuse"]:
                sources[part] = TrackSource(labelled, generator, changes, Path(scratch) / part)
            else:
                sources[part] = WindowSource(labelled, generator, changes)

        def batches(rng: np.random.Generator) -> Iterator[tuple[tuple[torch.Tensor, ...], torch.Tensor]]:
            for chosen in shuffled_batches(len(learn), schedule, rng):
                yield sources["train"].load(chosen, rng), learn.labels[chosen]

        def forward(source: Source, loaded: tuple[torch.Tensor, ...]) -> torch.Tensor:
            prepared = source.prepare(*(part.to(device, non_blocking=True) for part in loaded))
            with autocast(device, precision):
                return model(prepared)[1].float()

        def loss(batch: tuple[tuple[torch.Tensor, ...], torch.Tensor]) -> torch.Tensor:
            loaded, labels = batch
            return objective.loss(forward(sources["train"], loaded), labels.to(device))

        def validation() -> tuple[float | None, float | None]:
            if not len(check):
                return None, None
            chosen = validation_choice(len(check), schedule)
            loaded = (sources["validate"].load(part, None) for part in np.array_split(chosen, -(-len(chosen) // 64)))
            logits = torch.cat([forward(sources["validate"], part).cpu() for part in loaded])
            return objective.judge(logits, check.labels[chosen])

        rows = fit(
            model,
            schedule,
            batches=batches,
            steps=min(schedule.steps, max(1, len(learn) // schedule.batch)),
            loss=loss,
            validate=validation,
            seed=seed,
            checkpoint=checkpoint,
            identity=identify([*inputs, *given], settings, augmentation, seed),
            label=stream,
            pretrained=pretrained,
        )
    save_weights(weights, model, facts)
    write_history(history, rows)
    remove(checkpoint)


def validation_choice(frames: int, schedule: Schedule) -> np.ndarray:
    """The validation frames that judge an epoch: all, or as many as an epoch trains on, spread evenly."""
    return np.unique(np.linspace(0, frames - 1, min(frames, schedule.steps * schedule.batch)).astype(int))
