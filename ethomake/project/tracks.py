"""Track files of the video table: read before anything runs, so that wrong names are told at once."""

import os
from collections.abc import Iterable, Mapping
from types import SimpleNamespace
from typing import Any

from ethomake.bundle.fit import follows
from ethomake.bundle.read import read_bundle
from ethomake.errors import InputError
from ethomake.project.messages import count_others
from ethomake.project.videos import Video
from ethomake.sources import found_in

READER = "animals and body parts of tracks, 3"
"""Another number, another look into files that were looked through before."""


def check_tracks(videos: Iterable[Video], settings: Mapping[str, Any], places: Mapping[str, str]) -> None:
    """Check that the track file of each row can be read, and has its animal and the body parts of the config.

    Two rows of one animal are one too many; here, too, where one row names the only animal of a file and one does not.

    Args:
        videos: the rows of the video table.
        settings: section `track` of the config.
        places: where each video is in the table, for messages: `videos.csv line 3`.

    Raises:
        InputError: if not.
    """
    errors = []
    rows: dict[tuple[str, str, str], Video] = {}
    for video in videos:
        if not video.track:
            continue
        from ethomake.ingest.tracks.follow import find_ends
        from ethomake.ingest.tracks.poses import find_animal, find_nodes

        try:
            found = found_in(video.track, READER, lambda path=video.track: _names_in(path))
            animal = found["animals"][find_animal(tuple(found["animals"]), video.animal, video.track)]
            first = rows.setdefault((os.path.realpath(video.path), os.path.realpath(video.track), animal), video)
            if first is not video:
                where = f"{places[first.video]} ({first.video})"
                raise InputError(f"the same video file and animal ({animal}) as {where}; remove one")
            poses: Any = SimpleNamespace(nodes=tuple(found["nodes"]), headings=found["angles"] or None)
            find_nodes(poses, settings["nodes"], "track.nodes", video.track)
            find_ends(poses, settings, video.track)
        except InputError as error:
            told = str(error)
            errors.append(told if told.startswith("config:") else f"{places[video.video]} ({video.video}): {told}")
    if errors:
        raise InputError(errors[0] + count_others(len(errors) - 1, "row"))


def check_bundle(videos: Iterable[Video], folder: str, places: Mapping[str, str]) -> None:
    """Check that the picture of each row follows an animal if, and only if, those that a bundle has learned from do.

    Args:
        videos: the rows of the video table.
        folder: the folder of the bundle.
        places: where each video is in the table, as for `check_tracks`; may be empty.

    Raises:
        InputError: if not: the bundle's networks have never seen such pictures.
    """
    wanted = follows(read_bundle(folder).content)
    wrong = [video for video in videos if wanted is not None and bool(video.track) != wanted]
    if not wrong:
        return
    row = wrong[0]
    where = f"{places[row.video]} ({row.video})" if places else f"video table ({row.video})"
    if wanted:
        told = f"has no track, but all videos that the bundle {folder} has learned from follow one: give its track file"
        remedy = "leave the row out"
    else:
        told = f"follows a track, but no video that the bundle {folder} has learned from does: leave the column empty"
        remedy = "take a bundle of tracked videos"
    raise InputError(f"{where}: track: {told}, or {remedy}" + count_others(len(wrong) - 1, "row"))


def _names_in(path: str) -> dict[str, Any]:
    from ethomake.ingest.tracks.formats import read_poses

    poses = read_poses(path)
    return {"animals": list(poses.animals), "nodes": list(poses.nodes), "angles": poses.headings is not None}
