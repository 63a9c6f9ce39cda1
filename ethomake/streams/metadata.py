"""The metadata in the weights file of a stream."""

from dataclasses import dataclass
from typing import ClassVar

from ethomake.labels.groups import Exclusive, count_outputs
from ethomake.streams.networks import Kind, Sight, Stream
from ethomake.training.weights import WeightsMetadata


@dataclass(frozen=True)
class StreamMetadata(WeightsMetadata[Stream]):
    """The metadata of a stream.

    Attributes:
        stream: spatial or motion.
        behaviors: names of the behaviors of its logits, in order.
        exclusive: which behaviors exclude each other; a logit for the background of each group precedes theirs.
        frames: number of frames in a window.
        channel_mean, channel_std: statistics that normalize the images of a spatial stream; for red, green and blue.
        sees: what a spatial stream sees.
        source: where the weights come from that its training started with: the name of public ones, or of a file.
        license: of these, if they are public.
        page: address of a page about them.
    """

    kinds: ClassVar[tuple[str, ...]] = ("spatial", "motion")

    stream: Kind
    behaviors: list[str]
    exclusive: Exclusive
    frames: int
    channel_mean: list[float] | None = None
    channel_std: list[float] | None = None
    sees: Sight = "color"
    source: str | None = None
    license: str | None = None
    page: str | None = None

    @property
    def kind(self) -> str:
        """The kind of this stream."""
        return self.stream

    @property
    def channels(self) -> tuple[list[float], list[float]]:
        """Mean and standard deviation of the channels.

        Raises:
            ValueError: if the stream does not take images.
        """
        if self.channel_mean is None or self.channel_std is None:
            raise ValueError(f"the weights of the {self.stream} stream have no statistics of images")
        return self.channel_mean, self.channel_std

    def build(self, dropout: float = 0.0) -> Stream:
        """Return a new stream."""
        outputs = count_outputs(self.exclusive, self.behaviors)
        return Stream(self.network, self.stream, outputs, frames=self.frames, dropout=dropout, sees=self.sees)
