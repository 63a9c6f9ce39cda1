"""Projects of BORIS, read and written."""

import contextlib
import copy
import gzip
import json
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from ethomake.errors import InputError
from ethomake.labels.check import choose_behaviors
from ethomake.labels.formats import boris, recognize
from ethomake.labels.policies import Policies
from ethomake.labels.table import LabelTable
from ethomake.labels.timeline import Timeline

from .reading import reader_of, saver

KINDS = {"walk": "State event", "groom": "State event", "sniff": "Point event"}


def project(observations=None, **more):
    """A project as BORIS 8 writes it, as far as labels are concerned."""
    behaviors = {str(n): {"code": code, "type": kind, "modifiers": {}} for n, (code, kind) in enumerate(KINDS.items())}
    return {
        "time_format": "hh:mm:ss",
        "project_format_version": "7.0",
        "subjects_conf": {},
        "behaviors_conf": behaviors,
        "observations": observations or {},
    } | more


def observation(*events, files=(("a.mp4",),), lengths=None, offsets=None, **more):
    """An observation of the videos of each player; events are (time, code[, subject[, modifiers]])."""
    padded = [(*event, "", "")[:4] for event in events]
    lists = [[time, subject, code, modifiers, ""] for time, code, subject, modifiers in padded]
    return {
        "type": "MEDIA",
        "file": {str(n): list(names) for n, names in enumerate(files, start=1)},
        "time offset": 0.0,
        "events": lists,
        "media_info": {"length": lengths or {}, "offset": offsets or {}},
    } | more


save = saver("p.boris")


labels, refusal = reader_of("boris")


def test_states_go_from_one_event_to_the_next_and_points_have_a_frame(save):
    events = [(0.3, "walk"), (0.1, "walk"), (0.4, "sniff"), (0.7, "walk"), (0.9, "walk")]
    path = save(project({"o": observation(*events)}))
    assert recognize(path) == "boris"
    assert labels(path, points="frame") == {"walk": "0110000110", "groom": "0000000000", "sniff": "0000100000"}
    assert labels(path, points="ignore") == {"walk": "0110000110", "groom": "0000000000"}
    assert "event 3 of observation o: sniff is an event without duration, at 0.4" in refusal(path)
    counts = boris.count_positives(path, Policies(points="frame")).counts
    assert counts == {"walk": 2, "groom": 0, "sniff": 1}


def test_subjects_have_their_own_states(save):
    events = [(0.1, "walk", "m1"), (0.2, "walk", "m2"), (0.4, "walk", "m1"), (0.9, "walk", "m2")]
    conf = {str(n): {"name": name, "key": ""} for n, name in enumerate(["m1", "m2", "m3"])}
    path = save(project({"o": observation(*events)}, subjects_conf=conf))
    assert labels(path, subject="m1")["walk"] == "0111000000"
    assert labels(path, subject="m2")["walk"] == "0011111110"
    assert labels(path, subject="m3")["walk"] == "0000000000"
    assert "the labels of 3 subjects (m1, m2, m3)" in refusal(path)
    assert boris.count_positives(path, Policies(), subject="m2").counts["walk"] == 1


def test_modifiers_are_ignored_or_part_of_the_name(save):
    events = [(0.1, "walk", "", "fast|None"), (0.3, "walk", "", "fast|None"), (0.5, "walk"), (0.6, "walk")]
    conf = project()["behaviors_conf"]
    conf["0"]["modifiers"] = {
        "0": {"name": "pace", "type": 0, "values": ["fast (f)", "slow"]},
        "1": {"name": "where", "type": 0, "values": ["wall"]},
    }
    path = save(project({"o": observation(*events)}, behaviors_conf=conf))
    assert labels(path)["walk"] == "0110010000"
    named = labels(path, modifiers="name")
    assert named["walk"] == "0000010000"
    assert named["walk:fast"] == "0110000000"
    assert named["walk:slow:wall"] == "0000000000"


def test_a_state_ends_with_the_same_modifiers(save):
    events = [
        (0.1, "walk", "", "fast"),
        (0.2, "walk", "", "slow"),
        (0.3, "walk", "", "fast"),
        (0.5, "walk", "", "slow"),
    ]
    path = save(project({"o": observation(*events)}))
    assert labels(path, modifiers="name")["walk:slow"] == "0011100000"
    assert "begins before the bout of event 1 of observation o has ended" in refusal(path)


