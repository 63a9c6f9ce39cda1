"""Load a project: its videos and its runs."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from ethomake.errors import InputError
from ethomake.project import CHECK, PARTS
from ethomake.project.copies import check_copies, notes_on_labels
from ethomake.project.messages import show, suggest
from ethomake.project.recordings import places_of, read_places, recordings_of
from ethomake.project.runs import MAIN, Run, Split, changed_config, find_homes
from ethomake.project.settings import resolve_settings
from ethomake.project.splits import (
    assign_videos,
    assign_without_training,
    choose_flow_videos,
    count_all_positives,
    read_split,
)
from ethomake.project.tracks import check_bundle, check_tracks
from ethomake.project.videos import Video, check_rows, find_videos, is_archived, is_glob, near_misses, read_table

LAST_USUAL = 0x52F
"""The last letter of Latin, Greek and Cyrillic, which the font of all figures has."""


@dataclass(frozen=True)
class Project:
    """A checked project.

    Attributes:
        videos: by name, in the table's order.
        runs: by name, `main` first.
        notes: notes for the user, one line each.
    """

    videos: dict[str, Video]
    runs: dict[str, Run]
    notes: tuple[str, ...]

    @property
    def main(self) -> Run:
        """The run that config.yaml describes."""
        return self.runs[MAIN]

    @cached_property
    def recordings(self) -> dict[str, str]:
        """For each video, the recording (camera or session) it is from, as `recordings_of` finds it."""
        return recordings_of(self.videos.values(), self.places)

    @cached_property
    def places(self) -> dict[str, str]:
        """For each video, the path by which its recording is named, as `places_of` finds it."""
        if self.main.settings["example"] != "none":
            return {}
        return places_of(self.videos.values(), read_places())

    @cached_property
    def homes(self) -> dict[tuple[str, str], str]:
        """For each stage and run, the run whose folder has the results."""
        return find_homes(self.runs)


def open_project(config: Mapping[str, Any], root: Path, *, thorough: bool = True) -> Project:
    """Check the project of a config, or the example that it asks for, which has a video table of its own.

    Args:
        config: what config.yaml, the overlay of an example and the command line say together.
        root: the folder of the Snakefile.
        thorough: whether to look for slips that no job depends on; jobs open the project again, and need not.

    Raises:
        InputError: for the first mistake that is found, with the number of the others.
    """
    if config.get("example") == "simulated":
        from ethomake.example.simulated import simulated_table

        return load_project(config, rows=simulated_table(resolve_settings(config)["simulated"]))
    if config.get("example") == "flies":
        return load_project(config, table=root / "example" / "flies.csv")
    return load_project(config, thorough=thorough)


def _refuse_to_adapt_to_videos(project: Project) -> Project:
    """Return a project, unless its streams would be adapted to each video for want of recordings.

    Raises:
        InputError: if they would.
    """
    wants = [run.name for run in project.runs.values() if run.settings["streams"]["adapt"] == "recording"]
    is_named = any(video.recording for video in project.videos.values())
    if wants and not is_named and len(set(project.recordings.values())) == len(project.videos) > 1:
        key = "streams.adapt" if wants[0] == MAIN else f"runs.{wants[0]}.streams.adapt"
        raise InputError(
            f"config: {key} = recording: all videos lie in one folder, so each would be a recording of its own, and "
            "statistics of one video hide what its animal does; name the recordings in the column recording of the "
            "video table, or set none"
        )
    return project


def load_project(
    config: Mapping[str, Any],
    *,
    table: str | Path | None = None,
    rows: Iterable[Mapping[str, str]] | None = None,
    splits: str | Path = "results/splits",
    thorough: bool = True,
) -> Project:
    """Check a config and its video table.

    Args:
        config: config.yaml, merged with an example's config and the command line.
        table: video table to read instead of the one named in `config` (an example's); its files may be missing.
        rows: rows of a generated table (the simulated example); its files may be missing.
        splits: the folder of earlier splits, one file per run; videos in these keep their part.
        thorough: whether to look for copies of videos and labels, and for files that a glob misses by a hair.

    Raises:
        InputError: for the first mistake that is found, with the number of the others.
    """
    settings = resolve_settings(config)
    changes = settings.pop("runs")
    slips: list[str] = []
    places: dict[str, str] = {}
    if rows is not None:
        numbered = [(n, {key: cell for key, cell in row.items() if cell}) for n, row in enumerate(rows, start=1)]
        videos = check_rows(numbered, "the example's table", settings["behaviors"], must_exist=False)
    elif table is not None:
        videos = check_rows(read_table(table), str(table), settings["behaviors"], must_exist=False)
    else:
        found = is_glob(settings["videos"])
        numbered = find_videos(settings["videos"]) if found else read_table(settings["videos"])
        videos = check_rows(numbered, settings["videos"], settings["behaviors"], found=found)
        if thorough:
            slips = near_misses(settings["videos"], numbered) if found else []
            places = {
                row["video"]: f"file {row['path']}" if found else f"{settings['videos']} line {line}"
                for line, row in numbered
            }
    try:
        project = _split_up(config, settings, changes, videos, Path(splits))
    except InputError as error:
        if not slips:
            raise
        raise InputError(f"{error} (but look: {'; '.join(slips[:4])})") from None
    if settings["models"] != "none":
        check_bundle(videos, settings["models"], places)
    if places:
        check_tracks(videos, settings["track"], places)
        slips += check_copies(videos, project.runs, places)
        slips += notes_on_labels(videos, places, settings["labels"])
        slips += _notes_on_fonts([*settings["behaviors"], *(video.group for video in videos)])
    return _refuse_to_adapt_to_videos(replace(project, notes=(*project.notes, *slips)))


def _notes_on_fonts(names: Iterable[str]) -> list[str]:
    """Return a note if figures will lack letters of some names; matplotlib is loaded for rare scripts only."""
    rare = [name for name in names if any(ord(letter) > LAST_USUAL for letter in name)]
    if not rare:
        return []
    from ethomake.fonts import note_on

    return [note] if (note := note_on(rare)) else []


def _split_up(
    config: Mapping[str, Any],
    settings: dict[str, Any],
    changes: Mapping[str, Any],
    videos: list[Video],
    splits: Path,
) -> Project:
    """Return the project with its runs, each with its split of the videos."""
    names = {video.video: video for video in videos}
    archived = [] if settings["example"] != "none" else [each for each in videos if is_archived(each.video, each.path)]
    previous = read_split(splits / f"{MAIN}.json")
    if settings["models"] != "none":
        if changes:
            raise InputError("config: runs: with models nothing is trained, so runs cannot differ; remove them")
        if settings["example"] == "none":
            # told now, not when the labels' turn comes
            count_all_positives(videos, settings["behaviors"], settings.get("labels", {}))
        parts, notes = assign_without_training(videos, previous)
        split = Split(parts, {"train": [], "validate": []}, {})
        notes += _note_archived(archived)
        return Project(names, {MAIN: Run(MAIN, split, settings)}, tuple(notes))
    split, notes = _deal(videos, settings, previous)
    runs = {MAIN: Run(MAIN, split, settings)}
    for name, change in changes.items():
        runs[name], more = _load_run(name, config, change, videos, runs[MAIN], splits / f"{name}.json")
        notes += [f"run {name}: {note}" for note in more]
    notes += _note_archived(archived)
    return Project(names, runs, tuple(notes))


def _note_archived(videos: list[Video]) -> list[str]:
    """Return a note on videos whose files are not there any more, which nothing needs as long as their frames are."""
    if not videos:
        return []
    shown = ", ".join(show(video.path) for video in videos[:2]) + (f" and {len(videos) - 2} more" if videos[2:] else "")
    return [f"not there: {shown}; nothing needs them, as their frames were read, unless these are to be read anew"]


def _deal(videos: list[Video], settings: Mapping[str, Any], previous: Mapping[str, Any]) -> tuple[Split, list[str]]:
    """Return a split of some videos by the settings and an earlier split, and notes for the user."""
    parts, notes = assign_videos(videos, settings, previous)
    names = {video.video: video for video in videos}
    flow = choose_flow_videos(settings["flow"]["videos"], names, parts, previous.get("flow", {}))
    if flow["train"] and not flow["validate"]:
        notes.append("flow.videos names all validation videos: the optic flow is trained without any")
    present = {name for part in PARTS for name in parts[part]}
    remembered = {part: sorted({*parts[part], *(set(previous.get(part, ())) - present)}) for part in PARTS}
    return Split(parts, flow, remembered), notes


def _load_run(
    name: str, config: Mapping[str, Any], changes: Mapping[str, Any], videos: list[Video], main: Run, earlier: Path
) -> tuple[Run, list[str]]:
    """Return a run beside `main`, and notes for the user.

    Its split is that of `main` unless it lists the videos of each part (`parts`) or has its own shares (`split`).
    """
    if name == MAIN or not re.fullmatch("[A-Za-z0-9_-]+", str(name)):
        raise InputError(f"config: runs.{name}: not a valid name; use letters, digits, _ and -, but not main")
    chosen = changes.get("parts")
    own = {key: value for key, value in changes.items() if key != "parts"}
    try:
        settings = resolve_settings(changed_config(config, name, own))
    except InputError as error:
        message = str(error)
        if message.startswith("config: ") and not message.startswith("config: runs."):
            raise InputError(f"config: runs.{name}: {message.removeprefix('config: ')}") from None
        raise
    del settings["runs"]
    if chosen is not None or "split" in own:
        videos = videos if chosen is None else _choose(name, chosen, videos)
        try:
            split, notes = _deal(videos, settings, read_split(earlier) if chosen is None else {})
        except InputError as error:
            raise InputError(f"run {name}: {error}") from None
    elif settings["flow"]["videos"] != main.settings["flow"]["videos"]:
        names = {video.video: video for video in videos}
        flow = choose_flow_videos(
            settings["flow"]["videos"], names, main.split.parts, read_split(earlier).get("flow", {})
        )
        split, notes = replace(main.split, flow=flow), []
    else:
        split, notes = main.split, []
    return Run(name, split, settings), notes


def _choose(name: str, parts: Mapping[str, list[str]], videos: list[Video]) -> list[Video]:
    """Return the labelled videos that a run lists, each with the part for which it is listed, and the check videos."""
    labelled = {video.video: video for video in videos if video.labels}
    checks = [video for video in labelled.values() if video.part == CHECK]
    chosen: dict[str, Video] = {}
    for part in PARTS:
        for video in parts.get(part, []):
            key = f"config: runs.{name}.parts.{part} = {show(video)}"
            if video not in labelled:
                raise InputError(f"{key}: no labelled video of this name{suggest(video, labelled)}")
            if labelled[video].part == CHECK:
                raise InputError(f"{key}: its part in the video table is check, so nothing may use it; leave it out")
            if video in chosen:
                raise InputError(f"{key}: it is in {chosen[video].part} already; a video has one part")
            chosen[video] = replace(labelled[video], part=part)
    for part in ("train", "validate"):
        if not parts.get(part):
            raise InputError(f"config: runs.{name}.parts: no video in {part}; name at least one")
    return [*chosen.values(), *checks]
