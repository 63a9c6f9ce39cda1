import numpy as np
import pytest
import torch

from ethomake.errors import InputError
from ethomake.features.store import create_features
from ethomake.files import write_json
from ethomake.sequence.metadata import SequenceMetadata
from ethomake.sequence.model import SequenceModel, infer
from ethomake.sequence.predict import predict_video
from ethomake.sequence.train import _cut, _window_starts, train_sequence
from ethomake.training.history import read_history
from ethomake.training.plan import TrainingPlan

SETTINGS = {
    "network": "tgm",
    "window": 40,
    "filters": 4,
    "filter_length": 5,
    "layers": 2,
    "channels": 3,
    "hidden": 16,
    "dropout": 0.1,
    "l2": 1e-3,
    "epochs": 25,
    "steps": 50,
    "batch": 4,
    "learning_rate": 5e-3,
    "plateau_factor": 0.1,
    "patience": 5,
    "minimum_learning_rate": 1e-6,
    "focal_gamma": 1.0,
    "label_smoothing": 0.05,
    "positive_weight_exponent": 0.25,
}


@pytest.mark.parametrize("network", ["tgm", "tcn"])
@pytest.mark.parametrize("chunk", [1, 7, 64, 1000])
def test_predictions_do_not_depend_on_where_the_windows_fall(network, chunk):
    torch.manual_seed(0)
    model = SequenceModel(network, 12, 3, SETTINGS).eval()
    features = np.random.default_rng(0).normal(size=(131, 12)).astype(np.float32)
    model.standardize_with([features])
    whole = model(torch.from_numpy(features)[None])[0].detach()
    assert torch.allclose(infer(model, features, chunk), whole, atol=1e-5)


def test_features_are_standardized_with_all_training_videos():
    rng = np.random.default_rng(0)
    videos = [rng.normal(3, 2, (50, 6)).astype(np.float16), rng.normal(-1, 0.5, (20, 6)).astype(np.float16)]
    model = SequenceModel("tgm", 6, 2, SETTINGS)
    model.standardize_with(videos)
    together = np.concatenate(videos).astype(float)
    assert model.mean.numpy() == pytest.approx(together.mean(0), abs=1e-5)
    assert model.std.numpy() == pytest.approx(together.std(0), abs=1e-5)


def test_windows_cover_each_video_once():
    rng = np.random.default_rng(0)
    starts = _window_starts([100, 30], 40, rng)
    covered = np.zeros(100, int)
    for video, start in starts:
        if video == 0:
            covered[max(0, start) : start + 40] += 1
    assert (covered == 1).all()
    assert (starts[:, 0] == 1).sum() == 1


def test_short_videos_are_padded_and_the_padding_is_not_scored():
    features = np.arange(12, dtype=np.float32).reshape(6, 2)
    part, labels = _cut(features, torch.ones(6, 1, dtype=torch.int8), 0, 10)
    assert part.shape == (10, 2)
    assert labels[:, 0].tolist() == [1] * 6 + [-1] * 4


def write_features(folder, name, features, behaviors=("a", "b")):
    group = create_features(folder / f"{name}.zarr", len(features), {"spatial": (features.shape[1], "float16")})
    group["spatial"][:] = features
    write_json(
        folder / f"{name}.json",
        {
            "video": name,
            "frames": len(features),
            "streams": ["spatial"],
            "behaviors": list(behaviors),
            "arrays": {"spatial": list(features.shape)},
        },
    )
    return folder / f"{name}.json"


@pytest.fixture
def videos(tmp_path, write_table):
    """Make videos in which `a` is a bump of feature 0 in the recent past or future, and `b` is feature 1, noisy."""
    rng = np.random.default_rng(0)
    pairs = []
    for i in range(4):
        labels = np.repeat(rng.random((30, 2)) < 0.4, 10, axis=0).astype(np.int8)
        features = rng.normal(0, 1.5, (300, 8))
        features[:, :2] += 2.0 * labels
        if i < 3:
            labels[:100, 1] = -1  # partly scored
        pairs.append((write_features(tmp_path, f"v{i}", features), write_table(f"v{i}", ["a", "b"], labels)))
    return pairs


def train(videos, tmp_path, network="tgm", exclusive=False, **changes):
    features, labels = zip(*videos, strict=True)
    plan = TrainingPlan(
        train=features[:3],
        train_labels=labels[:3],
        validate=features[3:],
        validate_labels=labels[3:],
        behaviors=["a", "b"],
        exclusive=exclusive,
        settings=SETTINGS | {"network": network} | changes,
        seed=0,
        checkpoint=tmp_path / "checkpoint",
    )
    train_sequence(plan, ["spatial"], tmp_path / "w.safetensors", tmp_path / "h.csv")


