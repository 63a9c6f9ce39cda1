import numpy as np
import pytest

from ethomake.errors import InputError
from ethomake.labels.bouts import drop_short_bouts, find_bouts
from ethomake.labels.formats import count_any_positives, find_formats, may_hold_several, read_any_labels, recognize
from ethomake.labels.policies import Policies
from ethomake.labels.table import LabelTable, background, read_labels, write_labels
from ethomake.labels.timeline import Timeline

VALUES = np.array([[1, 0], [0, 1], [0, 0], [-1, 1], [-1, 0]], np.int8)
OURS = "frame,walk,groom\n0,1,0\n1,0,1\n2,0,0\n3,-1,1\n4,-1,0\n"
DEEPETHOGRAM = ",background,walk,groom\n0,0,1,0\n1,0,0,1\n2,1,0,0\n3,0,-1,1\n4,-1,-1,0\n"


LINE = Timeline.regular(5, 10)


def read(path, line=LINE, **policies):
    return read_any_labels(path, line, Policies(**policies))


def write(path, text):
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def without_index(text):
    return "\n".join(line.split(",", 1)[1] for line in text.splitlines()) + "\n"


def test_our_form_comes_back_and_has_the_expected_bytes(tmp_path):
    path = tmp_path / "v.csv"
    write_labels(path, LabelTable(("walk", "groom"), VALUES))
    assert path.read_text() == OURS
    table = read_labels(path)
    assert table.behaviors == ("walk", "groom")
    assert table.values.dtype == np.int8
    np.testing.assert_array_equal(table.values, VALUES)


def test_background_is_one_zero_or_unknown():
    np.testing.assert_array_equal(background(VALUES), [0, 0, 1, 0, -1])


