"""Track files of other programs, read as poses."""

import json
import os
import pickle
from pathlib import Path

import h5py
import numpy as np
import pytest

from ethomake.errors import InputError
from ethomake.ingest.tracks.formats import read_poses
from ethomake.ingest.tracks.poses import find_animal, find_nodes

SCORER = "DLC_net"
SAMPLES = Path(os.environ.get("ETHOMAKE_SAMPLES", Path(__file__).parents[3] / "shared" / "samples"))
with_samples = pytest.mark.skipif(not SAMPLES.is_dir(), reason="needs the folder of sample files of other programs")


def refusal(path):
    with pytest.raises(InputError) as refused:
        read_poses(path)
    message = str(refused.value)
    assert "\n" not in message
    return message


def write(path, *lines):
    path.write_text("\n".join(lines) + "\n")
    return path


def dlc_columns(animals=("",), nodes=("nose", "tail")):
    whats = ("x", "y", "likelihood")
    return [
        (SCORER, *([animal] if animal else []), node, what) for animal in animals for node in nodes for what in whats
    ]


def write_dlc(path, columns, values):
    levels = (
        ("scorer", "bodyparts", "coords") if len(columns[0]) == 3 else ("scorer", "individuals", "bodyparts", "coords")
    )
    header = [",".join([level, *(column[place] for column in columns)]) for place, level in enumerate(levels)]
    rows = [",".join([str(n), *("" if np.isnan(v) else repr(float(v)) for v in row)]) for n, row in enumerate(values)]
    return write(path, *header, *rows)


# --- DeepLabCut --------------------------------------------------------------------------------------------------


def test_deeplabcut_csv_of_one_animal_has_gaps_where_cells_are_empty(tmp_path):
    values = np.arange(18.0).reshape(3, 6) / 10
    values[1, :3] = np.nan
    poses = read_poses(write_dlc(tmp_path / "a.csv", dlc_columns(), values))
    assert (poses.animals, poses.nodes) == (("animal",), ("nose", "tail"))
    np.testing.assert_array_equal(poses.points[:, 0, 1], values[:, 3:5].astype(np.float32))
    assert np.isnan(poses.points[1, 0, 0]).all()
    np.testing.assert_allclose(poses.confidence[:, 0, 0], [0.2, 0, 1.4], rtol=1e-6)


def test_deeplabcut_is_the_same_from_csv_and_from_both_layouts_of_hdf5(tmp_path):
    columns, values = dlc_columns(("m1", "m2")), np.random.default_rng(0).random((4, 12))
    csv = read_poses(write_dlc(tmp_path / "a.csv", columns, values))
    with h5py.File(tmp_path / "table.h5", "w") as file:  # as PyTables writes it, here with two blocks
        group = file.create_group("df_with_missing")
        group.attrs["pandas_type"] = np.bytes_(b"frame_table")
        kinds = [("index", "<i8"), ("values_block_0", "<f8", (8,)), ("values_block_1", "<f8", (4,))]
        table = np.zeros(4, kinds)
        table["index"], table["values_block_0"], table["values_block_1"] = range(4), values[:, 4:], values[:, :4]
        group["table"] = table
        group["table"].attrs["values_block_0_kind"] = np.bytes_(pickle.dumps(columns[4:], 0))
        group["table"].attrs["values_block_1_kind"] = np.bytes_(pickle.dumps(columns[:4], 0))
    with h5py.File(tmp_path / "fixed.h5", "w") as file:
        group = file.create_group("df_with_missing")
        group.attrs["pandas_type"], group.attrs["block0_items_nlevels"] = np.bytes_(b"frame"), 4
        group["axis1"], group["block0_values"] = np.arange(4), values
        for level in range(4):
            texts = sorted({column[level] for column in columns})
            group[f"block0_items_level{level}"] = np.array(texts, "S")
            group[f"block0_items_label{level}"] = np.array([texts.index(c[level]) for c in columns], np.int8)
    assert csv.animals == ("m1", "m2")
    np.testing.assert_array_equal(csv.points[:, 1, 1], values[:, 9:11].astype(np.float32))
    for name in ("table.h5", "fixed.h5"):
        other = read_poses(tmp_path / name)
        places = [other.animals.index(animal) for animal in csv.animals]
        nodes = [other.nodes.index(node) for node in csv.nodes]
        np.testing.assert_array_equal(other.points[:, places][:, :, nodes], csv.points)
        np.testing.assert_array_equal(other.confidence[:, places][:, :, nodes], csv.confidence)


