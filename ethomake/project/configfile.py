"""The file config.yaml: which one is used, reading it, and changing values in it.

Snakemake reads it with PyYAML, which follows YAML 1.1 (`yes` is true, `010` is 8, `1e-4` is text); so what PyYAML reads
is checked here. PyYAML does not keep the positions of keys and values; ruamel.yaml does, with the same version of YAML,
so that duplicate keys are found, and a value can be changed without changing anything else.
"""

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import ruamel.yaml
import yaml
from ruamel.yaml import error as error_types
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from ethomake.errors import InputError
from ethomake.files import write_text
from ethomake.project.schemas import load_schema
from ethomake.project.settings import check_schema

MOST_VALUES = 100_000

CLOCK_TIME = re.compile(r"[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?")


def find_config_file(root: str | Path, given: Iterable[str | Path] = ()) -> str:
    """Return the config file of the folder in which Snakemake runs, or else that of the workflow in `root`; check it.

    Args:
        root: the folder of the Snakefile.
        given: config files of the command line; they are checked too.

    Raises:
        InputError: if one cannot be read or defines a key twice, or if the folder has one with a slightly wrong name.
    """
    if "{" in str(Path.cwd()) or "}" in str(Path.cwd()):  # Snakemake would read them as wildcards
        raise InputError(f"{Path.cwd()}: rename this folder: no {{ and }} can be in its path")
    given = list(given)
    own = Path("config.yaml")
    if not own.exists() and not given:
        for name in sorted(os.listdir()):
            if name.lower() in ("config.yml", "config.yaml", "config.yaml.txt", "config.yml.txt"):
                raise InputError(f"{name}: is it meant as the config? rename it to config.yaml (in {Path.cwd()})")
    path = own if own.exists() else Path(root) / "config.yaml"
    for each in [path, *given]:
        if each == path or Path(each).is_file():
            read_config(each)
    return str(path)


def read_config(path: str | Path) -> dict[str, Any]:
    """Read a config file as Snakemake does; `resolve_settings` checks its keys and values.

    Raises:
        InputError: if it is not YAML or JSON with unique keys, or has a time such as 1:30; with the line.
    """
    text = _read_text(path)
    try:
        content = yaml.safe_load(text)
        if isinstance(content, dict):
            nodes = _compose(text)
            _check_aliases(nodes, path)
            if clock := next(_find_clock_times(nodes), None):
                value, line, number = clock
                problem = f"{value} is {number} in YAML, which counts in sixties; write {number}, or put it in quotes"
                raise InputError(f"{path} line {line}: {problem}")
            if twice := next(_find_duplicates(nodes), None):
                key, line, first = twice
                problem = f"duplicate key {key}, first defined on line {first}; merge the two or remove one"
                raise InputError(f"{path} line {line}: {problem}")
            return content
    except (yaml.MarkedYAMLError, error_types.MarkedYAMLError) as error:
        if (content := _read_json(text)) is not None:  # which may be indented with tabs
            return content
        mark, began = error.problem_mark or error.context_mark, error.context_mark
        where = f"{error.context} of line {began.line + 1}, " if began and error.context else ""
        remedy = "write 'key: value' with a blank after the colon, equal indentation, and text with : or # in quotes"
        if "\\t" in (error.problem or ""):
            remedy = "indent with blanks and not with tabs"
        line = f" line {mark.line + 1}" if mark else ""
        raise InputError(f"{path}{line}: not YAML ({where}{error.problem}); {remedy}") from None
    except (yaml.YAMLError, error_types.YAMLError) as error:
        raise InputError(f"{path}: not YAML ({' '.join(str(error).split())}); save it as plain text") from None
    except RecursionError:
        raise InputError(f"{path}: nested without end; write each section out") from None
    except ValueError as error:
        problem = f"a value looks like a date or number but is not a valid one ({error}); put it in quotes"
        raise InputError(f"{path}: {problem}") from None
    what = "is empty" if content is None else "has no keys"
    raise InputError(f"{path}: the config {what}; write 'key: value' lines, as in behaviors: [groom, rear]")


def write_config(path: str | Path, changes: Mapping[str, Any]) -> None:
    """Change values in a config file; all other text, such as comments, stays unchanged.

    Args:
        path: the file, which must exist; it changes as a whole or not at all.
        changes: new values by key, those of a section by key below it: `{"seed": 1, "flow": {"epochs": 5}}`. Keys and
            sections that the file lacks are added. A value that is a list or a mapping is replaced as a whole.

    Raises:
        InputError: if the file cannot be read, or a key or value is wrong by itself; nothing is written then.
    """
    path = Path(path).resolve()  # a link to a config stays a link
    expected, text = read_config(path), _read_text(path)
    try:
        for keys, value in _flatten(changes):
            text = _replace(text, keys, value)
            inner = expected.get(keys[0])
            expected[keys[0]] = value if len(keys) == 1 else {**(inner or {}), keys[1]: value}
        found = yaml.safe_load(text)
    except (yaml.YAMLError, error_types.YAMLError):
        found = None
    if check_schema(expected) != check_schema(found or {}):
        raise InputError(f"{path}: has a form that a program cannot change; edit it by hand")
    write_text(path, text.replace("\r\n", "\n").replace("\n", "\r\n") if "\r\n" in text else text)


