"""Damaged label files of other programs: labels, or an error of ours in one line, and nothing else."""

import io
import json
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ethomake.errors import InputError
from ethomake.labels.formats import find_formats, recognize
from ethomake.labels.policies import Policies
from ethomake.labels.timeline import Timeline


def zipped(**parts):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, text in parts.items():
            archive.writestr(zipfile.ZipInfo(name), text)
    return content.getvalue()


BOUT = {"start": 2, "end": 4, "present": True}
JABS = {"file": "a.mp4", "num_frames": 10, "labels": {"0": {"walk": [BOUT], "None": [BOUT | {"start": 7, "end": 8}]}}}
VIA = {
    "project": {"data_format_version": "3.1.2", "vid_list": ["1"]},
    "attribute": {"1": {"anchor_id": "FILE1_Z2_XY0", "type": 2, "options": {"0": "walk", "1": "rear"}}},
    "file": {"1": {"fname": "a.mp4", "type": 4}},
    "metadata": {"1_a": {"vid": "1", "z": [0.2, 0.4], "xy": [], "av": {"1": "0,1"}}},
    "view": {"1": {"fid_list": ["1"]}},
}
CALMS = {"annotator-id_0": {"t/a": {"annotations": [0, 1, None], "metadata": {"vocab": {"walk": 0, "other": 1}}}}}
MABE = {"vocabulary": ["walk", "rear"], "sequences": {"a": {"annotations": [[0, 1], [1, None]]}}}
SHEET = "#4\nwalk (MATRIX,true,)-speed|NOMINAL\n00:00:00:200,00:00:00:399,(fast)\n"
FEED = "!project\nviewerSettings:\n- !vs\n  feed: /f/a.mp4\n  settingsId: '1'\n"
EAF = """<?xml version="1.0" encoding="UTF-8"?>
<ANNOTATION_DOCUMENT><HEADER TIME_UNITS="milliseconds">
<MEDIA_DESCRIPTOR MEDIA_URL="file:///f/a.mp4" TIME_ORIGIN="100" MIME_TYPE="video/mp4"/></HEADER>
<TIME_ORDER><TIME_SLOT TIME_SLOT_ID="t1" TIME_VALUE="200"/><TIME_SLOT TIME_SLOT_ID="t2" TIME_VALUE="400"/></TIME_ORDER>
<TIER TIER_ID="walk"><ANNOTATION>
<ALIGNABLE_ANNOTATION ANNOTATION_ID="a1" TIME_SLOT_REF1="t1" TIME_SLOT_REF2="t2">
<ANNOTATION_VALUE>fast</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION></TIER></ANNOTATION_DOCUMENT>
"""
BENTO = """Bento annotation file
Movie file(s): a.mp4

Stimulus name:
Annotation start time: 0.1
Annotation stop time: 1.0
Annotation framerate: 10.0

List of channels:
Ch1

List of annotations:
walk

Ch1----------
>walk
Start\tStop\tDuration
0.3\t0.5\t0.2
"""
CALTECH = """Caltech Behavior Annotator - Annotation File

Configuration file:
base\tz
walk\tw

S1:\tstart\tend\ttype
-----------------------------
\t1\t3\tbase
\t4\t10\twalk

S2:\tstart\tend\ttype
-----------------------------
\t1\t10\tbase
"""
NOLDUS = """Time_Relative_hmsf,Time_Relative_sf,Duration_sf,Observation,Subject,Behavior,Modifier_1,Event_Type
00:00:00.200,0.2,0.2,a,m1,walk,fast,State start
00:00:00.400,0.4,0,a,m1,walk,fast,State stop
00:00:00.700,0.7,0,a,m1,rear,,Point
"""
MANUAL = """Number of header lines:;5
Video file;a.mp4
Subject name;m1
Recording time;Behavior;Event
s;;
0,2;walk;state start
0,4;walk;state stop
"""
SOLOMON = "Time,Posture,Act\n0,sit,\n0.2,sit,lick\n0.4,,lick\n0.6,stand,\n0.8,stand,\n"
TABLE = (
    'agent_id,target_id,action,start_frame,stop_frame,behaviors_labeled\n1,2,sniff,2,4,"[""mouse1,mouse2,sniff""]"\n'
)
TEXTS = {"elan": [EAF], "bento": [BENTO], "caltech": [CALTECH], "noldus": [NOLDUS, MANUAL], "solomon": [SOLOMON]}
TEXTS |= {"mabe": [TABLE], "datavyu": [SHEET]}
OBJECTS = {"jabs": [JABS], "via": [VIA], "calms21": [CALMS, MABE]}
ODD = [
    "",
    "nan",
    "-1",
    "1e300",
    "0",
    "9" * 400,
    "\ud7ff",
    "=x",
    "a,b",
    "\n",
    "00:00:99:999",
    "S1",
    ">",
    "-",
    "&",
    "None",
]


