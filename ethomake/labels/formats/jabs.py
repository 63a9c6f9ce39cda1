"""Labels of JABS (`jabs/annotations/<video>.json`).

Frames count from 0, and the end of a block is included. A block says that the behavior is present, or that it was
looked for and is not; frames without a block were not scored. In projects with one class a frame, blocks of `None` say
that no behavior is present. Blocks are read as they were made (`unfragmented_labels`), or, in older files, as cut where
there was no pose (`labels`).

Identities are subjects: the row's `subject` is the number of one, or its external identity.

Source: https://github.com/KumarLabJax/JABS-behavior-classifier, `docs/user-guide/labeling.md`
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ethomake.errors import InputError
from ethomake.labels.intervals import Bout, Intervals, Stretch, count_bouts, to_labels
from ethomake.labels.policies import Policies
from ethomake.labels.structured import as_list, as_mapping, as_number, as_text, head_of_structure, load_json
from ethomake.labels.table import LabelTable, Positives
from ethomake.labels.timeline import Timeline

TITLE = "labels of JABS (.json)"
SEVERAL = True

NONE = "None"
"""The name that JABS keeps for "no behavior", where a frame has one class."""

_LABELS = re.compile(r'"num_frames"\s*:\s*\d')
_BLOCKS = re.compile(r'"(unfragmented_)?labels"\s*:\s*\{')
_NOTES = re.compile(r'\{\s*"annotations"\s*:\s*\[\s*\{[^{}]*"tag"\s*:')


def sniff(path: Path) -> bool:
    """Return whether it begins as labels or notes of JABS do."""
    text = head_of_structure(path)
    labels = text.startswith("{") and _LABELS.search(text) and _BLOCKS.search(text)
    return bool(labels or _NOTES.match(text))


def read(path: Path, timeline: Timeline, policies: Policies) -> LabelTable:
    """Return the labels by frame."""
    intervals, subject = _parse(path, timeline.subject)
    return to_labels(intervals, replace(timeline, subject=subject), policies)


def count_positives(path: Path, policies: Policies, video: str = "", subject: str = "") -> Positives:
    """Count the blocks in which each behavior is present."""
    intervals, subject = _parse(path, subject)
    return count_bouts(intervals, policies, video, subject)


def _parse(path: Path, subject: str) -> tuple[Intervals, str]:
    """Return the content, and the subject as an identity of JABS."""
    content = as_mapping(load_json(path), path, "the file")
    key = next((key for key in ("unfragmented_labels", "labels") if key in content), None)
    if key is None:
        raise InputError(
            f"{path}: notes on the video, and no labels; give the file of the video in jabs/annotations with its labels"
        )
    identities = as_mapping(content[key], path, key)
    frames = as_number(content.get("num_frames"), path, "num_frames")
    bouts = []
    for identity, behaviors in identities.items():
        where = f"{key} of identity {identity}"
        behaviors = as_mapping(behaviors, path, where)
        names = [as_text(name, path, where) for name in behaviors]
        for behavior, blocks in behaviors.items():
            for number, block in enumerate(as_list(blocks, path, f"{where}, {behavior}"), start=1):
                row = f"block {number} of {behavior} of identity {identity}"
                bouts += _bouts(path, as_mapping(block, path, row), behavior, names, row, identity)
    notes = content.get("annotations")
    return Intervals(
        path,
        bouts,
        unit="frames",
        observed=[Stretch(0, frames, row="num_frames")],
        sparse=True,
        subjects=tuple(identities),
        media=(as_text(content["file"], path, "file"),) if content.get("file") else (),
        ignored=(f"{len(notes)} notes (annotations)",) if isinstance(notes, list) and notes else (),
    ), _identity(path, content, identities, subject)


def _bouts(
    path: Path, block: Mapping[str, Any], behavior: str, names: list[str], row: str, identity: str
) -> list[Bout]:
    """Return what a block says: of its own behavior, or, if that is `None`, of all others."""
    start, end = (as_number(block.get(key), path, f"{row}, {key}") for key in ("start", "end"))
    present = block.get("present")
    if not isinstance(present, bool):
        raise InputError(f"{path}, {row}: 'present' must be true or false; label the block again in JABS")
    if end < start:
        raise InputError(f"{path}, {row}: it ends at {end:g}, before it starts at {start:g}; correct it")
    about = [name for name in names if name != NONE] if behavior == NONE else [behavior]
    if behavior == NONE and not present:
        return []
    absent = behavior == NONE or not present
    return [Bout(" ".join(name.split()), start, end + 1, row, subject=identity, absent=absent) for name in about]


def _identity(path: Path, content: Mapping[str, Any], identities: Mapping[str, Any], subject: str) -> str:
    """Return the identity that a subject is, by its number or its external identity."""
    external = content.get("external_identities") or {}
    external = as_mapping(external, path, "external_identities")
    meant = {identity for identity in identities if subject and identity == subject}
    meant |= {identity for identity, name in external.items() if subject and str(name) == subject}
    if len(meant) > 1:
        raise InputError(
            f"{path}: {subject} is identity {subject}, and the external identity of another; write its other name "
            "into the column subject of the video table"
        )
    return meant.pop() if meant else subject