class Evil:
    def __reduce__(self):
        return (print, ("a program ran",))


def test_a_pickle_in_hdf5_cannot_run_a_program(tmp_path, capsys):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        group = file.create_group("df_with_missing")
        group.attrs["pandas_type"] = np.bytes_(b"frame_table")
        group["table"] = np.zeros(2, [("index", "<i8"), ("values_block_0", "<f8", (3,))])
        group["table"].attrs["values_block_0_kind"] = np.bytes_(pickle.dumps(Evil(), 0))
    assert "give the CSV file" in refusal(tmp_path / "a.h5")
    assert "a program ran" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (["scorer,S,S", "bodyparts,A,A", "coords,x,y", "labeled-data/v/img1.png,1,2"], "line 4: body parts that were"),
        (["scorer,,,S,S", "bodyparts,,,A,A", "coords,,,x,y", "labeled-data,v,img1.png,1,2"], "placed by hand"),
        (["scorer,S,S", "bodyparts,A,A", "coords,x,y", "0,1,2", "2,1,2"], "line 5: frame 2 where 1 is expected"),
        (["scorer,S,S", "bodyparts,A,A", "coords,x,y", "0,1,2", "1,1"], "line 5: 2 cells under 3 columns"),
        (["scorer,S,S", "bodyparts,A,A", "coords,x,y", "0,1,zwei"], "line 4: 'zwei' is no number"),
        (["scorer,S,S", "bodyparts,A,A", "coords,x,likelihood", "0,1,2"], "A has x but no y"),
        (["scorer,S,S", "bodyparts,A,A", "coords,x,y"], "no frame in it"),
        (["scorer,S,S,S,S", "bodyparts,A,A", "coords,x,y,x,y", "0,1,2,3,4"], "3 cells in the row 'bodyparts'"),
        (["scorer,S,S", "individuals,m,m,m", "bodyparts,A,A", "coords,x,y", "0,1,2"], "4 cells in the row 'individ"),
    ],
)
def test_deeplabcut_tables_that_are_wrong_are_refused(tmp_path, lines, reason):
    assert reason in refusal(write(tmp_path / "a.csv", *lines))


# --- SLEAP -------------------------------------------------------------------------------------------------------


def write_analysis(path, points, **more):
    with h5py.File(path, "w") as file:
        file["tracks"] = points
        file["node_names"] = np.array(["head", "tail", "wing"][: more.pop("nodes", 3)], "S")
        for name, value in more.items():
            file[name] = value
    return path


def test_sleap_analysis_in_either_order_of_axes(tmp_path):
    points = np.random.default_rng(1).random((5, 2, 3, 2))  # frames, tracks, nodes, xy
    points[2, 1] = np.nan
    scores = np.random.default_rng(2).random((5, 2, 3))
    usual = write_analysis(
        tmp_path / "a.h5",
        points.transpose(1, 3, 2, 0),
        track_names=np.array(["male", "female"], "S"),
        point_scores=scores.transpose(1, 2, 0),
    )
    turned = write_analysis(tmp_path / "b.h5", points.transpose(0, 2, 3, 1), point_scores=scores.transpose(0, 2, 1))
    poses, other = read_poses(usual), read_poses(turned)
    assert (poses.animals, other.animals, poses.nodes) == (
        ("male", "female"),
        ("track_0", "track_1"),
        ("head", "tail", "wing"),
    )
    np.testing.assert_array_equal(poses.points, points.astype(np.float32))
    np.testing.assert_array_equal(other.points, poses.points)
    np.testing.assert_array_equal(poses.confidence, np.where(np.isnan(points[..., 0]), 0, scores).astype(np.float32))
    np.testing.assert_array_equal(other.confidence, poses.confidence)


