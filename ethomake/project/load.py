"""A project: complete settings, the videos, and who trains, validates and tests."""

import glob
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ethomake.project import PARTS
from ethomake.project.settings import resolve_settings
from ethomake.project.splits import assign_videos, assign_without_training, choose_flow_videos, read_split
from ethomake.project.videos import Video, check_rows, find_videos, read_table


@dataclass(frozen=True)
class Project:
    """A checked project: complete settings, the videos, and who trains, validates and tests."""

    settings: dict[str, Any]
    videos: dict[str, Video]
    parts: dict[str, list[str]]  # train, validate, test: sorted names of labelled videos
    flow_parts: dict[str, list[str]]  # train, validate: the videos of the flow network, labelled or not
    remembered: dict[str, list[str]]  # parts, with videos of an earlier split that are gone; empty: nothing is trained
    notes: tuple[str, ...]  # what the user should know, a line each


def load_project(
    config: Mapping[str, Any],
    *,
    table: str | Path | None = None,
    rows: Iterable[Mapping[str, str]] | None = None,
    split: str | Path = "results/splits/main.json",
) -> Project:
    """Check a config and its video table.

    Args:
        config: what config.yaml, an example's overlay and the command line say together.
        table: video table to read instead of the one named in `config` (an example's); its files may be missing.
        rows: rows of a table that is drawn rather than read (the simulated example); its files may be missing.
        split: where an earlier split lies; videos it names keep their part.

    Raises:
        InputError: for the first mistake that is found, with the number of the others.
    """
    settings = resolve_settings(config)
    if rows is not None:
        numbered = [(n, {key: cell for key, cell in row.items() if cell}) for n, row in enumerate(rows, start=1)]
        videos = check_rows(numbered, "the example's table", settings["behaviors"], must_exist=False)
    elif table is not None:
        videos = check_rows(read_table(table), str(table), settings["behaviors"], must_exist=False)
    elif glob.has_magic(settings["videos"]):
        videos = check_rows(find_videos(settings["videos"]), settings["videos"], settings["behaviors"], found=True)
    else:
        videos = check_rows(read_table(settings["videos"]), settings["videos"], settings["behaviors"])
    previous = read_split(split)
    names = {video.video: video for video in videos}
    if settings["models"] != "none":
        parts, notes = assign_without_training(videos, previous)
        return Project(settings, names, parts, {"train": [], "validate": []}, {}, tuple(notes))
    parts, notes = assign_videos(videos, settings, previous)
    flow_parts = choose_flow_videos(settings["flow"]["videos"], names, parts, previous.get("flow", {}))
    if flow_parts["train"] and not flow_parts["validate"]:
        notes.append("flow.videos names all validation videos: the optic flow is trained without any")
    present = {name for part in PARTS for name in parts[part]}
    remembered = {part: sorted({*parts[part], *(set(previous.get(part, ())) - present)}) for part in PARTS}
    return Project(settings, names, parts, flow_parts, remembered, tuple(notes))
