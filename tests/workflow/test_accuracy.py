"""The benchmark of accuracy reads what the workflow writes."""

import json

import pytest

from benchmarks.accuracy.run import read_scores
from ethomake.ethogram.tables import read_table


def test_scores_are_those_of_the_evaluation_and_of_the_fitted_thresholds(finished):
    behaviors = ["walk", "turn", "rear", "groom"]
    scores = read_scores(finished, behaviors)
    results = finished / "results"
    metrics = json.loads((results / "evaluation/main/metrics.json").read_text())["behaviors"]
    fitted = json.loads((results / "ethograms/main/thresholds.json").read_text())["behaviors"]
    counted = {row["behavior"]: row for row in read_table(results / "evaluation/main/bout_statistics.csv", ["video"])}
    assert list(scores) == behaviors
    for name, own in scores.items():
        assert own["f1"] == metrics[name]["f1"]
        assert own["average_precision"] == metrics[name]["average_precision"]
        assert own["calibration_error"] == fitted[name]["calibration_error"]
        assert own["bouts_labelled"] == int(counted[name]["human_bouts"])  # of the one test video
        assert own["bouts_predicted"] == int(counted[name]["model_bouts"])
        assert own["bouts_matched"] <= min(own["bouts_labelled"], own["bouts_predicted"])
        if own["bouts_labelled"]:
            assert own["bout_f1"] == pytest.approx(
                2 * own["bouts_matched"] / (own["bouts_labelled"] + own["bouts_predicted"]), abs=1e-6
            )
