"""3D ResNet."""

from torch import Tensor, nn
from torch.nn import functional as F


def resnet3d_34(channels: int) -> tuple[nn.Module, int]:
    """Return a 3D ResNet34, (B, channels, T, H, W) -> (B, 512), and the length of its vector."""
    return ResNet3D34(channels), 512


class Block3D(nn.Module):
    """Two 3x3x3 convolutions and a shortcut."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv3d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm3d(outputs)
        self.conv2 = nn.Conv3d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm3d(outputs)
        self.downsample = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(nn.Conv3d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm3d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, T, H, W) -> (B, outputs, T / stride, H / stride, W / stride)."""
        shortcut = x if self.downsample is None else self.downsample(x)
        return F.relu(self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))) + shortcut)


class ResNet3D34(nn.Module):
    """ResNet34 in which every convolution also extends over time (Hara et al., 2018): 63.5 million parameters.

    Keys are named as in torchvision's ResNets, which is also how public 3D weights are named.
    """

    layer1: nn.Sequential
    layer2: nn.Sequential
    layer3: nn.Sequential
    layer4: nn.Sequential

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv3d(channels, 64, 7, (1, 2, 2), 3, bias=False)
        self.bn1 = nn.BatchNorm3d(64)
        inputs = 64
        for stage, (outputs, blocks) in enumerate([(64, 3), (128, 4), (256, 6), (512, 3)], start=1):
            layers = [Block3D(inputs, outputs, 1 if stage == 1 else 2)]
            layers += [Block3D(outputs, outputs, 1) for _ in range(blocks - 1)]
            setattr(self, f"layer{stage}", nn.Sequential(*layers))
            inputs = outputs
        for module in self.modules():
            if isinstance(module, nn.Conv3d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, T, H, W) -> (B, 512)."""
        x = F.max_pool3d(F.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return x.mean((2, 3, 4))
