"""The figures of the evaluation: scores against chance, curves, calibration, confusion, bout statistics."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ethomake.drawing import (
    BACKGROUND,
    FAINT,
    INK,
    MUTED,
    draw_matrix,
    new_figure,
    pick_colors,
    save_figure,
    shorten,
    strip,
    style,
)
from ethomake.ethogram.tables import read_table
from ethomake.evaluation.files import FIGURES
from ethomake.files import read_json


def draw_evaluation(
    tables: str | Path, folder: str | Path, *, behaviors: Sequence[str], colors: Mapping[str, str]
) -> None:
    """Draw all `FIGURES` of ethomake.evaluation.files as PNG and SVG.

    Args:
        tables: folder with what `evaluate` wrote.
        folder: where the figures go.
        behaviors: names, in order.
        colors: colors of behaviors, "#rrggbb"; others take the next of the palette.
    """
    tables, chosen = Path(tables), pick_colors(behaviors, colors)
    numbers = read_json(tables / "metrics.json")
    rows = read_table(tables / "confusion.csv", ["human"])
    matrix = np.array([[float(row[name]) for name in row if name != "human"] for row in rows])
    statistics = read_table(tables / "bout_statistics.csv", ["video", "behavior"])
    curves = read_table(tables / "precision_recall.csv", ["behavior", "recall", "precision"])
    bins = read_table(tables / "calibration.csv", ["behavior", "mean_probability", "labelled_share", "frames"])
    drawings: dict[str, Callable[[], Figure]] = {
        "scores": lambda: _draw_scores(numbers, behaviors, chosen),
        "precision_recall": lambda: _draw_curves(curves, numbers, behaviors, chosen),
        "calibration": lambda: _draw_calibration(bins, behaviors, chosen),
        "confusion": lambda: _draw_confusion(matrix, [row["human"] for row in rows]),
        "bout_statistics": lambda: _draw_bouts(statistics, behaviors, chosen),
    }
    for name in FIGURES:
        with style():
            figure = drawings[name]() if numbers["videos"] else _draw_nothing()
            save_figure(figure, Path(folder) / f"{name}.png", Path(folder) / f"{name}.svg")


def _draw_nothing() -> Figure:
    figure = new_figure(4, 1)
    axes = figure.add_subplot()
    axes.text(0.5, 0.5, "no test video with labels", ha="center", va="center", color=MUTED)
    axes.set_axis_off()
    return figure


def _draw_scores(numbers: Mapping, behaviors: Sequence[str], colors: Sequence[str]) -> Figure:
    """Draw F1 and average precision of each behavior as bars, with the chance range."""
    names = [*behaviors, "macro"] if len(behaviors) > 1 else list(behaviors)
    figure = new_figure(9, 0.34 * len(names) + 1.2)
    panels = figure.subplots(1, 2, sharey=True)
    for axes, metric, title in zip(panels, ("f1", "average_precision"), ("F1", "average precision"), strict=True):
        for row, (name, color) in enumerate(zip(names, [*colors, BACKGROUND], strict=False)):
            own = numbers["macro"] if name == "macro" else numbers["behaviors"][name]
            chance = numbers["chance"]["macro"] if name == "macro" else numbers["chance"]["behaviors"].get(name, {})
            value, level = own[metric], chance.get(metric, {}).get("p95")
            if value is None:
                axes.text(0.01, row, "no positive frame", va="center", fontsize=7, color=MUTED)
                continue
            axes.barh(row, value, height=0.62, color=color)
            if level is not None:
                axes.plot([level, level], [row - 0.42, row + 0.42], color="white", linewidth=3.2)
                axes.plot([level, level], [row - 0.42, row + 0.42], color=INK, linewidth=1.4)
            axes.text(max(value, level or 0) + 0.015, row, f"{value:.2f}", va="center", fontsize=8)
        axes.set_title(title)
        axes.set_xlim(0, 1.08)
        axes.set_xticks(np.arange(0, 1.01, 0.25), ["0", "0.25", "0.5", "0.75", "1"])
        axes.grid(axis="x", color=FAINT, linewidth=0.8)
        axes.set_axisbelow(True)
        axes.tick_params(axis="y", length=0)
        strip(axes, keep=("bottom",))
    texts = [shorten(name) for name in behaviors] + ["mean (macro)"]
    panels[0].set_yticks(range(len(names)), texts[: len(names)])
    panels[0].set_ylim(len(names) - 0.4, -0.6)
    shifts = numbers["chance"]["shifts"]
    if shifts:
        figure.supxlabel(
            f"black line: 95th percentile of {shifts} circular shifts of the labels", fontsize=8, color=MUTED
        )
    return figure


def _grid(count: int, width: float, height: float) -> tuple[Figure, list[Axes]]:
    """Return a figure with `count` panels, at most five per row; unused places stay empty."""
    columns = min(count, 4 if count <= 8 else 5)
    rows = -(-count // columns)
    figure = new_figure(width * columns + 0.3, height * rows + 0.3)
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in panels[count:]:
        axes.set_axis_off()
    return figure, list(panels[:count])


def _unit_square(axes: Axes, title: str, *, left: bool, bottom: bool, x: str, y: str) -> None:
    axes.set_title(shorten(title, 22), fontsize=9)
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(-0.02, 1.04)
    axes.set_aspect("equal")
    axes.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
    axes.set_yticks([0, 0.5, 1], ["0", "0.5", "1"])
    axes.grid(color=FAINT, linewidth=0.8)
    axes.set_axisbelow(True)
    strip(axes)
    if left:
        axes.set_ylabel(y)
    if bottom:
        axes.set_xlabel(x)


def _columns(rows: Sequence[Mapping[str, str]], behavior: str, *names: str) -> list[np.ndarray]:
    """Return the numbers of a behavior's rows, one column per name; rows with an empty cell are left out."""
    own = [[row[name] for name in names] for row in rows if row["behavior"] == behavior]
    return list(np.array([cells for cells in own if all(cells)], float).reshape(-1, len(names)).T)


