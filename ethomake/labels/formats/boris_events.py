"""Events that BORIS has exported as a table: csv, tsv, xlsx, ods or xls.

There are three generations: a row an event with its `Status` (START, STOP, POINT) below a preamble; a row an event with
its `Behavior type`; and aggregated, a row a bout with `Start (s)` and `Stop (s)`. Times are seconds of an observation.
In that of several videos one after the other, when a video begins follows from their lengths if the table has them;
else that of the last one from the total length. A video that was not in player 1 is refused, since these tables lack
its offset; the project has it.

Written is the second one, as a CSV file; frames that were not scored are bouts of a state `not scored: <behavior>`.

Source: https://www.boris.unito.it/user_guide/export_events/
"""

import csv
import io
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ethomake.cells import defuse, restore
from ethomake.errors import InputError
from ethomake.files import write_text
from ethomake.labels.formats.boris import listed_bouts
from ethomake.labels.intervals import Bout, Intervals, Stretch, count_bouts, find_media, to_labels
from ethomake.labels.observations import (
    NO_SUBJECT,
    Event,
    Shown,
    pair_events,
    place_bouts,
    show_videos,
    split_code,
)
from ethomake.labels.policies import Policies
from ethomake.labels.table import SEPARATORS, LabelTable, Positives, head_rows, head_text, read_text, split_rows
from ethomake.labels.timeline import Timeline

TITLE = "a table of events exported by BORIS (tabular or aggregated)"
EXTENSION = ".csv"
SEVERAL = True

MOST_PREAMBLE = 500
"""Rows among which the header is."""

MUCH = 0.01
"""Share of its length by which an observation may be longer than its video, besides a second."""

_MODIFIER = re.compile(r"modif(ier)?s?( ?#?\d+)?")
_PLAYER = re.compile(r"\|?player #(\d+):", re.IGNORECASE)
_DATE = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+)?")
_LIVE = {"live", "live observation"}
_PICTURES = {"from pictures", "from directories of images"}
_OWN = {  # columns that only BORIS has
    *("observation id", "observation date", "media file path", "media file name", "media file", "total length"),
    *("behavioral category", "image index start", "source"),
}
_HEADER = (
    *("Observation id", "Observation date", "Description", "Observation duration", "Observation type", "Source"),
    *("Time offset (s)", "Media duration (s)", "FPS", "Subject", "Behavior", "Behavioral category", "Behavior type"),
    *("Time", "Media file name", "Image index", "Image file path", "Comment"),
)


@dataclass(frozen=True)
class _Table:
    """The rows of a file below its header; `names` are those in the header, in small letters, `above` what is above."""

    path: Path
    names: list[str]
    rows: list[tuple[list[str], int]]
    above: list[list[str]]
    comma: bool

    @cached_property
    def entry(self) -> tuple[int | None, int | None, list[int], int | None]:
        """Return the columns of behavior, subject, modifiers and video."""
        modifiers = [place for place, name in enumerate(self.names) if _MODIFIER.fullmatch(name)]
        behavior, subject = (self.column(name, last=True) for name in ("behavior", "subject"))
        return behavior, subject, modifiers, self.column("media file path", "media file name", "media file")

    def column(self, *names: str, last: bool = False) -> int | None:
        """Return the first (or last) column of one of some names; a variable of a project may have the same."""
        found = [place for place, name in enumerate(self.names) if name in names]
        return found[-1 if last else 0] if found else None

    def cell(self, row: Sequence[str], column: int | None) -> str:
        return row[column] if column is not None else ""

    def number(self, cell: str, line: int, what: str) -> float:
        try:
            value = float(cell.replace(",", ".") if self.comma else cell)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            shown = f"'{cell}'" if cell else "nothing"
            raise InputError(f"{self.path}, line {line}: {what} is {shown}; write it in seconds, as in 12.5")
        return value


def sniff(path: Path) -> bool:
    """Return whether there is the header of such a table, or a first row as below one that is missing."""
    text = head_text(path)
    return _find_header(text) is not None or _lacks_header(text)


def read(path: Path, timeline: Timeline, policies: Policies) -> LabelTable:
    """Return the labels by frame."""
    return to_labels(_parse(path, timeline.video, timeline), timeline, policies)


