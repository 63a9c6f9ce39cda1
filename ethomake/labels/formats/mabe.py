"""Tables of the MABe challenge of 2025 (`agent_id`, `target_id`, `action`, `start_frame`, `stop_frame`), in CSV.

Frames count from 0, and `stop_frame` is not included. The agent is the subject (`mouse1`, or `1`), the target a
modifier. What was scored is read from the column `behaviors_labeled`, if the one of the table of videos was put beside:
a list of `agent,target,action`. Of an agent, actions that are not in it were not scored.

Source: https://www.kaggle.com/competitions/MABe-mouse-behavior-detection
"""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from ethomake.cells import restore
from ethomake.errors import InputError
from ethomake.labels.intervals import Bout, Intervals, count_bouts, to_labels
from ethomake.labels.policies import Policies
from ethomake.labels.table import LabelTable, Positives, Sheet, head_names, read_sheet
from ethomake.labels.timeline import Timeline

TITLE = "a table of the MABe challenge of 2025 (agent_id, target_id, action, start_frame, stop_frame)"
SEVERAL = True

_COLUMNS = (
    ("agent_id", "agent"),
    ("target_id", "target"),
    ("action",),
    ("start_frame", "start"),
    ("stop_frame", "stop"),
)
_SCORED = "behaviors_labeled"
_MOUSE = re.compile(r"(?:mouse)?\s*(\d+)(?:\.0)?", re.IGNORECASE)


def sniff(path: Path) -> bool:
    """Return whether all columns are there."""
    names = [name.casefold() for name in head_names(path)]
    return all(any(each in names for each in column) for column in _COLUMNS)


def read(path: Path, timeline: Timeline, policies: Policies) -> LabelTable:
    """Return the labels by frame."""
    subject = _animal(timeline.subject)
    intervals = _parse(path, policies, timeline.video, subject)
    return to_labels(intervals, replace(timeline, subject=subject), policies)


def count_positives(path: Path, policies: Policies, video: str = "", subject: str = "") -> Positives:
    """Count the bouts of each action."""
    subject = _animal(subject)
    return count_bouts(_parse(path, policies, video, subject), policies, video, subject)


def _parse(path: Path, policies: Policies, video: str, subject: str) -> Intervals:
    sheet = read_sheet(path)
    names = [name.casefold() for name in sheet.header]
    if not all(any(each in names for each in column) for column in _COLUMNS):
        raise InputError(f"{path}, line 1: the columns must be {', '.join(column[0] for column in _COLUMNS)}; add them")
    columns = [next(names.index(each) for each in column if each in names) for column in _COLUMNS]
    media = names.index("video_id") if "video_id" in names else None
    scored_in = names.index(_SCORED) if _SCORED in names else None
    bouts, scored = [], {}
    for number, row in enumerate(sheet.rows):
        agent, target, action, start, stop = (restore(row[column]) for column in columns)
        if not agent or not action:
            raise sheet.error(number, "there is no agent or no action; write it, or delete the line")
        who, whom = _animal(agent), _animal(target)
        first, after = (_frame(sheet, number, cell) for cell in (start, stop))
        shown = row[media] if media is not None else ""
        line = f"line {sheet.lines[number]}"
        modifiers = ("self" if who == whom else whom,)
        bouts.append(Bout(action, first, after, line, subject=who, media=shown, modifiers=modifiers))
        if scored_in is not None and row[scored_in]:
            scored.setdefault(shown, {}).update(dict.fromkeys(_scored(sheet, number, row[scored_in])))
    known = [each for shown in scored for each in scored[shown] if len(scored) == 1 or _is(shown, video)]
    animals = list(dict.fromkeys(who for who, _, _ in known))
    if len(animals) > 1 and not subject:
        raise InputError(
            f"{path}: {len(animals)} animals were scored ({', '.join(animals[:8])}), and the video table names none; "
            "write one of them into the column subject, and give each a row of its own"
        )
    own = [each for each in known if each[0] == (animals[0] if len(animals) == 1 else subject)]
    by_target = policies.modifiers == "name"
    names = dict.fromkeys(f"{action}:{whom}" if by_target else action for _, whom, action in own)
    return Intervals(
        path,
        bouts,
        unit="frames",
        scored=tuple(names) if scored else None,
        subjects=tuple(animals),
        media=tuple(dict.fromkeys(bout.media for bout in bouts if bout.media)),
    )


def _scored(sheet: Sheet, row: int, cell: str) -> Iterator[tuple[str, str, str]]:
    """Yield agent, target and action of what was scored."""
    try:
        listed = json.loads(cell)
    except (ValueError, RecursionError):
        listed = None
    if not isinstance(listed, list) or not all(isinstance(each, str) and each.count(",") == 2 for each in listed):
        problem = f"column '{_SCORED}' holds no list such as [\"mouse1,mouse2,sniff\"]"
        raise sheet.error(row, f"{problem}; copy it from the table of videos, or delete the column")
    for each in listed:
        agent, target, action = (part.strip(" '") for part in each.split(","))
        yield _animal(agent), "self" if _animal(agent) == _animal(target) else _animal(target), action


def _frame(sheet: Sheet, row: int, cell: str) -> float:
    if not re.fullmatch(r"-?\d{1,12}(\.0*)?", cell):
        raise sheet.error(row, f"'{cell[:20]}' is no number of a frame; write one, from 0 on")
    return float(cell)


def _animal(name: str) -> str:
    """Return the name of an animal, however it is written: `mouse1` for `1`, too."""
    mouse = _MOUSE.fullmatch(name.strip())
    return f"mouse{int(mouse[1][:9])}" if mouse else name.strip()


def _is(shown: str, video: str) -> bool:
    return Path(video).stem.casefold() == shown.casefold()