def test_unpaired_states_go_by_the_policy(save):
    path = save(project({"o": observation((0.1, "walk"), (0.3, "walk"), (0.7, "walk"))}))
    assert "event 3 of observation o: walk starts at 0.7 and never stops" in refusal(path)
    assert labels(path, unpaired="warn")["walk"] == "0110000000"
    assert labels(path, unpaired="fix")["walk"] == "0110000111"


def test_videos_one_after_the_other_have_their_own_times(save):
    events = [
        (0.2, "walk"),
        (0.4, "walk"),
        (0.9, "groom"),
        (1.3, "groom"),
        (1.6, "sniff"),
        (1.8, "walk"),
        (1.9, "walk"),
    ]
    files = [("a.mp4", "C:\\films\\b.mp4")]
    path = save(project({"o": observation(*events, files=files, lengths={"a.mp4": 1.0})}))
    both = {"points": "frame"}
    assert labels(path, **both) == {"walk": "0011000000", "groom": "0000000001", "sniff": "0000000000"}
    assert labels(path, video="b.mp4", **both) == {"walk": "0000000010", "groom": "1110000000", "sniff": "0000001000"}
    unknown = save(project({"o": observation(*events, files=files)}), "unknown.boris")
    assert "observation o: the length of a.mp4 is not known" in refusal(unknown, **both)


def test_players_are_shifted_by_their_offsets(save):
    events = [(0.2, "walk"), (0.4, "walk"), (0.7, "groom"), (0.9, "groom")]
    shown = {"files": [("a.mp4",), ("late.mp4",), ("early.mp4",)], "lengths": {"a.mp4": 1.0}}
    path = save(project({"o": observation(*events, **shown, offsets={"1": 0.0, "2": 0.3, "3": -0.2})}))
    assert labels(path) == {"walk": "0011000000", "groom": "0000000110", "sniff": "0000000000"}
    # the first of its frames is seen 0.3 s after that of player 1, so the last three were never seen
    assert labels(path, video="late.mp4") == {"walk": "1000000???", "groom": "0000110???", "sniff": "0000000???"}
    assert labels(path, 12, video="early.mp4") == {
        "walk": "??0011000000",
        "groom": "??0000000110",
        "sniff": "??0000000000",
    }


def test_what_is_outside_of_the_observation_interval_was_not_scored(save):
    path = save(project({"o": observation((0.3, "walk"), (0.5, "walk"), **{"observation time interval": [0.2, 0.8]})}))
    assert labels(path)["walk"] == "??011000??"
    late = save(project({"o": observation(**{"observation time interval": [0.2, 0]})}), "late.boris")
    assert labels(late)["walk"] == "??00000000"


def test_the_time_offset_of_an_observation_is_taken_off(save):
    more = {"time offset": 100.0, "observation time interval": [0.2, 0.8]}  # which has no offset in BORIS
    path = save(project({"o": observation((100.3, "walk"), (100.5, "walk"), **more)}))
    assert labels(path)["walk"] == "??011000??"
    dated = observation((50.3, "walk"), (50.5, "walk"), media_creation_date_as_offset=True)
    dated["media_info"]["media_creation_time"] = {"a.mp4": 50.0}
    assert labels(save(project({"o": dated}), "dated.boris"))["walk"] == "0001100000"
    dated["media_info"]["media_creation_time"] = {}
    assert "times count from the dates" in refusal(save(project({"o": dated}), "undated.boris"))


def test_live_observations_are_refused_or_left_out(save):
    live, pictures = observation((1, "walk"), type="LIVE", file={}), observation(type="IMAGES", file={})
    path = save(project({"l": live, "p": pictures}))
    message = refusal(path)
    assert "observation l, which was made live, without a video; observation p, which was made of pictures" in message
    path = save(project({"l": live, "o": observation((0.1, "walk"), (0.2, "walk"))}))
    assert labels(path)["walk"] == "0100000000"
    assert boris.read(path, Timeline.regular(10, 10), Policies()).ignored == (
        "observation l, which was made live, without a video",
    )


