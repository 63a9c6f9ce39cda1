import csv
import json
from dataclasses import replace

import numpy as np
import pytest
from sklearn import metrics as reference

from ethomake.errors import InputError
from ethomake.ethogram.reliability import calibration_error
from ethomake.ethogram.tables import Predictions, read_predictions, write_predictions
from ethomake.evaluation.evaluate import evaluate, thin
from ethomake.evaluation.figures import draw_evaluation
from ethomake.evaluation.files import FIGURES, TABLES
from ethomake.labels.table import LabelTable, write_labels

BEHAVIORS = ("walk", "rest", "never")


def write_video(folder, name, seed, frames=240):
    random = np.random.default_rng(seed)
    labels = np.repeat(random.random((frames // 10, 3)) < [0.4, 0.2, 0], 10, axis=0).astype(np.int8)
    probabilities = np.round(np.clip(labels * 0.5 + random.random((frames, 3)) * 0.5, 0, 1), 6)
    labels[:20, 0] = -1
    decisions = (probabilities > 0.45).astype(np.int8)
    predictions = Predictions(np.arange(frames) / 10, probabilities, decisions, np.round(probabilities**2, 6))
    write_predictions(folder / f"{name}.csv", BEHAVIORS, predictions)
    write_labels(folder / f"{name}_labels.csv", LabelTable(BEHAVIORS, labels))
    steps = {"time_base": [1, 10], "first": 0, "steps": [[1, frames - 1]]}
    manifest = {"video": name, "frames": frames, "fps": 10.0, "constant_rate": True, "timestamps": steps}
    (folder / f"{name}.json").write_text(json.dumps(manifest))
    return (folder / f"{name}.csv", folder / f"{name}_labels.csv", folder / f"{name}.json"), labels, decisions


def run(folder, test, shifts=5):
    folder.mkdir(exist_ok=True)
    evaluate(test, folder, behaviors=BEHAVIORS, chance_shifts=shifts, seed=0)
    assert sorted(path.name for path in folder.iterdir() if path.suffix in (".csv", ".json")) == sorted(TABLES)
    tables = {path.stem: read(path) for path in folder.glob("*.csv")}
    return json.loads((folder / "metrics.json").read_text()), tables


def read(path):
    with path.open() as file:
        return list(csv.DictReader(file))


def test_tables_hold_what_was_found(tmp_path):
    (one, labels_one, decisions_one), (two, labels_two, decisions_two) = (
        write_video(tmp_path, "a", 0),
        write_video(tmp_path, "b", 1, frames=120),
    )
    content, tables = run(tmp_path / "out", [one, two])
    labels, decisions = np.concatenate([labels_one, labels_two]), np.concatenate([decisions_one, decisions_two])
    scored = labels[:, 0] >= 0
    f1 = reference.f1_score(labels[scored, 0], decisions[scored, 0])
    assert content["behaviors"]["walk"]["f1"] == pytest.approx(f1, abs=1e-6)
    assert content["behaviors"]["walk"]["frames"] == scored.sum()
    assert content["behaviors"]["never"]["f1"] is None
    assert content["macro"]["f1"] == pytest.approx(np.mean([content["behaviors"][b]["f1"] for b in ("walk", "rest")]))
    assert content["videos"] == ["a", "b"]
    assert content["chance"]["behaviors"]["walk"]["f1"]["mean"] < f1
    assert content["chance"]["behaviors"]["never"]["f1"]["mean"] is None

    rows = {row["behavior"]: row for row in tables["metrics"]}
    assert list(rows) == [*BEHAVIORS, "background", "macro", "micro"]
    assert float(rows["walk"]["f1"]) == pytest.approx(f1, abs=1e-5)
    assert rows["never"]["f1"] == ""
    assert rows["micro"]["chance_f1_mean"] == ""
    assert float(rows["macro"]["chance_f1_p95"]) > 0
    assert len(tables["per_video"]) == 12
    own = next(row for row in tables["per_video"] if (row["video"], row["behavior"]) == ("b", "rest"))
    assert float(own["f1"]) == pytest.approx(reference.f1_score(labels_two[:, 1], decisions_two[:, 1]), abs=1e-5)
    assert [row["human"] for row in tables["confusion"]] == [*BEHAVIORS, "background"]


def test_frames_in_which_nothing_was_decided_or_scored_change_no_metric(tmp_path):
    (files, labels, decisions) = write_video(tmp_path, "a", 0)
    labels[30:70] = -1  # the animal has no track
    write_labels(files[1], LabelTable(BEHAVIORS, labels))
    found = []
    for value in (0, 1, -1):
        decisions[30:70] = value
        write_predictions(files[0], BEHAVIORS, replace(read_predictions(files[0], BEHAVIORS), decisions=decisions))
        content, tables = run(tmp_path / f"out{value}", [files])
        found.append(({key: content[key] for key in ("behaviors", "macro", "micro", "background")}, tables))
    assert found[0][0] == found[1][0] == found[2][0]
    for name in ("confusion", "bout_statistics"):
        assert found[0][1][name] == found[1][1][name] == found[2][1][name]


def test_probabilities_are_scored_before_and_after_calibration(tmp_path):
    (files, labels, _) = write_video(tmp_path, "a", 0)
    content, tables = run(tmp_path / "out", [files])
    found = read_predictions(files[0], BEHAVIORS)
    walk, row = content["behaviors"]["walk"], next(row for row in tables["metrics"] if row["behavior"] == "walk")
    for suffix, values in (("", found.probabilities), ("_calibrated", found.calibrated)):
        brier = reference.brier_score_loss(labels[20:, 0], values[20:, 0])
        assert walk[f"brier{suffix}"] == pytest.approx(brier, abs=1e-6)
        assert float(row[f"brier{suffix}"]) == pytest.approx(brier, abs=1e-5)
        error = calibration_error(values[20:, 0], labels[20:, 0])
        assert walk[f"calibration_error{suffix}"] == pytest.approx(error, abs=1e-6)
    assert walk["calibration_error"] != walk["calibration_error_calibrated"]
    assert content["background"]["brier"] is None


def test_background_is_scored_only_where_it_is_known(tmp_path):
    files, labels, decisions = write_video(tmp_path, "a", 0)
    content, _ = run(tmp_path / "out", [files])
    known = (labels >= 0).all(axis=1) | (labels == 1).any(axis=1)
    human, model = (labels[known] != 1).all(axis=1), ~(decisions[known] == 1).any(axis=1)
    assert content["background"]["frames"] == known.sum()
    assert content["background"]["f1"] == pytest.approx(reference.f1_score(human, model), abs=1e-6)
    assert content["background"]["average_precision"] is None


def test_bouts_count_only_where_a_human_looked(tmp_path):
    files, labels, decisions = write_video(tmp_path, "a", 0)
    _, tables = run(tmp_path / "out", [files])
    walk = tables["bout_statistics"][0]
    assert float(walk["scored_s"]) == pytest.approx(22)
    assert float(walk["human_time_share"]) == pytest.approx((labels[20:, 0] == 1).mean(), abs=1e-5)
    assert float(walk["model_time_share"]) == pytest.approx(decisions[20:, 0].mean(), abs=1e-5)
    starts = np.diff(decisions[20:, 0], prepend=0) == 1
    assert int(walk["model_bouts"]) == starts.sum()
    assert float(walk["model_mean_duration_s"]) == pytest.approx(decisions[20:, 0].sum() / 10 / starts.sum(), abs=1e-4)


def test_a_bout_goes_on_over_unscored_frames_but_they_are_no_scored_time(tmp_path):
    files, labels, _ = write_video(tmp_path, "a", 0)
    labels[:, 1] = 0
    labels[100:140, 1] = 1
    labels[110:120, 1] = -1
    write_labels(files[1], LabelTable(BEHAVIORS, labels))
    rest = run(tmp_path / "out", [files])[1]["bout_statistics"][1]
    assert (rest["behavior"], rest["human_bouts"]) == ("rest", "1")
    assert float(rest["human_mean_duration_s"]) == pytest.approx(4)
    assert float(rest["human_time_share"]) == pytest.approx(30 / 230, abs=1e-5)


def test_without_test_videos_everything_is_written_and_empty(tmp_path, capsys):
    content, tables = run(tmp_path / "out", [])
    assert content["macro"]["f1"] is None
    assert content["videos"] == []
    assert tables["per_video"] == []
    assert "no test video" in capsys.readouterr().err
    out = tmp_path / "out"
    draw_evaluation(out, out, behaviors=BEHAVIORS, colors={})
    assert all((out / f"{name}.svg").stat().st_size for name in FIGURES)


def test_figures_are_the_same_bytes_again(tmp_path):
    files = [write_video(tmp_path, "a", 0)[0]]
    out = tmp_path / "out"
    run(out, files)
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        draw_evaluation(out, tmp_path / folder, behaviors=BEHAVIORS, colors={"walk": "#123456"})
    for name in FIGURES:
        for suffix in ("png", "svg"):
            one, two = ((tmp_path / folder / f"{name}.{suffix}").read_bytes() for folder in ("one", "two"))
            assert one == two
    assert b"#123456" in (tmp_path / "one" / "scores.svg").read_bytes()


def test_curves_are_those_of_scikit_learn(tmp_path):
    files, labels, _ = write_video(tmp_path, "a", 0)
    _, tables = run(tmp_path / "out", [files])
    probabilities = read_predictions(files[0], BEHAVIORS).probabilities
    rows = [row for row in tables["precision_recall"] if row["behavior"] == "walk"]
    precision, recall, thresholds = reference.precision_recall_curve(labels[20:, 0], probabilities[20:, 0])
    for name, expected in (("precision", precision[:-1]), ("recall", recall[:-1]), ("threshold", thresholds)):
        assert [float(row[name]) for row in rows] == pytest.approx(expected[::-1], abs=1e-5)
    assert "never" not in {row["behavior"] for row in tables["precision_recall"]}


def test_long_curves_keep_their_ends_and_have_no_wide_gaps():
    recall = np.sort(np.random.default_rng(0).beta(0.1, 3, 100_000))
    kept = thin(recall, 1000)
    assert len(kept) <= 1000
    assert (kept[0], kept[-1]) == (0, 99_999)
    assert np.diff(kept).max() <= 201
    assert np.diff(recall[kept])[recall[kept][1:] < 0.5].max() < 0.01
    assert thin(recall[:900]).tolist() == list(range(900))


def test_calibration_table_counts_scored_frames(tmp_path):
    files, labels, _ = write_video(tmp_path, "a", 0)
    _, tables = run(tmp_path / "out", [files])
    rows = [row for row in tables["calibration"] if row["behavior"] == "walk"]
    assert [(row["from"], row["to"]) for row in rows[:2]] == [("0", "0.1"), ("0.1", "0.2")]
    assert sum(int(row["frames"]) for row in rows) == 220
    on = sum(int(row["frames"]) * float(row["labelled_share"]) for row in rows if row["frames"] != "0")
    assert on == pytest.approx((labels[20:, 0] == 1).sum(), abs=1e-2)


def test_files_that_do_not_fit_are_refused(tmp_path):
    files, _, _ = write_video(tmp_path, "a", 0)
    write_labels(files[1], LabelTable(BEHAVIORS, np.zeros((7, 3), np.int8)))
    with pytest.raises(InputError, match="has 7 and the video 240"):
        run(tmp_path / "out", [files])


def test_a_test_video_that_was_learned_from_is_refused(tmp_path):
    files, _, _ = write_video(tmp_path, "a", 0)
    (tmp_path / "twin.json").write_text(json.dumps({"video": "twin", "frames_digest": "sha256:1"}))
    (tmp_path / "other.json").write_text(json.dumps({"video": "other", "frames_digest": "sha256:2"}))
    facts = json.loads(files[2].read_text())
    files[2].write_text(json.dumps(facts | {"frames_digest": "sha256:1"}))
    options = {"behaviors": BEHAVIORS, "chance_shifts": 1, "seed": 0}
    evaluate([files], tmp_path, **options, learned=[tmp_path / "other.json"])
    with pytest.raises(InputError, match="a is a test video, but its frames are those of twin"):
        evaluate([files], tmp_path, **options, learned=[tmp_path / "other.json", tmp_path / "twin.json"])


def test_confusion_leaves_out_a_behavior_that_is_scored_nowhere(tmp_path):
    files, labels, _ = write_video(tmp_path, "a", 0)
    labels[:, 1] = -1
    write_labels(files[1], LabelTable(BEHAVIORS, labels))
    content, tables = run(tmp_path / "out", [files])
    assert [row["human"] for row in tables["confusion"]] == ["walk", "never", "background"]
    counted = sum(float(row[name]) for row in tables["confusion"] for name in ("walk", "never", "background"))
    assert counted == 220  # the first 20 frames are not scored for walking
    draw_evaluation(tmp_path / "out", tmp_path / "figures", behaviors=BEHAVIORS, colors={})
    assert content["behaviors"]["rest"]["f1"] is None
