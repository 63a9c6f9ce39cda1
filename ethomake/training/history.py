"""The learning history of a training run: a CSV file, and a figure of its curves."""

import csv
from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from ethomake.drawing import PALETTE, new_figure, save_figure, strip, style
from ethomake.files import write_whole

COLUMNS = ("epoch", "learning_rate", "train_loss", "validation_loss")


def write_history(path: str | Path, rows: Sequence[dict]) -> None:
    """Write one row per epoch with the columns of `COLUMNS`; missing values stay empty."""
    with write_whole(path) as part, part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for row in rows:
            values = [row.get(column) for column in COLUMNS]
            writer.writerow("" if value is None else f"{value:.6g}" for value in values)


def read_history(path: str | Path) -> dict[str, list[float | None]]:
    """Read a history; return one list per column, None for empty cells."""
    with Path(path).open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return {column: [float(row[column]) if row[column] else None for row in rows] for column in COLUMNS}


def draw_curves(history: str | Path, png: str | Path, svg: str | Path, *, title: str) -> None:
    """Draw the learning curves: the loss in training, and in validation if there is one."""
    columns = read_history(history)
    with style():
        figure = new_figure(4.2, 2.7)
        axes = figure.subplots()
        axes.set(title=title, xlabel="epoch", ylabel="loss")
        for name, color in zip(("train", "validation"), PALETTE, strict=False):
            _plot(axes, columns["epoch"], columns[f"{name}_loss"], color, name)
        axes.legend(frameon=False)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        strip(axes)
        save_figure(figure, png, svg)


def _plot(axes: Axes, epochs: list, values: list, color: str, label: str) -> None:
    points = [(epoch, value) for epoch, value in zip(epochs, values, strict=True) if value is not None]
    if points:
        axes.plot(*zip(*points, strict=True), color=color, label=label, marker="o", markersize=3, linewidth=1.2)