def count_positives(path: Path, policies: Policies, video: str = "", subject: str = "") -> Positives:
    """Count the bouts of each behavior."""
    return count_bouts(_parse(path, video, None), policies, video, subject)


def write(table: LabelTable, timeline: Timeline, path: Path) -> None:
    """Write a row for every event, as BORIS does today (version 8).

    Raises:
        InputError: if a behavior has the name of a time that was not scored.
    """
    video = timeline.video or "video"
    name = Path(video).stem + (f" {timeline.subject}" if timeline.subject else "")
    length = f"{timeline.end:.3f}"
    about = [name, "2000-01-01 00:00:00", "", length, "Media file(s)", f"player #1:{video}", "0.0", length]
    about = [*about, f"{timeline.rate:.3f}", timeline.subject or NO_SUBJECT.capitalize()]
    bouts = listed_bouts(table, timeline, path)
    events = [(start, 1, code) for code, start, _ in bouts] + [(stop, 0, code) for code, _, stop in bouts]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_HEADER)
    for time, starts, code in sorted(events):
        shown = f"{time:.3f}" if time == round(time, 3) else repr(time)
        event = [code, "", "START" if starts else "STOP", shown, video, "NA", "NA", ""]
        writer.writerow(map(defuse, [*about, *event]))
    write_text(path, text.getvalue())


def _parse(path: Path, video: str, timeline: Timeline | None) -> Intervals:
    """Return the content of a file; without a timeline, times are not those of the video."""
    table = _table(path)
    where = table.column("observation id")
    named = next((row[1] for row in table.above if len(row) > 1 and _plain(row[0]) == "observation id"), "")
    observations: dict[str, list[tuple[list[str], int]]] = {}
    for row, line in table.rows:
        observations.setdefault(table.cell(row, where) or named, []).append((row, line))
    bouts, stretches, media, subjects, ignored, notes = [], [], [], {}, [], []
    for name, rows in observations.items():
        if reason := _unfit(table, rows[0][0]):
            ignored.append(f"observation {name}, which {reason}")
            continue
        noted = [*pair_events(_events(table, rows), name), *_bouts(table, rows, name)]
        subjects |= dict.fromkeys(bout.subject for bout in noted if bout.subject)
        players = _players(table, rows, noted)
        media += [each for videos in players.values() for each, _ in videos]
        found = _place(table, rows, name, noted, players, video, timeline)
        bouts += found[0]
        stretches += found[1]
        if timeline is not None and find_media([each for each, _ in players.get(1, ())], video):
            notes += _long(table, rows, name, players, timeline)
    if ignored and len(ignored) == len(observations):
        raise InputError(f"{path}: no observation of a video: {'; '.join(ignored[:8])}; give one of a video")
    return Intervals(
        path,
        bouts,
        observed=stretches or None,
        subjects=tuple(subjects),
        media=tuple(media),
        ignored=tuple(ignored),
        notes=tuple(notes),
    )


def _table(path: Path) -> _Table:
    text = read_text(path)
    if (found := _find_header(text)) is None:
        raise InputError(
            f"{path}, line 1: events of BORIS without a header, so what is in which column is not known; export them "
            "again with the names of the columns, or put these above the first row"
        )
    separator, number = found
    rows = split_rows(text, separator, path)
    header = rows[number][0]
    while header and not header[-1]:
        header.pop()
    below = []
    for row, line in rows[number + 1 :]:
        while len(row) > len(header) and not row[-1]:
            row.pop()
        if not any(row):
            continue
        if len(row) != len(header):
            problem = f"{len(row)} cells where the header has {len(header)}; give the line one cell a column"
            raise InputError(f"{path}, line {line}: {problem}")
        below.append((row, line))
    above = [row for row, _ in rows[:number]]
    return _Table(path, [_plain(name) for name in header], below, above, separator == ";")


def _find_header(text: str) -> tuple[str, int] | None:
    """Return the separator, and the number of the row that is the header; None if there is none."""
    for separator in SEPARATORS:
        own = False
        for number, row in enumerate(head_rows(text, separator)):
            if number >= MOST_PREAMBLE:
                break
            names = set(map(_plain, row))
            own = own or bool(row and _plain(row[0]) == "observation id")
            listed = "time" in names and ("behavior type" in names or ("status" in names and (own or names & _OWN)))
            aggregated = {"start (s)", "stop (s)"} <= names and ("behavior type" in names or names & _OWN)
            if "behavior" in names and (listed or aggregated):
                return separator, number
    return None


