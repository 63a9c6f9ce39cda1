import json
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from matplotlib.figure import Figure

from ethomake.drawing import pick_colors, time_ticks
from ethomake.errors import InputError
from ethomake.ethogram.figures import (
    PAUSE,
    TRACE,
    _draw_bands,
    _ticks,
    draw_ethogram,
    envelope,
    share_of_time,
    shown_edges,
)
from ethomake.ethogram.tables import Predictions, write_predictions
from ethomake.ingest.times import frame_clock
from ethomake.labels.table import LabelTable, write_labels

BEHAVIORS = ("walk", "rest")


def write_files(folder, frames=60, damaged=(), steps=None):
    random = np.random.default_rng(0)
    probabilities = random.random((frames, 2)).round(6)
    predictions = Predictions(
        np.arange(frames) / 10, probabilities, (probabilities > 0.5).astype(np.int8), probabilities
    )
    write_predictions(folder / "p.csv", BEHAVIORS, predictions)
    labels = np.where(random.random((frames, 2)) > 0.5, 1, 0).astype(np.int8)
    labels[:10] = -1
    write_labels(folder / "l.csv", LabelTable(BEHAVIORS, labels))
    own = {"threshold": 0.5, "minimum_bout_s": 0, "minimum_gap_s": 0}
    (folder / "t.json").write_text(json.dumps({"exclusive": False, "behaviors": dict.fromkeys(BEHAVIORS, own)}))
    steps = {"time_base": [1, 10], "first": 0, "steps": steps or [[1, frames - 1]]}
    manifest = {"video": "v", "frames": frames, "fps": 10.0, "constant_rate": True, "timestamps": steps}
    (folder / "v.json").write_text(json.dumps(manifest | {"damaged": list(damaged)}))


def draw(folder, name, **changes):
    options = {"video": "v <1>", "behaviors": BEHAVIORS, "exclusive": False, "settings": {}} | changes
    files = [folder / part for part in ("p.csv", "t.json", "v.json", f"{name}.png", f"{name}.svg")]
    draw_ethogram(*files, **options)
    return files[3].read_bytes(), files[4].read_bytes()


def test_the_same_files_give_the_same_bytes(tmp_path):
    write_files(tmp_path, damaged=[[20, 30]])
    one = draw(tmp_path, "one", labels=tmp_path / "l.csv")
    two = draw(tmp_path, "two", labels=tmp_path / "l.csv")
    assert one == two
    assert b"Date" not in one[0]
    assert b"<dc:date" not in one[1]
    assert one[0].startswith(b"\x89PNG")
    assert ElementTree.fromstring(one[1]).tag.endswith("svg")


def test_labels_and_colors_are_seen(tmp_path):
    write_files(tmp_path)
    _, without = draw(tmp_path, "without")
    _, labelled = draw(tmp_path, "labelled", labels=tmp_path / "l.csv")
    _, colored = draw(tmp_path, "colored", settings={"colors": {"walk": "#123456"}})
    assert b"hatch" in labelled.lower() or b"pattern" in labelled
    assert without != labelled
    assert b"#123456" in colored
    assert b"#123456" not in without


def test_the_thresholds_of_recordings_that_disagree_are_a_band(tmp_path):
    write_files(tmp_path)
    _, plain = draw(tmp_path, "plain")
    content = json.loads((tmp_path / "t.json").read_text())
    content["behaviors"]["walk"] |= {
        "disagree": True,
        "recordings": {"day1": {"threshold": 0.2}, "day2": {"threshold": 0.8}, "day3": {"threshold": 0.4}},
    }
    (tmp_path / "t.json").write_text(json.dumps(content))
    _, band = draw(tmp_path, "band")
    assert b"grey: the best thresholds of single recordings" in band
    assert b"grey:" not in plain
    axes = Figure().subplots()
    _draw_bands(axes, content["behaviors"].values())
    (patch,) = axes.patches  # walk alone; the trace of a behavior is upside down, 1 is at its top
    ends = sorted((patch.get_y(), patch.get_y() + patch.get_height()))
    assert ends == pytest.approx([0.5 + TRACE / 2 - 0.8 * TRACE, 0.5 + TRACE / 2 - 0.2 * TRACE])


def test_dollars_in_names_are_dollars(tmp_path):
    names = ("gr$o$om", r"$\foo$")
    write_files(tmp_path)
    text = (tmp_path / "p.csv").read_text().replace("walk", names[0]).replace("rest", names[1])
    (tmp_path / "p.csv").write_text(text)
    own = {"threshold": 0.5, "minimum_bout_s": 0, "minimum_gap_s": 0}
    (tmp_path / "t.json").write_text(json.dumps({"exclusive": False, "behaviors": dict.fromkeys(names, own)}))
    _, svg = draw(tmp_path, "dollars", behaviors=names)
    assert b"gr$o$om" in svg


def test_labels_of_another_length_are_refused(tmp_path):
    write_files(tmp_path)
    write_labels(tmp_path / "l.csv", LabelTable(BEHAVIORS, np.zeros((61, 2), np.int8)))
    with pytest.raises(InputError, match="61 rows, but the video has 60"):
        draw(tmp_path, "one", labels=tmp_path / "l.csv")


