"""Annotations of BENTO and MARS (`.annot`).

Frames count from 1, and the last frame of a bout is included. Newer versions write times in place of frames, which are
the number of the frame divided by the frame rate of the file; so frames come back, whatever the time stamps of the
video. Only if one of them is at frame 0 do they count from there. Frames outside of the annotated ones (`Annotation
start frame` or `time`, and `stop`) count as not scored; if these are not in the video, the policy `beyond` applies.

Channels are subjects: if several have bouts, the row's `subject` names one.

Written are frames; those that were not scored are bouts of `not scored: <behavior>`.

Source: https://github.com/neuroethology/bentoMAT (saving and loading of annotations)
"""

import math
import re
from pathlib import Path

import numpy as np

from ethomake.errors import InputError
from ethomake.files import write_text
from ethomake.labels.bouts import find_bouts
from ethomake.labels.intervals import Bout, Intervals, Stretch, count_bouts, to_labels
from ethomake.labels.observations import NOT_SCORED, split_code
from ethomake.labels.policies import Policies
from ethomake.labels.table import LabelTable, Positives, head_text, read_text
from ethomake.labels.timeline import Timeline

TITLE = "annotations of BENTO or MARS (.annot)"
EXTENSION = ".annot"
SEVERAL = True

DEFAULT_CHANNEL = "Ch1"

_TITLE = "bento annotation file"
_LISTS = ("list of channels:", "list of annotations:")
_CHANNEL = re.compile(r"([^>-].*?)\s*-{3,}")
_FIELD = re.compile(r"(annotation (?:start|stop) (?:frame|time)|annotation framerate|movie file\(s\))\s*:(.*)", re.I)


def sniff(path: Path) -> bool:
    """Return whether the first line is the title."""
    return head_text(path).lstrip()[: len(_TITLE)].casefold() == _TITLE


def read(path: Path, timeline: Timeline, policies: Policies) -> LabelTable:
    """Return the labels by frame."""
    return to_labels(_parse(path), timeline, policies)


def count_positives(path: Path, policies: Policies, video: str = "", subject: str = "") -> Positives:
    """Count the bouts of each behavior."""
    return count_bouts(_parse(path), policies, video, subject)


def write(table: LabelTable, timeline: Timeline, path: Path) -> None:
    """Write one channel, with the name of the subject.

    Raises:
        InputError: if a behavior has a name that this format keeps for something else.
    """
    channel = " ".join(timeline.subject.split()).strip("->") or DEFAULT_CHANNEL
    for name in table.behaviors:
        if split_code(name)[1]:
            raise InputError(f"{path}: the behavior '{name}' has the name of a time that was not scored; rename it")
        if _is_heading(name):
            raise InputError(f"{path}: the behavior '{name}' has the form of a heading in this format; rename it")
    marked = {name: column == 1 for name, column in zip(table.behaviors, table.values.T, strict=True)}
    missing = {NOT_SCORED + name: column == -1 for name, column in zip(table.behaviors, table.values.T, strict=True)}
    marked |= {name: column for name, column in missing.items() if column.any()}
    lines = ["Bento annotation file", f"Movie file(s): {timeline.video}", "", "Stimulus name:"]
    lines += ["Annotation start frame: 1", f"Annotation stop frame: {len(table.values)}"]
    lines += [f"Annotation framerate: {timeline.rate:.6f}", "", "List of channels:", channel, ""]
    lines += ["List of annotations:", *marked, "", f"{channel}----------"]
    for name, on in marked.items():
        lines += [f">{name}", "Start\tStop\tDuration"]
        lines += [f"{start + 1}\t{stop}\t{stop - start}" for start, stop in find_bouts(np.asarray(on)).tolist()]
        lines += [""]
    write_text(path, "\n".join([*lines, ""]))


