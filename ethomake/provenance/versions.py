"""Find results that were made with other versions of the packages on which their bytes depend."""

import importlib.metadata
from collections.abc import Container
from pathlib import Path

from ethomake.provenance.record import RECORDS, read_records

# Versions of the first two may decode other pixels, those of the others may round differently.
WATCHED = ("imageio-ffmpeg", "simplejpeg", "torch", "torchvision")


def version_notes(folder: str | Path = RECORDS, rules: Container[str] | None = None) -> list[str]:
    """Return a note for each watched package whose version differs from that with which results were made.

    Such results are still valid, so nothing is recomputed unless the user requests it; the notes say how.

    Args:
        folder: of the records.
        rules: the rules that the workflow has now; results of others are not counted. None: all count.

    Raises:
        InputError: if a record is not readable.
    """
    records = [each for each in read_records(Path(folder)).values() if rules is None or each["rule"] in rules]
    notes = []
    for package in WATCHED:
        try:
            now = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:  # jobs have it in environments of their own
            continue
        others = [each for each in records if each["versions"].get(package, now) != now]
        if others:
            was = " or ".join(sorted({each["versions"][package] for each in others}))
            results = sum(len(each["outputs"]) for each in others)
            names = " ".join(sorted({each["rule"] for each in others}))
            notes.append(
                f"{package} is {now} now; {results} result{'s were' if results > 1 else ' was'} made with {was} and "
                f"{'are' if results > 1 else 'is'} kept; to recompute them: ./run snakemake --forcerun {names}"
            )
    return notes
