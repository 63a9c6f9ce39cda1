"""Ethomake's format: `frame,<behavior>,...`, one row per frame."""

from pathlib import Path

from ethomake.labels.policies import Policies
from ethomake.labels.table import LabelTable, Positives, count_frames, head_names, read_table, write_labels
from ethomake.labels.timeline import Timeline

TITLE = "ethomake (first column 'frame', then the behaviors)"
EXTENSION = ".csv"
PLAIN = True


def sniff(path: Path) -> bool:
    """Return whether the first column is named `frame`."""
    return head_names(path)[:1] in (["frame"], ["Frame"], ["FRAME"])


def read(path: Path, timeline: Timeline, policies: Policies) -> LabelTable:
    """Return the labels; a column `background` is checked and left out."""
    return read_table(path, first=1, index=True, policies=policies)


def count_positives(path: Path, policies: Policies, video: str = "", subject: str = "") -> Positives:
    """Count the frames of each behavior."""
    return count_frames(read_table(path, first=1, index=True, policies=policies))


def write(table: LabelTable, timeline: Timeline, path: Path) -> None:
    """Write the labels."""
    write_labels(path, table)
