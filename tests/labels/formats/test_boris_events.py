"""Events that BORIS has exported as tables, and those that are written."""

import contextlib
import csv

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from ethomake.errors import InputError
from ethomake.labels.check import choose_behaviors
from ethomake.labels.formats import boris_events, count_any_positives, read_any_labels, recognize
from ethomake.labels.policies import Policies
from ethomake.labels.table import LabelTable
from ethomake.labels.timeline import Timeline

from .reading import reader_of, saver

PREAMBLE = """Observation id,o,,,,,,,
,,,,,,,,
Media file(s),,,,,,,,
Player #1,films/a.mp4,,,,,,,
Observation date,2016-11-27 01:57:26,,,,,,,
Time offset (s),{offset},,,,,,,
Time,Media file path,Total length,FPS,Subject,Behavior,Behavioral category,Comment,Status
"""
FLAT = "Observation id,Observation type,Source,Time offset (s),Media duration (s),Subject,Behavior,Modifier #1,"
FLAT += "Behavior type,Time,Media file name,Comment\n"
AGGREGATED = "Observation id,Media file,Total length,FPS,Subject,Behavior,Modifiers,Behavior type,Start (s),Stop (s)\n"


save = saver("e.csv")


labels, refusal = reader_of("boris_events")


def below_preamble(*events, offset=0.0, subject="m1"):
    rows = [f"{time},films/a.mp4,1.000,10.0,{subject},{code},,,{kind}\n" for time, code, kind in events]
    return PREAMBLE.format(offset=offset) + "".join(rows)


def flat(*events, source="player #1:a.mp4", lengths="1.000", offset="0.0", kind="Media file(s)"):
    row = "o,{kind},{source},{offset},{lengths},No focal subject,{code},{modifier},{status},{time},a.mp4,\n"
    about = {"kind": kind, "source": source, "offset": offset, "lengths": lengths}
    return FLAT + "".join(
        row.format(time=time, code=code, status=status, modifier=(rest or [""])[0], **about)
        for time, code, status, *rest in events
    )


def aggregated(*bouts, total=1.0):
    rows = [f"o,{media},{total},10.0,,{code},,{kind},{start},{stop}\n" for media, code, kind, start, stop in bouts]
    return AGGREGATED + "".join(rows)


EVENTS = [(0.5, "walk", "STOP"), (0.2, "walk", "START"), (0.7, "rear", "START"), (0.9, "rear", "STOP")]  # unsorted
EXPECTED = {"walk": "0011100000", "rear": "0000000110"}
GENERATIONS = {
    "preamble": below_preamble(*EVENTS),
    "flat": flat(*EVENTS),
    "aggregated": aggregated(("a.mp4", "walk", "STATE", 0.2, 0.5), ("a.mp4", "rear", "STATE", 0.7, 0.9)),
}


@pytest.mark.parametrize("generation", GENERATIONS)
@pytest.mark.parametrize("suffix", ["csv", "tsv", "semicolons", "british", "crlf", "xlsx", "ods"])
def test_all_generations_read_alike_however_they_are_saved(save, request, tmp_path, generation, suffix):
    text = GENERATIONS[generation]
    if suffix in ("xlsx", "ods"):
        rows = list(csv.reader(text.splitlines()))
        cells = [[float(cell) if cell.replace(".", "", 1).isdigit() else cell for cell in row] for row in rows]
        path = request.getfixturevalue("write_workbook")(tmp_path / f"e.{suffix}", {"o": cells})
    else:
        changes = {"tsv": (",", "\t"), "british": ("Behavior", "Behaviour"), "crlf": ("\n", "\r\n")}
        text = text.replace(*changes.get(suffix, ("", "")))
        if suffix == "semicolons":
            text = text.replace(",", ";").replace("0.", "0,")
        path = save(text)
    found = labels(path)
    assert dict(sorted(found.items())) == dict(sorted(EXPECTED.items()))
    assert count_any_positives(path).counts == {"walk": 1, "rear": 1}


