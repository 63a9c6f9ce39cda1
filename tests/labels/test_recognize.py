"""Files that cannot be read as labels: the message says what they are."""

import pytest

from ethomake.errors import InputError
from ethomake.labels.formats import read_any_labels
from ethomake.labels.timeline import Timeline

ROWS = "".join(f"{frame},{int(frame > 3)},0\n" for frame in range(9))
TABLE = "frame,walk,groom\n" + ROWS
OBSERVATIONS = "Observation id\tDate\tDescription\tSubjects\none\t2020-01-01\t\tm1\n"
BUDGET = '[{"subject": "m1", "behavior": "walk", "modifiers": "", "duration": 3}]'


def said(tmp_path, content, name="v.csv"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InputError) as caught:
        read_any_labels(path, Timeline.regular(9, 10))
    message = str(caught.value)
    assert message.startswith(str(path))
    assert "\n" not in message
    return message.removeprefix(str(path))


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        ("My scoring\n" + TABLE, ["line 1", "a title ('My scoring'): the header is in line 2"]),
        ("Scoring sheet,,\nby AB,,\n\n" + TABLE, ["a title ('Scoring sheet'): the header is in line 4"]),
        ("Sheet; June\n" + TABLE.replace(",", ";"), ["a title ('Sheet; June'): the header is in line 2"]),
        ("Sheet\n" + TABLE.replace("frame,", "id,background,", 1), ["a title ('Sheet'): the header is in line 2"]),
        (OBSERVATIONS, ["a table of BORIS without events", "give the project itself (.boris), or export its events"]),
        (BUDGET, ["a time budget of BORIS, without times", "give the project itself"]),
        (
            "Time,Behavior,Status\n1.5,walk,START\n2.5,walk,STOP\n",
            ["list of bouts or events (columns Time, Behavior, Status)"],
        ),
        ("behaviour;from;to\nwalk;3;8\ngroom;9;12\n", ["list of bouts or events (columns behaviour, from, to)"]),
        ("Behavior\tStart (s)\tStop (s)\nwalk\t0.5\t1.5\n", ["list of bouts"]),
        ("behavior,start_s,stop_s\nwalk,0.5,1.5\n", ["list of bouts"]),
        ('{"time_format": "hh:mm:ss", "behaviors_conf": {}}', ["a project of BORIS"]),
        ('{\n "a": 1}', ["a file in JSON"]),
        ('<?xml version="1.0"?>\n<svg></svg>', ["a file in XML or HTML"]),
        (
            "FirstLineOfData=18\n#---\n# Name: a.dat\n",
            ["JWatcher, which has when behaviors begin but not when they end"],
        ),
        ("#---\n# Name: a.faf\n# Format: Focal Analysis Master File 1.0\n", ["settings of JWatcher, without events"]),
        (
            '<?xml version="1.0"?>\n<NXMLINTERCHANGE xmlns="nxmlinterchange">'.encode("utf-16"),
            ["coding scheme", "Behavior"],
        ),
        (b"PAR1\x15\x04", ["a table in Parquet and not plain text"]),
        ("scorer,net,net\nbodyparts,nose,nose\ncoords,x,y\n0,1,2\n", ["DeepLabCut's table of body parts"]),
        (
            "frame_index,walk,groom\n" + ROWS,
            ["line 1", "the first column, 'frame_index', counts the frames: rename it"],
        ),
        ("Bild,walk,groom\n1,0,0\n2,0,1\n3,0,1\n", ["'Bild', counts the frames", "let it begin at 0 (it begins at 1)"]),
        ("position,walk,groom\n0.1,0,0\n0.2,0,1\n0.3,0,1\n", ["'position', looks like times: name it 'time'"]),
        ("walk,groom\n0,0\n1,0\n", ["only columns of behaviors", "put a column 'frame'"]),
        (ROWS, ["there is no header"]),
        ("items,walk,groom\n0,0,0\n33,0,1\n67,0,1\n", ["'items', looks like times: name it 'time'"]),
        (
            "frame,label\n0,walk\n1,walk\n",
            ["line 2", "'label' holds 'walk', which seems to name the behavior", "1 where"],
        ),
        ("frame,State\n0,1\n1,3\n", ["line 3", "'State' holds '3', which seems to name the behavior that is on"]),
        ("Behaviour\nwalk\ngroom\n", ["one column, 'Behaviour', that says which behavior is on"]),
        ("frame walk groom\n0 1 0\n1 0 0\n", ["its cells are separated by blanks: save it with commas"]),
        ("frame|walk|groom\n0|1|0\n1|0|0\n", ["its cells are separated by |: save it with commas"]),
        ("frame,0,1,2\nwalk,1,0,0\ngroom,0,0,0\n", ["line 2", "transpose the table, so that each frame is a row"]),
        (
            "frame,walk,groom\n-,0/1,0/1\n" + ROWS,
            ["line 2", "'-' where frame 0", "delete the line if it has no labels"],
        ),
        (TABLE + "sum,5,0\n", ["line 11", "holds 'sum' where frame 9", "delete the line if it has no labels"]),
        (TABLE + "x,1,0\n", ["line 11", "'x' where frame 9 is due", "give the row its frame, or delete it"]),
        (TABLE + TABLE, ["line 11", "the header stands here again: delete the line"]),
        ("frame,walk\n2,0\n1,0\n0,1\n", ["line 2", "the frames count backwards, from 2; sort the rows"]),
        ("frame,walk\n2,0\n3,0\n4,1\n", ["line 2", "'2' where frame 0 is due", "add a row for each missing frame"]),
        ("walk,frame,groom\n0,0,0\n1,1,0\n", ["the column 'frame' is column 2: move it to the front"]),
        (b"MATLAB 5.0 MAT-file, Platform: GLNXA64\0\0", ["a file of MATLAB"]),
        (b"\x89HDF\r\n\x1a\n\0\0", ["an HDF5 file"]),
        (b"\0\0\0 ftypisom\0\0\2\0", ["a video and not plain text"]),
        (b"\x80\x04\x95\0\0.", ["a pickle of Python"]),
        ("frame,walk\n0,1\n".encode("utf-16"), ["text in UTF-16", "CSV file in UTF-8"]),
        ("a,b\nx,y\n", ["no known format", "DeepEthogram", "by time"]),
    ],
)
def test_a_message_says_what_the_file_is(tmp_path, content, parts):
    message = said(tmp_path, content)
    for part in parts:
        assert part in message


