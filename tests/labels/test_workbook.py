"""Workbooks as tables of text."""

import importlib.util
import zipfile
from datetime import datetime, time, timedelta

import numpy as np
import pytest

from ethomake.errors import InputError
from ethomake.labels import sheets
from ethomake.labels.formats import read_any_labels, recognize
from ethomake.labels.timeline import Timeline
from ethomake.labels.workbook import workbook_text

FRAMES = [["frame", "walk", "rear, up"], [0, 1, 0], [1, 0, -1], [2, 1, 1]]


@pytest.mark.parametrize("suffix", [".xlsx", ".ods"])
def test_a_table_is_read_from_a_workbook_as_from_text(tmp_path, write_workbook, suffix):
    path = write_workbook(tmp_path / f"labels{suffix}", {"one": FRAMES, "empty": []})
    assert workbook_text(path) == "frame\twalk\trear, up\n0\t1\t0\n1\t0\t-1\n2\t1\t1\n"
    assert recognize(path) == "ethomake_csv"
    table = read_any_labels(path, Timeline.regular(3, 10))
    assert table.behaviors == ("walk", "rear, up")
    np.testing.assert_array_equal(table.values, [[1, 0], [0, -1], [1, 1]])


@pytest.mark.parametrize("suffix", [".xlsx", ".ods"])
def test_a_binary_table_in_a_workbook_is_read_by_time(tmp_path, write_workbook, suffix):
    rows = [["time", "walk"], [0, 0], [0.25, 1], [0.5, 0], [0.75, 1]]
    path = write_workbook(tmp_path / f"labels{suffix}", {"one": rows})
    assert recognize(path) == "by_time"
    values = read_any_labels(path, Timeline.regular(8, 8)).values
    assert values[:, 0].tolist() == [0, 0, 1, 1, 0, 0, 1, 1]


def test_errors_name_the_row_of_the_sheet(tmp_path, write_workbook):
    path = write_workbook(tmp_path / "labels.xlsx", {"one": [*FRAMES, [3, 7, 0]]})
    with pytest.raises(InputError, match=r"labels.xlsx, line 5: column 'walk' holds '7'"):
        raise read_any_labels(path, Timeline.regular(4, 10)).others["walk"]


def test_which_of_several_sheets_is_meant_is_not_guessed(tmp_path, write_workbook):
    path = write_workbook(tmp_path / "labels.xlsx", {"m1": FRAMES, "m2": FRAMES})
    with pytest.raises(InputError, match=r"2 sheets of the workbook have content \(m1, m2\)"):
        recognize(path)


def test_a_damaged_workbook_is_told(tmp_path, write_workbook):
    path = write_workbook(tmp_path / "labels.xlsx", {"one": FRAMES})
    path.write_bytes(path.read_bytes()[:600])
    with pytest.raises(InputError, match="it is damaged, too large"):
        recognize(path)


def test_a_workbook_that_would_fill_the_memory_is_refused(tmp_path, write_workbook, monkeypatch):
    path = write_workbook(tmp_path / "labels.xlsx", {"one": FRAMES})
    with zipfile.ZipFile(path) as archive:
        monkeypatch.setattr(sheets, "MOST_BYTES", sum(each.file_size for each in archive.infolist()) - 1)
    with pytest.raises(ValueError, match="too large"):
        sheets.read_sheets(str(path))


def test_a_cell_far_away_does_not_end_the_program(tmp_path, write_workbook):
    path = write_workbook(tmp_path / "labels.xlsx", {"one": [["frame", "walk"], [0, 1]]})
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    sheet = "xl/worksheets/sheet1.xml"
    parts[sheet] = parts[sheet].replace(b"<c><v>1", b'<c r="XFD1048576"><v>1')
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    with pytest.raises(InputError, match="it is damaged, too large"):
        recognize(path)


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (3.0, "3"),
        (0.1 + 0.2, "0.3"),
        (True, "True"),
        ("two\nlines", "two lines"),
        (timedelta(hours=25, seconds=2.5), "25:00:02.5"),
        (time(1, 2, 3), "1:02:03"),
        (datetime(2020, 1, 2, 3, 4, 5), "2020-01-02 03:04:05"),
    ],
)
def test_cells_are_as_in_a_csv_file(value, cell):
    assert sheets.write_cell(value) == cell


def test_without_the_extra_it_is_named(tmp_path, write_workbook, monkeypatch):
    path = write_workbook(tmp_path / "labels.xlsx", {"one": FRAMES})
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r'pip install "ethomake\[excel\]"'):
        recognize(path)
