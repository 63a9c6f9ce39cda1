"""Networks that compute optic flow from a window of frames.

All of them take normalized frames (B, frames, 3, H, W) and return three flows (B, 2 * (frames - 1), h, w), at 1/2, 1/4
and 1/8 of the frames' height and width, in that order. Channels are dx0, dy0, dx1, dy1, ... in pixels of the flow's
own resolution; flow i points from frame i to frame i + 1. Height and width must be multiples of the network's
`multiple_of`. Their records are in `ethomake.flow.registry`. Layer shapes: DeepEthogram (eLife 2021;10:e63377).
"""

from typing import TypeVar

import torch
from torch import Tensor, nn

from ethomake.errors import InputError
from ethomake.flow.registry import FLOW_NETWORKS

SLOPE = 0.1  # negative slope of every LeakyReLU

Upsampling = TypeVar("Upsampling", nn.ConvTranspose2d, nn.ConvTranspose3d)


def conv(inputs: int, outputs: int, size: int, stride: int = 1) -> nn.Sequential:
    """Return 2D convolution, BatchNorm, LeakyReLU."""
    return nn.Sequential(*merge(inputs, outputs, size, stride), nn.LeakyReLU(SLOPE, inplace=True))


def merge(inputs: int, outputs: int, size: int = 3, stride: int = 1) -> nn.Sequential:
    """Return 2D convolution and BatchNorm, which mix skip, decoder and flow channels before a prediction."""
    return nn.Sequential(nn.Conv2d(inputs, outputs, size, stride, (size - 1) // 2), nn.BatchNorm2d(outputs))


def grow(inputs: int, outputs: int) -> nn.Sequential:
    """Return layers that double height and width of features."""
    return nn.Sequential(nn.ConvTranspose2d(inputs, outputs, 4, 2, 1), nn.LeakyReLU(SLOPE, inplace=True))


def predict(inputs: int, outputs: int) -> nn.Conv2d:
    """Return the convolution that predicts flow from features."""
    return nn.Conv2d(inputs, outputs, 3, 1, 1, bias=False)


def double(flow: Upsampling) -> Upsampling:
    """Initialize a learned 4x4 flow upsampling of stride 2 as bilinear interpolation that doubles the values.

    A displacement of one pixel is one of two pixels at twice the resolution.
    """
    line = torch.tensor([0.25, 0.75, 0.75, 0.25])
    with torch.no_grad():
        flow.weight.zero_()
        if flow.bias is not None:
            flow.bias.zero_()
        for channel in range(flow.in_channels):
            kernel = flow.weight[channel, channel]
            if kernel.ndim == 3:
                kernel = kernel[kernel.shape[0] // 2]
            kernel.copy_(2 * torch.outer(line, line))
    return flow


def grow_flow(channels: int) -> nn.ConvTranspose2d:
    """Return a learned upsampling of flow that initially doubles height, width and values."""
    return double(nn.ConvTranspose2d(channels, channels, 4, 2, 1))


def start(network: nn.Module) -> None:
    """Apply He initialization; predictions start near no motion, which is right for most pixels of animal videos."""
    for name, module in network.named_modules():
        if isinstance(module, (nn.Conv2d, nn.Conv3d)) or (
            isinstance(module, (nn.ConvTranspose2d, nn.ConvTranspose3d)) and "grow_flow" not in name
        ):
            nn.init.kaiming_normal_(module.weight, a=SLOPE)
            if isinstance(module, (nn.ConvTranspose2d, nn.ConvTranspose3d)):
                # An output pixel depends on a quarter of the taps, of `in_channels` channels.
                taps = module.weight[0, 0].numel() // 4
                nn.init.normal_(module.weight, std=(2 / (1 + SLOPE**2) / (module.in_channels * taps)) ** 0.5)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        if "predict" in name and isinstance(module, (nn.Conv2d, nn.Conv3d)):
            nn.init.normal_(module.weight, std=0.1 / (module.weight[0].numel() ** 0.5))


class TinyMotionNet(nn.Module):
    """Four convolutions down, two steps up; 1,951,784 parameters for 11 frames."""

    multiple_of = 8

    def __init__(self, frames: int = 11) -> None:
        super().__init__()
        rgb, flow = 3 * frames, 2 * (frames - 1)
        self.conv1 = conv(rgb, 64, 7)
        self.conv2 = conv(64, 128, 5, 2)
        self.conv3 = conv(128, 256, 3, 2)
        self.conv4 = conv(256, 128, 3, 2)
        self.predict4 = predict(128, flow)
        self.grow4, self.grow_flow4 = grow(128, 128), grow_flow(flow)
        self.merge3 = merge(256 + 128 + flow, 128)
        self.predict3 = predict(128, flow)
        self.grow3, self.grow_flow3 = grow(128, 64), grow_flow(flow)
        self.merge2 = merge(128 + 64 + flow, 64)
        self.predict2 = predict(64, flow)
        start(self)

    def forward(self, frames: Tensor) -> list[Tensor]:
        """(B, frames, 3, H, W) -> flows at 1/2, 1/4, 1/8."""
        half = self.conv2(self.conv1(frames.flatten(1, 2)))
        quarter = self.conv3(half)
        eighth = self.conv4(quarter)
        flow4 = self.predict4(eighth)
        merged3 = self.merge3(torch.cat([quarter, self.grow4(eighth), self.grow_flow4(flow4)], 1))
        flow3 = self.predict3(merged3)
        merged2 = self.merge2(torch.cat([half, self.grow3(merged3), self.grow_flow3(flow3)], 1))
        return [self.predict2(merged2), flow3, flow4]


class MotionNet(nn.Module):
    """Six levels of two 3x3 convolutions, decoded step by step; 45,882,896 parameters for 11 frames."""

    multiple_of = 32

    def __init__(self, frames: int = 11) -> None:
        super().__init__()
        rgb, flow = 3 * frames, 2 * (frames - 1)
        widths = [64, 128, 256, 512, 512, 1024]
        self.levels = nn.ModuleList(
            nn.Sequential(conv(i, o, 3, 2 if level else 1), conv(o, o, 3))
            for level, (i, o) in enumerate(zip([rgb, *widths], widths, strict=False))
        )
        self.predict_top = predict(1024, flow)
        below = 1024
        self.grow, self.grow_flow, self.merge, self.predict = (nn.ModuleList() for _ in range(4))
        # Features are decoded from the concatenation itself; its merged form is used for the prediction only.
        for skip, grown, merged in [(512, 512, 512), (512, 256, 256), (256, 128, 128), (128, 64, 64)]:
            together = skip + grown + flow
            self.grow.append(grow(below, grown))
            self.grow_flow.append(grow_flow(flow))
            self.merge.append(merge(together, merged))
            self.predict.append(predict(merged, flow))
            below = together
        start(self)

    def forward(self, frames: Tensor) -> list[Tensor]:
        """(B, frames, 3, H, W) -> flows at 1/2, 1/4, 1/8."""
        x = frames.flatten(1, 2)
        skips = []
        for level in self.levels:
            x = level(x)
            skips.append(x)
        flow = self.predict_top(x)
        flows = []
        steps = zip(skips[4:0:-1], self.grow, self.grow_flow, self.merge, self.predict, strict=True)
        for skip, grown, grown_flow, merged, predicted in steps:
            x = torch.cat([skip, grown(x), grown_flow(flow)], 1)
            flow = predicted(merged(x))
            flows.append(flow)
        return flows[:0:-1]


def conv3d(inputs: int, outputs: int, size: int, stride: int = 1) -> nn.Sequential:
    """Return 3D convolution that keeps the number of time steps, BatchNorm, LeakyReLU."""
    return nn.Sequential(
        nn.Conv3d(inputs, outputs, size, (1, stride, stride), (size - 1) // 2),
        nn.BatchNorm3d(outputs),
        nn.LeakyReLU(SLOPE, inplace=True),
    )


def between(channels: int) -> nn.Conv3d:
    """Return the convolution from features of n frames to features of the n - 1 steps between them."""
    return nn.Conv3d(channels, channels, (2, 3, 3), padding=(0, 1, 1), bias=False)


def merge3d(inputs: int, outputs: int) -> nn.Sequential:
    """Return the 3D counterpart of `merge`."""
    return nn.Sequential(nn.Conv3d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm3d(outputs))


def grow3d(inputs: int, outputs: int) -> nn.Sequential:
    """Return the 3D counterpart of `grow`, which does not mix time steps."""
    return nn.Sequential(
        nn.ConvTranspose3d(inputs, outputs, (1, 4, 4), (1, 2, 2), (0, 1, 1), bias=False),
        nn.LeakyReLU(SLOPE, inplace=True),
    )


def predict3d(inputs: int) -> nn.Conv3d:
    """Return the convolution that predicts flow (2 channels per time step) from features."""
    return nn.Conv3d(inputs, 2, 3, padding=1)


def grow_flow3d() -> nn.ConvTranspose3d:
    """Return the 3D counterpart of `grow_flow`."""
    return double(nn.ConvTranspose3d(2, 2, (3, 4, 4), (1, 2, 2), (1, 1, 1)))


class TinyMotionNet3D(nn.Module):
    """TinyMotionNet with time as a third dimension and a quarter of the channels; 437,738 parameters.

    Encoder widths and kernels are the paper's. The decoder's arrangement is not published: this one follows the 2D
    network and has exactly the published number of parameters.
    """

    multiple_of = 8

    def __init__(self, frames: int = 11) -> None:
        super().__init__()
        self.conv1 = conv3d(3, 16, 7)
        self.conv2 = conv3d(16, 32, 5, 2)
        self.conv3 = conv3d(32, 64, 3, 2)
        self.conv4 = conv3d(64, 32, 3, 2)
        self.between2, self.between3, self.between4 = between(32), between(64), between(32)
        self.predict4 = predict3d(32)
        self.grow4, self.grow_flow4 = grow3d(32, 32), grow_flow3d()
        self.merge3 = merge3d(64 + 32 + 2, 32)
        self.predict3 = predict3d(32)
        self.grow3, self.grow_flow3 = grow3d(32, 16), grow_flow3d()
        self.merge2 = merge3d(32 + 16 + 2, 16)
        self.predict2 = predict3d(16)
        start(self)

    def forward(self, frames: Tensor) -> list[Tensor]:
        """(B, frames, 3, H, W) -> flows at 1/2, 1/4, 1/8."""
        half = self.conv2(self.conv1(frames.transpose(1, 2)))
        quarter = self.conv3(half)
        eighth = self.between4(self.conv4(quarter))
        flow4 = self.predict4(eighth)
        merged3 = self.merge3(torch.cat([self.between3(quarter), self.grow4(eighth), self.grow_flow4(flow4)], 1))
        flow3 = self.predict3(merged3)
        merged2 = self.merge2(torch.cat([self.between2(half), self.grow3(merged3), self.grow_flow3(flow3)], 1))
        return [flow.transpose(1, 2).flatten(1, 2) for flow in (self.predict2(merged2), flow3, flow4)]


def build_flow_network(name: str, frames: int = 11) -> nn.Module:
    """Return a new flow network.

    Args:
        name: a key of `FLOW_NETWORKS`.
        frames: number of frames in a window.

    Raises:
        InputError: if no network has that name.
    """
    if name not in FLOW_NETWORKS:
        raise InputError(f"no flow network is called {name!r}; choose one of {', '.join(FLOW_NETWORKS)}")
    return FLOW_NETWORKS[name].make(frames)
