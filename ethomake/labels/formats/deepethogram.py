"""DeepEthogram's `<video>_labels.csv`: an unnamed index (not in all files), `background`, the behaviors.

Values are 1, 0 and -1, written as floats by some versions. DeepEthogram's predictions have the same format.
"""

from pathlib import Path

import numpy as np

from ethomake.labels.policies import Policies
from ethomake.labels.table import (
    BACKGROUND,
    TIME_COLUMN,
    LabelTable,
    Positives,
    background,
    count_frames,
    head_names,
    read_table,
    write_table,
)
from ethomake.labels.timeline import Timeline

TITLE = "DeepEthogram (a column 'background', in front an index without a name or nothing)"
EXTENSION = ".csv"
PLAIN = True


def sniff(path: Path) -> bool:
    """Return whether there is an unnamed index column, or a background column and the first is no frame or time."""
    names = [name.lower() for name in head_names(path)]
    other = names and (names[0] == "frame" or TIME_COLUMN.fullmatch(names[0]))
    return any(names[1:]) and (_has_index(names) or (BACKGROUND in names and not other))


def read(path: Path, timeline: Timeline, policies: Policies) -> LabelTable:
    """Return the labels without `background`, which is derived."""
    index = _has_index(head_names(path))
    return read_table(path, first=int(index), index=index, policies=policies)


def count_positives(path: Path, policies: Policies, video: str = "", subject: str = "") -> Positives:
    """Count the frames of each behavior."""
    index = _has_index(head_names(path))
    return count_frames(read_table(path, first=int(index), index=index, policies=policies))


def write(table: LabelTable, timeline: Timeline, path: Path) -> None:
    """Write the labels with an index and the background, which is -1 where it is not known."""
    columns = np.column_stack([background(table.values), table.values])
    write_table(path, "", (BACKGROUND, *table.behaviors), columns)


def _has_index(header: list[str]) -> bool:
    return header[0].lower() in ("", "unnamed: 0")  # the second: written by pandas, read and written again
