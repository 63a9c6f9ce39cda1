import csv
import json

import numpy as np
import pytest

from ethomake.ethogram.tables import Bout, write_bouts
from ethomake.ethogram.transitions import count_transitions, transition_counts, transition_shares


def bout(behavior, start, stop, video="v"):
    return Bout(video, "", behavior, start, stop, start / 10, stop / 10, (stop - start) / 10, 0.9)


def test_transitions_follow_the_order_of_onsets():
    bouts = [bout("a", 0, 5), bout("c", 30, 31), bout("b", 3, 20), bout("a", 10, 12), bout("a", 14, 15)]
    counts = transition_counts(bouts, ["a", "b", "c"])  # a b a a c
    assert counts.tolist() == [[1, 1, 1], [1, 0, 0], [0, 0, 0]]


def test_bouts_that_begin_together_share_the_step():
    counts = transition_counts([bout("a", 0, 5), bout("b", 7, 9), bout("c", 7, 8), bout("a", 12, 13)], ["a", "b", "c"])
    assert counts.tolist() == [[0, 0.5, 0.5], [0.5, 0, 0], [0.5, 0, 0]]
    assert counts.sum() == 2  # three onsets, two steps


def test_there_is_no_step_over_a_time_in_which_nothing_was_filmed():
    bouts = [bout("a", 0, 5), bout("b", 6, 7), bout("b", 7, 9), bout("a", 12, 13)]
    assert transition_counts(bouts, ["a", "b"]).tolist() == [[0, 1], [1, 1]]
    assert transition_counts(bouts, ["a", "b"], np.array([7])).tolist() == [[0, 1], [1, 0]]
    assert transition_counts(bouts, ["a", "b"], np.array([1, 7, 12])).tolist() == [[0, 0], [0, 0]]


def test_shares_are_of_rows():
    shares = transition_shares(np.array([[1.0, 3.0], [0.0, 0.0]]))
    assert shares[0].tolist() == [0.25, 0.75]
    assert np.isnan(shares[1]).all()


def test_groups_are_counted_on_their_own(tmp_path):
    for name, order in (("x", "abab"), ("y", "aab"), ("z", "")):
        write_bouts(tmp_path / f"{name}.csv", [bout(b, 10 * i, 10 * i + 5, name) for i, b in enumerate(order)])
    table = {"x": {"group": "one"}, "y": {"group": "two"}, "z": {"group": ""}}
    stamps = {"time_base": [1, 10], "first": 0, "steps": [[1, 99]]}
    (tmp_path / "v.json").write_text(json.dumps({"fps": 10.0, "timestamps": stamps}))
    files = [(tmp_path / f"{name}.csv", tmp_path / "v.json") for name in "xyz"]
    out = [tmp_path / name for name in ("t.csv", "t.png", "t.svg")]
    count_transitions(files, *out, behaviors=["a", "b"], table=table)
    with out[0].open() as file:
        rows = {(row["group"], row["from"], row["to"]): row for row in csv.DictReader(file)}
    assert len(rows) == 12
    assert rows["all", "a", "b"]["count"] == "3"
    assert float(rows["all", "a", "b"]["probability"]) == pytest.approx(0.75)
    assert rows["one", "a", "b"]["count"] == "2"
    assert rows["two", "b", "a"]["probability"] == ""
    assert all(path.stat().st_size > 1000 for path in out[1:])


def test_there_is_no_step_over_frames_in_which_the_animal_has_no_track(tmp_path):
    write_bouts(tmp_path / "x.csv", [bout(b, 10 * i, 10 * i + 5, "x") for i, b in enumerate("abab")])
    stamps = {"time_base": [1, 10], "first": 0, "steps": [[1, 99]]}
    (tmp_path / "x.json").write_text(json.dumps({"fps": 10.0, "timestamps": stamps, "track": {"lost": [[16, 19]]}}))
    out = [tmp_path / name for name in ("t.csv", "t.png", "t.svg")]
    count_transitions([(tmp_path / "x.csv", tmp_path / "x.json")], *out, behaviors=["a", "b"], table={})
    with out[0].open() as file:
        rows = {(row["from"], row["to"]): row["count"] for row in csv.DictReader(file)}
    assert (rows["a", "b"], rows["b", "a"]) == ("2", "0")
