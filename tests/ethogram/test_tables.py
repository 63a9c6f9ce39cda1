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


FORMULAS = ("=cmd|' /C calc'!A0", "@walk", "'-rear")


def test_no_cell_of_a_table_begins_a_formula_and_all_are_read_back(tmp_path):
    path = tmp_path / "t.csv"
    tables.write_table(path, ("behavior", "=column", "count"), [(FORMULAS[0], "-x", -3), (None, "+1.5", -0.25)])
    assert path.read_text().splitlines() == ["behavior,'=column,count", "'=cmd|' /C calc'!A0,'-x,-3", ",+1.5,-0.25"]
    rows = tables.read_table(path, ["=column"])
    assert rows[0] == {"behavior": FORMULAS[0], "=column": "-x", "count": "-3"}
    assert rows[1] == {"behavior": "", "=column": "+1.5", "count": "-0.25"}


def test_predictions_and_bouts_of_behaviors_with_such_names(tmp_path):
    written = Predictions(np.zeros(1), np.zeros((1, 3)), np.ones((1, 3), np.int8), np.zeros((1, 3)))
    write_predictions(tmp_path / "p.csv", FORMULAS, written)
    header = (tmp_path / "p.csv").read_text().splitlines()[0].split(",")
    assert not [name for name in header if name.startswith(("=", "@", "-", "+"))]
    assert np.array_equal(read_predictions(tmp_path / "p.csv", FORMULAS).decisions, written.decisions)
    bouts = [tables.Bout("-v", "=subject", name, 0, 1, 0.0, 1.0, 1.0, 0.5) for name in FORMULAS]
    tables.write_bouts(tmp_path / "b.csv", bouts)
    assert tables.read_bouts(tmp_path / "b.csv") == bouts
    assert (tmp_path / "b.csv").read_text().splitlines()[1].startswith("'-v,'=subject,'=cmd")
