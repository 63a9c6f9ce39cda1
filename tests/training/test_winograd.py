import pytest
import torch
from torch import nn

from ethomake.training.winograd import WinogradConv, suits, use_winograd


@pytest.mark.parametrize("height", [2, 7, 12])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("kind", [nn.Conv2d, nn.Conv3d])
@torch.no_grad()
def test_it_gives_what_the_convolution_gives(kind, bias, height):
    torch.manual_seed(0)
    conv = kind(5, 6, 3, padding=1, bias=bias).double()
    inputs = torch.randn(2, 5, *([4] if kind is nn.Conv3d else []), height, 9, dtype=torch.float64)
    wanted = conv(inputs)
    assert torch.allclose(WinogradConv(conv)(inputs), wanted, atol=1e-12)
    last = torch.channels_last if kind is nn.Conv2d else torch.channels_last_3d
    assert torch.allclose(WinogradConv(conv)(inputs.contiguous(memory_format=last)), wanted, atol=1e-12)


@pytest.mark.parametrize("kind", [nn.Conv2d, nn.Conv3d])
@torch.no_grad()
def test_it_rounds_as_its_precision_allows(kind):
    torch.manual_seed(0)
    conv = kind(128, 64, 3, padding=1)
    inputs = torch.randn(2, 128, *([3] if kind is nn.Conv3d else []), 10, 10).relu()
    wanted = conv(inputs)
    error = WinogradConv(conv)(inputs) - wanted
    assert error.norm() / wanted.norm() < 1e-5
    direct = conv.bfloat16()(inputs.bfloat16()).float() - wanted
    error = WinogradConv(conv.float()).bfloat16()(inputs.bfloat16()).float() - wanted
    assert error.norm() < 3 * direct.norm()


def test_only_large_ordinary_convolutions_are_replaced():
    few = nn.Conv2d(8, 8, 3, padding=1)
    others = [
        nn.Conv2d(128, 128, 1),
        nn.Conv2d(128, 128, 5, padding=2),
        nn.Conv2d(128, 128, 3),
        nn.Conv2d(128, 128, 3, 2, 1),
        nn.Conv2d(128, 128, 3, padding=2, dilation=2),
        nn.Conv2d(128, 128, 3, padding=1, padding_mode="reflect"),
        nn.Conv2d(512, 512, 3, padding=1, groups=2),
        nn.Conv3d(128, 128, (1, 3, 3), padding=(0, 1, 1)),
        nn.ConvTranspose2d(128, 128, 3, padding=1),
        few,
    ]
    assert not any(suits(module) for module in others)
    network = nn.Sequential(nn.Conv2d(128, 128, 3, padding=1), nn.Sequential(few, nn.Conv3d(128, 64, 3, padding=1)))
    use_winograd(network)
    assert isinstance(network[0], WinogradConv)
    assert network[1][0] is few
    assert isinstance(network[1][1], WinogradConv)
