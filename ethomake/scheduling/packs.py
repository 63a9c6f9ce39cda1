"""Packs: one job processes several videos, where starting a job for each would cost as much as its work.

Starting a job (Python, torch, matplotlib) costs some seconds of processor time. That is as much as the work on a short
clip, so many short videos share all jobs. What follows the features, `late` rules, is little work on a long video, too,
and nothing is trained on its results: there, videos share jobs in all but the smallest projects.
A video stays in its pack: if packs were assigned again, results would count as outdated.
"""

import math
import os
import runpy
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import pairwise
from pathlib import Path

from ethomake.errors import InputError
from ethomake.failures import MISTAKE, forget_failure, read_failure
from ethomake.files import read_json, remove, write_json
from ethomake.provenance.record import Named

FILE = Path("results/packs.json")
FROM = 100  # videos; smaller projects have a job for each video
SIZE = 200  # videos per pack, at most: on a cluster, where starting costs most, it is 5 % of the cost of clips of 2 s
MEGABYTES = 64  # of video files per pack, at most: long videos have jobs of their own, and run in parallel

LATE_FILE = Path("results/late_packs.json")
LATE_FROM = 8  # videos
LATE_SIZE = 10  # videos of any length, at most, and at least two packs: one job is not to take long, nor cores to wait


@dataclass(frozen=True)
class Member:
    """The job of one video, in the form of the script's `snakemake` object."""

    rule: str
    message: str
    log: Sequence[str]
    input: Sequence[str]
    output: Sequence[str]
    params: Named
    wildcards: Named
    threads: int = 1


class Pack:
    """Jobs that one process runs, one after another.

    Args:
        script: the script of each.
        find: returns them; called when they are needed, since they are too many for the DAG of a large project.
    """

    def __init__(self, script: str, find: Callable[[], Iterable[Member]]):
        self.script, self._find = script, find

    @cached_property
    def members(self) -> tuple[Member, ...]:
        """The jobs, in the order of the videos."""
        return tuple(self._find())

    def __reduce__(self):
        return Pack, (self.script, partial(tuple, self.members))


def run_pack(pack: Pack, threads: int) -> None:
    """Run all jobs of a pack, each as if it were a single job: with its own log and its own record.

    After a mistake in the files of one video, the others are still processed, so that all mistakes are reported.

    Raises:
        SystemExit: with the status of a mistake, after the last, if there were such mistakes; at once for any other
            failure, and for a mistake that two videos share.
    """
    for member in pack.members:  # else the failure of an earlier run could be read
        remove(member.log[0])
        forget_failure(member.log[0])
    mistakes = []
    for member in pack.members:
        globals_of_script = {"snakemake": replace(member, threads=threads)}
        try:
            runpy.run_path(pack.script, init_globals=globals_of_script, run_name="__main__")
        except SystemExit as end:
            told = read_failure(member.log[0])
            if end.code != MISTAKE or told in mistakes:
                raise
            mistakes.append(told)
    if mistakes:
        sys.exit(MISTAKE)


def limits(late: bool = False) -> tuple[int, int]:
    """Return the minimum number of videos for packing and the maximum pack size.

    The environment variables ETHOMAKE_PACKS_FROM and ETHOMAKE_PACK_SIZE override both.

    Args:
        late: of the packs of late rules.

    Raises:
        InputError: if these environment variables are not whole numbers of at least 1.
    """
    defaults = (LATE_FROM, LATE_SIZE) if late else (FROM, SIZE)
    found = []
    for name, default in zip(("ETHOMAKE_PACKS_FROM", "ETHOMAKE_PACK_SIZE"), defaults, strict=True):
        text = os.environ.get(name, str(default))
        if not text.isdecimal() or int(text) < 1:
            raise InputError(f"environment variable {name} = '{text}': must be a whole number from 1 on, or not set")
        found.append(int(text))
    return found[0], found[1]


def read_packs(path: str | Path = FILE) -> list[list[str]]:
    """Read the packs of an earlier run; return none if there was none.

    Raises:
        InputError: if the file is damaged.
    """
    packs = read_json(path) if Path(path).is_file() else []
    if not isinstance(packs, list) or not all(
        isinstance(names, list) and all(isinstance(name, str) for name in names) for names in packs
    ):
        raise InputError(f"{path}: not a list of lists of videos; delete it and run again")
    return packs


def write_packs(packs: Sequence[Sequence[str]], path: str | Path = FILE) -> None:
    """Write the packs; no file if there are none."""
    if packs:
        write_json(path, packs)


def plan_packs(
    videos: Mapping[str, str | Path],
    kinds: Mapping[str, str],
    earlier: Sequence[Sequence[str]] = (),
    alone: Iterable[str] = (),
) -> list[list[str]]:
    """Assign videos to packs. Earlier packs stay; other videos get new ones, in the order of the table.

    Args:
        videos: the path of each video; a file that does not exist yet counts as short.
        kinds: the part of each video; parts are not mixed, so that a new raw file of a test video retrains nothing.
        earlier: the packs of an earlier run, with videos that may be gone.
        alone: videos that were done before there were packs; each is a pack of its own.

    Returns:
        Lists of names, also of those that are gone; empty for a small project.
    """
    start, size = limits()
    if len(videos) < start and not earlier:
        return []
    packs = [list(names) for names in earlier]
    known = {name for names in packs for name in names}
    alone = set(alone)
    packs += [[name] for name in videos if name in alone - known]
    known |= alone
    of_kind = Counter(kinds.get(name, "") for name in videos if name not in known)
    sizes = {kind: math.ceil(count / math.ceil(count / size)) for kind, count in of_kind.items()}  # of about the same
    open_packs: dict[str, tuple[list[str], float]] = {}  # by kind: the last pack and its megabytes
    for name, path in videos.items():
        if name in known:
            continue
        kind, size_of_video = kinds.get(name, ""), _megabytes(path)
        pack, filled = open_packs.get(kind, ([], 0.0))
        if not pack or len(pack) == sizes[kind] or filled + size_of_video > MEGABYTES:
            pack, filled = [], 0.0
            packs.append(pack)
        pack.append(name)
        open_packs[kind] = pack, filled + size_of_video
    return packs


def plan_late_packs(
    videos: Iterable[str], earlier: Sequence[Sequence[str]] = (), alone: Iterable[str] = ()
) -> list[list[str]]:
    """Assign videos to packs for late rules. Earlier packs stay; other videos get new ones, in the order of the table.

    Args:
        videos: the videos that do not share all of their jobs.
        earlier: the packs of an earlier run, with videos that may be gone.
        alone: videos whose late results were made alone; each is a pack of its own.

    Returns:
        Lists of names, also of those that are gone; empty for a small project.
    """
    start, size = limits(late=True)
    names, alone = list(videos), set(alone)
    if len(names) < start and not earlier:
        return []
    packs = [list(pack) for pack in earlier]
    known = {name for pack in packs for name in pack}
    packs += [[name] for name in names if name in alone - known]
    new = [name for name in names if name not in known | alone]
    number = max(math.ceil(len(new) / size), min(2, len(new) // 2))
    ends = [round(len(new) * place / number) for place in range(number + 1)] if new and number else []
    return packs + [new[first:last] for first, last in pairwise(ends)]


def _megabytes(path: str | Path) -> float:
    try:
        return os.stat(path).st_size / 1e6
    except OSError:
        return 0.0
