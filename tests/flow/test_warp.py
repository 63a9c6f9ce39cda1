import pytest
import torch

from ethomake.flow.warp import warp


def constant_flow(image, dx, dy):
    flow = torch.empty(image.shape[0], 2, *image.shape[2:], dtype=image.dtype)
    flow[:, 0], flow[:, 1] = dx, dy
    return flow


@pytest.mark.parametrize(("height", "width"), [(9, 12), (7, 7), (1, 5)])
@pytest.mark.parametrize(("dx", "dy"), [(0, 0), (1, 0), (0, 1), (-2, 3), (40, -40)])
def test_whole_pixels_are_moved_exactly_and_the_border_goes_on(height, width, dx, dy):
    image = torch.rand(2, 3, height, width, dtype=torch.float64)
    rows = (torch.arange(height) + dy).clamp(0, height - 1)
    columns = (torch.arange(width) + dx).clamp(0, width - 1)
    warped = warp(image, constant_flow(image, dx, dy))
    torch.testing.assert_close(warped, image[:, :, rows][..., columns], rtol=0, atol=1e-12)


def test_between_pixels_it_is_bilinear_and_each_pixel_has_its_own_flow():
    generator = torch.Generator().manual_seed(0)
    image = torch.rand(1, 2, 6, 8, generator=generator, dtype=torch.float64)
    flow = 3 * torch.randn(1, 2, 6, 8, generator=generator, dtype=torch.float64)
    warped = warp(image, flow)
    for y in range(6):
        for x in range(8):
            at_x = min(max(x + float(flow[0, 0, y, x]), 0), 7)
            at_y = min(max(y + float(flow[0, 1, y, x]), 0), 5)
            left, top = min(int(at_x), 6), min(int(at_y), 4)
            right, down = at_x - left, at_y - top
            expected = (
                (1 - down) * (1 - right) * image[0, :, top, left]
                + (1 - down) * right * image[0, :, top, left + 1]
                + down * (1 - right) * image[0, :, top + 1, left]
                + down * right * image[0, :, top + 1, left + 1]
            )
            torch.testing.assert_close(warped[0, :, y, x], expected)


def test_gradients():
    image = torch.rand(1, 1, 4, 5, dtype=torch.float64, requires_grad=True)
    flow = (0.3 + 0.2 * torch.rand(1, 2, 4, 5, dtype=torch.float64)).requires_grad_()
    assert torch.autograd.gradcheck(warp, (image, flow))
