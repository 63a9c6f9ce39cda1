"""The video table: one row per video, from a CSV file or a glob, checked."""

import csv
import difflib
import glob
import io
import os
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from ethomake.errors import InputError
from ethomake.files import short_digest
from ethomake.ingest.pictures import describe_pictures
from ethomake.labels.formats import may_hold_several
from ethomake.labels.table import decode_text, is_separator_line
from ethomake.letters import look, nfc
from ethomake.project.messages import count_others, describe_violation, show, suggest
from ethomake.project.paths import (
    SPREADSHEETS,
    TABLES,
    VIDEOS,
    any_case,
    as_on_disk,
    escape_brackets,
    escape_existing,
    is_no_video,
    label_stem,
    shortened,
    similar_file,
    suffix,
    video_stem,
)
from ethomake.project.schemas import load_schema, validator

_RATES = ("fps", "framerate", "frame_rate", "frame rate", "frames_per_second")  # what users may call the column rate
MOST_NOTES = 10
"""As many tables are told one by one that are not used."""

MOST_LINES = 100
"""A row of the table that goes over more lines is not looked for: a quote is not closed."""


PATHS = ("path", "labels", "second_labels", "track")
"""Columns that are spelled as the disk spells them."""


@dataclass(frozen=True)
class Video:
    """One row of the video table."""

    video: str  # the name, used in the paths of results
    path: str
    labels: str = ""  # the user's label file; "" if there is none
    second_labels: str = ""  # the label file of a second person; "" if there is none
    part: str = ""  # train, validate, test, check; "" if it is not given
    subject: str = ""
    group: str = ""
    recording: str = ""  # as in the table; `recordings_of` has the default where it is empty
    crop: tuple[int, int, int, int] | None = None  # x, y, width, height in pixels of the source
    scored: tuple[str, ...] | None = None  # the behaviors scored in this video; None: all
    track: str = ""  # the user's track file; "": the picture does not move
    animal: str = ""  # which of its animals
    rate: float | None = None  # frames per second of life; None: those of the file


def read_table(path: str | Path) -> list[tuple[int, dict[str, str]]]:
    """Read a video table (CSV, or TSV by its suffix): (line number, row) of every row, empty cells left out.

    Raises:
        InputError: if there is no such file, a column is missing, unknown or named twice, or a row has too many cells.
    """
    path = Path(as_on_disk(str(path)))
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise InputError(
            f"config: videos = {show(str(path))}: no such video table in {Path.cwd()}; make one "
            "(columns video, path, labels) or name another (--config videos=...)"
        ) from None
    except IsADirectoryError:
        hint = f"name a table, or write {show(str(path / '*.mp4'))} for all videos of this kind in it"
        raise InputError(f"config: videos = {show(str(path))}: a folder; {hint}") from None
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(f"{path}: not readable ({reason}); name the video table, a CSV file, at videos") from None
    if suffix(path) in VIDEOS:
        hint = f"write a pattern, such as {show(str(path.parent / f'*{path.suffix}'))}"
        raise InputError(f"config: videos = {show(str(path))}: a video and not a table of videos; {hint}")
    lines = _split_cells(decode_text(content, path, "the video table"), path)
    if not lines:
        raise InputError(
            f"{path} line 1: the file is empty, so column video is missing; add a header and one row per video"
        )
    first, header = lines[0]
    known = load_schema("videos")["properties"]
    for name in header:
        if name not in known:
            hint = "; did you mean rate?" if name.lower() in _RATES else suggest(name, known)
            hint = hint or f"; columns are {', '.join(known)}, with commas between"
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
    """Return (line number, stripped cells) of the rows of a video table, without blank lines and comments (#).

    The separator is found in the first line: comma, or semicolon or tab, as spreadsheets write them in some countries.
    Empty cells at the right, below nameless columns, are dropped; so is the `sep=;` with which some files begin. A line
    break belongs to a cell if quotes enclose it.
    """
    numbered = list(enumerate(io.StringIO(text, newline=""), start=1))
    if numbered and is_separator_line(numbered[0][1]):
        numbered.pop(0)
    header = next(
        (line for _, line in numbered if line.strip(' \t\r\n,;"') and not line.lstrip(' \t"').startswith("#")), ""
    )
    separator = max(",;\t", key=header.count)
    lines = []
    while numbered:
        number, line = numbered.pop(0)
        if not line.strip(' \t\r\n,;"') or line.lstrip().startswith("#"):
            continue
        cells, more = _split_row([line, *(line for _, line in numbered[:MOST_LINES])], separator, path, number)
        del numbered[:more]
        # A comment that a spreadsheet has put in quotes; but it may be the path of a video, if that column comes first.
        if cells[0].startswith("#") and (not any(cells[1:]) or not lines or lines[0][1][0] == "video"):
            continue
        width = len(lines[0][1]) if lines else 1
        while len(cells) > width and not cells[-1]:
            cells.pop()
        if broken := next((cell for cell in cells if "\n" in cell or "\r" in cell), ""):
            raise InputError(
                f"{path} line {number}: the cell {show(broken)} goes on to line {number + more}: "
                "remove the line break, or close the quote before it"
            )
        lines.append((number, cells))
    return lines


