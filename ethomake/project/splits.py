"""Splits: which labelled videos train, validate and test, and which the flow network learns from."""

import os
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import ethomake.labels
from ethomake.errors import InputError
from ethomake.files import content_digest, read_json, write_json
from ethomake.labels.formats import count_any_positives
from ethomake.labels.names import check_listed, map_positives
from ethomake.labels.policies import Policies
from ethomake.labels.table import Positives
from ethomake.project import CHECK, PARTS
from ethomake.project.messages import show, suggest
from ethomake.project.stratify import assign_parts, units_of
from ethomake.project.videos import Video, is_glob
from ethomake.sources import found_in

MOST_FOLDS = 5
"""Without the videos of each fold, a sequence model is trained anew; more of them cost time and add little."""

FEWEST_RECORDINGS = 3
"""From this many recordings on, folds keep recordings together; with fewer, a fold would take too much away."""


def read_split(path: str | Path) -> dict[str, Any]:
    """Read an earlier split as `write_split` wrote it; return an empty one if there is none.

    Raises:
        InputError: if the file is not a split.
    """
    content = read_json(path) if Path(path).is_file() else {}
    flow = content.get("flow", {}) if isinstance(content, dict) else None
    lists = [*(content.get(part, []) for part in PARTS), *flow.values()] if isinstance(flow, dict) else [None]
    if not all(isinstance(names, list) and all(isinstance(name, str) for name in names) for names in lists):
        raise InputError(f"{path}: not a split (train, validate, test: lists of videos); delete it and run again")
    return content


def write_split(
    path: str | Path,
    parts: Mapping[str, Sequence[str]],
    *,
    run: str,
    seed: int,
    flow: Mapping[str, Sequence[str]] | None = None,
) -> None:
    """Write the split of a run: `{"run", "seed", "train": [...], "validate": [...], "test": [...], "flow": {...}}`.

    Names are sorted. `flow` has the videos that the flow network trains and validates on.
    """
    content = {"run": run, "seed": seed} | {name: sorted(parts[name]) for name in PARTS}
    write_json(path, content | ({"flow": {name: sorted(flow[name]) for name in PARTS[:2]}} if flow else {}))


def assign_videos(
    videos: list[Video], settings: Mapping[str, Any], previous: Mapping[str, Any]
) -> tuple[dict[str, list[str]], list[str]]:
    """Give every labelled video a part; those of the `previous` split keep theirs.

    All label files are checked each time, but read only once, unless their content changes (`found_in`): this runs
    again in each job of a cluster. Those of an example, which the workflow makes, are read for a new split only.

    Returns:
        Sorted names for each of train, validate and test, and of check if there are any; and notes for the user.

    Raises:
        InputError: if nothing is labelled, or nothing would train or validate.
    """
    labelled = [video for video in videos if video.labels]
    dealt = [video for video in labelled if video.part != CHECK]
    if not dealt:
        remedy = "fill the column labels of the video table"
        if settings["example"] == "none" and is_glob(settings["videos"]):
            remedy = "put <name>_labels.csv beside the video"
        raise InputError(
            f"no video has labels, so there is nothing to learn from: {remedy} for at least one training and one "
            "validation video"
        )
    settled = {name for part in PARTS for name in previous.get(part, ())}
    new = any(video.video not in settled for video in labelled)
    positives: dict[str, dict[str, int]] = {}
    if new or settings["example"] == "none":
        positives = count_all_positives(labelled, settings["behaviors"], settings.get("labels", {}))
    parts = assign_parts(
        [vars(video) for video in dealt],
        positives,
        fractions={part: settings["split"][part] for part in PARTS},
        by=settings["split"]["by"],
        seed=settings["seed"],
        previous=previous,
    )
    known = len(positives) == len(labelled)
    if checks := sorted(video.video for video in labelled if video.part == CHECK):
        parts = parts | {CHECK: checks}
    notes = check_split(parts, positives, settings["behaviors"] if known else [])
    return parts, notes + _notes_on_separated(labelled, parts)


def _notes_on_separated(videos: Sequence[Video], parts: Mapping[str, Sequence[str]]) -> list[str]:
    """Return a note if animals that are tracked in one video file are in different parts, which the user has given."""
    part_of = {name: part for part, names in parts.items() for name in names}
    files: dict[str, dict[str, str]] = {}
    for video in videos:
        if video.track:
            files.setdefault(os.path.realpath(video.path), {}).setdefault(part_of[video.video], video.video)
    apart = [found for found in files.values() if len(found) > 1]
    if not apart:
        return []
    shown = " and ".join(f"{name} in {part}" for part, name in apart[0].items())
    others = f"; {len(apart)} videos in all" if apart[1:] else ""
    return [
        f"animals of one video are in different parts ({shown}{others}), but are seen in each other's pictures, so "
        "scores may be too good; give them one part in the video table"
    ]


