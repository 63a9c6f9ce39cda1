import csv
import json

import pytest

from ethomake.ethogram.summary import summarize
from ethomake.ethogram.tables import Bout, write_bouts


def bout(behavior, start, stop, video="v"):
    return Bout(video, "", behavior, int(start * 10), int(stop * 10), start, stop, stop - start, 0.9)


def write_video(folder, name, bouts, frames=100, steps=None):
    write_bouts(folder / f"{name}.csv", bouts)
    steps = {"time_base": [1, 10], "first": 0, "steps": steps or [[1, frames - 1]]}
    manifest = {"video": name, "frames": frames, "fps": 10.0, "constant_rate": True, "timestamps": steps}
    (folder / f"{name}.json").write_text(json.dumps(manifest))
    return folder / f"{name}.csv", folder / f"{name}.json"


def test_every_video_and_behavior_has_a_row(tmp_path):
    one = write_video(tmp_path, "a", [bout("walk", 1, 2), bout("walk", 4, 7), bout("rest", 2, 4)])
    two = write_video(tmp_path, "b", [])
    table = {"a": {"subject": "fly 1", "group": "mutant"}}
    summarize([one, two], tmp_path / "out.csv", behaviors=["walk", "rest"], table=table)
    with (tmp_path / "out.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["video"], row["behavior"]) for row in rows] == [
        ("a", "walk"),
        ("a", "rest"),
        ("b", "walk"),
        ("b", "rest"),
    ]
    walk = rows[0]
    assert (walk["subject"], walk["group"], walk["bouts"]) == ("fly 1", "mutant", "2")
    numbers = {"time_share": 0.4, "mean_duration_s": 2, "median_duration_s": 2, "latency_s": 1, "rate_per_min": 12}
    assert {name: float(walk[name]) for name in numbers} == pytest.approx(numbers)
    nothing = rows[2]
    assert (nothing["bouts"], nothing["time_share"], nothing["rate_per_min"]) == ("0", "0", "0")
    assert (nothing["mean_duration_s"], nothing["latency_s"], nothing["subject"]) == ("", "", "")


def test_shares_and_rates_are_of_filmed_time(tmp_path):
    files = write_video(
        tmp_path, "a", [bout("walk", 1, 2), bout("walk", 604, 606)], steps=[[1, 49], [6000, 1], [1, 49]]
    )
    summarize([files], tmp_path / "out.csv", behaviors=["walk"], table={})
    with (tmp_path / "out.csv").open() as file:
        (row,) = csv.DictReader(file)
    assert float(row["time_share"]) == pytest.approx(0.3)  # 3 s of 10
    assert float(row["rate_per_min"]) == pytest.approx(12)
    assert float(row["latency_s"]) == pytest.approx(1)


def test_shares_are_of_the_time_in_which_the_animal_has_a_track(tmp_path):
    files = write_video(tmp_path, "a", [bout("walk", 1, 2)])
    content = json.loads(files[1].read_text())
    files[1].write_text(json.dumps(content | {"track": {"lost": [[20, 60], [90, 100]]}}))
    summarize([files], tmp_path / "out.csv", behaviors=["walk"], table={})
    with (tmp_path / "out.csv").open() as file:
        (row,) = csv.DictReader(file)
    assert float(row["time_share"]) == pytest.approx(0.2)  # 1 s of 5
    assert float(row["rate_per_min"]) == pytest.approx(12)


def test_shares_follow_the_rate_of_life(tmp_path):
    files = write_video(tmp_path, "a", [bout("walk", 1, 2)])
    summarize([files], tmp_path / "out.csv", behaviors=["walk"], table={}, rates={"a": 20.0})
    with (tmp_path / "out.csv").open() as file:
        (row,) = csv.DictReader(file)
    assert float(row["time_share"]) == pytest.approx(0.2)  # 1 s of 5


def test_rates_that_differ_are_noted(tmp_path, capsys):
    files = [write_video(tmp_path, name, []) for name in "ab"]
    summarize(files, tmp_path / "out.csv", behaviors=["walk"], table={}, rates={"a": 10.5})
    assert "note" not in capsys.readouterr().err
    summarize(files, tmp_path / "out.csv", behaviors=["walk"], table={}, rates={"a": 120.0})
    assert "note: frames per second differ between videos, 10 to 120" in capsys.readouterr().err