def _split_row(lines: list[str], separator: str, path: Path, number: int) -> tuple[list[str], int]:
    """Return the cells of the row that begins with the first of some lines, and how many more lines it has."""
    reason: csv.Error | None = None
    for more in range(len(lines) if '"' in lines[0] else 1):
        reader = csv.reader(lines[: more + 1], delimiter=separator, skipinitialspace=separator != "\t", strict=True)
        try:
            return [cell.strip() for cell in next(reader)], more
        except csv.Error as error:
            reason = reason or error
    raise InputError(
        f"{path} line {number}: a quote is opened and not closed, or is inside of a cell ({reason}); correct the quotes"
    )


def is_glob(videos: str) -> bool:
    """Return whether the key `videos` is a glob and not a table; what exists as it is written is no glob."""
    return glob.has_magic(escape_existing(videos)) and not os.path.isfile(as_on_disk(videos))


def find_videos(pattern: str) -> list[tuple[int, dict[str, str]]]:
    """Return rows for the files that a glob matches, sorted by path; `<stem>_labels.csv` beside a video are its labels.

    The name of a video is its file name without suffix, with `_` for characters that are not allowed; if most letters
    are lost by this, as in non-Latin scripts, some digits of a digest keep names unique. Tables and other files that
    are no videos are left out; `near_misses` tells of them.
    """
    matched = match(pattern)
    files = [path for path in matched if not is_no_video(path)]
    rows = []
    for number, path in enumerate(files, start=1):
        row = {"video": _plain_name(Path(path).stem), "path": path}
        labels = Path(as_on_disk(str(Path(path).with_name(Path(path).stem + "_labels.csv"))))
        if labels.is_file():
            row["labels"] = str(labels)
        rows.append((number, row))
    if not rows:
        what = f"config: videos = {show(pattern)}: "
        if matched:
            raise InputError(what + (describe_pictures(matched) or _only_others(matched)))
        hint = "correct the pattern"
        if near := [path for path in match(any_case(escape_existing(pattern))) if not is_no_video(path)]:
            hint = f"small and capital letters differ: {shortened(near)}; write them as they are, or {_either(pattern)}"
        raise InputError(what + f"no file in {Path.cwd()} matches; {hint}")
    return rows


def match(pattern: str) -> list[str]:
    """Return the files that a glob matches, sorted; brackets that are part of names match themselves."""
    pattern, files = escape_existing(pattern), []
    for one in (pattern, escape_brackets(pattern), unicodedata.normalize("NFD", pattern), nfc(pattern)):
        files = sorted(path for path in glob.glob(one, recursive=True) if not os.path.isdir(path))
        if files:
            break
    return files


def near_misses(pattern: str, rows: Iterable[tuple[int, Mapping[str, str]]]) -> list[str]:
    """Return notes on files that a glob misses by a hair, and on those that it matches but that are no videos.

    Args:
        pattern: the glob.
        rows: what `find_videos` found.
    """
    paths = {row["path"]: row.get("labels", "") for _, row in rows}
    matched = set(match(pattern))
    notes = []
    wide = match(any_case(escape_existing(pattern)))
    missed = [path for path in wide if path not in matched and not is_no_video(path)]
    stray = _stray_tables(paths, set(map(video_stem, missed)))
    if others := sorted(matched - {*paths, *paths.values(), *stray}):
        notes.append(f"left out, since no videos: {shortened(others)}; a pattern like {_with_suffix(paths)} is clearer")
    if missed:
        verb = "differs" if len(missed) == 1 else "differ"
        notes.append(
            f"{shortened(missed)} {verb} from videos = {show(pattern)} only in small and capital letters, and would be "
            f"left out: rename, or write {_either(pattern)}"
        )
    notes += list(stray.values())[:MOST_NOTES]
    return [*notes, f"{len(stray) - MOST_NOTES} more tables are not used"] if len(stray) > MOST_NOTES else notes


