"""Recordings: which videos share a camera or a session, so that they can be grouped."""

import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from ethomake.errors import InputError
from ethomake.files import read_json, short_digest, write_json
from ethomake.project.videos import Video, plain_recording
from ethomake.sources import GONE, digest_if_there

PLACES = "results/places.json"
"""Where each video lay when it was read first."""

INGESTED = "results/ingest"

HERE = "project folder"
"""The name of the folder in which the workflow runs: its own name may be another one on the next machine."""


def recordings_of(videos: Iterable[Video], places: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the name of the recording of each video: the camera or session in which it was filmed.

    It is, in this order:

    1. what the video table says;
    2. what it says of another crop of the same file, if it says one thing only;
    3. the folder of the file, if the videos lie in more than one: the end of its path that no other folder has
       (`day1`, or `mouse1/day1` and `mouse2/day1`);
    4. the video itself, since one folder for all says nothing; for crops of one file, the name of the file.

    A name of 3 or 4 that is another spelling of one in the table is that recording: it is better to take two recordings
    for one than to test on a recording what was fitted on it. The column `group` plays no part: thresholds that differ
    between genotypes or treatments would hide what is studied.

    Args:
        videos: all videos of a project. A part of them may lie in fewer folders, and would get other names.
        places: from `places_of`: the path to take in place of that in the table, by video.

    Returns:
        A name that is not empty for each video, in their order.
    """
    videos = [replace(video, path=(places or {}).get(video.video, video.path)) for video in videos]
    known = {plain_recording(video.recording): video.recording for video in videos if video.recording}
    folders = _name_folders({os.path.dirname(video.path) for video in videos})
    crops: dict[str, list[Video]] = {}
    for video in videos:
        crops.setdefault(os.path.realpath(video.path), []).append(video)
    default = {}
    for same_file in crops.values():
        path = min(video.path for video in same_file)  # differs if one of them is a link
        given = {video.recording for video in same_file if video.recording}
        if len(given) == 1:
            name = given.pop()
        elif len(folders) > 1:
            name = folders[os.path.realpath(os.path.dirname(path))]
        else:
            name = same_file[0].video if len(same_file) == 1 else Path(path).stem
        default |= {video.video: known.get(plain_recording(name), name) for video in same_file}
    return {video.video: video.recording or default[video.video] for video in videos}


def places_of(videos: Iterable[Video], earlier: Mapping[str, str], ingested: str | Path = INGESTED) -> dict[str, str]:
    """Return the path of each video by which its recording is named: where it lay when it was read first.

    So no recording gets another name, and no threshold another value, because files were moved to another disk, or
    their paths are written in another way. A video with other content than the one that was read begins anew.

    Args:
        videos: all videos of a project.
        earlier: from `read_places`.
        ingested: the folder with a manifest, `<video>/video.json`, of each video that was read.
    """
    videos = list(videos)
    kept = {
        video.video: earlier[video.video]
        for video in videos
        if video.video in earlier and (earlier[video.video] == video.path or _is_what_was_read(video, ingested))
    }
    moved: dict[str, set[str]] = {}
    for video in videos:
        if video.video in kept:
            moved.setdefault(os.path.dirname(video.path), set()).add(os.path.dirname(kept[video.video]))
    for video in videos:  # one that joins others in a folder that has moved joins their recording
        if video.video not in kept and len(before := moved.get(os.path.dirname(video.path), set())) == 1:
            kept[video.video] = os.path.join(*before, os.path.basename(video.path))
    return {video.video: kept.get(video.video, video.path) for video in videos}


def _is_what_was_read(video: Video, ingested: str | Path) -> bool:
    """Return whether the file of a video has the content that was read, or is not there any more."""
    manifest = Path(ingested, video.video, "video.json")
    read = read_json(manifest).get("source", {}).get("digest") if manifest.is_file() else None
    return read is not None and digest_if_there(video.path) in (read, GONE)


def read_places(path: str | Path = PLACES) -> dict[str, str]:
    """Return where each video lay when it was read first, as `write_places` wrote it.

    Raises:
        InputError: if the file is something else.
    """
    content = read_json(path) if Path(path).is_file() else {}
    if not isinstance(content, dict) or not all(isinstance(place, str) for place in content.values()):
        raise InputError(f"{path}: not the path of each video; delete it and run again")
    return content


def write_places(places: Mapping[str, str], path: str | Path = PLACES) -> None:
    """Write the path of each video by which its recording is named."""
    write_json(path, dict(sorted(places.items())))


def file_name_of(recording: str) -> str:
    """Return a name for files of a recording, of letters, digits, _ and -; two recordings never have the same."""
    plain = re.sub("[^A-Za-z0-9_-]", "_", recording)
    return plain if plain == recording.lower() else f"{plain}-{short_digest(recording)[:8]}"


def read_adapted(path: str | Path) -> dict[str, list[str]]:
    """Return the videos of each recording that streams were adapted to first, as `write_adapted` wrote them.

    Raises:
        InputError: if the file is something else.
    """
    content = read_json(path) if Path(path).is_file() else {}
    lists = content.values() if isinstance(content, dict) else [None]
    if not all(isinstance(names, list) and all(isinstance(name, str) for name in names) for names in lists):
        raise InputError(f"{path}: not lists of videos by recording; delete it and run again")
    return content


def write_adapted(path: str | Path, videos: Mapping[str, Iterable[str]]) -> None:
    """Write the videos of each recording that streams are adapted to."""
    write_json(path, {recording: sorted(names) for recording, names in videos.items()})


def videos_to_adapt(recordings: Mapping[str, str], earlier: Mapping[str, Iterable[str]]) -> dict[str, list[str]]:
    """Return the videos of each recording that the streams are adapted to, sorted.

    They are those of the first time, so that features of a recording stay as they are when videos join it, without any
    that have left it since; all of its videos if there are no earlier ones, or none is left.

    Args:
        recordings: the recording of each video, as from `recordings_of`.
        earlier: from `read_adapted`.
    """
    found: dict[str, list[str]] = {}
    for video, recording in recordings.items():
        found.setdefault(recording, []).append(video)
    kept = {recording: set(names) & set(earlier.get(recording, ())) for recording, names in found.items()}
    return {recording: sorted(kept[recording] or names) for recording, names in found.items()}


def _name_folders(folders: Iterable[str]) -> dict[str, str]:
    """Return the shortest end of its path that distinguishes it from the others, for the real path of each folder.

    Paths are taken as they are written, since links have names that say more, and from the folder of the project, so
    that the names are the same on another machine.
    """
    paths: dict[str, tuple[str, ...]] = {}
    for folder in folders:
        path = Path(os.path.relpath(folder or "."))
        parts = Path(os.path.abspath(folder)).parts if path.name == ".." else path.parts
        real = os.path.realpath(folder)
        paths[real] = min(paths.get(real, parts), parts, key=lambda parts: (len(parts), parts))
    names: dict[str, str] = {}
    depth = 0
    while len(names) < len(paths):
        depth += 1
        ends = {real: "/".join(parts[-depth:]) for real, parts in paths.items()}
        number = Counter(ends.values())
        names |= {real: end for real, end in ends.items() if number[end] == 1 and real not in names}
    return {real: name or HERE for real, name in names.items()}
