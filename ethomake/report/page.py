"""Building blocks of HTML pages: tables, embedded pictures, and templates that escape every value."""

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined

from ethomake.text import counted

MANY_COLUMNS = 13
"""A table with more columns has its heads upright."""


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        title: its heading.
        kind: "text", "number" (aligned right) or "code".
    """

    title: str
    kind: str


@dataclass(frozen=True)
class Row:
    """A row of a table.

    Attributes:
        cells: one text per column, may be empty.
        total: whether it summarizes other rows.
        color: "#rrggbb" of a dot before the first cell.
    """

    cells: Sequence[str]
    total: bool = False
    color: str | None = None


@dataclass(frozen=True)
class Table:
    """A table; `wide` if its headings must be vertical to fit."""

    columns: Sequence[Column]
    rows: Sequence[Row]
    wide: bool


def text(*titles: str) -> list[Column]:
    """Return columns of text."""
    return [Column(title, "text") for title in titles]


def numbers(*titles: str) -> list[Column]:
    """Return columns of numbers."""
    return [Column(title, "number") for title in titles]


def make_table(columns: Sequence[Column], rows: Iterable[Row | Sequence[str]]) -> Table:
    """Return a table of rows, or of lists of cells; empty columns are left out."""
    rows = [row if isinstance(row, Row) else Row(row) for row in rows]
    keep = [k for k in range(len(columns)) if any(row.cells[k] for row in rows)]
    return Table(
        [columns[k] for k in keep],
        [Row([row.cells[k] for k in keep], row.total, row.color) for row in rows],
        wide=len(keep) > MANY_COLUMNS,
    )


def embed(path: str | Path) -> str:
    """Return a picture (SVG or PNG) as a data URL, so that a page needs no other file.

    As the source of an <img>, an SVG cannot run scripts or load files, and its ids cannot clash with those of others.
    """
    path = Path(path)
    kind = "svg+xml" if path.suffix == ".svg" else path.suffix.removeprefix(".")
    return f"data:image/{kind};base64,{base64.b64encode(path.read_bytes()).decode()}"


def render(template: str, **values: Any) -> str:
    """Return a template of this package filled with values.

    Args:
        template: its path relative to this folder.
        values: the variables of the template; a missing one raises an error instead of rendering as empty.
    """
    environment = Environment(
        loader=FunctionLoader(lambda name: files("ethomake.report").joinpath(name).read_text(encoding="utf-8")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.globals["counted"] = counted
    return environment.get_template(template).render(values)
