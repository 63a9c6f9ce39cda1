"""The training loop of all stages: epochs of random batches, a learning rate that falls on plateaus, resume."""

import copy
import json
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from ethomake.errors import InputError
from ethomake.files import content_digest, file_digest, write_whole
from ethomake.messages import Progress, duration
from ethomake.training import parallel
from ethomake.training.feed import Waits, feed

logger = logging.getLogger(__name__)

CHECKPOINT_EVERY = 60.0  # seconds of work that are lost at most when a training is killed
WAITS_WORTH_TELLING = 0.1  # of the time of an epoch's steps


@dataclass(frozen=True)
class Schedule:
    """How long and how fast to train; the keys of the same names in config.yaml.

    Adam, its rate multiplied by `plateau_factor` after `patience` epochs without progress, an end below
    `minimum_learning_rate`. Where epochs are few, progress may never stop for that long: in the last `final_epochs`
    the rate is at most `plateau_factor` times the first. `l2_sp_alpha` pulls weights toward the values they started
    from where those were pretrained, `l2_sp_beta` pulls all others toward zero (L2-SP, Li et al. 2018, arXiv
    1802.01483).
    """

    epochs: int
    steps: int
    batch: int
    learning_rate: float = 1e-4
    plateau_factor: float = 0.1
    patience: int = 3
    minimum_learning_rate: float = 5e-7
    final_epochs: int = 0
    l2_sp_alpha: float = 0.0
    l2_sp_beta: float = 0.0

    @classmethod
    def of(cls, settings: dict[str, Any], **changes: Any) -> "Schedule":
        """Take the schedule's keys out of a stage's settings."""
        names = {entry.name for entry in fields(cls)}
        return cls(**{key: value for key, value in {**settings, **changes}.items() if key in names})


def identify(files: Iterable[str | Path], *plain: Any) -> str:
    """A digest of all that networks compute from: the content of files, plain values, and the version of torch."""
    values = json.dumps([torch.__version__, *plain], sort_keys=True)
    return content_digest([values, *(file_digest(path) for path in files)])


def epoch_rng(seed: int, epoch: int) -> np.random.Generator:
    """The random numbers of one epoch: they depend on seed and epoch alone, so that a resumed run draws the same."""
    return np.random.default_rng([seed, epoch])


def step_rng(seed: int, epoch: int, step: int) -> np.random.Generator:
    """The random numbers of one step, counted from 1 (NumPy takes [seed, epoch, 0] for [seed, epoch])."""
    return np.random.default_rng([seed, epoch, step])


