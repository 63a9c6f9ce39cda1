"""Events exported by The Observer and EthoVision."""

import csv

import pytest

from ethomake.labels.formats import count_any_positives, noldus
from ethomake.labels.policies import Policies
from ethomake.labels.timeline import Timeline

from .reading import reader_of

COLUMNS = ["Date_dmy", "Time_Relative_hmsf", "Time_Relative_sf", "Duration_sf", "Observation", "Event_Log", "Subject"]
COLUMNS += ["Behavior", "Modifier_1", "Event_Type", "Comment"]


def observer(*events, observation="a", log="Event log0001", subject="m1", columns=COLUMNS):
    """Return the rows of an event log: (time, behavior, kind[, modifier[, duration]])."""
    rows = [columns]
    for time, behavior, kind, *more in events:
        modifier, duration = [*more, "", ""][:2]
        clock = f"00:00:{time:06.3f}" if isinstance(time, float) else time
        row = ["01-02-2020", clock, time, duration, observation, log, subject, behavior, modifier, kind, ""]
        rows.append([row[COLUMNS.index(name)] for name in columns])
    return rows


EVENTS = [(0.2, "walk", "State start", "", 0.3), (0.5, "walk", "State stop", "", 0)]
EVENTS += [(0.7, "rear", "State start", "", 0.2), (0.9, "rear", "State stop", "", 0)]
EXPECTED = {"walk": "0011100000", "rear": "0000000110"}


def ethovision(*events, video="C:\\films\\a.mp4", subject="m1", unit="s"):
    """Return the rows of a sheet of manual scoring."""
    above = [["Number of header lines:", 6], ["Experiment", "x"], ["Video file", video], ["Subject name", subject]]
    header = ["Trial time", "Recording time", "Behavior", "Event"]
    return [*above, header, [unit, unit, "", ""], *([time, time, code, kind] for time, code, kind in events)]


@pytest.fixture
def save(tmp_path, request):
    def _save(sheets, name="a.csv", separator=",", encoding="utf-8"):
        path = tmp_path / name
        if path.suffix in (".xlsx", ".ods"):
            return request.getfixturevalue("write_workbook")(path, sheets)
        (rows,) = sheets.values()
        with open(path, "w", newline="", encoding=encoding) as file:
            for row in rows:
                comma = [str(cell).replace(".", ",") if isinstance(cell, float) else cell for cell in row]
                csv.writer(file, delimiter=separator).writerow(comma if separator == ";" else row)
        return path

    return _save


labels, refusal = reader_of("noldus")


WAYS = [("a.csv", ",", "utf-8"), ("a.csv", ";", "utf-8-sig"), ("a.txt", "\t", "utf-16")]
WAYS += [("a.xlsx", "", ""), ("a.ods", "", "")]


@pytest.mark.parametrize(("name", "separator", "encoding"), WAYS)
def test_event_logs_read_alike_however_they_are_saved(save, name, separator, encoding):
    path = save({"Sheet1": observer(*EVENTS)}, name, separator, encoding)
    assert labels(path) == EXPECTED
    assert count_any_positives(path).counts == {"walk": 1, "rear": 1}


@pytest.mark.parametrize(("name", "separator", "encoding"), WAYS)
def test_manual_scoring_reads_alike_however_it_is_saved(save, name, separator, encoding):
    events = [(time, code, kind.lower()) for time, code, kind, *_ in EVENTS]
    path = save({"Manual scoring-Arena 1-m1": ethovision(*events)}, name, separator, encoding)
    assert labels(path) == EXPECTED


