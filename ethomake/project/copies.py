"""Copies: the same video or the same labels in more than one row of the video table, told before anything runs.

A video of which a copy is for training says nothing as a test video. Two videos with the same labels are most often a
slip: recordings of one session are equally long, so that no number of rows gives it away.
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ethomake.errors import InputError
from ethomake.files import read_json
from ethomake.project.messages import count_others, show
from ethomake.project.paths import label_stem, shortened, video_stem
from ethomake.project.runs import MAIN, Run, part_of_each
from ethomake.project.splits import count_positives
from ethomake.project.videos import Video, may_share_labels
from ethomake.sources import digest_of, sample_of

INGESTED = "results/ingest/{video}/video.json"


def same_content(paths: Iterable[str]) -> list[list[str]]:
    """Return the groups of files that have the same bytes, in the order of `paths`; empty and missing files have none.

    Sizes are compared first; of files of one size some samples; and only files with equal samples are read as a whole.
    """
    groups: dict[tuple, list[str]] = {}
    for path in dict.fromkeys(paths):
        try:
            status = os.stat(path)
        except OSError:
            continue
        if status.st_size:
            groups.setdefault((status.st_size,), []).append(path)
    for digest in (sample_of, digest_of):
        finer: dict[tuple, list[str]] = {}
        for key, group in groups.items():
            for path in group if len(group) > 1 else []:
                try:
                    finer.setdefault((*key, digest(path)), []).append(path)
                except OSError:  # not readable: told where it is read
                    continue
        groups = finer
    return [group for group in groups.values() if len(group) > 1]


def check_copies(
    videos: Sequence[Video], runs: Mapping[str, Run], places: Mapping[str, str], ingested: str = INGESTED
) -> list[str]:
    """Refuse videos of which a copy is in another part of a split; return notes on other copies.

    Copies are files of the same bytes with the same crop, and videos whose ingested frames are the same, whatever
    their files.

    Args:
        videos: the rows of the video table.
        runs: all runs, for their splits.
        places: where each video is in the table, for messages: `videos.csv line 3`.
        ingested: the manifest of a video that was ingested earlier.

    Raises:
        InputError: if there are copies in different parts.
    """
    pairs = {**_same_files(videos), **_same_frames(videos, ingested)}
    errors, notes = [], []
    for (one, other), what in pairs.items():
        apart = next(((run, *_parts_of(run, one, other)) for run in runs.values() if _are_apart(run, one, other)), None)
        if apart:
            run, first, second = apart
            where = "" if run.name == MAIN else f" of run {run.name}"
            errors.append(
                f"{places[other]} ({other}): {what} as {one} ({places[one]}), but {one} is in {first} and {other} in "
                f"{second}{where}, and a score on it would say nothing; remove one, or write the same part for both"
            )
        else:
            notes.append(f"{places[other]} ({other}): {what} as {one} ({places[one]}); remove one if that is not meant")
    if errors:
        raise InputError(errors[0] + count_others(len(errors) - 1, "video"))
    return _first_ones(notes, "copies of videos")


def _same_files(videos: Sequence[Video]) -> dict[tuple[str, str], str]:
    """Return the pairs of videos, in the table's order, whose files are copies of each other, cropped alike."""
    rows: dict[str, list[Video]] = {}
    for video in videos:
        rows.setdefault(video.path, []).append(video)
    pairs = {}
    for group in same_content(rows):
        members = [video for path in group for video in rows[path]]
        for one, other in _pairs(members):
            alike = one.crop == other.crop and bool(one.track) == bool(other.track) and one.animal == other.animal
            if alike and os.path.realpath(one.path) != os.path.realpath(other.path):
                pairs[one.video, other.video] = f"path = {show(other.path)}: the same video, byte for byte,"
    return pairs


def _same_frames(videos: Sequence[Video], ingested: str) -> dict[tuple[str, str], str]:
    """Return the pairs of videos whose frames are the same, as far as they were ingested from what is there now."""
    found: dict[str, list[Video]] = {}
    for video in videos:
        path = Path(ingested.format(video=video.video))
        try:
            facts = read_json(path) if path.is_file() else {}
        except InputError:  # told where it is used
            continue
        if isinstance(facts, dict) and "frames_digest" in facts and _may_be_of(facts, video):
            found.setdefault(facts["frames_digest"], []).append(video)
    pairs = {}
    for group in found.values():
        current = [video for video in group if _is_of(ingested, video)] if len(group) > 1 else []
        for one, other in _pairs(current):
            pairs[one.video, other.video] = f"path = {show(other.path)}: the same frames"
    return pairs


