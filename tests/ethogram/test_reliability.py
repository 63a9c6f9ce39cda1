import numpy as np
import pytest

from ethomake.ethogram.reliability import calibration, calibration_error


def test_calibration_counts_bins():
    probabilities = np.array([0.05, 0.15, 0.15, 1.0, 0.95])
    mean, share, frames = calibration(probabilities, np.array([0, 1, 0, 1, -1]))
    assert frames.tolist() == [1, 2, 0, 0, 0, 0, 0, 0, 0, 1]
    assert share[[0, 1, 9]].tolist() == [0, 0.5, 1]
    assert mean[9] == 1


def test_calibration_error_is_that_of_a_loop_over_bins():
    random = np.random.default_rng(6)
    values = np.append(random.random(500), [0.0, 1.0, np.nan])
    labels = np.append((random.random(500) < values[:500] ** 2).astype(int), [0, 1, 1])
    labels[::9] = -1
    scored = (labels >= 0) & np.isfinite(values)
    error = 0.0
    for low in np.arange(10) / 10:
        inside = scored & (values >= low) & ((values < low + 0.1) | ((low == 0.9) & (values == 1)))
        if inside.any():
            error += inside.sum() / scored.sum() * abs(values[inside].mean() - (labels[inside] == 1).mean())
    assert calibration_error(values, labels) == pytest.approx(error)
    assert error > 0.1
    assert calibration_error(np.array([0.3]), np.array([-1])) is None
