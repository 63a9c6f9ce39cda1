import json

import numpy as np
import pytest
from sklearn.metrics import f1_score

from ethomake.errors import InputError
from ethomake.ethogram.calibration import fit_calibrations, left_out_errors
from ethomake.ethogram.thresholds import (
    DISAGREEMENT,
    GRID,
    TOLERANCE,
    UNCALIBRATED,
    FittingVideo,
    f1_at,
    fit_pooled,
    fit_threshold,
    fit_thresholds,
    shortest,
    whole_lengths,
)
from ethomake.files import write_npz
from ethomake.ingest.times import Clock
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


def clock(edges, breaks=()):
    return Clock(edges[:-1], edges[1:], np.array(breaks, np.int64), edges)


def test_only_lengths_whose_both_ends_were_seen_count():
    labels = np.array([1, 1, 0, 1, 0, 0, 1, 1, 1, 0, 0, -1, -1, 1, 1, 0, 0, 0, 1, -1, -1, 1, 0])
    edges = clock(np.arange(len(labels) + 1) / 10)
    assert whole_lengths(labels, edges, 1) == pytest.approx([0.1, 0.3])
    assert whole_lengths(labels, edges, 0) == pytest.approx([0.1, 0.2, 0.3])


def test_bouts_and_gaps_go_on_over_a_few_unscored_frames():
    labels = np.array([0, 1, 1, -1, 1, 0, 0, -1, 0, 1, 1, 0])
    edges = np.arange(13) / 10
    assert whole_lengths(labels, clock(edges), 1) == pytest.approx([0.4, 0.2])
    assert whole_lengths(labels, clock(edges), 0) == pytest.approx([0.4])
    assert whole_lengths(labels, clock(edges, breaks=[3]), 1) == pytest.approx([0.2])


def test_lengths_are_of_time_not_of_frames():
    labels = np.array([0, 1, 1, 0])
    assert whole_lengths(labels, clock(np.array([0, 0.1, 0.2, 5.0, 5.1])), 1) == pytest.approx([4.9])


def test_a_length_that_a_pause_cuts_is_not_known():
    labels = np.array([0, 1, 1, 0, 1, 0, 0, 1, 1, 0])
    edges = np.arange(11) / 10
    assert whole_lengths(labels, clock(edges, breaks=[2, 6]), 1) == pytest.approx([0.1, 0.2])
    assert whole_lengths(labels, clock(edges, breaks=[2, 6]), 0) == pytest.approx([0.1])
    assert whole_lengths(labels, clock(edges, breaks=[4]), 1) == pytest.approx([0.2, 0.2])  # it began in the pause


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


def test_the_threshold_is_half_way_between_the_best_of_all_frames_and_one_half():
    one = np.array([0.1, 0.2, 0.9, 0.8]), np.array([0, 0, 1, 1])
    two = np.array([0.3, 0.2, 0.85]), np.array([0, 0, 1])
    fitted = fit_pooled({"one": one, "two": two})
    together = fit_threshold(*(np.concatenate(parts) for parts in zip(one, two, strict=True)))
    assert fitted.pooled == together
    assert together.threshold == pytest.approx(0.55, abs=0.01)
    logit = np.log(together.threshold / (1 - together.threshold))
    assert fitted.threshold == pytest.approx(1 / (1 + np.exp(-logit / 2)))
    assert fitted.recordings == {"one": fit_threshold(*one), "two": fit_threshold(*two)}
    assert not fitted.disagree


def test_recordings_disagree_where_one_would_lose_by_the_threshold_for_all():
    # in the first, 0.2 separates best; in the second, which is larger, 0.8
    one = np.repeat([0.1, 0.3], 20), np.repeat([0, 1], 20)
    two = np.repeat([0.7, 0.9], 100), np.repeat([0, 1], 100)
    fitted = fit_pooled({"one": one, "two": two})
    assert fitted.pooled.threshold == pytest.approx(0.8, abs=0.01)
    assert 0.5 < fitted.threshold < fitted.pooled.threshold
    lost = f1_score(one[1], one[0] >= 0.2) - f1_score(one[1], one[0] >= fitted.threshold, zero_division=0)
    assert lost > DISAGREEMENT
    assert fitted.disagree
    assert "0.20 to 0.80" in fitted.in_words()
    assert not fit_pooled({"two": two}).disagree


