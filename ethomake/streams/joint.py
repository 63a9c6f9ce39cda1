"""Train flow network and both streams together, after each was trained separately (the paper's last step)."""

import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

from ethomake.flow.known_motion import motion_seen
from ethomake.flow.metadata import FlowMetadata
from ethomake.flow.stacks import FRAMES
from ethomake.streams.classifier import fit_classifier
from ethomake.streams.fusion import fuse
from ethomake.streams.metadata import StreamMetadata
from ethomake.streams.partial import train_part
from ethomake.streams.sampling import sampling_weights
from ethomake.streams.sources import FrameSource, LabelledFrames
from ethomake.training import parallel
from ethomake.training.device import choose_device, choose_precision, describe, place
from ethomake.training.frames import FramePool, image_width, normalize
from ethomake.training.history import write_history
from ethomake.training.objective import Objective
from ethomake.training.plan import TrainingPlan
from ethomake.training.schedule import Schedule
from ethomake.training.weights import WeightsMetadata, save_weights

logger = logging.getLogger(__name__)


class TwoStream(nn.Module):
    """The hidden two-stream network: frames to flow, frames and flow to logits, logits fused.

    Args:
        weights: a weights file for each of "flow", "spatial" and "motion".
        dropout: dropout probability before the heads.
        fusion: a key of `ethomake.streams.fusion.FUSION`.

    Attributes:
        metadata: the metadata of each part's weights file.
    """

    def __init__(self, weights: Mapping[str, str | Path], dropout: float, fusion: str):
        super().__init__()
        self.flow, flow = FlowMetadata.load_network(weights["flow"])
        self.spatial, spatial = StreamMetadata.load_network(weights["spatial"], dropout=dropout)
        self.motion, motion = StreamMetadata.load_network(weights["motion"], dropout=dropout)
        self.metadata: dict[str, WeightsMetadata] = {"flow": flow, "spatial": spatial, "motion": motion}
        self.flow_channels = flow.channel_mean, flow.channel_std
        self.spatial_channels = spatial.channels
        self.fusion = fusion

    @property
    def parts(self) -> dict[str, nn.Module]:
        """The three networks by name."""
        return {"flow": self.flow, "spatial": self.spatial, "motion": self.motion}

    def forward(self, clips: torch.Tensor, inside: torch.Tensor) -> torch.Tensor:
        """Return fused logits (N, K) of windows of 11 frames, values 0..1, (N, 11, 3, H, W); `inside` (N, 11)."""
        stack = self.flow(normalize(clips, inside, *self.flow_channels))[0]
        frames = normalize(clips, inside, *self.spatial_channels)
        middle, around = FRAMES // 2, self.spatial.context_frames // 2
        spatial_logits = self.spatial(frames[:, middle - around : middle + around + 1])[1]
        motion_logits = self.motion(stack)[1]
        return fuse({"spatial": spatial_logits.float(), "motion": motion_logits.float()}, self.fusion)


def train_joint(
    plan: TrainingPlan, given: Mapping[str, str | Path], outputs: Mapping[str, str | Path], history: str | Path
) -> None:
    """Train all three networks together on the fused logits, and write the weights of each.

    Args:
        plan: as for `train_stream`; the number of epochs is `joint_epochs` in its settings.
        given: the weights files of "flow", "spatial" and "motion" to start from.
        outputs: the weights files to write, with the same keys.
        history: the learning history to write.

    Raises:
        InputError: if given weights or label tables do not fit.
    """
    device = choose_device()
    settings, schedule = plan.settings, Schedule.of(plan.settings, epochs=plan.settings["joint_epochs"])
    torch.manual_seed(plan.seed)
    model = TwoStream(given, settings["dropout"], settings["fusion"]).to(device)
    for stream in (model.spatial, model.motion):
        train_part(stream, settings["trained"])
    for part in model.parts.values():
        place(part, device)
    precision = choose_precision(settings["precision"], device, model, image_width(plan.train[0]))
    labelled = LabelledFrames(plan.labelled_train, plan.behaviors)
    sampling = sampling_weights(settings, labelled)
    objective = Objective(labelled.labels, plan.groups, settings, device, sampling)
    network = parallel.replicate(model)
    logger.info(f"joint: {len(labelled)} labelled frames, {describe(device, precision)}")
    rows = fit_classifier(
        model,
        schedule,
        objective,
        lambda loaded: network(*loaded),
        FrameSource(labelled, FRAMES, plan.changes, [], []),
        device=device,
        precision=precision,
        sampling=sampling,
        seed=plan.seed,
        checkpoint=plan.checkpoint,
        identity=plan.fingerprint(given.values()),
        label="joint",
        pretrained=frozenset(name for name, _ in model.named_parameters()),
    )
    if parallel.is_first():
        pool = FramePool(plan.train, budget=0)
        seen = motion_seen(model.flow, pool, FRAMES, *model.flow_channels, device, precision)
        flow = replace(model.metadata["flow"], motion_seen=round(seen, 3))
        for name, metadata in (model.metadata | {"flow": flow}).items():
            save_weights(outputs[name], model.parts[name], metadata)
        write_history(history, rows)
