"""What is done with entries of label files that are not clear. The defaults never guess."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any


@dataclass(frozen=True)
class Policies:
    """What is done with each kind of problem: `error` stops; `warn` and `fix` go on as the kind says.

    Whatever is done is told in the import report; and in the log, too, except by `fix`.

    Attributes:
        unpaired: a state that begins and never ends, or ends and never began. warn: left out; fix: it lasts to the end
            of what was observed, or from its beginning.
        overlap: a bout that begins before the last one of its behavior has ended. warn, fix: they are one.
        beyond: a bout that goes over the beginning or the end of the video. warn, fix: cut there.
        empty: a bout without any frame. warn: left out; fix: the frame at its start.
        points: an event without duration. frame: the frame shown at that time; ignore: left out.
        blank: an empty cell in a table. absent: 0; unscored: -1.
        unsure: a cell in a table that is marked as unsure (`?`). unscored: -1; absent: 0; present: 1.
        modifiers: ignore: left out; name: they are part of the behavior's name, as in `groom:face`.
    """

    unpaired: str = "error"
    overlap: str = "error"
    beyond: str = "error"
    empty: str = "error"
    points: str = "error"
    blank: str = "error"
    unsure: str = "unscored"
    modifiers: str = "ignore"

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> "Policies":
        """Return the policies in the section `labels` of the config; those that are missing have their defaults."""
        return cls(**{field.name: settings[field.name] for field in fields(cls) if field.name in settings})


STRICT = Policies()
"""The defaults."""
