"""Projects of BORIS (`.boris`, also compressed as `.boris.gz`).

Times are seconds of an observation: of the videos of player 1, one after the other, with the offset of the observation.
Those of other players begin later by the offset of the player. A state event begins a state, and the next one of the
same subject, behavior and modifiers ends it. All behaviors of the ethogram count as scored.

Frames that were not scored are written as bouts of a state `not scored: <behavior>`, since BORIS has no other way to
say so of one behavior. Times are rounded to thousandths, as in BORIS, where this keeps the frames.

Source: https://www.boris.unito.it/user_guide/, format 7.0 of projects
"""

import gzip
import itertools
import math
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ethomake.errors import InputError
from ethomake.files import write_json
from ethomake.labels.bouts import find_bouts
from ethomake.labels.intervals import Intervals, count_bouts, to_labels
from ethomake.labels.observations import (
    NOT_SCORED,
    Event,
    pair_events,
    place_bouts,
    show_videos,
    split_code,
)
from ethomake.labels.policies import Policies
from ethomake.labels.structured import as_list, as_mapping, as_number, as_string, is_text, parse_json
from ethomake.labels.table import HEAD, LabelTable, Positives, decode_text, head
from ethomake.labels.timeline import Timeline

TITLE = "a project of BORIS (.boris)"
EXTENSION = ".boris"
SEVERAL = True

VERSION = "7.0"
"""Of the format of projects, since 2018."""

LATER = 0.0015
"""Seconds after its end at which a written video ends: BORIS leaves out events that are after it, be it by rounding."""

MOST_NAMES = 1000
"""As many names of behaviors with modifiers are made for a behavior."""

MOST_BYTES = 1 << 29
"""Of an unpacked project."""

_KEYS = ("behaviors_conf", "subjects_conf", "project_format_version")
_DATE = "2000-01-01T00:00:00.000"  # of what is written, which must not depend on the day
_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
_KINDS = {"LIVE": "was made live, without a video", "IMAGES": "was made of pictures, not of a video"}


def sniff(path: Path) -> bool:
    """Return whether it begins as a project does."""
    content = head(path)
    if content.startswith(b"\x1f\x8b"):
        try:
            content = zlib.decompressobj(wbits=31).decompress(content, HEAD)
        except zlib.error:
            return False
    text = content.decode("utf-8", errors="replace").lstrip("\ufeff \t\r\n")
    return text.startswith("{") and any(f'"{key}"' in text for key in _KEYS)


def read(path: Path, timeline: Timeline, policies: Policies) -> LabelTable:
    """Return the labels by frame, of the observation in which the video was scored."""
    return to_labels(_parse(path, policies), timeline, policies)


def count_positives(path: Path, policies: Policies, video: str = "", subject: str = "") -> Positives:
    """Count the bouts of each behavior."""
    return count_bouts(_parse(path, policies), policies, video, subject)


def write(table: LabelTable, timeline: Timeline, path: Path) -> None:
    """Write a project with one observation, which BORIS opens if the video lies beside it.

    Raises:
        InputError: if a behavior has the name of a time that was not scored.
    """
    video = timeline.video or "video"
    name = Path(video).stem + (f" {timeline.subject}" if timeline.subject else "")
    codes = list(table.behaviors)
    events = list(_events(table, timeline, path))
    codes += sorted({code for _, code in events} - set(codes))
    subjects = [timeline.subject] if timeline.subject else []
    project = {
        "time_format": "hh:mm:ss",
        "project_date": _DATE,
        "project_name": name,
        "project_description": "",
        "project_format_version": VERSION,
        "subjects_conf": {str(n): {"key": "", "name": each, "description": ""} for n, each in enumerate(subjects)},
        "behaviors_conf": {str(number): _behavior(code, number) for number, code in enumerate(codes)},
        "observations": {
            name: {
                "file": {"1": [video], **{str(player): [] for player in range(2, 9)}},
                "type": "MEDIA",
                "date": _DATE,
                "description": "",
                "time offset": 0.0,
                "events": [[time, timeline.subject, code, "", "", "NA"] for time, code in events],
                "observation time interval": [0, 0],
                "independent_variables": {},
                "visualize_spectrogram": False,
                "visualize_waveform": False,
                "media_creation_date_as_offset": False,
                "media_scan_sampling_duration": 0,
                "image_display_duration": 1,
                "close_behaviors_between_videos": False,
                "media_info": {
                    "length": {video: round(timeline.end + LATER, 3)},
                    "fps": {video: round(timeline.rate, 6)},
                    "hasVideo": {video: True},
                    "hasAudio": {video: False},
                    "offset": {"1": 0.0},
                },
            }
        },
        "behavioral_categories": [],
        "independent_variables": {},
        "coding_map": {},
        "behaviors_coding_map": [],
        "converters": {},
    }
    write_json(path, project)


