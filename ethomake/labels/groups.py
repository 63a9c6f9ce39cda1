"""Groups of behaviors that exclude each other: of each group at most one behavior is present in a frame.

The setting `exclusive` is true (all behaviors are one group), false (none is in a group) or a list of groups; behaviors
in no group are independent. Each group has a "none of them" of its own, its background, so that a classifier has one
logit for each behavior and one for the background of each group: the backgrounds first, in the order of the groups.
"""

from collections.abc import Iterator, Sequence
from itertools import chain

from ethomake.errors import InputError

Exclusive = bool | Sequence[Sequence[str]]
"""The setting: all behaviors exclude each other, none does, or the names of those in each group."""

Groups = tuple[tuple[int, ...], ...]
"""The places of the behaviors of each group among all behaviors; no behavior is in two."""

INDEPENDENT: Groups = ()
"""No behavior excludes another."""


def groups_of(exclusive: Exclusive, behaviors: Sequence[str]) -> Groups:
    """Return the groups as places of behaviors.

    Args:
        exclusive: the setting.
        behaviors: names, in order.

    Raises:
        ValueError: if a group names something else.
    """
    if isinstance(exclusive, bool):
        return (tuple(range(len(behaviors))),) if exclusive and behaviors else INDEPENDENT
    places = {name: place for place, name in enumerate(behaviors)}
    if unknown := [name for name in chain(*exclusive) if name not in places]:
        raise ValueError(f"'{unknown[0]}' of a group of exclusive behaviors is not one of {', '.join(behaviors)}")
    return tuple(sorted(tuple(sorted(places[name] for name in group)) for group in exclusive))


def in_order(exclusive: Exclusive, behaviors: Sequence[str]) -> bool | list[list[str]]:
    """Return the setting in the one form that all ways to write the same groups have: in the order of the behaviors.

    One group of all behaviors is true, no group is false.
    """
    groups = groups_of(exclusive, behaviors)
    if not groups:
        return False
    if len(groups[0]) == len(behaviors):
        return True
    return [[behaviors[place] for place in group] for group in groups]


def count_outputs(exclusive: Exclusive, behaviors: Sequence[str]) -> int:
    """Return the number of logits of a classifier: one per behavior, and one for the background of each group."""
    return len(behaviors) + len(groups_of(exclusive, behaviors))


def independent(groups: Groups, behaviors: int) -> tuple[int, ...]:
    """Return the places of those of a number of behaviors that are in no group."""
    grouped = set(chain(*groups))
    return tuple(place for place in range(behaviors) if place not in grouped)


def outputs_of(groups: Groups) -> Iterator[tuple[tuple[int, ...], list[int]]]:
    """Yield each group with the places of its logits: that of its background, then those of its behaviors."""
    for number, group in enumerate(groups):
        yield group, [number, *(len(groups) + place for place in group)]


def in_words(exclusive: Exclusive, behaviors: Sequence[str]) -> str:
    """Return how many behaviors can be present at once, as the end of a sentence."""
    groups = groups_of(exclusive, behaviors)
    if not groups:
        return "several may be present at once"
    if len(groups[0]) == len(behaviors):
        return "exactly one, or background, at a time"
    return "at most one at a time " + " and ".join(
        f"of {', '.join(behaviors[place] for place in group)}" for group in groups
    )


def check_groups(exclusive: Exclusive, behaviors: Sequence[str]) -> None:
    """Check that groups have two or more behaviors each, known ones, and none twice.

    Raises:
        InputError: with the reason, without the key.
    """
    if isinstance(exclusive, bool):
        return
    for group in exclusive:
        if len(group) < 2:
            raise InputError("a group needs at least two behaviors; leave out those that exclude no other")
    names = list(chain(*exclusive))
    if twice := [name for name in names if names.count(name) > 1]:
        raise InputError(f"'{twice[0]}' is named twice; a behavior is in one group, or in none")
    if unknown := [name for name in names if name not in behaviors]:
        raise InputError(f"'{unknown[0]}' is not one of the behaviors ({', '.join(behaviors)})")