def _draw_curves(
    rows: Sequence[Mapping[str, str]], numbers: Mapping, behaviors: Sequence[str], colors: Sequence[str]
) -> Figure:
    """Draw precision against recall at every threshold, with a dot at the decisions."""
    figure, panels = _grid(len(behaviors), 2.3, 2.4)
    outer = _edges_of_grid(panels)
    for k, (axes, name, color) in enumerate(zip(panels, behaviors, colors, strict=True)):
        _unit_square(
            axes, name, left=outer[k][0], bottom=outer[k][1], x="recall", y="precision"
        )  # fmt: skip
        recall, precision = _columns(rows, name, "recall", "precision")
        own = numbers["behaviors"][name]
        if not recall.size:
            axes.text(0.5, 0.5, "no positive frame", ha="center", va="center", fontsize=8, color=MUTED)
            continue
        base = own["positive_frames"] / own["frames"]
        axes.axhline(base, color=MUTED, linewidth=0.9, linestyle=(0, (4, 3)))
        recall, precision = np.append(0, recall), np.append(precision[0], precision)
        axes.plot(recall, precision, color=color, linewidth=1.6, drawstyle="steps-pre", clip_on=False)
        if own["recall"] is not None and own["precision"] is not None:
            axes.plot(
                *(own["recall"], own["precision"]), "o", color=color, markeredgecolor="white", markersize=7,
                clip_on=False,
            )  # fmt: skip
        axes.text(
            0.04,
            0.06 if base > 0.2 else base + 0.06,
            f"AP {own['average_precision']:.2f}",
            fontsize=8,
            color=INK,
            bbox=_plain(),
        )
    return figure


def _plain() -> dict:
    return {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1}


def _edges_of_grid(panels: Sequence[Axes]) -> list[tuple[bool, bool]]:
    """Return for each panel whether it is the first of its row, and whether there is no panel below it."""
    grid = panels[0].get_gridspec()
    assert grid is not None, "panels stand in a grid"
    columns = grid.ncols
    return [(i % columns == 0, i + columns >= len(panels)) for i in range(len(panels))]


def _draw_calibration(rows: Sequence[Mapping[str, str]], behaviors: Sequence[str], colors: Sequence[str]) -> Figure:
    """Draw how often a behavior is labelled, by the probability that the model gives it."""
    figure, panels = _grid(len(behaviors), 2.3, 2.4)
    outer = _edges_of_grid(panels)
    for k, (axes, name, color) in enumerate(zip(panels, behaviors, colors, strict=True)):
        _unit_square(axes, name, left=outer[k][0], bottom=outer[k][1], x="probability", y="share labelled")
        axes.plot([0, 1], [0, 1], color=MUTED, linewidth=0.9, linestyle=(0, (4, 3)))
        mean, share, frames = _columns(rows, name, "mean_probability", "labelled_share", "frames")
        if frames.size:
            axes.plot(mean, share, color=color, linewidth=1.2)
            sizes = 8 + 70 * np.sqrt(frames / frames.sum())
            axes.scatter(
                *(mean, share), s=sizes, color=color, edgecolor="white", linewidth=0.6, zorder=3,
                clip_on=False,
            )  # fmt: skip
    return figure


def _draw_confusion(counts: np.ndarray, names: Sequence[str]) -> Figure:
    totals = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, totals, out=np.full_like(counts, np.nan), where=totals > 0)
    few = len(names) <= 9
    side = max(2.6, (0.75 if few else 0.38) * len(names))
    figure = new_figure(side + 1.9, side + 1.5)
    axes = figure.add_subplot()
    texts = [[f"{100 * share:.0f}" + " %" * few if share > 0.00501 else "" for share in row] for row in shares]
    draw_matrix(axes, shares, texts, names)
    axes.set_xlabel("model")
    axes.set_ylabel("human")
    axes.set_title("share of the human's frames" + ("" if few else " (%)"))
    return figure


def _draw_bouts(rows: Sequence[Mapping[str, str]], behaviors: Sequence[str], colors: Sequence[str]) -> Figure:
    """Draw human against model, one dot per video and behavior."""
    many = len(behaviors) > 8
    figure = new_figure(10, 3.7 + 0.2 * -(-len(behaviors) // 5) if many else 3.1)
    panels = figure.subplots(1, 3)
    kinds = (("time_share", "share of time"), ("bouts", "number of bouts"), ("mean_duration_s", "mean bout (s)"))
    for axes, (kind, title) in zip(panels, kinds, strict=True):
        highest = 0.0
        for name, color in zip(behaviors, colors, strict=True):
            own = [row for row in rows if row["behavior"] == name and row[f"human_{kind}"] and row[f"model_{kind}"]]
            human, model = ([float(row[f"{who}_{kind}"]) for row in own] for who in ("human", "model"))
            highest = max([highest, *human, *model])
            axes.scatter(
                *(human, model), s=36, color=color, edgecolor="white", linewidth=0.7, zorder=3, clip_on=False,
                label=shorten(name),
            )  # fmt: skip
        top = highest * 1.06 or 1.0
        axes.plot([0, top], [0, top], color=MUTED, linewidth=0.9, linestyle=(0, (4, 3)), zorder=1)
        axes.set_xlim(0, top)
        axes.set_ylim(0, top)
        axes.set_aspect("equal")
        axes.locator_params(nbins=5)
        axes.grid(color=FAINT, linewidth=0.8)
        axes.set_axisbelow(True)
        axes.set_title(title)
        axes.set_xlabel("human")
        strip(axes)
    panels[0].set_ylabel("model")
    handles, texts = panels[0].get_legend_handles_labels()
    if many:
        figure.legend(handles, texts, loc="outside lower center", frameon=False, fontsize=8, ncols=5)
    else:
        figure.legend(handles, texts, loc="outside right center", frameon=False, fontsize=8)
    return figure
