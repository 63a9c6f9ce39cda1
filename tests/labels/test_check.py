import numpy as np
import pytest

from ethomake.errors import InputError
from ethomake.files import read_json, write_json
from ethomake.labels.check import check_labels
from ethomake.labels.table import read_labels

ROWS = "frame,groom,walk\n0,1,0\n1,0,1\n2,0,0\n3,0,1\n"


@pytest.fixture
def check(tmp_path):
    def run(text=ROWS, frames=4, damaged=(), **options):
        source, manifest, output = tmp_path / "source.csv", tmp_path / "video.json", tmp_path / "out" / "v.csv"
        source.write_text(text)
        stamps = {"time_base": [1, 20], "first": 7, "steps": [[1, max(frames - 1, 0)]]}
        facts = {"video": "v", "frames": frames, "damaged": [list(pair) for pair in damaged]}
        facts |= {"fps": 20.0, "timestamps": stamps}
        write_json(manifest, facts | {"frames_digest": "sha256:v"})
        check_labels(source, manifest, output, **({"behaviors": ["walk", "groom"]} | options))
        return read_labels(output)

    return run


def test_columns_come_in_the_order_of_the_config(check):
    table = check()
    assert table.behaviors == ("walk", "groom")
    assert table.values.tolist() == [[0, 1], [1, 0], [0, 0], [1, 0]]


def test_what_was_not_scored_and_what_is_damaged_is_unknown(check):
    assert check(scored=["walk"]).values.tolist() == [[0, -1], [1, -1], [0, -1], [1, -1]]
    assert check(damaged=[(1, 2), (3, 4)]).values.tolist() == [[0, 1], [-1, -1], [0, 0], [-1, -1]]


def test_a_behavior_that_was_not_scored_needs_no_column(check):
    assert check("frame,walk\n0,1\n1,0\n", frames=2, scored=["walk"]).values.tolist() == [[1, -1], [0, -1]]


@pytest.mark.parametrize("frames", [3, 5, 0])
def test_rows_against_frames_says_both_numbers(check, tmp_path, frames):
    with pytest.raises(InputError, match=rf"source\.csv: 4 rows .* video v has {frames} frames"):
        check(frames=frames)
    assert not (tmp_path / "out").exists()


def test_a_missing_column_is_an_error_that_names_the_unknown_ones(check):
    with pytest.raises(InputError, match=r"source\.csv, line 1: there is no column 'walk'.*\(wakl\)"):
        check("frame,groom,wakl\n0,1,0\n", frames=1)


def test_an_unknown_column_is_left_out_and_said(check, capsys):
    assert check("frame,groom,walk,jump\n0,1,0,1\n", frames=1).values.tolist() == [[0, 1]]
    assert "jump" in capsys.readouterr().err


def test_a_column_of_notes_is_left_out_but_not_where_it_is_a_behavior(check, capsys):
    text = "frame,groom,walk,notes\n0,1,0,asleep?\n"
    assert check(text, frames=1).values.tolist() == [[0, 1]]
    assert "notes" in capsys.readouterr().err
    with pytest.raises(InputError, match=r"source\.csv, line 2: column 'notes' holds 'asleep\?'; write 1"):
        check(text, frames=1, behaviors=["groom", "notes"])
    with pytest.raises(InputError, match=r"no column 'jump'.*add the column"):
        check(text, frames=1, behaviors=["groom", "walk", "jump"])


def test_a_note_of_the_file_is_told(check, capsys):
    check("background,groom,walk\n0,0,0\n", frames=1)
    assert "source.csv: in 1 rows, the first in line 2, background is 0" in capsys.readouterr().err


def test_an_unknown_scored_behavior_is_an_error(check):
    with pytest.raises(InputError, match=r"scored for 'jump', which is not one of the behaviors"):
        check(scored=["jump"])


def test_exclusive_behaviors_cannot_both_be_on(check):
    both = "frame,groom,walk\n0,1,0\n1,1,1\n"
    assert check(both, frames=2).values.tolist() == [[0, 1], [1, 1]]
    with pytest.raises(InputError, match=r"frame 1: walk and groom are present at once"):
        check(both, frames=2, exclusive=True)
    np.testing.assert_array_equal(check(exclusive=True).values, check().values)


