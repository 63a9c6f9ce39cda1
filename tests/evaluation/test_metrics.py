import warnings

import numpy as np
import pytest
from sklearn import metrics as reference

from ethomake.ethogram.reliability import calibration_error
from ethomake.evaluation.metrics import (
    METRICS,
    average_precision,
    behavior_metrics,
    confusion_matrix,
    count_frames,
    macro_metrics,
    micro_metrics,
    precision_recall_curve,
    rank,
)


def sample(seed=0, frames=500, behaviors=4, steps=None, masked=0.2):
    random = np.random.default_rng(seed)
    labels = (random.random((frames, behaviors)) < [0.5, 0.2, 0.05, 0.9][:behaviors]).astype(np.int8)
    probabilities = np.clip(0.2 * labels + random.random((frames, behaviors)) * 0.8, 0, 1)
    if steps:
        probabilities = np.round(probabilities * steps) / steps  # many ties
    labels[random.random(labels.shape) < masked] = -1
    return labels, (probabilities > 0.5).astype(np.int8), probabilities


@pytest.mark.parametrize("steps", [None, 20, 2])
def test_metrics_agree_with_scikit_learn(steps):
    labels, decisions, probabilities = sample(steps=steps)
    calibrated = probabilities**2
    found = behavior_metrics(labels, decisions, probabilities, calibrated)
    for k in range(labels.shape[1]):
        scored = labels[:, k] >= 0
        human, model, chance = labels[scored, k], decisions[scored, k], probabilities[scored, k]
        expected = {
            "precision": reference.precision_score(human, model),
            "recall": reference.recall_score(human, model),
            "f1": reference.f1_score(human, model),
            "average_precision": reference.average_precision_score(human, chance),
            "auroc": reference.roc_auc_score(human, chance),
            "accuracy": reference.accuracy_score(human, model),
            "kappa": reference.cohen_kappa_score(human, model),
            "brier": reference.brier_score_loss(human, chance),
            "calibration_error": calibration_error(chance, human),
            "brier_calibrated": reference.brier_score_loss(human, chance**2),
            "calibration_error_calibrated": calibration_error(chance**2, human),
        }
        assert {name: values[k] for name, values in found.items()} == pytest.approx(expected)


def test_macro_and_micro_agree_with_scikit_learn():
    labels, decisions, probabilities = sample(masked=0)
    macro = macro_metrics(behavior_metrics(labels, decisions, probabilities))
    micro = micro_metrics(labels, decisions, probabilities)
    for found, average in ((macro, "macro"), (micro, "micro")):
        assert found["f1"] == pytest.approx(reference.f1_score(labels, decisions, average=average))
        assert found["precision"] == pytest.approx(reference.precision_score(labels, decisions, average=average))
        expected = reference.average_precision_score(labels, probabilities, average=average)
        assert found["average_precision"] == pytest.approx(expected)
        assert found["auroc"] == pytest.approx(reference.roc_auc_score(labels, probabilities, average=average))


def test_counts_agree_with_scikit_learn():
    labels, decisions, _ = sample()
    counts = count_frames(labels, decisions)
    for k in range(labels.shape[1]):
        scored = labels[:, k] >= 0
        expected = reference.confusion_matrix(labels[scored, k], decisions[scored, k], labels=[0, 1])
        found = [
            [counts.true_negative[k], counts.false_positive[k]],
            [counts.false_negative[k], counts.true_positive[k]],
        ]
        assert found == expected.tolist()


def test_what_a_masked_frame_says_does_not_matter():
    labels, decisions, probabilities = sample()
    other, noise = (
        np.where(labels < 0, 1 - decisions, decisions),
        np.where(labels < 0, 1 - probabilities, probabilities),
    )
    one = behavior_metrics(labels, decisions, probabilities, probabilities**2)
    two = behavior_metrics(labels, other, noise, noise**2)
    assert all((one[name] == two[name]).all() for name in METRICS)


def columns(labels, decisions, probabilities):
    return [np.array(values)[:, None] for values in (labels, decisions, probabilities)]


