"""Common parts of all figures: colors, fonts, axes, and files whose bytes depend on the content alone."""

import warnings
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.text import Text

from ethomake.files import write_whole
from ethomake.fonts import USUAL, find_families, missing_letters

PALETTE = (
    *("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"),  # Okabe and Ito
    *("#332288", "#999933", "#882255", "#44AA99", "#AA4499", "#117733", "#DDCC77", "#CC6677"),  # Paul Tol, muted
    *("#6699CC", "#661100", "#888888", "#B8A500", "#004488", "#000000"),
)
"""Told apart with any kind of color vision up to six; beyond, every row also has its name."""

INK, MUTED, FAINT, UNSCORED = "#1f2328", "#6b7280", "#e5e7eb", "#eceef1"
BACKGROUND = "#9aa0a6"

STYLE: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": [USUAL],  # shipped with matplotlib: the same figure on every machine
    "font.size": 9,
    "text.color": INK,
    "text.parse_math": False,  # a $ in the name of a behavior is shown as a $
    "axes.labelcolor": INK,
    "axes.edgecolor": MUTED,
    "axes.linewidth": 0.8,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "hatch.linewidth": 0.6,
    "svg.hashsalt": "ethomake",
    "svg.fonttype": "path",
    "path.simplify": True,
}


@contextmanager
def style():
    """Draw and save in the style of ethomake; restore matplotlib's settings at the end."""
    with matplotlib.rc_context(STYLE):
        yield


def new_figure(width: float, height: float) -> Figure:
    """Return a new figure, its size in inches, without pyplot's global state."""
    figure = Figure(figsize=(width, height), facecolor="white", layout=ConstrainedLayoutEngine(w_pad=0.07, h_pad=0.07))
    FigureCanvasAgg(figure)
    return figure


def save_figure(figure: Figure, png: str | Path, svg: str | Path, *, dpi: int = 150) -> None:
    """Save as PNG and SVG without date or version, each atomically; letters may come from other installed fonts."""
    _add_fonts(figure)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")  # told once, when the project is checked
        _save(figure, png, svg, dpi)


def _add_fonts(figure: Figure) -> None:
    """Let texts with letters that the usual font lacks take them from fonts that are installed."""
    for axes in figure.axes:  # texts of ticks are made when they are asked for
        axes.get_xticklabels()
        axes.get_yticklabels()
    texts = [text for text in figure.findobj(Text) if isinstance(text, Text) and not text.get_text().isascii()]
    for text in texts:
        if letters := missing_letters([text.get_text()]):
            text.set_fontfamily([USUAL, *find_families(letters)[0]])
            text.set_fontweight("normal")  # these fonts are installed without others of their families


def _save(figure: Figure, png: str | Path, svg: str | Path, dpi: int) -> None:
    with write_whole(png) as part:
        figure.savefig(part, format="png", dpi=dpi, metadata={"Software": None})
    with write_whole(svg) as part:
        figure.savefig(part, format="svg", dpi=dpi, metadata={"Date": None, "Creator": None})


def pick_colors(behaviors: Sequence[str], colors: Mapping[str, str] | None = None) -> list[str]:
    """Return the color of each behavior: the configured one, otherwise the next of the palette."""
    colors = colors or {}
    return [colors.get(name, PALETTE[k % len(PALETTE)]) for k, name in enumerate(behaviors)]


def strip(axes: Axes, *, keep: Sequence[str] = ("left", "bottom")) -> None:
    """Hide the sides of the axes except those in `keep`."""
    for side, spine in axes.spines.items():
        spine.set_visible(side in keep)


STEPS_S = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400)


def time_ticks(
    start_s: float, stop_s: float, most: int = 13, shown_s: float | None = None
) -> tuple[np.ndarray, list[str], str]:
    """Return round tick positions between two times in seconds, their labels, and the label of the axis.

    Args:
        start_s: where the axis begins.
        stop_s: where it ends.
        most: there are at most so many ticks on it.
        shown_s: how much of the time the axis shows, if it leaves some of it out; None: all.
    """
    span = stop_s - start_s
    shown = span if shown_s is None else shown_s
    steps = [step for step in STEPS_S if step >= 1 or span < 120]
    step = next((step for step in steps if shown / step <= most), shown / most or 1.0)
    ticks = np.arange(np.ceil(start_s / step - 1e-9), np.floor(stop_s / step + 1e-9) + 1) * step
    if span < 120:
        return ticks, [f"{tick:.10g}" for tick in ticks.round(6) + 0.0], "time (s)"
    whole = ticks.round().astype(int)
    if span < 2 * 3600:
        return ticks, [f"{tick // 60}:{tick % 60:02d}" for tick in whole], "time (min:s)"
    if step < 60:
        return ticks, [f"{tick // 3600}:{tick // 60 % 60:02d}:{tick % 60:02d}" for tick in whole], "time (h:min:s)"
    return ticks, [f"{tick // 3600}:{tick // 60 % 60:02d}" for tick in whole], "time (h:min)"


def shorten(name: str, most: int = 24) -> str:
    """Return a name shortened to at most `most` characters, to fit beside an axis."""
    return name if len(name) <= most else name[: most - 1] + "…"


def draw_matrix(
    axes: Axes, values: np.ndarray, texts: Sequence[Sequence[str]], names: Sequence[str], top: float = 1.0
) -> None:
    """Draw a square matrix of shares from 0 to `top` (NaN: empty cell) as shades of blue with a text in each cell."""
    cells = np.ma.masked_invalid(values)
    shades = matplotlib.colormaps["Blues"].with_extremes(bad="#f3f4f6")
    axes.imshow(cells, cmap=shades, vmin=0, vmax=top, aspect="equal")
    n = len(names)
    size = 9 if n <= 8 else 7.5 if n <= 14 else 6.5
    for i in range(n):
        for j in range(n):
            dark = np.isfinite(values[i, j]) and values[i, j] > 0.55 * top
            axes.text(*(j, i, texts[i][j]), ha="center", va="center", fontsize=size, color="white" if dark else INK)
    axes.set_xticks(range(n), [shorten(name, 18) for name in names], rotation=40, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(n), [shorten(name, 18) for name in names])
    axes.set_xticks(np.arange(n + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(n + 1) - 0.5, minor=True)
    axes.grid(which="minor", color="white", linewidth=1.5)
    axes.tick_params(which="both", length=0)
    strip(axes, keep=())
