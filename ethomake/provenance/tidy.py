"""What stays behind in `results/`: results of videos that were taken out of the video table or renamed."""

import logging
import os
import re
from collections.abc import Collection, Iterator
from pathlib import Path

from ethomake.files import remove
from ethomake.project.runs import EXPORTS, STAGES
from ethomake.provenance.record import RECORDS, read_records

logger = logging.getLogger(__name__)

RESULTS = "results"
COMMAND = "./run snakemake tidy_now"
ADAPTED = "features/*/adapted/*.safetensors"
KEPT = re.compile(r"\.?features-(?P<one>[^+]+)\+(?P<other>[^+]+)-[0-9a-f]{16}(\.[a-z]+)*")
"""What a killed extraction keeps (`DataFlow.checkpoint_of`), with the names of video and run, in any order."""


def find_leftovers(
    videos: Collection[str],
    labelled: Collection[str],
    unused: Collection[str] = (),
    recordings: Collection[str] | None = None,
) -> dict[str, str]:
    """Return the path of each result of a video that is not in the table -> the name of the video, "" if of none.

    What killed jobs keep to be resumed counts as results.

    Nothing is opened, and no folder of a video is looked into, since there may be thousands. Results of a run that is
    not in the config any more stay: they may have taken a week.

    Args:
        videos: the names of all videos in the table.
        labelled: those with labels; labels of others are left over, too.
        unused: further files and folders that nothing makes any more, such as an evaluation without test videos.
        recordings: the names that files of the recordings in the table have; None if that does not matter.
    """
    found = {path: video for path, video in _results_of_videos(Path(RESULTS)) if video not in videos}
    labels = Path(RESULTS, "labels")
    found |= {
        str(path): path.stem
        for path in (sorted([*labels.glob("*.csv"), *labels.glob("*.json")]) if labels.is_dir() else ())
        if path.stem not in labelled and not path.name.startswith(".")
    }
    found |= dict(_kept_by_killed_jobs(Path(RESULTS, ".checkpoints"), videos))
    if recordings is not None:
        adapted = sorted(Path(RESULTS).glob(ADAPTED))
        found |= {str(path): "" for path in adapted if path.stem not in recordings and not path.name.startswith(".")}
    return found | {str(path): "" for path in unused if os.path.lexists(path)}


def note_leftovers(leftovers: dict[str, str], videos: Collection[str]) -> list[str]:
    """Return a note, in one line, on results that are left over; none if there are none."""
    if not leftovers:
        return []
    names = sorted({video for video in leftovers.values() if video not in videos} - {""})
    shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if names[3:] else "")
    whose = f"videos that are not in the table ({shown})" if names else "what the table does not have any more"
    return [f"results of {whose} stay behind in results/; ./run snakemake tidy lists them, and says how to remove them"]


def list_leftovers(leftovers: dict[str, str]) -> None:
    """Log what is left over and would be removed."""
    for path in sorted(leftovers):
        logger.info(path)
    logger.info(f"to remove these: {COMMAND}" if leftovers else "results/ holds nothing but what is in the table")


def remove_leftovers(leftovers: dict[str, str], records: Path = RECORDS) -> None:
    """Remove what is left over, with the records, logs and benchmarks of the jobs that made it."""
    inside = [f"{path}/" for path in leftovers]
    for path, record in read_records(records).items():
        outputs = record["outputs"]
        if outputs and all(name in leftovers or name.startswith(tuple(inside)) for name in outputs):
            of_job = path.relative_to(records).with_suffix("")
            for place in (path, Path("logs", f"{of_job}.log"), Path("benchmarks/jobs", f"{of_job}.tsv")):
                remove(place)
    for path in leftovers:
        remove(path)
    logger.info(f"removed: {len(leftovers)} files and folders of results")


def _kept_by_killed_jobs(folder: Path, videos: Collection[str]) -> Iterator[tuple[str, str]]:
    """Yield the path of what was kept for a video that is not in the table, and the name of the video."""
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if (match := KEPT.fullmatch(path.name)) and not {match["one"], match["other"]} & set(videos):
            yield str(path), ""


def _results_of_videos(results: Path) -> Iterator[tuple[str, str]]:
    """Yield the path of each file or folder in `results/` that belongs to one video, and the name of the video."""
    patterns: dict[str, list[re.Pattern]] = {}
    for pattern in [*(pattern for stage in STAGES.values() for pattern in stage.results), EXPORTS]:
        if re.compile(pattern).groups:
            patterns.setdefault(pattern.split("/")[1], []).append(re.compile(pattern))
    for folder, known in sorted(patterns.items()):
        waiting = [results / folder]
        while waiting:
            place = waiting.pop()
            for entry in sorted(os.scandir(place), key=lambda each: each.name) if place.is_dir() else ():
                path = f"{place.as_posix()}/{entry.name}"
                is_folder = entry.is_dir(follow_symlinks=False)
                names = [path, f"{path}/x"] if is_folder else [path]
                match = next((match for one in known for name in names if (match := one.fullmatch(name))), None)
                if entry.name.startswith("."):  # of a job that is running
                    continue
                if match:
                    yield path, match[1]
                elif is_folder:
                    waiting.append(Path(path))