def test_which_of_several_observations_is_meant_is_not_guessed(save):
    one, two = observation((0.1, "walk"), (0.2, "walk")), observation((0.4, "walk"), (0.5, "walk"))
    path = save(project({"one": one, "two": two, "empty": observation()}))
    assert "the video was scored in 2 observations (one, two)" in refusal(path)
    two["file"]["1"] = ["b.mp4"]
    path = save(project({"one": one, "two": two}))
    assert labels(path)["walk"] == "0100000000"
    assert labels(path, video="b.mp4")["walk"] == "0000100000"
    assert "the labels of 2 videos (a.mp4, b.mp4), and none is c.mp4" in refusal(path, video="c.mp4")


def test_old_projects_are_read(save):
    old = observation((0.3, "walk"), (0.5, "walk"), type="VIDEO", file=["a.mp4", "b.mp4"])
    old["time offset second player"] = 0.2
    del old["media_info"]
    path = save(project({"o": old}, subjects_conf={"0": ["1", "m1"]}))
    assert labels(path)["walk"] == "0001100000"
    assert labels(path, video="b.mp4")["walk"] == "0110000000"


def test_a_compressed_project_is_read(save, tmp_path):
    plain = save(project({"o": observation((0.1, "walk"), (0.2, "walk"))}))
    path = tmp_path / "p.boris.gz"
    path.write_bytes(gzip.compress(plain.read_bytes()))
    assert recognize(path) == "boris"
    assert labels(path) == labels(plain)
    path.write_bytes(path.read_bytes()[:-9])
    assert "not readable" in refusal(path)


MISTAKES = {
    "behavior 'run' is not in the ethogram": observation((0.1, "run")),
    "the time of event 2 of observation o: 'soon' where a number": observation((0.1, "walk"), ("soon", "walk")),
    "the time of event 1 of observation o: nan where a number is due": observation((float("nan"), "walk")),
    "event 1 of observation o: it needs time, subject and behavior": observation(events=[[1.0]]),
    "the events of observation o: {} where a list": observation(events={}),
    "interval needs a first and a last second": observation(**{"observation time interval": [1]}),
    "interval ends before it begins": observation(**{"observation time interval": [3, 1]}),
    "type 'DREAM' is not known": observation(type="DREAM"),
    "player 1 has no list of files": observation(file={"1": "a.mp4"}),
    "which names no video": observation(file={"1": [], "2": []}),
    "media_info of observation o: [1] where an object": observation(media_info=[1]),
    "the offset of player 2 of observation o: 'x' where a number": observation(offsets={"2": "x"}),
    "without observations": None,
}


@pytest.mark.parametrize("said", MISTAKES)
def test_mistakes_are_told_in_a_line(save, said):
    assert said in refusal(save(project({"o": MISTAKES[said]} if MISTAKES[said] else {})))


def test_damaged_projects_are_told(save):
    whole = json.dumps(project({"o": observation()}), indent=1)
    cut = save(whole[:10] + ' "project_format_version')
    with pytest.raises(InputError, match=rf"^{re.escape(str(cut))}, line 2: not readable as JSON"):
        boris.read(cut, Timeline.regular(10, 10), Policies())
    assert "observation o: 3 where an object" in refusal(save(project({"o": 3})))
    assert "neither a state event nor a point event" in refusal(
        save(project({"o": observation()}, behaviors_conf={"0": {"code": "a", "type": "mood"}}))
    )


HALF = "rear \ud83d"  # of a pair of code units
HALVES = {
    "code of behaviors_conf 0": {"behaviors_conf": {"0": {"code": HALF, "type": "State event"}}},
    "subjects_conf 0": {"subjects_conf": {"0": {"name": HALF}}},
    "observations": {"observations": {HALF: observation()}},
    "a file of player 1 of observation o": {"observations": {"o": observation(files=((HALF,),))}},
    "the modifiers of event 1 of": {"observations": {"o": observation((0.1, "walk", "", HALF))}},
}


@pytest.mark.parametrize("where", HALVES)
def test_text_that_cannot_be_written_is_refused(save, where):
    told = refusal(save(project({"o": observation()}) | HALVES[where]), modifiers="name")
    assert f", {where}" in told
    assert "'rear \\ud83d' where a text is due; correct it" in told