def shuffled_batches(n: int, schedule: Schedule, rng: np.random.Generator) -> list[np.ndarray]:
    """One epoch's batches of sample numbers 0..n-1: each sample at most once, at most `steps` full batches.

    With fewer samples than one batch, one batch of all of them.
    """
    return np.split(rng.permutation(n)[: epoch_samples(n, schedule)], max(1, min(schedule.steps, n // schedule.batch)))


def epoch_samples(n: int, schedule: Schedule) -> int:
    """How many of n samples one epoch learns from."""
    return min(schedule.steps, n // schedule.batch) * schedule.batch or n


def as_it_is(batch: Any) -> Any:
    """No change."""
    return batch


@dataclass(frozen=True)
class Training:
    """What an epoch learns from. Planned and loaded separately, so that a resumed epoch skips what it has done.

    Attributes:
        plan: one epoch's batches, as what `load` understands (sample numbers), from that epoch's random numbers.
        load: makes a batch from its entry of the plan and its step's random numbers; runs in a thread of its own.
        loss: the loss of a batch on the model's device, a scalar tensor; to read its value would make a GPU wait.
        prepare: changes a batch where the model is: on the device, or, where that is a CPU, in the loader's thread.
        weight: how many entries of a batch, known by its entry of the plan, its loss is the mean of.

    Where several processes train together, `load` gives of a batch only what is `parallel.own`.
    """

    plan: Callable[[np.random.Generator], Sequence[np.ndarray]]
    load: Callable[[np.ndarray, np.random.Generator], Any]
    loss: Callable[[Any], torch.Tensor]
    prepare: Callable[[Any], Any] = as_it_is
    weight: Callable[[np.ndarray], int] = len


@dataclass(frozen=True)
class Validation:
    """What an epoch is judged by: outputs part by part, the same each time, then a verdict on all of them.

    Attributes:
        parts: what `load` understands (sample numbers); without any there is no validation.
        load: makes a batch of a part; runs in a thread of its own.
        predict: outputs of a batch on the model's device, (n, ...); called with the model in eval mode.
        judge: loss and F1 out of the outputs of all parts, one after another on the CPU; F1 may be None.
        prepare: as in Training.
    """

    parts: Sequence[Any]
    load: Callable[[Any], Any]
    predict: Callable[[Any], torch.Tensor]
    judge: Callable[[torch.Tensor], tuple[float, float | None]]
    prepare: Callable[[Any], Any] = as_it_is


def fit(
    model: nn.Module,
    schedule: Schedule,
    training: Training,
    validation: Validation,
    *,
    seed: int,
    checkpoint: str | Path,
    identity: str,
    label: str,
    pretrained: frozenset[str] = frozenset(),
) -> list[dict]:
    """Train `model` and leave it in the state of its best epoch.

    The best epoch is that of the highest validation F1, or, where there is none, of the lowest validation loss,
    or, without validation, the last. The plateau is judged by the same figure. After each epoch, and in it every
    CHECKPOINT_EVERY seconds, the whole state is kept in `checkpoint`; a run that finds one there continues where
    it was kept and ends with the same weights as a run that was never interrupted. It stays at the end, so that
    a job that is killed while it ends loses nothing; `ethomake.workplace.discard` removes it.

    Where several processes train together (ethomake.training.parallel), all call this, with the losses of a model
    that `parallel.replicate` has given, and all end with the same state; the first one keeps it.

    Args:
        seed: where all random numbers come from.
        checkpoint: file of the state.
        identity: from `identify`; a checkpoint of another identity is not continued.
        label: what stands before the progress bar.
        pretrained: names of parameters that did not start from random values.

    Returns:
        One row an epoch: epoch, learning_rate, train_loss, validation_loss, validation_f1.

    Raises:
        InputError: if the loss is no longer a number, the checkpoint cannot be read, or a batch has fewer samples
            than there are processes.
    """
    parameters = [p for p in model.parameters() if p.requires_grad]
    device = parameters[0].device
    optimizer = torch.optim.Adam(parameters, lr=schedule.learning_rate)
    # An absolute threshold: a relative one takes an F1 that stays the same, which is negative here, for progress.
    plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimizer, factor=schedule.plateau_factor, patience=schedule.patience, threshold=1e-4, threshold_mode="abs"
    )
    penalty = _Penalty(model, schedule, pretrained)
    history: list[dict] = []
    best, best_state = float("inf"), None
    part = _Part()
    checkpoint = Path(checkpoint)
    if state := _read_checkpoint(checkpoint, identity, label):
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        plateau.load_state_dict(state["plateau"])
        penalty.load(state["start"])
        history, best, best_state = state["history"], state["best"], state["best_state"]
        part = _Part(**state["part"])
        place = f"step {part.steps} of epoch {len(history) + 1}" if part.steps else f"epoch {len(history)}"
        logger.info(f"{label}: goes on after {place} of {schedule.epochs}")
    parallel.wait()  # until all have read it
    kept = time.monotonic()

    def keep() -> None:
        nonlocal kept
        if not parallel.is_first():
            return
        content = {
            "identity": identity,
            "model": model.state_dict(),
            "optimizer": optimizer.state_dict(),
            "plateau": plateau.state_dict(),
            "start": penalty.start,
            "history": history,
            "best": best,
            "best_state": best_state,
            "part": {"steps": part.steps, "loss": float(part.loss), "outputs": _on_cpu(part.outputs)},
        }
        with write_whole(checkpoint) as path:
            torch.save(content, path)
        kept = time.monotonic()

    def keep_if_due() -> None:
        if time.monotonic() - kept >= CHECKPOINT_EVERY:
            keep()

    while len(history) < schedule.epochs and optimizer.param_groups[0]["lr"] >= schedule.minimum_learning_rate:
        epoch = len(history) + 1
        group = optimizer.param_groups[0]
        if epoch > schedule.epochs - schedule.final_epochs:
            group["lr"] = min(group["lr"], schedule.learning_rate * schedule.plateau_factor)
        rate = group["lr"]
        plan = training.plan(epoch_rng(seed, epoch))
        if len(plan) and min(map(len, plan)) < parallel.size():
            raise InputError(
                f"{label}: a batch of {min(map(len, plan))} cannot be shared by {parallel.size()} processes; "
                "make `batch` larger, label more, or give this training one GPU"
            )
        begun, started, waits = part.steps, time.monotonic(), Waits(device)
        model.train()
        with Progress(len(plan) - begun, f"{label} {epoch}/{schedule.epochs}", "step", estimate=False) as progress:
            items = _load(training, plan, seed, epoch, begun)
            prepared = feed(items, lambda one: (*one[:2], training.prepare(one[2])), device, waits.begin)
            for drawn, share, batch in prepared:
                parallel.begin_step(*drawn)  # dropout
                optimizer.zero_grad(set_to_none=True)
                value = training.loss(batch) * share
                value.backward()
                penalty.add()
                optimizer.step()
                part.add(parallel.mean(value.detach()))
                progress.advance()
                keep_if_due()
                waits.end()
                if epoch == 1 and begun == 0 and part.steps == min(3, len(plan)):
                    left = (time.monotonic() - started) / part.steps * len(plan) * schedule.epochs
                    logger.info(
                        f"{label}: {schedule.epochs} epochs of {len(plan)} steps take at most about {duration(left)}"
                    )
        model.eval()
        with torch.no_grad():
            alone = parallel.size() == 1
            ours = part.outputs if alone else []  # several deal the parts out in turn
            entries = validation.parts[len(part.outputs) :][parallel.rank() :: parallel.size()]
            for batch in feed(map(validation.load, entries), validation.prepare, device):
                ours.append(validation.predict(batch))
                keep_if_due()
            outputs = _on_cpu(part.outputs) + ([] if alone else parallel.gather(ours))
            verdict = validation.judge(torch.cat(outputs)) if outputs else (None, None)
            validation_loss, validation_f1 = parallel.agree(verdict)
        train_loss = float(part.loss) / max(part.steps, 1)
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
        logger.info(f"{label}: epoch {epoch}: " + _in_words(history[-1], waits.share))
        part = _Part()
        keep()
    if best_state is not None:
        model.load_state_dict(best_state)
    model.eval()
    return history


@dataclass
class _Part:
    """How far the epoch in progress has come: steps done, the sum of their losses, outputs of the validation."""

    steps: int = 0
    loss: torch.Tensor | float = 0.0
    outputs: list[torch.Tensor] = field(default_factory=list)

    def add(self, loss: torch.Tensor) -> None:
        self.steps += 1
        self.loss = loss.double() + self.loss  # stays on the device: nobody waits for it


def _load(
    training: Training, plan: Sequence[np.ndarray], seed: int, epoch: int, begun: int
) -> Iterator[tuple[tuple[int, int], float, Any]]:
    """The batches of an epoch after the first `begun`.

    Each comes after the seed of what is drawn while it is learned and the number of its samples, and after the factor
    of this process's loss, with which the mean over the processes is the loss of the whole batch.
    """
    for step, chosen in enumerate(plan[begun:], begun + 1):
        rng = step_rng(seed, epoch, step)
        torch_seed = int(rng.integers(2**62))
        share = 1.0
        if (size := parallel.size()) > 1:
            share = size * training.weight(chosen[parallel.own(len(chosen))]) / max(training.weight(chosen), 1)
        yield (torch_seed, len(chosen)), share, training.load(chosen, rng)


class _Penalty:
    """The gradient of L2-SP: alpha * (w - start) for pretrained weights, beta * w for new ones; not for biases."""

    def __init__(self, model: nn.Module, schedule: Schedule, pretrained: frozenset[str]):
        named = [(name, p) for name, p in model.named_parameters() if p.requires_grad and p.ndim > 1]
        self.old = [p for name, p in named if name in pretrained] if schedule.l2_sp_alpha else []
        self.new = [p for name, p in named if name not in pretrained] if schedule.l2_sp_beta else []
        self.start = [p.detach().clone() for p in self.old]
        self.alpha, self.beta = schedule.l2_sp_alpha, schedule.l2_sp_beta

    def load(self, start: list[torch.Tensor]) -> None:
        """Pull toward the values that a checkpoint has kept."""
        for own, kept in zip(self.start, start, strict=True):
            own.copy_(kept)

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
        logger.info(f"{label}: starts anew, since labels, videos or settings have changed since it was stopped")
        return None
    return state


def _on_cpu(outputs: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    return [output.cpu() for output in outputs]


def _in_words(row: dict, waited: float) -> str:
    parts = [f"training loss {row['train_loss']:.4f}"]
    if row["validation_loss"] is not None:
        parts.append(f"validation loss {row['validation_loss']:.4f}")
    if row["validation_f1"] is not None:
        parts.append(f"validation F1 {row['validation_f1']:.3f}")
    if waited > WAITS_WORTH_TELLING:
        parts.append(f"waited for batches {waited:.0%} of the time")
    return ", ".join(parts)
