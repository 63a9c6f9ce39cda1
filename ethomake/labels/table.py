"""Label tables and their files: for every frame and behavior 1 (present), 0 (absent) or -1 (not scored)."""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ethomake.cells import defuse, restore
from ethomake.errors import InputError
from ethomake.files import write_whole
from ethomake.labels.plain import parse_plain, render_plain
from ethomake.labels.policies import STRICT, Policies
from ethomake.labels.workbook import is_workbook, workbook_text
from ethomake.letters import nfc

_KINDS = (  # the first bytes of files that are no text
    (rb"MATLAB 5\.0|MATLAB 7\.3", "a file of MATLAB"),
    (rb"\x89HDF\r\n", "an HDF5 file (as of JABS, SLEAP or MATLAB)"),
    (rb"SQLite format 3", "a database"),
    (rb"PAR1", "a table in Parquet"),
    (rb"%PDF", "a PDF file"),
    (rb"\x1f\x8b", "a compressed file (gzip)"),
    (rb"\x93NUMPY", "an array of NumPy"),
    (rb"\xff\xfe|\xfe\xff", "text in UTF-16"),
    (rb"\x80[\x02-\x05].*\.$", "a pickle of Python"),
    (rb"\x89PNG|\xff\xd8\xff", "a picture"),
    (rb".{4}ftyp|RIFF.{4}AVI |\x1aE\xdf\xa3|\x00\x00\x01\xba|G.{187}G", "a video"),
)

BACKGROUND = "background"
"""The name kept for "no behavior on"; it is always derived and never a column of our own form."""

SEPARATORS = ",;\t"
TIME_COLUMN = re.compile(
    r"(t|times?|time_?stamps?|sec|secs|seconds?)([ _]?[(\[]?(s|secs?|seconds?)[)\]]?)?", re.IGNORECASE
)
"""Names of a first column that has the time of each row in seconds."""

MILLISECONDS = re.compile(
    r"((t|times?|time_?stamps?)[ _]?)?[(\[]?(ms|msecs?|millis|milliseconds?)[)\]]?", re.IGNORECASE
)
"""Names of one that has it in milliseconds."""

NAMES_OF_STATES = frozenset({"behavior", "behaviour", "label", "labels", "state", "class", "event", "action", "code"})
"""Names of columns that often hold the name or number of one behavior in each row."""

_CELLS = {text: value for value in (1, 0, -1) for text in (f"{value}", f"{value}.0", f"{value}.")}
_WORDS = (("true", 1), ("false", 0), ("yes", 1), ("no", 0))
_CELLS |= {text: value for word, value in _WORDS for text in (word, word.title(), word.upper())}
_UNSURE = ("?", "unsure", "Unsure")
_MARKS = {"blank": frozenset({""}), "unsure": frozenset(_UNSURE)}
_MEANINGS = {"absent": 0, "unscored": -1, "present": 1}

_AHEAD = 200  # lines, among which the header is

HEAD = 65536
"""Bytes of a file by which its format is told."""


@dataclass(frozen=True, eq=False)
class LabelTable:
    """The labels of one video.

    Attributes:
        behaviors: names, in column order; K of them.
        values: int8 (T, K), one row per frame; 1 present, 0 absent, -1 not scored.
        others: columns of the file that hold something else (times, notes), with the error to raise if one is
            used as a behavior.
        notes: what to tell the user of the file, with rows.
        mended: what was mended as the policies `fix` say, with rows; for the import report only.
        ignored: what of the file was not read.
        is_list: whether the file is a list of bouts, in which a behavior that was not seen is not named.
        observed: bool (T,), of a list of bouts: where a behavior that is not in it was absent; None: nowhere, since the
            file says which ones were scored.
    """

    behaviors: tuple[str, ...]
    values: np.ndarray
    others: dict[str, InputError] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    mended: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    is_list: bool = False
    observed: np.ndarray | None = None


@dataclass(frozen=True)
class Positives:
    """How much of each behavior a label file shows, before the video is known.

    Attributes:
        counts: frames (or rows, or bouts) by behavior; only 0 and more than 0 are told apart.
        others: columns that hold something else, with the error to raise if one is used as a behavior.
        is_list: whether it is a list of bouts, in which a behavior that never occurs need not be named.
    """

    counts: dict[str, int]
    others: dict[str, InputError] = field(default_factory=dict)
    is_list: bool = False


