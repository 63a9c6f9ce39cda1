"""The learning history of a training: a CSV file, and its curves as a figure."""

import csv
from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from ethomake.files import write_whole

COLUMNS = ("epoch", "learning_rate", "train_loss", "validation_loss", "validation_f1")


def write_history(path: str | Path, rows: Sequence[dict]) -> None:
    """Write one row an epoch with the columns of `COLUMNS`; what an epoch does not have stays empty."""
    with write_whole(path) as part, part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for row in rows:
            values = [row.get(column) for column in COLUMNS]
            writer.writerow("" if value is None else f"{value:.6g}" for value in values)


def read_history(path: str | Path) -> dict[str, list[float | None]]:
    """Read a history; one list a column, None where nothing stands."""
    with Path(path).open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return {column: [float(row[column]) if row[column] else None for row in rows] for column in COLUMNS}


def draw_curves(history: str | Path, png: str | Path, svg: str | Path, *, title: str) -> None:
    """Draw the learning curves: losses on the left axis; F1, where there is one, in a panel of its own."""
    columns = read_history(history)
    has_f1 = any(value is not None for value in columns["validation_f1"])
    figure = Figure(figsize=(7.2 if has_f1 else 4.2, 2.9), layout="constrained")
    axes = figure.subplots(1, 2 if has_f1 else 1, squeeze=False)[0]
    for name, color in (("train", "#0072B2"), ("validation", "#D55E00")):
        _plot(axes[0], columns["epoch"], columns[f"{name}_loss"], color, name)
    axes[0].set(ylabel="loss", title=title)
    axes[0].legend(frameon=False)
    if has_f1:
        _plot(axes[1], columns["epoch"], columns["validation_f1"], "#009E73", "validation")
        axes[1].set(ylabel="mean F1 (validation)", ylim=(0, 1.02), title="chosen epoch marked")
        _mark_best(axes[1], columns["epoch"], columns["validation_f1"])
    else:
        _mark_best(axes[0], columns["epoch"], columns["validation_loss"], lowest=True)
    for axis in axes:
        axis.set_xlabel("epoch")
        axis.xaxis.get_major_locator().set_params(integer=True)
        axis.spines[["top", "right"]].set_visible(False)
    save_figure(figure, png, svg)


def save_figure(figure: Figure, png: str | Path, svg: str | Path) -> None:
    """Save a figure as PNG and SVG, the same bytes for the same figure: no date, no version, no random names."""
    import matplotlib

    with matplotlib.rc_context({"svg.hashsalt": "ethomake", "svg.fonttype": "none"}):
        with write_whole(png) as part:
            figure.savefig(part, dpi=150, metadata={"Software": None})
        with write_whole(svg) as part:
            figure.savefig(part, metadata={"Date": None, "Creator": None})


def _plot(axis, epochs, values, color: str, label: str) -> None:
    points = [(e, v) for e, v in zip(epochs, values, strict=True) if v is not None]
    if points:
        axis.plot(*zip(*points, strict=True), color=color, label=label, marker="o", markersize=3, linewidth=1.2)


def _mark_best(axis, epochs, values, lowest: bool = False) -> None:
    points = [(v, -e) for e, v in zip(epochs, values, strict=True) if v is not None]
    if points:
        value, epoch = min((v, -e) for v, e in points) if lowest else max(points)
        axis.plot([abs(epoch)], [value], "o", color="black", markersize=7, fillstyle="none")