def assign_without_training(videos: list[Video], previous: Mapping[str, Any]) -> tuple[dict[str, list[str]], list[str]]:
    """Give every labelled video a part if the models come from a bundle: test, since nothing is fitted on it.

    The exceptions are videos with the part train or validate in the table, or in an earlier split of this project: the
    bundle may have been trained on them, and scores on these would be meaningless.

    Returns:
        Sorted names for each of train, validate and test, and of check if there are any; and notes for the user.
    """
    earlier = {name: part for part in PARTS for name in previous.get(part, ())}
    part_of = {video.video: video.part or earlier.get(video.video, "test") for video in videos if video.labels}
    parts = {part: sorted(name for name in part_of if part_of[name] == part) for part in PARTS}
    if checks := sorted(name for name in part_of if part_of[name] == CHECK):
        parts[CHECK] = checks
    notes = []
    if not (parts["test"] or checks):
        notes.append("no test video: the predictions of the bundle's models are not evaluated")
    if apart := [*parts["train"], *parts["validate"]]:
        shown = ", ".join(apart[:3]) + (f" and {len(apart) - 3} more" if apart[3:] else "")
        reason = "their part is train or validate; write test there if the bundle was not made from them"
        notes.append(f"not evaluated: {shown} ({reason})")
    return parts, notes


def choose_flow_videos(
    wanted: str | list[str],
    videos: Mapping[str, Video],
    parts: Mapping[str, list[str]],
    previous: Mapping[str, list[str]],
) -> dict[str, list[str]]:
    """Return the videos on which the flow network trains and validates; it needs no labels.

    Args:
        wanted: the key flow.videos: `keep` those of the previous split as long as they exist and are not test videos,
            `training` to follow the training videos, or names.
        videos: all videos by name.
        parts: the labelled videos of train, validate, test and check.
        previous: the earlier training and validation videos of the flow network; may be empty.

    Raises:
        InputError: if a name is not in the video table, or is a test or check video.
    """
    if wanted == "training":
        return {part: parts[part] for part in ("train", "validate")}
    held_out = {name: part for part in ("test", CHECK) for name in parts.get(part, ())}
    kept = {
        part: [name for name in previous.get(part, []) if name in videos and name not in held_out]
        for part in ("train", "validate")
    }
    train = kept["train"] or parts["train"]
    if wanted != "keep":
        for name in wanted:
            if name not in videos:
                hint = suggest(name, videos) or "; name videos of the video table"
                raise InputError(f"config: flow.videos = {show(name)}: no video of this name{hint}")
            if name in held_out:
                reason = f"it is a {held_out[name]} video, and nothing must be fitted on those; leave it out"
                raise InputError(f"config: flow.videos = {show(name)}: {reason}")
        train = sorted(wanted)
    known = [[name for name in names if name not in train] for names in (kept["validate"], parts["validate"])]
    return {"train": train, "validate": known[0] or known[1]}


def count_positives(
    labels: str | Path,
    scored: Sequence[str] = (),
    video: str = "",
    subject: str = "",
    settings: Mapping[str, Any] | None = None,
) -> tuple[dict[str, int], bool]:
    """Count how much a label file of any known format shows of each behavior.

    Args:
        labels: the label file.
        scored: the behaviors that it has to have.
        video: file name of the video.
        subject: the animal whose labels are meant.
        settings: the section `labels` of the config.

    Returns:
        Counts by behavior, and whether it is a list of bouts, in which a behavior need not be named.

    Raises:
        InputError: if the file is wrong, or a column of `scored` holds something other than labels.
    """
    policies, names = Policies.of(settings or {}), (settings or {}).get("names", {})

    def look() -> Positives:
        return count_any_positives(labels, policies, video, subject)

    def count() -> tuple[dict[str, int], list[str], bool]:
        found = look()
        return found.counts, list(found.others), found.is_list

    reader = f"positives {_label_code()} {[*vars(policies).values(), video, subject]}"
    counts, others, is_list = found_in(labels, reader, count)
    if {names.get(name, name) for name in others}.intersection(scored):
        wrong = map_positives(look(), names).others
        raise next(wrong[name] for name in scored if name in wrong)
    return map_positives(Positives(counts), names).counts, is_list