@dataclass(frozen=True)
class Sheet:
    """A parsed delimited text file: cells are stripped text, `lines` the 1-based line of each row in the file."""

    path: Path
    header: list[str]
    rows: list[list[str]]
    lines: list[int]

    def error(self, row: int, problem: str) -> InputError:
        """Return an error that names the file and the line of data row `row` (counted from 0)."""
        return InputError(f"{self.path}, line {self.lines[row]}: {problem}")


def count_frames(table: LabelTable) -> Positives:
    """Count the rows of a table in which each behavior is present, for a format's `count_positives`."""
    counts = (table.values == 1).sum(axis=0).tolist()
    return Positives(dict(zip(table.behaviors, counts, strict=True)), table.others)


def background(values: np.ndarray) -> np.ndarray:
    """Derive "no behavior present" from labels (T, K): int8 (T,), 1, 0, or -1 where it is unknown.

    A frame in which some behavior is present is not background, even if other behaviors were not scored.
    """
    on, unknown = (values == 1).any(axis=1), (values == -1).any(axis=1)
    return np.where(on, 0, np.where(unknown, -1, 1)).astype(np.int8)


def read_labels(path: str | Path, behaviors: Sequence[str] | None = None) -> LabelTable:
    """Read ethomake's format: header `frame,<behavior>,...`, one row per frame, values 1, 0 or -1.

    Args:
        path: the label file.
        behaviors: the columns it must have, in this order; None: any.

    Raises:
        InputError: if the file does not have that format, or has other behaviors.
    """
    names = head_names(path)
    if names and names[0] != "frame":
        raise InputError(f"{path}, line 1: the first column is '{names[0]}' and must be 'frame'")
    table = read_table(path, first=1, index=True)
    if behaviors is not None and tuple(table.behaviors) != tuple(behaviors):
        there, wanted = ", ".join(table.behaviors), ", ".join(behaviors)
        raise InputError(f"{path}: has the behaviors {there}, not {wanted}; delete it and run again")
    return table


def write_labels(path: str | Path, table: LabelTable) -> None:
    """Write ethomake's format, atomically."""
    write_table(path, "frame", table.behaviors, table.values)


def write_table(path: str | Path, index: str, names: Sequence[str], values: np.ndarray) -> None:
    """Write a CSV file with a row for every frame, atomically.

    Args:
        path: the file.
        index: name of the first column, which counts the frames.
        names: of the other columns, (K,); those that a spreadsheet would take for formulas are defused.
        values: int8 (T, K), 1, 0 or -1.
    """
    with write_whole(path) as partial, open(partial, "wb") as file:
        file.write((",".join((index, *map(defuse, names))) + "\n").encode())
        file.writelines(render_plain(values))


def read_table(path: str | Path, *, first: int, index: bool, policies: Policies = STRICT) -> LabelTable:
    """Read the behaviors of a delimited text file with one row per frame, as `read_sheet` and `read_columns` do."""
    return _read_plain(Path(path), first, index) or read_columns(
        read_sheet(path), first=first, index=index, policies=policies
    )


def read_sheet(path: str | Path) -> Sheet:
    """Read a delimited text file with any line ends and separator (comma, semicolon, tab), with or without BOM.

    Artifacts of spreadsheets are dropped: empty lines at the end, unnamed empty columns at the right and `sep=;` in
    the first line. So are lines with # above the header. Names are in Unicode's normal form NFC.

    Raises:
        InputError: if the file does not exist, is not text, is empty, or its rows differ in length.
    """
    return parse_sheet(read_text(Path(path)), Path(path))


def _read_plain(path: Path, first: int, index: bool) -> LabelTable | None:
    """Return a table in which nothing is unusual, fast; None if there is anything to say about it, or to look at."""
    try:
        found = parse_plain(path.read_bytes(), first=first, index=index)
    except OSError:
        return None
    if found is None:
        return None
    names, values = [_name_of(nfc(name)) for name in found[0][first:]], found[1]
    if not all(names) or len(set(names)) < len(names):
        return None
    if BACKGROUND in names:
        column = names.index(BACKGROUND)
        names = names[:column] + names[column + 1 :]
        given, values = values[:, column], np.delete(values, column, axis=1)
        if any(rows.any() for rows in _against_background(given, values, complete=True)):
            return None
    return LabelTable(tuple(names), values)


