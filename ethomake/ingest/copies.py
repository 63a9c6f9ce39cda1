"""The same frames in videos of different parts: told as soon as all videos are ingested."""

import logging
from collections.abc import Iterable, Mapping
from pathlib import Path

from ethomake.errors import InputError
from ethomake.files import read_json, write_json
from ethomake.messages import NOTE

logger = logging.getLogger(__name__)


def compare_videos(
    manifests: Iterable[str | Path], output: str | Path, *, parts: Mapping[str, Mapping[str, str]]
) -> None:
    """Compare the frames of all videos that are learned from or tested on; write that no two parts share a video.

    Copies of a file are found when the project is planned. Frames can also be the same if the files differ: in another
    container, or with other metadata.

    Args:
        manifests: video.json of each video.
        output: a JSON file, written if all is well.
        parts: for each run, the part of each video.

    Raises:
        InputError: if videos in different parts of a run have the same frames: a score would say nothing.
    """
    same: dict[str, list[str]] = {}
    for path in manifests:
        facts = read_json(path)
        same.setdefault(facts["frames_digest"], []).append(facts["video"])
    for names in same.values():
        for run, part_of in parts.items():
            known = {name: part_of[name] for name in names if name in part_of}
            if len(set(known.values())) > 1:
                shown = " and ".join(f"{name} ({part})" for name, part in sorted(known.items()))
                where = "" if run == "main" else f" in run {run}"
                raise InputError(
                    f"videos {shown} have the same frames{where}, so a score would say nothing; remove all but one "
                    "from the video table, or write the same part for them"
                )
        if len(names) > 1:
            logger.log(NOTE, f"videos {' and '.join(sorted(names))} have the same frames; remove one if not meant")
    write_json(output, {"shared_by_parts": []})