def listed_bouts(table: LabelTable, timeline: Timeline, path: Path) -> list[tuple[str, float, float]]:
    """Return code, start and stop in seconds of the bouts of a table, and of what was not scored, by start.

    Times are rounded to thousandths if the frames are still the same.

    Raises:
        InputError: if a behavior has the name of a time that was not scored; it names `path`.
    """
    listed = []
    for name, column in zip(table.behaviors, table.values.T, strict=True):
        if split_code(name)[1]:
            raise InputError(
                f"{path}: the behavior '{name}' cannot be written, since '{NOT_SCORED}' begins the names of times that "
                "were not scored; rename it"
            )
        for code, value in ((name, 1), (NOT_SCORED + name, -1)):
            bouts = find_bouts(column == value)
            exact = timeline.seconds_of(bouts[:, 0], bouts[:, 1])
            rounded = tuple(np.round(times, 3) for times in exact)
            frames = np.stack(timeline.frames_of(*rounded), axis=1)
            kept = (frames == bouts).all(axis=1)
            starts, stops = (np.where(kept, ours, theirs) for ours, theirs in zip(rounded, exact, strict=True))
            listed += [(code, start, stop) for start, stop in zip(starts.tolist(), stops.tolist(), strict=True)]
    return sorted(listed, key=lambda bout: (bout[1], bout[2], bout[0]))


def _events(table: LabelTable, timeline: Timeline, path: Path) -> Iterator[tuple[float, str]]:
    """Yield time and code of events, in the order of time; a state ends before the next one of its code begins."""
    bouts = listed_bouts(table, timeline, path)
    ends = [(stop, 0, code) for code, _, stop in bouts] + [(start, 1, code) for code, start, _ in bouts]
    return ((time, code) for time, _, code in sorted(ends))


def _behavior(code: str, number: int) -> dict[str, Any]:
    return {
        "type": "State event",
        "key": _LETTERS[number] if number < len(_LETTERS) else "",
        "code": code,
        "description": "",
        "color": "",
        "category": "",
        "modifiers": {},
        "excluded": "",
        "coding map": "",
    }


def _parse(path: Path, policies: Policies) -> Intervals:
    project = _load(path)
    ethogram = _ethogram(path, project)
    subjects = as_mapping(project.get("subjects_conf", {}), path, "subjects_conf")
    subjects = [as_string(_name_of(each), path, f"subjects_conf {number}") for number, each in subjects.items()]
    observations = as_mapping(project.get("observations", {}), path, "observations")
    if not observations:
        raise InputError(f"{path}: a project of BORIS without observations; give one in which the video was scored")
    bouts, stretches, media, ignored = [], [], [], []
    for name, content in observations.items():
        where = f"observation {name}"
        content = as_mapping(content, path, where)
        if reason := _unfit(path, content, where):
            ignored.append(f"{where}, which {reason}")
            continue
        players = _players(path, content, where)
        media += [each for videos in players.values() for each, _ in videos]
        offset = _offset(path, content, where, players)
        alone = players[1][0][0] if sum(map(len, players.values())) == len(players.get(1, ())) == 1 else ""
        events = _read_events(path, content, where, ethogram, offset, alone)
        try:
            shown = show_videos(players, _offsets(path, content, where), _interval(path, content, where))
        except KeyError as error:
            raise InputError(
                f"{path}, {where}: the length of {error.args[0]} is not known, so neither is when the next video "
                "begins; open the project in BORIS with its videos in place, and save it"
            ) from None
        found = place_bouts(pair_events(events, name), shown, name)
        bouts += found[0]
        stretches += found[1]
    if len(ignored) == len(observations):
        raise InputError(
            f"{path}: no observation of a video: {'; '.join(ignored[:8])}; give a project in which the video was scored"
        )
    return Intervals(
        path,
        bouts,
        observed=stretches,
        scored=_scored(ethogram, policies),
        subjects=tuple(name for name in subjects if name),
        media=tuple(media),
        ignored=tuple(ignored),
    )