@st.composite
def spoiled_text(draw, texts):
    """A text of which words, lines or bytes are others."""
    text = draw(st.sampled_from(texts))
    for _ in range(draw(st.integers(1, 4))):
        separator = draw(st.sampled_from(["\n", ",", "\t", '"', ";", ":", " "]))
        parts = text.split(separator)
        place = draw(st.integers(0, len(parts) - 1))
        other = st.one_of(st.sampled_from(ODD), st.sampled_from(parts), st.just(None))
        parts[place : place + 1] = filter(lambda part: part is not None, [draw(other)])
        text = separator.join(parts)
    content = text.encode(draw(st.sampled_from(["utf-8", "utf-8", "utf-16"])), errors="replace")
    if draw(st.booleans()):
        start = draw(st.integers(0, len(content)))
        content = content[:start] + draw(st.binary(max_size=4)) + content[draw(st.integers(start, len(content))) :]
    return content


@st.composite
def spoiled_object(draw, objects):
    """A file in JSON of which values are others."""
    content = json.loads(json.dumps(draw(st.sampled_from(objects))))
    for _ in range(draw(st.integers(1, 3))):
        place, key = content, None
        while isinstance(place, dict | list) and place:
            above, key = place, draw(st.sampled_from(list(place) if isinstance(place, dict) else range(len(place))))
            place = above[key]
            if draw(st.integers(0, 2)) == 0:
                break
        if key is not None:
            odd = [None, True, [], {}, [[]], 10**400, 1e300, -1, 0.5, 7, "a", "", "\udc00", "0", [0, 1], {"0": "x"}]
            above[key] = draw(st.sampled_from([*odd, *(["delete"] if isinstance(above, dict) else [])]))
            if above[key] == "delete":
                del above[key]
    return json.dumps(content, allow_nan=True).encode()


def hold(name, path, content):
    """Read a damaged file in both ways, strictly and as kindly as can be."""
    path.write_bytes(content)
    module = find_formats()[name]
    assert module.sniff(path) in (True, False)
    for policies, subject in (
        (Policies(), ""),
        (Policies("fix", "fix", "fix", "fix", "frame", modifiers="name"), "m1"),
    ):
        message = ""
        try:
            module.count_positives(path, policies, "a.mp4", subject)
            table = module.read(path, Timeline.regular(10, 10, "a.mp4", subject), policies)
            assert np.isin(table.values, (1, 0, -1)).all()
            assert table.values.shape[1] == len(table.behaviors) == len(set(table.behaviors))
            "".join(table.behaviors).encode()
        except InputError as error:
            message = str(error)
        assert not message or message.startswith(str(path))
        assert "\n" not in message


@pytest.mark.parametrize("name", TEXTS)
def test_spoiled_texts(name, tmp_path_factory):
    @settings(max_examples=50, deadline=None, derandomize=True)
    @given(content=st.one_of(spoiled_text(TEXTS[name]), st.binary(max_size=60)))
    def check(content):
        hold(name, tmp_path_factory.getbasetemp() / f"spoiled.{name}", content)

    check()


@pytest.mark.parametrize("name", OBJECTS)
def test_spoiled_objects(name, tmp_path_factory):
    @settings(max_examples=60, deadline=None, derandomize=True)
    @given(content=spoiled_object(OBJECTS[name]))
    def check(content):
        hold(name, tmp_path_factory.getbasetemp() / f"spoiled.{name}", content)

    check()


@settings(max_examples=30, deadline=None, derandomize=True)
@given(
    place=st.integers(0, 400),
    other=st.binary(min_size=1, max_size=3),
    sheet=spoiled_text([SHEET]),
    feed=spoiled_text([FEED]),
)
def test_spoiled_projects_of_datavyu(tmp_path_factory, place, other, sheet, feed):
    path = tmp_path_factory.getbasetemp() / "spoiled.opf"
    whole = zipped(db=SHEET, project=FEED, **{"1": "offset=100\n"})
    hold("datavyu", path, whole[:place] + other + whole[place + len(other) :])
    hold("datavyu", path, zipped(db=sheet, project=feed, **{"1": "offset=100\n"}))


def test_whole_files_are_of_one_format_and_are_read(tmp_path):
    contents = [(name, text.encode()) for name, texts in TEXTS.items() for text in texts]
    contents += [(name, json.dumps(content).encode()) for name, objects in OBJECTS.items() for content in objects]
    contents += [("datavyu", zipped(db=SHEET, project=FEED))]
    for number, (name, content) in enumerate(contents):
        path = tmp_path / f"{number}"
        path.write_bytes(content)
        assert recognize(path) == name
        line = Timeline.regular(10, 10, "a.mp4", "m1" if name == "noldus" else "")
        table = find_formats()[name].read(path, line, Policies(points="frame"))
        assert (table.values == 1).any()
