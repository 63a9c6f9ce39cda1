import numpy as np
import pytest
import torch

from ethomake.training.augment import Augmentation, change_colors, draw_rotations, turn_clips, turn_flow

NONE = Augmentation(0, 0, 0, 0, 0, 0, 0, 0, 0)
QUARTER = torch.tensor([[[0.0, -1.0], [1.0, 0.0]]])  # x -> y: clockwise on a screen, whose y points down


def test_every_frame_of_a_clip_is_changed_alike():
    strong = Augmentation(0.5, 0.5, 180, 1, 0.5, 0.5, 0.5, 0.3, 0.3)
    frame = torch.rand(6, 1, 3, 16, 16)
    clips = frame.expand(-1, 4, -1, -1, -1)
    rng = np.random.default_rng(0)
    out = turn_clips(change_colors(clips, strong, rng), draw_rotations(strong, 6, rng))
    assert torch.equal(out[:, :1].expand_as(out), out)
    assert not torch.allclose(out, clips)


def test_nothing_changes_when_all_is_off():
    clips = torch.rand(3, 2, 3, 8, 8)
    rng = np.random.default_rng(0)
    out = turn_clips(change_colors(clips, NONE, rng), draw_rotations(NONE, 3, rng))
    assert torch.allclose(out, clips, atol=1e-5)


def test_flips_are_exact():
    clips = torch.rand(1, 2, 3, 8, 12)
    left_right = torch.tensor([[[-1.0, 0.0], [0.0, 1.0]]])
    assert torch.allclose(turn_clips(clips, left_right), clips.flip(-1), atol=1e-5)
    assert torch.allclose(turn_clips(clips, -left_right), clips.flip(-2), atol=1e-5)


def test_a_quarter_turn_is_rot90():
    clips = torch.rand(1, 1, 3, 8, 8)
    assert torch.allclose(turn_clips(clips, QUARTER), torch.rot90(clips, -1, (-2, -1)), atol=1e-5)


def test_rotation_keeps_shapes_in_pictures_that_are_not_square():
    y, x = torch.meshgrid(torch.arange(32.0), torch.arange(64.0), indexing="ij")
    disk = (((x - 31.5) ** 2 + (y - 15.5) ** 2) < 100).float()[None, None]
    angle = np.deg2rad(37)
    rotation = torch.tensor([[[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]]).float()
    turned = turn_clips(disk, rotation)
    assert (turned - disk).abs().mean() < 0.02


def test_turned_flow_is_the_flow_of_turned_frames():
    # a dot that moves one pixel to the right each frame
    clips = torch.zeros(1, 2, 1, 9, 9)
    clips[0, 0, 0, 4, 3] = clips[0, 1, 0, 4, 4] = 1
    turned = turn_clips(clips, QUARTER)
    places = [divmod(int(turned[0, t, 0].argmax()), 9) for t in range(2)]
    move_y, move_x = places[1][0] - places[0][0], places[1][1] - places[0][1]
    flow = torch.zeros(1, 2, 9, 9)
    flow[:, 0] = 1
    got = turn_flow(flow, QUARTER)
    assert got[0, :, 4, 4].tolist() == pytest.approx([move_x, move_y], abs=1e-6)
    assert (move_x, move_y) == (0, 1)


def test_the_drawn_angles_and_flips_follow_the_settings():
    rotations = draw_rotations(Augmentation(rotation=10, flip_horizontal=0), 500, np.random.default_rng(0))
    angles = torch.rad2deg(torch.atan2(rotations[:, 1, 0], rotations[:, 0, 0]))
    assert angles.abs().max() <= 10
    assert angles.std() > 4
    flipped = draw_rotations(Augmentation(flip_horizontal=0.5, rotation=180), 500, np.random.default_rng(0))
    assert 0.4 < (torch.linalg.det(flipped) < 0).float().mean() < 0.6


def test_grey_has_three_equal_channels():
    clips = torch.rand(2, 2, 3, 4, 4)
    grey = change_colors(clips, Augmentation(0, 0, 0, 0, 0, 0, 0, 0, 1), np.random.default_rng(0))
    assert torch.equal(grey[:, :, 0], grey[:, :, 2])
    assert torch.allclose(grey[:, :, 0], clips[:, :, 0] * 0.299 + clips[:, :, 1] * 0.587 + clips[:, :, 2] * 0.114)
