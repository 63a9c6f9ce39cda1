"""The video table: one row per video, from a CSV file or a glob, checked."""

import csv
import glob
import os
import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path

from ethomake.errors import InputError
from ethomake.files import short_digest
from ethomake.labels.table import decode_text, is_separator_line
from ethomake.project.messages import count_others, describe_violation, show, suggest
from ethomake.project.schemas import load_schema, validator


@dataclass(frozen=True)
class Video:
    """One row of the video table."""

    video: str  # the name, used in the paths of results
    path: str
    labels: str = ""  # the user's label file; "" if there is none
    part: str = ""  # train, validate, test; "" if it is not given
    subject: str = ""
    group: str = ""
    recording: str = ""  # as in the table; `recordings_of` has the default where it is empty
    crop: tuple[int, int, int, int] | None = None  # x, y, width, height in pixels of the source
    scored: tuple[str, ...] | None = None  # the behaviors scored in this video; None: all


def read_table(path: str | Path) -> list[tuple[int, dict[str, str]]]:
    """Read a video table (CSV, or TSV by its suffix): (line number, row) of every row, empty cells left out.

    Raises:
        InputError: if there is no such file, a column is missing, unknown or named twice, or a row has too many cells.
    """
    path = Path(path)
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise InputError(
            f"config: videos = {show(str(path))}: no such video table in {Path.cwd()}; make one "
            "(columns video, path, labels) or name another (--config videos=...)"
        ) from None
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(f"{path}: not readable ({reason}); name the video table, a CSV file, at videos") from None
    lines = _split_cells(decode_text(content, path, "the video table"), path)
    if not lines:
        raise InputError(
            f"{path} line 1: the file is empty, so column video is missing; add a header and one row per video"
        )
    first, header = lines[0]
    known = load_schema("videos")["properties"]
    for name in header:
        if name not in known:
            hint = suggest(name, known) or f"; columns are {', '.join(known)}, with commas between"
            raise InputError(f"{path} line {first}: unknown column {show(name)}{hint}")
        if header.count(name) > 1:
            raise InputError(f"{path} line {first}: duplicate column {name}; remove one")
    for name in load_schema("videos")["required"]:
        if name not in header:
            raise InputError(f"{path} line {first}: column {name} is missing; columns are {', '.join(known)}")
    rows = []
    for number, cells in lines[1:]:
        if len(cells) > len(header):
            raise InputError(
                f"{path} line {number}: {len(cells)} cells under {len(header)} columns; "
                'a cell with commas (crop) needs quotes, as in "0,0,640,480"'
            )
        rows.append((number, {name: cell for name, cell in zip(header, cells, strict=False) if cell}))
    return rows


def _split_cells(text: str, path: Path) -> list[tuple[int, list[str]]]:
    """Return (line number, stripped cells) of the lines of a video table, without blank lines and comments (#).

    The separator is found in the first line: comma, or semicolon or tab, as spreadsheets write them in some countries.
    Empty cells at the right, below nameless columns, are dropped; so is the `sep=;` with which some files begin.
    """
    numbered = [
        (number, line)
        for number, line in enumerate(text.splitlines(), start=1)
        if line.strip(' \t,;"') and not line.lstrip().startswith("#") and not (number == 1 and is_separator_line(line))
    ]
    header = next((line for _, line in numbered if not line.lstrip(' \t"').startswith("#")), "")
    separator = max(",;\t", key=header.count)
    lines = []
    for number, line in numbered:
        try:
            cells = next(csv.reader([line], delimiter=separator, skipinitialspace=separator != "\t", strict=True))
        except csv.Error as error:
            reason = f"a quote is opened and not closed, or is inside of a cell ({error}); correct the quotes"
            raise InputError(f"{path} line {number}: {reason}") from None
        cells = [cell.strip() for cell in cells]
        # A comment that a spreadsheet has put in quotes; but it may be the path of a video, if that column comes first.
        if cells[0].startswith("#") and (not any(cells[1:]) or not lines or lines[0][1][0] == "video"):
            continue
        width = len(lines[0][1]) if lines else 1
        while len(cells) > width and not cells[-1]:
            cells.pop()
        lines.append((number, cells))
    return lines


