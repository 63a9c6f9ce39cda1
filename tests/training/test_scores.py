import numpy as np
import pytest
from sklearn.metrics import f1_score

from ethomake.training.scores import best_f1


def test_it_is_the_best_of_all_thresholds():
    rng = np.random.default_rng(0)
    probabilities = rng.random((200, 3)).round(1)  # many ties
    labels = (rng.random((200, 3)) < probabilities * 0.6).astype(int)
    labels[rng.random((200, 3)) < 0.2] = -1
    want = []
    for k in range(3):
        scored = labels[:, k] >= 0
        truth, value = labels[scored, k], probabilities[scored, k]
        want.append(max(f1_score(truth, value >= threshold) for threshold in np.unique(value)))
    assert best_f1(probabilities, labels) == pytest.approx(want)


def test_undefined_without_positives():
    scores = best_f1(np.random.default_rng(0).random((10, 2)), np.stack([np.zeros(10, int), np.full(10, -1)], 1))
    assert np.isnan(scores).all()
