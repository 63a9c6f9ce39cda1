"""The training loop of all stages: epochs of random batches, a learning rate that falls on plateaus, resume."""

import copy
import json
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from ethomake.errors import InputError
from ethomake.files import content_digest, file_digest, write_whole
from ethomake.job import Progress, duration, say
from ethomake.training.frames import prefetch


@dataclass(frozen=True)
class Schedule:
    """How long and how fast to train; the keys of the same names in config.yaml.

    Adam, its rate multiplied by `plateau_factor` after `patience` epochs without progress, an end below
    `minimum_learning_rate`. `l2_sp_alpha` pulls weights toward the values they started from where those were
    pretrained, `l2_sp_beta` pulls all others toward zero (L2-SP, Li et al. 2018, arXiv 1802.01483).
    """

    epochs: int
    steps: int
    batch: int
    learning_rate: float = 1e-4
    plateau_factor: float = 0.1
    patience: int = 3
    minimum_learning_rate: float = 5e-7
    l2_sp_alpha: float = 0.0
    l2_sp_beta: float = 0.0

    @classmethod
    def of(cls, settings: dict[str, Any], **changes: Any) -> "Schedule":
        """Take the schedule's keys out of a stage's settings."""
        names = {field.name for field in fields(cls)}
        return cls(**{key: value for key, value in {**settings, **changes}.items() if key in names})


def identify(files: Iterable[str | Path], *plain: Any) -> str:
    """A digest of all that a training depends on: the content of its input files, and plain values."""
    return content_digest([json.dumps(plain, sort_keys=True), *(file_digest(path) for path in files)])


def epoch_rng(seed: int, epoch: int) -> np.random.Generator:
    """The random numbers of one epoch: they depend on seed and epoch alone, so that a resumed run draws the same."""
    return np.random.default_rng([seed, epoch])


