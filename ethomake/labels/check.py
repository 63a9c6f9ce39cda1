"""Check a label file against its video and convert it to ethomake's format."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ethomake.errors import InputError
from ethomake.files import read_json, write_json
from ethomake.ingest.times import unseen
from ethomake.labels.bouts import find_bouts
from ethomake.labels.formats import find_formats, recognize
from ethomake.labels.groups import Exclusive, groups_of
from ethomake.labels.names import Names, check_listed, map_names
from ethomake.labels.policies import STRICT, Policies
from ethomake.labels.table import LabelTable, write_labels
from ethomake.labels.timeline import Timeline
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
    exclusive: Exclusive = False,
    models: str | Path | None = None,
    subject: str = "",
    policies: Policies = STRICT,
    names: Names | None = None,
    report: str | Path | None = None,
) -> None:
    """Read labels of any known format, check them against the video, and write them in ethomake's format.

    Args:
        source: the user's label file.
        manifest: video.json of the video, whose `frames` were counted by decoding it.
        output: the label file to write in ethomake's format: the columns are `behaviors`, one row per video frame.
        behaviors: all behaviors of the project, in order.
        scored: the behaviors that were scored in this video (None or empty: all); the others become -1.
        exclusive: which behaviors exclude each other.
        models: bundle.json of the bundle to be tested on these labels.
        subject: the animal whose labels are meant, in files with several.
        policies: what is done with entries that are not clear.
        names: the name in the config by that in the file; None leaves a behavior out.
        report: the import report to write, JSON: `format`, `behaviors` (for each: bouts and frames, frames that were
            not scored), `notes`, `mended` and `ignored`, lists of text.

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
    table, facts = read_checked_labels(
        source,
        video,
        behaviors=behaviors,
        scored=scored,
        exclusive=exclusive,
        subject=subject,
        policies=policies,
        names=names,
    )
    write_labels(output, table)
    if report:
        write_json(report, facts)


def read_checked_labels(
    source: str | Path,
    video: dict[str, Any],
    *,
    behaviors: Sequence[str],
    scored: Sequence[str] | None = None,
    exclusive: Exclusive = False,
    partly: bool = False,
    subject: str = "",
    policies: Policies = STRICT,
    names: Names | None = None,
) -> tuple[LabelTable, dict[str, Any]]:
    """Return the labels of a file of any known format by frame, checked against their video, and an import report.

    Args:
        source: the user's label file.
        video: content of video.json.
        behaviors: all behaviors of the project, in order.
        scored: the behaviors that were scored in this video (None or empty: all); the others become -1.
        exclusive: which behaviors exclude each other.
        partly: whether behaviors without a column are taken for not scored, with a note, as long as there is one.
        subject: the animal whose labels are meant, in files with several.
        policies: what is done with entries that are not clear.
        names: the name in the config by that in the file; None leaves a behavior out.

    Raises:
        InputError: if the file is wrong or does not fit the video.
    """
    kind = recognize(source)
    given = find_formats()[kind].read(Path(source), Timeline.of(video, subject), policies)
    given = map_names(given, names or {})
    for note in given.notes:
        logger.log(NOTE, f"{source}: {note}")
    if partly and not given.is_list:
        scored = _there(given, source, scored or behaviors)
    table = choose_behaviors(given, source, behaviors=behaviors, scored=scored)
    values, frames = table.values, video["frames"]
    if len(values) != frames:
        many = "more" if len(values) > frames else "fewer"
        raise InputError(
            f"{source}: {len(values)} rows of labels but video {video['video']} has {frames} frames, {many} rows "
            "than frames; give every frame of the decoded video one row (-1: not scored), or give "
            "the labels of this video if these belong to another"
        )
    _check_exclusive(table, source, exclusive)
    for start, stop in unseen(video):  # they show nothing that could be scored
        values[start:stop] = -1
    return table, {"format": kind, **describe_import(given, table)}


def _there(given: LabelTable, source: str | Path, scored: Sequence[str]) -> Sequence[str]:
    """Return those of the behaviors that a file has, with a note on the others.

    Raises:
        InputError: if it has none.
    """
    found = [name for name in scored if name in (*given.behaviors, *given.others)]
    if not found:
        return scored  # of which the first is told to be missing
    if missing := [name for name in scored if name not in found]:
        logger.log(NOTE, f"{source}: no column for {', '.join(missing)}: taken for not scored")
    return found


def _check_exclusive(table: LabelTable, source: str | Path, exclusive: Exclusive) -> None:
    """Raise InputError for the first frame in which two behaviors of a group are present."""
    for group in groups_of(exclusive, table.behaviors):
        on = table.values[:, group] == 1
        if len(twice := np.flatnonzero(on.sum(axis=1) > 1)):
            names = " and ".join(table.behaviors[group[place]] for place in np.flatnonzero(on[twice[0]]))
            remedy = "set exclusive: false" if isinstance(exclusive, bool) else "take one out of its group (exclusive)"
            raise InputError(
                f"{source}, frame {twice[0]}: {names} are present at once ({len(twice)} such frames) though they "
                f"exclude each other; correct the labels, or {remedy}"
            )


def describe_import(given: LabelTable, table: LabelTable) -> dict[str, Any]:
    """Return what was read of a label file: `behaviors`, `notes`, `mended`, `ignored`.

    Args:
        given: the labels of the file, under the names of the config.
        table: those of the behaviors of the config, as they are used.
    """
    behaviors = {
        name: {
            "bouts": len(find_bouts(column == 1)),
            "frames": int((column == 1).sum()),
            "not_scored": int((column == -1).sum()),
        }
        for name, column in zip(table.behaviors, table.values.T, strict=True)
    }
    unused = [name for name in (*given.behaviors, *given.others) if name not in table.behaviors]
    ignored = [*given.ignored, *(f"{name}, which is not among the behaviors" for name in unused)]
    return {
        "frames": len(table.values),
        "behaviors": behaviors,
        "notes": list(given.notes),
        "mended": list(given.mended),
        "ignored": ignored,
    }


def choose_behaviors(
    table: LabelTable, source: str | Path, *, behaviors: Sequence[str], scored: Sequence[str] | None = None
) -> LabelTable:
    """Return the columns `behaviors` of a table, in that order; -1 where a behavior is not in `scored`.

    Columns that are none of `behaviors` are left out, with a note in the log. A behavior that is not in a list of bouts
    was absent in all frames that were observed, or not scored if the file says which behaviors were.

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
    if table.is_list:
        check_listed(source, table.behaviors, behaviors=behaviors, scored=scored)
    for name in scored:
        if name in table.others:
            raise table.others[name]
        if name not in table.behaviors and not table.is_list:
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
        if name in scored and name in table.behaviors:
            values[:, column] = table.values[:, table.behaviors.index(name)]
        elif name in scored and table.observed is not None:
            values[table.observed, column] = 0
    if absent := [name for name in scored if name not in table.behaviors]:
        how = "counts as absent" if table.observed is not None else "was not scored"
        logger.log(NOTE, f"{source}: there is no bout of {', '.join(absent)}: it {how}")
    return LabelTable(tuple(behaviors), values)
