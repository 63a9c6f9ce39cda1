"""Observations of BORIS: what was noted in the time of a session, and its way to the time of each video shown in it.

A session shows videos in up to eight players at once. Player 1 keeps the time: its videos come one after the other. The
videos of another player begin later by its offset, which may be negative.
"""

import math
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from ethomake.labels.intervals import Bout, Stretch

NOT_SCORED = "not scored: "
"""Begins the code of a state that says when a behavior, whose code follows, was not scored."""

END = 1e-6
"""Seconds after the end of the last video that still belong to it: an entry may be at the very end."""

NO_SUBJECT = "no focal subject"
"""What BORIS calls no subject, in small letters."""


@dataclass(frozen=True)
class Event:
    """An entry at one time.

    Attributes:
        time: seconds of the session.
        kind: of a state its `start`, `stop`, or either of them in turn; or a `point`.
        behavior: its code.
        row: where it is, for messages.
        subject: the animal; "" if none is named.
        modifiers: what else was noted.
        media: the video of the entry, if it is named.
    """

    time: float
    kind: Literal["start", "stop", "turn", "point"]
    behavior: str
    row: str
    subject: str = ""
    modifiers: tuple[str, ...] = ()
    media: str = ""


@dataclass(frozen=True)
class Shown:
    """A video that was shown in a session.

    Attributes:
        media: its path, as it is written.
        origin: second of the session at which it begins.
        first: second of the session from which on entries belong to it.
        last: and up to which.
        seen: first and last second of the session in which it was looked at.
    """

    media: str
    origin: float
    first: float = -math.inf
    last: float = math.inf
    seen: tuple[float, float] = (-math.inf, math.inf)


def split_code(code: str) -> tuple[str, bool]:
    """Return the behavior that a code means, and whether it says that this was not scored."""
    behavior = code[len(NOT_SCORED) :].strip() if code.casefold().startswith(NOT_SCORED) else ""
    return (behavior, True) if behavior else (code, False)


def pair_events(events: Iterable[Event], observation: str) -> list[Bout]:
    """Return bouts, in seconds of the session: the starts and stops of each subject, behavior and modifiers in turn."""
    bouts, states = [], {}
    for event in events:
        if event.kind == "point":
            bouts.append(_bout(event, event.time, event.time, observation))
        else:
            states.setdefault((event.subject, event.behavior, event.modifiers), []).append(event)
    for noted in states.values():
        bouts += _pair(noted, observation)
    return bouts


def show_videos(
    players: Mapping[int, Sequence[tuple[str, float | None]]],
    offsets: Mapping[int, float],
    seen: tuple[float, float] = (-math.inf, math.inf),
) -> list[Shown]:
    """Return when the videos of a session were shown.

    Args:
        players: path and length in seconds of the videos of each player, in order; the length of the last may be None.
        offsets: seconds by which those of a player begin later.
        seen: first and last second of the session that was observed.

    Raises:
        KeyError: if the length of a video is missing that others follow; with its path.
    """
    shown = []
    lengths = [math.inf if length is None else length for _, length in players.get(1, ())]
    whole = math.fsum(lengths) if lengths else math.inf
    for player, videos in players.items():
        origin = 0.0 if player == 1 else offsets.get(player, 0.0)
        limits = seen if player == 1 else (max(seen[0], 0.0), min(seen[1], whole))
        for number, (media, length) in enumerate(videos):
            if length is None and number < len(videos) - 1:
                raise KeyError(media)
            first = -math.inf if player == 1 and number == 0 else origin
            final = number == len(videos) - 1
            last = math.inf if length is None or (final and player == 1) else origin + length + final * END
            shown.append(Shown(media, origin, first, last, limits))
            origin += length or 0.0
    return shown


def place_bouts(bouts: Iterable[Bout], shown: Iterable[Shown], observation: str) -> tuple[list[Bout], list[Stretch]]:
    """Return bouts in the seconds of the videos that they are seen in, and which times of these were observed.

    A bout that goes on from one video to the next is cut in two.

    Args:
        bouts: in seconds of the session.
        shown: its videos.
        observation: its name.
    """
    bouts, placed, stretches = list(bouts), [], []
    for video in shown:
        start, stop = (_exact(limit - video.origin) for limit in video.seen)
        stretches.append(Stretch(start, stop, media=video.media, observation=observation))
        for bout in bouts:
            begin = video.first if bout.start is None else bout.start
            end = video.last if bout.stop is None else bout.stop
            after = end > video.first or begin == end == video.first
            if begin < video.last and after:
                one = None if bout.start is None else _exact(max(begin, video.first) - video.origin)
                other = None if bout.stop is None else _exact(min(end, video.last) - video.origin)
                same = bout.start == one and bout.stop == other and bout.media == video.media
                placed.append(bout if same else replace(bout, start=one, stop=other, media=video.media))
    return placed, stretches


def _pair(events: Sequence[Event], observation: str) -> Iterable[Bout]:
    """Return the bouts of one state."""
    waiting = deque(sorted(events, key=lambda event: event.time))
    begun = None
    while waiting:
        event = waiting.popleft()
        due = "stop" if begun else "start"
        if waiting and waiting[0].time == event.time and waiting[0].kind == due != event.kind:
            event, waiting[0] = waiting[0], event  # of two at one time, that which is due comes first
        if event.kind in (due, "turn"):
            if begun:
                yield _bout(begun, begun.time, event.time, observation)
            begun = None if begun else event
        elif begun:  # a second start
            yield _bout(begun, begun.time, None, observation)
            begun = event
        else:  # a stop without a start
            yield _bout(event, None, event.time, observation)
    if begun:
        yield _bout(begun, begun.time, None, observation)


def _bout(event: Event, start: float | None, stop: float | None, observation: str) -> Bout:
    behavior, unscored = split_code(event.behavior)
    return Bout(
        behavior,
        start,
        stop,
        event.row,
        subject=event.subject,
        media=event.media,
        modifiers=event.modifiers,
        point=event.kind == "point",
        unscored=unscored,
        observation=observation,
    )


def _exact(seconds: float) -> float:
    """Return seconds without what a subtraction leaves behind the last digit."""
    return round(seconds, 9) if math.isfinite(seconds) else seconds