def find_videos(pattern: str) -> list[tuple[int, dict[str, str]]]:
    """Return rows for the files that a glob matches, sorted by path; `<stem>_labels.csv` beside a video are its labels.

    The name of a video is its file name without suffix, with `_` for characters that are not allowed; if most letters
    are lost by this, as in non-Latin scripts, some digits of a digest keep names unique.
    """
    rows = []
    files = sorted(path for path in glob.glob(pattern, recursive=True) if not Path(path).is_dir())
    for number, path in enumerate(files, start=1):
        row = {"video": _plain_name(Path(path).stem), "path": path}
        labels = Path(path).with_name(Path(path).stem + "_labels.csv")
        if labels.is_file():
            row["labels"] = str(labels)
        rows.append((number, row))
    if not rows:
        raise InputError(f"config: videos = {show(pattern)}: no file in {Path.cwd()} matches; correct the pattern")
    return rows


def _plain_name(stem: str) -> str:
    stem = unicodedata.normalize("NFC", stem)
    letters = [letter.isascii() for letter in stem if letter.isalpha()]
    if letters and sum(letters) < len(letters) / 2:
        return re.sub(r"[^A-Za-z0-9-]+", "_", stem) + f"-{short_digest(stem)[:6]}"
    return re.sub(r"[^A-Za-z0-9_-]", "_", stem)


def check_rows(
    rows: list[tuple[int, dict[str, str]]],
    table: str,
    behaviors: list[str],
    *,
    must_exist: bool = True,
    found: bool = False,
) -> list[Video]:
    """Check the rows of a video table, each by itself and against each other.

    Args:
        rows: (line number, cells) of each video.
        table: the table's name, for messages.
        behaviors: the project's behaviors.
        must_exist: whether video and label files have to exist already.
        found: whether `table` is a glob, whose rows are files and not lines.
    """
    if not rows:
        raise InputError(f"{table}: no videos in it; add a row for each video")
    videos, errors = [], []
    names: dict[str, int] = {}
    sources: dict[tuple, int] = {}
    subjects: dict[str, tuple[str, int]] = {}
    recordings: dict[str, tuple[str, int]] = {}
    name_of = {line: f"file {row.get('path')}" if found else f"line {line}" for line, row in rows}
    for line, row in rows:
        where = f"{table} {name_of[line]}" + (f" ({row['video']})" if "video" in row else "")
        if error := _row_error(row, behaviors, must_exist):
            errors.append(f"{where}: {error}")
            continue
        crop = tuple(int(number) for number in row["crop"].split(",")) if "crop" in row else None
        scored = tuple(dict.fromkeys(_split_names(row["scored"]))) if "scored" in row else None
        recording = unicodedata.normalize("NFC", row.get("recording", ""))  # two encodings of an accent look the same
        video = Video(**{**row, "recording": recording, "crop": crop, "scored": scored})
        if (first := names.setdefault(video.video.lower(), line)) != line:
            errors.append(f"{where}: the name is used in {name_of[first]} already; names must differ by more than case")
        if (first := sources.setdefault((os.path.realpath(video.path), crop), line)) != line:
            errors.append(f"{where}: the same video file and crop as {name_of[first]}; remove one")
        known, first = subjects.setdefault(_plain_subject(video.subject), (video.subject, line))
        if known != video.subject:
            reason = f"{name_of[first]} has {show(known)}; write a subject in one way, so that it stays in one part"
            errors.append(f"{where}: subject = {show(video.subject)}: {reason}")
        known, first = recordings.setdefault(plain_recording(recording), (recording, line))
        if known != recording:
            reason = f"{name_of[first]} has {show(known)}; write a recording in one way, and two recordings with names "
            reason += "that differ by more than case, spaces and leading zeros"
            errors.append(f"{where}: recording = {show(recording)}: {reason}")
        videos.append(video)
    if errors:
        raise InputError(errors[0] + count_others(len(errors) - 1, "row"))
    return videos


