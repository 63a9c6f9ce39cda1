"""Tracks that are followed: gaps, smoothing, headings, and the pictures that are cut out along them."""

import numpy as np
import pytest
from scipy.ndimage import affine_transform, gaussian_filter1d

from ethomake.errors import InputError
from ethomake.ingest.frames import Planes
from ethomake.ingest.tracks.crops import Follower
from ethomake.ingest.tracks.follow import Track, follow, ranges
from ethomake.ingest.tracks.poses import make_poses

NAN = np.nan
SETTINGS = {"nodes": [], "head": "", "tail": "", "side": 20, "margin": 1.5, "align": False}
SETTINGS |= {"gap": 0.2, "smooth": 0.0, "confidence": 0.6}


def poses_of(*nodes, sure=None, names=("head", "tail"), headings=None):
    """The poses of one animal: x and y of each of its nodes, (T, 2) each."""
    points = np.stack([np.asarray(node, float) for node in nodes], axis=1)[:, None]
    return make_poses(("fly",), names[: len(nodes)], points, sure, headings)


def followed(poses, frames=None, rate=10.0, size=(200, 300), **settings):
    return follow(poses, "", SETTINGS | settings, frames=frames or len(poses), rate=rate, size=size, path="t.h5")


def lost(track):
    return ranges(np.isnan(track.centers[:, 0]))


def line(frames):
    """A node that moves evenly: x by 2, y by -1 per frame."""
    return np.arange(frames)[:, None] * np.array([2.0, -1.0]) + np.array([10, 90])


def moved(frames, x, y):
    return line(frames) + np.array([x, y])


def test_center_is_the_mean_of_the_confident_nodes_or_of_those_that_are_named():
    sure = np.ones((3, 1, 2))
    sure[1, 0, 1] = 0.5
    poses = poses_of(line(3), moved(3, 4, 8), sure=sure)
    np.testing.assert_allclose(followed(poses).centers, line(3) + np.array([[2, 4], [0, 0], [2, 4]]))
    np.testing.assert_allclose(followed(poses, nodes=["head"]).centers, line(3))
    np.testing.assert_allclose(followed(poses, confidence=0.4).centers, moved(3, 2, 4))


def test_gaps_up_to_the_limit_are_interpolated_and_longer_ones_and_the_ends_are_lost():
    node = line(12)
    node[[0, 3, 4, 6, 7, 8]] = NAN
    track = followed(poses_of(node), frames=14)  # the video goes on without a track; 0.2 s are 2 frames
    assert lost(track) == [[0, 1], [6, 9], [12, 14]]
    np.testing.assert_allclose(track.centers[np.isfinite(track.centers[:, 0])], line(12)[[1, 2, 3, 4, 5, 9, 10, 11]])
    assert lost(followed(poses_of(node), gap=0.3)) == [[0, 1]]
    assert lost(followed(poses_of(node), gap=0.0)) == [[0, 1], [3, 5], [6, 9]]


def test_smoothing_is_a_gaussian_within_each_stretch():
    random = np.random.default_rng(3)
    node = random.normal(50, 10, (80, 2))
    node[40:50] = NAN
    track = followed(poses_of(node), smooth=0.3, rate=10.0)
    weights = gaussian_filter1d(np.ones(40), 3.0, mode="constant", truncate=4.0, axis=0)
    expected = gaussian_filter1d(node[:40], 3.0, mode="constant", truncate=4.0, axis=0) / weights[:, None]
    np.testing.assert_allclose(track.centers[:40], expected, rtol=1e-6)
    assert lost(track) == [[40, 50]]
    flat = followed(poses_of(np.full((30, 2), 7.0)), smooth=0.3)
    np.testing.assert_allclose(flat.centers, 7.0, rtol=1e-12)


