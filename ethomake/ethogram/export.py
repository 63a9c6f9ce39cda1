"""Decisions of the model -> label files of other programs, to be looked at and corrected there."""

from collections.abc import Sequence
from pathlib import Path

from ethomake.errors import InputError
from ethomake.ethogram.tables import read_predictions
from ethomake.files import read_json
from ethomake.labels.formats import find_formats, writable_formats
from ethomake.labels.table import LabelTable
from ethomake.labels.timeline import Timeline


def export_labels(
    predictions: str | Path,
    manifest: str | Path,
    output: str | Path,
    *,
    format: str,
    behaviors: Sequence[str],
    subject: str = "",
) -> None:
    """Write what was decided for each frame of a video as a label file of another program.

    Args:
        predictions: the predictions of the video.
        manifest: its video.json.
        output: the file to write, whole or not at all.
        format: name of a module in `ethomake.labels.formats` that writes.
        behaviors: names, in order.
        subject: the animal in the video; "" if none is named.

    Raises:
        InputError: if there is no such format.
    """
    if format not in writable_formats():
        raise InputError(f"{output}: format {format} cannot be written; formats are {', '.join(writable_formats())}")
    table = LabelTable(tuple(behaviors), read_predictions(predictions, behaviors).decisions)
    find_formats()[format].write(table, Timeline.of(read_json(manifest), subject), Path(output))
