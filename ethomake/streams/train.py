"""Train one stream: the spatial CNN on single frames, or the motion CNN on stacks of optic flow."""

import logging
from pathlib import Path
from typing import Any, NamedTuple, cast

import torch
from torch import nn

from ethomake.errors import InputError
from ethomake.files import remove
from ethomake.flow.stacks import FRAMES, FlowGenerator
from ethomake.streams.classifier import fit_classifier
from ethomake.streams.metadata import StreamMetadata
from ethomake.streams.networks import Kind, Stream, head_bias
from ethomake.streams.partial import train_part
from ethomake.streams.sampling import sampling_weights
from ethomake.streams.sources import FrameSource, LabelledFrames, Source, flow_source
from ethomake.streams.weights import Origin, load_pretrained, origin_of
from ethomake.training import parallel
from ethomake.training.device import choose_device, choose_precision, describe, place
from ethomake.training.frames import FramePool, image_width
from ethomake.training.history import write_history
from ethomake.training.objective import Objective, check_shown
from ethomake.training.plan import TrainingPlan
from ethomake.training.schedule import Schedule, epoch_samples
from ethomake.training.weights import save_weights

logger = logging.getLogger(__name__)


def train_stream(
    plan: TrainingPlan,
    stream: Kind,
    weights: str | Path,
    history: str | Path,
    *,
    flow_weights: str | Path | None = None,
    pretrained: str | Path | None = None,
) -> None:
    """Train the spatial or the motion stream on labelled frames and write its weights and learning history.

    Args:
        plan: `train` are the `video.json` of the videos; `settings` is the section `streams:` of the config, for the
            motion stream with `reuse` of the section `flow:`. The optic flow that the motion stream is trained on is
            cached in the folder `scratch`, or else in `<checkpoint>.flows`.
        stream: "spatial" or "motion".
        weights: the weights file to write.
        history: the learning history to write.
        flow_weights: the trained flow network; needed by the motion stream, which does not change it.
        pretrained: the file of the public weights that `weights` in the settings names, as written by
            `fetch_weights`; without it they are downloaded.

    Raises:
        InputError: if no frame is labelled, a behavior is present in none, or given weights or label tables do not
            fit.
    """
    device = choose_device()
    settings, schedule = plan.settings, Schedule.of(plan.settings)
    labelled = LabelledFrames(plan.labelled_train, plan.behaviors)
    check_shown(labelled.labels, plan.behaviors)

    torch.manual_seed(plan.seed)
    sees = settings["sees"] if stream == "spatial" else "color"
    model = Stream(settings["network"], stream, plan.outputs, FRAMES, settings["dropout"], sees)
    with parallel.first_alone():  # it may download them
        loaded = load_pretrained(model, pretrained or settings["weights"])
    origin = origin_of(settings["network"], settings["weights"])
    train_part(model, settings["trained"])
    model = place(model, device)
    precision = choose_precision(settings["precision"], device, model, image_width(plan.train[0]))
    sampling = sampling_weights(settings, labelled)
    objective = Objective(labelled.labels, plan.groups, settings, device, sampling)
    with torch.no_grad():
        cast(nn.Linear, model.head[-1]).bias.copy_(head_bias(objective.positives, objective.negatives))
    network = parallel.replicate(model)
    logger.info(f"{stream}: {settings['network']}, {len(labelled)} labelled frames, {describe(device, precision)}")

    if stream == "spatial":
        inputs = _spatial_inputs(plan, labelled, model.context_frames, origin)
    else:
        inputs = _motion_inputs(plan, labelled, flow_weights, device, precision)
    start = pretrained or settings["weights"]
    given = inputs.files + ([start] if Path(start).is_file() else [])

    rows = fit_classifier(
        model,
        schedule,
        objective,
        lambda loaded: network(inputs.source.prepare(loaded))[1],
        inputs.source,
        device=device,
        precision=precision,
        sampling=sampling,
        seed=plan.seed,
        checkpoint=plan.checkpoint,
        identity=plan.fingerprint(given),
        label=stream,
        pretrained=loaded,
    )
    if parallel.is_first():
        metadata = StreamMetadata(
            network=settings["network"],
            seed=plan.seed,
            stream=stream,
            behaviors=list(plan.behaviors),
            exclusive=plan.exclusive,
            frames=FRAMES,
            sees=model.sees,
            **inputs.metadata,
            **origin.facts,
        )
        save_weights(weights, model, metadata)
        write_history(history, rows)
        if plan.scratch is not None:
            remove(plan.scratch)


class _Inputs(NamedTuple):
    """The inputs of a stream.

    Attributes:
        source: makes them of the labelled frames.
        metadata: fields about the inputs for the metadata of the weights file.
        files: files they are made with, in addition to the videos.
    """

    source: Source
    metadata: dict[str, Any]
    files: list[str | Path]


def _spatial_inputs(plan: TrainingPlan, labelled: LabelledFrames, frames: int, origin: Origin) -> _Inputs:
    """Return inputs of `frames` frames around each labelled one.

    They are normalized with the statistics that pretrained weights were trained with, else with those of the training
    videos.
    """
    if origin.mean is None or origin.std is None:
        pool = FramePool(labelled.manifests, budget=0)
        mean, std = pool.mean.tolist(), pool.std.tolist()
    else:
        mean, std = list(origin.mean), list(origin.std)
    source = FrameSource(labelled, frames, plan.changes, mean, std)
    return _Inputs(source, {"channel_mean": mean, "channel_std": std}, [])


def _motion_inputs(
    plan: TrainingPlan,
    labelled: LabelledFrames,
    flow_weights: str | Path | None,
    device: torch.device,
    precision: torch.dtype,
) -> _Inputs:
    """Return inputs of flow stacks from the trained flow network."""
    if flow_weights is None:
        raise InputError("the motion stream needs the weights of a flow network; give `flow_weights`")
    generator = FlowGenerator.load(flow_weights, device, precision)
    schedule, folder = Schedule.of(plan.settings), Path(plan.scratch or f"{plan.checkpoint}.flows")
    source = flow_source(
        labelled,
        generator,
        plan.changes,
        folder / "train",
        shared=plan.settings["reuse"],
        samples=schedule.epochs * epoch_samples(len(labelled), schedule),
    )
    return _Inputs(source, {}, [flow_weights])
