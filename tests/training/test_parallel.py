"""Training in several processes gives the result of one process: on CPUs, with gloo."""

import json
import os
import re
import signal
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.optim.optimizer import register_optimizer_step_pre_hook

from ethomake.errors import InputError
from ethomake.flow.train import train_flow
from ethomake.streams.joint import train_joint
from ethomake.streams.metadata import StreamMetadata
from ethomake.streams.train import train_stream
from ethomake.training import parallel, state
from ethomake.training.history import read_history
from ethomake.training.launch import launch
from ethomake.training.loop import Training, Validation, fit
from ethomake.training.losses import UNSCORED, focal_binary_loss
from ethomake.training.plan import TrainingPlan
from ethomake.training.schedule import Schedule, shuffled_batches
from ethomake.training.weights import flat_parameters, save_weights

X = torch.linspace(-1, 1, 64, dtype=torch.float64)[:, None]
SCORED = torch.where(torch.arange(64) % 3 > 0, (X[:, 0] > 0).long(), UNSCORED)[:, None]  # a third is not scored
SCHEDULE = Schedule(epochs=3, steps=3, batch=16, learning_rate=1e-2, l2_sp_beta=1e-3)


def learn(folder, device="cpu", dtype="float64", batch=16, kill_at=0):
    """Train a small network with all operations over a whole batch; `kill_at` is a step at which the last one dies."""
    if kill_at:
        kill_last_process(kill_at)
    device, dtype = torch.device(device), getattr(torch, dtype)
    x, labels = X.to(device, dtype), SCORED.to(device)
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(1, 16), nn.BatchNorm1d(16), nn.Tanh(), nn.Dropout(0.2), nn.Linear(16, 1))
    model.to(device, dtype)
    network = parallel.replicate(model)
    one = torch.ones(1, device=device)
    training = Training(
        lambda rng: shuffled_batches(64, Schedule(3, 3, batch), rng),
        lambda chosen, rng: chosen[parallel.own(len(chosen))],
        lambda chosen: focal_binary_loss(network(x[chosen]), labels[chosen], one.to(dtype)),
        weight=lambda chosen: int((SCORED[chosen] != UNSCORED).sum()),
    )
    validation = Validation(
        [slice(0, 7), slice(7, 20), slice(20, 40), slice(40, 64)],
        lambda part: part,
        lambda part: model(x[part]),
        lambda outputs: float(focal_binary_loss(outputs, SCORED, torch.ones(1))),
    )
    checkpoint = Path(folder) / "checkpoint"
    history = fit(model, SCHEDULE, training, validation, seed=3, checkpoint=checkpoint, identity="a", label="toy")
    if parallel.is_first():
        np.save(Path(folder) / "weights.npy", flat_parameters(model).numpy())
        (Path(folder) / "history.json").write_text(json.dumps(history))


def kill_last_process(step):
    state.CHECKPOINT_EVERY, steps = 0, iter(range(1, step))

    def count(*_):
        if next(steps, None) is None and parallel.rank() == parallel.size() - 1:
            os.kill(os.getpid(), signal.SIGKILL)

    register_optimizer_step_pre_hook(count)


def losses(folder):
    history = json.loads((folder / "history.json").read_text())
    return [row[name] for row in history for name in ("train_loss", "validation_loss")]


def epochs_told(capfd):
    return re.findall(r"^toy: epoch .* loss [\d.]+", capfd.readouterr().err, re.MULTILINE)


@pytest.fixture
def folder(tmp_path):
    """Return a function that makes a folder: `folder("a")`."""

    def make(name):
        (tmp_path / name).mkdir()
        return tmp_path / name

    return make


def test_three_processes_learn_what_one_learns(folder, capfd):
    """BatchNorm, dropout, a masked loss, batches and validations that three does not divide; in float64."""
    one, three = folder("one"), folder("three")
    launch(learn, 1, one)
    alone = epochs_told(capfd)
    launch(learn, 3, three)
    assert losses(three) == pytest.approx(losses(one), rel=1e-7)
    assert epochs_told(capfd) == alone, "what is told is told once"


def test_a_training_whose_process_was_killed_goes_on_and_ends_with_the_same_bytes(folder, capfd):
    whole, broken = folder("whole"), folder("broken")
    launch(learn, 3, whole, dtype="float32")
    with pytest.raises(InputError, match=r"process 3 of 3 was killed: .* run again to go on"):
        launch(learn, 3, broken, dtype="float32", kill_at=5)
    launch(learn, 3, broken, dtype="float32")
    assert "toy: goes on after step 1 of epoch 2 of 3" in capfd.readouterr().err
    assert (broken / "weights.npy").read_bytes() == (whole / "weights.npy").read_bytes()
    assert losses(broken) == losses(whole)


@pytest.mark.slow
def test_a_training_goes_on_with_another_number_of_processes(folder, capfd):
    whole, broken = folder("whole"), folder("broken")
    launch(learn, 1, whole)
    with pytest.raises(InputError, match="process 3 of 3 was killed"):
        launch(learn, 3, broken, kill_at=5)
    launch(learn, 2, broken)
    assert "toy: goes on after step 1 of epoch 2 of 3" in capfd.readouterr().err
    assert losses(broken) == pytest.approx(losses(whole), rel=1e-7)


def test_a_batch_with_nothing_for_some_process_is_refused(folder):
    with pytest.raises(InputError, match="toy: a batch of 1 cannot be shared by 2 processes; make `batch` larger"):
        launch(learn, 2, folder("a"), batch=1)


@pytest.mark.gpu
def test_two_gpus_learn_what_one_learns(folder):
    if torch.cuda.device_count() < 2:
        pytest.skip("this machine has one CUDA device")
    one, two = folder("one"), folder("two")
    launch(learn, 1, one, device="cuda", dtype="float32")
    launch(learn, 2, two, device="cuda", dtype="float32")
    assert losses(two) == pytest.approx(losses(one), rel=0.02), "dropout differs where shapes do"