@pytest.mark.parametrize(
    "text",
    [
        OURS,
        DEEPETHOGRAM,
        without_index(DEEPETHOGRAM),
        DEEPETHOGRAM.replace(",background", "Unnamed: 0,background"),
        "background,walk,groom\n0.0,1.0,0.0\n0.0,0.0,1.0\n1.0,0.0,0.00\n0,-1.0,1e0\n-1,-1.0,0.\n",
        "walk,background,groom\n1,0,0\n0,0,1\n0,1,0\n-1,0,1\n-1,-1,0\n",
        ",walk,groom\n0,1,0\n1,0,1\n2,0,0\n3,-1,1\n4,-1,0\n",
        OURS.encode("utf-8-sig"),
        OURS.replace("\n", "\r\n"),
        OURS.replace("\n", "\r"),
        OURS.replace(",", ";"),
        OURS.replace(",", ";").replace(";1", ";1,0"),
        OURS.replace(",", "\t"),
        OURS.replace(",", " , "),
        "sep=,\n" + OURS,
        "sep=;\r\n" + OURS.replace(",", ";"),
        DEEPETHOGRAM.replace("background", "Background"),
        OURS + "\n\n,,\n",
        OURS.replace("\n", ",,\n"),
        OURS.rstrip("\n"),
        '"frame","walk","groom"\n' + OURS.split("\n", 1)[1],
        "# scored by AB\n\n# June\n" + OURS,
        '"# scored; by AB",,\n' + OURS,
        "# scored by AB\n" + OURS.replace(",", ";"),
        "# " + OURS,
        "# scored by AB\n#" + OURS,
        OURS.replace("1\n", "True\n").replace("0\n", "False\n"),
        OURS.replace("1\n", "TRUE\n").replace(",0,", ",false,"),
        OURS.replace("walk", '"walk\n"'),
        "time,walk,groom\n0.0,1,0\n0.1,0,1\n0.2,0,0\n0.3,-1,1\n0.4,-1,0\n",
        "Time (s);background;walk;groom\n0,0;0;1;0\n0,1;0;0;1\n0,2;1;0;0\n0,3;0;-1;1\n0,4;-1;-1;0\n",
    ],
)
def test_all_spellings_give_the_same_labels(tmp_path, text):
    table = read(write(tmp_path / "v.csv", text))
    assert table.behaviors == ("walk", "groom")
    np.testing.assert_array_equal(table.values, VALUES)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("frame,walk\n0,1\n1,2\n", ["line 3", "'walk'", "'2'", "write 1 (present), 0 (absent) or -1"]),
        ("frame,walk\n0,1\n1,x\n", ["line 3", "'walk'", "'x'"]),
        ("frame,walk\n0,1\n1,\n", ["line 3", "'walk'", "nothing"]),
        ("frame,walk\n0,nan\n", ["line 2", "'nan'"]),
        ("frame,walk\n0,1\n1,1\n\n3,1\n", ["line 4", "blank"]),
        ("frame,walk\n0,1\n2,1\n", ["line 3", "'2'", "frame 1 is due"]),
        ("frame,walk\n1,1\n2,1\n", ["line 2", "'1'", "frame 0 is due"]),
        (",background,walk\n0,1,0\n5,1,0\n", ["line 3", "'5'", "first column"]),
        ("frame,walk,walk\n0,1,1\n", ["line 1", "'walk'", "duplicate"]),
        ("frame,walk,,run\n0,1,1,1\n", ["line 1", "column 3 has no name"]),
        ("frame,walk\n0,1\n1,1,1\n", ["line 3", "3 cells where the header has 2"]),
        ("frame,walk\n0,1\n1\n", ["line 3", "1 cells"]),
        ("frame,walk\n0,1\n# tired\n1,1\n", ["line 3", "a comment between the rows"]),
        ("background,walk\n1,0\n1,1\n", ["line 3", "background and a behavior are both 1"]),
        ("background,walk\n1,0\n-1,0\n", ["line 3", "background is -1"]),
        ("frame,time_s,walk\n0,0.1,1\n1,0.2,x\n", ["line 3", "'walk'", "'x'"]),
        ("background,walk\n1,0\nnone,0\n", ["line 3", "'background'", "'none'"]),
        ("walk,groom\n0,x\n", ["line 1", "'walk,groom'", "no known format", "DeepEthogram", "ethomake"]),
        ("", ["empty"]),
        ("\n\n", ["empty"]),
        ("frame,walk\n", ["a header and nothing below it"]),
        ('frame,walk\n0,0\n1,"1\n2,0\n', ["line 3", "a quote is opened and not closed"]),
        ('frame,walk\n0,0\n1,"1\n2,0"\n', ["line 3", "'walk' holds a line break", "closed further down"]),
        ('frame,"wa\nlk"\n0,0\n', ["line 1", "the name of column 2 ('wa\\nlk') has a line break in it"]),
        ("time,walk\n0,1\n0.1,0\n0.1,0\n", ["line 4", "0.1 follows 0.1 in column 'time'"]),
        ("time,walk\n0,1\n0.1,0\n0,0\n0.1,0\n", ["line 4", "0 follows 0.1 and begins anew", "a label file"]),
        ("time,walk\n0,1\n0:1x,0\n", ["line 3", "'0:1x'", "in seconds"]),
        ("time,walk\n0,1\n,0\n", ["line 3", "nothing", "in seconds"]),
        ("frame,walk\n1,0\n2,0\n", ["line 2", "from 0: subtract 1"]),
        (b"PK\x03\x04\x14\0", ["workbook", "CSV file in UTF-8"]),
        ("frame,walk\n0,wälk\n".encode("latin-1"), ["line 2 has other characters"]),
        ('frame,walk\n0,"' + "x" * 200_000, ["line 2", "save the labels as a CSV file again"]),
        ("frame,wälk\n0,1\n".encode("latin-1"), ["UTF-8"]),
        (OURS.encode("utf-16"), ["UTF-8"]),
    ],
)
def test_an_error_is_one_line_with_file_row_and_remedy(tmp_path, text, parts):
    path = write(tmp_path / "v.csv", text)
    with pytest.raises(InputError) as caught:
        read(path)
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    for part in parts:
        assert part in message


def test_columns_of_other_things_are_set_aside(tmp_path):
    text = "frame,time_s,walk,notes,background\n0,0.0,1,,0\n1,0.1,0,tired,0\n2,0.2,-1,,-1\n"
    table = read(write(tmp_path / "v.csv", text))
    assert table.behaviors == ("walk",)
    assert table.values.tolist() == [[1], [0], [-1]]
    assert {name: str(error).split(": ", 1)[1][:28] for name, error in table.others.items()} == {
        "time_s": "column 'time_s' holds '0.1';",
        "notes": "column 'notes' holds nothing",
    }


def test_a_background_of_a_behavior_that_was_removed_is_a_note(tmp_path):
    table = read(write(tmp_path / "v.csv", ",background,walk\n0,1,0\n1,0,0\n2,0,0\n3,0,1\n"))
    assert table.values[:, 0].tolist() == [0, 0, 0, 1]
    assert table.notes[0].startswith("in 2 rows, the first in line 3, background is 0")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"nowhere\.csv: there is no such label file"):
        read(tmp_path / "nowhere.csv")


