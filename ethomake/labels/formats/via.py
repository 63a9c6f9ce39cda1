"""Projects of the VGG Image Annotator, version 3, for video (VIA-3, `.json`).

Temporal segments are bouts, in seconds. The behavior is the option that was chosen for an attribute (of a list, radio
buttons or checkboxes, of which several may be chosen), or its text. Options of an attribute were all looked for. Marks
at one time, without a region, are events without duration; regions and what was said of a whole file are left out.

Source: https://gitlab.com/vgg/via, `via-3.x.y/src/js/_via_attribute.js`
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ethomake.errors import InputError
from ethomake.labels.intervals import Bout, Intervals, count_bouts, to_labels
from ethomake.labels.policies import Policies
from ethomake.labels.structured import as_list, as_mapping, as_number, as_text, head_of_structure, load_json
from ethomake.labels.table import LabelTable, Positives
from ethomake.labels.timeline import Timeline

TITLE = "a project of the VGG Image Annotator 3 (VIA-3, .json)"
SEVERAL = True

TEXT, CHECKBOX = 1, 2
"""Types of attributes; the others have one option chosen."""

SOUND = 8
"""Type of files that are no videos."""

_OWN = re.compile(r'"(vid_list|data_format_version|anchor_id)"\s*:')
_PARTS = re.compile(r'"(project|attribute|metadata)"\s*:\s*\{')


def sniff(path: Path) -> bool:
    """Return whether it begins as a project does."""
    text = head_of_structure(path)
    return text.startswith("{") and bool(_OWN.search(text) and _PARTS.search(text))


def read(path: Path, timeline: Timeline, policies: Policies) -> LabelTable:
    """Return the labels by frame."""
    return to_labels(_parse(path), timeline, policies)


def count_positives(path: Path, policies: Policies, video: str = "", subject: str = "") -> Positives:
    """Count the segments of each behavior."""
    return count_bouts(_parse(path), policies, video, subject)


def _parse(path: Path) -> Intervals:
    content = as_mapping(load_json(path), path, "the file")
    parts = {key: as_mapping(content.get(key, {}), path, key) for key in ("attribute", "file", "view", "metadata")}
    attributes = {number: as_mapping(each, path, f"attribute {number}") for number, each in parts["attribute"].items()}
    files = _apart({number: _file(path, number, each) for number, each in parts["file"].items()})
    views = {number: list(_view(path, number, each, files)) for number, each in parts["view"].items()}
    bouts, left = [], 0
    for name, entry in parts["metadata"].items():
        row = f"metadata {name}"
        entry = as_mapping(entry, path, row)
        times = [as_number(time, path, f"{row}, z") for time in as_list(entry.get("z"), path, f"{row}, z")]
        if not times or len(times) > 2 or as_list(entry.get("xy", []), path, f"{row}, xy"):
            left += 1
            continue
        view = str(entry.get("vid"))
        if view not in views:
            raise InputError(f"{path}, {row}: of view {view[:20]}, which is not in the project; save it again in VIA")
        values = as_mapping(entry.get("av", {}), path, f"{row}, av")
        behaviors = list(_behaviors(path, row, values, attributes))
        if not behaviors:
            raise InputError(f"{path}, {row}: the segment at {times[0]:g} s has no behavior; choose one in VIA")
        for media in views[view]:
            point = len(times) == 1
            bouts += [Bout(each, times[0], times[-1], row, media=media, point=point) for each in behaviors]
    media = tuple(name for name in files.values() if name)
    options = [
        each for number in attributes if _is_temporal(attributes[number]) for each in _options(path, number, attributes)
    ]
    free = any(_is_temporal(each) and each.get("type") == TEXT for each in attributes.values())
    return Intervals(
        path,
        bouts,
        scored=None if free else tuple(dict.fromkeys(options)),
        media=media,
        ignored=(f"{left} regions, or remarks on whole files",) if left else (),
    )


def _file(path: Path, number: str, value: Any) -> str:
    """Return the name of a file; "" if it is no video."""
    file = as_mapping(value, path, f"file {number}")
    return "" if file.get("type") == SOUND else as_text(file.get("fname"), path, f"file {number}, fname")


def _apart(files: Mapping[str, str]) -> dict[str, str]:
    """Return the names of files; those of one name get a folder in front, so that they are told apart."""
    count = Counter(files.values())
    return {number: f"file {number}/{name}" if name and count[name] > 1 else name for number, name in files.items()}


def _view(path: Path, number: str, value: Any, files: Mapping[str, str]) -> Iterator[str]:
    """Yield the names of the videos that a view shows."""
    where = f"view {number}"
    for file in as_list(as_mapping(value, path, where).get("fid_list"), path, f"{where}, fid_list"):
        if str(file) not in files:
            raise InputError(f"{path}, {where}: file {str(file)[:20]} is not in the project; save it again in VIA")
        if files[str(file)]:
            yield files[str(file)]


def _behaviors(
    path: Path, row: str, values: Mapping[str, Any], attributes: Mapping[str, Mapping[str, Any]]
) -> Iterator[str]:
    """Yield the behaviors of a segment."""
    for number, value in values.items():
        if number not in attributes:
            raise InputError(f"{path}, {row}: attribute {number} is not in the project; save it again in VIA")
        kind = attributes[number].get("type")
        if value in ("", None):
            continue
        if kind == TEXT:
            yield as_text(value, path, row)
            continue
        options = _options(path, number, attributes, keys=True)
        chosen = [each.strip() for each in str(value).split(",")] if kind == CHECKBOX else [str(value)]
        for each in filter(None, chosen):
            if each not in options:
                raise InputError(
                    f"{path}, {row}: option {each[:20]} of attribute {number} is not in the project; choose one"
                )
            yield as_text(attributes[number]["options"][each], path, f"attribute {number}, option {each}")


def _options(
    path: Path, number: str, attributes: Mapping[str, Mapping[str, Any]], *, keys: bool = False
) -> Sequence[str]:
    """Return the options of an attribute, or their keys."""
    options = as_mapping(attributes[number].get("options") or {}, path, f"attribute {number}, options")
    return list(options) if keys else [as_text(each, path, f"attribute {number}, option") for each in options.values()]


def _is_temporal(attribute: Mapping[str, Any]) -> bool:
    return str(attribute.get("anchor_id")).startswith(("FILE1_Z2", "FILE1_Z1_XY0"))