@st.composite
def drawn(draw):
    """Labels with 1, 0 and -1, and frames of any rate, with pauses."""
    names = draw(
        st.lists(st.sampled_from(["walk", "rear up", "=sum", "歩く", "a:b", "not scored"]), min_size=1, unique=True)
    )
    values = draw(arrays.arrays(np.int8, (draw(st.integers(1, 40)), len(names)), elements=st.sampled_from([0, 1, -1])))
    steps = draw(arrays.arrays(np.int64, len(values), elements=st.sampled_from([1, 17, 33, 40, 90, 5000])))
    edges = np.append(0, np.cumsum(steps / draw(st.sampled_from([1000, 1001, 9000]))))
    line = Timeline(
        edges[:-1], edges[1:], 25.0, draw(st.sampled_from(["a.mp4", ""])), draw(st.sampled_from(["m1", ""]))
    )
    return LabelTable(tuple(names), values), line


@settings(max_examples=150, deadline=None, derandomize=True)
@given(case=drawn())
def test_labels_come_back_as_they_were(tmp_path_factory, case):
    table, line = case
    path = tmp_path_factory.getbasetemp() / "written.boris"
    boris.write(table, line, path)
    assert recognize(path) == "boris"
    back = choose_behaviors(boris.read(path, line, Policies()), path, behaviors=table.behaviors)
    np.testing.assert_array_equal(back.values, table.values)


def test_a_written_project_is_the_same_on_any_day_and_says_what_boris_needs(tmp_path):
    table = LabelTable(("walk", "rear"), np.array([[1, 0], [1, -1], [0, 0]], np.int8))
    for name in ("one", "two"):
        boris.write(table, Timeline.regular(3, 30, "a.mp4", "m1"), tmp_path / f"{name}.boris")
    assert (tmp_path / "one.boris").read_bytes() == (tmp_path / "two.boris").read_bytes()
    content = json.loads((tmp_path / "one.boris").read_text())
    assert [entry["code"] for entry in content["behaviors_conf"].values()] == ["walk", "rear", "not scored: rear"]
    assert {entry["type"] for entry in content["behaviors_conf"].values()} == {"State event"}
    (noted,) = content["observations"].values()
    assert noted["media_info"]["length"] == {"a.mp4": pytest.approx(0.1, abs=0.002)}
    assert [event[:3] for event in noted["events"]] == [
        [0.0, "m1", "walk"],
        [0.033, "m1", "not scored: rear"],
        [0.067, "m1", "not scored: rear"],
        [0.067, "m1", "walk"],
    ]


def test_a_behavior_that_reads_as_not_scored_is_not_written(tmp_path):
    with pytest.raises(InputError, match="'not scored: walk' cannot be written"):
        boris.write(
            LabelTable(("not scored: walk",), np.zeros((3, 1), np.int8)), Timeline.regular(3, 9), tmp_path / "p"
        )
    assert not (tmp_path / "p").exists()


@st.composite
def spoiled(draw):
    """A project in which something is another thing, or text that is cut or changed."""
    shown = {"files": [("a.mp4", "b.mp4"), ("c.mp4",)], "lengths": {"a.mp4": 0.6}, "offsets": {"2": 0.1}}
    content = project({"o": observation((0.1, "walk"), (0.5, "walk"), (0.7, "sniff"), **shown)})
    content = copy.deepcopy(content)
    for _ in range(draw(st.integers(0, 3))):
        place, keys = content, []
        while isinstance(place, dict | list) and place and (not keys or draw(st.booleans())):
            keys = [place, draw(st.sampled_from(list(place) if isinstance(place, dict) else range(len(place))))]
            place = place[keys[1]]
        if not keys:
            break
        other = st.sampled_from(
            [None, True, -1, 0.3, 1e300, float("nan"), "", "x", "\udc00", [], {}, [[]], {"1": [3]}, "walk"]
        )
        keys[0][keys[1]] = draw(other)
    text = json.dumps(content).encode()
    if draw(st.booleans()):
        start = draw(st.integers(0, len(text)))
        text = text[:start] + draw(st.binary(max_size=4)) + text[draw(st.integers(start, len(text))) :]
    return text