def test_every_format_describes_itself():
    formats = find_formats()
    assert {"by_time", "deepethogram", "ethomake_csv"} <= set(formats)
    for module in formats.values():
        assert module.TITLE
        assert module.__doc__
        assert all(callable(getattr(module, name)) for name in ("sniff", "read", "count_positives"))
        assert hasattr(module, "write") == hasattr(module, "EXTENSION")


def test_bouts_agree_with_a_loop():
    on = np.random.default_rng(0).random(200) < 0.5
    expected, start = [], None
    for frame, value in enumerate([*on, False]):
        if value and start is None:
            start = frame
        if not value and start is not None:
            expected.append((start, frame))
            start = None
    np.testing.assert_array_equal(find_bouts(on), expected)
    kept = np.zeros(200, bool)
    for start, stop in expected:
        kept[start:stop] = stop - start >= 3
    np.testing.assert_array_equal(drop_short_bouts(on, 3), kept)


@pytest.mark.parametrize(("on", "bouts"), [([], []), ([0, 0], []), ([1, 1], [[0, 2]]), ([0, 1], [[1, 2]])])
def test_bouts_at_the_ends(on, bouts):
    found = find_bouts(np.array(on, bool))
    assert found.shape == (len(bouts), 2)
    assert found.tolist() == bouts


def test_labels_of_other_behaviors_are_refused(tmp_path):
    path = tmp_path / "a.csv"
    write_labels(path, LabelTable(("walk", "rear"), np.zeros((2, 2), np.int8)))
    assert read_labels(path, ["walk", "rear"]).behaviors == ("walk", "rear")
    with pytest.raises(InputError, match=r"a\.csv: has the behaviors walk, rear, not rear, walk; delete it and run"):
        read_labels(path, ["rear", "walk"])


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_breaks_in_quotes_belong_to_their_cell(tmp_path, end):
    text = 'frame,walk,note\n0,1,"a\nb, c"\n1,0,"said ""no""\n"\n2,-1,\n3,x,"\n"\n'.replace("\n", end)
    path = write(tmp_path / "v.csv", text.replace("3,x", "3,1"))
    table = read(path)
    assert (table.behaviors, table.values[:, 0].tolist(), list(table.others)) == (("walk",), [1, 0, -1, 1], ["note"])
    with pytest.raises(InputError, match="line 7: column 'walk' holds 'x'"):  # the line in which the row begins
        raise read(write(path, text)).others["walk"]


def test_names_that_begin_formulas_are_written_as_text_and_read_back(tmp_path):
    names = ("=cmd", "@walk", "-rear", "'=x", "groom")
    write_labels(tmp_path / "v.csv", LabelTable(names, np.zeros((1, 5), np.int8)))
    assert (tmp_path / "v.csv").read_text().startswith("frame,'=cmd,'@walk,'-rear,''=x,groom\n")
    assert read_labels(tmp_path / "v.csv", names).behaviors == names
    assert read(write(tmp_path / "w.csv", "frame,=cmd,'x\n0,1,0\n")).behaviors == ("=cmd", "'x")


def test_names_have_one_encoding(tmp_path):
    assert read(write(tmp_path / "v.csv", "frame,gro\u0308om\n0,1\n")).behaviors == ("gr\u00f6om",)


@pytest.mark.parametrize("header", ["time_ms", "Time (ms)", "ms", "timestamp_msec"])
def test_times_may_be_milliseconds_or_clock_times(tmp_path, header):
    rows = [(1, 0), (1, 0), (0, 1), (0, -1), (0, 0)]
    line = Timeline.regular(5, 30)
    for names, times in (
        (header, ["0", "33", "67", "100", "133"]),
        ("time", ["0:00:00", "0:00:00.033", "00:00:00.067", "00:00.1", "0:00.133"]),
    ):
        text = f"{names},walk,groom\n" + "".join(f"{at},{a},{b}\n" for at, (a, b) in zip(times, rows, strict=True))
        assert read(write(tmp_path / "v.csv", text), line).values.tolist() == [list(row) for row in rows]
    for wrong in ("0:61:00", "0:00:75", "1:2:3:4"):
        with pytest.raises(InputError, match=r"line 3: column 'time' holds '.*'; write the time in .* 0:00:12"):
            read(write(tmp_path / "v.csv", f"time,walk\n0,1\n{wrong},0\n"), line)


