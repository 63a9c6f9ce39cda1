"""Track files of the video table: read before anything runs, so that wrong names are told at once."""

from collections.abc import Iterable, Mapping
from types import SimpleNamespace
from typing import Any

from ethomake.errors import InputError
from ethomake.project.messages import count_others
from ethomake.project.videos import Video
from ethomake.sources import found_in

READER = "animals and body parts of tracks, 2"
"""Another number, another look into files that were looked through before."""


def check_tracks(videos: Iterable[Video], settings: Mapping[str, Any], places: Mapping[str, str]) -> None:
    """Check that the track file of each row can be read, and has its animal and the body parts of the config.

    Args:
        videos: the rows of the video table.
        settings: section `track` of the config.
        places: where each video is in the table, for messages: `videos.csv line 3`.

    Raises:
        InputError: if not.
    """
    errors = []
    for video in videos:
        if not video.track:
            continue
        from ethomake.ingest.tracks.follow import find_ends
        from ethomake.ingest.tracks.poses import find_animal, find_nodes

        try:
            found = found_in(video.track, READER, lambda path=video.track: _names_in(path))
            find_animal(tuple(found["animals"]), video.animal, video.track)
            poses: Any = SimpleNamespace(nodes=tuple(found["nodes"]), headings=found["angles"] or None)
            find_nodes(poses, settings["nodes"], "track.nodes", video.track)
            find_ends(poses, settings, video.track)
        except InputError as error:
            told = str(error)
            errors.append(told if told.startswith("config:") else f"{places[video.video]} ({video.video}): {told}")
    if errors:
        raise InputError(errors[0] + count_others(len(errors) - 1, "row"))


def _names_in(path: str) -> dict[str, Any]:
    from ethomake.ingest.tracks.formats import read_poses

    poses = read_poses(path)
    return {"animals": list(poses.animals), "nodes": list(poses.nodes), "angles": poses.headings is not None}
