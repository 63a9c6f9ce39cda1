"""The training loop of all stages: epochs of random batches, resumable."""

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

WAITS_WORTH_TELLING = 0.1  # share of the time of an epoch's steps


def identity(batch: Any) -> Any:
    """Return a batch unchanged."""
    return batch


@dataclass(frozen=True)
class Training:
    """The training data of an epoch. Batches are planned and loaded separately, so that a resumed epoch skips steps.

    Attributes:
        plan: returns one epoch's batches, as input of `load` (sample numbers), given the epoch's random generator.
        load: makes a batch from its entry of the plan and its step's random generator; runs in a separate thread.
        loss: the loss of a batch on the model's device, a scalar tensor; reading its value would make a GPU wait.
        prepare: changes a batch on the model's device; if that is a CPU, in the loader's thread.
        weight: the number of entries over which the loss of a batch is averaged, given its entry of the plan.

    If several processes train together, `load` returns only this process's share of a batch (`parallel.own`).
    """

    plan: Callable[[np.random.Generator], Sequence[np.ndarray]]
    load: Callable[[np.ndarray, np.random.Generator], Any]
    loss: Callable[[Any], torch.Tensor]
    prepare: Callable[[Any], Any] = identity
    weight: Callable[[np.ndarray], int] = len


@dataclass(frozen=True)
class Validation:
    """The validation of an epoch: outputs of fixed parts of the data, then the loss of all of them.

    Attributes:
        parts: inputs of `load` (sample numbers); without any there is no validation.
        load: makes a batch from a part; runs in a separate thread.
        predict: outputs of a batch on the model's device, (n, ...); called with the model in eval mode.
        loss: the loss, from the outputs of all parts, concatenated on the CPU.
        prepare: as in Training.
    """

    parts: Sequence[Any]
    load: Callable[[Any], Any]
    predict: Callable[[Any], torch.Tensor]
    loss: Callable[[torch.Tensor], float]
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
    """Train `model` for all epochs of a schedule, and leave it in its last state, in eval mode.

    The validation is for the history alone: an epoch that is chosen on a few videos suits them, not other recordings.
    After each epoch, and every CHECKPOINT_EVERY seconds within it, the whole state is saved in `checkpoint`; a run
    that finds one there resumes from it and ends with the same weights as a run that was never interrupted. The file
    is kept at the end, so that a job that is killed while it ends loses nothing; `ethomake.workplace.discard` removes
    it.

    If several processes train together (ethomake.training.parallel), all call this, with the losses of a model
    returned by `parallel.replicate`, and all end with the same state; the first one saves it.

    Args:
        validation: evaluates each epoch; None, or one without parts, to train without validation.
        seed: seed of all random numbers.
        checkpoint: file of the state.
        identity: from `ethomake.training.fingerprint`; a checkpoint with another identity is not resumed.
        label: text before the progress bar.
        pretrained: names of parameters that did not start from random values.

    Returns:
        One row per epoch: epoch, learning_rate, train_loss, validation_loss.

    Raises:
        InputError: if the loss becomes NaN or infinite, the checkpoint cannot be read, or a batch has fewer samples
            than there are processes.
    """
    state = TrainingState(model, schedule, pretrained)
    keeper = Checkpoint(checkpoint, identity)
    keeper.restore(state, label)

    while not state.is_finished():
        waits = _train_epoch(state, training, keeper, seed, label)
        row = state.end_epoch(_validate(state, validation, keeper), label)
        logger.info(f"{label}: epoch {row['epoch']}: " + _in_words(row, waits.share))
        keeper.save(state)

    model.eval()
    return state.history


def _train_epoch(state: TrainingState, training: Training, checkpoint: Checkpoint, seed: int, label: str) -> Waits:
    """Do the remaining steps of an epoch; return how long they waited for batches.

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
            parallel.begin_step(*drawn)  # seeds dropout
            state.set_rate(len(plan))
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
def _validate(state: TrainingState, validation: Validation | None, checkpoint: Checkpoint) -> float | None:
    """Return the loss of the model on the validation parts; parts that are done already are not computed again."""
    if validation is None:
        return None
    state.model.eval()
    done = state.progress.outputs
    is_alone = parallel.size() == 1
    ours = done if is_alone else []  # several processes distribute the parts round-robin
    parts = validation.parts[len(done) :][parallel.rank() :: parallel.size()]
    for batch in feed(map(validation.load, parts), validation.prepare, state.device):
        ours.append(validation.predict(batch))
        checkpoint.save_if_due(state)
    outputs = on_cpu(done) + ([] if is_alone else parallel.gather(ours))
    return parallel.broadcast(validation.loss(torch.cat(outputs)) if outputs else None)


def _load(
    training: Training, plan: Sequence[np.ndarray], seed: int, epoch: int, begun: int
) -> Iterator[tuple[tuple[int, int], float, Any]]:
    """Yield the batches of an epoch after the first `begun`.

    Each item is (step seed, number of samples), factor, batch. The seed is for random numbers drawn during the step;
    with the factor on each process's loss, the mean over the processes is the loss of the whole batch.
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
    if waited > WAITS_WORTH_TELLING:
        parts.append(f"waited for batches {waited:.0%} of the time")
    return ", ".join(parts)
