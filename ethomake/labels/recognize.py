"""What a file is that cannot be read as labels, in words, so that the message says what to do with it."""

import re
import zipfile
from itertools import pairwise
from pathlib import Path

from ethomake.cells import to_number
from ethomake.errors import InputError
from ethomake.labels.structured import head_of_structure
from ethomake.labels.table import BACKGROUND, NAMES_OF_STATES, SEPARATORS, TIME_COLUMN, Sheet, is_label, read_text

EXPORT = "export a table with one row per frame (a column frame, and for each behavior a column of 1 and 0)"
EVENTS = "give the project itself (.boris), or export its events (tabular or aggregated) with the names of the columns"
BOUTS = "give a table of bouts with their starts and stops, or export one with a row per frame"
OBSERVER = "export the events of its observations (Behavior, Event_Type, Time_Relative_sf)"
SCHEME = "a coding scheme of The Observer, with names but without events"
CODING_SCHEME = r"(<\?xml[^>]*>)?\s*<NXMLINTERCHANGE\b"

# The beginning of a text, and what it is.
_TEXTS: tuple[tuple[str, str, str], ...] = (
    (r'"?Observation id"?[\t,;]', "a table of BORIS without events, as its list of observations", EVENTS),
    (
        r"FirstLineOfData=|#-+\s+# Name: .*\.dat\b",
        "a data file of JWatcher, which has when behaviors begin but not when they end",
        BOUTS,
    ),
    (r"#-+\s+# Name: .*\.(faf|fmf)\b", "a file of settings of JWatcher, without events", BOUTS),
    (r"FirstLineOfResults=", "a file of results of JWatcher, without events", BOUTS),
    (
        r'"?scorer"?[\t,;].*\s+"?(individuals|bodyparts)"?[\t,;]',
        "DeepLabCut's table of body parts, not of behaviors",
        "",
    ),
    (CODING_SCHEME, SCHEME, OBSERVER),
    (r"<\?xml|<!DOCTYPE|<html", "a file in XML or HTML", EXPORT),
    (r'\[\{"subject": "[^"]*", "behavior": "[^"]*", "modifiers"', "a time budget of BORIS, without times", EVENTS),
    (r"[\[{]\s*[\"\[{\d]", "a file in JSON", EXPORT),
    (r"WEBVTT|1\s+\d\d:\d\d:\d\d[,.]\d+ -->", "subtitles", EXPORT),
)
_PLACES = {"start", "from", "begin", "onset", "startframe", "starttime", "stop", "to", "end", "stopframe", "stoptime"}
_PLACES |= {"starts", "stops", "ends", "begins", "startsec", "stopsec", "endsec", "startms", "stopms", "endms"}
_PLACES |= {"endframe", "endtime", "duration", "time", "status", "frame"}
_NAMES = {"behavior", "behaviour", "behaviors", "behaviours", "type", "label", "event", "action", "code"}
_AHEAD = 20  # rows in which a header is looked for


def explain_refusal(path: str | Path, error: InputError) -> InputError:
    """Return a better error for a file that could not be read as a sheet, or `error` itself.

    Args:
        path: the label file.
        error: why it could not be read.
    """
    try:
        text = read_text(Path(path))
    except InputError:
        scheme = any(name.endswith(".otx") for name in _parts(path))
        return InputError(f"{path}: it is {SCHEME}; {OBSERVER}") if scheme or _is_scheme(path) else error
    if what := describe_text(text):
        return InputError(f"{path}: {what}")
    if problem := _late_header(text):
        return InputError(f"{path}, line 1: {problem}")
    return error


def _is_scheme(path: str | Path) -> bool:
    """Return whether a file is a coding scheme of The Observer, which is in UTF-16."""
    return re.match(CODING_SCHEME, head_of_structure(path)) is not None


def _parts(path: str | Path) -> list[str]:
    """Return the names of the files in an archive; none if it is no zip."""
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, RuntimeError, EOFError):
        return []


def describe_text(text: str) -> str:
    """Return what a text is, by its beginning, and what to do; "" if it is none of the known kinds."""
    beginning = text[:4000].lstrip()
    for pattern, what, remedy in _TEXTS:
        if re.match(pattern, beginning):
            return f"it is {what}; {remedy or EXPORT}"
    return ""


