"""JSON and XML of other programs: read whole, with errors that say where they are wrong, and checked values."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from ethomake.errors import InputError
from ethomake.labels.table import head, read_bytes, read_text

MOST_DEPTH = 200
"""As deep are elements of XML nested: more is no label file."""

LINE = "line"
"""Attribute of each element that `load_xml` returns, in the name space of none: its line in the file."""


def head_of_structure(path: str | Path) -> str:
    """Return the beginning of a file as text, whatever it is, without blanks in front; for a format's `sniff`."""
    content = head(path)
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content[: len(content) // 2 * 2].decode("utf-16", errors="replace").lstrip()
    return content.decode("utf-8-sig", errors="replace").lstrip()


def load_json(path: str | Path) -> Any:
    """Return the content of a file in JSON.

    Raises:
        InputError: if it cannot be read, is no JSON, or is nested too deeply.
    """
    return parse_json(read_text(Path(path)), path)


def parse_json(text: str, path: str | Path) -> Any:
    """Return the content of a text in JSON.

    Raises:
        InputError: if it is no JSON, or is nested too deeply; its message names `path`.
    """
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise InputError(
            f"{path}, line {error.lineno}: not readable as JSON ({error.msg}); it may be cut off, save it again"
        ) from None
    except (RecursionError, ValueError):
        raise InputError(
            f"{path}: not readable as JSON (nested too deeply, or numbers too long); save it again"
        ) from None


def load_xml(path: str | Path) -> Element:
    """Return the root of a file in XML; each element has its line as the attribute `LINE`.

    Names are without their name spaces' prefixes. Entities and document types are refused: a label file needs none,
    and they can fill the memory or read other files.

    Raises:
        InputError: if it cannot be read, is no XML, has a document type, or is nested too deeply.
    """
    builder, depth = TreeBuilder(), 0
    parser = expat.ParserCreate()
    parser.buffer_text = True

    def begin(name: str, attributes: Mapping[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > MOST_DEPTH:
            raise InputError(f"{path}, line {parser.CurrentLineNumber}: nested too deeply for a label file")
        builder.start(name.rpartition(":")[2], {**attributes, LINE: str(parser.CurrentLineNumber)})

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(name.rpartition(":")[2])

    def refuse(*_: Any) -> None:
        raise InputError(
            f"{path}, line {parser.CurrentLineNumber}: the file declares a document type, which is not read; save it "
            "again with the program that made it"
        )

    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = begin, end, builder.data
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(read_bytes(Path(path)), True)
        return builder.close()
    except expat.ExpatError as error:
        raise InputError(
            f"{path}, line {error.lineno}: not readable as XML ({expat.ErrorString(error.code)}); it may be cut off, "
            "save it again"
        ) from None
    except (ValueError, LookupError) as error:  # an encoding that is not known
        raise InputError(f"{path}: not readable as XML ({error}); save it again") from None


def as_mapping(value: Any, path: str | Path, where: str) -> Mapping[str, Any]:
    """Return a value that must be an object of JSON.

    Raises:
        InputError: if it is none, or a key is no text that can be written; `where` says what it is.
    """
    if not isinstance(value, dict):
        raise InputError(f"{path}, {where}: {_shown(value)} where an object {{...}} is due; save the file again")
    for key in value:
        as_string(key, path, where)
    return value


def as_list(value: Any, path: str | Path, where: str) -> Sequence[Any]:
    """Return a value that must be a list.

    Raises:
        InputError: if it is none.
    """
    if not isinstance(value, list):
        raise InputError(f"{path}, {where}: {_shown(value)} where a list [...] is due; save the file again")
    return value


def as_number(value: Any, path: str | Path, where: str) -> float:
    """Return a value that must be a finite number.

    Raises:
        InputError: if it is none.
    """
    try:
        number = float(value) if isinstance(value, int | float) and not isinstance(value, bool) else math.nan
    except OverflowError:
        number = math.nan
    if not math.isfinite(number):
        raise InputError(f"{path}, {where}: {_shown(value)} where a number is due; correct it")
    return number


def is_text(value: Any) -> bool:
    """Return whether a value is a text that can be written."""
    return isinstance(value, str) and value == value.encode(errors="ignore").decode()


def as_string(value: Any, path: str | Path, where: str) -> str:
    """Return a value that must be a text, as it is, be it blank.

    Raises:
        InputError: if it is none, or has half of a pair of code units, which is no letter and cannot be written.
    """
    if not is_text(value):
        raise InputError(f"{path}, {where}: {_shown(value)} where a text is due; correct it")
    return value


def as_text(value: Any, path: str | Path, where: str) -> str:
    """Return a value that must be a text with content, stripped.

    Raises:
        InputError: if it is none, is blank, or cannot be written.
    """
    text = " ".join(as_string(value, path, where).split())
    if not text:
        raise InputError(f"{path}, {where}: {_shown(value)} where a name is due; write it")
    return text


def _shown(value: Any) -> str:
    shown = " ".join(repr(value).split())
    return shown if len(shown) <= 40 else shown[:37] + "..."