def _plain_subject(name: str) -> str:
    """Return a form that is equal for all spellings of one subject: Mouse 1, mouse1."""
    return re.sub(r"(?<=[^\W\d]) (?=\d)", "", " ".join(name.split())).casefold()


def plain_recording(name: str) -> str:
    """Return a form that is equal for all spellings of one recording: Cam 1, cam1, cam01."""
    return re.sub(r"(?<!\d)0+(?=\d)", "", _plain_subject(unicodedata.normalize("NFC", name)))


def _row_error(row: dict[str, str], behaviors: list[str], must_exist: bool) -> str:
    """Return what is wrong with one row; "" if nothing is."""
    for error in sorted(validator("videos").iter_errors(row), key=lambda error: list(map(str, error.path))):
        if error.validator == "required":
            missing = next(name for name in error.validator_value if name not in row)
            return f"{missing} is empty"
        if error.validator == "additionalProperties":
            return error.message
        return f"{error.path[0]} = {show(error.instance)}: {describe_violation(error)}"
    for name in _split_names(row.get("scored", "")):
        if name not in behaviors:
            hint = suggest(name, behaviors) or f"; the config has {', '.join(behaviors)}"
            return f"scored = {show(name)}: not a behavior of the config{hint}"
    if "scored" in row and not _split_names(row["scored"]):
        return f"scored = {show(row['scored'])}: names no behavior; leave it empty for all"
    if "part" in row and "labels" not in row:
        return f"part = {row['part']}, but the video has no labels; name its label file or leave part empty"
    if re.search(r"(.+)\1{19}$", row["video"]):  # Snakemake takes such a name for an endless recursion of wildcards
        return f"video = {show(row['video'])}: repeats the same characters too often; give it a shorter name"
    for key, what in (("path", "video"), ("labels", "label")):
        if "{" in row.get(key, "") or "}" in row.get(key, ""):  # Snakemake would read them as wildcards
            return f"{key} = {show(row[key])}: rename the {what} file or its folder: no {{ and }} can be in a path"
        archived = key == "path" and key in row and is_archived(row["video"], row[key])
        if must_exist and key in row and not archived and (problem := _file_error(row[key], what)):
            return f"{key} = {show(row[key])}: {problem}"
    return ""


def is_archived(video: str, path: str) -> bool:
    """Return whether the file of a video is not there any more, but its frames are: it was read, and then archived."""
    return not os.path.exists(path) and Path("results/ingest", video, "video.json").is_file()


def _file_error(path: str, what: str) -> str:
    """Return why a user's file cannot be used; "" if it can."""
    if not path.isprintable() and any("\ud800" <= letter <= "\udfff" for letter in path):
        return f"the name of the {what} file is not text in UTF-8; rename it"
    if problem := _not_a_file(path):
        return problem
    if not os.path.isfile(path):
        where = "" if Path(path).is_absolute() else f" in {Path.cwd()}"
        hint = "; write out what ~ and $ stand for" if path[0] in "~$" else ""
        hint = hint or ("; write / between folders" if "\\" in path else "")
        return f"no such {what} file{where}{hint}"
    places = [os.path.abspath] if os.path.islink("results") else [os.path.abspath, os.path.realpath]
    if any(Path(place("results")) in Path(place(path)).parents for place in places):
        return "is in results/, where files are replaced and removed; copy it to a folder of your own"
    return ""


def _not_a_file(path: str) -> str:
    """Return why what lies at a path cannot be read as a file; "" if it can, or if nothing lies there."""
    if os.path.islink(path) and not os.path.exists(path):
        return f"a link to {show(os.readlink(path))}, which leads nowhere; correct the link"
    if os.path.isdir(path):
        return "is a folder; name the file in it"
    if os.path.exists(path) and not os.path.isfile(path):
        return "is no file but a pipe or a device; name a file"
    if os.path.isfile(path) and not os.access(path, os.R_OK):
        return "may not be read; change its permissions (chmod u+r), or ask its owner"
    return ""


def _split_names(cell: str) -> list[str]:
    return [name.strip() for name in re.split("[;,]", cell) if name.strip()]  # no behavior has either in its name
