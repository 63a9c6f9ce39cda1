import numpy as np
import pytest

from ethomake.errors import InputError
from ethomake.labels.bouts import drop_short_bouts, find_bouts
from ethomake.labels.formats import find_formats, read_any_labels
from ethomake.labels.table import LabelTable, background, read_labels, write_labels

VALUES = np.array([[1, 0], [0, 1], [0, 0], [-1, 1], [-1, 0]], np.int8)
OURS = "frame,walk,groom\n0,1,0\n1,0,1\n2,0,0\n3,-1,1\n4,-1,0\n"
DEEPETHOGRAM = ",background,walk,groom\n0,0,1,0\n1,0,0,1\n2,1,0,0\n3,0,-1,1\n4,-1,-1,0\n"


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
    table = read_any_labels(write(tmp_path / "v.csv", text))
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
        ("background,walk\n1,0\nno,0\n", ["line 3", "'background'", "'no'"]),
        ("walk,groom\n0,x\n", ["line 1", "'walk,groom'", "no known format", "DeepEthogram", "ethomake"]),
        ("", ["empty"]),
        ("\n\n", ["empty"]),
        ("frame,walk\n", ["a header and nothing below it"]),
        ('frame,walk\n0,0\n1,"1\n2,0\n', ["line 3", "a quote is opened and not closed"]),
        ('frame,walk\n0,0\n1,"1\n2,0"\n', ["line 3", "'walk' holds a line break", "closed further down"]),
        ('frame,"wa\nlk"\n0,0\n', ["line 1", "the name of column 2 ('wa\\nlk') has a line break in it"]),
        ("time,walk\n0,1\n0.1,0\n0.1,0\n", ["line 4", "0.1 follows 0.1 in column 'time'"]),
        ("time,walk\n0,1\n0.1,0\n0,0\n0.1,0\n", ["line 4", "0 follows 0.1 and begins anew", "a label file"]),
        ("time,walk\n0,1\n0:01,0\n", ["line 3", "'0:01'", "in seconds"]),
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
        read_any_labels(path)
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    for part in parts:
        assert part in message


def test_columns_of_other_things_are_set_aside(tmp_path):
    text = "frame,time_s,walk,notes,background\n0,0.0,1,,0\n1,0.1,0,tired,0\n2,0.2,-1,,-1\n"
    table = read_any_labels(write(tmp_path / "v.csv", text))
    assert table.behaviors == ("walk",)
    assert table.values.tolist() == [[1], [0], [-1]]
    assert {name: str(error).split(": ", 1)[1][:28] for name, error in table.others.items()} == {
        "time_s": "column 'time_s' holds '0.1';",
        "notes": "column 'notes' holds nothing",
    }


def test_a_background_of_a_behavior_that_was_removed_is_a_note(tmp_path):
    table = read_any_labels(write(tmp_path / "v.csv", ",background,walk\n0,1,0\n1,0,0\n2,0,0\n3,0,1\n"))
    assert table.values[:, 0].tolist() == [0, 0, 0, 1]
    assert table.note.startswith("in 2 rows, the first in line 3, background is 0")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"nowhere\.csv: there is no such label file"):
        read_any_labels(tmp_path / "nowhere.csv")


def test_every_format_describes_itself():
    formats = find_formats()
    assert {module.__name__.split(".")[-1] for module in formats} == {"by_time", "deepethogram", "ethomake_csv"}
    assert all(module.DESCRIPTION and module.__doc__ for module in formats)


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
    table = read_any_labels(path)
    assert (table.behaviors, table.values[:, 0].tolist(), list(table.others)) == (("walk",), [1, 0, -1, 1], ["note"])
    with pytest.raises(InputError, match="line 7: column 'walk' holds 'x'"):  # the line in which the row begins
        raise read_any_labels(write(path, text)).others["walk"]


def test_names_that_begin_formulas_are_written_as_text_and_read_back(tmp_path):
    names = ("=cmd", "@walk", "-rear", "'=x", "groom")
    write_labels(tmp_path / "v.csv", LabelTable(names, np.zeros((1, 5), np.int8)))
    assert (tmp_path / "v.csv").read_text().startswith("frame,'=cmd,'@walk,'-rear,''=x,groom\n")
    assert read_labels(tmp_path / "v.csv", names).behaviors == names
    assert read_any_labels(write(tmp_path / "w.csv", "frame,=cmd,'x\n0,1,0\n")).behaviors == ("=cmd", "'x")


def test_names_have_one_encoding(tmp_path):
    assert read_any_labels(write(tmp_path / "v.csv", "frame,gro\u0308om\n0,1\n")).behaviors == ("gr\u00f6om",)


def test_a_table_by_time_keeps_its_times(tmp_path):
    table = read_any_labels(write(tmp_path / "v.tsv", "time\twalk\tnote\n0.00\t1\ta\n0.33\t0\tb\n0.67\t0\tc\n"))
    assert (table.behaviors, list(table.others)) == (("walk",), ["note"])
    assert table.times.tolist() == [0, 0.33, 0.67]
    assert table.tolerance == pytest.approx(0.005)
    equal = read_any_labels(write(tmp_path / "w.csv", "time,walk\n0.0,1\n0.1,0\n0.2,0\n"))
    assert equal.tolerance == 0  # steps of equal length are not rounded
