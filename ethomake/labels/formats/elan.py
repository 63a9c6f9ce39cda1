"""Annotations of ELAN (`.eaf`).

Times are milliseconds of a common time; a video that was shifted against it (`TIME_ORIGIN`) has its own. The behavior
is the value of an annotation, or, where this is blank, the name of its tier. The subject is the tier's participant. If
no tier has one, and the same value is on several tiers, each tier is a subject, since which one is meant is not known;
so it is if the row's `subject` is the name of a tier. Tiers whose annotations belong to those of others, without times
of their own, are left out.

Source: https://www.mpi.nl/tools/elan/EAF_Annotation_Format_3.0_and_ELAN.pdf
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote
from xml.etree.ElementTree import Element

from ethomake.errors import InputError
from ethomake.labels.intervals import Bout, Intervals, count_bouts, to_labels
from ethomake.labels.policies import Policies
from ethomake.labels.structured import LINE, head_of_structure, load_xml
from ethomake.labels.table import LabelTable, Positives
from ethomake.labels.timeline import Timeline

TITLE = "annotations of ELAN (.eaf)"
SEVERAL = True

_ROOT = re.compile(r"(<\?xml[^>]*\?>)?(\s*<!--.*?-->)*\s*<ANNOTATION_DOCUMENT\b", re.DOTALL)


def sniff(path: Path) -> bool:
    """Return whether the root element is that of ELAN."""
    return bool(_ROOT.match(head_of_structure(path)))


def read(path: Path, timeline: Timeline, policies: Policies) -> LabelTable:
    """Return the labels by frame."""
    return to_labels(_parse(path, timeline.subject), timeline, policies)


def count_positives(path: Path, policies: Policies, video: str = "", subject: str = "") -> Positives:
    """Count the annotations of each behavior."""
    return count_bouts(_parse(path, subject), policies, video, subject)


def _parse(path: Path, subject: str) -> Intervals:
    root = load_xml(path)
    slots = dict(_slots(path, root))
    unit = _unit(path, root)
    tiers = [tier for tier in root.iter("TIER") if tier.find("ANNOTATION/ALIGNABLE_ANNOTATION") is not None]
    left = [_attribute(path, tier, "TIER_ID") for tier in root.iter("TIER") if tier not in tiers]
    bouts = [bout for tier in tiers for bout in _bouts(path, tier, slots, unit)]
    names = {_attribute(path, tier, "TIER_ID"): tier.get("PARTICIPANT", "").strip() for tier in tiers}
    by_tier = _are_subjects(bouts, names, subject)
    named = [replace(bout, subject=bout.subject if by_tier else names[bout.subject]) for bout in bouts]
    media = dict(_media(path, root)) or {"": 0.0}
    shown = [_shift(bout, video, origin) for video, origin in media.items() for bout in named]
    one = not by_tier and len(names) > 1 and not any(names.values())
    return Intervals(
        path,
        shown,
        subjects=tuple(dict.fromkeys(names if by_tier else filter(None, names.values()))),
        media=tuple(filter(None, media)),
        notes=(f"the tiers {', '.join(list(names)[:8])} were read together",) if one else (),
        ignored=tuple(f"tier {name}, whose annotations have no times of their own, or are none" for name in left),
    )


def _slots(path: Path, root: Element) -> Iterator[tuple[str, float | None]]:
    """Yield the name and the time of each time slot; None if it has none."""
    for slot in root.iter("TIME_SLOT"):
        value = slot.get("TIME_VALUE")
        if value is not None and not re.fullmatch(r"\s*-?\d{1,15}\s*", value):
            raise InputError(f"{path}, line {slot.get(LINE)}: '{value[:20]}' is no time; write milliseconds")
        yield _attribute(path, slot, "TIME_SLOT_ID"), None if value is None else float(value)


def _unit(path: Path, root: Element) -> float:
    """Return how many units of time a second has."""
    header = root.find("HEADER")
    unit = "milliseconds" if header is None else header.get("TIME_UNITS", "milliseconds")
    if unit != "milliseconds":
        raise InputError(
            f"{path}, line {header.get(LINE) if header is not None else 1}: times in {unit[:20]} are not read"
        )
    return 1000


def _media(path: Path, root: Element) -> Iterator[tuple[str, float]]:
    """Yield the address of each video, and the second of it at which the common time begins."""
    for media in root.iter("MEDIA_DESCRIPTOR"):
        address = unquote(media.get("MEDIA_URL") or media.get("RELATIVE_MEDIA_URL") or "")
        origin = media.get("TIME_ORIGIN", "0").strip() or "0"
        if not re.fullmatch(r"-?\d{1,15}", origin):
            raise InputError(f"{path}, line {media.get(LINE)}: TIME_ORIGIN is '{origin[:20]}'; write milliseconds")
        if address.rpartition("/")[2] and not media.get("MIME_TYPE", "").startswith("audio"):
            yield address, int(origin) / 1000


def _bouts(path: Path, tier: Element, slots: Mapping[str, float | None], unit: float) -> Iterator[Bout]:
    """Yield the annotations of a tier, whose name is their subject."""
    name = _attribute(path, tier, "TIER_ID")
    for each in tier.iterfind("ANNOTATION/ALIGNABLE_ANNOTATION"):
        row = f"line {each.get(LINE)}"
        value = " ".join((each.findtext("ANNOTATION_VALUE") or "").split())
        times = []
        for key in ("TIME_SLOT_REF1", "TIME_SLOT_REF2"):
            slot = _attribute(path, each, key)
            if slots.get(slot) is None:
                problem = "no time" if slot in slots else "a time slot that is not in the file"
                raise InputError(f"{path}, {row}: the annotation '{value or name}' has {problem}; align it in ELAN")
            times.append(float(slots[slot] or 0) / unit)
        yield Bout(value or name, times[0], times[1], row, subject=name)


def _are_subjects(bouts: Sequence[Bout], names: Mapping[str, str], subject: str) -> bool:
    """Return whether tiers are subjects."""
    if any(names.values()):
        return False
    homes: dict[str, str] = {}
    repeated = any(homes.setdefault(bout.behavior, bout.subject) != bout.subject for bout in bouts)
    return repeated or any(name.casefold() == subject.casefold() for name in names)


def _shift(bout: Bout, video: str, origin: float) -> Bout:
    if bout.start is None or bout.stop is None or not video:
        return bout
    start, stop = (round(time + origin, 9) for time in (bout.start, bout.stop))
    return replace(bout, media=video, start=start, stop=stop)


def _attribute(path: Path, element: Element, name: str) -> str:
    value = element.get(name, "").strip()
    if not value:
        raise InputError(f"{path}, line {element.get(LINE)}: {element.tag} has no {name}; save the file again in ELAN")
    return value