def test_two_of_one_group_cannot_both_be_on(check):
    text = "frame,groom,walk,left\n0,1,0,1\n1,0,1,1\n2,1,1,0\n3,1,1,0\n"
    names = ["walk", "left", "groom"]
    assert check(text, behaviors=names, exclusive=[["left", "walk"]], frames=4, scored=["walk", "groom"]) is not None
    problem = r"source\.csv, frame 2: walk and groom are present at once \(2 such frames\).* out of its group"
    with pytest.raises(InputError, match=problem):
        check(text, behaviors=names, exclusive=[["groom", "walk"]])
    with pytest.raises(InputError, match="frame 1: walk and left"):
        check(text, behaviors=names, exclusive=[["walk", "left"]])
    text = text.replace("2,1,1", "2,0,1").replace("3,1,1", "3,0,1")
    assert check(text, behaviors=names, exclusive=[["groom", "walk"]]).values[2].tolist() == [1, 0, 0]


def test_a_bundle_is_not_tested_on_what_it_was_made_from(check, tmp_path):
    write_json(tmp_path / "bundle.json", {"seen": ["sha256:w"]})
    assert len(check(models=tmp_path / "bundle.json").values) == 4
    write_json(tmp_path / "bundle.json", {"seen": ["sha256:v", "sha256:w"]})
    with pytest.raises(InputError, match=r"video v: the bundle was trained on this very video.*give it the part train"):
        check(models=tmp_path / "bundle.json")


def test_a_table_by_time_is_read_by_the_time_stamps_of_the_video(check, capsys):
    text = "time,walk,groom\n" + "".join(f"{row / 10:.1f},{int(row in (2, 3))},0\n" for row in range(11))
    table = check(text, frames=20)  # 20 a second: two frames a row
    assert table.values[:, 0].tolist() == [0] * 4 + [1] * 4 + [0] * 12
    assert (
        "read by time: 10 rows for 20 frames; 1 rows after the end of the video are left out" in capsys.readouterr().err
    )
    assert check(text, frames=23).values[-1].tolist() == [-1, -1]
    assert "1 frames after the last row count as not scored" in capsys.readouterr().err
    with pytest.raises(
        InputError, match=r"source\.csv: the table ends at 1.1 s, but the video at 3 s; add the missing rows"
    ):
        check(text, frames=60)


def test_names_that_look_the_same_are_told_with_what_cannot_be_seen(check):
    with pytest.raises(
        InputError, match=r"no column 'groom'.*'gro\\u200bom' looks the same but differs in an invisible"
    ):
        check("frame,gro\u200bom,walk\n0,1,0\n", frames=1)
    with pytest.raises(InputError, match=r"no column 'groom'.*another letter \(CYRILLIC SMALL LETTER O, U\+043E\)"):
        check("frame,gr\u043eom,walk\n0,1,0\n", frames=1)


def test_two_encodings_of_an_accent_are_one_name(check):
    behaviors = ["gr\u00f6om"]
    assert check("frame,gro\u0308om\n0,1\n", frames=1, behaviors=behaviors).behaviors == tuple(behaviors)


def test_the_import_report_says_what_was_read_and_what_was_not(check, tmp_path):
    text = "frame,groom,walk,jump,note\n0,1,0,1,a\n1,0,1,0,b\n2,-1,0,0,c\n3,0,1,0,d\n"
    check(text, report=tmp_path / "v.json", names={"jump": None})
    assert read_json(tmp_path / "v.json") == {
        "format": "ethomake_csv",
        "frames": 4,
        "behaviors": {
            "walk": {"bouts": 2, "frames": 2, "not_scored": 0},
            "groom": {"bouts": 1, "frames": 1, "not_scored": 1},
        },
        "notes": [],
        "mended": [],
        "ignored": ["behavior jump, by labels.names", "note, which is not among the behaviors"],
    }


def test_names_of_the_file_become_those_of_the_config(check):
    table = check(
        "frame,lick,scratch,walk\n0,1,0,0\n1,0,1,0\n2,0,0,1\n3,0,-1,0\n",
        names=dict.fromkeys(("lick", "scratch"), "groom"),
    )
    assert table.values.tolist() == [[0, 1], [0, 1], [1, 0], [0, -1]]
