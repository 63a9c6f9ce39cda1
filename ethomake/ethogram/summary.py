"""Summary of each video's ethogram: time spent, bouts, durations, latencies."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from ethomake.ethogram.tables import Bout, read_bouts, write_table
from ethomake.files import read_json
from ethomake.ingest.times import MIXED, frame_clock, without_track
from ethomake.messages import NOTE

logger = logging.getLogger(__name__)

COLUMNS = (
    "video",
    "subject",
    "group",
    "behavior",
    "time_share",
    "bouts",
    "mean_duration_s",
    "median_duration_s",
    "latency_s",
    "rate_per_min",
    "total_s",
)


def summarize(
    videos: Sequence[tuple[str | Path, str | Path]],
    output: str | Path,
    *,
    behaviors: Sequence[str],
    table: Mapping[str, Mapping[str, str]],
    rates: Mapping[str, float] | None = None,
) -> None:
    """Write summary.csv: one row per video and behavior.

    Durations and latency are empty if there is no bout. Latency counts from the first frame. Shares and rates are those
    of the time in which something was filmed, and the animal, if the picture follows one, has a track.

    Args:
        videos: (bouts.csv, video.json) of each video.
        output: summary.csv.
        behaviors: names, in order.
        table: subject and group of each video.
        rates: frames per second of life of videos, where the video table has them.
    """
    rows, known = [], []
    for bouts_file, manifest_file in videos:
        manifest = read_json(manifest_file)
        rate = (rates or {}).get(manifest["video"])
        known.append(rate or manifest["fps"])
        bouts, clock = read_bouts(bouts_file), frame_clock(manifest, rate)
        span = clock.seconds - sum(clock.filmed[stop] - clock.filmed[start] for start, stop in without_track(manifest))
        about = table.get(manifest["video"], {})
        for name in behaviors:
            own = [bout for bout in bouts if bout.behavior == name]
            numbers = summarize_behavior(own, span)
            rows.append([manifest["video"], about.get("subject", ""), about.get("group", ""), name, *numbers])
    if known and max(known) > MIXED * min(known):
        logger.log(
            NOTE,
            f"frames per second differ between videos, {min(known):.3g} to {max(known):.3g}: the networks see frames "
            "and not seconds; convert the videos to one rate if that matters",
        )
    write_table(output, COLUMNS, rows)


def summarize_behavior(bouts: Sequence[Bout], span: float) -> list[float | int | None]:
    """Return the columns from `time_share` on, for the bouts of a behavior in a video of which `span` s can be seen."""
    lengths = np.array([bout.duration_s for bout in bouts])
    total = float(lengths.sum())
    return [
        total / span if span > 0 else None,
        len(bouts),
        float(lengths.mean()) if bouts else None,
        float(np.median(lengths)) if bouts else None,
        min(bout.start_s for bout in bouts) if bouts else None,
        len(bouts) / (span / 60) if span > 0 else None,
        total,
    ]
