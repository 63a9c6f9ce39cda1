import math

import pytest
import torch

from ethomake.flow.loss import EPSILON, charbonnier, flow_loss, roughness, scale_loss, shrink, ssim
from ethomake.flow.networks import build_flow_network
from ethomake.flow.warp import warp

SETTINGS = {"charbonnier_exponent": 0.4, "smoothness_exponent": 0.3, "smoothness": [0.01, 0.02, 0.04]}


def texture(x, y, stretch=1):
    """Return a pattern without edges, which bilinear interpolation approximates well; values 0.1 to 0.9."""
    x, y = x / stretch, y / stretch
    waves = [(0.21, 0.08, 0.0), (-0.06, 0.17, 1.0), (0.12, 0.15, 2.0)]
    return torch.stack(
        [0.5 + sum(0.13 * torch.sin(a * x + b * y + c + color) for a, b, c in waves) for color in range(3)]
    )


def moving(dx, dy, frames=3, size=64, dtype=torch.float32, stretch=1):
    """Return a clip (1, T, 3, H, W) of a texture that moves by (dx, dy) pixels per frame."""
    places = torch.arange(size, dtype=dtype)
    return torch.stack([texture(places - t * dx, (places - t * dy)[:, None], stretch) for t in range(frames)])[None]


def constant_flow(dx, dy, frames=3, size=64, scales=(2, 4, 8), dtype=torch.float32):
    flows = []
    for scale in scales:
        flow = torch.empty(1, 2 * (frames - 1), size // scale, size // scale, dtype=dtype)
        flow[:, 0::2], flow[:, 1::2] = dx / scale, dy / scale
        flows.append(flow)
    return flows


def floor():
    """Return the loss of identical images and constant flow."""
    return sum(EPSILON**0.8 + 2 * weight * EPSILON**0.6 for weight in SETTINGS["smoothness"])


@pytest.mark.parametrize(("dx", "dy", "whole"), [(8, 0, 3), (0, -8, 3), (-4, 8, 2), (6.6, -3.7, 0), (-2.5, 7.3, 0)])
def test_the_true_flow_of_a_shift_brings_the_loss_to_its_floor_at_each_scale(dx, dy, whole):
    images, weights = moving(dx, dy, size=192, stretch=2), SETTINGS["smoothness"]
    true, none = constant_flow(dx, dy, size=192), constant_flow(0, 0, size=192)
    for level, (flow, zero, weight) in enumerate(zip(true, none, weights, strict=True)):
        images = shrink(images, flow.shape[-2:])
        # Content that moves in at the border is unknown, and the windows of SSIM extend five pixels further.
        edge = math.ceil(max(abs(dx), abs(dy)) / 2 ** (level + 1)) + 6
        near = scale_loss_inside(images, flow, weight, edge)
        far = scale_loss_inside(images, zero, weight, edge)
        assert near < 0.15 * far
        if level < whole:  # a shift of whole pixels at this scale
            assert near == pytest.approx(EPSILON**0.8 + 2 * weight * EPSILON**0.6, rel=0.01)


def scale_loss_inside(images, flow, weight, edge):
    """Return `scale_loss` of a clip (1, T, ...) without some pixels on every side."""
    pairs, inner = flow.unflatten(1, (-1, 2)).flatten(0, 1), slice(edge, -edge)
    now, warped = images[0, :-1], warp(images[0, 1:], pairs)
    similarity = ssim(now, warped)[..., inner, inner]
    assert similarity.numel()
    whole = charbonnier(now - warped, 0.4)[..., inner, inner].mean() + (1 - similarity).mean()
    return float(whole + weight * roughness(pairs, 0.3))


@pytest.mark.parametrize(("dx", "dy"), [(2, 0), (0, -4), (1.5, 2.5)])
def test_the_whole_loss_prefers_the_true_flow_to_none_and_to_its_opposite(dx, dy):
    images = moving(dx, dy)
    true = float(flow_loss(images, constant_flow(dx, dy), SETTINGS))
    none = float(flow_loss(images, constant_flow(0, 0), SETTINGS))
    opposite = float(flow_loss(images, constant_flow(-dx, -dy), SETTINGS))
    assert true < 0.5 * none < 0.5 * opposite


def test_a_still_clip_with_no_flow_costs_the_floor_exactly():
    images = moving(0, 0, dtype=torch.float64)
    loss = flow_loss(images, constant_flow(0, 0, dtype=torch.float64), SETTINGS)
    assert float(loss) == pytest.approx(floor(), rel=1e-9)


def test_flow_i_belongs_to_frames_i_and_i_plus_1():
    places = torch.arange(64.0)
    shifts = [0.0, 0.0, 4.0, 4.0]  # it moves between frames 1 and 2 only
    images = torch.stack([texture(places - shift, places[:, None]) for shift in shifts])[None]
    losses = []
    for moved in range(3):
        flows = constant_flow(0, 0, frames=4)
        for flow, scale in zip(flows, (2, 4, 8), strict=True):
            flow[:, 2 * moved] = 4 / scale
        losses.append(float(flow_loss(images, flows, SETTINGS)))
    assert min(losses) == losses[1]
    assert losses[1] < 0.5 * losses[0]


def test_the_loss_is_the_sum_over_scales_of_means():
    torch.manual_seed(0)
    images = torch.rand(2, 3, 3, 32, 32, dtype=torch.float64)
    flows = [torch.randn(2, 4, size, size, dtype=torch.float64) for size in (16, 8, 4)]
    expected = 0.0
    for flow, weight in zip(flows, SETTINGS["smoothness"], strict=True):
        size = flow.shape[-1]
        small = images.unflatten(-1, (size, -1)).unflatten(-3, (size, -1)).mean((-3, -1))
        expected += float(scale_loss(small, flow, weight, SETTINGS))
    assert float(flow_loss(images, flows, SETTINGS)) == pytest.approx(expected, rel=1e-9)


def test_smoothness_by_hand():
    flow = torch.zeros(1, 2, 2, 2, dtype=torch.float64)
    flow[0, 0] = torch.tensor([[0.0, 3.0], [0.0, 0.0]])
    # Forward differences of dx: 3 and 0 along x, 0 and -3 along y; those of dy are 0.
    moved, still = (9 + EPSILON**2) ** 0.3, EPSILON**0.6
    assert float(roughness(flow, 0.3)) == pytest.approx(2 * (moved + 3 * still) / 4)


def test_settings_count():
    images, flows = moving(2, 0), constant_flow(0, 0)
    usual = flow_loss(images, flows, SETTINGS)
    assert flow_loss(images, flows, {**SETTINGS, "charbonnier_exponent": 0.5}) != usual
    assert flow_loss(images, flows, {**SETTINGS, "smoothness": [1, 1, 1]}) > usual
    assert flow_loss(images, flows, {}) == usual
    with pytest.raises(ValueError, match="2 smoothness weights for 3 flows"):
        flow_loss(images, flows, {**SETTINGS, "smoothness": [1, 1]})


@pytest.mark.parametrize(("height", "width"), [(14, 17), (6, 4), (1, 3)])
def test_ssim_is_that_of_a_loop_over_windows(height, width):
    generator = torch.Generator().manual_seed(0)
    first = torch.rand(height, width, generator=generator, dtype=torch.float64)
    second = (first + 0.3 * torch.rand(height, width, generator=generator, dtype=torch.float64)).clamp(0, 1)
    expected = torch.empty(height, width, dtype=torch.float64)
    for y in range(height):
        for x in range(width):
            pixels = [
                (math.exp(-((j - y) ** 2 + (i - x) ** 2) / (2 * 1.5**2)), float(first[j, i]), float(second[j, i]))
                for j in range(max(0, y - 5), min(height, y + 6))
                for i in range(max(0, x - 5), min(width, x + 6))
            ]
            total = sum(w for w, _, _ in pixels)
            m1, m2 = (sum(p[0] * p[k] for p in pixels) / total for k in (1, 2))
            v1 = sum(w * (a - m1) ** 2 for w, a, _ in pixels) / total
            v2 = sum(w * (b - m2) ** 2 for w, _, b in pixels) / total
            v12 = sum(w * (a - m1) * (b - m2) for w, a, b in pixels) / total
            expected[y, x] = (2 * m1 * m2 + 1e-4) * (2 * v12 + 9e-4) / ((m1**2 + m2**2 + 1e-4) * (v1 + v2 + 9e-4))
    torch.testing.assert_close(ssim(first[None, None], second[None, None])[0, 0], expected)


def test_area_average():
    images = torch.rand(1, 2, 3, 12, 8)
    torch.testing.assert_close(shrink(images, (4, 4))[0, 1, 2, 1, 3], images[0, 1, 2, 3:6, 6:8].mean())
    assert shrink(images, (5, 3)).shape == (1, 2, 3, 5, 3)


def test_gradients():
    torch.manual_seed(0)
    images = torch.rand(1, 3, 3, 8, 8, dtype=torch.float64)
    flows = [(0.3 * torch.randn(1, 4, size, size, dtype=torch.float64)).requires_grad_() for size in (4, 2, 1)]
    assert torch.autograd.gradcheck(lambda *flows: flow_loss(images, flows, SETTINGS), flows)


@pytest.mark.parametrize(("dx", "dy"), [(2, 1), (-1.5, 0.5)])
def test_descent_from_no_flow_goes_towards_the_true_flow(dx, dy):
    images = moving(dx, dy)
    for flow, scale in zip(constant_flow(0, 0), (2, 4, 8), strict=True):
        small = shrink(images, flow.shape[-2:])
        shift = torch.zeros(2, requires_grad=True)  # motion of the whole image
        scale_loss(small, flow + shift.repeat(2)[:, None, None], 0.0, SETTINGS).backward()
        downhill, true = -shift.grad, torch.tensor([dx, dy]) / scale
        assert torch.nn.functional.cosine_similarity(downhill, true, dim=0) > 0.7


@pytest.mark.parametrize("precision", [torch.bfloat16])
def test_low_precision_flows_are_judged_in_full(precision):
    images, flows = moving(2, 0), constant_flow(2, 0)
    with torch.autocast("cpu", precision):
        mixed = flow_loss(images, [flow.to(precision) for flow in flows], SETTINGS)
    assert mixed.dtype == torch.float32
    torch.testing.assert_close(mixed, flow_loss(images, flows, SETTINGS))


@pytest.mark.parametrize("name", ["tiny_motion_net", "motion_net", "tiny_motion_net_3d"])
def test_networks_learn_the_motion_of_one_batch(name):
    torch.manual_seed(0)
    frames = torch.cat([moving(2, 0, 11, 32), moving(0, -2, 11, 32)])
    still = flow_loss(frames, [torch.zeros(2, 20, size, size) for size in (16, 8, 4)], SETTINGS)
    network = build_flow_network(name)
    optimizer = torch.optim.Adam(network.parameters(), 1e-3 if name == "tiny_motion_net_3d" else 3e-4)
    for _ in range(7 if name == "motion_net" else 10):
        loss = flow_loss(frames, network((frames - 0.5) / 0.25), SETTINGS)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert float(loss.detach()) < 0.8 * float(still)
