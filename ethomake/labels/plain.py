"""Tables of frames as programs write them, read and written without a look at each cell by Python.

A table of ten hours has a million rows. `parse_plain` reads only what is right; all else is left to the reader that
knows what to say about it (`ethomake.labels.table`).
"""

from collections.abc import Iterator

import numpy as np

CHUNK = 1 << 20
"""Bytes, or so, that are looked at at once."""

_COMMA, _MINUS, _POINT, _ZERO, _NINE, _END = b",-.09\n"


def parse_plain(content: bytes, *, first: int, index: bool) -> tuple[list[str], np.ndarray] | None:
    """Return the names in the header and the values of a table, or None if there is anything unusual in it.

    Cells are 1, 0 and -1, with or without .0 behind; nothing is quoted; all rows have the same number of cells.

    Args:
        content: the file.
        first: number of the first column with values; at most 1.
        index: whether column 0 has to count 0, 1, 2, ...

    Returns:
        All names, with that of column 0, and int8 (T, K).
    """
    begin = 3 if content.startswith(b"\xef\xbb\xbf") else 0
    line = content.find(b"\n", begin)
    stop = len(content)
    while stop and content[stop - 1] in b"\r\n":
        stop -= 1
    header = content[begin:line].removesuffix(b"\r")
    if not begin <= line < stop or not header or b'"' in header or b"\r" in header or header.lstrip()[:1] in b"#":
        return None
    try:
        text = header.decode()
    except UnicodeDecodeError:
        return None
    separator = max(",;\t", key=text.count)
    names = [name.strip() for name in text.split(separator)]
    if len(names) <= first or names[0].lower().startswith("sep="):
        return None
    parts, rows = [], 0
    for chunk in _lines(content, line + 1, stop):
        part = _parse_rows(chunk, ord(separator), len(names), first, rows if index else None)
        if part is None:
            return None
        parts.append(part)
        rows += len(part)
    return names, np.concatenate(parts)


def _lines(content: bytes, start: int, stop: int) -> Iterator[bytes]:
    """Yield parts of a file that end with a line, with \\n at the end of each line."""
    while start < stop:
        end = content.find(b"\n", min(start + CHUNK, stop - 1), stop)
        end = stop if end < 0 else end
        part = content[start:end] + b"\n"
        yield part.replace(b"\r\n", b"\n") if b"\r" in part else part
        start = end + 1


def _parse_rows(chunk: bytes, separator: int, columns: int, first: int, number: int | None) -> np.ndarray | None:
    """Return the values of some rows, int8 (N, K), or None; the first has to have this number if one is given."""
    text = np.frombuffer(chunk, np.uint8)
    ends = np.flatnonzero((text == separator) | (text == _END))
    if len(ends) % columns:
        return None
    starts = np.concatenate([[0], ends[:-1] + 1]).reshape(-1, columns)
    ends = ends.reshape(-1, columns)
    if (
        (text[ends[:, -1]] != _END).any()
        or (text[ends[:, :-1]] != separator).any()
        or (starts >= ends)[:, first:].any()
    ):
        return None
    if number is not None and not _counts(text, starts[:, 0], ends[:, 0], number):
        return None
    starts, ends = starts[:, first:], ends[:, first:]
    negative = text[starts] == _MINUS
    digits = starts + negative
    values = text[digits] - np.uint8(_ZERO)
    more = ends - digits - 1
    if (values > 1).any() or (negative & (values == 0)).any() or ((more != 0) & (more != 2)).any():
        return None
    tail = digits[more == 2]
    if (text[tail + 1] != _POINT).any() or (text[tail + 2] != _ZERO).any():
        return None
    return np.where(negative, np.int8(-1), values.astype(np.int8))


def _counts(text: np.ndarray, starts: np.ndarray, ends: np.ndarray, number: int) -> bool:
    """Return whether cells hold whole numbers that go up by one from `number`."""
    widths = ends - starts
    if widths.min() < 1 or widths.max() > 15:
        return False
    found = np.zeros(len(starts), np.int64)
    for place in range(int(widths.max())):
        there = widths > place
        digit = text[ends[there] - 1 - place]
        if ((digit < _ZERO) | (digit > _NINE)).any():
            return False
        found[there] += (digit - _ZERO).astype(np.int64) * 10**place
    return bool((found == np.arange(number, number + len(found))).all())


def render_plain(values: np.ndarray) -> Iterator[bytes]:
    """Yield the lines of a table, `0,1,0,-1`: the number of each row, and its values, int8 (T, K), 1, 0 or -1."""
    count, columns = values.shape
    start, width = 0, 1
    while start < count:
        stop = min(count, 10**width, start + CHUNK // 8)
        numbers, part = np.arange(start, stop), values[start:stop]
        text = np.zeros((stop - start, width + 3 * columns + 1), np.uint8)
        for place in range(width):
            text[:, width - 1 - place] = numbers // 10**place % 10 + _ZERO
        text[:, width:-1:3] = _COMMA
        text[:, width + 1 : -1 : 3] = np.where(part < 0, _MINUS, 0)
        text[:, width + 2 :: 3][:, :columns] = np.abs(part) + _ZERO
        text[:, -1] = _END
        yield text[text > 0].tobytes()
        start = stop
        width += start == 10**width