def _lacks_header(text: str) -> bool:
    """Return whether the first row is a bout or event: observation, date, and somewhere its kind and times."""
    for separator in SEPARATORS:
        row = next(head_rows(text, separator), [])
        if len(row) > 6 and _DATE.fullmatch(row[1]) and {"STATE", "POINT", "START", "STOP"} & set(row):
            return True
    return False


def _unfit(table: _Table, row: Sequence[str]) -> str:
    """Return why an observation, of which this is a row, has no labels of a video; "" if it has."""
    cells = {table.cell(row, table.column(name)).casefold() for name in ("observation type", "source", "media file")}
    cells |= {_plain(row[0]) for row in table.above if row}
    if cells & _LIVE:
        return "was made live, without a video"
    return "was made of pictures, not of a video" if cells & _PICTURES else ""


def _events(table: _Table, rows: Sequence[tuple[list[str], int]]) -> list[Event]:
    """Return the events of one observation, in a table with a row for each."""
    time = table.column("time", last=True)
    kind = table.column("behavior type", "status", last=True)
    if time is None or table.column("start (s)") is not None:
        return []
    offset = _offset(table, rows)
    events = []
    for row, line in rows:
        given = row[kind].casefold() if kind is not None else ""
        if given not in ("start", "stop", "point"):
            shown = f"'{row[kind]}'" if kind is not None and row[kind] else "nothing"
            raise InputError(f"{table.path}, line {line}: the event is {shown}; it must be START, STOP or POINT")
        seconds = table.number(row[time], line, "the time") - offset
        behavior, subject, modifiers, media = _entry(table, row, line)
        events.append(Event(seconds, given, behavior, f"line {line}", subject, modifiers, media))
    return events


def _bouts(table: _Table, rows: Sequence[tuple[list[str], int]], observation: str) -> list[Bout]:
    """Return the bouts of one observation, in an aggregated table."""
    starts, stops = table.column("start (s)", last=True), table.column("stop (s)", last=True)
    kind = table.column("behavior type", last=True)
    if starts is None or stops is None:
        return []
    offset = _offset(table, rows)
    bouts = []
    for row, line in rows:
        start = table.number(row[starts], line, "the start") - offset
        open_end = row[stops].upper() in ("", "NA")
        stop = None if open_end else table.number(row[stops], line, "the stop") - offset
        given = row[kind].casefold() if kind is not None else ("point" if start == stop else "state")
        if given not in ("state", "point"):
            raise InputError(
                f"{table.path}, line {line}: the behavior type is '{row[kind or 0]}'; it must be STATE or POINT"
            )
        behavior, subject, modifiers, media = _entry(table, row, line)
        behavior, unscored = split_code(behavior)
        point = given == "point"
        bouts.append(
            Bout(
                behavior,
                start,
                start if point else stop,
                f"line {line}",
                subject=subject,
                media=media,
                modifiers=modifiers,
                point=point,
                unscored=unscored,
                observation=observation,
            )
        )
    return bouts


def _entry(table: _Table, row: Sequence[str], line: int) -> tuple[str, str, tuple[str, ...], str]:
    """Return behavior, subject, modifiers and video of a row."""
    named, who, places, video = table.entry
    behavior = restore(table.cell(row, named))
    if not behavior:
        raise InputError(f"{table.path}, line {line}: there is no behavior; write its name, or delete the line")
    subject = restore(table.cell(row, who))
    subject = "" if subject.casefold() == NO_SUBJECT else subject
    modifiers = tuple(restore(part) for place in places for part in row[place].split("|"))
    media = restore(table.cell(row, video))
    return behavior, subject, modifiers, "" if media.upper() in ("NA", "NOT FOUND") else media


def _offset(table: _Table, rows: Sequence[tuple[list[str], int]]) -> float:
    """Return the seconds that BORIS has added to the times of an observation."""
    row, line = rows[0]
    if cell := table.cell(row, table.column("time offset (s)")):
        return table.number(cell, line, "the time offset")
    for number, row in enumerate(table.above, start=1):
        if len(row) > 1 and _plain(row[0]) == "time offset (s)" and row[1]:
            return table.number(row[1], number, "the time offset")
    return 0.0