FLOW = {
    "network": "tiny_motion_net",
    "weights": "none",
    "epochs": 2,
    "steps": 2,
    "batch": 5,
    "learning_rate": 1e-4,
    "l2_sp_alpha": 1e-5,
    "l2_sp_beta": 1e-3,
    "smoothness": [0.01, 0.02, 0.04],
    "charbonnier_exponent": 0.4,
    "smoothness_exponent": 0.3,
    "precision": "float32",
}
STREAM = {
    "network": "resnet18",
    "weights": "none",
    "trained": "all",
    "dropout": 0.2,
    "epochs": 2,
    "steps": 2,
    "batch": 9,
    "learning_rate": 1e-4,
    "focal_gamma": 1.0,
    "label_smoothing": 0.05,
    "positive_weight_exponent": 0.25,
    "sees": "color",
    "positive_weight_cap": 20.0,
    "sampling": "frames",
    "l2_sp_beta": 1e-3,
    "precision": "float32",
    "reuse": True,
}
CHANGES = {"rotation": 5.0}


@pytest.fixture
def pairs(write_store, write_table):
    """Make three videos and their labels; one of the behaviors is scored in half of the frames only."""
    rng = np.random.default_rng(0)
    made = []
    for name in ("u", "v", "w"):
        bright = np.repeat(rng.random(6) < 0.5, 4)
        frames = rng.integers(0, 60, (24, 32, 32, 3)) + 120 * bright[:, None, None, None]
        labels = np.stack([bright, np.where(np.arange(24) < 12, ~bright, UNSCORED)], 1)
        made.append((write_store(name, frames), write_table(name, ["bright", "half"], labels)))
    return made


def plan_of(pairs, folder, settings, **options):
    """Train on two of the videos; the flow network is validated with the third."""
    videos, labels = zip(*pairs, strict=True)
    return TrainingPlan(
        train=videos[:2],
        train_labels=labels[:2],
        validate=videos[2:],
        behaviors=["bright", "half"],
        settings=settings,
        augmentation=CHANGES,
        seed=0,
        checkpoint=folder / "checkpoint",
        **options,
    )


def curves(path):
    history = read_history(path)
    return history["train_loss"] + [loss for loss in history["validation_loss"] if loss is not None]


def test_two_processes_train_the_flow_network_as_one_does(folder, pairs):
    paths = {processes: folder(str(processes)) for processes in (1, 2)}
    for processes, path in paths.items():
        outputs = [path / "weights.safetensors", path / "history.csv"]
        launch(train_flow, processes, plan_of(pairs, path, FLOW), *outputs)
    # as large as the effect of the number of threads in one process
    assert curves(paths[2] / "history.csv") == pytest.approx(curves(paths[1] / "history.csv"), rel=1e-2)


@pytest.mark.parametrize(("stream", "exclusive"), [("spatial", False), ("motion", True)])
def test_two_processes_train_a_stream_as_one_does(folder, pairs, flow_weights, stream, exclusive):
    paths = {processes: folder(str(processes)) for processes in (1, 2)}
    for processes, path in paths.items():
        outputs = [path / "weights.safetensors", path / "history.csv"]
        plan = plan_of(pairs, path, STREAM, exclusive=exclusive)
        launch(train_stream, processes, plan, stream, *outputs, flow_weights=flow_weights)
    # float32: Adam amplifies the rounding of small gradients; observed: 0.1 %
    assert curves(paths[2] / "history.csv") == pytest.approx(curves(paths[1] / "history.csv"), rel=1e-2)


@pytest.mark.slow
def test_two_processes_train_flow_and_streams_together_as_one_does(folder, pairs, flow_weights):
    torch.manual_seed(0)
    given = {"flow": flow_weights}
    for kind in ("spatial", "motion"):
        given[kind] = folder(kind) / "weights.safetensors"
        metadata = StreamMetadata("resnet18", 0, kind, ["bright", "half"], False, 11, [0.4] * 3, [0.3] * 3)
        save_weights(given[kind], metadata.build(), metadata)
    paths = {processes: folder(str(processes)) for processes in (1, 2)}
    for processes, path in paths.items():
        outputs = {part: path / f"{part}.safetensors" for part in given}
        plan = plan_of(pairs, path, STREAM | {"fusion": "average", "joint_epochs": 2})
        launch(train_joint, processes, plan, given, outputs, path / "history.csv")
    one, two = (curves(paths[processes] / "history.csv") for processes in (1, 2))
    assert two[0] == pytest.approx(one[0], rel=1e-3)
    assert two == pytest.approx(one, rel=5e-2), "two threads of one process make 3.5 % after four steps"


def test_alone_nothing_is_shared(monkeypatch):
    model = nn.Sequential(nn.BatchNorm1d(2), nn.Dropout())
    assert parallel.replicate(model) is model
    assert "forward" not in vars(model[0]) | vars(model[1])
    assert (parallel.size(), parallel.rank(), parallel.own(7)) == (1, 0, slice(0, 7))
    assert parallel.broadcast("a") == "a"


@pytest.mark.parametrize("samples", [3, 8, 32])
def test_shares_cover_a_batch_and_are_of_the_same_size_but_for_one(monkeypatch, samples):
    monkeypatch.setattr(parallel, "size", lambda: 3)
    shares = []
    for rank in range(3):
        monkeypatch.setattr(parallel, "rank", lambda rank=rank: rank)
        shares.append(list(range(samples))[parallel.own(samples)])
    assert [sample for share in shares for sample in share] == list(range(samples))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1
