"""Check a label file against its video and convert it to ethomake's format."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ethomake.errors import InputError
from ethomake.files import read_json
from ethomake.ingest.times import frame_clock
from ethomake.labels.formats import read_any_labels
from ethomake.labels.steps import rows_of_frames
from ethomake.labels.table import LabelTable, write_labels
from ethomake.letters import look, strange_letter
from ethomake.messages import NOTE

logger = logging.getLogger(__name__)


def check_labels(
    source: str | Path,
    manifest: str | Path,
    output: str | Path,
    *,
    behaviors: Sequence[str],
    scored: Sequence[str] | None = None,
    exclusive: bool = False,
    models: str | Path | None = None,
) -> None:
    """Read labels of any known format, check them against the video, and write them in ethomake's format.

    Args:
        source: the user's label file.
        manifest: video.json of the video, whose `frames` were counted by decoding it.
        output: the label file to write in ethomake's format: the columns are `behaviors`, one row per video frame.
        behaviors: all behaviors of the project, in order.
        scored: the behaviors that were scored in this video (None or empty: all); the others become -1.
        exclusive: whether at most one behavior can be present at a time.
        models: bundle.json of the bundle to be tested on these labels.

    Raises:
        InputError: if the file is wrong, lacks a scored behavior, has more or fewer rows than the video has
            frames, or has two exclusive behaviors in one frame; or if the bundle was trained on this video.
    """
    video = read_json(manifest)
    if models and video["frames_digest"] in read_json(models)["seen"]:
        raise InputError(
            f"video {video['video']}: the bundle was trained on this very video, so a score on it would say nothing; "
            "give it the part train, or no labels"
        )
    given = read_any_labels(source)
    if given.note:
        logger.log(NOTE, f"{source}: {given.note}")
    if given.times is not None:
        given = _by_frame(given, source, video)
    table = choose_behaviors(given, source, behaviors=behaviors, scored=scored)
    values, frames = table.values, video["frames"]
    if len(values) != frames:
        many = "more" if len(values) > frames else "fewer"
        raise InputError(
            f"{source}: {len(values)} rows of labels but video {video['video']} has {frames} frames, {many} rows "
            "than frames; give every frame of the decoded video one row (-1: not scored), or give "
            "the labels of this video if these belong to another"
        )
    twice = np.flatnonzero((values == 1).sum(axis=1) > 1)
    if exclusive and len(twice):
        names = " and ".join(np.array(table.behaviors)[values[twice[0]] == 1])
        raise InputError(
            f"{source}, frame {twice[0]}: {names} are present at once ({len(twice)} such frames) though they exclude "
            "each other; correct the labels, or set exclusive: false"
        )
    for start, stop in video["damaged"]:  # damaged frames show nothing that could be scored
        values[start:stop] = -1
    write_labels(output, table)


def _by_frame(given: LabelTable, source: str | Path, video: dict[str, Any]) -> LabelTable:
    """Return a table by time as one by frame; frames after its last row become -1.

    Raises:
        InputError: if the times of the rows are not those of the video.
    """
    assert given.times is not None
    clock = frame_clock(video)  # of the file: programs for scoring know no other rate
    end = float(clock.ends[-1])
    try:
        rows = rows_of_frames(given.times, clock.begins, end, given.tolerance)
    except ValueError as error:
        raise InputError(f"{source}: {error}") from None
    beyond, late = int((given.times >= end).sum()), int((rows < 0).sum())
    used = len(np.unique(rows[rows >= 0]))
    told = [f"read by time: {used} rows for {len(rows)} frames"]
    told += [f"{beyond} rows after the end of the video are left out"] if beyond else []
    told += [f"{late} frames after the last row count as not scored"] if late else []
    logger.log(NOTE, f"{source}: {'; '.join(told)}")
    values = np.where(rows[:, None] >= 0, given.values[rows], np.int8(-1)).astype(np.int8)
    return replace(given, values=values, times=None)


def choose_behaviors(
    table: LabelTable, source: str | Path, *, behaviors: Sequence[str], scored: Sequence[str] | None = None
) -> LabelTable:
    """Return the columns `behaviors` of a table, in that order; -1 where a behavior is not in `scored`.

    Columns that are none of `behaviors` are left out, with a note in the log.

    Raises:
        InputError: if `scored` has an unknown behavior or the table lacks a scored one; its message names `source`.
    """
    scored = list(scored or behaviors)
    for name in scored:
        if name not in behaviors:
            raise InputError(
                f"{source}: scored for '{name}', which is not one of the behaviors ({', '.join(behaviors)}); correct "
                "that name in the list of scored behaviors"
            )
    unknown = [name for name in (*table.behaviors, *table.others) if name not in behaviors]
    for name in scored:
        if name in table.others:
            raise table.others[name]
        if name not in table.behaviors:
            other = [each for each in unknown if each not in table.others]
            if same := [each for each in unknown if look(each) == look(name)]:
                raise InputError(
                    f"{source}, line 1: there is no column '{name}', one of the behaviors; the column '{same[0]}' "
                    "looks the same but differs in an invisible character: type the name again there"
                )
            alike = ((each, strange) for each in other if (strange := strange_letter(each, name)))
            if found := next(alike, None):
                raise InputError(
                    f"{source}, line 1: there is no column '{name}', one of the behaviors; the column '{found[0]}' may "
                    f"look the same but one of the two has another letter ({found[1]}): type the name again there"
                )
            hint = f"rename one of the unknown columns ({', '.join(other)})" if other else "add the column"
            raise InputError(
                f"{source}, line 1: there is no column '{name}', one of the behaviors; {hint}, or leave "
                f"'{name}' out of the list of scored behaviors if it was not scored in this video"
            )
    if unknown:
        logger.log(NOTE, f"{source}: left out the columns that are not among the behaviors: {', '.join(unknown)}")
    values = np.full((len(table.values), len(behaviors)), -1, np.int8)
    for column, name in enumerate(behaviors):
        if name in scored:
            values[:, column] = table.values[:, table.behaviors.index(name)]
    return LabelTable(tuple(behaviors), values)
