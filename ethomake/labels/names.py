"""Names of behaviors in label files -> names in the config: renamed, merged, left out, or refused with the nearest."""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ethomake.errors import InputError
from ethomake.labels.table import LabelTable, Positives

NEAR = 0.8
"""How alike two names are, from 0 to 1, that are taken for spellings of one."""

MOST = 8
"""As many unknown names are told in a message."""

Names = Mapping[str, str | None]


def map_names(table: LabelTable, names: Names) -> LabelTable:
    """Return a table with the names of the config; columns that get one name are merged.

    A merged behavior is present where one of its parts is; else not scored where one of them was not.

    Args:
        table: the labels as they are in the file.
        names: the new name by that in the file; None leaves a behavior out.
    """
    if not names:
        return table
    columns: dict[str, list[int]] = {}
    for column, name in enumerate(table.behaviors):
        if (new := names.get(name, name)) is not None:
            columns.setdefault(new, []).append(column)
    values = np.zeros((len(table.values), len(columns)), np.int8)
    for place, parts in enumerate(columns.values()):
        some = table.values[:, parts]
        values[:, place] = np.where((some == 1).any(axis=1), 1, some.min(axis=1))
    others = {new: error for name, error in table.others.items() if (new := names.get(name, name)) is not None}
    dropped = [name for name in table.behaviors if names.get(name, name) is None]
    ignored = (*table.ignored, *(f"behavior {name}, by labels.names" for name in dropped))
    return replace(table, behaviors=tuple(columns), values=values, others=others, ignored=ignored)


def map_positives(found: Positives, names: Names) -> Positives:
    """Return counts with the names of the config; those that get one name are added up."""
    counts: dict[str, int] = {}
    for name, number in found.counts.items():
        if (new := names.get(name, name)) is not None:
            counts[new] = counts.get(new, 0) + number
    others = {new: error for name, error in found.others.items() if (new := names.get(name, name)) is not None}
    return replace(found, counts=counts, others=others)


def check_listed(
    source: str | Path, given: Iterable[str], *, behaviors: Sequence[str], scored: Iterable[str] = ()
) -> list[str]:
    """Return the names in a list of bouts that are none of the config.

    A behavior that is not in a list was not seen, unless it is there under another name: that is an error.

    Args:
        source: the label file, for messages.
        given: the names in it, after `labels.names`.
        behaviors: the names in the config.
        scored: those that were scored in this video; empty: all.

    Raises:
        InputError: if a name is not in the config but nearly the same as one of it, or if a scored behavior is not in
            the list but unknown names are.
    """
    given = list(given)
    unknown = [name for name in given if name not in behaviors]
    near = {name: _nearest(name, behaviors) for name in unknown}
    absent = [name for name in scored or behaviors if name not in given]
    if not (any(near.values()) or (unknown and absent)):
        return unknown
    shown = [f"{name} ({near[name]}?)" if near[name] else name for name in unknown[:MOST]]
    more = f" and {len(unknown) - MOST} more" if len(unknown) > MOST else ""
    first = next((name for name in unknown if near[name]), unknown[0])
    new = near[first] or absent[0]
    what = f"there is no bout of {absent[0]}, but " if absent else ""
    raise InputError(
        f"{source}: {what}these names are not among the behaviors of the config: {', '.join(shown)}{more}; map each, "
        f"as in labels.names: {{{first}: {new}}}, or leave it out, as in {{{first}: null}}"
    )


def _nearest(name: str, known: Sequence[str]) -> str:
    plain = {_plain(each): each for each in known}
    found = difflib.get_close_matches(_plain(name), plain, n=1, cutoff=NEAR)
    return plain[found[0]] if found else ""


def _plain(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter.isalnum()) or name