def count_all_positives(
    videos: Sequence[Video], behaviors: Sequence[str], settings: Mapping[str, Any] | None = None
) -> dict[str, dict[str, int]]:
    """Count the frames in which each behavior is present, for each video whose label file is there.

    Args:
        videos: the rows of the video table; those without labels are left out.
        behaviors: of the config; all are scored in a video unless the table names those that are.
        settings: the section `labels` of the config.

    Raises:
        InputError: if a file is wrong, or lacks a scored behavior.
    """
    positives: dict[str, dict[str, int]] = {}
    for video in videos:
        if not video.labels or not Path(video.labels).is_file():  # an example's are made by the workflow
            continue
        scored = video.scored or behaviors
        counts, is_list = count_positives(video.labels, scored, Path(video.path).name, video.subject, settings)
        if is_list:
            check_listed(video.labels, counts, behaviors=behaviors, scored=scored)
        elif missing := [name for name in scored if name not in counts]:
            raise InputError(
                f"{video.labels}, line 1: there is no column '{missing[0]}', a behavior of config.yaml; the "
                f"columns are {', '.join(counts) or 'none'}{suggest(missing[0], counts)}; correct the header, "
                f"or leave '{missing[0]}' out of the column scored of the video table ({video.video}) if it "
                "was not scored in this video"
            )
        positives[video.video] = {name: counts[name] for name in scored if name in counts}
        if video.second_labels and Path(video.second_labels).is_file():  # read, so that mistakes are told now
            count_positives(video.second_labels, (), Path(video.path).name, video.subject, settings)
    return positives


@cache
def _label_code() -> str:
    """Return a digest of the code that reads labels."""
    files = sorted(Path(ethomake.labels.__file__).parent.rglob("*.py"))
    return content_digest(file.read_bytes() for file in files)


def check_split(
    parts: Mapping[str, Sequence[str]], positives: Mapping[str, Mapping[str, int]], behaviors: Sequence[str]
) -> list[str]:
    """Check that a split allows training and evaluation; return warnings, one line each.

    Raises:
        InputError: if there is no training or validation video, or a behavior is absent from all of them: networks
            that recognize behaviors learn from both.
    """
    for name, what in (("train", "training"), ("validate", "validation")):
        if not parts[name]:
            raise InputError(
                f"there is no {what} video: label more videos, or write '{name}' into the column part of the video "
                "table, or enlarge its share under split in config.yaml; if all labelled videos are of one subject, "
                "set split: by: video there; animals that are tracked in one video stay in one part, unless the table "
                "gives them several"
            )
    warnings = []
    if not parts["test"]:
        scores = "there are no scores but those of check videos" if parts.get(CHECK) else "the model is not evaluated"
        warnings = [f"no test video: {scores}; label more videos"]
    learned = [*parts["train"], *parts["validate"]]
    for behavior in behaviors:
        frames = {name: sum(positives.get(video, {}).get(behavior, 0) for video in parts[name]) for name in PARTS}
        if not frames["train"] and not frames["validate"]:
            raise InputError(
                f"behavior '{behavior}' is absent from all frames of the {len(learned)} training and validation "
                "videos: label videos that show it, move one to train (column part of the video table), or take it "
                "out of behaviors in config.yaml"
            )
        shown = [video for video in learned if positives.get(video, {}).get(behavior, 0)]
        if len(shown) == 1:
            warnings.append(
                f"behavior '{behavior}' is present in only one of the {len(learned)} videos for training and "
                f"validation, {shown[0]}: no threshold can be fitted for it; label it in another one"
            )
        if parts["test"] and not frames["test"]:
            warnings.append(f"behavior '{behavior}' is absent from all frames of the test videos: it is not evaluated")
    return warnings


def deal_folds(
    names: Sequence[str], videos: Mapping[str, Video], recordings: Mapping[str, str], *, by: str
) -> list[list[str]]:
    """Divide labelled videos into folds; what is predicted for a fold comes from models that did not see its videos.

    Animals that are tracked in one video file are in one fold, unless there is no other file.

    Up to five videos (or subjects) are a fold each. More are dealt to five folds, recordings as a whole if there are
    three or more, so that the probabilities in a fold are those in an unknown recording.

    Args:
        names: the videos.
        videos: the rows of the video table, by name.
        recordings: the recording of each video, by name (see `recordings_of`).
        by: `subject` keeps the videos of a subject in one fold, `video` does not.

    Returns:
        Sorted names of each fold; none if the videos cannot be divided.
    """

    def group(key: Callable[[str], object]) -> list[list[str]]:
        groups: dict[object, list[str]] = {}
        for name in sorted(names):
            groups.setdefault(key(name), []).append(name)
        return list(groups.values())

    rows = [vars(videos[name]) | {"part": ""} for name in names]
    for each in (rows, [row | {"track": ""} for row in rows]):
        units = group(units_of(each, by).__getitem__)
        if len(units) > 1:
            break
    if len(units) > MOST_FOLDS:
        by_recording = group(recordings.__getitem__)
        units = by_recording if len(by_recording) >= FEWEST_RECORDINGS else units
    units.sort(key=len, reverse=True)
    folds = [sorted(name for unit in units[number::MOST_FOLDS] for name in unit) for number in range(MOST_FOLDS)]
    folds = [fold for fold in folds if fold]
    return folds if len(folds) > 1 else []