def test_a_table_by_time_has_a_column_of_notes(tmp_path):
    table = read(write(tmp_path / "v.tsv", "time\twalk\tnote\n0.00\t1\ta\n0.33\t0\tb\n0.67\t0\tc\n"))
    assert (table.behaviors, list(table.others)) == (("walk",), ["note"])


def test_blank_and_unsure_cells_are_what_the_policies_say(tmp_path):
    path = write(tmp_path / "v.csv", "frame,walk\n0,yes\n1,\n2,No\n3,?\n4,unsure\n")
    with pytest.raises(InputError, match=r"line 3: column 'walk' holds nothing; .*, or set labels.blank to"):
        read(path)
    assert read(path, blank="absent").values[:, 0].tolist() == [1, 0, 0, -1, -1]
    assert read(path, blank="unscored", unsure="present").values[:, 0].tolist() == [1, -1, 0, 1, 1]
    assert read(path, blank="unscored", unsure="absent").values[:, 0].tolist() == [1, -1, 0, 0, 0]


def test_blank_and_unsure_cells_are_told(tmp_path):
    text = "frame,background,walk,remark,rear\n0,1,0,x,0\n1,,,?,0\n2,0,1,,?\n3,,,,Unsure\n"
    assert read(write(tmp_path / "v.csv", text), blank="unscored", unsure="absent").notes == (
        "blank cells count as not scored (blank: unscored): 2, the first in line 3",
        "unsure cells count as absent (unsure: absent): 2, the first in line 4",
    )
    timed = "time,walk\n0.00,1\n0.33,\n0.67,0\n"
    told = read(write(tmp_path / "t.csv", timed), blank="absent").notes[0]
    assert told == "blank cells count as absent (blank: absent): 1, the first in line 3"
    assert read(write(tmp_path / "w.csv", "frame,walk\n0,yes\n1,no\n2,1\n"), blank="absent").notes == ()


def test_what_is_written_in_a_format_is_read_with_it(tmp_path):
    line, table = Timeline.regular(5, 10), LabelTable(("walk", "=groom"), VALUES)
    for name, module in find_formats().items():
        if name not in ("ethomake_csv", "deepethogram"):
            continue  # tested by themselves
        path = tmp_path / f"v{module.EXTENSION}"
        module.write(table, line, path)
        again = read(path)
        assert again.behaviors == table.behaviors
        np.testing.assert_array_equal(again.values, VALUES)
    assert path.read_text().splitlines()[:2] == ["frame,walk,'=groom", "0,1,0"]


def test_positives_are_counted_without_a_video(tmp_path):
    found = count_any_positives(write(tmp_path / "v.csv", DEEPETHOGRAM.replace("\n", ",x\n").replace("m,x", "m,note")))
    assert (found.counts, list(found.others), found.is_list) == ({"walk": 1, "groom": 2}, ["note"], False)
    found = count_any_positives(write(tmp_path / "v.csv", "time,walk\n0,1\n1.5,1\n3,0\n"))
    assert found.counts == {"walk": 2}


@pytest.mark.parametrize(
    "content", [b"", b"\0", b"PK\x03\x04", b"\xff\xfe", b"#", b"sep=;\n", b'"', b"\n,,\n", b"a\n" * 70_000]
)
def test_no_format_stumbles_over_what_it_looks_at(tmp_path, content):
    path = tmp_path / "v"
    path.write_bytes(content)
    for module in find_formats().values():
        assert module.sniff(path) is False
        assert module.sniff(tmp_path / "nowhere") is False
        assert module.sniff(tmp_path) is False


def test_two_formats_that_claim_a_file_are_named(tmp_path, monkeypatch):
    modules = find_formats()
    path = write(tmp_path / "v.csv", OURS)
    assert recognize(path) == "ethomake_csv"
    monkeypatch.setattr(modules["by_time"], "sniff", lambda path: True)
    with pytest.raises(InputError, match=r"could be of the formats by_time and ethomake_csv; save"):
        recognize(path)
    monkeypatch.setattr(modules["by_time"], "PLAIN", False)  # one that is sure of it goes before tables of any program
    assert recognize(path) == "by_time"


def test_rows_may_share_files_of_formats_that_hold_several(tmp_path, monkeypatch):
    path = write(tmp_path / "v.csv", OURS)
    assert not may_hold_several(path)
    assert not may_hold_several(tmp_path / "nowhere")
    monkeypatch.setattr(find_formats()["ethomake_csv"], "SEVERAL", True, raising=False)
    assert may_hold_several(path)
