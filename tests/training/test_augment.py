import numpy as np
import pytest
import torch
from scipy import fft, ndimage, stats
from torchvision.transforms.v2 import functional as torchvision

from ethomake.training.augment import (
    Augmentation,
    add_noise,
    bend_values,
    blur_clips,
    change_clips,
    change_colors,
    change_flows,
    draw_camera_changes,
    draw_clip_changes,
    draw_colors,
    draw_flow_changes,
    draw_rotations,
    draw_scales,
    repeat_channels,
    shade_clips,
    turn_clips,
    turn_flow,
    unit_values,
)

NONE = Augmentation(0, 0, 0, 0, 0, 0, 0, 0, 0)
ONE_COLOR_CHANGE = {"color_probability": 1, "brightness": 0, "contrast": 0, "saturation": 0, "hue": 0, "greyscale": 0}
CAMERA = {"scale": 1.5, "gamma": 0.8, "blur": 1.5, "noise": 0.1, "shading": 0.5, "channel": 0.5}
QUARTER = torch.tensor([[[0.0, -1.0], [1.0, 0.0]]])  # x -> y: clockwise on a screen, whose y points down


def pictures(n, frames, low=0, high=256):
    """Return clips of random colors that vary in space."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.randint(low, high, (n, frames, 3, 4, 4), generator=generator, dtype=torch.uint8)
    return coarse.repeat_interleave(4, -1).repeat_interleave(4, -2)


def test_every_frame_of_a_clip_is_changed_alike():
    strong = Augmentation(0.5, 0.5, 180, 1, 0.5, 0.5, 0.5, 0.3, 0.3, **CAMERA | {"noise": 0})
    frame = pictures(6, 1)
    clips = frame.expand(-1, 4, -1, -1, -1)
    out = change_clips(clips, strong, *draw_clip_changes(strong, 6, np.random.default_rng(0)))
    assert torch.equal(out[:, :1].expand_as(out), out)
    assert ((out - clips / 255).abs().mean((1, 2, 3, 4)) > 0.05).all()


def test_nothing_changes_when_all_is_off():
    clips = pictures(3, 2)
    out = change_clips(clips, NONE, *draw_clip_changes(NONE, 3, np.random.default_rng(0)))
    assert torch.allclose(out, clips / 255, atol=1e-5)


def test_what_is_switched_off_leaves_the_same_bytes():
    clips, stacks = pictures(5, 3), torch.randn(5, 20, 16, 16).half()
    rng = np.random.default_rng(0)
    colors, rotations = draw_colors(Augmentation(), 5, rng), draw_rotations(Augmentation(), 5, rng)
    expected = [
        change_colors(turn_clips(unit_values(clip[None]), rotations[i, None]), colors[i, None])
        for i, clip in enumerate(clips)
    ]
    changes = draw_clip_changes(Augmentation(), 5, np.random.default_rng(0))
    assert torch.equal(change_clips(clips, Augmentation(), *changes), torch.cat(expected))
    rotations = draw_rotations(Augmentation(), 5, np.random.default_rng(0))
    expected = [turn_flow(stack[None].float(), rotations[i, None]) for i, stack in enumerate(stacks)]
    changes = draw_flow_changes(Augmentation(), 5, np.random.default_rng(0))
    assert torch.equal(change_flows(stacks, *changes), torch.cat(expected))


def test_what_is_switched_on_leaves_the_other_changes_as_they_are():
    more = Augmentation(rate=2, **CAMERA | {"channel": 0})
    plain, extended = (draw_clip_changes(settings, 5, np.random.default_rng(0)) for settings in (Augmentation(), more))
    assert torch.equal(plain[0], extended[0])
    assert torch.equal(plain[1], extended[1])
    rngs = [np.random.default_rng(0) for _ in range(2)]
    for settings, rng in zip((NONE, more), rngs, strict=True):
        draw_clip_changes(settings, 5, rng)
    assert rngs[0].random() == rngs[1].random()


def test_clips_are_changed_one_by_one_as_they_are_together():
    clips, rng = pictures(5, 3), np.random.default_rng(0)
    settings = Augmentation(**CAMERA)
    changes = draw_clip_changes(settings, 5, rng)
    colors, rotations, scales, exponents, blurs, waves, noises = changes
    together = blur_clips(turn_clips(bend_values(clips, exponents), rotations, scales[:, 0]), blurs, settings.blur)
    together = add_noise(change_colors(shade_clips(together, waves), colors), noises)
    assert torch.allclose(change_clips(clips, settings, *changes), together, atol=1e-5)
    stacks = torch.randn(5, 20, 16, 16).half()
    together = turn_flow(stacks.float(), rotations, scales)
    assert torch.allclose(change_flows(stacks, rotations, scales), together, atol=1e-4)


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


def zoomed_by_hand(picture, factor):
    """Zoom a picture (H, W) about its center by bilinear interpolation, mirroring what lies outside."""
    height, width = picture.shape
    mirrored = np.pad(picture, 20, mode="symmetric")
    places = np.meshgrid(
        (np.arange(height) + 0.5 - height / 2) / factor + height / 2 - 0.5 + 20,
        (np.arange(width) + 0.5 - width / 2) / factor + width / 2 - 0.5 + 20,
        indexing="ij",
    )
    return ndimage.map_coordinates(mirrored, places, order=1)


@pytest.mark.parametrize("factor", [0.6, 0.8, 1.25, 1.9])
def test_zoomed_clips_are_those_of_scipy(factor):
    clips = torch.rand(1, 2, 3, 18, 26, generator=torch.Generator().manual_seed(0))
    got = turn_clips(clips, torch.eye(2)[None], torch.tensor([factor]))
    for frame, expected in zip(got[0].flatten(0, 1), clips[0].flatten(0, 1), strict=True):
        assert np.allclose(frame, zoomed_by_hand(expected.numpy(), factor), atol=1e-4)


def test_zoom_and_rotation_undo_their_inverses():
    y, x = torch.meshgrid(torch.linspace(-1, 1, 64), torch.linspace(-1, 1, 96), indexing="ij")
    smooth = torch.exp(-8 * ((x - 0.1) ** 2 + (y + 0.1) ** 2))[None, None]
    rotations, scales = (part[:1] for part in draw_flow_changes(Augmentation(scale=1.5), 1, np.random.default_rng(3)))
    there = turn_clips(smooth, rotations, scales[:, 0])
    assert (there - smooth).abs().max() > 0.1
    assert torch.allclose(turn_clips(there, rotations.transpose(1, 2), 1 / scales[:, 0]), smooth, atol=0.02)


def test_zoomed_flow_is_the_flow_of_zoomed_frames():
    # a blob that moves two pixels to the right and one down
    y, x = torch.meshgrid(torch.arange(48.0), torch.arange(64.0), indexing="ij")
    clips = torch.stack([torch.exp(-((x - 30 - 2 * t) ** 2 + (y - 22 - t) ** 2) / 8) for t in range(2)])[None, :, None]
    scales = torch.tensor([[1.6, 1.0]])
    flow = torch.tensor([2.0, 1.0])[None, :, None, None].expand(1, 2, 48, 64)
    for rotation in (torch.eye(2)[None], QUARTER):
        turned = turn_clips(clips, rotation, scales[:, 0])[0, :, 0]
        center = [[float((frame * axis).sum() / frame.sum()) for axis in (x, y)] for frame in turned]
        moved = np.subtract(*center[::-1])
        assert turn_flow(flow, rotation, scales)[0, :, 24, 32].tolist() == pytest.approx(moved, abs=0.02)
        assert np.linalg.norm(moved) == pytest.approx(1.6 * 5**0.5, abs=0.02)


def test_a_faster_animal_has_longer_vectors_in_the_same_places():
    flow = torch.randn(2, 20, 8, 8, generator=torch.Generator().manual_seed(0))
    got = turn_flow(flow, torch.eye(2).expand(2, 2, 2), torch.tensor([[1.0, 2.0], [1.0, 0.5]]))
    assert torch.allclose(got, flow * torch.tensor([2.0, 0.5]).view(2, 1, 1, 1), atol=1e-5)


def test_zoom_and_speed_are_spread_evenly_over_factors():
    scales = draw_scales(Augmentation(scale=1.25, rate=2), 2000, np.random.default_rng(0)).double().log()
    assert (scales.abs() <= torch.tensor([1.25, 2.0]).log() + 1e-6).all()
    for column, largest in zip(scales.T, (1.25, 2), strict=True):
        assert stats.kstest(column.numpy() / np.log(largest), "uniform", (-1, 2)).pvalue > 0.01
    assert abs(np.corrcoef(scales.T)[0, 1]) < 0.1


def test_the_drawn_angles_and_flips_follow_the_settings():
    rotations = draw_rotations(Augmentation(rotation=10, flip_horizontal=0), 500, np.random.default_rng(0))
    angles = torch.rad2deg(torch.atan2(rotations[:, 1, 0], rotations[:, 0, 0]))
    assert angles.abs().max() <= 10
    assert angles.std() > 4
    flipped = draw_rotations(Augmentation(flip_horizontal=0.5, rotation=180), 500, np.random.default_rng(0))
    assert 0.4 < (torch.linalg.det(flipped) < 0).float().mean() < 0.6


def drawn_numbers(n):
    """Return the numbers from -1 to 1 that determine brightness, contrast, saturation and hue, (4, n)."""
    rng = np.random.default_rng(0)
    rng.random((2, n))
    return rng.uniform(-1, 1, (4, n))


@pytest.mark.parametrize(
    ("kind", "reference"),
    [
        ("brightness", torchvision.adjust_brightness),
        ("contrast", lambda clip, factor: (clip - clip.mean()) * factor + clip.mean()),
        ("saturation", torchvision.adjust_saturation),
    ],
)
def test_colors_change_as_in_a_plain_loop_with_torchvision(kind, reference):
    clips = pictures(20, 2, 90, 160) / 255  # far from black and white, where torchvision clips
    colors = draw_colors(Augmentation(**ONE_COLOR_CHANGE | {kind: 0.3}), 20, np.random.default_rng(0))
    factors = 1 + 0.3 * drawn_numbers(20)[["brightness", "contrast", "saturation"].index(kind)]
    expected = torch.stack([reference(clip, float(factor)) for clip, factor in zip(clips, factors, strict=True)])
    assert torch.allclose(change_colors(clips, colors), expected, atol=2e-4)  # torchvision's luma has four digits


def test_hues_turn_as_those_of_torchvision_do():
    colors = draw_colors(Augmentation(**ONE_COLOR_CHANGE | {"hue": 0.1}), 50, np.random.default_rng(0))
    palette = torch.tensor([[0.6, 0.4, 0.4], [0.5, 0.6, 0.4], [0.4, 0.45, 0.6]]).T.reshape(1, 3, 1, 3)
    clips = palette.expand(50, 1, 3, 1, 3).contiguous()
    turned = change_colors(clips, colors)
    for clip, got, turn in zip(clips, turned, 0.1 * drawn_numbers(50)[3], strict=True):
        expected = torchvision.adjust_hue(clip, float(turn))
        away = (hues(got) - hues(expected) + 0.5) % 1 - 0.5
        assert away.abs().max() < 0.01
    assert torch.allclose(turned.mean(2), clips.mean(2), atol=1e-5)
    assert torch.allclose(change_colors(clips.new_full((50, 1, 3, 1, 1), 0.3), colors), torch.tensor(0.3), atol=1e-5)


def hues(clip):
    """Return the hue in turns of the color wheel, 0 red, 1/3 green: (frames, 3, H, W) to (frames, H, W)."""
    red, green, blue = clip.unbind(1)
    return torch.atan2(3**0.5 * (green - blue), 2 * red - green - blue) / (2 * np.pi)


def test_all_changes_together_are_those_one_after_another():
    settings = {
        "color_probability": 1,
        "brightness": 0.2,
        "contrast": 0.2,
        "saturation": 0.3,
        "hue": 0.1,
        "greyscale": 0,
    }
    clips = pictures(10, 2, 100, 150) / 255
    one_by_one = clips
    for kind in ("brightness", "contrast", "saturation", "hue"):
        single = Augmentation(**ONE_COLOR_CHANGE | {kind: settings[kind]})
        one_by_one = change_colors(one_by_one, draw_colors(single, 10, np.random.default_rng(0)))
    together = change_colors(clips, draw_colors(Augmentation(**settings), 10, np.random.default_rng(0)))
    assert torch.allclose(together, one_by_one, atol=1e-5)


def test_values_stay_between_black_and_white():
    strong = Augmentation(color_probability=1, brightness=0.9, contrast=0.9, saturation=0.9, hue=0.5, greyscale=0)
    out = change_colors(pictures(50, 1) / 255, draw_colors(strong, 50, np.random.default_rng(0)))
    assert (out.min(), out.max()) == (0, 1)


def test_as_many_clips_change_as_the_settings_say():
    colors = draw_colors(Augmentation(color_probability=0.3, greyscale=0.2), 1000, np.random.default_rng(0))
    grey = (colors[:, 0] == colors[:, 1]).all(1)
    assert 0.15 < grey.float().mean() < 0.25
    as_they_are = (colors[~grey, :, :3] == torch.eye(3)).all((1, 2))
    assert 0.65 < as_they_are.float().mean() < 0.75


def test_grey_has_three_equal_channels():
    clips = torch.rand(2, 2, 3, 4, 4)
    grey = change_colors(clips, draw_colors(Augmentation(0, 0, 0, 0, 0, 0, 0, 0, 1), 2, np.random.default_rng(0)))
    assert torch.equal(grey[:, :, 0], grey[:, :, 2])
    assert torch.allclose(grey[:, :, 0], clips[:, :, 0] * 0.299 + clips[:, :, 1] * 0.587 + clips[:, :, 2] * 0.114)


def test_gamma_is_a_power_of_each_pixel():
    clips, exponents = pictures(3, 2), torch.tensor([0.5, 1.0, 1.8])
    got = bend_values(clips, exponents)
    for clip, row, exponent in zip(clips, got, exponents.tolist(), strict=True):
        assert torch.allclose(row, torchvision.adjust_gamma(clip / 255, exponent), atol=1e-6)


@pytest.mark.parametrize("shape", [(32, 48), (8, 5)])
def test_blurred_clips_are_those_of_scipy_and_sharpened_ones_the_opposite(shape):
    clips = torch.rand(3, 2, 3, *shape, generator=torch.Generator().manual_seed(0))
    got = blur_clips(clips, torch.tensor([1.5, -0.7, 0.0]), 1.5)
    for clip, row, sigma, sign in zip(clips, got, (1.5, 0.7, 0), (1, -1, 0), strict=True):
        axes, radius = (2, 3), min(5, min(shape) - 1)
        blurred = ndimage.gaussian_filter(clip.numpy(), sigma or 1, axes=axes, mode="mirror", radius=radius)
        assert np.allclose(row.numpy(), clip.numpy() + sign * (blurred - clip.numpy()), atol=1e-5)


def test_shading_is_smooth_bounded_and_without_a_mean():
    settings = Augmentation(shading=0.4)
    waves = draw_camera_changes(settings, 200, np.random.default_rng(0))[2]
    fields = shade_clips(torch.zeros(200, 1, 1, 16, 24), waves)[:, 0, 0]
    assert 0.2 < fields.abs().max() <= 0.4
    assert torch.allclose(fields.mean((1, 2)), torch.zeros(200), atol=1e-6)
    transformed = fft.dctn(fields.numpy(), axes=(1, 2))
    transformed[:, :3, :3] = 0  # what has up to a whole wave over the image
    assert np.allclose(transformed, 0, atol=1e-3)
    by_hand = [np.cos(np.pi * k * (np.arange(length) + 0.5) / length) for k, length in ((2, 16), (1, 24))]
    one = torch.zeros(1, 3, 3)
    one[0, 2, 1] = 0.3
    assert np.allclose(shade_clips(torch.zeros(1, 2, 3, 16, 24), one), 0.3 * np.outer(*by_hand), atol=1e-6)


def test_noise_is_normal_and_differs_between_frames_channels_and_clips():
    deviations = torch.tensor([0.05, 0.0, 0.1, 0.05])
    noises = torch.stack([deviations, torch.tensor([3.0, 9, 5, 2**20 - 1])], 1)
    noise = add_noise(torch.full((4, 3, 3, 40, 40), 0.5), noises) - 0.5
    assert noise[1].abs().max() < 1e-6
    rows = noise[[0, 2, 3]].flatten(0, 2).flatten(1)
    correlations = torch.corrcoef(rows) - torch.eye(len(rows))
    assert correlations.abs().max() < 5 / 40
    for clip, deviation in zip(noise[[0, 2, 3]], deviations[[0, 2, 3]], strict=True):
        assert stats.kstest(clip.flatten() / deviation, "norm").pvalue > 0.01
    assert add_noise(torch.ones(1, 1, 3, 8, 8), noises[:1]).max() == 1


def test_frames_that_are_larger_than_the_noise_have_noise_all_over(monkeypatch):
    monkeypatch.setattr("ethomake.training.augment.NOISE_VALUES", 100)
    noise = add_noise(torch.full((1, 2, 3, 16, 16), 0.5), torch.tensor([[0.1, 5.0]])) - 0.5
    assert noise.std() == pytest.approx(0.1, rel=0.1)
    assert not torch.equal(noise[:, 0], noise[:, 1])


def test_one_channel_takes_the_place_of_all_three_as_often_as_told():
    rng = np.random.default_rng(0)
    colors = repeat_channels(torch.eye(3, 4).expand(1000, 3, 4), Augmentation(channel=0.6), rng)
    clips = torch.rand(1000, 1, 3, 2, 2, generator=torch.Generator().manual_seed(0))
    out = change_colors(clips, colors)
    counts = [int((out == clips[:, :, [c]]).all((1, 2, 3, 4)).sum()) for c in range(3)]
    unchanged = int((out == clips).all((1, 2, 3, 4)).sum())
    assert sum(counts) + unchanged == 1000
    assert all(150 < count < 250 for count in counts)


def test_changes_of_the_camera_follow_the_settings():
    settings = Augmentation(gamma=0.5, blur=2, noise=0.1)
    exponents, blurs, _, noises = (
        part.numpy() for part in draw_camera_changes(settings, 2000, np.random.default_rng(0))
    )
    for drawn, low, width in (
        (np.log(exponents) / np.log(1.5), -1, 2),
        (blurs, -2, 4),
        (noises[:, 0], 0, 0.1),
        (noises[:, 1], 0, 2**20),
    ):
        assert stats.kstest(drawn, "uniform", (low, width)).pvalue > 0.01
