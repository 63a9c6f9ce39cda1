import numpy as np
import pytest
import torch

from ethomake.errors import InputError
from ethomake.features.store import create_features
from ethomake.files import read_npz, write_json
from ethomake.sequence.metadata import SequenceMetadata
from ethomake.sequence.predict import predict_video
from ethomake.sequence.train import LabelledFeatures, _cut, _window_starts, train_sequence, window_batches
from ethomake.training.history import read_history
from ethomake.training.plan import TrainingPlan
from ethomake.training.schedule import Schedule

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
    "epochs": 10,
    "steps": 12,
    "batch": 4,
    "learning_rate": 5e-3,
    "focal_gamma": 0.0,
    "label_smoothing": 0.05,
    "positive_weight_exponent": 0.25,
    "positive_weight_cap": 20.0,
}


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
    video = LabelledFeatures("v", np.arange(12, dtype=np.float16).reshape(6, 2), torch.ones(6, 1, dtype=torch.int8))
    part, labels = _cut(video, 0, 10)
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


def train(videos, tmp_path, network="tgm", exclusive=False, folds=(), streams=("spatial",), **changes):
    features, labels = zip(*videos, strict=True)
    plan = TrainingPlan(
        train=features,
        train_labels=labels,
        behaviors=["a", "b"],
        exclusive=exclusive,
        settings=SETTINGS | {"network": network} | changes,
        seed=0,
        checkpoint=tmp_path / "checkpoints",
    )
    files = [tmp_path / name for name in ("w.safetensors", "h.csv", "oof.npz")]
    train_sequence(plan, list(streams), *files, folds=folds)
    return read_npz(files[-1])


@pytest.mark.parametrize("network", ["tgm", "tcn"])
def test_it_learns_what_single_frames_do_not_tell(videos, tmp_path, network):
    from sklearn.metrics import average_precision_score

    from ethomake.features.store import read_inputs
    from ethomake.labels.table import read_labels

    train(videos[:3], tmp_path, network, epochs=30)
    predict_video(videos[3][0], tmp_path / "w.safetensors", tmp_path / "p.npy")
    probabilities, features = np.load(tmp_path / "p.npy"), read_inputs(videos[3][0])
    labels = read_labels(videos[3][1]).values
    assert probabilities.dtype == np.float32
    for k in range(2):
        smoothed = average_precision_score(labels[:, k], probabilities[:, k])
        single = average_precision_score(labels[:, k], features[:, k])
        assert smoothed > single + 0.1


def bytes_of(folder):
    return [(folder / name).read_bytes() for name in ("w.safetensors", "h.csv", "oof.npz")]


def test_the_same_seed_gives_the_same_bytes(videos, tmp_path):
    for name in "ab":
        (tmp_path / name).mkdir()
        train(videos, tmp_path / name, epochs=2, steps=3, folds=[["v0"], ["v1", "v2"]])
    assert bytes_of(tmp_path / "a") == bytes_of(tmp_path / "b")


@pytest.mark.parametrize("step", [4, 10, 17])
def test_a_killed_training_ends_with_the_same_bytes(videos, tmp_path, kill_training, step):
    """Each training, two without a fold and one with all videos, has six steps."""
    for name in "ab":
        (tmp_path / name).mkdir()
    options = {"epochs": 2, "steps": 3, "folds": [["v0"], ["v1", "v2"]]}
    train(videos, tmp_path / "a", **options)
    with kill_training(step=step):
        train(videos, tmp_path / "b", **options)
    assert not (tmp_path / "b/oof.npz").exists()
    train(videos, tmp_path / "b", **options)
    assert bytes_of(tmp_path / "b") == bytes_of(tmp_path / "a")


