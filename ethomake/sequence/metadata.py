"""What a weights file says of its sequence model."""

from dataclasses import dataclass, field
from typing import Any, ClassVar

from ethomake.sequence.model import SequenceModel
from ethomake.training.weights import WeightsMetadata


@dataclass(frozen=True)
class SequenceMetadata(WeightsMetadata[SequenceModel]):
    """The metadata of a sequence model.

    Attributes:
        settings: the section `sequence:` of the config.
        behaviors: that its logits stand for, in order.
        exclusive: whether there is one more logit, before them, for background.
        streams: whose features it takes, in this order.
        inputs: features per frame.
        made_from: the digest of the manifest of features of each training video, by the video's name.
    """

    kinds: ClassVar[tuple[str, ...]] = ("sequence",)

    settings: dict[str, Any]
    behaviors: list[str]
    exclusive: bool
    streams: list[str]
    inputs: int
    made_from: dict[str, str] = field(default_factory=dict)

    def build(self) -> SequenceModel:
        """Return a new sequence model."""
        return SequenceModel(self.network, self.inputs, len(self.behaviors) + self.exclusive, self.settings)
