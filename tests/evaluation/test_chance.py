from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, average_precision_score, f1_score

from ethomake.evaluation.chance import APART, shifted_metrics, summarize_shifts
from ethomake.evaluation.videos import ScoredVideo


def make(seed, frames=300, behaviors=2):
    random = np.random.default_rng(seed)
    labels = (random.random((frames, behaviors)) < 0.3).astype(np.int8)
    probabilities = np.round(np.clip(labels * 0.4 + random.random((frames, behaviors)) * 0.6, 0, 1), 2)
    decisions = (probabilities > 0.5).astype(np.int8)
    return ScoredVideo(f"video{seed}", labels, decisions, probabilities, probabilities, np.arange(frames + 1) / 10)


def test_each_shift_agrees_with_scikit_learn():
    videos = [make(0), make(1, frames=200)]
    found = shifted_metrics(videos, 5, seed=7)
    random = np.random.default_rng(7)
    decisions = np.concatenate([video.decisions for video in videos])
    probabilities = np.concatenate([video.probabilities for video in videos])
    for n in range(5):
        moved = []
        for video in videos:
            frames = len(video.labels)
            by = random.integers(frames // APART, frames - frames // APART, endpoint=True)
            moved.append(np.concatenate([video.labels[-by:], video.labels[:-by]]))
        labels = np.concatenate(moved)
        for k in range(2):
            assert found["f1"][n, k] == pytest.approx(f1_score(labels[:, k], decisions[:, k]))
            assert found["accuracy"][n, k] == pytest.approx(accuracy_score(labels[:, k], decisions[:, k]))
            expected = average_precision_score(labels[:, k], probabilities[:, k])
            assert found["average_precision"][n, k] == pytest.approx(expected)


def test_a_perfect_model_is_far_above_chance_and_noise_is_not():
    video = make(3, frames=2000, behaviors=1)
    perfect = replace(video, decisions=video.labels, probabilities=video.labels.astype(float))
    share = video.labels.mean()
    found = shifted_metrics([perfect], 40, seed=0)
    assert summarize_shifts(found["f1"][:, 0])["p95"] < share + 0.1
    assert summarize_shifts(found["average_precision"][:, 0])["mean"] == pytest.approx(share, abs=0.03)


def test_the_seed_decides():
    one, two, three = (shifted_metrics([make(0)], 3, seed=seed)["f1"] for seed in (1, 1, 2))
    assert (one == two).all()
    assert not (one == three).all()


def test_undefined_shifts_are_left_out():
    found = summarize_shifts(np.array([np.nan, 0.2, 0.4]))
    assert found["mean"] == pytest.approx(0.3)
    assert np.isnan(summarize_shifts(np.array([np.nan]))["p95"])


def test_tiny_videos_can_be_shifted():
    found = shifted_metrics([make(0, frames=1), make(1, frames=3)], 2, seed=0)
    assert found["accuracy"].shape == (2, 2)
