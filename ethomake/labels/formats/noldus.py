"""Events exported by Noldus: The Observer XT (event logs) and EthoVision XT (manual scoring); xlsx, ods, csv, txt.

The Observer writes a row an event, with `Behavior`, `Event_Type` (State start, State stop, Point) and the seconds of
the observation (`Time_Relative_sf`, or `Time_Relative_hmsf`), which are taken as those of the video. Where no state
stops, `Duration_sf` says when. EthoVision writes, below some lines on the trial, `Recording time`, `Behavior` and
`Event` (state start, state stop, point event), in a sheet of its own; the trial names its video and subject.

Several observations, videos and subjects may be in one file. An observation of the Observer belongs to the video with
its name.

Source: Noldus, The Observer XT and EthoVision XT, reference manuals, "Export"
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Literal

from ethomake.cells import restore
from ethomake.errors import InputError
from ethomake.labels.intervals import Bout, Intervals, count_bouts, to_labels
from ethomake.labels.observations import Event, pair_events
from ethomake.labels.policies import Policies
from ethomake.labels.structured import head_of_structure
from ethomake.labels.table import SEPARATORS, LabelTable, Positives, head, head_rows, read_bytes, read_text, split_rows
from ethomake.labels.timeline import Timeline
from ethomake.labels.workbook import is_workbook, workbook_sheets

TITLE = "events exported by Noldus (The Observer, EthoVision)"
SEVERAL = True

MOST_ABOVE = 200
"""Rows among which the header is."""

_KINDS: dict[str, Literal["start", "stop", "point"]] = {
    **{"state start": "start", "state stop": "stop", "start": "start", "stop": "stop"},
    **{"point": "point", "point event": "point", "state point": "point"},
}
_CLOCK = re.compile(r"(-?)(\d+):(\d\d):(\d\d)(?:[.,:](\d+))?")
_TIMES = ("time relative sf", "time relative hmsf", "recording time")


@dataclass(frozen=True)
class _Sheet:
    """A table: `names` are those in the header, plain; `rows` are below it, each with where it is, `about` above."""

    path: Path
    title: str
    names: list[str]
    rows: list[tuple[list[str], str]]
    about: dict[str, str]

    def column(self, *names: str) -> int | None:
        return next((self.names.index(name) for name in names if name in self.names), None)

    @cached_property
    def entry(self) -> list[int | None]:
        """Return the columns of behavior, subject, kind, time and duration."""
        names = (("behavior",), ("subject",), ("event type", "event"), _TIMES, ("duration sf",))
        return [self.column(*each) for each in names]

    @cached_property
    def modifiers(self) -> list[int]:
        return [number for number, name in enumerate(self.names) if re.fullmatch(r"modifiers?( \d+)?", name)]


def sniff(path: Path) -> bool:
    """Return whether there is the header of such a table."""
    try:
        if is_workbook(head(path)):
            return any(_find_header(rows) is not None for rows in workbook_sheets(path).values())
        return _separator(head_of_structure(path)) is not None
    except InputError:
        return False


def read(path: Path, timeline: Timeline, policies: Policies) -> LabelTable:
    """Return the labels by frame."""
    return to_labels(_parse(path, timeline.video), timeline, policies)


def count_positives(path: Path, policies: Policies, video: str = "", subject: str = "") -> Positives:
    """Count the bouts of each behavior."""
    return count_bouts(_parse(path, video), policies, video, subject)


def _parse(path: Path, video: str) -> Intervals:
    sheets, ignored = _sheets(path)
    bouts, media = [], []
    for sheet in sheets:
        noted: dict[tuple[str, ...], list[tuple[list[str], str]]] = {}
        parts = [sheet.column(name) for name in ("observation", "event log")]
        for row, line in sheet.rows:
            noted.setdefault(tuple("" if place is None else row[place] for place in parts), []).append((row, line))
        for (observation, log), rows in noted.items():
            shown = _video(sheet, observation, video)
            media.append(shown)
            name = " ".join(filter(None, [observation or sheet.title, log]))
            bouts += _bouts(sheet, rows, name, shown)
    return Intervals(path, bouts, media=tuple(filter(None, dict.fromkeys(media))), ignored=tuple(ignored))


def _sheets(path: Path) -> tuple[list[_Sheet], list[str]]:
    """Return the tables of events in a file, and what else is in it."""
    content = read_bytes(path)
    if is_workbook(content):
        found = [
            (title, [(row, f"sheet {title}, line {n}") for n, row in enumerate(rows, start=1)])
            for title, rows in workbook_sheets(path).items()
        ]
    else:
        utf16 = content.startswith((b"\xff\xfe", b"\xfe\xff"))
        text = _utf16(path, content) if utf16 else read_text(path)
        separator = _separator(text)
        rows = split_rows(text, separator, path) if separator else []
        found = [("", [(row, f"line {line}") for row, line in rows])]
    sheets = [_sheet(path, title, rows) for title, rows in found]
    ignored = [f"sheet {title}, without events" for (title, _), sheet in zip(found, sheets, strict=True) if not sheet]
    kept = [sheet for sheet in sheets if sheet]
    if not kept:
        raise InputError(f"{path}: there are no columns Behavior and Event_Type (or Event); export the events again")
    return kept, ignored


def _utf16(path: Path, content: bytes) -> str:
    try:
        return content.decode("utf-16")
    except UnicodeDecodeError:
        raise InputError(f"{path}: text in UTF-16 that is damaged; export it again") from None


def _separator(text: str) -> str | None:
    """Return the separator with which there is a header; None if there is none."""
    found = (each for each in SEPARATORS if _find_header(list(islice(head_rows(text, each), MOST_ABOVE))) is not None)
    return next(found, None)


def _find_header(rows: Sequence[Sequence[str]]) -> int | None:
    """Return which row is the header."""
    for number, row in enumerate(rows[:MOST_ABOVE]):
        names = set(map(_plain, row))
        observer = "event type" in names and any(name.startswith("time ") for name in names)
        ethovision = "event" in names and "recording time" in names
        if "behavior" in names and (observer or ethovision):
            return number
    return None


def _sheet(path: Path, title: str, rows: Sequence[tuple[Sequence[str], str]]) -> _Sheet | None:
    number = _find_header([row for row, _ in rows])
    if number is None:
        return None
    names = [_plain(name) for name in rows[number][0]]
    while names and not names[-1]:
        names.pop()
    about = {_plain(row[0]): row[1].strip() for row, _ in rows[:number] if len(row) > 1}
    below = []
    for given, line in rows[number + 1 :]:
        row = [cell.strip() for cell in given]
        row = ["" if cell == "-" else cell for cell in row]
        while len(row) > len(names) and not row[-1]:
            row.pop()
        if not any(row):
            continue
        if len(row) > len(names):
            raise InputError(f"{path}, {line}: {len(row)} cells where the header has {len(names)}; export it again")
        below.append((row + [""] * (len(names) - len(row)), line))
    sheet = _Sheet(path, title, names, below, about)
    if below and (time := sheet.column("recording time")) is not None and sheet.column("event type") is None:
        unit = below[0][0][time].strip("()").casefold()
        if unit.isalpha() and unit not in ("s", "sec", "seconds"):
            raise InputError(f"{path}, {below[0][1]}: times in {unit[:20]} are not read; export them in seconds")
        sheet = replace(sheet, rows=below[1:] if unit.isalpha() else below)
    return sheet


def _video(sheet: _Sheet, observation: str, video: str) -> str:
    """Return the video of an observation, as a path or name."""
    if not observation:
        return sheet.about.get("video file", "").strip("-")
    same = observation.casefold() in (video.casefold(), Path(video).stem.casefold())
    return video if same and video else observation


def _bouts(sheet: _Sheet, rows: Sequence[tuple[list[str], str]], observation: str, media: str) -> list[Bout]:
    """Return the bouts of one observation."""
    who = sheet.about.get("subject name", "").strip("-") or sheet.about.get("arena name", "").strip("-")
    events, lasting = [], {}
    for row, line in rows:
        if event := _event(sheet, row, line, who, media):
            events.append(event)
            lasting[line] = _duration(sheet, row, line)
    stops = [event for event in events if event.kind == "stop"]
    if not stops and all(lasting[event.row] is not None for event in events if event.kind == "start"):
        return [_lasting(event, lasting[event.row], observation) for event in events]
    if not any(map(any, (event.modifiers for event in events))) or any(any(event.modifiers) for event in stops):
        return pair_events(events, observation)
    modifiers = {event.row: event.modifiers for event in events}  # only starts have them
    paired = pair_events([replace(event, modifiers=()) for event in events], observation)
    return [replace(bout, modifiers=modifiers[bout.row]) for bout in paired]


def _event(sheet: _Sheet, row: Sequence[str], line: str, who: str, media: str) -> Event | None:
    """Return the event of a row; None if it is none."""
    named, subject_in, kind_in, time, _ = sheet.entry
    behavior, subject = (restore(row[place]) if place is not None else "" for place in (named, subject_in))
    kind = row[kind_in] if kind_in is not None else ""
    if not kind and (not behavior or behavior.casefold() in ("start", "stop")):
        return None
    if not behavior:
        raise InputError(f"{sheet.path}, {line}: there is no behavior; write its name, or delete the line")
    if (known := _KINDS.get(" ".join(kind.casefold().split()))) is None:
        shown = f"'{kind[:20]}'" if kind else "nothing"
        raise InputError(f"{sheet.path}, {line}: the event is {shown}; it must be State start, State stop or Point")
    if time is None:
        raise InputError(f"{sheet.path}, {line}: there is no column Time_Relative_sf; export the events with it")
    modifiers = tuple(restore(row[place]) for place in sheet.modifiers)
    return Event(_seconds(sheet, row[time], line), known, behavior, line, subject or who, modifiers, media)


def _duration(sheet: _Sheet, row: Sequence[str], line: str) -> float | None:
    place = sheet.entry[-1]
    return _seconds(sheet, row[place], line) if place is not None and row[place] else None


def _lasting(event: Event, seconds: float | None, observation: str) -> Bout:
    point = event.kind == "point"
    stop = event.time if point else event.time + (seconds or 0.0)
    about = (event.subject, event.media, event.modifiers)
    return Bout(event.behavior, event.time, round(stop, 9), event.row, *about, point=point, observation=observation)


def _seconds(sheet: _Sheet, cell: str, line: str) -> float:
    clock = _CLOCK.fullmatch(cell)
    try:
        value = float(cell.replace(",", ".")) if not clock else math.nan
    except ValueError:
        value = math.nan
    if clock and int(clock[3]) < 60 and int(clock[4]) < 60:
        value = int(clock[2][:6]) * 3600 + int(clock[3]) * 60 + int(clock[4]) + float(f"0.{(clock[5] or '0')[:12]}")
        value = -value if clock[1] else value
    if not math.isfinite(value):
        shown = f"'{cell[:20]}'" if cell else "nothing"
        raise InputError(f"{sheet.path}, {line}: the time is {shown}; write it in seconds, as in 12.5, or as 0:00:12.5")
    return value


def _plain(name: str) -> str:
    """Return a name of a column in small letters, in American spelling, with blanks for underscores, without colon."""
    plain = " ".join(re.sub(r"[_\s]+", " ", name).casefold().split())
    return plain.rstrip(": ").replace("behaviour", "behavior")
