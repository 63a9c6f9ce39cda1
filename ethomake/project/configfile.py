"""The file config.yaml: which one counts, and whether it can be read."""

import json
import os
from collections.abc import Iterable
from pathlib import Path

import yaml

from ethomake.errors import InputError


def find_config_file(root: str | Path, given: Iterable[str | Path] = ()) -> str:
    """The config file of the folder in which Snakemake runs, or else that of the workflow in `root`; checked.

    Args:
        root: the folder of the Snakefile.
        given: config files of the command line; they are checked too.

    Raises:
        InputError: if one cannot be read or says something twice, or if the folder has one of almost the right name.
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
            check_config_file(each)
    return str(path)


def check_config_file(path: str | Path) -> None:
    """Look whether a config file is YAML with keys, each of them once; its content is for `resolve_settings` to check.

    YAML's own reader takes the last of two equal keys without a word.

    Raises:
        InputError: if it is not; with the line.
    """
    try:
        text = Path(path).read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise InputError(f"{path}: not readable ({error.strerror}); it has to be a YAML file") from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise InputError(f"{path} line {line}: not text in UTF-8; save the file in UTF-8") from None
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        if isinstance(node, yaml.MappingNode):
            _check_twice(node, path)
            yaml.safe_load(text)  # what looks right may still be a date that is none, or a key that cannot be one
            return
    except yaml.MarkedYAMLError as error:
        if _is_json(text):  # which may be indented with tabs
            return
        mark, began = error.problem_mark or error.context_mark, error.context_mark
        where = f"{error.context} of line {began.line + 1}, " if began and error.context else ""
        mend = "write 'key: value' with a blank after the colon, equal indentation, and text with : or # in quotes"
        if "\\t" in (error.problem or ""):
            mend = "indent with blanks and not with tabs"
        raise InputError(f"{path} line {mark.line + 1}: not YAML ({where}{error.problem}); {mend}") from None
    except yaml.YAMLError as error:
        raise InputError(f"{path}: not YAML ({' '.join(str(error).split())}); save it as plain text") from None
    except RecursionError:
        raise InputError(f"{path}: nested without end; write each section out") from None
    except ValueError as error:
        raise InputError(f"{path}: a value is no date or number though it looks like one ({error}); quote it") from None
    what = "is empty" if node is None else "has no keys"
    raise InputError(f"{path}: the config {what}; write 'key: value' lines, as in behaviors: [groom, rear]")


def _is_json(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


def _check_twice(node: yaml.Node, path: str | Path, section: str = "") -> None:
    """Refuse a mapping that has a key twice, at any depth."""
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _check_twice(item, path, section)
    elif isinstance(node, yaml.MappingNode):
        lines: dict[str, int] = {}
        for key, value in node.value:
            name, line = str(key.value), key.start_mark.line + 1
            if name in lines:
                problem = f"{section}{name} stands in line {lines[name]} already; merge the two or remove one"
                raise InputError(f"{path} line {line}: {problem}")
            lines[name] = line
            _check_twice(value, path, f"{section}{name}.")