@pytest.mark.parametrize("header", ["frame,animal,walk", ",animal,background", "frame,animal,walk,note"])
def test_animals_below_each_other_are_told_apart(tmp_path, header):
    rows = [f"{frame},{name},{frame % 2}" + ",x" * header.count("note") for name in "AB" for frame in range(4)]
    message = said(tmp_path, "\n".join([header, *rows]) + "\n")
    assert message.startswith(
        ", line 6: the frames begin anew here, at 0; column 'animal' tells A and B apart: give each"
    )


def test_animals_row_by_row_are_told_apart(tmp_path):
    rows = "".join(f"{frame},{name},0\n" for frame in range(3) for name in ("left", "right"))
    message = said(tmp_path, "frame,who,walk\n" + rows)
    assert ", line 3: frame 0 has a second row; column 'who' tells left and right apart" in message
    message = said(tmp_path, "frame,walk\n0,0\n0,1\n1,0\n1,0\n")
    assert "frame 0 has a second row; if it has several animals or videos" in message


def test_videos_below_each_other_without_a_column_that_says_so(tmp_path):
    assert "line 5: the frames begin anew here, at 0; if it has several" in said(
        tmp_path, "frame,walk\n" + "0,1\n1,0\n2,0\n" * 2
    )


def test_times_in_a_column_frame_are_told(tmp_path):
    assert "holds 0.04 where frame 1 is due; name the column time" in said(
        tmp_path, "frame,walk\n0,1\n0.04,0\n0.08,0\n"
    )


@pytest.mark.parametrize("name", ["observer-otx/otx_parser_test.otx", "observer-otx/otx_parser_test.otb"])
def test_samples_of_coding_schemes_are_refused_with_the_reason(samples, name):
    with pytest.raises(InputError, match="coding scheme of The Observer, with names but without events"):
        read_any_labels(samples / name, Timeline.regular(9, 10))


@pytest.mark.parametrize(("kind", "said"), [("dat", "not when they end"), ("faf", "settings"), ("fmf", "settings")])
def test_samples_of_jwatcher_are_refused_with_the_reason(samples, kind, said):
    with pytest.raises(InputError, match=f"of JWatcher.*{said}|{said} of JWatcher"):
        read_any_labels(samples / "jwatcher" / f"test_jwatcher_subject1.{kind}", Timeline.regular(9, 10))