def _parse(path: Path) -> Intervals:
    fields, names, channels, entries = _read(path)
    by_time = any(" time" in key for key in fields) or any("." in cell for *_, cells in entries for cell in cells[:2])
    rate = _number(fields.get("annotation framerate", ("", ""))[0])
    if by_time and not rate > 0:
        raise InputError(f"{path}: there are times but no 'Annotation framerate', so frames are not known; add it")
    begin, last, ends = _span(path, fields, rate)
    scale = rate if by_time else 1
    times = [[_time(path, entry, cell) * scale for cell in entry[3][:2]] for entry in entries]
    frames = np.round(times).reshape(-1, 2)
    from_zero = by_time and (begin == 0 or bool((frames == 0).any()))
    first = 0 if from_zero else 1
    bouts = []
    for (channel, code, where, _), (start, stop) in zip(entries, frames.tolist(), strict=True):
        behavior, unscored = split_code(code)
        if stop < start:
            raise InputError(f"{path}, {where}: {code} stops before it starts; correct the entry")
        bouts.append(Bout(behavior, start - first, stop + 1 - first, where, subject=channel, unscored=unscored))
    notes = ("times count from frame 0",) if from_zero else ()
    scored = tuple(dict.fromkeys(split_code(name)[0] for name in [*names, *(bout.behavior for bout in bouts)]))
    movies = fields.get("movie file(s)", ("", ""))[0]
    return Intervals(
        path,
        bouts,
        unit="frames",
        observed=[Stretch(begin - first, last + 1 - first, row=ends)] if begin > -math.inf or ends else None,
        scored=scored if names else None,
        subjects=tuple(channels),
        media=(movies,) if movies and len(re.findall(r"\.\w{2,4}\b", movies)) < 2 else (),
        notes=notes,
    )


def _span(path: Path, fields: dict[str, tuple[str, str]], rate: float) -> tuple[float, float, str]:
    """Return the first and the last annotated frame, as they are counted in the file, and the line of the last one."""
    span, said = [-math.inf, math.inf], ""
    for number, end in enumerate(("start", "stop")):
        for kind, scale in (("frame", 1.0), ("time", rate)):
            text, where = fields.get(f"annotation {end} {kind}", ("", ""))
            if not text:
                continue
            if not math.isfinite(value := _number(text) * scale):
                problem = f"'annotation {end} {kind}' is '{text[:40]}'; write a number, or delete the line"
                raise InputError(f"{path}, {where}: {problem}")
            span[number], said = float(np.round(value)), where
    if span[0] > span[1]:
        raise InputError(f"{path}, {said}: the annotation stops before it starts; correct it, or delete both lines")
    return span[0], span[1], said if span[1] < math.inf else ""


def _read(path: Path) -> tuple[dict[str, tuple[str, str]], list[str], list[str], list[tuple[str, str, str, list[str]]]]:
    """Return the fields of the header, the listed behaviors and channels, and of each bout these, line and cells."""
    fields, names, channels, entries = {}, [], [], []
    part, channel, behavior = "", "", ""
    sections: set[str] = set()
    lists: dict[str, list[str]] = {_LISTS[0]: channels, _LISTS[1]: names}
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        text, where = line.strip(), f"line {number}"
        if part and _is_heading(text):
            problem = f"'{text[:40]}' in the {part.strip(':')}; put a blank line, which ends the list, above it"
            raise InputError(f"{path}, {where}: {problem}")
        if channel and text.startswith(">"):
            behavior = " ".join(text[1:].split())
            if not behavior:
                raise InputError(f"{path}, {where}: there is no behavior after '>'; write its name")
        elif part:
            lists[part].append(" ".join(text.split())) if text else None
            part = part if text else ""
        elif text.casefold() in lists:
            part = text.casefold()
        elif found := _CHANNEL.fullmatch(text):
            channel, behavior = " ".join(found[1].split()), ""
            sections.add(channel)
        elif not text or text.casefold().startswith("start"):
            continue
        elif channel:
            cells = text.split()
            if not behavior or len(cells) not in (2, 3):
                problem = f"'{text[:40]}' where start, stop and duration of a bout are due"
                raise InputError(f"{path}, {where}: {problem}; correct it, or delete the line")
            entries.append((channel, behavior, where, cells))
        elif found := _FIELD.match(text):
            fields[found[1].casefold()] = (found[2].strip(), where)
    if not sections or len(sections) < len(set(channels)):
        missing = next((name for name in channels if name not in sections), "")
        shown = f"the channel {missing} is listed, but nothing" if missing else "there is no channel, so nothing"
        raise InputError(
            f"{path}: {shown} is said of its bouts (below a line '{missing or DEFAULT_CHANNEL}----------'); the file "
            "may be cut off, save it again"
        )
    return fields, names, channels, entries


def _is_heading(text: str) -> bool:
    """Return whether a line begins a list, the bouts of a channel or those of a behavior."""
    return text.startswith(">") or text.casefold() in _LISTS or _CHANNEL.fullmatch(text) is not None


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _time(path: Path, entry: tuple[str, str, str, list[str]], cell: str) -> float:
    value = _number(cell)
    if not math.isfinite(value) or abs(value) > 1e9:
        raise InputError(f"{path}, {entry[2]}: {entry[1]} has '{cell[:40]}' as its start or stop; write a number")
    return value