def test_frames_without_probabilities_and_recordings_without_the_behavior_do_not_count():
    one = np.array([0.1, 0.2, 0.9, np.nan]), np.array([0, 0, 1, 1])
    two = np.array([0.3, 0.2]), np.array([0, 0])
    fitted = fit_pooled({"one": one, "two": two, "three": (np.full(3, np.nan), np.array([1, 0, 1]))})
    assert list(fitted.recordings) == ["one"]
    assert fitted.pooled.f1 == 1
    assert fit_pooled({"two": two}) is None
    assert fit_pooled({}) is None


def test_f1_at_a_threshold_is_that_of_sklearn():
    random = np.random.default_rng(5)
    labels, values = random.integers(-1, 2, 300), random.random(300)
    scored = labels >= 0
    assert f1_at(0.3, values, labels) == pytest.approx(f1_score(labels[scored], values[scored] >= 0.3))


def write_videos(folder, **videos):
    """Write (probabilities, labels) of videos, a recording each; return the file of probabilities and the videos."""
    written, behaviors = [], ("walk", "rest")
    for name, (_, labels) in videos.items():
        labels = np.asarray(labels)
        write_labels(folder / f"{name}.csv", LabelTable(behaviors[: labels.shape[1]], labels.astype(np.int8)))
        (folder / f"{name}.json").write_text(json.dumps(manifest(len(labels)) | {"video": name}))
        written.append(FittingVideo(name, f"day of {name}", folder / f"{name}.csv", folder / f"{name}.json"))
    arrays = {name: np.asarray(probabilities, np.float32) for name, (probabilities, _) in videos.items()}
    write_npz(folder / "oof.npz", arrays)
    return folder / "oof.npz", written


def test_fit_thresholds_writes_rules_and_provenance(tmp_path, capsys):
    labels = np.tile(np.repeat([0, 1], [20, 10]), 8)
    values = np.stack([labels, np.zeros_like(labels)], axis=1)
    probabilities = np.where(values == 1, 0.7, 0.1)
    given = write_videos(tmp_path, a=(probabilities, values), b=(probabilities, values))
    fit_thresholds(*given, tmp_path / "out.json", behaviors=["walk", "rest"], exclusive=False)
    content = json.loads((tmp_path / "out.json").read_text())
    walk, rest = content["behaviors"]["walk"], content["behaviors"]["rest"]
    assert walk["pooled"]["threshold"] == pytest.approx(0.4, abs=0.01)
    assert walk["threshold"] == pytest.approx(0.45, abs=0.01)
    assert walk["pooled"]["f1"] == 1
    assert list(walk["recordings"]) == ["day of a", "day of b"]
    assert not walk["disagree"]
    assert walk["calibration_error"] == pytest.approx((2 * 0.1 + 0.3) / 3, abs=1e-6)
    given_frames = [(probabilities.astype(np.float32), values)] * 2
    fitted = fit_calibrations(given_frames, exclusive=False)
    written = {"slope": fitted[0].slope, "offset": fitted[0].offset, "fitted": True}
    assert walk["calibration"] == pytest.approx(written, abs=1e-6)
    assert walk["calibration_error_after"] == pytest.approx(left_out_errors(given_frames, False)[0], abs=1e-6)
    assert walk["calibration_error_after"] < walk["calibration_error"]
    assert fitted[1] is None
    assert rest["calibration"] == {"slope": 1, "offset": 0, "fitted": False}
    assert rest["calibration_error_after"] == rest["calibration_error"]
    assert UNCALIBRATED in rest["notes"]
    # in each video without the last bout, at the end, and the first gap, at the start
    assert (walk["bouts"], walk["gaps"]) == (14, 14)
    assert walk["minimum_bout_s"] == pytest.approx(1)
    assert walk["minimum_gap_s"] == pytest.approx(1)  # 2 s, but at most the shortest bout
    assert rest["threshold"] == 0.5
    assert rest["pooled"] is None
    assert rest["minimum_bout_s"] == 0
    assert "label it in another" in rest["notes"][0]
    assert "warning: rest" in capsys.readouterr().err
    assert content["made_from"][0]["video"] == "a"
    assert content["made_from"][0]["recording"] == "day of a"
    assert content["made_from"][0]["labels"].startswith("sha256:")