@pytest.mark.parametrize("network", ["tgm", "tcn"])
def test_it_learns_what_single_frames_do_not_tell(videos, tmp_path, network):
    from sklearn.metrics import average_precision_score

    from ethomake.features.store import read_inputs
    from ethomake.labels.table import read_labels

    train(videos, tmp_path, network)
    predict_video(videos[3][0], tmp_path / "w.safetensors", tmp_path / "p.npy")
    probabilities, features = np.load(tmp_path / "p.npy"), read_inputs(videos[3][0])
    labels = read_labels(videos[3][1]).values
    assert probabilities.dtype == np.float32
    for k in range(2):
        smoothed = average_precision_score(labels[:, k], probabilities[:, k])
        single = average_precision_score(labels[:, k], features[:, k])
        assert smoothed > single + 0.1


def test_the_same_seed_gives_the_same_bytes(videos, tmp_path):
    for name in "ab":
        (tmp_path / name).mkdir()
        train(videos, tmp_path / name, epochs=2)
    assert (tmp_path / "a/w.safetensors").read_bytes() == (tmp_path / "b/w.safetensors").read_bytes()
    assert (tmp_path / "a/h.csv").read_bytes() == (tmp_path / "b/h.csv").read_bytes()


def test_a_killed_training_ends_with_the_same_bytes(videos, tmp_path, kill_training):
    for name in "ab":
        (tmp_path / name).mkdir()
    train(videos, tmp_path / "a", epochs=2)
    with kill_training(step=7):  # there are five per epoch
        train(videos, tmp_path / "b", epochs=2)
    train(videos, tmp_path / "b", epochs=2)
    assert (tmp_path / "b/w.safetensors").read_bytes() == (tmp_path / "a/w.safetensors").read_bytes()
    assert (tmp_path / "b/h.csv").read_bytes() == (tmp_path / "a/h.csv").read_bytes()


def test_exclusive_probabilities_leave_room_for_background(tmp_path, write_table):
    rng = np.random.default_rng(0)
    kind = np.repeat(rng.integers(0, 3, 30), 10)
    labels = np.stack([kind == 1, kind == 2], 1).astype(np.int8)
    features = rng.normal(0, 1, (300, 8))
    features[:, :2] += 2 * labels
    pair = write_features(tmp_path, "v", features), write_table("v", ["a", "b"], labels)
    train([pair] * 4, tmp_path, exclusive=True, epochs=10)
    predict_video(pair[0], tmp_path / "w.safetensors", tmp_path / "p.npy")
    probabilities = np.load(tmp_path / "p.npy")
    assert probabilities.shape == (300, 2)
    background = 1 - probabilities.sum(1)
    guess = np.stack([background, *probabilities.T], 1).argmax(1)
    assert (guess == kind).mean() > 0.8
    assert SequenceMetadata.read(tmp_path / "w.safetensors").exclusive


def test_labels_of_another_length_or_for_other_behaviors_are_refused(videos, tmp_path, write_table):
    short = (videos[0][0], write_table("short", ["a", "b"], np.zeros((299, 2))))
    with pytest.raises(InputError, match=r"299 rows.*300 frames"):
        train([short, *videos[1:]], tmp_path)
    other = (videos[0][0], write_table("other", ["a", "c"], np.zeros((300, 2))))
    with pytest.raises(InputError, match="has the behaviors"):
        train([other, *videos[1:]], tmp_path)


def test_nothing_labelled_is_refused(videos, tmp_path, write_table):
    blank = [(path, write_table(f"blank{i}", ["a", "b"], np.full((300, 2), -1))) for i, (path, _) in enumerate(videos)]
    with pytest.raises(InputError, match="no frame of the training videos is labelled"):
        train(blank, tmp_path)


def test_validation_videos_that_nobody_scored_choose_no_epoch(videos, tmp_path, write_table):
    blank = (videos[3][0], write_table("blank", ["a", "b"], np.full((300, 2), -1)))
    train([*videos[:3], blank], tmp_path, epochs=2)
    assert read_history(tmp_path / "h.csv")["validation_loss"] == [None, None]


def test_features_of_other_behaviors_are_refused_at_prediction(videos, tmp_path):
    train(videos, tmp_path, epochs=1)
    other = write_features(tmp_path, "other", np.zeros((20, 8)), behaviors=("x", "y"))
    with pytest.raises(InputError, match="other behaviors"):
        predict_video(other, tmp_path / "w.safetensors", tmp_path / "p.npy")
    assert not (tmp_path / "p.npy").exists()