def _load(path: Path) -> Mapping[str, Any]:
    try:
        content = path.read_bytes()
        if content.startswith(b"\x1f\x8b"):
            with gzip.open(path) as file:
                content = file.read(MOST_BYTES + 1)
            if len(content) > MOST_BYTES:
                raise InputError(f"{path}: more than {MOST_BYTES:,} bytes when unpacked; unpack it, and see what it is")
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such label file; correct its path") from None
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path}: not readable ({error}); correct its path, its permissions or its content") from None
    return as_mapping(parse_json(decode_text(content, path, "the project"), path), path, "the project")


def _ethogram(path: Path, project: Mapping[str, Any]) -> dict[str, tuple[bool, Mapping[str, Any]]]:
    """Return for each code whether it is a state, and its modifiers."""
    found = {}
    for number, entry in as_mapping(project.get("behaviors_conf", {}), path, "behaviors_conf").items():
        where = f"behaviors_conf {number}"
        entry = as_mapping(entry, path, where)
        code, kind = (as_string(entry.get(key), path, f"{key} of {where}") for key in ("code", "type"))
        kinds = [word for word in ("state", "point") if word in kind.casefold()]
        if len(kinds) != 1:
            raise InputError(f"{path}, {where}: type '{kind}' is neither a state event nor a point event; correct it")
        modifiers = entry.get("modifiers")
        found[code] = kinds == ["state"], modifiers if isinstance(modifiers, Mapping) else {}
    return found


def _scored(ethogram: Mapping[str, tuple[bool, Mapping[str, Any]]], policies: Policies) -> tuple[str, ...]:
    """Return the behaviors of an ethogram; if modifiers are part of names, with each choice of them, too."""
    names = []
    for code, (state, modifiers) in ethogram.items():
        if split_code(code)[1] or (not state and policies.points == "ignore"):
            continue
        names.append(code)
        if policies.modifiers != "name":
            continue
        choices = []
        for group in modifiers.values():
            values = group.get("values") if isinstance(group, Mapping) else None
            values = [each for each in values if is_text(each)] if isinstance(values, list) else []
            choices.append(["", *(re.sub(r" \(.*", "", each).strip() for each in values)])
        if choices and math.prod(map(len, choices)) <= MOST_NAMES:
            picked = ([part for part in parts if part] for parts in itertools.product(*choices))
            names += [":".join([code, *parts]) for parts in picked if parts]
    return tuple(dict.fromkeys(names))


def _unfit(path: Path, content: Mapping[str, Any], where: str) -> str:
    """Return why an observation has no labels of a video; "" if it has."""
    kind = as_string(content.get("type", "MEDIA"), path, f"the type of {where}").upper()
    if kind in _KINDS:
        return _KINDS[kind]
    if kind not in ("MEDIA", "VIDEO", "AUDIO"):
        raise InputError(f"{path}, {where}: type '{kind}' is not known; give one of a video (MEDIA)")
    return "" if any(_players(path, content, where).values()) else "names no video"


def _players(path: Path, content: Mapping[str, Any], where: str) -> dict[int, list[tuple[str, float | None]]]:
    """Return path and length of the videos of each player."""
    files = content.get("file", {})
    if isinstance(files, list):  # of old projects: a video for each of two players
        files = {str(player): [each] for player, each in enumerate(files, start=1)}
    lengths = as_mapping(_info(path, content, where).get("length") or {}, path, f"the lengths of {where}")
    players = {}
    for player, videos in as_mapping(files, path, f"the files of {where}").items():
        if not isinstance(videos, list) or not player.isdecimal():
            raise InputError(f"{path}, {where}: player {player} has no list of files; save the project again in BORIS")
        named = [as_string(each, path, f"a file of player {player} of {where}") for each in videos]
        players[int(player)] = [
            (each, as_number(lengths[each], path, f"the length of {each} in {where}") if each in lengths else None)
            for each in named
            if each
        ]
    return dict(sorted(players.items()))


