"""Paths as users write them: letters in either encoding, brackets that are letters, files that are no videos."""

import difflib
import glob
import os
import re
from collections.abc import Iterable
from pathlib import Path

from ethomake.ingest.pictures import PICTURES
from ethomake.letters import nfc

SPREADSHEETS = frozenset({".xls", ".xlsx", ".xlsm", ".ods"})
"""Suffixes of workbooks."""

TABLES = frozenset({".csv", ".tsv", ".txt", ".tab", ".annot"}) | SPREADSHEETS
"""Suffixes of tables, which may be labels and are no videos."""

VIDEOS = frozenset(
    {
        *(".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".ts", ".mts", ".m2ts", ".wmv", ".flv"),
        *(".ogv", ".3gp", ".mjpeg", ".mjpg", ".h264", ".h265", ".264", ".265", ".hevc", ".vob", ".asf", ".mxf", ".ivf"),
    }
)
"""Suffixes of videos, for messages; other files may be videos, too."""

OTHERS = frozenset(
    {
        *(".json", ".yaml", ".yml", ".xml", ".html", ".htm", ".md", ".rst", ".pdf", ".doc", ".docx", ".ppt", ".pptx"),
        *(".log", ".ini", ".cfg", ".toml", ".py", ".m", ".r", ".ipynb", ".sh", ".zip", ".gz", ".tar", ".7z", ".rar"),
        *(".npy", ".npz", ".mat", ".h5", ".hdf5", ".pkl", ".pickle", ".parquet", ".feather", ".slp", ".boris", ".svg"),
        *(".wav", ".mp3", ".m4a", ".flac", ".srt", ".vtt", ".db", ".tmp", ".part", ".bak", ".md5", ".sha256", ".eaf"),
    }
)
"""Suffixes of other files that often lie beside videos."""

_LABEL_WORDS = re.compile(r"[\W_]*(?:labels?|lables?|annotations?|annotated|annot|scores?|scored|scoring)[\W_]*$")
_COPY_WORDS = re.compile(r"[\W_]*(?:\(\d+\)|copy(?: \d+)?)[\W_]*$")


def suffix(path: str | Path) -> str:
    """Return the suffix of a file in lower case."""
    return Path(path).suffix.lower()


def is_no_video(path: str | Path) -> bool:
    """Return whether a file is certainly no video, by its suffix."""
    return suffix(path) in TABLES | PICTURES | OTHERS or Path(path).name.startswith(".")


def as_on_disk(path: str) -> str:
    """Return a path in the encoding of the disk, if it is there with its accents in the other encoding.

    macOS and some programs decompose accents (o and two dots). Where nothing or more than one name fits, the path is
    returned as it is.
    """
    if os.path.lexists(path) or path.isascii():
        return path
    found = Path(path).anchor
    for part in Path(path).parts[1:] if found else Path(path).parts:
        place = os.path.join(found, part)
        if not os.path.lexists(place):
            same = [name for name in _names_in(found or ".") if nfc(name) == nfc(part)]
            if len(same) != 1:
                return path
            place = os.path.join(found, same[0])
        found = place
    return found


def similar_file(path: str) -> str:
    """Return the file in the folder of `path` whose name is much like it, or "" if there is none."""
    folder, name = os.path.split(path)
    names = [each for each in _names_in(folder or ".") if os.path.isfile(os.path.join(folder, each))]
    alike = [each for each in names if _plain(each) == _plain(name)]
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.8)
    near = [each for each in near if re.findall(r"\d+", each) == re.findall(r"\d+", name)]  # mouse1 is not mouse2
    return os.path.join(folder, (alike or near)[0]) if alike or near else ""


def escape_existing(pattern: str) -> str:
    """Return a glob in which the parts that exist as they are written, brackets and all, stand for themselves."""
    if "[" not in pattern and pattern.isascii():
        return pattern
    found = Path(pattern).anchor
    parts = Path(pattern).parts[1:] if found else Path(pattern).parts
    escaped = [found] if found else []
    for number, part in enumerate(parts):
        place = as_on_disk(os.path.join(found, part))
        if not os.path.lexists(place):
            return os.path.join(*escaped, *parts[number:])
        escaped.append(glob.escape(os.path.basename(place)) if part not in ("..", ".") else part)
        found = place
    return os.path.join(*escaped) if escaped else pattern


def escape_brackets(pattern: str) -> str:
    """Return a glob in which brackets are letters; * and ? keep their meaning."""
    return re.sub(r"(\[[*?\[]\])|\[", lambda found: found[1] or "[[]", pattern)  # [*] and the like are letters already


def any_case(pattern: str) -> str:
    """Return a glob that matches like `pattern`, but in which small and capital letters are the same.

    The folders before the first wildcard are left as they are.
    """
    parts = re.split("(/)", pattern)
    start = next((number for number, part in enumerate(parts) if glob.has_magic(part)), len(parts))
    return "".join(part if number < start else _any_case(part) for number, part in enumerate(parts))


def _any_case(part: str) -> str:
    letters = []
    for piece in re.split(r"(\[[^\]]+\])", part):
        if piece.startswith("[") and piece.endswith("]"):
            inner = piece[1:-1]
            letters.append(piece if inner.startswith("!") else f"[{inner}{inner.swapcase()}]")
        else:
            for letter in piece:
                small, capital = letter.lower(), letter.upper()
                both = small != capital and len(small) == len(capital) == 1
                letters.append(f"[{small}{capital}]" if both else letter)
    return "".join(letters)


def label_stem(path: str | Path) -> tuple[str, bool]:
    """Return the part of a table's name that may name a video, in a plain form, and whether it says labels."""
    name = nfc(Path(path).name).casefold()
    while Path(name).suffix in TABLES:
        name = Path(name).stem
    name = _COPY_WORDS.sub("", name)
    without = _LABEL_WORDS.sub("", name)
    return _plain(without or name), bool(without) and without != name


def video_stem(path: str | Path) -> str:
    """Return the name of a video file without suffix, in the plain form of `label_stem`."""
    return _plain(Path(path).stem)


def shortened(names: Iterable[str], most: int = 3) -> str:
    """Return names separated by commas; of many the first ones, and how many more."""
    names = list(names)
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _plain(name: str) -> str:
    """Return a form that is equal for names that differ in case, encoding, blanks and signs only."""
    return re.sub(r"[\W_]+", "", nfc(name).casefold())


def _names_in(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []
