"""Transitions between behaviors."""

from collections.abc import Mapping, Sequence
from itertools import groupby, pairwise
from pathlib import Path

import numpy as np

from ethomake.drawing import draw_matrix, new_figure, save_figure, style
from ethomake.ethogram.tables import Bout, read_bouts, write_table
from ethomake.files import read_json
from ethomake.ingest.times import frame_clock, without_track

ALL = "all"
NO_BREAKS = np.zeros(0, np.int64)
COLUMNS = ("group", "from", "to", "count", "probability")


def transition_counts(bouts: Sequence[Bout], behaviors: Sequence[str], breaks: np.ndarray = NO_BREAKS) -> np.ndarray:
    """Count transitions between the bouts of one video.

    Transitions are defined by onsets, so that this works for overlapping and for exclusive behaviors: the bouts of the
    video in order of their onsets are one sequence, and each step of it is one transition, whether or not the earlier
    bout has ended. A behavior that stops and begins again, with no other onset in between, follows itself. If several
    begin in the same frame, they share the step equally, so counts need not be integers. Background is not a state.
    There is no step over a time in which nothing was filmed, or frames in which the animal had no track.

    Args:
        bouts: bouts of one video, in any order.
        behaviors: names, in order.
        breaks: first frames after times in which nothing was filmed, as `Clock.breaks`, and of those without a track.

    Returns:
        float64 (K, K): how often the behavior of the column began next after the behavior of the row had begun.
    """
    counts = np.zeros((len(behaviors), len(behaviors)))
    place = {name: k for k, name in enumerate(behaviors)}
    ordered = sorted(bouts, key=lambda bout: bout.start_frame)
    steps = [
        (np.searchsorted(breaks, frame, side="right"), [place[bout.behavior] for bout in step])
        for frame, step in groupby(ordered, lambda bout: bout.start_frame)
    ]
    for (stretch, before), (next_stretch, after) in pairwise(steps):
        if stretch != next_stretch:
            continue
        counts[np.ix_(before, after)] += 1 / (len(before) * len(after))
    return counts


def transition_shares(counts: np.ndarray) -> np.ndarray:
    """Return the rows of `counts` divided by their sums; NaN where a behavior is never followed."""
    totals = counts.sum(axis=1, keepdims=True)
    return np.divide(counts, totals, out=np.full_like(counts, np.nan), where=totals > 0)


def count_transitions(
    videos: Sequence[tuple[str | Path, str | Path]],
    output: str | Path,
    png: str | Path,
    svg: str | Path,
    *,
    behaviors: Sequence[str],
    table: Mapping[str, Mapping[str, str]],
) -> None:
    """Write transitions.csv and its figure; with more than one group, the table has each group as well.

    Args:
        videos: (bouts.csv, video.json) of each video.
        output: CSV: group ("all": every video), from, to, count, probability (empty where a behavior is never
            followed).
        png: figure of all videos.
        svg: the same figure as SVG.
        behaviors: names, in order.
        table: subject and group of each video.
    """
    nothing = np.zeros((len(behaviors), len(behaviors)))
    counts = {ALL: nothing.copy()}
    groups = sorted({about.get("group", "") for about in table.values()} - {""})
    if len(groups) > 1:
        counts |= {group: nothing.copy() for group in groups}
    for path, manifest in videos:
        bouts = read_bouts(path)
        facts = read_json(manifest)
        unknown = [start for start, _ in without_track(facts)]
        own = transition_counts(bouts, behaviors, np.union1d(frame_clock(facts).breaks, unknown))
        group = table.get(bouts[0].video, {}).get("group", "") if bouts else ""
        counts[ALL] += own
        if group in counts and group != ALL:
            counts[group] += own
    rows = [
        (group, before, after, float(matrix[i, j]), None if np.isnan(shares[i, j]) else float(shares[i, j]))
        for group, matrix in counts.items()
        for shares in [transition_shares(matrix)]
        for i, before in enumerate(behaviors)
        for j, after in enumerate(behaviors)
    ]
    write_table(output, COLUMNS, rows)
    _draw(counts[ALL], behaviors, png, svg)


def _draw(counts: np.ndarray, behaviors: Sequence[str], png: str | Path, svg: str | Path) -> None:
    shares = transition_shares(counts)
    few = len(behaviors) <= 8
    side = max(2.6, (0.75 if few else 0.38) * len(behaviors))
    with style():
        figure = new_figure(side + 1.9, side + 1.5)
        axes = figure.add_subplot()
        texts = [
            [_text(share, count if few else None) for share, count in zip(*row, strict=True)]
            for row in zip(shares, counts, strict=True)
        ]
        highest = np.nanmax(shares) if np.isfinite(shares).any() else 1.0
        draw_matrix(axes, shares, texts, behaviors, top=max(0.3, float(highest)))
        axes.set_xlabel("began next")
        axes.set_ylabel("had begun")
        axes.set_title(f"{counts.sum():.0f} transitions")
        save_figure(figure, png, svg)


def _text(share: float, count: float | None) -> str:
    if not share > 0:
        return ""
    text = f"{share:.2f}".removeprefix("0")
    return text if count is None else f"{text}\n({count:.0f})"