def _may_be_of(facts: Mapping, video: Video) -> bool:
    """Return whether a manifest may be that of the video as it is in the table now, without reading the video."""
    crop = list(video.crop) if video.crop else None
    if facts.get("crop") != crop or facts.get("track", {}).get("animal") != (video.animal if video.track else None):
        return False
    try:
        return os.stat(video.path).st_size == facts["source"]["bytes"]
    except (OSError, KeyError, TypeError):
        return not os.path.exists(video.path)  # archived after ingest


def _is_of(ingested: str, video: Video) -> bool:
    """Return whether a manifest was made from the file that is in the table now."""
    try:
        return read_json(ingested.format(video=video.video))["source"]["digest"] == digest_of(video.path)
    except OSError:
        return True  # archived after ingest


def _pairs(members: Sequence[Video]) -> list[tuple[Video, Video]]:
    """Return pairs of each video with the first one that has labels."""
    first = next((video for video in members if video.labels), members[0]) if members else None
    return [(first, other) for other in members if first and other is not first]


def _parts_of(run: Run, *names: str) -> list[str]:
    """Return the part of each video in a run, "" for none."""
    part_of = part_of_each(run.split)
    return [part_of.get(name, "") for name in names]


def _are_apart(run: Run, one: str, other: str) -> bool:
    first, second = _parts_of(run, one, other)
    return bool(first and second and first != second)


def notes_on_labels(videos: Sequence[Video], places: Mapping[str, str], settings: Mapping[str, Any]) -> list[str]:
    """Return notes on label files that are copies of another video's or are named after another video.

    The same labels can be meant for two views of one animal: rows with the same subject are not told.

    Args:
        videos: the rows of the video table.
        places: where each video is in the table, for messages.
        settings: the section `labels` of the config.
    """
    rows: dict[str, list[Video]] = {}
    for video in videos:
        if video.labels:
            rows.setdefault(video.labels, []).append(video)
    copies = []
    for group in same_content(rows):
        members = [video for path in group for video in rows[path]]
        others = [video for video in members[1:] if not (video.subject and may_share_labels(members[0], video))]
        if others and _some_behavior_is_on(members[0], settings):
            first = members[0]
            names = shortened([f"{video.labels} ({video.video})" for video in others])
            copies.append(
                f"{places[others[0].video]}: labels: the same content as {first.labels} ({first.video}, "
                f"{places[first.video]}): {names}; give each video its own labels if that is not meant"
            )
    for video in videos:
        if video.second_labels and same_content([video.labels, video.second_labels]):
            copies.append(
                f"{places[video.video]} ({video.video}): second_labels: the same content as labels, so the two raters "
                "agree in all frames; give the file of the other person"
            )
    return _first_ones(copies, "copies of label files") + _first_ones(_misnamed(videos, places), "label files")


def _misnamed(videos: Sequence[Video], places: Mapping[str, str]) -> list[str]:
    """Return notes on label files with the name of another video."""
    owners: dict[str, set[str]] = {}
    for video in videos:
        for name in (video_stem(video.path), video_stem(video.video)):
            owners.setdefault(name, set()).add(video.video)
    notes = []
    for video in videos:
        named = label_stem(video.labels)[0] if video.labels else ""
        own = {video_stem(video.path), video_stem(video.video)}
        if named in owners and not own & {named}:
            other = sorted(owners[named])[0]
            notes.append(
                f"{places[video.video]} ({video.video}): labels = {show(video.labels)} has the name of video {other} "
                f"({places[other]}); are they the labels of {video.video}?"
            )
    return notes


def _some_behavior_is_on(video: Video, settings: Mapping[str, Any]) -> bool:
    try:
        counts, _ = count_positives(video.labels, (), Path(video.path).name, video.subject, settings)
        return any(counts.values())
    except InputError:  # told where it is read
        return False


def _first_ones(notes: list[str], what: str, most: int = 5) -> list[str]:
    """Return a few notes, and one that says how many more there are."""
    return notes[:most] + ([f"{len(notes) - most} more {what}, told when these are mended"] if notes[most:] else [])
