import numpy as np
import pytest
import torch

from ethomake.errors import InputError
from ethomake.flow.metadata import FlowMetadata
from ethomake.flow.stacks import FlowGenerator
from ethomake.flow.train import train_flow
from ethomake.training.history import read_history
from ethomake.training.plan import TrainingPlan

SETTINGS = {
    "network": "tiny_motion_net",
    "weights": "none",
    "epochs": 2,
    "steps": 4,
    "batch": 4,
    "learning_rate": 1e-3,
    "l2_sp_alpha": 1e-5,
    "l2_sp_beta": 1e-3,
    "smoothness": [0.01, 0.02, 0.04],
    "charbonnier_exponent": 0.4,
    "smoothness_exponent": 0.3,
    "precision": "float32",
}
AUGMENTATION = {"flip_horizontal": 0.5, "rotation": 0.0, "color_probability": 0.0, "greyscale": 0.0}


@pytest.fixture
def video(write_store):
    """Make a video of a smooth texture that moves two pixels to the right per frame."""

    def make(name, count=40):
        rng = np.random.default_rng(0)
        texture = rng.random((8, 32, 3)).repeat(4, 0).repeat(4, 1)  # 32 x 128
        frames = [np.roll(texture, 2 * t, axis=1)[:, :32] * 255 for t in range(count)]
        return write_store(name, frames)

    return make


def train(folder, videos, validate=(), augmentation=AUGMENTATION, **changes):
    folder.mkdir(exist_ok=True)
    plan = TrainingPlan(
        train=videos,
        validate=list(validate),
        settings=SETTINGS | changes,
        augmentation=augmentation,
        seed=0,
        checkpoint=folder / "checkpoint",
    )
    train_flow(plan, folder / "weights.safetensors", folder / "history.csv")
    return folder / "weights.safetensors"


def test_training_lowers_the_loss_and_says_what_it_made(tmp_path, video):
    weights = train(tmp_path / "a", [video("v")], [video("w", 30)], epochs=4, steps=8)
    losses = read_history(tmp_path / "a/history.csv")["validation_loss"]
    assert min(losses) < losses[0]
    metadata = FlowMetadata.read(weights)
    assert metadata.network == "tiny_motion_net"
    assert metadata.channel_mean != metadata.channel_std


def test_same_seed_same_bytes(tmp_path, video):
    path = video("v")
    a, b = train(tmp_path / "a", [path]), train(tmp_path / "b", [path])
    assert a.read_bytes() == b.read_bytes()


def test_noise_is_left_out_and_other_changes_of_light_are_not(tmp_path, video):
    path = video("v")
    plain = train(tmp_path / "a", [path])
    noisy = train(tmp_path / "b", [path], augmentation=AUGMENTATION | {"noise": 0.3})
    dark = train(tmp_path / "c", [path], augmentation=AUGMENTATION | {"gamma": 2.0})
    assert noisy.read_bytes() == plain.read_bytes() != dark.read_bytes()


def test_a_killed_training_ends_with_the_same_bytes(tmp_path, video, kill_training):
    path, check = video("v"), video("w", 30)
    whole = train(tmp_path / "a", [path], [check])
    with kill_training(step=3):
        train(tmp_path / "b", [path], [check])
    assert train(tmp_path / "b", [path], [check]).read_bytes() == whole.read_bytes()
    assert (tmp_path / "b/history.csv").read_bytes() == (tmp_path / "a/history.csv").read_bytes()


def test_steps_never_make_a_gpu_wait(tmp_path, video, values_read):
    path, check = video("v"), video("w", 30)
    train(tmp_path / "first", [path], [check], steps=1)  # what is made once in a process is there after it
    values_read.clear()
    train(tmp_path / "a", [path], [check], steps=1)
    in_one_step = values_read.copy()
    assert in_one_step, "an epoch's losses are read at its end"
    values_read.clear()
    train(tmp_path / "b", [path], [check], steps=4)
    assert values_read == in_one_step


def test_training_goes_on_from_given_weights(tmp_path, video):
    path = video("v")
    first = train(tmp_path / "a", [path], epochs=4, steps=8)
    second = train(tmp_path / "b", [path], epochs=1, steps=1, weights=str(first), learning_rate=1e-9)
    generators = [FlowGenerator.load(w, torch.device("cpu"), torch.float32) for w in (first, second)]
    clips, inside = torch.rand(2, 11, 3, 32, 32), torch.ones(2, 11, dtype=torch.bool)
    flows = [generator(clips, inside) for generator in generators]
    scratch = FlowGenerator.load(train(tmp_path / "c", [path], epochs=1, steps=1), torch.device("cpu"), torch.float32)
    near, far = (float((flow - flows[0]).abs().mean()) for flow in (flows[1], scratch(clips, inside)))
    assert near < far / 3


def test_weights_of_another_network_are_refused(tmp_path, video):
    path = video("v")
    first = train(tmp_path / "a", [path], epochs=1, steps=1)
    with pytest.raises(InputError, match="do not fit the network"):
        train(tmp_path / "b", [path], network="tiny_motion_net_3d", weights=str(first))


def test_weights_that_are_no_weights_of_ours_are_refused(tmp_path, video):
    torch.save({"x": torch.zeros(1)}, tmp_path / "flow.pth")
    with pytest.raises(InputError, match="not a safetensors file"):
        train(tmp_path / "a", [video("v")], weights=str(tmp_path / "flow.pth"))


def test_videos_shorter_than_a_window_can_be_learned_from(tmp_path, video):
    assert train(tmp_path / "a", [video("short", 6)], epochs=1, steps=1).exists()
