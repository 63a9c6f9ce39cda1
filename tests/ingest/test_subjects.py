"""Several animals in one video: one decode for all rows, pictures that follow a track, frames without one."""

import json

import numpy as np
import pytest
import simplejpeg

from ethomake.errors import InputError
from ethomake.example.video import write_h264
from ethomake.ingest.frames import FrameStore
from ethomake.ingest.ingest import Row, ingest_video, ingest_videos
from ethomake.ingest.times import unseen

FRAMES, HEIGHT, WIDTH, SIDE = 20, 96, 129, 32
FOLLOWING = {"nodes": [], "head": "", "tail": "", "side": SIDE, "margin": 1.5, "align": False}
FOLLOWING |= {"gap": 0.1, "smooth": 0.0, "confidence": 0.5}
SETTINGS = {"image_size": (32, 32), "jpeg_quality": 95, "following": FOLLOWING}
NAMES = ("frames.mjpeg", "frames.npy", "video.json", "track.npy")


def places(animal):
    """The center of an animal: a to the right, b down, whole pixels."""
    steps = np.arange(FRAMES)
    return np.column_stack([20 + 4 * steps, 30 + 0 * steps] if animal == "a" else [100 + 0 * steps, 20 + 3 * steps])


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    """A video with a disc (a) and a square (b), and their tracks, of which some rows are missing."""
    folder = tmp_path_factory.mktemp("scene")
    y, x = np.mgrid[:HEIGHT, : WIDTH - 1]
    with write_h264(folder / "scene.mp4", height=HEIGHT, width=WIDTH - 1, fps=30, crf=0) as write:
        for frame in range(FRAMES):
            (ax, ay), (bx, by) = places("a")[frame], places("b")[frame]
            image = np.full((HEIGHT, WIDTH - 1), 60, np.uint8)
            image[(x - ax) ** 2 + (y - ay) ** 2 <= 64] = 230
            image[(abs(x - bx) <= 6) & (abs(y - by) <= 6)] = 10
            write(image)
    rows = [
        f"{n},{cx},{cy},{name}" for name in "ab" for n, (cx, cy) in enumerate(places(name)) if (name, n) not in LOST
    ]
    (folder / "scene.csv").write_text("\n".join(["frame,x,y,animal", *rows]) + "\n")
    return folder


LOST = {("a", 0), ("a", 5), ("a", 6), *(("b", n) for n in range(8, 14))}  # a gap of 3 frames is filled


def row(scene, folder, name, **what):
    return Row(name, *(folder / name / each for each in NAMES[:3]), **what)


def rows_of(scene, folder):
    track = scene / "scene.csv"
    return [
        row(scene, folder, "a", track=track, animal="a"),
        row(scene, folder, "b", track=track, animal="b"),
        row(scene, folder, "box", crop=(3, 5, 60, 50)),
        row(scene, folder, "all"),
    ]


@pytest.fixture(scope="module")
def together(scene, tmp_path_factory):
    folder = tmp_path_factory.mktemp("together")
    ingest_videos(scene / "scene.mp4", rows_of(scene, folder), **SETTINGS)
    return folder


def test_rows_of_one_decode_have_the_same_bytes_as_alone(scene, together, tmp_path):
    for each in rows_of(scene, tmp_path):
        ingest_video(
            scene / "scene.mp4",
            *(tmp_path / each.video / name for name in NAMES[:3]),
            video=each.video,
            crop=each.crop,
            track=each.track,
            animal=each.animal,
            threads=2,
            **SETTINGS,
        )
        for name in NAMES:
            assert (tmp_path / each.video / name).read_bytes() == (together / each.video / name).read_bytes(), name


def test_the_picture_follows_the_animal(together):
    store = FrameStore(together / "a" / "video.json")
    for frame in (1, 10, 19):
        picture = simplejpeg.decode_jpeg(store.jpeg(frame), "GRAY")[..., 0].astype(int)
        y, x = np.nonzero(picture > 150)
        np.testing.assert_allclose([x.mean(), y.mean()], 16, atol=0.3)


def test_frames_without_a_track_are_listed_and_repeat_the_one_before(together):
    facts = json.loads((together / "b" / "video.json").read_text())
    assert facts["track"]["lost"] == unseen(facts) == [[8, 14]]
    assert (facts["track"]["animal"], facts["track"]["side"], facts["track"]["name"]) == ("b", SIDE, "scene.csv")
    store = FrameStore(together / "b" / "video.json")
    assert len({store.jpeg(frame) for frame in range(7, 14)}) == 1
    where = np.load(together / "b" / "track.npy")
    assert np.flatnonzero(np.isnan(where[:, 0])).tolist() == list(range(8, 14))
    np.testing.assert_array_equal(where[14:, :2], places("b")[14:])
    assert json.loads((together / "a" / "video.json").read_text())["track"]["lost"] == [[0, 1]]
    assert np.load(together / "box" / "track.npy").shape == (0, 3)


def test_a_track_of_a_longer_video_is_refused_before_the_decode(scene, tmp_path):
    track = tmp_path / "long.csv"
    track.write_text("frame,x,y\n0,5,5\n20,5,5\n")
    with pytest.raises(InputError, match="go on to frame 20, but the video has only 20 frames"):
        ingest_videos(scene / "scene.mp4", [row(scene, tmp_path, "a", track=track)], **SETTINGS)
    assert not (tmp_path / "a" / "video.json").exists()


def test_a_track_of_another_size_is_refused(scene, tmp_path):
    track = tmp_path / "large.csv"
    track.write_text("frame,x,y\n" + "".join(f"{n},{300 + n},50\n" for n in range(FRAMES)))
    with pytest.raises(InputError, match=r"300 to 319 from the left .* picture of 128x96 .* in 20 of 20 frames"):
        ingest_videos(scene / "scene.mp4", [row(scene, tmp_path, "a", track=track)], **SETTINGS)
    assert not (tmp_path / "a" / "video.json").exists()
