"""Annotations of the Caltech Behavior Annotator (`.txt`), of which Piotr's Computer Vision Toolbox has the program.

Frames count from 1, and the last frame of a bout is included. In each stream (`S1:`, `S2:`), every frame has one type;
frames that have none in a stream count as not scored. The types of the configuration are the behaviors that were
scored. Its first one is the type of frames with nothing else in that stream: where streams are read together, it is
present where it is in all of them.

Streams are read together unless the row's `subject` names one (`S1`). A type that is in several of them is then an
error, since it may be of two animals, but for the first one.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ethomake.errors import InputError
from ethomake.labels.bouts import find_bouts
from ethomake.labels.intervals import Bout, Intervals, Stretch, count_bouts, to_labels
from ethomake.labels.policies import Policies
from ethomake.labels.table import LabelTable, Positives, head_text, read_text
from ethomake.labels.timeline import Timeline

TITLE = "annotations of the Caltech Behavior Annotator (.txt)"
SEVERAL = True

MOST_FRAMES = 20_000_000
"""A bout that ends later is a slip."""

_TITLE = "caltech behavior annotator"
_NAME = re.compile(r"S\d+", re.IGNORECASE)
_STREAM = re.compile(r"(S\d+)\s*:\s*start\s+end\s+type", re.IGNORECASE)


def sniff(path: Path) -> bool:
    """Return whether the first line is the title of the program."""
    return head_text(path).lstrip()[: len(_TITLE)].casefold() == _TITLE


def read(path: Path, timeline: Timeline, policies: Policies) -> LabelTable:
    """Return the labels by frame."""
    return to_labels(_parse(path, timeline.subject), replace(timeline, subject=""), policies)


def count_positives(path: Path, policies: Policies, video: str = "", subject: str = "") -> Positives:
    """Count the bouts of each type."""
    return count_bouts(_parse(path, subject), policies, video)


def _parse(path: Path, subject: str) -> Intervals:
    types, streams = _read(path)
    own = next((name for name in streams if name.casefold() == subject.casefold()), None)
    if own is None and subject and (len(streams) > 1 or _NAME.fullmatch(subject)):
        raise InputError(
            f"{path}: the streams {', '.join(streams)}, and none is {subject}; write one of them into the column "
            "subject of the video table, or leave it empty to read them together"
        )
    used = {own: streams[own]} if own else streams
    elsewhere = {bout.behavior for name in streams if name not in used for bout in streams[name]}
    here = {bout.behavior for bouts in used.values() for bout in bouts}
    scored = tuple(name for name in types if name in here or name not in elsewhere)
    bouts, observed = _together(path, used, types[0] if types else "")
    return Intervals(path, bouts, unit="frames", observed=observed, scored=scored)


def _read(path: Path) -> tuple[list[str], dict[str, list[Bout]]]:
    """Return the types of the configuration, and the bouts of each stream."""
    types, streams, part = [], {}, "title"
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        cells, where = line.split(), f"line {number}"
        if not cells or set(line.strip()) == {"-"}:
            part = "between" if part == "configuration" and types else part
        elif stream := _STREAM.fullmatch(line.strip()):
            part = stream[1].upper()
            if part in streams:
                raise InputError(f"{path}, {where}: a second stream {part}; leave one of them")
            streams[part] = []
        elif part == "title":
            part = "configuration" if line.strip().casefold() == "configuration file:" else part
        elif part == "configuration":
            types.append(cells[0])
        elif part in streams:
            streams[part].append(_bout(path, where, cells, types))
        else:
            raise InputError(f"{path}, {where}: '{line.strip()[:40]}' where 'S1: start end type' is due; correct it")
    if not streams:
        raise InputError(f"{path}: there is no stream (a line 'S1: start end type'); the file may be cut off")
    return types, streams


def _bout(path: Path, where: str, cells: Sequence[str], types: Sequence[str]) -> Bout:
    if len(cells) != 3 or not all(cell.isascii() and cell.isdecimal() for cell in cells[:2]):
        raise InputError(f"{path}, {where}: '{' '.join(cells)[:40]}' where start, end and type are due; correct it")
    if cells[2] not in types:
        raise InputError(
            f"{path}, {where}: {cells[2][:40]} is not in the configuration ({', '.join(types)}); correct it"
        )
    start, end = (int(cell[:12]) for cell in cells[:2])
    if not 1 <= start <= end <= MOST_FRAMES:
        problem = "begins after its end" if start > end else "is not from frame 1 on" if start < 1 else "is too long"
        raise InputError(f"{path}, {where}: the bout {start} to {end} {problem}; correct it")
    return Bout(cells[2], start - 1, end, where)


def _together(
    path: Path, streams: Mapping[str, Sequence[Bout]], nothing: str
) -> tuple[list[Bout], list[Stretch] | None]:
    """Return the bouts of some streams and the frames that have a type in each, without those of nothing else."""
    length = max((int(bout.stop or 0) for bouts in streams.values() for bout in bouts), default=0)
    scored, none = np.ones(length, bool), np.ones(length, bool)
    for bouts in streams.values():
        here, empty = np.zeros(length, bool), np.zeros(length, bool)
        for bout in bouts:
            span = slice(int(bout.start or 0), int(bout.stop or 0))
            if here[span].any():
                raise InputError(
                    f"{path}, {bout.row}: a frame of {bout.behavior} has a type already; correct one of them"
                )
            here[span] = True
            empty[span] = bout.behavior == nothing
        scored &= here
        none &= empty
    observed = [Stretch(first, stop) for first, stop in find_bouts(scored).tolist()]
    if len(streams) == 1:
        return [bout for bouts in streams.values() for bout in bouts], observed
    first: dict[str, str] = {}
    for name, bouts in streams.items():
        for bout in bouts:
            if bout.behavior != nothing and first.setdefault(bout.behavior, name) != name:
                both = f"{first[bout.behavior]} and {name}"
                raise InputError(
                    f"{path}, {bout.row}: {bout.behavior} is in the streams {both}, and which is meant is not known; "
                    "write one of them into the column subject of the video table"
                )
    merged = [bout for bouts in streams.values() for bout in bouts if bout.behavior != nothing]
    rows = [Bout(nothing, start, stop, f"frame {start + 1}") for start, stop in find_bouts(none).tolist()]
    return merged + rows, observed