def test_other_sheets_are_left_out_and_subjects_told_by_theirs(save):
    one = ethovision((0.2, "walk", "state start"), (0.5, "walk", "state stop"))
    two = ethovision((0.7, "walk", "state start"), (0.9, "walk", "state stop"), subject="m2")
    track = [["Recording time", "X center"], ["s", "cm"], [0.0, 1.5]]
    path = save({"Track-Arena 1": track, "Manual scoring 1": one, "Manual scoring 2": two}, "a.xlsx")
    assert labels(path, subject="m2") == {"walk": "0000000110"}
    assert "the labels of 2 subjects (m1, m2)" in refusal(path)
    table = noldus.read(path, Timeline.regular(10, 10, "a.mp4", "m1"), Policies())
    assert "sheet Track-Arena 1, without events" in table.ignored


def test_times_may_be_clocks_and_durations_may_stand_for_stops(save):
    columns = [name for name in COLUMNS if name != "Time_Relative_sf"]
    assert labels(save({"s": observer(*EVENTS, columns=columns)})) == EXPECTED
    starts = [event for event in EVENTS if event[2] == "State start"]
    assert labels(save({"s": observer(*starts)})) == EXPECTED
    path = save({"s": _without_fractions()})
    assert "line 2: there is no column Time_Relative_sf" in refusal(path)


def _without_fractions():
    rows = observer(*EVENTS)
    rows[0] = [name.replace("_sf", "_f").replace("_hmsf", "_hms") for name in rows[0]]
    return rows


def test_observations_belong_to_the_video_with_their_name(save):
    path = save({"s": observer(*EVENTS) + observer((0.1, "walk", "Point"), observation="b")[1:]})
    assert labels(path) == EXPECTED
    assert labels(path, video="b.avi", points="frame") == {"walk": "0100000000"}
    assert "the labels of 2 videos (a, b), and none is c.mp4" in refusal(path, video="c.mp4")


def test_which_of_two_event_logs_is_meant_is_not_guessed(save):
    path = save({"s": observer(*EVENTS) + observer(*EVENTS, log="second")[1:]})
    assert "the video was scored in 2 observations (a Event log0001, a second)" in refusal(path)


def test_modifiers_of_a_start_are_those_of_the_bout(save):
    events = [(0.2, "walk", "State start", "fast"), (0.5, "walk", "State stop", "")]
    assert labels(save({"s": observer(*events)}), modifiers="name") == {"walk:fast": "0011100000"}
    events = [(0.2, "walk", "State start", "fast"), (0.3, "walk", "State start", "slow")]
    events += [(0.4, "walk", "State stop", "fast"), (0.6, "walk", "State stop", "slow")]
    path = save({"s": observer(*events)})
    assert labels(path, modifiers="name") == {"walk:fast": "0011000000", "walk:slow": "0001110000"}


MISTAKES = {
    "line 2: walk starts at 0.2 and never stops": observer((0.2, "walk", "State start"), (0.3, "rear", "State stop")),
    "line 2: rear stops at 0.3 but never started": observer((0.3, "rear", "State stop")),
    "line 2: walk is an event without duration": observer((0.2, "walk", "Point")),
    "line 2: the event is 'State'": observer((0.2, "walk", "State")),
    "line 2: there is no behavior": observer((0.2, "", "Point")),
    "line 2: the time is 'soon'": observer(("soon", "walk", "Point")),
    "line 6: times in min are not read": ethovision((0.2, "walk", "state start"), unit="min"),
    "line 7: walk starts at 0.2 and never stops": ethovision((0.2, "walk", "state start"), (0.3, "x", "state stop")),
}


@pytest.mark.parametrize("said", MISTAKES)
def test_mistakes_are_told_with_the_line(save, said):
    assert said in refusal(save({"s": MISTAKES[said]}))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_quote_that_is_not_closed_does_not_hide_the_rows_below_it(save, encoding):
    path = save({"x": observer(*EVENTS)}, encoding=encoding)
    lines = path.read_text(encoding=encoding).splitlines()
    lines[2] += '"seen twice'
    path.write_text("\n".join([*lines, ""]), encoding=encoding)
    assert "line 3: a quote is opened and not closed" in refusal(path, subject="m1")