def _flatten(changes: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield ((key,) or (section, key), value) of each change."""
    for key, value in changes.items():
        inner = load_schema("config")["properties"].get(key, {})
        if "properties" in inner and isinstance(value, Mapping):
            yield from (((key, name), item) for name, item in value.items())
        else:
            yield (key,), value


def _replace(text: str, keys: tuple[str, ...], value: Any) -> str:
    """Return the text of a config with another value at `keys`."""
    parent, indent = _compose(text), 0
    for depth, key in enumerate(keys):
        pair = next((pair for pair in parent.value if pair[0].value == key), None)
        added = _render(keys[depth:], value, indent)
        if pair is None:
            return _insert(text, parent, added)
        name, found = pair
        if depth + 1 < len(keys) and isinstance(found, MappingNode):
            parent, indent = found, found.value[0][0].start_mark.column if found.value else 2
            continue
        after, end = name.end_mark.index, _end(text, name, found)
        if depth + 1 < len(keys):  # an empty section
            return f"{text[:after]}:\n{_render(keys[depth + 1 :], value, 2)}{text[end:]}"
        start = end if _is_blank(found) else found.start_mark.index
        gap = text[after:start] if text[after:start].strip() != ":" else ": "  # or there is a comment between the two
        return f"{text[:after]}{gap}{_plain(value)}{text[end:]}"
    return text


def _insert(text: str, parent: MappingNode, line: str) -> str:
    """Return the text with a further line at the end of a mapping, before the comments that follow it."""
    if parent.flow_style:
        place = parent.end_mark.index - 1
        return text[:place] + (", " if parent.value else "") + line.strip() + text[place:]
    place = text.find("\n", _end(text, *parent.value[-1]))
    return f"{text}\n{line}\n" if place < 0 else f"{text[:place]}\n{line}{text[place:]}"


def _end(text: str, key: Node, value: Node) -> int:
    """Return the end of a value: that of a block is its last value, before comments and blank lines that follow."""
    if isinstance(value, MappingNode) and value.value and not value.flow_style:
        return _end(text, *value.value[-1])
    if isinstance(value, SequenceNode) and value.value and not value.flow_style:
        return _end(text, key, value.value[-1])
    if _is_blank(value):
        return key.end_mark.index + 1
    start, end = value.start_mark.index, value.end_mark.index
    return start + len(text[start:end].rstrip())


def _is_blank(value: Node) -> bool:
    """Return whether nothing follows the colon, which is null in YAML."""
    return isinstance(value, ScalarNode) and value.start_mark.index == value.end_mark.index


def _render(keys: tuple[str, ...], value: Any, indent: int) -> str:
    """Return the line that sets a value at `keys`, preceded by that of its section if there is one."""
    if len(keys) == 2:
        return f"{' ' * indent}{keys[0]}:\n{_render(keys[1:], value, indent + 2)}"
    return f"{' ' * indent}{keys[0]}: {_plain(value)}"


def _plain(value: Any) -> str:
    """Return a value on one line, such that PyYAML reads the same."""
    dumped = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=float("inf"), sort_keys=False)
    return dumped.removesuffix("\n").removesuffix("\n...")


def _compose(text: str) -> Any:
    """Return the nodes of a YAML text, with their positions."""
    reader = ruamel.yaml.YAML()
    reader.version = (1, 1)
    return reader.compose(text)


def _check_aliases(nodes: Any, path: str | Path) -> None:
    """Check that a config does not become endless where aliases (*name) are replaced by what they stand for.

    Raises:
        InputError: if it has more than MOST_VALUES values then.
    """
    sizes: dict[int, int] = {}

    def size(node: Any) -> int:
        if id(node) not in sizes:
            sizes[id(node)] = 1  # of a node within itself, which is refused elsewhere
            inner = [part for pair in node.value for part in pair] if isinstance(node, MappingNode) else ()
            inner = node.value if isinstance(node, SequenceNode) else inner
            sizes[id(node)] = 1 + sum(map(size, inner))
        return sizes[id(node)]

    if size(nodes) > MOST_VALUES:
        raise InputError(f"{path}: its aliases (*name) stand for more than {MOST_VALUES:,} values; write them out")


def _each_node(node: Any, seen: set[int]) -> Iterator[Any]:
    """Yield a node and all in it, each once."""
    if id(node) in seen:
        return
    seen.add(id(node))
    yield node
    if isinstance(node, SequenceNode):
        for item in node.value:
            yield from _each_node(item, seen)
    elif isinstance(node, MappingNode):
        for pair in node.value:
            for part in pair:
                yield from _each_node(part, seen)


def _find_clock_times(nodes: Any) -> Iterator[tuple[str, int, float]]:
    """Yield (text, line, number that YAML reads) of values such as 1:30."""
    for node in _each_node(nodes, set()):
        if isinstance(node, ScalarNode) and not node.style and CLOCK_TIME.fullmatch(node.value):
            number = yaml.safe_load(node.value)
            if isinstance(number, int | float):
                yield node.value, node.start_mark.line + 1, number


def _find_duplicates(node: Any, section: str = "") -> Iterator[tuple[str, int, int]]:
    """Yield (key with its section, line, line of its first definition) of duplicate keys, at any depth."""
    if isinstance(node, SequenceNode):
        for item in node.value:
            yield from _find_duplicates(item, section)
    elif isinstance(node, MappingNode):
        lines: dict[str, int] = {}
        for key, value in node.value:
            name, line = f"{section}{key.value}", key.start_mark.line + 1
            if name in lines:
                yield name, line, lines[name]
            lines.setdefault(name, line)
            yield from _find_duplicates(value, f"{name}.")


def _read_text(path: str | Path) -> str:
    try:
        return Path(path).read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise InputError(f"{path}: not readable ({error.strerror}); it has to be a YAML file") from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise InputError(f"{path} line {line}: not text in UTF-8; save the file in UTF-8") from None


def _read_json(text: str) -> dict[str, Any] | None:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None
