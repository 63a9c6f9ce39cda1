"""The inputs of a training: videos, behaviors, settings, and where its state is kept."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ethomake.labels.groups import Exclusive, Groups, count_outputs, groups_of
from ethomake.training.augment import Augmentation
from ethomake.training.fingerprint import fingerprint

LabelledVideo = tuple[str | Path, str | Path]
"""The file that stands for a video (its video.json, or the manifest of its features), and its label table."""


@dataclass(frozen=True)
class TrainingPlan:
    """The arguments common to all trainings; plain values and paths only, so that they can be sent to other processes.

    Attributes:
        settings: this training's section of the config, with `network` resolved.
        seed: seed of the initial weights and of all sampling.
        checkpoint: file in which the state is saved; it is not removed at the end.
        train: manifests of the videos to train on.
        validate: manifests of the videos on which each epoch is validated; may be empty. For the flow network alone.
        train_labels: label tables of the videos to train on, in the same order; empty if no labels are needed.
        behaviors: the columns of the label tables, in order.
        exclusive: which behaviors exclude each other (softmax); the others are independent (sigmoid).
        augmentation: the section `augmentation:` of the config, if the training uses images.
        scratch: a folder for large intermediate files, which is removed at the end; without one they are kept beside
            the checkpoint. A training that resumes where this folder is missing makes them again.
    """

    settings: dict[str, Any]
    seed: int
    checkpoint: str | Path
    train: Sequence[str | Path]
    validate: Sequence[str | Path] = ()
    train_labels: Sequence[str | Path] = ()
    behaviors: Sequence[str] = ()
    exclusive: Exclusive = False
    augmentation: dict[str, float] = field(default_factory=dict)
    scratch: str | Path | None = None

    @property
    def labelled_train(self) -> list[LabelledVideo]:
        """The videos to train on, each with its label table."""
        return list(zip(self.train, self.train_labels, strict=True))

    @property
    def outputs(self) -> int:
        """Number of logits of a classifier: one per behavior, and one for the background of each exclusive group."""
        return count_outputs(self.exclusive, self.behaviors)

    @property
    def groups(self) -> Groups:
        """The groups of exclusive behaviors."""
        return groups_of(self.exclusive, self.behaviors)

    @property
    def changes(self) -> Augmentation:
        """Settings of the augmentation of images."""
        return Augmentation(**self.augmentation)

    def fingerprint(self, given: Iterable[str | Path] = (), *values: Any) -> str:
        """Return a digest of all inputs of the training, which identifies its checkpoint.

        Args:
            given: weights files that it starts from or uses; their content counts, not where they lie.
            values: further inputs.
        """
        given = list(map(str, given))
        settings = {name: "given" if value in given else value for name, value in self.settings.items()}
        return fingerprint(
            [*self.train, *self.train_labels, *self.validate, *given],
            [len(self.train), len(self.validate)],
            list(self.behaviors),
            self.exclusive,
            settings,
            self.augmentation,
            self.seed,
            *values,
        )
