"""The fast way through tables of frames, against the one that looks at each cell."""

import numpy as np
import pytest

from ethomake.errors import InputError
from ethomake.labels import plain
from ethomake.labels.plain import parse_plain, render_plain
from ethomake.labels.table import LabelTable, read_columns, read_sheet, read_table, write_labels

HEADER = "frame,walk,groom"


def body(values, style=str):
    return "".join(f"{row},{','.join(map(style, cells))}\n" for row, cells in enumerate(values.tolist()))


@pytest.fixture
def values():
    return np.random.default_rng(0).integers(-1, 2, (130, 2)).astype(np.int8)


@pytest.mark.parametrize("chunk", [1, 7, 100, 1 << 20])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("style", [str, "{}.0".format])
def test_values_come_back_whatever_the_parts(values, monkeypatch, chunk, end, style):
    monkeypatch.setattr(plain, "CHUNK", chunk)
    text = f"{HEADER}\n{body(values, style)}".replace("\n", end).encode()
    for content in (text, b"\xef\xbb\xbf" + text, text.rstrip(), text + b"\r\n\n", text.replace(b",", b"\t")):
        names, found = parse_plain(content, first=1, index=True)
        assert names == HEADER.split(",")
        np.testing.assert_array_equal(found, values)


@pytest.mark.parametrize("chunk", [64, 1 << 20])
@pytest.mark.parametrize("rows", [0, 1, 9, 10, 11, 100, 101, 130])
def test_rows_are_written_as_by_print(values, monkeypatch, chunk, rows):
    monkeypatch.setattr(plain, "CHUNK", chunk)
    for columns in (0, 1, 2):
        part = values[:rows, :columns]
        expected = "".join(",".join(map(str, [row, *cells])) + "\n" for row, cells in enumerate(part.tolist()))
        assert b"".join(render_plain(part)).decode() == expected


@pytest.mark.parametrize(
    "change",
    [
        ("129,", "130,"),
        ("\n0,", "\n1,"),
        ("\n7,", "\n7.0,"),
        ("\n7,", "\n,"),
        ("\n7,", "\n8,"),
        ("\n7,", "\n7,1,"),
        ("\n7,", "\n7;"),
        ("\n7,", "\n\n7,"),
        ("\n7,0", "\n7,2"),
        ("\n7,0", "\n7,-0"),
        ("\n7,0", "\n7,"),
        ("\n7,0", "\n7,0.5"),
        ("\n7,0", "\n7,0x0"),
        ("\n7,0", "\n7,--1"),
        ("\n7,0", "\n7,10"),
        ("\n7,0", '\n7,"0"'),
        ("\n7,0", "\n7, 0"),
        ("\n7,0", "\n7,x"),
        ("\n7,0", "\r7,0"),
        ("\n7,0", "\n7,\r0"),
        ("\n7,0", "\n7,\0"),
        ("frame", "# frame"),
        ("frame", '"frame"'),
        ("frame", "sep=,\nframe"),
        ("walk", "w\u00e4lk".encode("latin-1").decode("latin-1")),
        ("groom", "walk"),
        ("walk", ""),
        (",groom", ""),
        ("walk", "background"),
    ],
)
def test_what_is_unusual_is_read_as_the_other_reader_does(values, tmp_path, change):
    values[7, 0] = 0
    text = f"{HEADER}\n{body(values)}"
    assert change[0] in text
    path = tmp_path / "v.csv"
    path.write_bytes(text.replace(*change, 1).encode())

    def outcome(read):
        try:
            table = read()
        except InputError as error:
            return str(error)
        others = {name: str(error) for name, error in table.others.items()}
        return table.behaviors, table.values.tolist(), others, table.notes

    slow = outcome(lambda: read_columns(read_sheet(path), first=1, index=True))
    assert outcome(lambda: read_table(path, first=1, index=True)) == slow


def test_clean_tables_are_not_looked_at_by_cell(values, tmp_path, monkeypatch):
    path = tmp_path / "v.csv"
    write_labels(path, LabelTable(("walk", "groom"), values))
    monkeypatch.setattr("ethomake.labels.table.read_sheet", None)
    np.testing.assert_array_equal(read_table(path, first=1, index=True).values, values)


@pytest.mark.parametrize("content", [b"", b"\n", b"a", b"a\n", b"\xff,b\n1,1\n", b"\xef\xbb\xbf\n1\n", b"\r\n\r\n"])
def test_what_is_no_table_is_none(content):
    assert parse_plain(content, first=1, index=True) is None
    assert parse_plain(content, first=0, index=False) is None