def _stray_tables(labels_of: Mapping[str, str], told: set[str]) -> dict[str, str]:
    """Return, by path, notes on tables beside the videos that are the labels of none, but are named as if they were.

    Args:
        labels_of: the label file of each video, by path; "" for none.
        told: names of videos that were missed themselves, as `video_stem` returns them.
    """
    notes = {}
    used = {os.path.realpath(labels) for labels in labels_of.values() if labels}
    for folder in sorted({os.path.dirname(path) for path in labels_of}):
        stems = {video_stem(path): path for path in labels_of if os.path.dirname(path) == folder}
        free = [stem for stem, path in stems.items() if not labels_of[path]]
        for name in sorted(os.listdir(folder or ".")):
            path = os.path.join(folder, name)
            if suffix(name) not in TABLES or not os.path.isfile(path) or os.path.realpath(path) in used:
                continue
            stem, says_labels = label_stem(name)
            if stem in told:
                continue
            near = stem if stem in stems else ""
            if not near and says_labels and len(notes) < MOST_NOTES:
                digits = re.findall(r"\d+", stem)
                near = next(iter(difflib.get_close_matches(stem, free, n=1, cutoff=0.75)), "")
                near = near if near and re.findall(r"\d+", near) == digits else ""
            if near:
                wanted = f"{Path(stems[near]).stem}_labels.csv"
                given = f"which has {labels_of[stems[near]]}" if labels_of[stems[near]] else "which has no labels now"
                verb = "save it as a CSV file" if suffix(name) in SPREADSHEETS else "name it"
                notes[path] = f"{path} is not used: if it has the labels of {stems[near]}, {given}, {verb} {wanted}"
            elif says_labels:
                notes[path] = f"{path} is not used: no video that the pattern matches has its name"
    return notes


def _with_suffix(paths: Iterable[str]) -> str:
    """Return an example of a pattern with the most frequent suffix of some videos."""
    suffixes = Counter(Path(path).suffix for path in paths)
    return show(f"*{suffixes.most_common(1)[0][0]}")


def _either(pattern: str) -> str:
    """Return a pattern whose suffix matches in small and in capital letters, for messages."""
    stem, dot, end = pattern.rpartition(".")
    return show(stem + dot + any_case(f"*{end}")[1:]) if dot and end.isalnum() else show(any_case(pattern))


def _only_others(files: list[str]) -> str:
    return f"matches only files that are no videos ({shortened(files)}); write the suffix of the videos, as in *.mp4"


def _plain_name(stem: str) -> str:
    stem = nfc(stem)
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
    labelled: dict[tuple[str, str], tuple[Video, int]] = {}
    subjects: dict[str, tuple[str, int]] = {}
    recordings: dict[str, tuple[str, int]] = {}
    name_of = {line: f"file {row.get('path')}" if found else f"line {line}" for line, row in rows}
    for line, row in rows:
        where = f"{table} {name_of[line]}" + (f" ({row['video']})" if "video" in row else "")
        row = {key: cell if key in PATHS else nfc(cell) for key, cell in row.items()}
        row = row | {key: as_on_disk(row[key]) for key in PATHS if must_exist and key in row}
        if error := _row_error(row, behaviors, must_exist):
            errors.append(f"{where}: {error}")
            continue
        crop = tuple(int(number) for number in row["crop"].split(",")) if "crop" in row else None
        scored = tuple(dict.fromkeys(_split_names(row["scored"]))) if "scored" in row else None
        recording = nfc(row.get("recording", ""))
        rate = _read_rate(row["rate"]) if "rate" in row else None
        video = Video(**{**row, "recording": recording, "crop": crop, "scored": scored, "rate": rate})
        if (first := names.setdefault(video.video.lower(), line)) != line:
            errors.append(f"{where}: the name is used in {name_of[first]} already; names must differ by more than case")
        if (first := sources.setdefault(_shown(video), line)) != line:
            what = "animal" if video.track else "crop"
            errors.append(f"{where}: the same video file and {what} as {name_of[first]}; remove one")
        for key, path in (("labels", video.labels), ("second_labels", video.second_labels)):
            if not path:
                continue
            owner, first = labelled.setdefault((key, os.path.realpath(path)), (video, line))
            shared = owner is not video and not may_share_labels(owner, video)
            if shared and not (os.path.isfile(path) and may_hold_several(path)):
                reason = f"the same file as in {name_of[first]} ({owner.video}); give each video its own labels, or, if"
                reason += " both are views of one animal, both rows the same subject"
                errors.append(f"{where}: {key} = {show(path)}: {reason}")
        known, first = subjects.setdefault(plain_subject(video.subject), (video.subject, line))
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