def test_fit_thresholds_pools_videos(tmp_path):
    one, two = ([[0.9], [0.2]], [[1], [0]]), ([[0.6], [0.4]], [[1], [0]])
    given = write_videos(tmp_path, a=one, b=two)
    fit_thresholds(*given, tmp_path / "out.json", behaviors=["walk"], exclusive=False)
    content = json.loads((tmp_path / "out.json").read_text())["behaviors"]["walk"]
    assert content["threshold"] == pytest.approx(0.5, abs=0.006)
    assert content["frames"] == 4


def test_disagreement_between_recordings_is_told(tmp_path, capsys):
    labels = np.repeat([0, 1], 20)[:, None]
    given = write_videos(tmp_path, a=(0.1 + 0.2 * labels, labels), b=(0.7 + 0.2 * labels, labels))
    fit_thresholds(*given, tmp_path / "out.json", behaviors=["walk"], exclusive=False)
    walk = json.loads((tmp_path / "out.json").read_text())["behaviors"]["walk"]
    assert walk["disagree"]
    assert "warning: walk: the best threshold differs between recordings, 0.20 to 0.80" in capsys.readouterr().err


def test_exclusive_behaviors_have_no_threshold(tmp_path):
    given = write_videos(tmp_path, a=(np.full((4, 2), 0.3), [[1, 0], [0, 1], [0, 0], [1, 0]]))
    fit_thresholds(*given, tmp_path / "out.json", behaviors=["walk", "rest"], exclusive=True)
    content = json.loads((tmp_path / "out.json").read_text())
    assert [own["threshold"] for own in content["behaviors"].values()] == [None, None]
    one, two = (own["calibration"] for own in content["behaviors"].values())
    assert one == two
    assert one["fitted"]
    assert one["offset"] == 0


@pytest.mark.parametrize("videos", [{}, {"a": ([[np.nan]] * 4, [[1], [0], [0], [1]])}])
def test_with_fewer_than_two_videos_no_threshold_is_fitted(tmp_path, capsys, videos):
    given = write_videos(tmp_path, **videos)
    fit_thresholds(*given, tmp_path / "out.json", behaviors=["walk"], exclusive=False)
    own = json.loads((tmp_path / "out.json").read_text())["behaviors"]["walk"]
    assert (own["threshold"], own["minimum_bout_s"], own["minimum_gap_s"]) == (0.5, 0, 0)
    assert own["calibration"] == {"slope": 1, "offset": 0, "fitted": False}
    assert own["calibration_error_after"] is None
    assert UNCALIBRATED in own["notes"]
    assert "label a second one" in capsys.readouterr().err


def test_files_that_do_not_fit_are_refused(tmp_path):
    probabilities, videos = write_videos(tmp_path, a=(np.zeros((4, 2)), np.zeros((4, 2))))
    with pytest.raises(InputError, match="behaviors"):
        fit_thresholds(probabilities, videos, tmp_path / "out.json", behaviors=["rest", "walk"], exclusive=False)
    write_npz(probabilities, {"a": np.zeros((5, 2), np.float32)})
    with pytest.raises(InputError, match="5 frames of 2"):
        fit_thresholds(probabilities, videos, tmp_path / "out.json", behaviors=["walk", "rest"], exclusive=False)
    write_npz(probabilities, {"b": np.zeros((4, 2), np.float32)})
    with pytest.raises(InputError, match="nothing for a"):
        fit_thresholds(probabilities, videos, tmp_path / "out.json", behaviors=["walk", "rest"], exclusive=False)
    assert not (tmp_path / "out.json").exists()