def _players(
    table: _Table, rows: Sequence[tuple[list[str], int]], bouts: Sequence[Bout]
) -> dict[int, list[tuple[str, float | None]]]:
    """Return path, and length where it is known, of the videos of each player, in order."""
    row, _ = rows[0]
    source = restore(table.cell(row, table.column("source")))
    if _PLAYER.match(source):
        parts = _PLAYER.split(source)[1:]
        names = {int(player): files.split(";") for player, files in zip(parts[::2], parts[1::2], strict=True)}
        cells = table.cell(row, table.column("media duration (s)")).split("|")
        lengths = [[_length(cell) for cell in part.split(";")] for part in cells]
        if [len(part) for part in lengths] != [len(files) for files in names.values()]:
            lengths = [[None] * len(files) for files in names.values()]
        pairs = zip(names.items(), lengths, strict=True)
        return {player: list(zip(files, part, strict=True)) for (player, files), part in pairs}
    players: dict[int, list[tuple[str, float | None]]] = {}
    for line in table.above:
        if len(line) > 1 and line[1] and (found := re.fullmatch(r"player #?(\d+)", _plain(line[0]))):
            players.setdefault(int(found[1]), []).append((restore(line[1]), None))
    if not players.get(1):
        timed = sorted((bout.stop if bout.start is None else bout.start, bout.media) for bout in bouts if bout.media)
        players[1] = [(media, None) for media in dict.fromkeys(media for _, media in timed)]
    return players


def _place(
    table: _Table,
    rows: Sequence[tuple[list[str], int]],
    observation: str,
    bouts: list[Bout],
    players: Mapping[int, Sequence[tuple[str, float | None]]],
    video: str,
    timeline: Timeline | None,
) -> tuple[list[Bout], list[Stretch]]:
    """Return the bouts of an observation in seconds of the videos, as far as this is known."""
    names = [media for media, _ in players.get(1, ())]
    others = [media for player, videos in players.items() if player != 1 for media, _ in videos]
    if video and find_media([*names, *others], video) and not find_media(names, video):
        raise InputError(
            f"{table.path}: {video} was not shown in the first player of observation {observation}, and this table "
            "does not say by how much it was shifted; give the project (.boris), which does"
        )
    if timeline is None or not names:
        return bouts, []
    if len(names) == 1 or all(length is not None for _, length in players[1][:-1]):
        return place_bouts(bouts, show_videos({1: players[1]}, {}), observation)
    place = next((number for number, name in enumerate(names) if find_media([name], video)), None)
    if place is None:
        return bouts, []
    if place == 0:
        return place_bouts(bouts, [Shown(names[0], 0.0, last=timeline.end)], observation)
    cell = table.cell(rows[0][0], table.column("total length"))
    if place < len(names) - 1 or not cell:
        raise InputError(
            f"{table.path}: observation {observation} has several videos one after the other, and when {video} begins "
            "is not in this table; give the project (.boris), or an export of BORIS 8, which have the lengths of videos"
        )
    origin = max(table.number(cell, rows[0][1], "the total length") - timeline.end, 0.0)
    return place_bouts(bouts, [Shown(names[place], origin, first=origin)], observation)


def _long(
    table: _Table,
    rows: Sequence[tuple[list[str], int]],
    observation: str,
    players: Mapping[int, Sequence[tuple[str, float | None]]],
    timeline: Timeline,
) -> list[str]:
    """Return a note if an observation of a single video is much longer than this: another may have come before."""
    total = _length(table.cell(rows[0][0], table.column("total length")))
    if len(players[1]) > 1 or total is None or total <= timeline.end * (1 + MUCH) + 1:
        return []
    return [
        f"observation {observation} has {total:g} s but the video {timeline.end:.6g} s: if another one, "
        "without events, came before it, times are too late; give the project (.boris), which says so"
    ]


def _length(cell: str) -> float | None:
    try:
        value = float(cell)
    except ValueError:
        return None
    return value if math.isfinite(value) and value >= 0 else None


def _plain(name: str) -> str:
    """Return a name of a column in small letters, and in American spelling."""
    return name.strip().casefold().replace("behaviour", "behavior")
