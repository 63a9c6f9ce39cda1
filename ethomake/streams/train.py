"""Train one stream: the spatial CNN on single frames, or the motion CNN on stacks of optic flow."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from ethomake.files import remove
from ethomake.flow.stacks import FRAMES, FlowGenerator
from ethomake.streams.classifier import fit_classifier, validation_choice
from ethomake.streams.networks import build_stream, head_bias
from ethomake.streams.sources import FrameSource, Labelled, LabelledFrames, Source, flow_source
from ethomake.streams.weights import load_pretrained
from ethomake.training import parallel
from ethomake.training.augment import Augmentation
from ethomake.training.device import choose_device, choose_precision, describe, place
from ethomake.training.frames import FramePool, image_width
from ethomake.training.history import write_history
from ethomake.training.loop import Schedule, epoch_samples, identify
from ethomake.training.objective import Objective, check_shown
from ethomake.training.weights import save_weights

logger = logging.getLogger(__name__)


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
    scratch: str | Path | None = None,
) -> None:
    """Train the spatial or the motion stream on labelled frames and write its weights and learning history.

    Args:
        stream: "spatial" or "motion".
        train, validate: manifests and label tables of the videos.
        weights, history: the two files to write.
        flow_weights: the trained flow network; needed by the motion stream, which leaves it as it is.
        behaviors: the columns of the label tables, in order.
        exclusive: one behavior at a time (softmax) instead of any number of them (sigmoid).
        settings: the section `streams:` of the config with `network` resolved; for the motion stream with `reuse` of
            the section `flow:`.
        augmentation: the section `augmentation:` of the config.
        seed: of the first weights and of all sampling.
        checkpoint: where the state is kept, and in `<checkpoint>.flows` the optic flow; both stay there at the end.
        scratch: a folder for the optic flow instead, which is removed at the end; a training that goes on where this
            folder is not computes it again.

    Raises:
        InputError: if no frame is labelled, a behavior is on in none, or given weights or label tables do not fit.
    """
    device = choose_device()
    schedule = Schedule.of(settings)
    changes = Augmentation(**augmentation)
    learn, check = LabelledFrames(train, behaviors), LabelledFrames(validate, behaviors)
    check = check.only(validation_choice(len(check), schedule))
    check_shown(learn.labels, behaviors)

    torch.manual_seed(seed)
    outputs = len(behaviors) + exclusive
    model = build_stream(settings["network"], stream, outputs, frames=FRAMES, dropout=settings["dropout"])
    with parallel.first_alone():  # it may fetch them
        pretrained = load_pretrained(model, settings["weights"])
    model = place(model, device)
    precision = choose_precision(settings["precision"], device, model, image_width(train[0][0]))
    objective = Objective(learn.labels, exclusive, settings, device)
    with torch.no_grad():
        model.head[-1].bias.copy_(head_bias(objective.positives, objective.negatives))
    network = parallel.replicate(model)
    logger.info(f"{stream}: {settings['network']}, {len(learn)} labelled frames, {describe(device, precision)}")

    inputs = [path for pair in (*train, *validate) for path in pair]
    given = [flow_weights] if stream == "motion" else []
    given += [settings["weights"]] if Path(settings["weights"]).is_file() else []
    facts = {
        "stream": stream,
        "network": settings["network"],
        "behaviors": list(behaviors),
        "exclusive": exclusive,
        "frames": FRAMES,
        "seed": seed,
    }
    if stream == "spatial":
        pool = FramePool(learn.manifests, budget=0)
        mean, std = pool.mean.tolist(), pool.std.tolist()
        facts |= {"channel_mean": mean, "channel_std": std}
    else:
        generator = FlowGenerator.load(flow_weights, device, precision)

    flows = Path(scratch or f"{checkpoint}.flows")

    def source(part: str, labelled: LabelledFrames) -> Source:
        if stream == "spatial":
            return FrameSource(labelled, model.needs, changes, mean, std)
        track = flows / part
        samples = schedule.epochs * epoch_samples(len(labelled), schedule)
        return flow_source(
            labelled,
            generator,
            changes,
            track,
            shared=settings["reuse"],
            samples=samples,
            learn=part == "train",
        )

    rows = fit_classifier(
        model,
        schedule,
        objective,
        lambda source, loaded: network(source.prepare(*loaded))[1],
        source("train", learn),
        source("validate", check) if len(check) else None,
        device=device,
        precision=precision,
        seed=seed,
        checkpoint=checkpoint,
        identity=identify([*inputs, *given], exclusive, settings, augmentation, seed),
        label=stream,
        pretrained=pretrained,
    )
    if parallel.is_first():
        save_weights(weights, model, facts)
        write_history(history, rows)
        if scratch is not None:
            remove(flows)