def describe_header(path: str | Path, sheet: Sheet) -> str:
    """Return what a table without a known header is, and what to do; "" if nothing is known of it."""
    text = read_text(Path(path))
    if what := describe_text(text):
        return what
    names = [re.sub(r"[\W_]+", "", re.sub(r"\(.*\)|\[.*\]", "", name.casefold())) for name in sheet.header]
    if len(set(names) & _PLACES) > 1 and set(names) & _NAMES:
        shown = [name for name, plain in zip(sheet.header, names, strict=True) if plain in _PLACES | _NAMES]
        return f"it is a list of bouts or events (columns {', '.join(shown)}) and not a table of frames; {EXPORT}"
    if problem := _late_header(text):
        return problem
    if all(to_number(name) is not None for name in sheet.header):
        return "there is no header: put a line with 'frame' and the names of the behaviors above the first row"
    if place := next((number for number, name in enumerate(sheet.header) if name.casefold() == "frame"), 0):
        return f"the column '{sheet.header[place]}' is column {place + 1}: move it to the front"
    if len(sheet.header) == 1 and (problem := _describe_column(sheet)):
        return problem
    columns = list(zip(*sheet.rows, strict=True))
    numbers = [to_number(cell) for cell in columns[0]]
    labels = [all(map(is_label, column)) for column in columns]
    first = sheet.header[0]
    counted = [number for number in numbers if number is not None]
    if len(counted) == len(numbers) > 1 and not labels[0] and any(labels[1:]):
        if all(number == counted[0] + place for place, number in enumerate(counted)):
            return f"the first column, '{first}', counts the frames: rename it to 'frame'" + (
                "" if counted[0] == 0 else f" and let it begin at 0 (it begins at {counted[0]:g})"
            )
        if all(one < two for one, two in pairwise(counted)):
            return (
                f"the first column, '{first}', looks like times: name it 'time' if it has seconds, or 'frame' if it "
                "has frame numbers 0, 1, 2, ..."
            )
    if all(labels):
        return (
            "it has only columns of behaviors: only the column that counts the frames is missing; put a column 'frame' "
            "(0, 1, 2, ...) in front of them"
        )
    return ""


def _describe_column(sheet: Sheet) -> str:
    """Return what is wrong with a table of one column, if that is known; else ""."""
    name = sheet.header[0]
    for separator, what in (("|", "|"), (" ", "blanks"), (":", "colons")):
        cells = name.split(separator)
        if len(cells) > 1 and all(len(row[0].split(separator)) == len(cells) for row in sheet.rows):
            return f"its cells are separated by {what}: save it with commas, semicolons or tabs between the cells"
    if name.casefold() in NAMES_OF_STATES:
        return (
            f"it has one column, '{name}', that says which behavior is on: make a column 'frame' (0, 1, 2, ...) and "
            "one for each behavior, with 1 where it is on and 0 elsewhere"
        )
    return ""


def _late_header(text: str) -> str:
    """Return that the header is further down, if one of the next rows is that of a table of frames."""
    lines = text.splitlines()[:_AHEAD]
    for separator in SEPARATORS:
        for number, line in enumerate(lines, start=1):
            names = [cell.strip(' "') for cell in line.split(separator)]
            while names and not names[-1]:
                names.pop()
            if number > 1 and len(names) > 1 and all(names[1:]) and _is_header(names):
                title = lines[0].strip(f"{SEPARATORS} \t")[:40]
                return f"this is no header but a title ('{title}'): the header is in line {number}; delete all above it"
    return ""


def _is_header(names: list[str]) -> bool:
    """Return whether a row begins as a header does, and no other cell is a number."""
    first = names[0].casefold()
    if {"behavior", "behaviour"} & set(map(str.casefold, names)):  # of events, one in each row
        return False
    known = first == "frame" or BACKGROUND in map(str.casefold, names) or TIME_COLUMN.fullmatch(first)
    return bool(known) and all(to_number(name) is None for name in names)