def test_points_modifiers_and_a_state_for_each_modifier(save):
    events = [(0.1, "walk", "START", "fast"), (0.2, "walk", "START", "slow"), (0.3, "walk", "STOP", "fast")]
    path = save(flat(*events, (0.4, "walk", "STOP", "slow"), (0.6, "sniff", "POINT")))
    assert labels(path, points="frame", modifiers="name") == {
        "walk:fast": "0110000000",
        "walk:slow": "0011000000",
        "sniff": "0000001000",
    }
    assert "line 6: sniff is an event without duration" in refusal(path, modifiers="name")
    path = save(aggregated(("a.mp4", "sniff", "POINT", 0.6, 0.6), ("a.mp4", "lick", "POINT", 0.7, "NA")))
    assert labels(path, points="frame") == {"sniff": "0000001000", "lick": "0000000100"}


def test_unpaired_states_go_by_the_policy(save):
    events = [(0.1, "walk", "STOP"), (0.3, "walk", "START"), (0.5, "walk", "START"), (0.7, "walk", "STOP")]
    path = save(below_preamble(*events))
    assert "line 8: walk stops at 0.1 but never started" in refusal(path)
    assert labels(path, unpaired="warn")["walk"] == "0000011000"
    path = save(below_preamble((0.1, "walk", "STOP"), (0.3, "walk", "START")))
    assert labels(path, unpaired="fix")["walk"] == "1001111111"


def test_a_stop_and_a_start_at_one_time_are_two_bouts(save):
    both = [(0.5, "walk", "START"), (0.5, "walk", "STOP")]
    for pair in (both, both[::-1]):
        path = save(flat((0.2, "walk", "START"), *pair, (0.7, "walk", "STOP")))
        assert labels(path)["walk"] == "0011111000"
        assert count_any_positives(path).counts == {"walk": 2}


def test_the_time_offset_is_taken_off(save):
    assert (
        labels(save(below_preamble((10.2, "walk", "START"), (10.4, "walk", "STOP"), offset=10)))["walk"] == "0011000000"
    )
    assert labels(save(flat((10.2, "walk", "START"), (10.4, "walk", "STOP"), offset=10)))["walk"] == "0011000000"


def test_videos_one_after_the_other_are_told_by_their_lengths(save):
    source = {"source": "player #1:a.mp4;b.mp4;c.mp4|player #2:side.mp4", "lengths": "1.000;0.500;1.000|1.000"}
    path = save(
        flat((0.9, "walk", "START"), (1.2, "walk", "STOP"), (1.7, "rear", "START"), (1.8, "rear", "STOP"), **source)
    )
    assert labels(path) == {"walk": "0000000001"}
    assert labels(path, 5, video="b.mp4") == {"walk": "11000"}
    assert labels(path, video="c.mp4") == {"rear": "0010000000"}
    assert "side.mp4 was not shown in the first player of observation o" in refusal(path, video="side.mp4")
    assert count_any_positives(path, video="a.mp4").counts


def test_the_last_video_is_told_by_the_total_length(save):
    bouts = [("a.mp4", "walk", "STATE", 0.2, 0.4), ("b.mp4", "walk", "STATE", 1.2, 1.4)]
    path = save(aggregated(*bouts, total=2.0))
    assert labels(path) == {"walk": "0011000000"}
    assert labels(path, video="b.mp4") == {"walk": "0011000000"}
    path = save(aggregated(*bouts, ("c.mp4", "walk", "STATE", 2.2, 2.4), total=3.0))
    assert "when b.mp4 begins is not in this table" in refusal(path, video="b.mp4")
    assert labels(path, video="c.mp4") == {"walk": "0011000000"}


def test_an_observation_that_is_much_longer_than_its_video_is_noted(save):
    line = Timeline.regular(10, 10, "a.mp4")
    bout = ("a.mp4", "walk", "STATE", 0.2, 0.4)
    assert boris_events.read(save(aggregated(bout, total=1.9)), line, Policies()).notes == ()
    (note,) = boris_events.read(save(aggregated(bout, total=4.0)), line, Policies()).notes
    assert "observation o has 4 s but the video 1 s: if another one, without events" in note


