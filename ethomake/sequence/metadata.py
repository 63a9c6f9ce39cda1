"""The metadata in the weights file of a sequence model."""

from dataclasses import dataclass, field
from typing import Any, ClassVar

from ethomake.features.store import Maps
from ethomake.labels.groups import Exclusive, count_outputs
from ethomake.sequence.model import SequenceModel
from ethomake.training.weights import WeightsMetadata


@dataclass(frozen=True)
class SequenceMetadata(WeightsMetadata[SequenceModel]):
    """The metadata of a sequence model.

    Attributes:
        settings: the section `sequence:` of the config.
        behaviors: names of the behaviors of its logits, in order.
        exclusive: which behaviors exclude each other; a logit for the background of each group precedes theirs.
        streams: streams whose features are its input, in this order.
        inputs: number of features per frame.
        maps: channels and grid of the maps that the features are; None if they are vectors.
        made_from: digests of the feature manifests of the training videos, by the video's name.
    """

    kinds: ClassVar[tuple[str, ...]] = ("sequence",)

    settings: dict[str, Any]
    behaviors: list[str]
    exclusive: Exclusive
    streams: list[str]
    inputs: int
    maps: Maps | None = None
    made_from: dict[str, str] = field(default_factory=dict)

    def build(self) -> SequenceModel:
        """Return a new sequence model."""
        outputs = count_outputs(self.exclusive, self.behaviors)
        return SequenceModel(self.network, self.inputs, outputs, self.settings, self.maps)