@pytest.mark.parametrize(
    ("labels", "decisions", "defined"),
    [
        ([0, 0, 0], [0, 0, 0], {"accuracy": 1}),
        ([0, 0, 0], [1, 0, 0], {"precision": 0, "accuracy": 2 / 3, "kappa": 0}),
        (
            [1, 0, 0],
            [0, 0, 0],
            {"recall": 0, "f1": 0, "average_precision": 1, "auroc": 1, "accuracy": 2 / 3, "kappa": 0},
        ),
        ([1, 1, 1], [1, 1, 1], {"precision": 1, "recall": 1, "f1": 1, "average_precision": 1, "accuracy": 1}),
        ([-1, -1, -1], [1, 0, 0], {}),
    ],
)
def test_what_is_not_defined_is_nan(labels, decisions, defined):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = behavior_metrics(*columns(labels, decisions, [0.9, 0.2, 0.1]))
    numbers = {name: values[0] for name, values in found.items() if not np.isnan(values[0])}
    if defined:  # the errors of probabilities need one scored frame, of any kind
        squares = np.square(np.array([0.9, 0.2, 0.1]) - labels)
        errors = np.abs(np.array([0.9, 0.2, 0.1]) - labels)  # a bin has one frame
        defined = defined | {"brier": squares.mean(), "calibration_error": errors.mean()}
    assert numbers == pytest.approx(defined)


def test_no_frames_at_all():
    found = behavior_metrics(np.zeros((0, 2), np.int8), np.zeros((0, 2), np.int8), np.zeros((0, 2)))
    assert all(np.isnan(values).all() for values in found.values())
    assert np.isnan(macro_metrics(found)["f1"])


def test_macro_leaves_out_what_is_not_defined():
    found = macro_metrics({"f1": np.array([0.4, np.nan, 0.8])})
    assert found["f1"] == pytest.approx(0.6)


def test_average_precision_of_masked_labels_in_one_ranking():
    """Chance ranks once and shifts masked labels against it: steps without scored frames must not matter."""
    labels, _, probabilities = sample(steps=50, masked=0.6)
    scored = labels[:, 0] >= 0
    expected = reference.average_precision_score(labels[scored, 0], probabilities[scored, 0])
    assert average_precision(rank(probabilities[:, 0]), labels[:, 0]) == pytest.approx(expected)


def test_precision_recall_curve_agrees_with_scikit_learn():
    labels, _, probabilities = sample(steps=20)
    scored = labels[:, 1] >= 0
    precision, recall, thresholds = reference.precision_recall_curve(labels[scored, 1], probabilities[scored, 1])
    found_thresholds, found_recall, found_precision = precision_recall_curve(probabilities[:, 1], labels[:, 1])
    assert found_thresholds == pytest.approx(thresholds[::-1])
    assert found_recall == pytest.approx(recall[:-1][::-1])
    assert found_precision == pytest.approx(precision[:-1][::-1])


def test_confusion_of_exclusive_behaviors_is_the_usual_one():
    random = np.random.default_rng(1)
    human, model = random.integers(0, 4, 300), random.integers(0, 4, 300)
    table = np.eye(4, dtype=np.int8)[:, :3]  # class 3 is background
    expected = reference.confusion_matrix(human, model)
    assert confusion_matrix(table[human], table[model]) == pytest.approx(expected)


def test_confusion_of_overlapping_behaviors():
    labels = np.array([[1, 1, 0], [1, 0, 0], [1, 0, 0], [0, 0, 0], [1, -1, 0]])
    decisions = np.array([[1, 0, 1], [0, 1, 1], [1, 1, 0], [0, 1, 1], [1, 1, 1]])
    found = confusion_matrix(labels, decisions)
    # Rows: a is present in three scored frames, b in one, c never, background in one.
    assert found.tolist() == [[2, 0.5, 0.5, 0], [0, 0, 1, 0], [0, 0, 0, 0], [0, 0.5, 0.5, 0]]


def test_confusion_counts_what_was_missed_as_background():
    found = confusion_matrix(np.array([[1, 1], [0, 0]]), np.array([[1, 0], [0, 0]]))
    assert found.tolist() == [[1, 0, 0], [0, 0, 1], [0, 0, 1]]