def test_a_variable_of_the_project_may_have_the_name_of_a_column(save):
    header = AGGREGATED.replace("FPS,", "FPS,Subject,Behavior,")
    path = save(header + "o,a.mp4,1.0,10.0,cage 3,calm,m1,walk,,STATE,0.2,0.4\n")
    assert labels(path, subject="m1") == {"walk": "0011000000"}


def test_live_observations_are_refused_or_left_out(save):
    live = flat((0.2, "walk", "START"), (0.4, "walk", "STOP"), kind="Live observation", source="NA")
    assert "observation o, which was made live, without a video" in refusal(save(live))
    assert "made live" in refusal(save(aggregated(("LIVE", "walk", "STATE", 0.2, 0.4))))
    path = save(aggregated(("LIVE", "walk", "STATE", 0.2, 0.4)) + "p,a.mp4,1.0,10.0,,rear,,STATE,0.5,0.6\n")
    assert labels(path) == {"rear": "0000010000"}


def test_which_of_several_observations_is_meant_is_not_guessed(save):
    path = save(aggregated(("a.mp4", "walk", "STATE", 0.2, 0.4)) + "p,a.mp4,1.0,10.0,,walk,,STATE,0.5,0.6\n")
    assert "the video was scored in 2 observations (o, p)" in refusal(path)


def test_rows_without_a_header_are_refused_with_the_reason(save):
    row = "o\t2016-12-01 23:01:31\ta.mp4\t1.000\t25.0\tm1\twalk\t\t\tSTATE\t0.200\t0.400\t0.200\t\t\n"
    assert "line 1: events of BORIS without a header" in refusal(save(row))


MISTAKES = {
    "line 3: the time is 'soon'": flat((0.2, "walk", "START"), ("soon", "walk", "STOP")),
    "line 2: the time is nothing": flat(("", "walk", "START")),
    "line 2: the event is 'STATE'": flat((0.2, "walk", "STATE")),
    "line 2: the behavior type is 'START'": aggregated(("a.mp4", "walk", "START", 0.2, 0.4)),
    "line 2: the stop is 'late'": aggregated(("a.mp4", "walk", "STATE", 0.2, "late")),
    "line 2: walk stops at 0.1, before it starts at 0.2": aggregated(("a.mp4", "walk", "STATE", 0.2, 0.1)),
    "line 2: walk starts at 0.2 and never stops": aggregated(("a.mp4", "walk", "STATE", 0.2, "NA")),
    "line 2: there is no behavior": aggregated(("a.mp4", "", "STATE", 0.2, 0.1)),
    "line 2: 3 cells where the header has 10": AGGREGATED + "o,a.mp4,1\n",
    "line 6: the time offset is 'x'": below_preamble((0.2, "walk", "START"), offset="x"),
}


@pytest.mark.parametrize("said", MISTAKES)
def test_mistakes_are_told_with_the_line(save, said):
    assert said in refusal(save(MISTAKES[said]))


@st.composite
def drawn(draw):
    """Labels with 1, 0 and -1, and frames of any rate, with pauses."""
    names = draw(st.lists(st.sampled_from(["walk", "rear, up", "=sum", "歩く", 'a"b', "-3"]), min_size=1, unique=True))
    values = draw(arrays.arrays(np.int8, (draw(st.integers(1, 40)), len(names)), elements=st.sampled_from([0, 1, -1])))
    steps = draw(arrays.arrays(np.int64, len(values), elements=st.sampled_from([1, 17, 33, 40, 90, 5000])))
    edges = np.append(0, np.cumsum(steps / draw(st.sampled_from([1000, 1001, 9000]))))
    line = Timeline(
        edges[:-1], edges[1:], 25.0, draw(st.sampled_from(["a.mp4", "=a.mp4"])), draw(st.sampled_from(["@m1", ""]))
    )
    return LabelTable(tuple(names), values), line


@settings(max_examples=150, deadline=None, derandomize=True)
@given(case=drawn())
def test_labels_come_back_as_they_were(tmp_path_factory, case):
    table, line = case
    path = tmp_path_factory.getbasetemp() / "written.csv"
    boris_events.write(table, line, path)
    assert not any(cell.startswith(("=", "@")) for row in csv.reader(path.open(encoding="utf-8")) for cell in row)
    assert recognize(path) == "boris_events"
    back = choose_behaviors(boris_events.read(path, line, Policies()), path, behaviors=table.behaviors)
    np.testing.assert_array_equal(back.values, table.values)


