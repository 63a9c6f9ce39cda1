import json

import numpy as np
import pytest
from sklearn.metrics import f1_score

from ethomake.errors import InputError
from ethomake.ethogram.thresholds import (
    GRID,
    TOLERANCE,
    fit_threshold,
    fit_thresholds,
    shortest,
    whole_lengths,
)
from ethomake.labels.table import LabelTable, write_labels


def manifest(frames: int, fps: float = 10.0) -> dict:
    return {
        "video": "v",
        "frames": frames,
        "fps": fps,
        "constant_rate": True,
        "timestamps": {"time_base": [1, 1000], "first": 0, "steps": [[round(1000 / fps), frames - 1]]},
        "frames_digest": "sha256:00",
    }


def test_threshold_agrees_with_trying_the_whole_grid():
    random = np.random.default_rng(3)
    labels = (random.random(400) < 0.3).astype(np.int8)
    probabilities = np.clip(0.35 * labels + random.normal(0.3, 0.2, 400), 0, 1).astype(np.float32)
    labels[::7] = -1
    scored = labels >= 0
    scores = np.array([f1_score(labels[scored], probabilities[scored] >= threshold) for threshold in GRID])
    fitted = fit_threshold(probabilities, labels)
    at = int(np.argmin(abs(GRID - fitted.threshold)))
    assert fitted.f1 == pytest.approx(scores[at])
    assert scores[at] >= scores.max() - TOLERANCE
    low, high = (int(np.argmin(abs(GRID - end))) for end in fitted.plateau)
    assert (scores[low : high + 1] >= scores.max() - TOLERANCE).all()
    assert scores.max() in scores[low : high + 1]


def test_threshold_lies_in_the_middle_of_what_separates():
    probabilities = np.array([0.1, 0.2, 0.2, 0.8, 0.9])
    fitted = fit_threshold(probabilities, np.array([0, 0, 0, 1, 1]))
    assert fitted.threshold == pytest.approx(0.5, abs=0.006)
    assert fitted.plateau == pytest.approx((0.2025, 0.7975))
    assert fitted.f1 == 1


def test_threshold_prefers_the_wider_of_two_plateaus():
    # F1 is 2/3 with everything above .15 called positive, and again with everything above .7; the first is wider.
    probabilities = np.array([0.1, 0.1, 0.6, 0.6, 0.6, 0.6, 0.9])
    labels = np.array([0, 0, 1, 1, 0, 0, 1])
    narrow, wide = f1_score(labels, probabilities >= 0.7), f1_score(labels, probabilities >= 0.3)
    assert wide > narrow
    assert fit_threshold(probabilities, labels).threshold == pytest.approx(0.35, abs=0.01)


def test_threshold_needs_a_positive_frame():
    assert fit_threshold(np.array([0.2, 0.9, 0.4]), np.array([0, -1, 0])) is None


def test_threshold_where_everything_is_positive_is_low():
    fitted = fit_threshold(np.full(5, 0.5), np.ones(5, int))
    assert fitted.threshold < 0.5
    assert fitted.f1 == 1


def test_only_lengths_whose_both_ends_were_seen_count():
    labels = np.array([1, 1, 0, 1, 0, 0, 1, 1, 1, 0, -1, 0, 1, 1, -1, 1, 0, 0, 1])
    edges = np.arange(len(labels) + 1) / 10
    assert whole_lengths(labels, edges, 1) == pytest.approx([0.1, 0.3])
    assert whole_lengths(labels, edges, 0) == pytest.approx([0.1, 0.2, 0.2])


def test_lengths_are_of_time_not_of_frames():
    labels = np.array([0, 1, 1, 0])
    assert whole_lengths(labels, np.array([0, 0.1, 0.2, 5.0, 5.1]), 1) == pytest.approx([4.9])


def test_shortest_is_the_first_percentile_of_many():
    lengths = np.arange(1, 1001) / 100
    assert shortest(lengths) == pytest.approx(0.1, abs=0.011)


def test_shortest_is_careful_with_few():
    random = np.random.default_rng(0)
    true = np.exp(-2.3263 * 0.6)
    found = [shortest(np.exp(random.normal(0, 0.6, 12))) for _ in range(400)]
    # Below the true 1st percentile three times out of four; the smallest of 12 hardly ever is.
    assert 0.68 < np.mean(np.array(found) <= true) < 0.82
    assert shortest(np.full(4, 2.0)) == 0
    assert shortest(np.full(20, 2.0)) == pytest.approx(2)


