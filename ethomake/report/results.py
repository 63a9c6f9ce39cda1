"""The content of the report: the results of earlier stages, read from their files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ethomake.files import read_json
from ethomake.ingest.times import frame_clock
from ethomake.labels.groups import Exclusive
from ethomake.report.page import embed

PARTS = {"test": "test", "check": "check", "validate": "validation", "train": "training", "": "no labels used"}
"""Parts in the order of the page, and what they are called there."""

CHECK = "check"
"""The part of videos that are evaluated apart, and never learned from; `project`, which has it, too, stands above."""

LEARNED = ("train", "validate")
"""The parts that streams, sequence model and thresholds are learned from."""

MOST_BYTES = 24_000_000
"""Of ethograms on the page; beyond, videos are named instead of shown, so that a browser still opens it."""


@dataclass(frozen=True)
class Video:
    """A video in the report.

    Attributes:
        name: name in the video table.
        part: "test", "check", "validate", "train" or "".
        subject, group: from the video table; may be empty.
        manifest: content of video.json.
        rate: frames per second.
        seconds: how long something was filmed.
        ethogram: its figure as a data URL; None if the page has reached its size limit.
        imported: the import report of its label file; None if it has none.
    """

    name: str
    part: str
    subject: str
    group: str
    manifest: Mapping[str, Any]
    rate: float
    seconds: float
    ethogram: str | None
    imported: Mapping[str, Any] | None


@dataclass(frozen=True)
class Results:
    """All results shown in the report; None or empty if missing.

    Attributes:
        videos: all videos, test videos first.
        behaviors: names, in order.
        exclusive: which behaviors exclude each other.
        settings: the config with networks resolved.
        metrics: metrics.json of the evaluation; None without test videos.
        evaluation: folder of the evaluation's tables and figures.
        checks: folder of the tables of the check videos; None if there are none.
        raters: folder of the comparison of two raters; None if there is none.
        streams: the scores of each stream by itself; None if no stream was trained, or no video has labels.
        fitted: thresholds.json.
        thresholds, summary, transitions, bundle: paths of these files.
        curves: title and figure of each trained stage.
        weights: weights files by name.
        motion_seen: the share of a known motion that the flow network sees, see `ethomake.flow.known_motion`.
    """

    videos: Sequence[Video]
    behaviors: Sequence[str]
    exclusive: Exclusive
    settings: Mapping[str, Any]
    metrics: Mapping[str, Any] | None
    evaluation: Path
    checks: Path | None
    raters: Path | None
    streams: Mapping[str, Any] | None
    fitted: Mapping[str, Any] | None
    thresholds: str | Path | None
    summary: str | Path
    transitions: str | Path | None
    bundle: str | Path | None
    curves: Sequence[tuple[str, str | Path]]
    weights: Mapping[str, str | Path]
    motion_seen: float | None

    @property
    def frames(self) -> int:
        """Return the number of frames of all videos together."""
        return sum(video.manifest["frames"] for video in self.videos)

    def names(self, part: str) -> list[str]:
        """Return the names of the videos of a part."""
        return [video.name for video in self.videos if video.part == part]


def read_videos(rows: Sequence[Mapping[str, Any]]) -> list[Video]:
    """Read the videos in the order of the page, with as many ethograms as fit on it.

    Args:
        rows: `video`, `part`, `subject`, `group`, `manifest` (path of video.json) and `ethogram` (path of its figure,
            SVG or PNG) of each video; its `rate` where the video table has it, and `imported` (path of the import
            report) where it has labels.
    """
    videos, used = [], 0
    for row in sorted(rows, key=lambda row: list(PARTS).index(row.get("part", ""))):  # stable: keeps table order
        size = Path(row["ethogram"]).stat().st_size
        fits = used + size <= MOST_BYTES
        used += size if fits else 0
        manifest = read_json(row["manifest"])
        rate = row.get("rate")
        videos.append(
            Video(
                name=row["video"],
                part=row.get("part", ""),
                subject=str(row.get("subject") or ""),
                group=str(row.get("group") or ""),
                manifest=manifest,
                rate=rate or manifest["fps"],
                seconds=frame_clock(manifest, rate).seconds,
                ethogram=embed(row["ethogram"]) if fits else None,
                imported=read_json(row["imported"]) if row.get("imported") else None,
            )
        )
    return videos


def read_metrics(evaluation: str | Path | None) -> Mapping[str, Any] | None:
    """Read metrics.json of an evaluation; None if there was no test video."""
    metrics = read_json(Path(evaluation) / "metrics.json") if evaluation else None
    return metrics if metrics and metrics["videos"] else None
