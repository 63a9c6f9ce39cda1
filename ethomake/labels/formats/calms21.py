"""Data sets CalMS21 and MABe (2021, 2022) in JSON: for each sequence a class, or several answers, a frame.

Three layouts are read: `{annotators: {sequence: {annotations, metadata: {vocab}}}}` (CalMS21), `{vocabulary, sequences:
{sequence: {annotations}}}` with a class a frame (MABe 2021), and the same with a list of 0 and 1 for each name of the
vocabulary (MABe 2022). null is what was not scored.

One file has many sequences; a video takes the one with its name (`task1/train/mouse001_task1_annotator1` for
`mouse001_task1_annotator1.avi`).

Source: https://data.caltech.edu/records/s0vdx-0k302, https://www.aicrowd.com/challenges/multi-agent-behavior
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ethomake.errors import InputError
from ethomake.labels.intervals import MOST_NAMES
from ethomake.labels.policies import Policies
from ethomake.labels.structured import as_list, as_mapping, as_text, head_of_structure, load_json
from ethomake.labels.table import BACKGROUND, LabelTable, Positives, count_frames
from ethomake.labels.timeline import Timeline
from ethomake.letters import nfc

TITLE = "sequences of CalMS21 or MABe (.json)"
SEVERAL = True

_GROUPS = re.compile(
    r'\{\s*"[^"]*"\s*:\s*\{\s*"[^"]*"\s*:\s*\{\s*"(keypoints|scores|annotations|metadata|annotator_id)"\s*:'
)
_SEQUENCES = re.compile(r'\{\s*("vocabulary"\s*:\s*[\[{]|"sequences"\s*:\s*\{\s*"[^"]*"\s*:\s*\{)')


def sniff(path: Path) -> bool:
    """Return whether it begins as one of the layouts does."""
    text = head_of_structure(path)
    return bool(_GROUPS.match(text) or _SEQUENCES.match(text))


def read(path: Path, timeline: Timeline, policies: Policies) -> LabelTable:
    """Return the labels by frame: a column for each class."""
    return _parse(path, timeline.video)


def count_positives(path: Path, policies: Policies, video: str = "", subject: str = "") -> Positives:
    """Count the frames of each behavior."""
    return count_frames(_parse(path, video))


def _parse(path: Path, video: str) -> LabelTable:
    content = as_mapping(load_json(path), path, "the file")
    shared = content.get("vocabulary")
    if "sequences" in content:
        groups = {"sequences": as_mapping(content["sequences"], path, "sequences")}
    else:
        groups = {name: as_mapping(each, path, name) for name, each in content.items() if name != "vocabulary"}
    where, sequence, note = _choose(path, groups, video)
    sequence = as_mapping(sequence, path, where)
    if sequence.get("annotations") is None:
        raise InputError(
            f"{path}, {where}: there are no annotations, as in sequences for tests; give one that has labels"
        )
    given = as_list(sequence["annotations"], path, f"{where}, annotations")
    if shared is None:
        shared = as_mapping(sequence.get("metadata", {}), path, f"{where}, metadata").get("vocab")
    names = _vocabulary(path, shared)
    several = bool(given) and all(isinstance(each, list) for each in given)
    values = _answers(path, where, given, names) if several else _classes(path, where, given, names)
    behaviors = tuple(names.values()) if not several else tuple(names[number] for number in range(len(given)))
    kept = [column for column, name in enumerate(behaviors) if name.casefold() != BACKGROUND]
    return LabelTable(tuple(behaviors[column] for column in kept), values[:, kept], notes=(note,) if note else ())


def _choose(path: Path, groups: Mapping[str, Mapping[str, Any]], video: str) -> tuple[str, Any, str]:
    """Return the name and the content of the sequence of a video, and what to tell of it."""
    every = [(group, name) for group, sequences in groups.items() for name in sequences]
    stem = Path(video).stem.casefold()
    same = [(group, name) for group, name in every if video and name.rpartition("/")[2].casefold() == stem]
    meant = same or (every if len(every) == 1 else [])
    if len(meant) != 1:
        shown = ", ".join(name for _, name in (same or every)[:MOST_NAMES])
        more = f" and {len(every) - MOST_NAMES} more" if len(same or every) > MOST_NAMES else ""
        who = (
            "several have the name of the video" if same else f"none is {stem or 'named'}" if every else "there is none"
        )
        raise InputError(
            f"{path}: the labels of {len(every)} sequences ({shown}{more}), and {who}; name the video like one"
        )
    group, name = meant[0]
    note = f"the labels are of the sequence {name}, not {video}" if not same and video else ""
    return f"sequence {name}", groups[group][name], note


def _vocabulary(path: Path, value: Any) -> dict[int, str]:
    """Return the names of the classes by number."""
    listed = [(name, number) for number, name in enumerate(value)] if isinstance(value, list) else None
    pairs = list(as_mapping(value, path, "the vocabulary").items()) if listed is None else listed
    if not all(isinstance(number, int) and not isinstance(number, bool) for _, number in pairs):
        raise InputError(f"{path}, the vocabulary: classes must have whole numbers; correct it")
    names = {number: nfc(as_text(name, path, "the vocabulary")) for name, number in pairs}
    names = dict(sorted(names.items()))
    if not pairs or min(len(names), len(set(names.values()))) < len(pairs):
        raise InputError(f"{path}, the vocabulary: names and numbers of classes must be there, and differ; correct it")
    return names


def _classes(path: Path, where: str, given: list[Any] | Any, names: Mapping[int, str]) -> np.ndarray:
    """Return the labels of frames that have a class each, int8 (T, K)."""
    columns = {number: column for column, number in enumerate(names)}
    values = np.zeros((len(given), len(names)), np.int8)
    for frame, number in enumerate(given):
        if number is None:
            values[frame] = -1
        elif isinstance(number, bool | list | dict | str) or number not in columns:
            problem = f"the class {str(number)[:20]} is not in the vocabulary"
            raise InputError(f"{path}, {where}, frame {frame}: {problem}; correct it")
        else:
            values[frame, columns[int(number)]] = 1
    return values


def _answers(path: Path, where: str, given: list[Any] | Any, names: Mapping[int, str]) -> np.ndarray:
    """Return the labels of frames that have an answer for each name, int8 (T, K)."""
    if sorted(names)[: len(given)] != list(range(len(given))) or len({len(each) for each in given}) > 1:
        raise InputError(
            f"{path}, {where}: {len(given)} lists of annotations for {len(names)} names, which must be as many, and "
            "the lists as long as each other; correct them"
        )
    meanings = {0: 0, 1: 1, None: -1}
    values = np.zeros((len(given[0]), len(given)), np.int8)
    for column, answers in enumerate(given):
        for frame, answer in enumerate(answers):
            if isinstance(answer, list | dict) or answer not in meanings:
                raise InputError(
                    f"{path}, {where}, {names[column]}, frame {frame}: {str(answer)[:20]} where 0, 1 or null is due; "
                    "correct it"
                )
            values[frame, column] = meanings[answer]
    return values