def test_long_traces_keep_their_peaks():
    values = np.zeros((10_000, 1))
    values[7777] = 1
    times, low, mean, high = envelope(values, np.arange(10_001) / 10, 500)
    assert len(times) == 500
    assert high.max() == 1
    assert low.max() == 0
    assert mean.max() == pytest.approx(1 / 20)
    assert abs(times[high[:, 0].argmax()] - 777.7) < 2


def test_the_figure_of_a_long_video_does_not_grow_with_it(tmp_path):
    """Bouts and unscored spans change every few frames: neither are drawn as separate paths."""
    write_files(tmp_path, frames=20_000)
    labels = np.where(np.arange(20_000)[:, None] % [7, 5] < 3, -1, 1)
    write_labels(tmp_path / "l.csv", LabelTable(BEHAVIORS, labels.astype(np.int8)))
    _, svg = draw(tmp_path, "long", labels=tmp_path / "l.csv")
    assert svg.count(b"<path") + svg.count(b"<use") < 2000
    assert len(svg) < 600_000


def test_short_traces_are_shown_frame_by_frame():
    values = np.random.default_rng(0).random((900, 2))
    assert envelope(values, np.arange(901.0), 500)[1] is values


def test_share_of_time_agrees_with_counting():
    on = np.random.default_rng(0).random(1200) > 0.6
    assert share_of_time(on, np.arange(1201.0), 100) == pytest.approx(on.reshape(100, 12).mean(axis=1))


@pytest.mark.parametrize(
    ("stop", "first", "last", "unit"),
    [
        (10, "0", "10", "time (s)"),
        (0.5, "0", "0.5", "time (s)"),
        (600, "0:00", "10:00", "time (min:s)"),
        (36_000, "0:00", "10:00", "time (h:min)"),
    ],
)
def test_ticks_are_round(stop, first, last, unit):
    ticks, texts, name = time_ticks(0, stop)
    assert (texts[0], texts[-1], name) == (first, last, unit)
    assert 4 < len(ticks) < 15


def test_colors_can_be_chosen():
    assert pick_colors(["a", "b"], {"b": "#000001"}) == ["#0072B2", "#000001"]
    assert len(set(pick_colors([str(k) for k in range(20)]))) == 20


@pytest.mark.parametrize("frames", [60, 6000])
def test_times_in_which_nothing_was_filmed_are_shown(tmp_path, frames):
    write_files(tmp_path, frames=frames)
    assert b"not filmed" not in draw(tmp_path, "whole", labels=tmp_path / "l.csv")[1]
    write_files(tmp_path, frames=frames, steps=[[1, 19], [3000, 1], [1, frames - 21]], damaged=[[30, 32]])
    assert b"not filmed" in draw(tmp_path, "paused", labels=tmp_path / "l.csv")[1]


def clock_of(steps, frames):
    stamps = {"time_base": [1, 10], "first": 0, "steps": steps}
    return frame_clock({"frames": frames, "fps": 10.0, "timestamps": stamps})


def test_long_pauses_are_shortened_on_the_time_axis_and_nothing_else():
    clock = clock_of([[1, 39], [6000, 1], [1, 49]], 90)  # 4 s, then nothing for 10 minutes, then 5 s
    edges = shown_edges(clock)
    steps = np.full(91, 0.1)
    steps[40] = 9 * PAUSE
    np.testing.assert_allclose(np.diff(edges), steps)
    ticks, texts, unit = _ticks(clock, edges)
    assert texts == ["0:00", "0:01", "0:02", "0:03", "0:04", "10:05", "10:06", "10:07", "10:08"]
    assert unit == "time (min:s)"
    after = ticks[texts.index("10:06")] - edges[41]
    assert after == pytest.approx(606 - clock.begins[40])
    whole = clock_of([[1, 89]], 90)
    np.testing.assert_allclose(shown_edges(whole), whole.edges)
    short = clock_of([[1, 599], [15, 1], [1, 599]], 1200)  # a pause of 1.5 s in two minutes
    np.testing.assert_allclose(shown_edges(short), short.edges)


def test_many_pauses_leave_room_for_what_was_filmed():
    clock = clock_of([[1, 9], [36000, 1]] * 30 + [[1, 9]], 310)  # an hour between seconds
    edges = shown_edges(clock)
    assert clock.seconds / edges[-1] > 0.75
    places, texts, unit = _ticks(clock, edges)
    assert unit == "time (h:min:s)"
    assert 2 < len(places) < 15
    assert len(set(texts)) == len(texts)


def test_the_time_axis_follows_the_rate_of_life(tmp_path):
    write_files(tmp_path)
    assert draw(tmp_path, "file")[1] == draw(tmp_path, "same", rate=10.0)[1]
    assert draw(tmp_path, "file")[1] != draw(tmp_path, "fast", rate=1000.0)[1]


def test_an_envelope_leaves_out_what_is_not_known():
    values = np.array([[0.1], [np.nan], [0.3], [0.5], [np.nan], [np.nan]])
    _, low, mean, high = envelope(values, np.arange(7.0), 2)
    assert low[0] == 0.1
    assert high[0] == 0.3
    assert mean[0] == pytest.approx(0.2)
    assert low[1] == mean[1] == high[1] == 0.5