def write_video(folder, name, probabilities, labels, behaviors=("walk", "rest")):
    np.save(folder / f"{name}.npy", probabilities.astype(np.float32))
    write_labels(folder / f"{name}.csv", LabelTable(behaviors, labels.astype(np.int8)))
    (folder / f"{name}.json").write_text(json.dumps(manifest(len(labels)) | {"video": name}))
    return folder / f"{name}.npy", folder / f"{name}.csv", folder / f"{name}.json"


def test_fit_thresholds_writes_rules_and_provenance(tmp_path, capsys):
    labels = np.tile(np.repeat([0, 1], [20, 10]), 8)
    values = np.stack([labels, np.zeros_like(labels)], axis=1)
    files = write_video(tmp_path, "a", np.where(values == 1, 0.7, 0.1), values)
    fit_thresholds([files], tmp_path / "out.json", behaviors=["walk", "rest"], exclusive=False)
    content = json.loads((tmp_path / "out.json").read_text())
    walk, rest = content["behaviors"]["walk"], content["behaviors"]["rest"]
    assert walk["threshold"] == pytest.approx(0.4, abs=0.01)
    assert walk["validation_f1"] == 1
    assert (walk["bouts"], walk["gaps"]) == (7, 7)  # without the last bout, at the end, and the first gap, at the start
    assert walk["minimum_bout_s"] == pytest.approx(1)
    assert walk["minimum_gap_s"] == pytest.approx(1)  # 2 s, but at most the shortest bout
    assert rest["threshold"] == 0.5
    assert rest["minimum_bout_s"] == 0
    assert "no positive frame" in rest["notes"][0]
    assert "warning: rest" in capsys.readouterr().err
    assert content["made_from"][0]["video"] == "a"
    assert content["made_from"][0]["labels"].startswith("sha256:")


def test_fit_thresholds_pools_videos(tmp_path):
    one = write_video(tmp_path, "a", np.array([[0.9], [0.2]]), np.array([[1], [0]]), ("walk",))
    two = write_video(tmp_path, "b", np.array([[0.6], [0.4]]), np.array([[1], [0]]), ("walk",))
    fit_thresholds([one, two], tmp_path / "out.json", behaviors=["walk"], exclusive=False)
    content = json.loads((tmp_path / "out.json").read_text())["behaviors"]["walk"]
    assert content["threshold"] == pytest.approx(0.5, abs=0.006)
    assert content["frames"] == 4


def test_exclusive_behaviors_have_no_threshold(tmp_path):
    files = write_video(tmp_path, "a", np.full((4, 2), 0.3), np.array([[1, 0], [0, 1], [0, 0], [1, 0]]))
    fit_thresholds([files], tmp_path / "out.json", behaviors=["walk", "rest"], exclusive=True)
    content = json.loads((tmp_path / "out.json").read_text())
    assert [own["threshold"] for own in content["behaviors"].values()] == [None, None]


def test_without_validation_videos_nothing_is_fitted(tmp_path, capsys):
    fit_thresholds([], tmp_path / "out.json", behaviors=["walk"], exclusive=False)
    own = json.loads((tmp_path / "out.json").read_text())["behaviors"]["walk"]
    assert (own["threshold"], own["minimum_bout_s"], own["minimum_gap_s"]) == (0.5, 0, 0)
    assert "no validation video" in capsys.readouterr().err


def test_files_that_do_not_fit_are_refused(tmp_path):
    files = write_video(tmp_path, "a", np.zeros((4, 2)), np.zeros((4, 2)))
    with pytest.raises(InputError, match="behaviors"):
        fit_thresholds([files], tmp_path / "out.json", behaviors=["rest", "walk"], exclusive=False)
    np.save(files[0], np.zeros((5, 2), np.float32))
    with pytest.raises(InputError, match="5 frames of 2"):
        fit_thresholds([files], tmp_path / "out.json", behaviors=["walk", "rest"], exclusive=False)
    assert not (tmp_path / "out.json").exists()
