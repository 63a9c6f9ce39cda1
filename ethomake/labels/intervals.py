"""Lists of bouts, which most programs for scoring write, and their way to labels by frame.

A reader of such a format returns `Intervals`, in the units of its file; `to_labels` does the rest: it chooses the video
and the subject, pairs, clips and merges as the policies say, and places bouts by the time stamps of the video.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import pairwise
from pathlib import Path, PureWindowsPath
from typing import Literal

import numpy as np

from ethomake.errors import InputError
from ethomake.labels.policies import Policies
from ethomake.labels.table import BACKGROUND, LabelTable, Positives
from ethomake.labels.timeline import Timeline
from ethomake.letters import look, nfc

MOST_NAMES = 8
"""As many names are listed in a message."""

_DONE = {
    "unpaired": {
        "warn": "states without the other end were left out",
        "fix": "states without the other end went on to that of what was observed",
    },
    "overlap": dict.fromkeys(("warn", "fix"), "overlapping bouts were made one"),
    "beyond": dict.fromkeys(("warn", "fix"), "cut at the ends of the video"),
    "empty": {"warn": "bouts without a frame were left out", "fix": "bouts without a frame got the one at their start"},
    "points": {
        "frame": "events without duration got the frame at their time",
        "ignore": "events without duration were left out",
    },
}
"""What is done with a kind of problem by each policy but `error`."""


@dataclass(frozen=True)
class Bout:
    """One entry of a list of bouts or events.

    Attributes:
        behavior: its name.
        start: in the unit of the file; None for the end of a state that never began.
        stop: the same, not included; None for a state that never ends. The start of a point.
        row: where it is, for messages: `line 12`, `event 7 of observation a`.
        subject: the animal; "" if none is named.
        media: the video file, as a name or a path of any system; "" if none is named.
        modifiers: what else was noted of the behavior.
        point: whether it is an event without duration.
        unscored: whether it is a time in which the behavior was not scored, and no bout.
        absent: whether it is a time in which the behavior was looked for and not seen, and no bout.
        observation: the session in which it was noted, of a file with several; "" if none is named.
    """

    behavior: str
    start: float | None
    stop: float | None
    row: str
    subject: str = ""
    media: str = ""
    modifiers: tuple[str, ...] = ()
    point: bool = False
    unscored: bool = False
    absent: bool = False
    observation: str = ""


@dataclass(frozen=True)
class Stretch:
    """A time in which a video was observed, in the unit of the file; for all media, observations if empty.

    With a `row`, where it is said for messages, it must not go over the end of the video.
    """

    start: float
    stop: float
    media: str = ""
    observation: str = ""
    row: str = ""


@dataclass(frozen=True)
class Intervals:
    """What a list of bouts says, as it is written.

    Attributes:
        path: the file.
        bouts: its entries, in any order.
        unit: `seconds` after the first frame, or `frames`, counted from 0; stops are not included.
        observed: the times that were scored; None: all of the video. Frames outside become -1.
        scored: the behaviors that were looked for, if the file says so: one without a bout was absent, and one that is
            not among them was not scored. None: not known.
        sparse: whether a behavior was not scored where it has no entry, rather than absent.
        subjects: animals that the file knows, with bouts or without.
        media: videos that the file knows, with bouts or without.
        notes: what to tell the user, with rows.
        ignored: what of the file was not read.
    """

    path: Path
    bouts: Sequence[Bout]
    unit: Literal["seconds", "frames"] = "seconds"
    observed: Sequence[Stretch] | None = None
    scored: tuple[str, ...] | None = None
    sparse: bool = False
    subjects: tuple[str, ...] = ()
    media: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()


@dataclass
class _Told:
    """Collects what is told of the problems in one file."""

    path: Path
    policies: Policies
    rows: dict[str, list[str]] = field(default_factory=dict)

    def meet(self, kind: str, bout: Bout, problem: str, remedy: str) -> str:
        """Return the policy for a problem of a bout, after taking a note of what is done; raise if it is `error`."""
        policy = getattr(self.policies, kind)
        if policy == "error":
            others = " or ".join(_DONE[kind])
            raise InputError(
                f"{self.path}, {bout.row}: {bout.behavior} {problem}; {remedy}, or set labels.{kind} to {others}"
            )
        self.rows.setdefault(kind, []).append(bout.row)
        return policy

    def notes(self, *, mended: bool) -> tuple[str, ...]:
        """Return a line, with rows, for each kind of thing that was done by the policy `fix` (`mended`), or others."""
        return tuple(
            f"{_listed(rows)}: {_DONE[kind][policy]} ({kind}: {policy})"
            for kind, rows in self.rows.items()
            if ((policy := getattr(self.policies, kind)) == "fix") == mended
        )


def to_labels(intervals: Intervals, timeline: Timeline, policies: Policies) -> LabelTable:
    """Return the labels by frame of one video and subject.

    Raises:
        InputError: if the video or the subject cannot be told, or for a problem whose policy is `error`; with the row.
    """
    bouts, notes = _choose(intervals, timeline.video, timeline.subject)
    observed = _observed(intervals, timeline, {bout.observation for bout in bouts if bout.observation})
    told = _Told(intervals.path, policies)
    _check_end(intervals, timeline, told)
    placed = _place(bouts, intervals, timeline, observed, told)
    given = [_named(bout, policies) for bout, _, _ in placed]
    names = [name for name in dict.fromkeys([*_scored(intervals), *given]) if name.casefold() != BACKGROUND]
    values = np.full((len(timeline), len(names)), -1 if intervals.sparse else 0, np.int8)
    unscored = np.zeros_like(values, bool)
    ends: dict[str, tuple[int, Bout]] = {}
    order = sorted(range(len(placed)), key=lambda number: (placed[number][1], placed[number][2]))
    for number in order:
        (bout, first, stop), name = placed[number], given[number]
        if name not in names:
            continue
        before, other = ends.get(name, (0, bout))
        if first < before and not (bout.point or other.point):
            problem = f"begins before the bout of {other.row} has ended"
            told.meet("overlap", bout, problem, "correct one of them")
        if stop > before:
            ends[name] = (stop, bout)
        column = names.index(name)
        if bout.unscored:
            unscored[first:stop, column] = True
        else:
            least = 0 if bout.absent else 1
            values[first:stop, column] = np.maximum(values[first:stop, column], least)
    values[unscored] = -1
    cut = [bout.row for bout, first, stop in placed if not observed[first:stop].all()]
    values[~observed] = -1
    outside = () if observed.all() else (_describe_outside(observed, cut),)
    known = None if intervals.scored is not None or intervals.sparse else observed
    return LabelTable(
        tuple(names),
        values,
        notes=(*intervals.notes, *notes, *told.notes(mended=False), *outside),
        mended=told.notes(mended=True),
        ignored=intervals.ignored,
        is_list=True,
        observed=known,
    )


def _check_end(intervals: Intervals, timeline: Timeline, told: _Told) -> None:
    """Look whether what was observed, where a file says so in a row, goes over the end of the video."""
    for part in intervals.observed or ():
        end = len(timeline) if intervals.unit == "frames" else timeline.end
        slack = 0 if intervals.unit == "frames" else 1 / timeline.rate
        if part.row and part.stop > end + slack:
            entry = Bout("what was observed", part.start, part.stop, part.row)
            remedy = "give the labels of this video if these belong to another"
            told.meet("beyond", entry, f"goes to {part.stop:.6g}, but the video to {end:.6g}", remedy)


def _describe_outside(observed: np.ndarray, cut: Sequence[str]) -> str:
    """Return how many frames were not observed, bool (T,), and the rows of the bouts that go there."""
    bouts = f", also in the bouts of {_listed(cut)}" if cut else ""
    return f"{(~observed).sum()} of {len(observed)} frames are outside of what was observed: not scored{bouts}"


def count_bouts(intervals: Intervals, policies: Policies, video: str = "", subject: str = "") -> Positives:
    """Count the bouts of each behavior, for a format's `count_positives`.

    Args:
        intervals: the content of the file.
        policies: as for `to_labels`.
        video: file name of the video.
        subject: the animal.

    Raises:
        InputError: if the video or the subject cannot be told.
    """
    bouts, _ = _choose(intervals, video, subject)
    looked_for = [*_scored(intervals), *(_named(bout, policies) for bout in bouts if bout.absent)]
    counts = Counter(dict.fromkeys(looked_for, 0))
    counts.update(
        _named(bout, policies)
        for bout in bouts
        if not (bout.unscored or bout.absent or (bout.point and policies.points == "ignore"))
    )
    counts = {name: number for name, number in counts.items() if name.casefold() != BACKGROUND}
    return Positives(counts, is_list=True)


def _scored(intervals: Intervals) -> list[str]:
    return [nfc(name) for name in intervals.scored or ()]


def _named(bout: Bout, policies: Policies) -> str:
    """Return the name under which a bout is counted."""
    modifiers = [text for text in map(str.strip, bout.modifiers) if text and text.casefold() != "none"]
    return nfc(":".join([bout.behavior, *(modifiers if policies.modifiers == "name" else [])]))


def _choose(intervals: Intervals, video: str, subject: str) -> tuple[list[Bout], tuple[str, ...]]:
    """Return the bouts of one video and one subject, and what to tell of the choice."""
    media, first = _medium(intervals, video)
    bouts = [bout for bout in intervals.bouts if media is None or _file_name(bout.media) in ("", *media)]
    who, second = _subject(replace(intervals, bouts=bouts), subject)
    chosen = [bout for bout in bouts if who is None or look(bout.subject) == who]
    _check_observations(intervals, chosen, media)
    left = len(bouts) - len(chosen)
    third = (f"{left} entries of other subjects were left to them",) if left else ()
    return chosen, (*first, *second, *third)


def find_media(names: Iterable[str], video: str) -> list[str]:
    """Return which of some file names, or paths of any system, mean a video: the same name, else another extension."""
    names = list(dict.fromkeys(_file_name(name) for name in names if name))
    same = [name for name in names if name.casefold() == video.casefold()]
    stem = PureWindowsPath(video).stem.casefold()
    return same or [name for name in names if video and PureWindowsPath(name).stem.casefold() == stem]


def _check_observations(intervals: Intervals, bouts: Sequence[Bout], media: list[str] | None) -> None:
    """Raise InputError if bouts of one video and subject were noted in several observations of the same time."""
    found = list(dict.fromkeys(bout.observation for bout in bouts if bout.observation))
    if len(found) < 2:
        return
    spans = sorted(
        (part.start, part.stop)
        for part in intervals.observed or ()
        if part.observation in found and (media is None or _file_name(part.media) in ("", *media))
    )
    if len(spans) < len(found) or any(later < stop for (_, stop), (later, _) in pairwise(spans)):
        raise InputError(
            f"{intervals.path}: the video was scored in {len(found)} observations ({_listed(found)}), and which one is "
            "meant is not known; give the video a file with one of them"
        )


def _medium(intervals: Intervals, video: str) -> tuple[list[str] | None, tuple[str, ...]]:
    """Return the file names that mean the video (None: all), and what to tell."""
    paths = _distinct([*intervals.media, *(bout.media for bout in intervals.bouts)])
    names = list(dict.fromkeys(map(_file_name, paths)))
    same = find_media(names, video)
    meant = [path for path in paths if _file_name(path) in same]
    if len(meant) > 1:
        raise InputError(
            f"{intervals.path}: several videos there could be meant by {video} ({_listed(meant)}); rename all but one "
            "of them, there and in their folders"
        )
    if same:
        return same, ()
    if len(paths) > 1:
        shown = f"none is {video}" if video else "which one is meant is not known"
        listed = _listed(names if len(names) == len(paths) else paths)
        raise InputError(
            f"{intervals.path}: the labels of {len(paths)} videos ({listed}), and {shown}; correct the names of the "
            "videos there, or give the video the file with its own labels"
        )
    return None, (f"the labels name the video {names[0]}, not {video}",) if names and video else ()


def _distinct(paths: Iterable[str]) -> list[str]:
    """Return the paths of different videos; one that is the end of another, as a bare name, means the same one."""
    plain: dict[str, str] = {}
    for path in dict.fromkeys(filter(None, paths)):
        plain.setdefault(path.replace("\\", "/"), path)
    ends = {part for path in plain for part in _ends(path)}
    return [path for key, path in plain.items() if key not in ends]


def _ends(path: str) -> Iterable[str]:
    """Yield the ends of a path of which it is made, in parts: `b/c` and `c` of `a/b/c`."""
    while "/" in path:
        path = path.partition("/")[2]
        yield path


def _subject(intervals: Intervals, subject: str) -> tuple[str | None, tuple[str, ...]]:
    """Return the subject that is meant, as it looks (None: all), and what to tell."""
    known = [*intervals.subjects, *(bout.subject for bout in intervals.bouts)]
    shown = {look(name): name for name in known if name}
    nameless = any(not bout.subject for bout in intervals.bouts)
    same = [name for name in shown if name == look(subject)]
    same = same or [name for name in shown if subject and name.casefold() == look(subject).casefold()]
    used = {look(bout.subject): bout.subject for bout in intervals.bouts if bout.subject}
    if subject and nameless and not used and len(shown) > 1:
        raise InputError(
            f"{intervals.path}: the entries are of no subject, though there are several "
            f"({_listed([*shown.values()])}), so those of {subject} are not known; write there which one each is of"
        )
    if len(same) == 1 and (used or not nameless):
        return same[0], ()
    if len(used) + nameless <= 1 and (len(shown) <= 1 or not subject):
        differs = shown and subject and not same
        return None, (f"the labels are of subject {next(iter(shown.values()))}, not {subject}",) if differs else ()
    names = _listed([*shown.values(), *(["no subject"] if nameless else [])])
    wanted = f"none is {subject}" if subject else "the video table names none"
    raise InputError(
        f"{intervals.path}: the labels of {len(shown) + nameless} subjects ({names}), and {wanted}; write one of them "
        "into the column subject of the video table, and give each a row of its own"
    )


def _place(
    bouts: Iterable[Bout], intervals: Intervals, timeline: Timeline, observed: np.ndarray, told: _Told
) -> list[tuple[Bout, int, int]]:
    """Return each bout with its first frame and the one after its last, inside of the video and not empty."""
    complete = [bout for bout in map(lambda bout: _complete(bout, told), bouts) if bout is not None]
    limits: dict[str, tuple[int, int]] = {"": _limits(observed)}
    for name in {bout.observation for bout in complete if bout.start is None or bout.stop is None} - {""}:
        limits[name] = _limits(_observed(intervals, timeline, {name}))
    starts = np.array([np.nan if bout.start is None else bout.start for bout in complete], float)
    stops = np.array([np.nan if bout.stop is None else bout.stop for bout in complete], float)
    for bout, start, stop in zip(complete, starts.tolist(), stops.tolist(), strict=True):
        if np.isinf([start, stop]).any() or (bout.start is not None and np.isnan(start)):
            raise InputError(f"{told.path}, {bout.row}: {bout.behavior} has no number as its time; correct it")
        if stop < start:
            raise InputError(
                f"{told.path}, {bout.row}: {bout.behavior} stops at {stop:g}, before it starts at {start:g}; correct "
                "the entry"
            )
        if intervals.unit == "frames" and any(time % 1 for time in (start, stop) if time == time):
            raise InputError(f"{told.path}, {bout.row}: {start:g} to {stop:g} are no frame numbers; write whole ones")
    points = np.array([bout.point for bout in complete], bool)
    first, after = _to_frames(starts, stops, points, intervals.unit, timeline)
    slack = 1 / timeline.rate if intervals.unit == "seconds" else 0
    end = timeline.end if intervals.unit == "seconds" else len(timeline)
    early, late = starts < -slack, stops > np.where(points & (intervals.unit == "frames"), end - 1, end + slack)
    placed = []
    for number, bout in enumerate(complete):
        begin = limits[bout.observation][0] if bout.start is None else int(first[number])
        close = limits[bout.observation][1] if bout.stop is None else int(after[number])
        if early[number] or late[number]:
            what = f"goes to {stops[number]:.6g}" if late[number] else f"begins at {starts[number]:.6g}"
            unit = " s" if intervals.unit == "seconds" else ""
            problem = f"{what}{unit}, but the video goes from 0 to {end:.6g}{unit}"
            remedy = "give the labels of this video if these belong to another"
            told.meet("beyond", bout, problem, remedy)
        begin, close = max(begin, 0), min(close, len(timeline))
        if begin >= close and (early[number] or late[number]):
            continue  # wholly beyond
        if begin >= close:
            problem = f"has no frame (from {starts[number]:.6g} to {stops[number]:.6g})"
            if told.meet("empty", bout, problem, "correct its times") == "warn":
                continue
            begin = min(begin, len(timeline) - 1)
            close = begin + 1
        placed.append((bout, begin, close))
    return placed


def _limits(observed: np.ndarray) -> tuple[int, int]:
    """Return the first frame that was observed, bool (T,), and the one after the last."""
    inside = np.flatnonzero(observed)
    return (int(inside[0]), int(inside[-1]) + 1) if len(inside) else (0, 0)


def _complete(bout: Bout, told: _Told) -> Bout | None:
    """Return a bout as it goes on, or None if it is left out."""
    if bout.point:
        problem = f"is an event without duration, at {bout.start:g}" if bout.start is not None else "has no time"
        remedy = "score it as a state"
        policy = told.meet("points", bout, problem, remedy)
        return None if policy == "ignore" or bout.start is None else replace(bout, stop=bout.start)
    if bout.start is None and bout.stop is None:
        raise InputError(f"{told.path}, {bout.row}: {bout.behavior} has no times; write its start and stop")
    if bout.start is None or bout.stop is None:
        problem = f"starts at {bout.start:g} and never stops" if bout.stop is None else f"stops at {bout.stop:g} "
        problem += "" if bout.stop is None else "but never started"
        return bout if told.meet("unpaired", bout, problem, "add the other end") == "fix" else None
    return bout


def _to_frames(
    starts: np.ndarray, stops: np.ndarray, points: np.ndarray, unit: str, timeline: Timeline
) -> tuple[np.ndarray, np.ndarray]:
    """Return first frames and those after the last, int64 (N,); a point has one frame."""
    start, stop = np.nan_to_num(starts), np.nan_to_num(stops)
    if unit == "frames":
        limit = 2.0 * len(timeline) + 2  # also what is far beyond has to be a number of a frame
        first, after = (np.clip(ends, -limit, limit).astype(np.int64) for ends in (start, stop))
        at = first
    else:
        first, after = timeline.frames_of(start, stop)
        at = timeline.frame_at(start)
        at = np.clip(at, 0, len(timeline) - 1)
    return np.where(points, at, first), np.where(points, at + 1, after)


def _observed(intervals: Intervals, timeline: Timeline, observations: set[str]) -> np.ndarray:
    """Return which frames were observed, bool (T,), in some observations; none: in all of them."""
    if intervals.observed is None:
        return np.ones(len(timeline), bool)
    media, _ = _medium(intervals, timeline.video)
    seen = np.zeros(len(timeline), bool)
    for stretch in intervals.observed:
        if media is not None and _file_name(stretch.media) not in ("", *media):
            continue
        if stretch.observation and observations and stretch.observation not in observations:
            continue
        start, stop = np.array([stretch.start]), np.array([stretch.stop])
        first, after = _to_frames(start, stop, np.zeros(1, bool), intervals.unit, timeline)
        seen[max(int(first[0]), 0) : max(int(after[0]), 0)] = True
    return seen


@lru_cache(maxsize=256)
def _file_name(path: str) -> str:
    """Return the name of a file from its path on any system."""
    return PureWindowsPath(path).name


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return ", ".join(names[:MOST_NAMES]) + more