def test_the_probabilities_of_a_fold_are_those_of_a_training_without_it(videos, tmp_path):
    for name in ("folds", "apart"):
        (tmp_path / name).mkdir()
    held_out = train(videos, tmp_path / "folds", epochs=2, steps=3, folds=[["v0", "v3"], ["v1"]])
    train(videos[1:3], tmp_path / "apart", epochs=2, steps=3)
    for number in (0, 3):
        predict_video(videos[number][0], tmp_path / "apart/w.safetensors", tmp_path / "p.npy")
        np.testing.assert_array_equal(held_out[f"v{number}"], np.load(tmp_path / "p.npy"))
    assert np.isfinite(held_out["v1"]).all()
    assert np.isnan(held_out["v2"]).all()  # in no fold


def test_a_behavior_that_only_the_fold_shows_has_no_probabilities_there(videos, tmp_path, write_table):
    without = np.zeros((300, 2))
    without[::2, 0] = 1
    videos = [videos[0], *((path, write_table(f"w{i}", ["a", "b"], without)) for i, (path, _) in enumerate(videos[1:]))]
    held_out = train(videos, tmp_path, epochs=1, steps=2, folds=[["v0"], ["v1"]])
    assert np.isfinite(held_out["v0"][:, 0]).all()
    assert np.isnan(held_out["v0"][:, 1]).all()
    assert np.isfinite(held_out["v1"]).all()


def test_a_fold_that_has_all_the_labels_is_left_out(videos, tmp_path, write_table):
    blank = [(path, write_table(f"n{i}", ["a", "b"], np.full((300, 2), -1))) for i, (path, _) in enumerate(videos[1:])]
    held_out = train([videos[0], *blank], tmp_path, epochs=1, steps=2, folds=[["v0"], ["v1"]])
    assert np.isnan(held_out["v0"]).all()
    assert np.isfinite(held_out["v1"]).all()


def test_an_epoch_has_all_its_steps_however_few_windows_there_are(videos):
    rng = np.random.default_rng(0)
    scored = torch.ones(100, 1, dtype=torch.int8)
    scored[:50] = -1
    video = LabelledFeatures("v", np.zeros((100, 2), np.float16), scored)
    batches = window_batches([video], 10, Schedule(epochs=1, steps=7, batch=4), rng)
    assert [batch.shape for batch in batches] == [(4, 2)] * 7
    starts = np.concatenate(batches)[:, 1]
    assert starts.min() > 40  # windows before it have no scored frame
    assert len(np.unique(starts)) > 7  # another shift in each pass


def test_the_last_state_is_kept_and_the_rate_falls_to_zero(videos, tmp_path):
    train(videos, tmp_path, epochs=4, steps=5)
    history = read_history(tmp_path / "h.csv")
    assert history["epoch"] == [1, 2, 3, 4]
    assert history["validation_loss"] == [None] * 4
    assert history["learning_rate"][0] == max(history["learning_rate"])
    assert history["learning_rate"][-1] < 0.01 * SETTINGS["learning_rate"]


def test_exclusive_probabilities_leave_room_for_background(tmp_path, write_table):
    rng = np.random.default_rng(0)
    kind = np.repeat(rng.integers(0, 3, 30), 10)
    labels = np.stack([kind == 1, kind == 2], 1).astype(np.int8)
    features = rng.normal(0, 1, (300, 8))
    features[:, :2] += 2 * labels
    pair = write_features(tmp_path, "v", features), write_table("v", ["a", "b"], labels)
    train([pair], tmp_path, exclusive=True)
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
    with pytest.raises(InputError, match="no frame of the training and validation videos is labelled"):
        train(blank, tmp_path)


def test_features_of_other_behaviors_are_refused_at_prediction(videos, tmp_path):
    train(videos, tmp_path, epochs=1, steps=1)
    other = write_features(tmp_path, "other", np.zeros((20, 8)), behaviors=("x", "y"))
    with pytest.raises(InputError, match="other behaviors"):
        predict_video(other, tmp_path / "w.safetensors", tmp_path / "p.npy")
    assert not (tmp_path / "p.npy").exists()