def _shown(video: Video) -> tuple:
    """Return what a row shows of its video file; two rows that show the same are one too many."""
    track = os.path.realpath(video.track) if video.track else ""
    return os.path.realpath(video.path), video.crop, track, video.animal


def _read_rate(cell: str) -> float:
    """Return a number or a fraction (30000/1001)."""
    numerator, _, denominator = cell.partition("/")
    return float(Fraction(numerator.strip()) / int(denominator or 1))


def plain_subject(name: str) -> str:
    """Return a form that is equal for all spellings of one subject: Mouse 1, mouse1."""
    return re.sub(r"(?<=[^\W\d]) (?=\d)", "", look(name)).casefold()


def may_share_labels(one: Video, other: Video) -> bool:
    """Return whether two videos can be two views of one scene: they have one subject, or are crops of one file."""
    first, second = plain_subject(one.subject), plain_subject(other.subject)
    if first and second:
        return first == second
    return os.path.realpath(one.path) == os.path.realpath(other.path)


def plain_recording(name: str) -> str:
    """Return a form that is equal for all spellings of one recording: Cam 1, cam1, cam01."""
    return re.sub(r"(?<!\d)0+(?=\d)", "", plain_subject(name))


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
    if "track" in row and "crop" in row:
        return "crop and track are given, but a picture that follows an animal has no fixed box; leave one empty"
    if "animal" in row and "track" not in row:
        return f"animal = {show(row['animal'])}, but there is no track; name the track file or leave animal empty"
    if second := row.get("second_labels"):
        if "labels" not in row:
            return (
                f"second_labels = {show(second)}: the video has no labels to compare them with; fill the column labels"
            )
        if os.path.realpath(second) == os.path.realpath(row["labels"]):
            return f"second_labels = {show(second)}: the same file as labels; name that of the other person"
    for key, what in (("path", "video"), ("labels", "label"), ("second_labels", "label"), ("track", "track")):
        if "{" in row.get(key, "") or "}" in row.get(key, ""):  # Snakemake would read them as wildcards
            return f"{key} = {show(row[key])}: rename the {what} file or its folder: no {{ and }} can be in a path"
        archived = key == "path" and key in row and is_archived(row["video"], row[key])
        if must_exist and key in row and not archived and (problem := _file_error(row[key], what)):
            return f"{key} = {show(row[key])}: {problem}"
    if must_exist and suffix(row["path"]) in TABLES:
        return f"path = {show(row['path'])}: a table and no video; are path and labels mixed up?"
    for key in ("labels", "second_labels"):
        if must_exist and suffix(row.get(key, "")) in VIDEOS:
            return f"{key} = {show(row[key])}: a video and no table of labels; are path and {key} mixed up?"
    return ""


def is_archived(video: str, path: str) -> bool:
    """Return whether the file of a video is not there any more, but its frames are: it was read, and then archived."""
    return _is_gone(path) and Path("results/ingest", video, "video.json").is_file()


def _is_gone(path: str) -> bool:
    """Return whether nothing lies at a path, which is not known where its folder may not be read."""
    try:
        os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except (OSError, ValueError):
        return False
    return False


def _file_error(path: str, what: str) -> str:
    """Return why a user's file cannot be used; "" if it can."""
    if not path.isprintable() and any("\ud800" <= letter <= "\udfff" for letter in path):
        return f"the name of the {what} file is not text in UTF-8; rename it"
    if what == "video" and os.path.exists(path) and (pictures := describe_pictures(path)):
        return pictures
    if problem := _not_a_file(path):
        return problem
    if not os.path.isfile(path):
        where = "" if Path(path).is_absolute() else f" in {Path.cwd()}"
        hint = "; write out what ~ and $ stand for" if path[0] in "~$" else ""
        hint = hint or ("; write / between folders" if "\\" in path else "")
        if not hint and (similar := similar_file(path)):
            hint = f"; did you mean {similar}?"
        if os.path.isdir(path):
            return f"a folder and no {what} file; name the file{hint}"
        return f"no such {what} file{where}{hint}"
    places = [os.path.abspath] if os.path.islink("results") else [os.path.abspath, os.path.realpath]
    if any(Path(place("results")) in Path(place(path)).parents for place in places):
        return "is in results/, where files are replaced and removed; copy it to a folder of your own"
    return ""


def _not_a_file(path: str) -> str:
    """Return why what lies at a path cannot be read as a file; "" if it can, or if nothing lies there."""
    try:
        os.stat(path)
    except PermissionError:
        return "in a folder that may not be read; change its permissions (chmod u+rx), or ask its owner"
    except OSError:
        pass  # told below, or by who looks for it
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
