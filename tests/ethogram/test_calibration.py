import numpy as np
import pytest
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score

from ethomake.ethogram import calibration
from ethomake.ethogram.calibration import (
    FLATTEST,
    FRAMES_OF_A_VIDEO,
    IDENTITY,
    OFFSET_SPREAD,
    SLOPE_SPREAD,
    Calibration,
    calibrate,
    fit_calibrations,
    left_out_errors,
)
from ethomake.ethogram.reliability import calibration_error

PENALTY = np.array([SLOPE_SPREAD, OFFSET_SPREAD]) ** -2


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def sample(seed, slope=0.5, offset=-1.0, frames=600, bout=10):
    """Return probabilities and labels of a video whose logits are right after `slope` and `offset`: (T, 1) each."""
    random = np.random.default_rng(seed)
    logits = np.repeat(random.normal(0, 2, frames // bout), bout)
    labels = np.repeat(random.random(frames // bout) < sigmoid(slope * logits[::bout] + offset), bout).astype(np.int8)
    return sigmoid(logits)[:, None], labels[:, None]


def runs_of(labels, value=1):
    on = np.concatenate([[False], labels == value, [False]])
    return int((on[1:] & ~on[:-1]).sum())


def weight_of(videos):
    """Return the weight of a frame where label 1 is the rarer one."""
    positive = [(labels == 1).sum() for _, labels in videos]
    bouts = sum(runs_of(labels[:, 0]) for _, labels in videos)
    return min(bouts, FRAMES_OF_A_VIDEO * sum(each > 0 for each in positive)) / sum(positive)


def pooled(videos):
    values, labels = (np.concatenate(parts)[:, 0] for parts in zip(*videos, strict=True))
    return np.log(values / (1 - values)), labels


def test_slope_and_offset_are_the_optimum_that_a_general_optimizer_finds():
    videos = [sample(1), sample(2, frames=300)]
    z, y = pooled(videos)
    weight = weight_of(videos)
    assert weight < 0.1  # so the prior counts

    def loss(at):
        x = at[0] * z + at[1]
        return weight * (np.logaddexp(0, x) - y * x).sum() + (PENALTY * (at - [1, 0]) ** 2).sum() / 2

    expected = minimize(loss, [1, 0], method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-12}).x
    (found,) = fit_calibrations(videos, exclusive=False)
    assert [found.slope, found.offset] == pytest.approx(expected, abs=1e-5)
    assert found.slope != pytest.approx(1, abs=0.1)
    assert found.offset != pytest.approx(0, abs=0.1)


def test_with_a_wide_prior_it_is_logistic_regression(monkeypatch):
    monkeypatch.setattr(calibration, "SLOPE_SPREAD", 1e6)
    monkeypatch.setattr(calibration, "OFFSET_SPREAD", 1e6)
    videos = [sample(3), sample(4)]
    z, y = pooled(videos)
    expected = LogisticRegression(C=1e12, tol=1e-10, max_iter=1000).fit(z[:, None], y)
    (found,) = fit_calibrations(videos, exclusive=False)
    assert [found.slope, found.offset] == pytest.approx([expected.coef_[0, 0], expected.intercept_[0]], abs=1e-3)


def test_the_more_videos_the_less_the_prior_counts():
    z, y = pooled([sample(2)])
    free = LogisticRegression(C=1e12, tol=1e-10, max_iter=1000).fit(z[:, None], y).coef_[0, 0]
    few, many = (fit_calibrations([sample(2)] * number, exclusive=False)[0].slope for number in (1, 40))
    assert abs(free - 1) > 0.2
    assert abs(many - free) < abs(few - free) / 5


def test_the_number_of_frames_in_a_bout_counts_for_nothing():
    short = [sample(1, frames=200, bout=5), sample(2, frames=200, bout=5)]
    long = [tuple(np.repeat(part, 20, axis=0) for part in video) for video in short]
    (one,), (two,) = (fit_calibrations(videos, exclusive=False) for videos in (short, long))
    assert (one.slope, one.offset) == pytest.approx((two.slope, two.offset), abs=1e-6)


def test_an_unscored_frame_makes_no_two_runs_of_one(monkeypatch):
    monkeypatch.setattr(calibration, "FRAMES_OF_A_VIDEO", 1000)
    whole = [sample(1), sample(2)]
    holed = [(values, labels.copy()) for values, labels in whole]
    without = []
    for values, labels in holed:
        labels[5::10] = -1  # in the midst of each bout of 10 frames
        known = labels[:, 0] >= 0
        without.append((values[known], labels[known]))
    (one,), (two,) = (fit_calibrations(videos, exclusive=False) for videos in (holed, without))
    assert sum(runs_of(labels[:, 0]) for _, labels in holed) > sum(runs_of(labels[:, 0]) for _, labels in without)
    assert (one.slope, one.offset) == pytest.approx((two.slope, two.offset), abs=1e-9)


def test_one_bout_that_is_separated_by_chance_moves_little():
    # logistic regression has no finite optimum here; such fits were arbitrary (docs/decisions/0004)
    random = np.random.default_rng(0)
    values = random.uniform(0.01, 0.3, (4000, 1))
    labels = np.zeros((4000, 1), np.int8)
    labels[100:140], values[100:140] = 1, 0.31
    (found,) = fit_calibrations([(values, labels)], exclusive=False)
    assert 0.5 < found.slope < 2
    assert abs(found.offset) < 2


def test_the_order_of_frames_stays_even_if_labels_are_reversed():
    values, labels = sample(5, slope=-3, offset=0)
    videos = [(values, labels)] * 30
    (found,) = fit_calibrations(videos, exclusive=False)
    assert found.slope == FLATTEST
    z, y = pooled(videos)
    calibrated = calibrate(values, [found], exclusive=False)
    order = np.argsort(values[:, 0])
    assert (np.diff(calibrated[order, 0]) >= 0).all()
    assert average_precision_score(labels[:, 0], calibrated[:, 0]) == pytest.approx(
        average_precision_score(labels[:, 0], values[:, 0])
    )
    # the offset is the best one beside that slope
    rarer = min((y == 1).sum(), (y == 0).sum())
    weight = FRAMES_OF_A_VIDEO * 30 / rarer
    gradient = weight * (sigmoid(FLATTEST * z + found.offset) - y).sum() + PENALTY[1] * found.offset
    assert gradient == pytest.approx(0, abs=1e-6)


def test_frames_without_probability_or_label_do_not_count():
    values, labels = sample(6)
    more = np.concatenate([values, [[np.nan], [0.9]]]), np.concatenate([labels, [[1], [-1]]]).astype(np.int8)
    (one,), (two,) = (fit_calibrations([frames], exclusive=False) for frames in ((values, labels), more))
    assert (one.slope, one.offset) == pytest.approx((two.slope, two.offset), abs=1e-12)


@pytest.mark.parametrize("exclusive", [False, True])
def test_where_both_labels_are_not_seen_nothing_is_fitted(exclusive):
    values, labels = np.full((6, 1), 0.4), np.zeros((6, 1), np.int8)
    assert fit_calibrations([(values, labels)], exclusive) == [None]
    assert fit_calibrations([(np.full((6, 1), np.nan), np.array([[0, 1] * 3]).T)], exclusive) == [None]
    assert fit_calibrations([(values, np.full((6, 1), -1))], exclusive) == [None]
    assert fit_calibrations([], exclusive) == []


def exclusive_sample(seed, slope=0.5, frames=900, behaviors=2):
    random = np.random.default_rng(seed)
    logits = random.normal(0, 2, (frames, behaviors + 1))
    q = np.exp(slope * logits)
    q /= q.sum(axis=1, keepdims=True)
    place = (random.random((frames, 1)) > q.cumsum(axis=1)).sum(axis=1)
    values = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return values[:, 1:], np.eye(behaviors + 1, dtype=np.int8)[place][:, 1:]


def test_exclusive_behaviors_share_the_best_slope(monkeypatch):
    monkeypatch.setattr(calibration, "FRAMES_OF_A_VIDEO", 10**6)
    videos = [exclusive_sample(1), exclusive_sample(2, frames=500)]
    values, labels = (np.concatenate(parts) for parts in zip(*videos, strict=True))
    z = np.log(np.column_stack([1 - values.sum(axis=1), values]))
    place = np.column_stack([1 - labels.sum(axis=1), labels]).argmax(axis=1)
    counts = np.bincount(place)
    rarer = [k for k in range(3) if k != counts.argmax()]
    runs = sum(
        runs_of(np.column_stack([1 - own.sum(axis=1), own]).argmax(axis=1), k) for _, own in videos for k in rarer
    )
    weight = runs / counts[rarer].sum()
    grid = np.linspace(0.2, 1.5, 2601)
    losses = [
        weight * (np.log(np.exp(slope * z).sum(axis=1)) - slope * z[np.arange(len(z)), place]).sum()
        + PENALTY[0] * (slope - 1) ** 2 / 2
        for slope in grid
    ]
    found = fit_calibrations(videos, exclusive=True)
    assert found[0] == found[1]
    assert found[0].offset == 0
    assert found[0].slope == pytest.approx(grid[np.argmin(losses)], abs=0.0006)
    assert found[0].slope == pytest.approx(0.5, abs=0.1)


def test_calibrated_exclusive_behaviors_and_background_sum_to_one():
    values, _ = exclusive_sample(3)
    q = np.column_stack([1 - values.sum(axis=1), values]) ** 0.5
    expected = q / q.sum(axis=1, keepdims=True)
    found = calibrate(values, [Calibration(0.5, 0.0)] * 2, exclusive=True)
    assert found == pytest.approx(expected[:, 1:], abs=1e-9)
    assert np.array_equal(found.argmax(axis=1), values.argmax(axis=1))


@pytest.mark.parametrize("exclusive", [False, True])
def test_the_identity_leaves_every_probability_as_it_is(exclusive):
    values = np.array([[0.0, 1.0], [0.3, 0.2], [1e-9, np.nan]])
    assert np.array_equal(calibrate(values, [IDENTITY] * 2, exclusive), values, equal_nan=True)


def test_probabilities_of_zero_and_one_stay_finite():
    found = calibrate(np.array([[0.0], [1.0]]), [Calibration(3.0, 1.0)], exclusive=False)
    assert found[:, 0] == pytest.approx([0, 1], abs=1e-5)


def test_the_error_of_a_video_is_that_after_a_fit_on_the_others():
    videos = [sample(seed, frames=300) for seed in range(3)]
    parts = []
    for n in range(3):
        (own,) = fit_calibrations([video for m, video in enumerate(videos) if m != n], exclusive=False)
        values, _ = videos[n]
        parts.append(sigmoid(own.slope * np.log(values / (1 - values)) + own.offset))
    labels = np.concatenate([labels for _, labels in videos])
    (found,) = left_out_errors(videos, exclusive=False)
    assert found == pytest.approx(calibration_error(np.concatenate(parts)[:, 0], labels[:, 0]))
    before = calibration_error(np.concatenate([values for values, _ in videos])[:, 0], labels[:, 0])
    assert found < before


def test_a_video_that_alone_shows_the_behavior_is_left_as_it_is():
    one, empty = sample(1), (sample(2)[0], np.zeros((600, 1), np.int8))
    (found,) = left_out_errors([one, empty], exclusive=False)
    (fitted,) = fit_calibrations([one], exclusive=False)
    parts = [one[0], calibrate(empty[0], [fitted], exclusive=False)]
    labels = np.concatenate([one[1], empty[1]])
    assert found == pytest.approx(calibration_error(np.concatenate(parts)[:, 0], labels[:, 0]))
    assert left_out_errors([], exclusive=False) == []
