import numpy as np
import pytest

from ethomake.errors import InputError
from ethomake.ethogram import tables
from ethomake.ethogram.tables import Predictions, read_predictions, write_predictions

BEHAVIORS = ("walk", 'a "quoted", name')


def sample(frames):
    random = np.random.default_rng(0)
    probabilities = random.random((frames, 2)).round(6)
    decisions, calibrated = (probabilities > 0.5).astype(np.int8), random.random((frames, 2)).round(6)
    return Predictions(np.arange(frames) / 10, probabilities, decisions, calibrated)


@pytest.mark.parametrize("frames", [1, 7, 14, 15])
def test_predictions_are_the_same_in_blocks_and_at_once(tmp_path, monkeypatch, frames):
    written = sample(frames)
    write_predictions(tmp_path / "whole.csv", BEHAVIORS, written)
    monkeypatch.setattr(tables, "ROWS", 7)
    write_predictions(tmp_path / "blocks.csv", BEHAVIORS, written)
    assert (tmp_path / "blocks.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()
    read = read_predictions(tmp_path / "blocks.csv", BEHAVIORS)
    for name in ("times", "probabilities", "decisions", "calibrated"):
        assert np.array_equal(getattr(read, name), getattr(written, name))
    assert read.decisions.dtype == np.int8


def test_a_row_says_frame_time_probabilities_decisions_and_background(tmp_path):
    probabilities, decisions = np.array([[0.25, 0.5], [0.1, 0.2]]), np.array([[0, 1], [0, 0]])
    decided = Predictions(np.array([0.0, 0.04]), probabilities, decisions, probabilities / 2)
    write_predictions(tmp_path / "p.csv", ("a", "b"), decided)
    assert (tmp_path / "p.csv").read_text().splitlines() == [
        "frame,time_s,probability_a,probability_b,calibrated_a,calibrated_b,a,b,background",
        "0,0.000000,0.250000,0.500000,0.125000,0.250000,0,1,0",
        "1,0.040000,0.100000,0.200000,0.050000,0.100000,0,0,1",
    ]


def test_predictions_of_other_behaviors_are_refused(tmp_path):
    write_predictions(tmp_path / "p.csv", BEHAVIORS, sample(3))
    with pytest.raises(InputError, match="its behaviors are not"):
        read_predictions(tmp_path / "p.csv", ("walk", "rest"))