@settings(max_examples=300, deadline=None, derandomize=True)
@given(content=st.one_of(spoiled(), st.binary(max_size=200)))
def test_spoiled_projects_give_labels_or_an_error_of_ours(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "spoiled.boris"
    path.write_bytes(content)
    boris.sniff(path)
    for policies in (Policies(), Policies("fix", "fix", "fix", "fix", "frame", modifiers="name")):
        with contextlib.suppress(InputError):
            boris.count_positives(path, policies, "b.mp4")
            table = boris.read(path, Timeline.regular(10, 10, "b.mp4"), policies)
            json.dumps([table.behaviors, table.notes, table.mended, table.ignored], ensure_ascii=False).encode()
            values = table.values
            assert values.shape[0] == 10
            assert np.isin(values, (1, 0, -1)).all()


def kept(samples, save, *observations):
    """The sample `test.boris` with some of its observations only."""
    content = json.loads((samples / "boris" / "test.boris").read_text())
    content["observations"] = {name: content["observations"][name] for name in observations}
    return save(content, "kept.boris")


def test_samples_of_one_video_are_read(samples, save):
    line = {who: Timeline.regular(8999, 25, "video_test_25fps_360s.mp4", who) for who in ("subject1", "subject2")}
    path = kept(samples, save, "observation #1")
    for who, bouts, seconds in (("subject1", 3, 16.875), ("subject2", 1, 7.675)):  # of its time budget
        assert boris.count_positives(path, Policies(), subject=who).counts["s"] == bouts
        column = boris.read(path, line[who], Policies()).values[:, 1]
        assert abs((column == 1).sum() / 25 - seconds) <= bouts / 25
    path = kept(samples, save, "modifiers")
    table = boris.read(
        path, Timeline.regular(4499, 25, "video_test_25fps_180s.mp4"), Policies(points="frame", modifiers="name")
    )
    on = dict(zip(table.behaviors, (table.values == 1).sum(axis=0).tolist(), strict=True))
    assert {name: number for name, number in on.items() if number} == {
        "q:m1": 1,
        "q:m2": 1,
        "q:m3": 1,
        "r:m1": 220,
        "r": 260,
    }


def test_samples_of_several_videos_and_players_are_read(samples, save):
    path = kept(samples, save, "observation #2")
    first = boris.read(path, Timeline.regular(4499, 25, "video_test_25fps_180s.mp4"), Policies(points="frame")).values
    assert (first[:, 0] == 1).sum() == 3
    assert abs((first[:, 1] == 1).sum() - 25 * (6.325 + 13.1 + 4.7)) <= 3
    line = Timeline.regular(8999, 25, "video_test_25fps_360s.mp4", "subject1")
    second = boris.read(path, line, Policies(points="frame")).values[:, 1]
    assert np.flatnonzero(second)[0] == pytest.approx((266.165 - 179.96) * 25, abs=1)
    assert abs((second == 1).sum() - 25 * (10.525 + 13.25)) <= 2
    for name, offset, times in (
        ("offset positif", 20, [2.425, 179.96]),
        ("offset neg", -20, [20.01, 22.2, 23.5, 28.18]),
    ):
        path = kept(samples, save, name)
        values = boris.read(
            path, Timeline.regular(4499, 25, "video_test_25fps_180s.mp4"), Policies(points="frame")
        ).values
        assert np.flatnonzero(values[:, 0] == 1).tolist() == [min(int(time * 25), 4498) for time in times]
        unseen = 500 if offset < 0 else 0
        assert (values[:unseen] == -1).all()
        assert (values[unseen:] >= 0).all()


def test_samples_that_are_of_no_video_are_refused_with_the_reason(samples):
    folder = samples / "boris"
    assert "without observations" in refusal(folder / "otx_import_test.boris")
    assert "made live" in refusal(folder / "test_with_leading_trailing_spaces_in_modifiers.boris")
    for name in ("test.boris", "test2.boris", "test_without_media_files_paths.boris"):
        assert recognize(folder / name) == "boris"
        assert "was scored in 4 observations" in refusal(folder / name, video="video_test_25fps_180s.mp4")
