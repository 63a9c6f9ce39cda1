"""The training loop of all stages: epochs of random batches, a learning rate that falls on plateaus, resume."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from ethomake.errors import InputError
from ethomake.messages import Progress, duration
from ethomake.training import parallel
from ethomake.training.feed import Waits, feed
from ethomake.training.schedule import Schedule, epoch_rng, step_rng
from ethomake.training.state import Checkpoint, TrainingState, on_cpu

logger = logging.getLogger(__name__)

WAITS_WORTH_TELLING = 0.1  # of the time of an epoch's steps


def identity(batch: Any) -> Any:
    """Return a batch unchanged."""
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
    prepare: Callable[[Any], Any] = identity
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
    prepare: Callable[[Any], Any] = identity


def fit(
    model: nn.Module,
    schedule: Schedule,
    training: Training,
    validation: Validation | None,
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
        validation: what judges the epochs; None, or one without parts, where nothing does.
        seed: where all random numbers come from.
        checkpoint: file of the state.
        identity: from `ethomake.training.fingerprint`; a checkpoint of another identity is not continued.
        label: what stands before the progress bar.
        pretrained: names of parameters that did not start from random values.

    Returns:
        One row per epoch: epoch, learning_rate, train_loss, validation_loss, validation_f1.

    Raises:
        InputError: if the loss is no longer a number, the checkpoint cannot be read, or a batch has fewer samples
            than there are processes.
    """
    state = TrainingState(model, schedule, pretrained)
    keeper = Checkpoint(checkpoint, identity)
    keeper.restore(state, label)

    while not state.is_finished():
        rate = state.lower_rate_in_final_epochs()
        waits = _train_epoch(state, training, keeper, seed, label)
        loss, f1 = _validate(state, validation, keeper)
        row = state.end_epoch(rate, loss, f1, label)
        logger.info(f"{label}: epoch {row['epoch']}: " + _in_words(row, waits.share))
        keeper.save(state)

    state.return_to_best_epoch()
    return state.history


def _train_epoch(state: TrainingState, training: Training, checkpoint: Checkpoint, seed: int, label: str) -> Waits:
    """Do the steps of an epoch that are not done yet; return how they waited for batches.

    Raises:
        InputError: if a batch has fewer samples than there are processes.
    """
    schedule, progress, epoch = state.schedule, state.progress, state.epoch
    plan = training.plan(epoch_rng(seed, epoch))
    if len(plan) and min(map(len, plan)) < parallel.size():
        raise InputError(
            f"{label}: a batch of {min(map(len, plan))} cannot be shared by {parallel.size()} processes; "
            "make `batch` larger, label more, or give this training one GPU"
        )
    begun, started, waits = progress.steps, time.monotonic(), Waits(state.device)
    state.model.train()
    with Progress(len(plan) - begun, f"{label} {epoch}/{schedule.epochs}", "step", estimate=False) as bar:
        items = _load(training, plan, seed, epoch, begun)
        batches = feed(items, lambda item: (*item[:2], training.prepare(item[2])), state.device, waits.begin)
        for drawn, share, batch in batches:
            parallel.begin_step(*drawn)  # dropout
            state.optimizer.zero_grad(set_to_none=True)
            loss = training.loss(batch) * share
            loss.backward()
            state.penalty.add()
            state.optimizer.step()
            progress.add(parallel.mean(loss.detach()))
            bar.advance()
            checkpoint.save_if_due(state)
            waits.end()
            if epoch == 1 and begun == 0 and progress.steps == min(3, len(plan)):
                left = (time.monotonic() - started) / progress.steps * len(plan) * schedule.epochs
                logger.info(
                    f"{label}: {schedule.epochs} epochs of {len(plan)} steps take at most about {duration(left)}"
                )
    return waits


@torch.no_grad()
def _validate(
    state: TrainingState, validation: Validation | None, checkpoint: Checkpoint
) -> tuple[float | None, float | None]:
    """Return loss and F1 of the model on the validation parts, of which those done before are not done again."""
    if validation is None:
        return None, None
    state.model.eval()
    done = state.progress.outputs
    is_alone = parallel.size() == 1
    ours = done if is_alone else []  # several processes take the parts in turn
    parts = validation.parts[len(done) :][parallel.rank() :: parallel.size()]
    for batch in feed(map(validation.load, parts), validation.prepare, state.device):
        ours.append(validation.predict(batch))
        checkpoint.save_if_due(state)
    outputs = on_cpu(done) + ([] if is_alone else parallel.gather(ours))
    verdict = validation.judge(torch.cat(outputs)) if outputs else (None, None)
    return parallel.broadcast(verdict)


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


def _in_words(row: dict, waited: float) -> str:
    parts = [f"training loss {row['train_loss']:.4f}"]
    if row["validation_loss"] is not None:
        parts.append(f"validation loss {row['validation_loss']:.4f}")
    if row["validation_f1"] is not None:
        parts.append(f"validation F1 {row['validation_f1']:.3f}")
    if waited > WAITS_WORTH_TELLING:
        parts.append(f"waited for batches {waited:.0%} of the time")
    return ", ".join(parts)
