"""The ethogram of a video as a figure."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.patches import Patch

from ethomake.drawing import (
    FAINT,
    INK,
    MUTED,
    UNSCORED,
    new_figure,
    pick_colors,
    save_figure,
    shorten,
    strip,
    style,
    time_ticks,
)
from ethomake.errors import InputError
from ethomake.ethogram.decide import read_rules
from ethomake.ethogram.tables import read_predictions
from ethomake.files import read_json
from ethomake.ingest.times import Clock, frame_clock
from ethomake.labels.bouts import find_bouts
from ethomake.labels.table import read_labels

COLUMNS = 1600
"""Parts of the time axis; more than the figure has pixels in a page."""

TRACE = 0.78
"""Height of the trace of a behavior in its row."""

MANY_POINTS = 6000
"""From this many points on, the traces are an image in the SVG as well: a tenth of the bytes."""

PAUSE, PAUSES = 0.05, 0.25
"""The largest shares of the filmed time that one pause, and all of them, take on the time axis."""

MANY_BOUTS = 300
"""From this many bouts in a row on, the row shows the share of each part of the time axis instead of each bout."""


def draw_ethogram(
    predictions: str | Path,
    thresholds: str | Path,
    manifest: str | Path,
    png: str | Path,
    svg: str | Path,
    *,
    video: str,
    behaviors: Sequence[str],
    exclusive: bool,
    settings: Mapping[str, Any],
    labels: str | Path | None = None,
    rate: float | None = None,
) -> None:
    """Draw the ethogram of the model (and of a human, if there are labels) and the probabilities of a video.

    Args:
        predictions: predictions CSV.
        thresholds: thresholds.json.
        manifest: video.json.
        png: figure to write.
        svg: the same figure as SVG.
        video: name of the video, for the title.
        behaviors: names, in order.
        exclusive: at most one behavior at a time; there are no thresholds to show.
        settings: `thresholds` and `colors` by behavior; both optional.
        labels: label table of the video, if it has one.
        rate: frames per second of life, if the video table has them; see `frame_clock`.

    Raises:
        InputError: if the files do not match.
    """
    rules = read_rules(thresholds, behaviors=behaviors, exclusive=exclusive, settings=settings)
    fitted, facts = read_json(thresholds)["behaviors"].values(), read_json(manifest)
    clock = frame_clock(facts, rate)
    model = read_predictions(predictions, behaviors)
    human = None if labels is None else read_labels(labels).values
    for path, rows in ((predictions, model.decisions), (labels, human)):
        if rows is not None and len(rows) != facts["frames"]:
            raise InputError(
                f"{path}: {len(rows)} rows, but the video has {facts['frames']} frames; delete it and run again"
            )
    edges = shown_edges(clock)
    decisions, probabilities = clock.with_pauses(model.decisions, 0), clock.with_pauses(model.probabilities, np.nan)
    human = None if human is None else clock.with_pauses(human, 0)
    colors = pick_colors(behaviors, settings.get("colors"))
    lane = 0.42 if human is not None else 0.30
    trace = 0.42 if len(behaviors) <= 8 else 0.32
    heights = [max(0.5, lane * len(behaviors)), max(0.5, trace * len(behaviors))]
    with style():
        figure = new_figure(11, sum(heights) + 1.15)
        rows, traces = figure.subplots(2, 1, sharex=True, height_ratios=heights)
        _draw_rows(rows, decisions, human, edges, colors)
        _draw_traces(traces, probabilities, [rule.threshold for rule in rules], edges, colors)
        _draw_bands(traces, fitted)
        for axes in (rows, traces):
            axes.set_yticks(np.arange(len(behaviors)) + 0.5, [shorten(name) for name in behaviors])
            axes.set_ylim(len(behaviors), 0)
            axes.tick_params(axis="y", length=0)
            for start, stop in facts.get("damaged", []):
                span = np.interp([clock.begins[start], clock.ends[stop - 1]], clock.edges, edges)
                axes.axvspan(*span, facecolor="none", edgecolor=MUTED, hatch="xxx", linewidth=0)
            for pause in _pauses(clock):
                axes.axvspan(edges[pause], edges[pause + 1], color=FAINT, linewidth=0, zorder=0.5)
        ticks, texts, unit = _ticks(clock, edges)
        traces.set_xticks(ticks, texts)
        traces.set_xlim(edges[0], edges[-1])
        rows.tick_params(axis="x", length=0, labelbottom=False)
        traces.set_xlabel(unit)
        rows.set_title(video, fontsize=12)
        title = "probability" if exclusive else "probability and threshold"
        if any(own.get("disagree") for own in fitted):
            title += " (grey: the best thresholds of single recordings)"
        if facts["frames"] > 2 * COLUMNS:
            title += " (line: mean, band: lowest to highest)"
        traces.set_title(title, fontsize=9, fontweight="normal")
        paused = ""
        if len(clock.breaks):
            shortened = edges[-1] - edges[0] < clock.edges[-1] - clock.edges[0] - 1e-6
            paused = "not filmed (shortened)" if shortened else "not filmed"
        _explain(rows, human, facts, paused)
        save_figure(figure, png, svg)


def shown_edges(clock: Clock) -> np.ndarray:
    """Return where frames and pauses begin and end on the time axis, (T + G + 1,), as `Clock.edges`.

    Pauses that would take more than their share of it are shortened, so that what was filmed can be seen.
    """
    steps, pauses = np.diff(clock.edges), _pauses(clock)
    if len(pauses):
        steps[pauses] = np.minimum(steps[pauses], clock.seconds * min(PAUSE, PAUSES / len(pauses)))
    return np.append(0, np.cumsum(steps))


def _pauses(clock: Clock) -> np.ndarray:
    """Return the places of the pauses among the steps of `Clock.edges`: (G,)."""
    return clock.breaks + np.arange(len(clock.breaks))


def _ticks(clock: Clock, edges: np.ndarray) -> tuple[np.ndarray, list[str], str]:
    """Return the ticks of the time axis, which are not within pauses that are shortened, nor close to each other."""
    times, texts, unit = time_ticks(clock.edges[0], clock.edges[-1], shown_s=float(edges[-1]))
    places = np.interp(times, clock.edges, edges)
    steps = np.diff(edges) < np.diff(clock.edges) - 1e-9  # shortened
    before = np.clip(np.searchsorted(clock.edges, times, side="right") - 1, 0, len(steps) - 1)
    inside = steps[before] & (times > clock.edges[before])
    kept: list[int] = []
    for n in np.flatnonzero(~inside):
        if not kept or places[n] - places[kept[-1]] > 0.6 * (times[1] - times[0]):
            kept.append(int(n))
    return places[kept], [texts[n] for n in kept], unit


def _draw_rows(
    axes: Axes, model: np.ndarray, human: np.ndarray | None, edges: np.ndarray, colors: Sequence[str]
) -> None:
    strip(axes, keep=())
    for k, color in enumerate(colors):
        if human is None:
            lanes = [(model[:, k], k + 0.14, 0.72)]
        else:
            lanes = [(human[:, k], k + 0.09, 0.40), (model[:, k], k + 0.53, 0.40)]
        for values, y, height in lanes:
            axes.axhspan(y, y + height, color="#f5f6f8", linewidth=0, zorder=0)
            _draw_bouts(axes, values == 1, edges, y, height, color)
            if (values < 0).any():
                spans = _unscored_spans(values < 0, edges)
                axes.broken_barh(
                    *(spans, (y, height)), facecolor=UNSCORED, edgecolor="#c3c8cf", hatch="/////", linewidth=0
                )
        if human is not None:
            for text, y in (("human", k + 0.29), ("model", k + 0.73)):
                axes.annotate(
                    *(text, (1, y)),
                    xycoords=axes.get_yaxis_transform(),
                    xytext=(4, 0),
                    textcoords="offset points",
                    va="center",
                    fontsize=6.5,
                    color=MUTED,
                )


def _draw_bouts(axes: Axes, on: np.ndarray, edges: np.ndarray, y: float, height: float, color: str) -> None:
    bouts = find_bouts(on)
    if len(bouts) < MANY_BOUTS:
        spans = [(float(edges[start]), float(edges[stop] - edges[start])) for start, stop in bouts]
        # The thin edge keeps a bout visible that is narrower than a pixel.
        axes.broken_barh(spans, (y, height), facecolor=color, edgecolor=color, linewidth=0.35)
        return
    share = share_of_time(on, edges, COLUMNS)
    image = np.zeros((1, COLUMNS, 4))
    image[0, :, :3] = to_rgb(color)
    image[0, :, 3] = np.where(share > 0, 0.2 + 0.8 * share, 0)
    axes.imshow(
        *(image,), extent=(edges[0], edges[-1], y + height, y), aspect="auto", interpolation="nearest", zorder=1
    )


def _unscored_spans(unscored: np.ndarray, edges: np.ndarray) -> list[tuple[float, float]]:
    """Return start and length of unscored spans; if there are many, the parts of the axis that are mostly unscored."""
    places = find_bouts(unscored)
    if len(places) >= MANY_BOUTS:
        places = find_bouts(share_of_time(unscored, edges, COLUMNS) > 0.5)
        edges = np.linspace(edges[0], edges[-1], COLUMNS + 1)
    return [(float(edges[start]), float(edges[stop] - edges[start])) for start, stop in places]


def share_of_time(on: np.ndarray, edges: np.ndarray, columns: int) -> np.ndarray:
    """Return the share of time present in `columns` equal parts of `edges[0]` to `edges[-1]`: (columns,)."""
    parts = np.linspace(edges[0], edges[-1], columns + 1)
    spent = np.append(0, np.cumsum(on * np.diff(edges)))
    return np.clip(np.diff(np.interp(parts, edges, spent)) / np.diff(parts), 0, 1)


def _draw_traces(
    axes: Axes,
    probabilities: np.ndarray,
    thresholds: Sequence[float | None],
    edges: np.ndarray,
    colors: Sequence[str],
) -> None:
    strip(axes, keep=("bottom",))
    times, low, mean, high = envelope(probabilities, edges, COLUMNS)
    if mean.size > MANY_POINTS:
        axes.set_rasterization_zorder(2.2)  # curves lie below, thresholds and axes above
    height = TRACE
    for k, (threshold, color) in enumerate(zip(thresholds, colors, strict=True)):
        base = k + 0.5 + height / 2
        axes.axhline(base, color=FAINT, linewidth=0.8, zorder=0)
        axes.axhline(base - height, color=FAINT, linewidth=0.8, zorder=0)
        if low is high:
            axes.fill_between(times, base, base - height * mean[:, k], color=color, alpha=0.18, linewidth=0)
        else:
            axes.fill_between(
                times, base - height * low[:, k], base - height * high[:, k], color=color, alpha=0.3, linewidth=0
            )
        axes.plot(times, base - height * mean[:, k], color=color, linewidth=0.9)
        if threshold is not None:
            level = base - height * threshold
            axes.axhline(level, color=INK, linewidth=0.8, linestyle=(0, (4, 3)), zorder=2.5)
            axes.annotate(
                *(f"{threshold:.2f}", (1, level)),
                xycoords=axes.get_yaxis_transform(),
                xytext=(4, 0),
                textcoords="offset points",
                va="center",
                fontsize=6.5,
                color=MUTED,
            )


def _draw_bands(axes: Axes, fitted: Iterable[Mapping[str, Any]]) -> None:
    """Draw, where recordings disagree, the range of the thresholds that are best in each of them."""
    for k, own in enumerate(fitted):
        if own.get("disagree"):
            best = [one["threshold"] for one in own["recordings"].values()]
            base = k + 0.5 + TRACE / 2
            axes.axhspan(
                base - TRACE * max(best), base - TRACE * min(best), color=INK, alpha=0.1, linewidth=0, zorder=2.4
            )


def envelope(
    values: np.ndarray, edges: np.ndarray, columns: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return minimum, mean and maximum of `values` (T, K) in `columns` runs of frames, so that no peak is lost.

    Values that are NaN are left out; a run of nothing else gives NaN.

    Returns:
        times (n,), low, mean and high (n, K); the same array three times if there are few enough frames to show each.
    """
    frames = len(values)
    middles = (edges[:-1] + edges[1:]) / 2
    if frames <= 2 * columns:
        return middles, values, values, values
    starts = np.linspace(0, frames, columns, endpoint=False).astype(int)
    lengths = np.diff(starts, append=frames)[:, None]
    low, high = np.fmin.reduceat(values, starts), np.fmax.reduceat(values, starts)
    if np.isnan(values).any():
        known = np.add.reduceat(np.isfinite(values).astype(float), starts)
        lengths = np.where(known > 0, known, np.nan)
    return middles[starts], low, np.add.reduceat(np.nan_to_num(values), starts) / lengths, high


def _explain(axes: Axes, human: np.ndarray | None, facts: Mapping[str, Any], paused: str) -> None:
    """Add a legend for the hatched and grey areas."""
    keys = []
    if human is not None and (human < 0).any():
        keys.append(Patch(facecolor=UNSCORED, edgecolor="#c3c8cf", hatch="/////", linewidth=0, label="not scored"))
    if facts.get("damaged"):
        keys.append(Patch(facecolor="none", edgecolor=MUTED, hatch="xxx", linewidth=0, label="damaged frames"))
    if paused:
        keys.append(Patch(facecolor=FAINT, linewidth=0, label=paused))
    if keys:
        axes.legend(
            handles=keys,
            loc="lower right",
            bbox_to_anchor=(1, 1),
            ncols=3,
            frameon=False,
            fontsize=8,
            borderaxespad=0.2,
        )
