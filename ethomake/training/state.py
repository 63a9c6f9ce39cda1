"""The state of a training, and the checkpoint from which a killed training resumes."""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from ethomake.errors import InputError
from ethomake.files import write_whole
from ethomake.training import parallel
from ethomake.training.penalty import Penalty
from ethomake.training.schedule import Schedule

logger = logging.getLogger(__name__)

CHECKPOINT_EVERY = 60.0  # seconds; at most this much work is lost when a training is killed


@dataclass
class EpochProgress:
    """Progress of the current epoch: steps done, the sum of their losses, outputs of the validation."""

    steps: int = 0
    loss: torch.Tensor | float = 0.0
    outputs: list[torch.Tensor] = field(default_factory=list)

    def add(self, loss: torch.Tensor) -> None:
        """Count a step; its loss stays on the device, so that the program does not wait for it."""
        self.steps += 1
        self.loss = loss.double() + self.loss


class TrainingState:
    """All that changes while a network is trained and is saved in a checkpoint.

    Attributes:
        model: in the state of the last step.
        optimizer: Adam.
        penalty: the regularization L2-SP.
        history: one row per epoch that has ended.
        progress: progress of the current epoch.
    """

    def __init__(self, model: nn.Module, schedule: Schedule, pretrained: frozenset[str]):
        parameters = [p for p in model.parameters() if p.requires_grad]
        self.model, self.schedule, self.device = model, schedule, parameters[0].device
        self.optimizer = torch.optim.Adam(parameters, lr=schedule.learning_rate)
        self.penalty = Penalty(model, schedule, pretrained)
        self.history: list[dict] = []
        self.progress = EpochProgress()

    @property
    def epoch(self) -> int:
        """The current epoch, counted from 1."""
        return len(self.history) + 1

    def is_finished(self) -> bool:
        """Return whether all epochs are done."""
        return len(self.history) >= self.schedule.epochs

    def set_rate(self, steps: int) -> None:
        """Set the learning rate of the next step, in a training whose epochs have `steps` steps each."""
        done = len(self.history) * steps + self.progress.steps
        self.optimizer.param_groups[0]["lr"] = self.schedule.rate(done, self.schedule.epochs * steps)

    def end_epoch(self, validation_loss: float | None, label: str) -> dict:
        """Add a row to the history and return it.

        Raises:
            InputError: if a loss is NaN or infinite.
        """
        rate = self.optimizer.param_groups[0]["lr"]
        train_loss = float(self.progress.loss) / max(self.progress.steps, 1)
        if not np.isfinite([train_loss, validation_loss or 0.0]).all():
            raise InputError(
                f"{label}: the loss is no longer a number in epoch {self.epoch} (training {train_loss}, validation "
                f"{validation_loss}); lower learning_rate (it is {rate:g} there) or set precision: float32"
            )
        row = {
            "epoch": self.epoch,
            "learning_rate": rate,
            "train_loss": train_loss,
            "validation_loss": validation_loss,
        }
        self.history.append(row)
        self.progress = EpochProgress()
        return row

    def state_dict(self) -> dict[str, Any]:
        """Return the whole state as tensors and plain values."""
        progress = self.progress
        return {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "start": self.penalty.start,
            "history": self.history,
            "progress": {
                "steps": progress.steps,
                "loss": float(progress.loss),
                "outputs": on_cpu(progress.outputs),
            },
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore a state that `state_dict` returned."""
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.penalty.load(state["start"])
        self.history = state["history"]
        self.progress = EpochProgress(**state["progress"])


class Checkpoint:
    """The file in which the state of a training is saved; of several processes the first one writes it."""

    def __init__(self, path: str | Path, identity: str):
        self.path, self.identity = Path(path), identity
        self.saved = time.monotonic()

    def restore(self, state: TrainingState, label: str) -> None:
        """Resume from the file if there is one with the same identity; all processes wait until all have read it.

        Raises:
            InputError: if it cannot be read.
        """
        if kept := self._read(label):
            state.load_state_dict(kept)
            epochs, steps = len(state.history), state.progress.steps
            place = f"step {steps} of epoch {epochs + 1}" if steps else f"epoch {epochs}"
            logger.info(f"{label}: goes on after {place} of {state.schedule.epochs}")
        parallel.wait()
        self.saved = time.monotonic()

    def save(self, state: TrainingState) -> None:
        """Write the file."""
        if not parallel.is_first():
            return
        with write_whole(self.path) as path:
            torch.save({"identity": self.identity, **state.state_dict()}, path)
        self.saved = time.monotonic()

    def save_if_due(self, state: TrainingState) -> None:
        """Write the file if it was last written CHECKPOINT_EVERY seconds ago or earlier."""
        if time.monotonic() - self.saved >= CHECKPOINT_EVERY:
            self.save(state)

    def _read(self, label: str) -> dict[str, Any] | None:
        """Return the state to resume from; None if there is none or it has another identity."""
        if not self.path.exists():
            return None
        try:
            kept = torch.load(self.path, map_location="cpu", weights_only=True)
        except Exception as error:
            raise InputError(
                f"{self.path}: this checkpoint cannot be read ({error}); delete it to start from the beginning"
            ) from None
        if kept["identity"] != self.identity:
            logger.info(f"{label}: starts from the beginning, since labels, videos or settings have changed")
            return None
        return kept


def on_cpu(outputs: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    """Return tensors on the CPU."""
    return [output.cpu() for output in outputs]
