"""Check that results are unchanged: compare every output with the digest in its record."""

import logging
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ethomake.errors import InputError
from ethomake.features import store
from ethomake.files import file_digest, remove
from ethomake.messages import Progress
from ethomake.project.messages import count_others
from ethomake.provenance.record import RECORDS, digest, read_records
from ethomake.sources import ByContent

logger = logging.getLogger(__name__)

MEGABYTE = 2**20


@dataclass(frozen=True)
class Damage:
    """A job whose outputs are damaged or missing."""

    path: Path  # of its record
    record: dict[str, Any]
    reason: str


def check_results(records: Path = RECORDS, sources: Sequence[ByContent] = ()) -> None:
    """Compare all results with their records; remove damaged ones, with all other outputs of the same job.

    Args:
        records: the folder of the records.
        sources: the user's files, which are compared with those that the results were made from.

    Raises:
        InputError: if a result is damaged; it says how to restore it. If a file of the user is not the one in the
            record of its job.
    """
    found = read_records(records)
    damages = list(_find_damage(found))
    others = [each for each in sources if (recorded := each.recorded()) and each.digest() != recorded]
    for each in others:
        logger.info(f"{each}: is not the file that results were made from ({each.record})")
    if others and not damages:
        raise InputError(
            f"{others[0]}: is not the file in the record {others[0].record}{count_others(len(others) - 1, 'file')}; "
            "run ./run snakemake, which makes anew what follows from it, or put the earlier file back"
        )
    if not damages:
        logger.info(f"{sum(len(record['outputs']) for record in found.values())} results are as they were made")
        return
    for damage in damages:
        logger.info(damage.reason)
        for path in [*damage.record["outputs"], damage.path]:
            remove(path)
    commands = [f"./run snakemake {' '.join(map(shlex.quote, wave))}" for wave in _waves(found, damages)]
    raise InputError(
        f"{len(damages)} of {len(found)} jobs' results are damaged and were removed; restore them with: "
        + " && ".join(commands)
    )


def _find_damage(found: dict[Path, dict[str, Any]]) -> Iterator[Damage]:
    sizes = {name: _megabytes(Path(name)) for record in found.values() for name in record["outputs"]}
    with Progress(sum(sizes.values()), "check", "megabyte") as progress:
        for path, record in found.items():
            reasons = []
            for name, wanted in record["outputs"].items():
                if reason := _damage_of(Path(name), wanted):
                    reasons.append(reason)
                progress.advance(sizes[name])
            if reasons:
                yield Damage(path, record, reasons[0])


def _damage_of(path: Path, wanted: str) -> str | None:
    """Return what is wrong with an output, in words; the bytes themselves are read, whatever the manifest says."""
    try:
        if wanted.startswith("content-"):
            if digest(path) != wanted:
                return f"{path}: its manifest is not the one it was made with"
            store.verify(path.with_suffix(".json"))
            return None
        now = digest(path) if path.is_dir() else file_digest(path)
    except FileNotFoundError:
        return f"{path}: is gone"
    except InputError as error:
        return str(error).rpartition(";")[0] or str(error)  # without how to fix it: that is done here
    return None if now == wanted else f"{path}: was changed after it was made"


def _waves(found: dict[Path, dict[str, Any]], damages: list[Damage]) -> list[list[str]]:
    """Return an output of each damaged job, those first that others are made from.

    Each wave is a separate call: within one call Snakemake would also recompute undamaged results between two of them.
    """
    maker = {name: path for path, record in found.items() for name in record["outputs"]}
    damaged = {damage.path for damage in damages}
    depths: dict[Path, int] = {}

    def depth(path: Path) -> int:
        """Return the number of damaged jobs on the longest path to a job, including itself."""
        if path not in depths:
            sources = {maker[name] for name in found[path]["inputs"] if name in maker} - {path}
            depths[path] = max(map(depth, sources), default=0) + (path in damaged)
        return depths[path]

    waves: dict[int, list[str]] = {}
    for path in sorted(damaged):
        waves.setdefault(depth(path), []).append(min(found[path]["outputs"]))
    return [waves[number] for number in sorted(waves)]


def _megabytes(path: Path) -> int:
    """Return the size of a file or folder in whole megabytes, at least one, for the progress bar."""
    files = path.rglob("*") if path.is_dir() else [path]
    return 1 + sum(each.stat().st_size for each in files if each.is_file()) // MEGABYTE