def parse_sheet(text: str, path: Path, *, header_only: bool = False) -> Sheet:
    """Return the sheet that a text is, as `read_sheet` does; with `header_only` without any of its rows.

    Raises:
        InputError: as from `read_sheet`.
    """
    lines = [line for line in text.splitlines() if line.strip(f"{SEPARATORS} ")]
    if declared := bool(lines) and is_separator_line(lines[0]):
        lines.pop(0)
    comments = _count_comments(lines)
    separator = max(SEPARATORS, key=lines[comments].count) if lines else ","
    cells = split_rows(text, separator, path)
    while cells and not any(cells[-1][0]):
        cells.pop()
    while cells and not any(cells[0][0]):
        cells.pop(0)
    if declared:
        cells.pop(0)
    for _ in range(comments):
        while cells and not any(cells[0][0]):
            cells.pop(0)
        cells = cells[1:]
    while cells and not any(cells[0][0]):
        cells.pop(0)
    if cells and cells[0][0][0].startswith("#"):
        cells[0][0][0] = cells[0][0][0].lstrip("# ")
    if not cells:
        raise InputError(f"{path}: the file is empty; it needs a header and a row for every frame of the video")
    if len(cells) == 1 and not header_only:
        raise InputError(f"{path}: a header and nothing below it; it needs a row for every frame of the video")
    header = [nfc(name) for name in cells[0][0]]
    while len(header) > 1 and not header[-1]:
        header.pop()
    for number, name in enumerate(header, start=1):
        if "\n" in name or "\r" in name:
            problem = f"the name of column {number} ('{name}') has a line break in it; write it on one line"
            raise InputError(f"{path}, line {cells[0][1]}: {problem}")
    if header_only:
        return Sheet(path, header, [], [])
    sheet = Sheet(path, header, [row for row, _ in cells[1:]], [line for _, line in cells[1:]])
    for number, row in enumerate(sheet.rows):
        while len(row) > len(header) and not row[-1]:
            row.pop()
        if not any(row):
            raise sheet.error(number, "the line is blank; a frame that was not scored needs -1 in each column")
        if len(row) != len(header):
            problem = f"{len(row)} cells where the header has {len(header)}; give the line one cell a column"
            if row[0].startswith("#"):
                problem = "a comment between the rows; delete it, or put it above the header"
            raise sheet.error(number, problem)
    if separator == ";":  # where the semicolon separates, a comma is the decimal sign
        for row in sheet.rows:
            row[:] = [cell.replace(",", ".") for cell in row]
    return sheet


def head(path: str | Path) -> bytes:
    """Return the first bytes of a file, at most `HEAD`; none if it cannot be read. For a format's `sniff`."""
    try:
        with open(path, "rb") as file:
            return file.read(HEAD)
    except OSError:
        return b""


def head_text(path: str | Path) -> str:
    """Return the beginning of a text or workbook, without byte-order mark and cut-off line; "" if it is neither."""
    content = head(path)
    if is_workbook(content):
        try:
            return workbook_text(path)[:HEAD]
        except InputError:
            return ""
    if len(content) == HEAD:
        content = content[: max(content.rfind(b"\n"), content.rfind(b"\r")) + 1]
    try:
        return decode_text(content, path, "")
    except InputError:
        return ""


def head_names(path: str | Path) -> list[str]:
    """Return the names in the header of a delimited text file, as `read_sheet` finds it; none if there is none."""
    try:
        beginning = "".join(head_text(path).splitlines(keepends=True)[:_AHEAD])
        return parse_sheet(beginning, Path(path), header_only=True).header
    except (InputError, IndexError):
        return []


def split_rows(text: str, separator: str, path: Path) -> list[tuple[list[str], int]]:
    """Return the stripped cells of each row and the line in which it begins; cells in quotes may have line breaks.

    Raises:
        InputError: if a quote is opened and not closed, which would take the rows below it into a cell, or if the text
            is no table.
    """
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    cells, start, several = [], 1, []
    try:
        for row in reader:
            cells.append(([cell.strip() for cell in row], start))
            if reader.line_num > start:
                several.append((start, reader.line_num))
            start = reader.line_num + 1
    except csv.Error as error:
        problem = f"not readable as a table ({error}); save the labels as a CSV file again"
        raise InputError(f"{path}, line {reader.line_num}: {problem}") from None
    lines = list(io.StringIO(text, newline="")) if several else []
    for start, last in several:  # the quote may be that of another row, or the end of the file may have closed it
        try:
            next(csv.reader(lines[start - 1 : last], delimiter=separator, strict=True))
        except csv.Error:
            problem = "a quote is opened and not closed; delete it or close it"
            raise InputError(f"{path}, line {start}: {problem}") from None
    return cells


def head_rows(text: str, separator: str) -> Iterator[list[str]]:
    """Yield the stripped cells of the first rows of a text, as far as it is a table; for a format's `sniff`."""
    with suppress(csv.Error):
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator):
            yield [cell.strip() for cell in row]


def _count_comments(lines: Sequence[str]) -> int:
    """Return how many of some lines are comments (#) above the header; a header may begin with # itself."""
    count = next((number for number, line in enumerate(lines) if not line.lstrip(' "').startswith("#")), 0)
    if not count:
        return 0
    last, below = lines[count - 1], lines[count]
    separator = max(SEPARATORS, key=below.count)
    is_header = last.count(separator) == below.count(separator) > 0 and _begins_with_number(below)
    return count - is_header


def _begins_with_number(line: str) -> bool:
    return re.match(r"\s*\"?-?\d", line) is not None


def read_columns(sheet: Sheet, *, first: int, index: bool, policies: Policies = STRICT) -> LabelTable:
    """Extract the behaviors from a sheet: the columns from `first` on, without `background`.

    Args:
        sheet: the file.
        first: number of the first column that is a behavior or `background`.
        index: whether column 0 counts the frames 0, 1, 2, ...; if so it is checked.
        policies: what blank and unsure cells mean.

    Raises:
        InputError: if names are missing or duplicate, if frames are missing, duplicate or out of order, if no column
            holds only 1, 0 and -1, or if the background contradicts the behaviors.
    """
    names = [_name_of(name) for name in sheet.header[first:]]
    for number, name in enumerate(names):
        if not name:
            raise InputError(f"{sheet.path}, line 1: column {number + first + 1} has no name; name its behavior")
        if name in names[:number]:
            raise InputError(f"{sheet.path}, line 1: duplicate column '{name}'; delete or rename one of them")
    if index:
        _check_index(sheet)
    values = np.empty((len(sheet.rows), len(names)), np.int8)
    others: dict[str, InputError] = {}
    known = _CELLS | dict.fromkeys(_UNSURE, _MEANINGS[policies.unsure])
    known |= {"": _MEANINGS[policies.blank]} if policies.blank in _MEANINGS else {}
    for number, row in enumerate(sheet.rows):
        try:
            values[number] = [known[cell] for cell in row[first:]]
        except KeyError:  # an unusual spelling (1.00), or not a label: check each cell
            for column, (name, cell) in enumerate(zip(names, row[first:], strict=True)):
                if name not in others:
                    try:
                        values[number, column] = known[cell] if cell in known else _read_cell(sheet, number, name, cell)
                    except InputError as error:
                        others[name] = error
    if BACKGROUND in others or len(others) == len(names) > 0:
        raise others.get(BACKGROUND) or list(others.values())[-1]  # the column whose first invalid cell comes last
    kept = [column for column, name in enumerate(names) if name not in others]
    names, values = [names[column] for column in kept], values[:, kept]
    columns = [first + column for column, name in zip(kept, names, strict=True) if name != BACKGROUND]
    notes = [_describe_cells(sheet, columns, kind, getattr(policies, kind)) for kind in _MARKS]
    if BACKGROUND in names:
        column = names.index(BACKGROUND)
        names = names[:column] + names[column + 1 :]
        given, values = values[:, column], np.delete(values, column, axis=1)
        notes.append(_check_background(sheet, given, values, complete=not others))
    return LabelTable(tuple(names), values, others, tuple(filter(None, notes)))


