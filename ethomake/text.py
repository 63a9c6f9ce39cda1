"""Numbers, counts and tables formatted for readers: in the report, the model card and the table of costs."""

from collections.abc import Sequence


def number(value: float | None) -> str:
    """Return a score or a length with two decimals; nothing for None."""
    return "" if value is None else f"{value:.2f}"


def percent(share: float | None) -> str:
    """Return a share from 0 to 1 in percent with one decimal; nothing for None."""
    return "" if share is None else f"{100 * share:.1f} %"


def plural(count: int, noun: str) -> str:
    """Return `noun`, with an s unless `count` is 1."""
    return noun if count == 1 else noun + "s"


def counted(count: int, noun: str) -> str:
    """Return a number of things: "1 video", "1,200 videos"."""
    return f"{count:,} {plural(count, noun)}"


def rate(lowest: float, highest: float) -> str:
    """Return a frame rate, or the range of several."""
    return f"{lowest:.4g}" if lowest == highest else f"{lowest:.4g} to {highest:.4g}"


def length(seconds: float) -> str:
    """Return the length of a recording: "4.25 s", "3 min 20 s" or "2 h 5 min"."""
    if seconds < 60:
        return f"{seconds:.3g} s"
    if seconds < 3600:
        return f"{int(seconds // 60)} min {int(seconds % 60)} s"
    return f"{int(seconds // 3600)} h {int(seconds % 3600 // 60)} min"


def markdown_table(
    heads: Sequence[str], rows: Sequence[Sequence[str]], *, words: int = 1, aligned: bool = False
) -> str:
    """Return a table in Markdown.

    Args:
        heads: titles of the columns.
        rows: one list of cells per row, as many as `heads`; apply `escape_markdown` to text chosen by users first.
        words: the number of text columns, from the left; the others are numbers, aligned right.
        aligned: pad the cells, for a terminal.
    """
    lines = [heads, *rows]
    widths = [max(4, *(len(line[k]) for line in lines)) if aligned else 0 for k in range(len(heads))]
    rule = ["-" * max(width, 3) if k < words else "-" * max(width - 1, 3) + ":" for k, width in enumerate(widths)]
    padded = [
        [cell.ljust(width) if k < words else cell.rjust(width) for k, (cell, width) in enumerate(cells)]
        for cells in (list(zip(line, widths, strict=True)) for line in lines)
    ]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (padded[0], rule, *padded[1:]))


def escape_markdown(text: str) -> str:
    """Return a text with the characters special to Markdown escaped, also for table cells."""
    return "".join(f"\\{letter}" if letter in r"\`*_{}[]<>#|~" else letter for letter in text)