def test_points_of_sleap_that_a_person_corrected_have_no_score_and_count_as_sure(tmp_path):
    points = np.random.default_rng(1).random((4, 1, 3, 2))
    points[3, 0, 2] = np.nan
    scores = np.full((4, 1, 3), 0.25)
    scores[1, 0], scores[3, 0, 2] = np.nan, np.nan
    path = write_analysis(tmp_path / "a.h5", points.transpose(1, 3, 2, 0), point_scores=scores.transpose(1, 2, 0))
    expected = [[0.25] * 3, [1] * 3, [0.25] * 3, [0.25, 0.25, 0]]
    np.testing.assert_array_equal(read_poses(path).confidence[:, 0], expected)


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"point_scores": np.ones((3, 5))}, "point_scores is no array of numbers with 3 axes"),
        ({"point_scores": np.ones((1, 3, 4))}, "point_scores does not fit tracks"),
        ({"point_scores": np.full((1, 3, 5), b"1")}, "point_scores is no array of numbers"),
        ({"nodes": 2}, "does not fit 2 nodes"),
    ],
)
def test_analysis_files_whose_datasets_do_not_fit_are_refused(tmp_path, more, reason):
    assert reason in refusal(write_analysis(tmp_path / "a.h5", np.ones((1, 2, 3, 5)), **more))


POINT = [("x", "<f8"), ("y", "<f8"), ("visible", "?"), ("complete", "?")]
INSTANCE = [("instance_type", "u1"), ("track", "<i4"), ("point_id_start", "<u8"), ("point_id_end", "<u8")]
FRAME = [("video", "<u4"), ("frame_idx", "<u8"), ("instance_id_start", "<u8"), ("instance_id_end", "<u8")]


def write_slp(path, frames, instances, points, predicted=(), tracks=(), version=1.2):
    with h5py.File(path, "w") as file:
        about = {"nodes": [{"name": "tail"}, {"name": "head"}], "skeletons": [{"nodes": [{"id": 1}, {"id": 0}]}]}
        group = file.create_group("metadata")
        group.attrs["json"], group.attrs["format_id"] = np.bytes_(json.dumps(about)), version
        file["frames"], file["instances"] = np.array(frames, FRAME), np.array(instances, INSTANCE)
        file["points"], file["pred_points"] = (
            np.array(points, POINT),
            np.array(list(predicted), [*POINT, ("score", "<f8")]),
        )
        file["tracks_json"] = np.array([json.dumps([0, name]) for name in tracks], "S")
    return path


def test_sleap_project_takes_a_person_before_a_prediction_and_leaves_what_is_in_no_track(tmp_path):
    frames = [(0, 1, 0, 3), (0, 4, 3, 4)]
    instances = [(0, 1, 0, 2), (1, 1, 0, 2), (1, -1, 2, 4), (1, 0, 2, 4)]
    points = [(1, 2, True, True), (3, 4, False, True)]
    predicted = [(9, 9, True, True, 0.3), (9, 9, True, True, 0.3), (5, 6, True, True, 0.5), (7, 8, True, True, 0.7)]
    poses = read_poses(write_slp(tmp_path / "a.slp", frames, instances, points, predicted, ("one", "two")))
    assert (poses.animals, poses.nodes, len(poses)) == (("one", "two"), ("head", "tail"), 5)
    known = np.argwhere(np.isfinite(poses.points[..., 0])).tolist()
    assert known == [[1, 1, 0], [4, 0, 0], [4, 0, 1]]  # the tail of the first is out of sight
    np.testing.assert_array_equal(poses.points[1, 1, 0], [1, 2])
    np.testing.assert_array_equal(poses.points[4, 0], [[5, 6], [7, 8]])
    np.testing.assert_allclose(poses.confidence[4, 0], [0.5, 0.7])
    assert poses.confidence[1, 1].tolist() == [1, 0]