def _describe_cells(sheet: Sheet, columns: Sequence[int], kind: str, policy: str) -> str:
    """Return how many cells of some columns were blank or unsure, and what that meant; "" if there are none."""
    counts = [sum(row[column] in _MARKS[kind] for column in columns) for row in sheet.rows]
    if not (count := sum(counts)):
        return ""
    line = sheet.lines[next(number for number, each in enumerate(counts) if each)]
    meant = "not scored" if policy == "unscored" else policy
    return f"{kind} cells count as {meant} ({kind}: {policy}): {count}, the first in line {line}"


def is_separator_line(line: str) -> bool:
    """Return whether a line declares the separator for Excel: `sep=;`."""
    return re.fullmatch(r'"?sep=.?"?[,;\t]*', line.strip(), re.IGNORECASE) is not None


def decode_text(content: bytes, path: str | Path, what: str) -> str:
    """Return the text of a table, without byte-order mark.

    Raises:
        InputError: if it is not text in UTF-8; the message says what it is, if known, and to save `what` as CSV.
    """
    if kind := next((kind for start, kind in _KINDS if re.match(start, content, re.DOTALL)), ""):
        raise InputError(f"{path}: {kind} and not plain text in UTF-8; save {what} as a CSV file in UTF-8")
    if is_workbook(content):
        raise InputError(
            f"{path}: a workbook (Excel, LibreOffice) and not plain text in UTF-8, whatever its name; open it there "
            f"and save {what} as a CSV file in UTF-8"
        )
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        where = "" if b"\0" in content else f" (line {line} has other characters)"
        raise InputError(f"{path}: not plain text in UTF-8{where}; save {what} as a CSV file in UTF-8") from None
    if "\0" in text:
        raise InputError(f"{path}: not plain text in UTF-8; save {what} as a CSV file in UTF-8")
    return text


