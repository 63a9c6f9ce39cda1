"""Check a label file against its video and convert it to ethomake's format."""

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ethomake.errors import InputError
from ethomake.files import read_json
from ethomake.labels.formats import read_any_labels
from ethomake.labels.policies import STRICT, Policies
from ethomake.labels.table import LabelTable, write_labels
from ethomake.labels.timeline import Timeline
from ethomake.letters import look
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
    subject: str = "",
    policies: Policies = STRICT,
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
        subject: the animal whose labels are meant, in files with several.
        policies: what is done with entries that are not clear.

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
    given = read_any_labels(source, Timeline.of(video, subject), policies)
    for note in given.notes:
        logger.log(NOTE, f"{source}: {note}")
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
