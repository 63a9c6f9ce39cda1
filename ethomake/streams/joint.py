"""Train flow network and both streams together, after each was trained on its own (the paper's last step)."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ethomake.flow.networks import build_flow_network
from ethomake.flow.stacks import FRAMES
from ethomake.streams.classifier import fit_classifier
from ethomake.streams.fusion import fuse
from ethomake.streams.networks import build_stream
from ethomake.streams.sources import FrameSource, Labelled, LabelledFrames
from ethomake.training import parallel
from ethomake.training.augment import Augmentation
from ethomake.training.device import choose_device, choose_precision, describe, place
from ethomake.training.frames import image_width, normalize
from ethomake.training.history import write_history
from ethomake.training.loop import Schedule, identify
from ethomake.training.objective import Objective
from ethomake.training.weights import load_weights, read_facts, save_weights

logger = logging.getLogger(__name__)

PARTS = ("flow", "spatial", "motion")


class TwoStream(nn.Module):
    """The hidden two-stream network: frames to flow, frames and flow to logits, logits fused.

    Args:
        weights: a weights file for each of "flow", "spatial" and "motion".
        dropout: before the heads.
        fusion: a key of `ethomake.streams.fusion.FUSION`.
    """

    def __init__(self, weights: dict[str, str | Path], dropout: float, fusion: str):
        super().__init__()
        self.facts = {part: read_facts(weights[part]) for part in PARTS}
        self.flow = build_flow_network(self.facts["flow"]["network"], FRAMES)
        for part in ("spatial", "motion"):
            facts = self.facts[part]
            outputs = len(facts["behaviors"]) + facts["exclusive"]
            setattr(self, part, build_stream(facts["network"], part, outputs, frames=FRAMES, dropout=dropout))
        for part in PARTS:
            load_weights(weights[part], getattr(self, part))
        self.fusion = fusion

    def forward(self, clips: torch.Tensor, inside: torch.Tensor) -> torch.Tensor:
        """Fused logits (N, K) of windows of 11 frames, values 0..1, (N, 11, 3, H, W); `inside` (N, 11)."""
        flow, spatial = self.facts["flow"], self.facts["spatial"]
        stack = self.flow(normalize(clips, inside, flow["channel_mean"], flow["channel_std"]))[0]
        frames = normalize(clips, inside, spatial["channel_mean"], spatial["channel_std"])
        middle, around = FRAMES // 2, self.spatial.needs // 2
        spatial_logits = self.spatial(frames[:, middle - around : middle + around + 1])[1]
        motion_logits = self.motion(stack)[1]
        return fuse({"spatial": spatial_logits.float(), "motion": motion_logits.float()}, self.fusion)


def train_joint(
    train: Sequence[Labelled],
    validate: Sequence[Labelled],
    given: dict[str, str | Path],
    outputs: dict[str, str | Path],
    history: str | Path,
    *,
    behaviors: Sequence[str],
    exclusive: bool,
    settings: dict[str, Any],
    augmentation: dict[str, float],
    seed: int,
    checkpoint: str | Path,
) -> None:
    """Train all three networks together on the fused logits, and write the weights of each.

    Args:
        train, validate: manifests and label tables of the videos.
        given: the weights files of "flow", "spatial" and "motion" to start from.
        outputs: the weights files to write, with the same keys.
        history: the learning history to write.
        behaviors, exclusive, settings, augmentation, seed, checkpoint: as for `train_stream`; the number of epochs
            is `joint_epochs`.
    """
    device = choose_device()
    schedule = Schedule.of(settings, epochs=settings["joint_epochs"])
    torch.manual_seed(seed)
    model = TwoStream(given, settings["dropout"], settings["fusion"]).to(device)
    for part in PARTS:
        place(getattr(model, part), device)
    precision = choose_precision(settings["precision"], device, model, image_width(train[0][0]))
    learn, check = LabelledFrames(train, behaviors), LabelledFrames(validate, behaviors)
    objective = Objective(learn.labels, exclusive, settings, device)
    changes = Augmentation(**augmentation)
    inputs = [path for pair in (*train, *validate) for path in pair]
    network = parallel.replicate(model)
    logger.info(f"joint: {len(learn)} labelled frames, {describe(device, precision)}")

    def source(labelled: LabelledFrames) -> FrameSource:
        return FrameSource(labelled, FRAMES, changes, [], [])

    rows = fit_classifier(
        model,
        schedule,
        objective,
        lambda _, loaded: network(*loaded),
        source(learn),
        source(check) if len(check) else None,
        device=device,
        precision=precision,
        seed=seed,
        checkpoint=checkpoint,
        identity=identify([*inputs, *given.values()], exclusive, settings, augmentation, seed),
        label="joint",
        pretrained=frozenset(name for name, _ in model.named_parameters()),
    )
    if parallel.is_first():
        for part in PARTS:
            save_weights(outputs[part], getattr(model, part), model.facts[part])
        write_history(history, rows)