def test_headings_turn_by_the_shorter_way_and_stay_evenly_turned_when_smoothed():
    degrees = np.arange(150, 250, 10.0)  # passes 180, where angles jump
    head = np.column_stack([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))]) * 5
    head[[3, 4]] = NAN
    track = followed(poses_of(head, np.zeros((10, 2))), head="head", tail="tail", nodes=["tail"])
    np.testing.assert_allclose(np.degrees(track.headings) % 360, degrees, atol=1e-4)
    smooth = followed(poses_of(head, np.zeros((10, 2))), head="head", tail="tail", nodes=["tail"], smooth=0.1)
    np.testing.assert_allclose((np.degrees(smooth.headings) % 360)[4:6], degrees[4:6], atol=0.2)
    given = poses_of(np.zeros((10, 2)), names=("center",), headings=degrees[:, None])
    np.testing.assert_allclose(np.degrees(followed(given, align=True).headings) % 360, degrees, atol=1e-4)


def test_frames_without_a_heading_are_lost_only_where_crops_are_aligned():
    head = moved(10, 0, -5)
    head[2:8] = NAN
    poses = poses_of(head, line(10))
    named = {"head": "head", "tail": "tail"}
    assert lost(followed(poses, **named)) == []
    assert lost(followed(poses, **named, align=True)) == [[2, 8]]


def test_side_follows_the_length_of_the_body():
    random = np.random.default_rng(5)
    heads = random.uniform(10, 30, 500)
    poses = poses_of(np.column_stack([heads, np.zeros(500)]), np.zeros((500, 2)))
    wanted = 1.5 * np.quantile(heads, 0.9)
    for settings in ({}, {"head": "head", "tail": "tail"}):
        side = followed(poses, side="auto", **settings).side
        assert side % 2 == 0
        assert abs(side - wanted) <= 1
    assert followed(poses, side=31).side == 32
    with pytest.raises(InputError, match=r"set track\.side"):
        followed(poses_of(line(5)), side="auto")


@pytest.mark.parametrize(
    ("settings", "frames", "reason"),
    [
        ({}, 4, "its tracks go on to frame 5, but the video has only 4 frames"),
        ({"confidence": 1.0}, 6, "tracked in no frame of the video with a confidence of 1"),
        ({"nodes": ["hed"]}, 6, r"config: track\.nodes = 'hed'.*did you mean head"),
        ({"align": True}, 6, "name a body part at the head and one at the tail"),
        ({"align": True, "head": "head", "tail": "tial"}, 6, r"config: track\.tail = 'tial'"),
    ],
)
def test_what_does_not_fit_is_told(settings, frames, reason):
    poses = poses_of(line(6), line(6) + 3, sure=np.full((6, 1, 2), 0.9))
    with pytest.raises(InputError, match=reason):
        followed(poses, frames=frames, **settings)


def test_rows_behind_the_end_of_the_video_are_no_mistake_if_nothing_was_tracked_there():
    node = line(6)
    node[4:] = NAN
    assert lost(followed(poses_of(node), frames=4)) == []


def test_a_center_outside_of_the_picture_is_lost():
    node = np.full((30, 2), 20.0)
    node[[3, 12, 13, 14, 25]] = [[-0.6, 20], [20, 40], [20, 99], [20, 40], [60.5, -3]]
    node[20:22] = [[-0.5, 39.5], [59.5, -0.5]]  # the corners of the picture
    assert lost(followed(poses_of(node), size=(40, 60))) == [[12, 15]]  # the gaps of one frame are filled
    assert lost(followed(poses_of(node), size=(40, 60), gap=0.0)) == [[3, 4], [12, 15], [25, 26]]


def test_a_track_of_another_size_of_the_video_is_refused_with_both_sizes():
    node = np.column_stack([np.linspace(10, 1900, 50), np.linspace(5, 1050, 50)])
    with pytest.raises(InputError) as refused:
        followed(poses_of(node), size=(480, 640))
    message = str(refused.value)
    assert "\n" not in message
    for part in ("t.h5: fly", "10 to 1900 from the left and 5 to 1050 from the top", "640x480", "another size of this"):
        assert part in message
    node[np.arange(50) % 5 > 0] = 30
    followed(poses_of(node), size=(480, 640))  # a fifth of the frames may be outside