def test_old_sleap_projects_count_from_the_edge_of_the_first_pixel(tmp_path):
    points = [(1, 2, True, True), (3, 4, True, True)]
    poses = read_poses(write_slp(tmp_path / "a.slp", [(0, 0, 0, 1)], [(0, -1, 0, 2)], points, version=1.0))
    np.testing.assert_array_equal(poses.points[0, 0], [[0.5, 1.5], [2.5, 3.5]])


@pytest.mark.parametrize(
    ("frames", "instances", "reason"),
    [
        ([(0, 0, 0, 2)], [(0, -1, 0, 2)] * 2, "no tracks"),
        ([(0, 0, 0, 1), (1, 0, 1, 2)], [(0, 0, 0, 2)] * 2, "poses of 2 videos"),
        ([(0, 0, 0, 1)], [(0, 0, 0, 1)], "lacks points"),
        ([(0, 0, 0, 9)], [(0, 0, 0, 2)], "instances that are not there"),
        ([(0, 0, 2, 1)], [(0, 0, 0, 2)] * 2, "instances that are not there"),
        ([(0, 0, 0, 2**60)], [(0, 0, 0, 2)], "instances that are not there"),
        ([(0, 50_000_000, 0, 1)], [(0, -1, 0, 2)], "there is no frame 50000000"),
        ([(0, 2**64 - 1, 0, 1)], [(0, -1, 0, 2)], "there is no frame 18446744073709551615"),
        ([(0, 0, 0, 1)], [(0, 2**30, 0, 2)], "an instance of track 1073741824"),
        ([], [], "no animal was tracked"),
    ],
)
def test_sleap_projects_that_do_not_say_who_is_who_are_refused(tmp_path, frames, instances, reason):
    assert reason in refusal(write_slp(tmp_path / "a.slp", frames, instances, [(1, 2, True, True)] * 2))


def test_negative_numbers_in_sleap_projects_are_refused(tmp_path):
    for key, reason in (("frame_idx", "there is no frame -1"), ("instance_id_start", "instances that are not there")):
        path = write_slp(tmp_path / "a.slp", [(0, 0, 0, 1)], [(0, -1, 0, 2)], [(1, 2, True, True)] * 2)
        with h5py.File(path, "a") as file:
            frames = file["frames"][()].astype([(name, "<i8") for name, _ in FRAME])
            frames[key] = -1
            del file["frames"]
            file["frames"] = frames
        assert reason in refusal(path)


# --- plain tables and what is no track ---------------------------------------------------------------------------


def test_plain_tables_have_gaps_angles_and_several_animals(tmp_path):
    lines = ["Frame;X;Y;angle;animal", "2;5;6;90;b", "0;1;2;;a", "", "2;;;;a"]
    poses = read_poses(write(tmp_path / "a.csv", *lines))
    assert (poses.animals, poses.nodes, len(poses)) == (("b", "a"), ("center",), 3)
    assert np.argwhere(poses.confidence[..., 0] == 1).tolist() == [[0, 1], [2, 0]]
    np.testing.assert_array_equal(poses.points[2, 0, 0], [5, 6])
    assert poses.headings[2, 0] == 90
    assert np.isnan(poses.headings[0, 1])


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (["frame,x,y", "0,1,2", "0,3,4"], "line 3: frame 0 of animal comes twice"),
        (["frame,x,y", "1.5,1,2"], "line 2: frame 1.5 is no whole number"),
        (["frame,x,y", "-1,1,2"], "line 2: frame -1 is no whole number"),
        (["frame,x,y", "0,1,2", "50000000,1,2"], "line 3: frame 50000000 is too high"),
        (["frame,x,y", "99999999999,1,2"], "line 2: frame 99999999999 is too high"),
        (["frame,x,y", "inf,1,2"], "line 2: frame inf is no whole number"),
        (["frame,x,y,confidence", "0,1,2,0.5", "1,1,2,97"], "line 3: confidence 97 is not between 0 and 1"),
        (["frame,x,y,confidence", "0,1,2,-0.1"], "line 2: confidence -0.1 is not between 0 and 1"),
        (["frame,x,y,z", "0,1,2,3"], "the column 'z' is unknown"),
        (["frame,x,y,animal", "0,1,2,"], "line 2: no animal"),
        (["frame,x,y"], "no frame in it"),
        (["a,b", "1,2"], "a track file of no known format"),
    ],
)
def test_plain_tables_that_are_wrong_are_refused(tmp_path, lines, reason):
    assert reason in refusal(write(tmp_path / "a.csv", *lines))


