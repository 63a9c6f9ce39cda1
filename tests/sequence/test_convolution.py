"""The fast convolution is torch's, and so are its gradients."""

import pytest
import torch
from torch.nn import functional as F

from ethomake.sequence.convolution import convolve


@pytest.mark.parametrize(
    ("frames", "taps", "dilation"),
    [
        (180, 15, 1),
        (180, 15, 2),
        (180, 15, 4),
        (181, 15, 4),
        (30, 15, 16),
        (1, 3, 1),
        (7, 1, 1),
        (97, 3, 8),
        (500, 5, 1),
    ],
)
def test_values_and_gradients_are_those_of_torch(frames, taps, dilation):
    torch.manual_seed(0)
    x = torch.randn(2, 3, frames, dtype=torch.double, requires_grad=True)
    weight = torch.randn(4, 3, taps, dtype=torch.double, requires_grad=True)
    bias = torch.randn(4, dtype=torch.double, requires_grad=True)
    ours = convolve(x, weight, bias, dilation)
    theirs = F.conv1d(x, weight, bias, padding=dilation * (taps - 1) // 2, dilation=dilation)
    torch.testing.assert_close(ours, theirs)
    upstream = torch.randn_like(ours)
    for one, other in zip(
        torch.autograd.grad(ours, (x, weight, bias), upstream),
        torch.autograd.grad(theirs, (x, weight, bias), upstream),
        strict=True,
    ):
        torch.testing.assert_close(one, other)


def test_in_float32_it_differs_by_rounding():
    torch.manual_seed(0)
    x, weight, bias = torch.randn(4, 64, 180), torch.randn(64, 64, 15) / 30, torch.randn(64)
    exact = F.conv1d(x.double(), weight.double(), bias.double(), padding=14, dilation=2)
    torch.testing.assert_close(convolve(x, weight, bias, 2).double(), exact, rtol=0, atol=1e-5)
