"""The figures: scores of all tasks, and F1 by labelled minutes."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from benchmarks.accuracy.results import MACRO, METRICS, Record, curve_points, grouped, names_of, score, title_of
from ethomake.drawing import FAINT, INK, MUTED, PALETTE, new_figure, pick_colors, save_figure, shorten, strip, style


def draw_accuracy(records: Iterable[Record], path: Path) -> None:
    """Draw every score of every task as PNG and SVG: a dot for each seed, a line at their mean, a color for settings.

    Args:
        records: see `Record` of benchmarks.accuracy.results.
        path: of the files, without suffix.
    """
    with style():
        figure = _accuracy(list(records))
        save_figure(figure, path.with_suffix(".png"), path.with_suffix(".svg"))


def _accuracy(records: list[Record]) -> Figure:
    groups = grouped(records)
    settings = list(dict.fromkeys(name for _, _, name in groups))
    colors = dict(zip(settings, pick_colors(settings), strict=True))
    tasks = dict.fromkeys(key[:2] for key in groups)
    places, texts, bold = [], [], []  # of the rows, from top to bottom
    rows: dict[tuple[str, str, str], float] = {}
    at = 0.0
    for task, fold in tasks:
        places.append(at)
        texts.append(title_of(task, fold))
        bold.append(True)
        for name in names_of(record for key, group in groups.items() if key[:2] == (task, fold) for record in group):
            at += 1
            rows[task, fold, name] = at
            places.append(at)
            texts.append(shorten(name))
            bold.append(False)
        at += 1.6
    height = 0.2 + 0.06 * max(len(settings) - 1, 0)
    figure = new_figure(11, height * (at + 1) + 1.1 + 0.2 * len(settings))
    panels = figure.subplots(1, len(METRICS), sharey=True)
    spread = np.linspace(-0.28, 0.28, len(settings)) if len(settings) > 1 else [0.0]
    for axes, (metric, title) in zip(panels, METRICS.items(), strict=True):
        highest = 0.0
        for (task, fold, name), group in groups.items():
            offset, color = spread[settings.index(name)], colors[name]
            for behavior in names_of(group):
                values = [value for record in group if (value := score(record, behavior, metric)) is not None]
                if not values:
                    continue
                y, highest = rows[task, fold, behavior] + offset, max([highest, *values])
                mean = sum(values) / len(values)
                axes.plot(values, [y] * len(values), "o", color=color, markersize=3.6, alpha=0.55, mew=0, clip_on=False)
                axes.plot(
                    [mean] * 2, [y - 0.3 / len(settings) ** 0.5, y + 0.3 / len(settings) ** 0.5], color=color, lw=2
                )
        for y in rows.values():
            axes.axhline(y, color=FAINT, linewidth=0.6, zorder=0)
        axes.set_title(title)
        axes.grid(axis="x", color=FAINT, linewidth=0.8)
        axes.set_axisbelow(True)
        axes.tick_params(axis="y", length=0)
        strip(axes, keep=("bottom",))
        if metric == "calibration_error":
            axes.set_xlim(0, highest * 1.08 or 1)
            axes.locator_params(axis="x", nbins=4)
        else:
            axes.set_xlim(0, 1)
            axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", "0.25", "0.5", "0.75", "1"])
    panels[0].set_yticks(places, texts)
    panels[0].set_ylim(max(places, default=0) + 0.7, -0.7)
    for label, heavy in zip(panels[0].get_yticklabels(), bold, strict=True):
        label.set_fontweight("bold" if heavy else "normal")
    handles = [Line2D([], [], color=colors[name], marker="o", markersize=4, linewidth=2) for name in settings]
    figure.legend(
        *(handles, settings), loc="outside lower left", frameon=False, fontsize=8, ncols=1, alignment="left",
        title="dots: seeds; lines: their mean", title_fontsize=8,
    )  # fmt: skip
    return figure


def draw_curve(records: Iterable[Record], path: Path) -> None:
    """Draw F1 by labelled minutes as PNG and SVG: a panel for each settings, a line for each behavior and the mean.

    Lines are means over seeds, bands reach from the lowest seed to the highest.

    Args:
        records: see `Record` of benchmarks.accuracy.results.
        path: of the files, without suffix.
    """
    with style():
        figure = _curve(list(records))
        save_figure(figure, path.with_suffix(".png"), path.with_suffix(".svg"))


def _curve(records: list[Record]) -> Figure:
    points = curve_points(records)
    columns = min(max(len(points), 1), 3)
    count = -(-max(len(points), 1) // columns)
    figure = new_figure(3.6 * columns + 1.5, 3.2 * count)
    panels = figure.subplots(count, columns, sharey=True, squeeze=False).ravel()
    for number, (axes, (settings, by_name)) in enumerate(zip(panels, points.items(), strict=False)):
        minutes = sorted({amount for values in by_name.values() for amount in values})
        for k, (name, values) in enumerate(by_name.items()):
            known = sorted(values)
            if not known:
                continue
            macro = name == MACRO
            color, mean = INK if macro else PALETTE[k % len(PALETTE)], [np.mean(values[amount]) for amount in known]
            low, high = ([edge(values[amount]) for amount in known] for edge in (min, max))
            axes.fill_between(known, low, high, color=color, alpha=0.1, linewidth=0)
            axes.plot(
                *(known, mean), color=color, linewidth=2.2 if macro else 1.4, linestyle=(0, (4, 2)) if macro else "-",
                marker="o", markersize=4, markeredgecolor="white", markeredgewidth=0.5, label=shorten(name),
                clip_on=False, zorder=4 if macro else 3,
            )  # fmt: skip
        axes.set_xscale("log", base=2)
        axes.set_xticks(minutes, [f"{amount:g}" for amount in minutes])
        axes.minorticks_off()
        axes.set_ylim(0, 1)
        axes.grid(color=FAINT, linewidth=0.8)
        axes.set_axisbelow(True)
        axes.set_title(shorten(settings, 44), fontsize=9)
        axes.set_xlabel("labelled minutes")
        if number % columns == 0:
            axes.set_ylabel("F1")
        strip(axes)
    for axes in panels[len(points) :]:
        axes.set_axis_off()
    if points:
        figure.legend(*panels[0].get_legend_handles_labels(), loc="outside right center", frameon=False, fontsize=8)
    else:
        panels[0].text(0.5, 0.5, "no learning curve", ha="center", color=MUTED)
    return figure