def read_bytes(path: Path) -> bytes:
    """Return the content of a label file.

    Raises:
        InputError: if it cannot be read.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such label file; correct its path") from None
    except OSError as error:
        raise InputError(f"{path}: not readable ({error.strerror}); correct its path or its permissions") from None


def read_text(path: Path) -> str:
    """Return the text of a label file; that of a workbook (Excel, LibreOffice) is its table, cells separated by tabs.

    Raises:
        InputError: if it cannot be read, or is neither text in UTF-8 nor a workbook.
    """
    content = read_bytes(path)
    return workbook_text(path) if is_workbook(content) else decode_text(content, path, "the labels")


def is_label(cell: str) -> bool:
    """Return whether a cell can be a label: 1, 0 or -1 in any spelling."""
    try:
        return cell in _CELLS or float(cell) in (1, 0, -1)
    except ValueError:
        return False


def _read_cell(sheet: Sheet, row: int, name: str, cell: str) -> int:
    try:
        value = float(cell)
    except ValueError:
        value = None
    if value not in (1, 0, -1):
        shown = f"'{cell}'" if cell else "nothing"
        if name.casefold() in NAMES_OF_STATES and cell:
            problem = (
                f"column '{name}' holds {shown}, which seems to name the behavior that is on; make a column for each "
            )
            raise sheet.error(row, problem + "behavior in its place, with 1 where it is on and 0 elsewhere") from None
        if "\n" in cell or "\r" in cell:
            problem = f"column '{name}' holds a line break: a quote is opened here and closed further down; delete both"
            raise sheet.error(row, problem) from None
        remedy = "" if cell else ", or set labels.blank to absent or unscored"
        problem = f"column '{name}' holds {shown}; write 1 (present), 0 (absent) or -1 (not scored){remedy}"
        raise sheet.error(row, problem)
    return int(value)


def _check_index(sheet: Sheet) -> None:
    first = None
    for expected, row in enumerate(sheet.rows):
        try:
            frame = float(row[0])
        except ValueError:
            frame = None
        first = frame if expected == 0 else first
        if frame != expected:
            if problem := _describe_index(sheet, expected, first, frame):
                raise sheet.error(expected, problem)
            shown = f"'{row[0]}'" if row[0] else "nothing"
            column = f"column '{sheet.header[0]}'" if sheet.header[0] else "the first column"
            problem = f"{column} holds {shown} where frame {expected} is due; "
            if frame is None or not np.isfinite(frame):
                raise sheet.error(expected, problem + _describe_other_row(sheet, expected))
            problem += "frames count 0, 1, 2, ... "
            if expected == 0 and frame == 1:
                raise sheet.error(0, problem + "from 0: subtract 1 from the whole column")
            raise sheet.error(expected, problem + "without gaps: add a row for each missing frame (-1: not scored)")


def _describe_index(sheet: Sheet, row: int, first: float | None, frame: float | None) -> str:
    """Return why the column of frames is wrong in a row, if it is more than a gap; else ""."""
    last = len(sheet.rows) - 1
    if row == 0 and frame == last > 1 and sheet.rows[1][0] in (f"{last - 1}", f"{last - 1}.0"):
        return f"the frames count backwards, from {frame:g}; sort the rows by the first column"
    if row == 0 or frame is None or not np.isfinite(frame):
        return ""
    if frame == row - 1:
        return f"frame {frame:g} has a second row; {_who(sheet, row)}"
    if frame == first:
        return f"the frames begin anew here, at {frame:g}; {_who(sheet, row)}"
    if frame != int(frame):
        column = sheet.header[0] or "the first column"
        return f"{column} holds {sheet.rows[row][0]} where frame {row} is due; name the column time if it has seconds"
    return ""


def _describe_other_row(sheet: Sheet, row: int) -> str:
    """Return what a row seems to be that begins with no frame, and what to do."""
    if len(sheet.header) > 2 and all(cell.isdigit() for cell in sheet.header[1:]):
        return "the frames are in columns: transpose the table, so that each frame is a row"
    if sheet.rows[row] == sheet.header:
        return "the header stands here again: delete the line, or give each video a file of its own"
    if not all(map(is_label, sheet.rows[row][1:])):
        return "delete the line if it has no labels (units, sums, remarks)"
    return "give the row its frame, or delete it (units, sums, remarks)"


def _who(sheet: Sheet, row: int) -> str:
    """Return which column tells the animals apart whose rows are in one file, and what to do."""
    before, now = sheet.rows[row - 1], sheet.rows[row]
    for column, name in enumerate(sheet.header):
        one, other = before[column], now[column]
        if column and one != other and not (is_label(one) and is_label(other)):
            remedy = "give each animal a label file, and a row of the video table, of its own"
            return f"column '{name}' tells {one} and {other} apart: {remedy}"
    return "if it has several animals or videos, give each a label file, and a row of the video table, of its own"


def _check_background(sheet: Sheet, given: np.ndarray, values: np.ndarray, complete: bool) -> str:
    """Check the background column: it is derived anyway, but a contradiction shows that the file is damaged.

    Return a note for rows that DeepEthogram leaves when it removes a behavior (0 everywhere), else "". `complete`
    says whether `values` has all the other columns of the file.
    """
    both, unknown, neither = _against_background(given, values, complete)
    if both.any():
        problem = "background and a behavior are both 1; correct the row or delete the column 'background'"
        raise sheet.error(int(both.argmax()), problem)
    if unknown.any():
        problem = "background is -1 though each behavior is 0; write -1 for what was not scored, or background 1"
        raise sheet.error(int(unknown.argmax()), problem)
    if not neither.any():
        return ""
    return (
        f"in {neither.sum()} rows, the first in line {sheet.lines[int(neither.argmax())]}, background is 0 and so is "
        "each behavior; they count as scored, with none of them on (write -1 for what was not scored)"
    )


def _against_background(
    given: np.ndarray, values: np.ndarray, complete: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return in which rows background and a behavior are on, or all is 0 but background -1, or 0; bool (T,) each."""
    both = (given == 1) & (values == 1).any(axis=1)
    none = (values == 0).all(axis=1) & (values.shape[1] > 0) & complete
    return both, none & (given == -1), none & (given == 0)


def _name_of(cell: str) -> str:
    return BACKGROUND if cell.lower() == BACKGROUND else restore(cell)
