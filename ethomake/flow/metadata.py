"""The metadata in the weights file of a flow network."""

from dataclasses import dataclass
from typing import ClassVar

from torch import nn

from ethomake.flow.networks import build_flow_network
from ethomake.training.weights import WeightsMetadata


@dataclass(frozen=True)
class FlowMetadata(WeightsMetadata[nn.Module]):
    """The metadata of a flow network.

    Attributes:
        frames: number of frames in a window.
        image_size: height and width of the images it was trained on.
        channel_mean, channel_std: statistics that normalize images; for red, green and blue.
        motion_seen: the share of a known motion that it saw after its training, see `ethomake.flow.known_motion`.
    """

    kinds: ClassVar[tuple[str, ...]] = ("flow",)

    frames: int
    image_size: list[int]
    channel_mean: list[float]
    channel_std: list[float]
    motion_seen: float | None = None

    def build(self) -> nn.Module:
        """Return a new flow network."""
        return build_flow_network(self.network, self.frames)
