"""Check a label file against its video and bring it into our own form."""

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ethomake.errors import InputError
from ethomake.files import read_json
from ethomake.labels.formats import read_any_labels
from ethomake.labels.table import LabelTable, write_labels
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
    """Read labels of any known format, check them against the video, write them in our own form.

    Args:
        source: the user's label file.
        manifest: video.json of the video, whose `frames` were counted by decoding it.
        output: the label file in our own form: the columns are `behaviors`, a row a frame of the video.
        behaviors: all behaviors of the project, in order.
        scored: the behaviors that were scored in this video (None or empty: all); the others become -1.
        exclusive: whether two behaviors can never be on at once.
        models: bundle.json of the bundle that is to be tested on these labels.

    Raises:
        InputError: if the file is wrong, lacks a scored behavior, has more or fewer rows than the video has
            frames, or has two behaviors on at once though they exclude each other; or if the bundle was trained on
            this video.
    """
    video = read_json(manifest)
    if models and video["frames_digest"] in read_json(models)["seen"]:
        raise InputError(
            f"video {video['video']}: the bundle was trained on this very video, so a score on it would say nothing; "
            "write train into the column part of the video table, or leave its labels empty"
        )
    given = read_any_labels(source)
    if given.note:
        logger.log(NOTE, f"{source}: {given.note}")
    table = choose_behaviors(given, source, behaviors=behaviors, scored=scored)
    values, frames = table.values, video["frames"]
    if len(values) != frames:
        many = "more" if len(values) > frames else "fewer"
        raise InputError(
            f"{source}: {len(values)} rows of labels but video {video['video']} has {frames} frames, {many} rows "
            "than frames; give every frame of the decoded video one row (-1: not scored), or correct the video "
            "table if these labels belong to another video"
        )
    twice = np.flatnonzero((values == 1).sum(axis=1) > 1)
    if exclusive and len(twice):
        names = " and ".join(np.array(table.behaviors)[values[twice[0]] == 1])
        raise InputError(
            f"{source}, frame {twice[0]}: {names} are on at once ({len(twice)} such frames) though config.yaml says "
            "exclusive: true; correct the labels or set exclusive: false"
        )
    for start, stop in video["damaged"]:  # nobody can have seen what happens on these frames
        values[start:stop] = -1
    write_labels(output, table)


def choose_behaviors(
    table: LabelTable, source: str | Path, *, behaviors: Sequence[str], scored: Sequence[str] | None = None
) -> LabelTable:
    """The columns `behaviors` of a table, in that order; -1 where a behavior is not in `scored`.

    Columns that are none of `behaviors` are left out, and said so.

    Raises:
        InputError: if `scored` has an unknown behavior or the table lacks a scored one; `source` is named.
    """
    scored = list(scored or behaviors)
    for name in scored:
        if name not in behaviors:
            raise InputError(
                f"video table, column scored: '{name}' is no behavior of config.yaml ({', '.join(behaviors)}); "
                f"correct the name in the row whose labels are {source}"
            )
    unknown = [name for name in (*table.behaviors, *table.others) if name not in behaviors]
    for name in scored:
        if name in table.others:
            raise table.others[name]
        if name not in table.behaviors:
            other = [each for each in unknown if each not in table.others]
            hint = f"rename one of the unknown columns ({', '.join(other)})" if other else "add the column"
            raise InputError(
                f"{source}, line 1: there is no column '{name}', a behavior of config.yaml; {hint}, or leave "
                f"'{name}' out of the column scored of the video table if it was not scored in this video"
            )
    if unknown:
        logger.log(NOTE, f"{source}: left out the columns that are no behaviors of config.yaml: {', '.join(unknown)}")
    values = np.full((len(table.values), len(behaviors)), -1, np.int8)
    for column, name in enumerate(behaviors):
        if name in scored:
            values[:, column] = table.values[:, table.behaviors.index(name)]
    return LabelTable(tuple(behaviors), values)