@st.composite
def spoiled(draw):
    """A table in which cells, rows or bytes are others."""
    rows = list(csv.reader(draw(st.sampled_from(list(GENERATIONS.values()))).splitlines()))
    for _ in range(draw(st.integers(0, 4))):
        row = draw(st.integers(0, len(rows) - 1))
        if rows[row] and draw(st.booleans()):
            other = st.sampled_from(
                ["", "NA", "nan", "-1", "1e300", "START", "POINT", "o", "m1", "b.mp4;", "a|b", "LIVE"]
            )
            rows[row][draw(st.integers(0, len(rows[row]) - 1))] = draw(other)
        else:
            rows[row] = rows[draw(st.integers(0, len(rows) - 1))]
    content = "\n".join(map(",".join, rows)).encode()
    if draw(st.booleans()):
        start = draw(st.integers(0, len(content)))
        content = content[:start] + draw(st.binary(max_size=4)) + content[draw(st.integers(start, len(content))) :]
    return content


@settings(max_examples=300, deadline=None, derandomize=True)
@given(content=st.one_of(spoiled(), st.binary(max_size=200)))
def test_spoiled_tables_give_labels_or_an_error_of_ours(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "spoiled.csv"
    path.write_bytes(content)
    boris_events.sniff(path)
    for policies in (Policies(), Policies("fix", "fix", "fix", "fix", "frame", modifiers="name")):
        with contextlib.suppress(InputError):
            boris_events.count_positives(path, policies, "a.mp4")
            values = boris_events.read(path, Timeline.regular(10, 10, "a.mp4"), policies).values
            assert values.shape[0] == 10
            assert np.isin(values, (1, 0, -1)).all()


@pytest.mark.parametrize("suffix", ["csv", "tsv", "xlsx"])
def test_the_three_ways_to_save_a_sample_read_alike(samples, suffix):
    path = samples / "boris" / f"test_export_events_tabular.{suffix}"
    if suffix == "xlsx":
        pytest.importorskip("python_calamine", reason="workbooks need the extra excel")
    assert recognize(path) == "boris_events"
    for who, bouts, seconds in (("subject1", 3, 16.875), ("subject2", 1, 7.675)):
        assert count_any_positives(path, subject=who).counts == {"s": bouts}
        line = Timeline.regular(8999, 25, "video_test_25fps_360s.mp4", who)
        frames = (read_any_labels(path, line).values == 1).sum()
        assert abs(frames / 25 - seconds) <= bouts / 25


def test_the_aggregated_sample_has_its_bouts_and_points(samples):
    path = samples / "boris" / "test_export_aggregated_events_test_full_1.tsv"
    parts = [(video, who) for video in ("180s", "360s") for who in ("No focal subject", "subject1", "subject2")]
    states = points = 0
    for video, who in parts:
        with contextlib.suppress(InputError):  # a subject that is not in this video
            name = f"video_test_25fps_{video}.mp4"
            found = count_any_positives(path, Policies(points="frame"), name, "" if who.startswith("No") else who)
            states, points = states + found.counts.get("s", 0), points + found.counts.get("p", 0)
    rows = list(csv.DictReader(path.open(encoding="utf-8"), delimiter="\t"))
    assert [row["Behavior type"] for row in rows].count("STATE") == 10
    nameless = sum(row["Subject"] == "No focal subject" and "360s" in row["Media file"] for row in rows)
    assert states + points == len(rows) - nameless  # those could be of either subject, and are refused
    line = Timeline.regular(8999, 25, "video_test_25fps_360s.mp4", "subject1")
    values = read_any_labels(path, line, Policies(points="frame")).values
    assert np.flatnonzero(values[:, 0])[0] == pytest.approx((266.165 - 179.96) * 25, abs=1)


@pytest.mark.parametrize("number", ["2", "3", "4", "5", "with_trailing_spaces_in_modifiers"])
def test_samples_without_a_header_are_refused(samples, number):
    (path,) = (samples / "boris").glob(f"test_export_aggregated_events_test_full_{number}.tsv")
    assert "without a header" in refusal(path)


def test_samples_without_events_are_refused_with_what_they_are(samples):
    for name, said in (
        ("export_observations_list_test1.tsv", "without events"),
        ("test_time_budget1.json", "time budget"),
    ):
        with pytest.raises(InputError, match=said):
            recognize(samples / "boris" / name)


MICE = {
    "120637-121213_reencode": (336.00, {"interact": (15, 36.47)}),
    "121558-122141_reencode": (343.00, {"interact": (29, 68.75)}),
    "122332-122642_reencode": (190.00, {"interact": (10, 22.10)}),
    "122758-123309_reencode": (311.00, {"interact": (8, 9.10)}),
    "123521-124106_reencode": (344.97, {"interact": (32, 48.55)}),
    "120637-121213_reencode_multiple_behaviors": (336.00, {"interact": (15, 36.47), "mount": (2, 7.40)}),
}


@pytest.mark.parametrize("name", MICE)
def test_samples_of_mice_have_their_bouts_and_seconds(samples, name):
    path = samples / "boris-ethome" / f"e3v813a-20210610T{name}.csv"
    length, expected = MICE[name]
    assert recognize(path) == "boris_events"
    assert count_any_positives(path).counts == {behavior: bouts for behavior, (bouts, _) in expected.items()}
    video = f"e3v813a-20210610T{name.removesuffix('_multiple_behaviors')}.avi"
    table = read_any_labels(path, Timeline.regular(round(length * 30), 30, video))
    assert table.notes == ()
    for column, behavior in enumerate(table.behaviors):
        bouts, seconds = expected[behavior]
        assert abs((table.values[:, column] == 1).sum() / 30 - seconds) <= bouts / 30


def test_the_sample_of_gait_is_read_with_a_word_on_the_bout_without_a_frame(samples):
    path = samples / "boris-movement" / "aggregated.tsv"
    assert recognize(path) == "boris_events"
    counts = count_any_positives(path).counts
    assert sum(counts.values()) == 57
    expected = {f"{limb}_swing": 6 for limb in ("FL", "FR", "HL", "HR")} | {
        f"{limb}_unknown": 2 for limb in ("FL", "HR")
    }
    assert {name: counts[name] for name in expected} == expected
    assert {limb: counts[f"{limb}_stance"] for limb in ("FL", "FR", "HL", "HR")} == {"FL": 6, "FR": 7, "HL": 6, "HR": 6}
    line = Timeline.regular(418, 247)
    with pytest.raises(InputError, match=r"HL_swing has no frame \(from 0.882 to 0.883\)"):
        read_any_labels(path, line)
    table = read_any_labels(path, line, Policies(empty="fix"))
    for limb in ("FL", "FR", "HL", "HR"):  # one phase at a time, but for the frame of that bout
        own = table.values[:, [name.startswith(limb) for name in table.behaviors]]
        assert (own.sum(axis=1) > 1).sum() <= (limb == "HL")


@pytest.mark.parametrize("generation", ["preamble", "flat"])
@pytest.mark.parametrize("closed", [False, True])
def test_a_quote_that_is_not_closed_does_not_hide_the_rows_below_it(save, generation, closed):
    lines = GENERATIONS[generation].splitlines()
    row = next(number for number, line in enumerate(lines) if "STOP" in line)
    for number in (row, *([row + 2] if closed else [])):  # the quote of another row closes it, or nothing
        cells = lines[number].split(",")
        cells[-2 if generation == "preamble" else -1] = '"seen twice'
        lines[number] = ",".join(cells)
    assert f"line {row + 1}: a quote is opened and not closed" in refusal(save("\n".join(lines) + "\n"))


def test_a_comment_may_have_line_breaks(save):
    text = flat(*EVENTS).replace("0.5,a.mp4,", '0.5,a.mp4,"seen ""twice"",\nand more"')
    assert labels(save(text)) == EXPECTED