# --- pictures ----------------------------------------------------------------------------------------------------


def frame_of(seed, height=60, width=80, color=True):
    random = np.random.default_rng(seed)
    smooth = [gaussian_filter1d(random.normal(0, 1, shape), 2.0) for shape in ((height, width), (30, 40), (30, 40))]
    luma, blue, red = ((plane * 60 + 128).clip(0, 255).astype(np.uint8) for plane in smooth)
    if not color:
        blue = red = np.full((height // 2, width // 2), 128, np.uint8)
    return Planes(luma, blue, red)


def track_at(x, y, side, heading=None):
    angle = NAN if heading is None else np.radians(heading)
    return Track(np.array([[x, y]]), np.array([angle]), side, heading is not None)


def test_a_crop_of_its_own_size_has_the_pixels_of_the_video():
    frame = frame_of(0)
    cut = Follower(track_at(31.3, 24.8, 16), (16, 16)).cut(frame, 0)
    np.testing.assert_array_equal(cut.luma, frame.luma[25 - 8 : 25 + 8, 31 - 8 : 31 + 8])
    even = Follower(track_at(30, 24, 16), (16, 16)).cut(frame, 0)
    np.testing.assert_array_equal(even.blue, frame.blue[8:16, 11:19])


def test_what_lies_outside_of_the_picture_is_black():
    frame = frame_of(1)
    cut = Follower(track_at(2, 58, 20), (20, 20)).cut(frame, 0)
    assert (cut.luma[:, :8] == 0).all()
    assert (cut.luma[12:] == 0).all()
    np.testing.assert_array_equal(cut.luma[:12, 8:], frame.luma[48:60, :12])
    assert (cut.blue[:, :3] == 128).all()
    far = Follower(track_at(-300, 900, 20), (20, 20)).cut(frame, 0)
    assert not far.luma.any()


def test_a_frame_without_a_track_has_no_picture():
    assert Follower(track_at(NAN, NAN, 20), (20, 20)).cut(frame_of(2), 0) is None


@pytest.mark.parametrize("heading", [0.0, 37.0, 90.0, 200.0])
def test_an_aligned_crop_is_that_of_an_independent_rotation(heading):
    frame, (x, y), side = frame_of(3), (41.25, 28.5), 24
    cut = Follower(track_at(x, y, side, heading), (side, side)).cut(frame, 0)
    c, s = np.cos(np.radians(heading)), np.sin(np.radians(heading))
    matrix = np.array([[-s, c], [-c, -s]])  # from (row, column) of the crop to (row, column) of the video
    middle = np.full(2, (side - 1) / 2)
    expected = affine_transform(
        frame.luma.astype(float), matrix, np.array([y, x]) - matrix @ middle, (side, side), order=1
    )
    assert np.abs(cut.luma - expected).max() <= 0.51


def test_the_head_is_at_the_top():
    luma = np.zeros((60, 80), np.uint8)
    luma[30, 40:50] = 255  # from the center to the right, where the head is
    frame = Planes(luma, *[np.full((30, 40), 128, np.uint8)] * 2)
    cut = Follower(track_at(40, 30, 32, 0.0), (32, 32)).cut(frame, 0)
    assert cut.luma[5:17, 14:18].sum() > 0.95 * cut.luma.sum()


def test_a_picture_that_becomes_smaller_is_the_mean_of_its_pixels():
    frame = frame_of(4)
    cut = Follower(track_at(40, 30, 32), (16, 16)).cut(frame, 0)
    expected = frame.luma[14:46, 24:56].reshape(16, 2, 16, 2).mean(axis=(1, 3))
    assert np.abs(cut.luma - expected).max() <= 0.51
    colors = frame.red[7:23, 12:28].reshape(8, 2, 8, 2).mean(axis=(1, 3))
    assert np.abs(cut.red - colors).max() <= 0.51


def test_frames_without_color_stay_so():
    assert Follower(track_at(40, 30, 32, 10.0), (16, 16)).cut(frame_of(5, color=False), 0).colorless
