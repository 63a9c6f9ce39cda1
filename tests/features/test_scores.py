import json

import numpy as np
import pytest
import zarr
from sklearn.metrics import average_precision_score

from ethomake.errors import InputError
from ethomake.features.scores import FEWEST_BOUTS, FEWEST_FRAMES, read_logits, score_streams
from ethomake.features.store import array_of, create_features
from ethomake.files import write_json
from ethomake.labels.table import LabelTable, write_labels

BEHAVIORS = ["walk", "rest"]
COUNT = 600


def bouts(random, frames=COUNT, each=20):
    """Return labels int8 (frames, 2) whose bouts last `each` frames."""
    return np.repeat(random.random((frames // each, 2)) < 0.3, each, axis=0).astype(np.int8)


def write_video(folder, name, labels, exclusive=False, **logits):
    """Write labels and features of a video; return the paths of the manifest and the labels."""
    write_labels(folder / f"{name}.csv", LabelTable(tuple(BEHAVIORS), labels))
    arrays = {f"logits_{stream}": np.asarray(values, np.float32) for stream, values in logits.items()}
    store = create_features(folder / f"{name}.zarr", len(labels), {n: (2 + exclusive, "float32") for n in arrays})
    for array, values in arrays.items():
        array_of(store, array)[:] = values
    shapes = {array: list(values.shape) for array, values in arrays.items()}
    write_json(folder / f"{name}.json", {"streams": list(logits), "arrays": shapes})
    return folder / f"{name}.json", folder / f"{name}.csv"


def scores_of(folder, videos, exclusive=False):
    score_streams(videos, folder / "scores.json", behaviors=BEHAVIORS, exclusive=exclusive, shifts=40, seed=0)
    content = json.loads((folder / "scores.json").read_text())
    rows = content["scores"]
    return {(row["stream"], row["behavior"], row["recording"], row["learned"]): row for row in rows}


def sees(random, labels):
    return labels * 4 + random.normal(size=labels.shape)


def blind(random, labels):
    return random.normal(size=labels.shape)


@pytest.fixture
def make(tmp_path):
    """`make("name", recording, part, spatial=sees, motion=blind)` writes a video; gives its entry."""
    random = np.random.default_rng(0)

    def write(name, recording, part, labels=None, **streams):
        labels = bouts(random) if labels is None else labels
        logits = {stream: see(random, np.maximum(labels, 0)) for stream, see in streams.items()}
        return recording, part, *write_video(tmp_path, name, labels, **logits)

    return write


def test_a_stream_that_knows_nothing_in_a_new_recording_is_found_and_no_other(make, tmp_path):
    videos = [
        make("a", "cage1", "train", spatial=sees, motion=sees),
        make("b", "cage2", "test", spatial=sees, motion=blind),
        make("c", "cage3", "test", spatial=sees, motion=sees),
        make("d", "cage4", "validate", spatial=sees, motion=blind),  # it was learned from, too
    ]
    rows = scores_of(tmp_path, videos)
    found = {key[:3] for key, row in rows.items() if row["lost"]}
    assert found == {("motion", behavior, "cage2") for behavior in BEHAVIORS}
    row = rows["motion", "walk", "cage2", False]
    assert row["chance"]["mean"] == pytest.approx(row["share"], abs=0.05)
    assert row["average_precision"] < row["chance"]["p95"] + 0.05
    assert row["parts"] == ["test"]
    assert rows["motion", "walk", "cage4", True]["parts"] == ["validate"]


def test_the_numbers_are_those_of_scikit_learn_without_unscored_frames(make, tmp_path):
    labels = bouts(np.random.default_rng(3))
    labels[:100, 0] = -1
    videos = [
        make("a", "cage1", "train", labels=labels, motion=sees),
        make("b", "cage1", "train", motion=sees),
        make("c", "cage1", "test", motion=sees),
    ]
    rows = scores_of(tmp_path, videos)
    both = np.concatenate([np.loadtxt(video[3], delimiter=",", skiprows=1, dtype=int)[:, 1] for video in videos[:2]])
    logits = np.concatenate([zarr.open_group(tmp_path / f"{name}.zarr")["logits_motion"][:, 0] for name in "ab"])
    scored = both >= 0
    row = rows["motion", "walk", "cage1", True]
    assert row["average_precision"] == pytest.approx(average_precision_score(both[scored], logits[scored]))
    assert row["frames"] == scored.sum() == 2 * COUNT - 100
    assert row["share"] == pytest.approx((both == 1).sum() / scored.sum())
    assert rows["motion", "walk", None, True] == row | {"recording": None}
    assert rows["motion", "walk", "cage1", False]["parts"] == ["test"]


@pytest.mark.parametrize("reason", ["learned elsewhere in it", "not learned at all", "few frames", "few bouts"])
def test_nothing_is_said_without_enough_to_say_it(make, tmp_path, reason):
    labels = bouts(np.random.default_rng(5))
    if reason == "few frames":
        labels[:] = 0
        labels[np.arange(FEWEST_FRAMES - 1) * 12] = 1
    if reason == "few bouts":
        labels[:] = 0
        labels[100:300] = 1
        assert FEWEST_BOUTS > 1
    learns = blind if reason == "not learned at all" else sees
    videos = [
        make("a", "cage1", "train", motion=learns),
        make("b", "cage1" if reason == "learned elsewhere in it" else "cage2", "test", labels=labels, motion=blind),
    ]
    assert not any(row["lost"] for row in scores_of(tmp_path, videos).values())


def test_without_training_videos_there_are_scores_and_no_findings(make, tmp_path):
    rows = scores_of(tmp_path, [make("a", "cage1", "test", motion=blind)])
    assert set(rows) == {("motion", behavior, "cage1", False) for behavior in BEHAVIORS}
    assert not any(row["lost"] for row in rows.values())


def test_a_behavior_that_never_occurs_has_no_score(make, tmp_path):
    labels = np.zeros((COUNT, 2), np.int8)
    labels[:, 1] = -1
    rows = scores_of(tmp_path, [make("a", "cage1", "test", labels=labels, motion=sees)])
    never, unscored = (rows["motion", behavior, "cage1", False] for behavior in BEHAVIORS)
    assert (never["average_precision"], never["share"], never["frames"]) == (None, 0.0, COUNT)
    assert (unscored["average_precision"], unscored["share"], unscored["frames"]) == (None, None, 0)


def test_of_exclusive_behaviors_the_probability_is_ranked(tmp_path):
    """A logit that is large where that of background is larger ranks low."""
    labels = np.zeros((100, 2), np.int8)
    labels[:50, 0] = 1
    logits = np.zeros((100, 3))
    logits[:50] = [0, 1, 0]
    logits[50:] = [9, 2, 0]
    files = write_video(tmp_path, "a", labels, exclusive=True, motion=logits)
    rows = scores_of(tmp_path, [("cage1", "test", *files)], exclusive=True)
    assert rows["motion", "walk", "cage1", False]["average_precision"] == 1.0


def test_behaviors_beside_a_group_are_ranked_by_their_logit(tmp_path):
    labels, names = np.zeros((2, 3), np.int8), ["walk", "rest", "sniff"]
    write_labels(tmp_path / "a.csv", LabelTable(tuple(names), labels))
    logits = np.array([[1.0, 2.0, 0.5, -1.0], [0.0, 3.0, 0.25, 4.0]], np.float32)
    array_of(create_features(tmp_path / "a.zarr", 2, {"logits_motion": (4, "float32")}), "logits_motion")[:] = logits
    write_json(tmp_path / "a.json", {"streams": ["motion"], "arrays": {"logits_motion": [2, 4]}})
    _, found = read_logits(tmp_path / "a.json", tmp_path / "a.csv", names, [["walk", "sniff"]])
    softmax = np.exp(logits[:, [0, 1, 3]]) / np.exp(logits[:, [0, 1, 3]]).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(found["motion"][:, [0, 2]], np.log(softmax[:, 1:]), rtol=1e-6)
    np.testing.assert_array_equal(found["motion"][:, 1], logits[:, 2])


def test_features_of_other_behaviors_are_refused(tmp_path):
    files = write_video(tmp_path, "a", np.zeros((100, 2), np.int8), motion=np.zeros((100, 2)))
    with pytest.raises(InputError, match=r"a\.json: logits of 100 frames and 2 outputs"):
        scores_of(tmp_path, [("cage1", "test", *files)], exclusive=True)