def test_files_that_are_missing_empty_or_cut_short_are_refused(tmp_path):
    assert "not readable" in refusal(tmp_path / "none.csv")
    (tmp_path / "empty.csv").touch()
    assert "the file is empty" in refusal(tmp_path / "empty.csv")
    whole = write_analysis(tmp_path / "a.h5", np.zeros((1, 2, 3, 400))).read_bytes()
    (tmp_path / "cut.h5").write_bytes(whole[: len(whole) // 2])
    assert f"{tmp_path / 'cut.h5'}: damaged (" in refusal(tmp_path / "cut.h5")
    (tmp_path / "folder.slp").mkdir()
    assert "folder.slp: not readable (Is a directory)" in refusal(tmp_path / "folder.slp")


def test_hdf5_files_in_which_anything_is_overwritten_are_refused_in_one_line_or_read(tmp_path):
    whole = write_analysis(tmp_path / "a.h5", np.zeros((1, 2, 3, 40)), point_scores=np.ones((1, 3, 40))).read_bytes()
    random, told = np.random.default_rng(4), set()
    for _ in range(150):
        damaged = bytearray(whole)
        place = int(random.integers(8, len(whole) - 16))
        damaged[place : place + 16] = random.bytes(16)
        (tmp_path / "b.h5").write_bytes(bytes(damaged))
        try:
            read_poses(tmp_path / "b.h5")
        except InputError as error:
            told.add(str(error))
    assert any("damaged" in message for message in told)
    assert not any("\n" in message for message in told)


def test_names_that_are_wrong_are_answered_with_the_nearest():
    with pytest.raises(InputError, match="did you mean Female"):
        find_animal(("Male", "Female"), "femal", "t.h5")
    with pytest.raises(InputError, match="name one in the column animal"):
        find_animal(("Male", "Female"), "", "t.h5")
    assert find_animal(("Male",), "", "t.h5") == 0
    poses = type("P", (), {"nodes": ("head", "thorax")})
    with pytest.raises(InputError, match=r"'thorx'.*did you mean thorax"):
        find_nodes(poses, ["thorx"], "track.nodes", "t.h5")


# --- files that other people and programs made -------------------------------------------------------------------


@with_samples
@pytest.mark.parametrize(
    ("name", "shape", "lost"),
    [
        ("deeplabcut/openfield_dlc_missingdata.first1000frames.csv", (1000, 1, 4, 2), 2),
        ("deeplabcut/EPM_15DeepCut_resnet50.first200frames.csv", (200, 1, 25, 2), 0),
        ("sleap/small_robot_minimal.slp", (80, 1, 2, 2), 156),
    ],
)
def test_samples_are_read(name, shape, lost):
    poses = read_poses(SAMPLES / name)
    assert poses.points.shape == shape
    assert np.isnan(poses.points[..., 0]).sum() == lost


@with_samples
@pytest.mark.parametrize(
    ("name", "reason"),
    [
        *(
            (f"deeplabcut/{name}.csv", "placed by hand")
            for name in ("CollectedData_LM", "dlc_testdata", "madlc_testdata")
        ),
        *((f"deeplabcut/{name}_testdata_v2.csv", "placed by hand") for name in ("dlc", "madlc")),
        ("sleap/minimal_instance.slp", "no tracks"),
        ("jabs/sample_pose_est_v2.h5", "a track file of no known format"),
    ],
)
def test_samples_that_are_no_tracks_are_refused(name, reason):
    assert reason in refusal(SAMPLES / name)