def _offset(
    path: Path,
    content: Mapping[str, Any],
    where: str,
    players: Mapping[int, Sequence[tuple[str, float | None]]],
) -> float:
    """Return the seconds that BORIS has added to the times of an observation."""
    offset = as_number(content.get("time offset") or 0, path, f"the time offset of {where}")
    if not content.get("media_creation_date_as_offset"):
        return offset
    created = as_mapping(_info(path, content, where).get("media_creation_time") or {}, path, f"the dates of {where}")
    videos = players.get(1, [])
    if len(videos) != 1 or videos[0][0] not in created:
        raise InputError(
            f"{path}, {where}: times count from the dates on which its videos were made, of which there are several or "
            "none; export its events (tabular) from an observation without this option"
        )
    return offset + as_number(created[videos[0][0]], path, f"the date of {videos[0][0]} in {where}")


def _offsets(path: Path, content: Mapping[str, Any], where: str) -> dict[int, float]:
    """Return the offset of each player, in seconds."""
    given = as_mapping(_info(path, content, where).get("offset") or {}, path, f"the offsets of {where}")
    offsets = {
        int(player): as_number(offset, path, f"the offset of player {player} of {where}")
        for player, offset in given.items()
        if player.isdecimal()
    }
    if old := content.get("time offset second player"):
        offsets[2] = as_number(old, path, f"the time offset second player of {where}")
    return offsets


def _interval(path: Path, content: Mapping[str, Any], where: str) -> tuple[float, float]:
    """Return the first and the last second of the session that was observed."""
    given = content.get("observation time interval") or [0, 0]
    if not isinstance(given, list) or len(given) != 2:
        raise InputError(f"{path}, {where}: the observation time interval needs a first and a last second; correct it")
    first, last = (as_number(each or 0, path, f"the observation time interval of {where}") for each in given)
    if last and last < first:
        raise InputError(f"{path}, {where}: the observation time interval ends before it begins; correct it")
    return first or -math.inf, last or math.inf


def _read_events(
    path: Path,
    content: Mapping[str, Any],
    where: str,
    ethogram: Mapping[str, tuple[bool, Mapping[str, Any]]],
    offset: float,
    media: str,
) -> list[Event]:
    """Return the events of an observation; `media` is the only video of it, or ""."""
    given = as_list(content.get("events", []), path, f"the events of {where}")
    events = []
    for number, entry in enumerate(given, start=1):
        row = f"event {number} of {where}"
        if not isinstance(entry, list) or len(entry) < 3:
            raise InputError(f"{path}, {row}: it needs time, subject and behavior; save the project again in BORIS")
        time = as_number(entry[0], path, f"the time of {row}")
        subject, code = (as_string(each, path, f"the subject or behavior of {row}") for each in entry[1:3])
        modifiers = as_string(entry[3] if len(entry) > 3 else "", path, f"the modifiers of {row}")
        if code not in ethogram:
            raise InputError(f"{path}, {row}: behavior '{code}' is not in the ethogram of the project; add it there")
        kind = "turn" if ethogram[code][0] else "point"
        events.append(Event(time - offset, kind, code, row, subject, tuple(modifiers.split("|")), media))
    return events


def _info(path: Path, content: Mapping[str, Any], where: str) -> Mapping[str, Any]:
    return as_mapping(content.get("media_info") or {}, path, f"media_info of {where}")


def _name_of(entry: Any) -> str:
    """Return the name of a subject; old projects have key and name in a list."""
    if isinstance(entry, list):
        entry = {"name": entry[1] if len(entry) > 1 else ""}
    name = entry.get("name") if isinstance(entry, Mapping) else ""
    return name if isinstance(name, str) else ""