def shuffled_batches(n: int, schedule: Schedule, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """One epoch's batches of sample numbers 0..n-1: each sample at most once, at most `steps` full batches.

    With fewer samples than one batch, one batch of all of them.
    """
    order = rng.permutation(n)
    batch = min(schedule.batch, n)
    for step in range(min(schedule.steps, n // batch)):
        yield order[step * batch : (step + 1) * batch]


def fit(
    model: nn.Module,
    schedule: Schedule,
    *,
    batches: Callable[[np.random.Generator], Iterator[Any]],
    steps: int,
    loss: Callable[[Any], torch.Tensor],
    validate: Callable[[], tuple[float | None, float | None]],
    seed: int,
    checkpoint: str | Path,
    identity: str,
    label: str,
    pretrained: frozenset[str] = frozenset(),
) -> list[dict]:
    """Train `model` and leave it in the state of its best epoch.

    The best epoch is that of the highest validation F1, or, where there is none, of the lowest validation loss,
    or, without validation, the last. The plateau is judged by the same figure. After each epoch the whole state
    is kept in `checkpoint`; a run that finds one there continues after it and ends with the same weights as a run
    that was never interrupted. The caller removes it when its outputs are written.

    Args:
        batches: makes one epoch's batches from that epoch's random numbers; runs in a thread of its own.
        steps: number of batches an epoch, for progress and estimate.
        loss: the loss of one batch, a scalar tensor.
        validate: loss and F1 on the validation videos, either may be None; called with the model in eval mode.
        seed: where all random numbers come from.
        checkpoint: file of the state after the last complete epoch.
        identity: from `identify`; a checkpoint of another identity is not continued.
        label: what stands before the progress bar.
        pretrained: names of parameters that did not start from random values.

    Returns:
        One row an epoch: epoch, learning_rate, train_loss, validation_loss, validation_f1.
    """
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.Adam(parameters, lr=schedule.learning_rate)
    # An absolute threshold: a relative one takes an F1 that stays the same, which is negative here, for progress.
    plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimizer, factor=schedule.plateau_factor, patience=schedule.patience, threshold=1e-4, threshold_mode="abs"
    )
    penalty = _Penalty(model, schedule, pretrained)
    history: list[dict] = []
    best, best_state = float("inf"), None
    checkpoint = Path(checkpoint)
    if state := _read_checkpoint(checkpoint, identity, label):
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        plateau.load_state_dict(state["plateau"])
        penalty.start = state["start"]
        history, best, best_state = state["history"], state["best"], state["best_state"]
        say(f"{label}: goes on after epoch {len(history)} of {schedule.epochs}")

    while len(history) < schedule.epochs and optimizer.param_groups[0]["lr"] >= schedule.minimum_learning_rate:
        epoch = len(history) + 1
        rate = optimizer.param_groups[0]["lr"]
        rng = epoch_rng(seed, epoch)
        torch.manual_seed(int(rng.integers(2**62)))  # dropout
        model.train()
        total = torch.zeros((), dtype=torch.float64)
        done = 0
        started = time.monotonic()
        with Progress(steps, f"{label} {epoch}/{schedule.epochs}", "step", estimate=False) as progress:
            for batch in prefetch(batches(rng)):
                optimizer.zero_grad(set_to_none=True)
                value = loss(batch)
                value.backward()
                penalty.add()
                optimizer.step()
                total = total.to(value.device) + value.detach()
                done += 1
                progress.advance()
                if done == min(3, steps) and epoch == 1:
                    left = (time.monotonic() - started) / done * steps * schedule.epochs
                    say(f"{label}: {schedule.epochs} epochs of {steps} steps take at most about {duration(left)}")
        train_loss = float(total) / max(done, 1)
        model.eval()
        with torch.no_grad():
            validation_loss, validation_f1 = validate()
        if not np.isfinite([train_loss, validation_loss or 0.0]).all():
            raise InputError(
                f"{label}: the loss is no longer a number in epoch {epoch} (training {train_loss}, validation "
                f"{validation_loss}); lower learning_rate or set precision: float32"
            )
        figures = [-validation_f1 if validation_f1 is not None else None, validation_loss, -float(epoch)]
        goal = next(value for value in figures if value is not None)
        if goal < best:
            best, best_state = goal, copy.deepcopy(model.state_dict())
        plateau.step(goal)
        history.append(
            {
                "epoch": epoch,
                "learning_rate": rate,
                "train_loss": train_loss,
                "validation_loss": validation_loss,
                "validation_f1": validation_f1,
            }
        )
        say(f"{label}: epoch {epoch}: " + _in_words(history[-1]))
        _write_checkpoint(
            checkpoint,
            {
                "identity": identity,
                "model": model.state_dict(),
                "optimizer": optimizer.state_dict(),
                "plateau": plateau.state_dict(),
                "start": penalty.start,
                "history": history,
                "best": best,
                "best_state": best_state,
            },
        )
    if best_state is not None:
        model.load_state_dict(best_state)
    model.eval()
    return history


class _Penalty:
    """The gradient of L2-SP: alpha * (w - start) for pretrained weights, beta * w for new ones; not for biases."""

    def __init__(self, model: nn.Module, schedule: Schedule, pretrained: frozenset[str]):
        named = [(name, p) for name, p in model.named_parameters() if p.requires_grad and p.ndim > 1]
        self.old = [p for name, p in named if name in pretrained] if schedule.l2_sp_alpha else []
        self.new = [p for name, p in named if name not in pretrained] if schedule.l2_sp_beta else []
        self.start = [p.detach().clone() for p in self.old]
        self.alpha, self.beta = schedule.l2_sp_alpha, schedule.l2_sp_beta

    @torch.no_grad()
    def add(self) -> None:
        pairs = [(p, s) for p, s in zip(self.old, self.start, strict=True) if p.grad is not None]
        if pairs:
            old, start = zip(*pairs, strict=True)
            torch._foreach_add_([p.grad for p in old], torch._foreach_sub(old, start), alpha=self.alpha)
        new = [p for p in self.new if p.grad is not None]
        if new:
            torch._foreach_add_([p.grad for p in new], new, alpha=self.beta)


def _read_checkpoint(path: Path, identity: str, label: str) -> dict | None:
    """The state to continue from; None where there is none, or none that fits."""
    if not path.exists():
        return None
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise InputError(f"{path}: this checkpoint cannot be read ({error}); delete it to start anew") from None
    if state["identity"] != identity:
        say(f"{label}: starts anew, since labels, videos or settings have changed since it was stopped")
        return None
    return state


def _write_checkpoint(path: Path, state: dict) -> None:
    with write_whole(path) as part:
        torch.save(state, part)


def _in_words(row: dict) -> str:
    parts = [f"training loss {row['train_loss']:.4f}"]
    if row["validation_loss"] is not None:
        parts.append(f"validation loss {row['validation_loss']:.4f}")
    if row["validation_f1"] is not None:
        parts.append(f"validation F1 {row['validation_f1']:.3f}")
    return ", ".join(parts)
