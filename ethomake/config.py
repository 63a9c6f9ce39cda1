"""What the user asks for: config.yaml and the video table, checked before any job runs.

This module runs while the DAG is built (in every cluster job again), so it imports nothing heavy. Every mistake
is an InputError of one line: which key or which row, its value, why it cannot be, and how to mend it.
"""

import csv
import difflib
import glob
import json
import math
import os
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from ethomake.bundle.fit import adopt, describe_misfits, misfits
from ethomake.bundle.read import read_bundle
from ethomake.errors import InputError
from ethomake.files import content_digest, read_json
from ethomake.labels.splits import assign_parts, check_split, count_positives
from ethomake.labels.table import decode_text, is_separator_line
from ethomake.streams.registry import reject_weights

ROOT = Path(__file__).resolve().parents[1]
SCHEMAS = ROOT / "workflow" / "schemas"
PARTS = ("train", "validate", "test")

# What `auto` means. DeepEthogram's fast, medium and slow (eLife 2021;10:e63377) compute each frame's own ten flows;
# swift is fast with each flow computed once.
PRESETS = {
    "swift": {"flow": {"network": "tiny_motion_net", "reuse": True}, "streams": {"network": "resnet18"}},
    "fast": {"flow": {"network": "tiny_motion_net", "reuse": False}, "streams": {"network": "resnet18"}},
    "medium": {"flow": {"network": "motion_net", "reuse": False}, "streams": {"network": "resnet50"}},
    "slow": {"flow": {"network": "tiny_motion_net_3d", "reuse": False}, "streams": {"network": "resnet3d_34"}},
}
# Columns and rows of our tables; a behavior of such a name could not be told from them.
RESERVED_NAMES = ("background", "frame", "time_s", "human", "macro", "micro")


@dataclass(frozen=True)
class Video:
    """One row of the video table."""

    video: str  # the name by which results are found
    path: str
    labels: str = ""  # the label file as the user has it; "" where there is none
    part: str = ""  # train, validate, test; "" where it is not fixed
    subject: str = ""
    group: str = ""
    crop: tuple[int, int, int, int] | None = None  # x, y, width, height in pixels of the source
    scored: tuple[str, ...] | None = None  # the behaviors scored in this video; None: all


@dataclass(frozen=True)
class Project:
    """A checked project: complete settings, the videos, and who trains, validates and tests."""

    settings: dict[str, Any]
    videos: dict[str, Video]
    parts: dict[str, list[str]]  # train, validate, test: sorted names of labelled videos
    flow_parts: dict[str, list[str]]  # train, validate: the videos of the flow network, labelled or not
    remembered: dict[str, list[str]]  # parts, with videos of an earlier split that are gone; empty: nothing is trained
    notes: tuple[str, ...]  # what the user should know, a line each


def load_project(
    config: Mapping[str, Any],
    *,
    table: str | Path | None = None,
    rows: Iterable[Mapping[str, str]] | None = None,
    split: str | Path = "results/splits/main.json",
) -> Project:
    """Check a config and its video table.

    Args:
        config: what config.yaml, an example's overlay and the command line say together.
        table: video table to read instead of the one named in `config` (an example's); its files may be missing.
        rows: rows of a table that is drawn rather than read (the simulated example); its files may be missing.
        split: where an earlier split lies; videos it names keep their part.

    Raises:
        InputError: for the first mistake that is found, with the number of the others.
    """
    settings = settle(config)
    if rows is not None:
        numbered = [(n, {key: cell for key, cell in row.items() if cell}) for n, row in enumerate(rows, start=1)]
        videos = check_rows(numbered, "the example's table", settings["behaviors"], must_exist=False)
    elif table is not None:
        videos = check_rows(read_table(table), str(table), settings["behaviors"], must_exist=False)
    elif glob.has_magic(settings["videos"]):
        videos = check_rows(find_videos(settings["videos"]), settings["videos"], settings["behaviors"], found=True)
    else:
        videos = check_rows(read_table(settings["videos"]), settings["videos"], settings["behaviors"])
    previous = read_split(split)
    names = {video.video: video for video in videos}
    if settings["models"] != "none":
        parts, notes = assign_without_training(videos, previous)
        return Project(settings, names, parts, {"train": [], "validate": []}, {}, tuple(notes))
    parts, notes = assign_videos(videos, settings, previous)
    flow_parts = choose_flow_videos(settings["flow"]["videos"], names, parts, previous.get("flow", {}))
    if flow_parts["train"] and not flow_parts["validate"]:
        notes.append("flow.videos names all validation videos: the optic flow is trained without any")
    present = {name for part in PARTS for name in parts[part]}
    remembered = {part: sorted({*parts[part], *(set(previous.get(part, ())) - present)}) for part in PARTS}
    return Project(settings, names, parts, flow_parts, remembered, tuple(notes))


# --- config.yaml -----------------------------------------------------------------------------------------------


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
    """Look whether a config file is YAML with keys, each of them once; its content is for `settle` to check.

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


def settle(config: Mapping[str, Any]) -> dict[str, Any]:
    """Check `config` against its schema, fill in the defaults and resolve the preset.

    Raises:
        InputError: for unknown keys, wrong types, values out of range and combinations that cannot be.
    """
    schema = load_schema("config")
    config = _coerce(dict(config), schema)
    errors = sorted(_validator("config").iter_errors(config), key=lambda error: list(map(str, error.path)))
    if errors:
        raise InputError("config: " + _explain_config(errors[0]) + _and_more(len(errors) - 1, "key"))
    if config.get("models", "none") != "none":
        config = _adopt_bundle(config)
    settings = _fill(config, schema)
    _check_together(settings)
    for section, choices in PRESETS[settings["preset"]].items():
        settings[section] |= {key: value for key, value in choices.items() if settings[section][key] == "auto"}
    if settings["models"] == "none":
        _check_weights(settings)
    return settings


def _adopt_bundle(config: dict[str, Any]) -> dict[str, Any]:
    """A config with all that its bundle decides.

    Raises:
        InputError: if the bundle is damaged, or the config asks for what it is not.
    """
    bundle = read_bundle(config["models"])
    schema = load_schema("config")
    trained = _coerce(bundle.settings, schema)
    if error := next(_validator("config").iter_errors(trained), None):
        raise InputError(f"{bundle.files['settings']}: {_explain_config(error)}; make the bundle again")
    trained = _fill(trained, schema)
    if found := list(misfits(config, trained, PRESETS)):
        raise InputError(describe_misfits(found, bundle.folder))
    return adopt(config, trained)


def _check_together(settings: dict[str, Any]) -> None:
    """Refuse what is right key by key but cannot be together."""

    def refuse(key: str, value: Any, reason: str) -> None:
        raise InputError(f"config: {key} = {_show(value)}: {reason}")

    behaviors = settings["behaviors"]
    if not behaviors:
        refuse("behaviors", behaviors, "name at least one behavior, as in [groom, rear]")
    for name in behaviors:
        if not name.isprintable():
            refuse("behaviors", name, "has a character that cannot be printed; type the name anew")
        if name.lower() in RESERVED_NAMES or name.startswith("probability_"):
            reason = "it is derived wherever no behavior is on" if name.lower() == "background" else "our tables use it"
            refuse("behaviors", name, f"not a name for a behavior ({reason}); leave it out")
    split = settings["split"]
    total = sum(split[part] for part in PARTS)
    if abs(total - 1) > 1e-6:
        refuse("split", {part: split[part] for part in PARTS}, f"the shares add up to {total:g}, not to 1")
    for section in ("flow", "streams", "sequence"):
        lowest, rate = settings[section]["minimum_learning_rate"], settings[section]["learning_rate"]
        if lowest >= rate:
            refuse(f"{section}.minimum_learning_rate", lowest, f"must be below {section}.learning_rate ({rate:g})")
    if settings["streams"]["joint_epochs"] and len(settings["streams"]["enabled"]) < 2:
        reason = "joint training needs both streams; set streams.enabled: [spatial, motion] or joint_epochs: 0"
        refuse("streams.joint_epochs", settings["streams"]["joint_epochs"], reason)
    sequence = settings["sequence"]
    if sequence["filter_length"] % 2 == 0:
        refuse("sequence.filter_length", sequence["filter_length"], "must be odd, so that a filter has a centre frame")
    if sequence["window"] < sequence["filter_length"]:
        reason = f"must be at least sequence.filter_length ({sequence['filter_length']})"
        refuse("sequence.window", sequence["window"], reason)
    for key in ("thresholds", "minimum_bout_s", "minimum_gap_s", "colors"):
        value = settings["ethogram"][key]
        for name in value if isinstance(value, dict) else ():
            if name not in behaviors and not (key == "colors" and name == "background"):
                quote = "" if isinstance(name, str) else f"; YAML takes {name} for no text: put it in quotes"
                refuse(f"ethogram.{key}.{name}", value[name], f"unknown behavior{quote or _suggest(name, behaviors)}")
    if settings["exclusive"] and settings["ethogram"]["thresholds"]:
        reason = "with exclusive: true the most probable behavior is chosen; leave thresholds out"
        refuse("ethogram.thresholds", settings["ethogram"]["thresholds"], reason)


def is_weights_file(weights: str) -> bool:
    """Tell whether `weights` names a file (rather than `none` or weights of torchvision)."""
    return "/" in weights or Path(weights).suffix in (".pth", ".pt", ".safetensors")


def _check_weights(settings: dict[str, Any]) -> None:
    """Refuse weights that cannot be found or cannot fit."""
    for section in ("flow", "streams"):
        weights = settings[section]["weights"]
        if weights == "none":
            continue
        if is_weights_file(weights):
            if not os.path.isfile(weights):
                raise InputError(f"config: {section}.weights = {_show(weights)}: there is no such file")
        elif section == "flow":
            raise InputError(f"config: flow.weights = {_show(weights)}: must be none or a .safetensors file")
        elif reason := reject_weights(settings["streams"]["network"], weights):
            raise InputError(f"config: streams.weights = {_show(weights)}: {reason}")


@cache
def load_schema(name: str) -> dict[str, Any]:
    """The JSON Schema of `config` or of a row of `videos`."""
    return yaml.safe_load((SCHEMAS / f"{name}.schema.yaml").read_text(encoding="utf-8"))


@cache
def _validator(name: str) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(load_schema(name))


def _resolve(schema: dict[str, Any]) -> dict[str, Any]:
    """Follow a reference into $defs; what stands beside it wins."""
    if "$ref" not in schema:
        return schema
    return {**load_schema("config")["$defs"][schema["$ref"].rsplit("/", 1)[1]], **schema}


def _coerce(value: Any, schema: dict[str, Any]) -> Any:
    """Read numbers as the schema means them, so that equal settings are equal parameters of a job.

    YAML 1.1 reads `1e-4` as text, people write 1 for 1.0, a section with nothing below it is null, and inside of
    `--config 'flow={reuse: true}'` Snakemake takes everything for text.
    """
    schema = _resolve(schema)
    kind = schema.get("type")
    if kind == "object" and value is None:
        return {}
    if kind == "object" and isinstance(value, dict):
        default = schema.get("additionalProperties") or {}
        inner = schema.get("properties", {})
        return {key: _coerce(item, inner.get(key, default)) for key, item in value.items()}
    if kind == "array" and isinstance(value, list | tuple):
        return [_coerce(item, schema.get("items", {})) for item in value]
    if kind == "boolean" and value in ("true", "false"):
        return value == "true"
    if kind in ("number", "integer") and isinstance(value, int | float | str) and not isinstance(value, bool):
        try:
            number = float(value)
            if not math.isfinite(number):
                return str(value)  # nothing to compute with; as text it is refused
            return int(number) if kind == "integer" and number == int(number) else number
        except (ValueError, OverflowError):
            return value
    for choice in schema.get("anyOf", []):
        coerced = _coerce(value, choice)
        if coerced is not value:
            return coerced
    return value


def _fill(value: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """A copy of `value` in the schema's order, with defaults where it says nothing."""
    filled = {}
    for key, inner in schema["properties"].items():
        inner = _resolve(inner)
        item = value[key] if key in value else json.loads(json.dumps(inner["default"]))
        filled[key] = _fill(item, inner) if "properties" in inner else item
    return filled


_KINDS = {"integer": "a whole number", "number": "a number", "string": "text", "boolean": "true or false"}
_KINDS |= {"array": "a list, as in [a, b]", "object": "a section of keys"}


def _explain_config(error: jsonschema.ValidationError) -> str:
    """One clause for one error of the config: key, value, reason."""
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.absolute_path).lstrip(".")
    if error.validator == "additionalProperties":
        known = error.schema.get("properties", {})
        unknown = next(key for key in error.instance if key not in known)
        key = f"{path}.{unknown}" if path else str(unknown)
        hint = _suggest_key(str(unknown), known)
        if isinstance(unknown, int) and error.instance[unknown] is None:  # what {learning_rate: 0,001} becomes
            hint = "; write decimals with a point, as in 0.001"
        return f"{key} = {_show(error.instance[unknown])}: unknown key{hint}"
    return f"{path} = {_show(error.instance)}: {_reason(error)}"


def _reason(error: jsonschema.ValidationError) -> str:
    """Why a value cannot be, in words."""
    limit, schema = error.validator_value, error.schema
    hint = f" ({schema['description']})" if "description" in schema else ""
    match error.validator:
        case "type":
            quote = ""
            if limit == "string" and isinstance(error.instance, bool):
                quote = "; put it in quotes, since YAML takes yes, no, on and off for true and false"
            elif limit == "string" and not isinstance(error.instance, list | dict | None):
                quote = "; put it in quotes"
            return f"must be {_KINDS[limit]}{quote}{hint}"
        case "enum":
            return f"must be one of {', '.join(limit)}{_suggest(str(error.instance), limit)}"
        case "minimum":
            return f"must be at least {limit:g}{hint}"
        case "maximum":
            return f"must be at most {limit:g}{hint}"
        case "exclusiveMinimum":
            return f"must be above {limit:g}{hint}"
        case "exclusiveMaximum":
            return f"must be below {limit:g}{hint}"
        case "multipleOf":
            return f"must be a multiple of {limit}{hint}"
        case "minItems" | "maxItems":
            number = f"at {'least' if error.validator == 'minItems' else 'most'} {limit}"
            return f"must be {schema['description']}" if hint else f"must have {number} entries"
        case "uniqueItems":
            return "names something twice"
        case "pattern":
            return f"must be {schema['description']}"
        case "minLength":
            return "must not be empty"
        case "maxLength":
            return f"must have at most {limit} characters"
        case "anyOf":
            return schema["description"] if hint else "must be auto or a number of at least 0"
    return error.message


def _suggest(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(known), n=1) or [
        each for each in known if _alike(each) == _alike(name)
    ]
    return f"; did you mean {close[0]}?" if close else ""


def _alike(name: str) -> str:
    """What two names have in common that differ in case, or in how their accents are encoded."""
    return unicodedata.normalize("NFC", name).casefold()


def _suggest_key(name: str, known: Mapping[str, Any]) -> str:
    """A key much like it beside it, or the sections that have a key of this name."""
    if suggestion := _suggest(name, known):
        return suggestion
    sections = load_schema("config")["properties"]
    homes = [f"{section}.{name}" for section, inner in sections.items() if name in inner.get("properties", {})]
    return f"; did you mean {' or '.join(homes)}?" if homes else ""


def _show(value: Any) -> str:
    """A value on one line, cut short where it is long."""
    try:
        text = json.dumps(value, ensure_ascii=False)
        if not text.isprintable():
            text = json.dumps(value)
    except TypeError:
        text = str(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _and_more(number: int, what: str) -> str:
    return f" (and {number} more {what}{'s' if number > 1 else ''} with errors)" if number > 0 else ""


# --- the video table -------------------------------------------------------------------------------------------


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
            f"config: videos = {_show(str(path))}: no such video table in {Path.cwd()}; make one "
            "(columns video, path, labels) or name another (--config videos=...)"
        ) from None
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(f"{path}: not readable ({reason}); name the video table, a CSV file, at videos") from None
    lines = _split_cells(decode_text(content, path, "the video table"), path)
    if not lines:
        raise InputError(
            f"{path} line 1: the file is empty, so column video is missing; add a header and a row a video"
        )
    first, header = lines[0]
    known = load_schema("videos")["properties"]
    for name in header:
        if name not in known:
            hint = _suggest(name, known) or f"; columns are {', '.join(known)}, with commas between"
            raise InputError(f"{path} line {first}: unknown column {_show(name)}{hint}")
        if header.count(name) > 1:
            raise InputError(f"{path} line {first}: column {name} stands there twice; remove one")
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
    """(line number, stripped cells) of the lines of a video table; blank lines and comments (#) are left out.

    The first line tells what separates: comma, or semicolon or tab, as spreadsheets write them in some countries.
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
            reason = f"a quote is opened and not closed, or stands inside of a cell ({error}); correct the quotes"
            raise InputError(f"{path} line {number}: {reason}") from None
        cells = [cell.strip() for cell in cells]
        # A comment that a spreadsheet has put in quotes; or the path of a video, where paths come first.
        if cells[0].startswith("#") and (not any(cells[1:]) or not lines or lines[0][1][0] == "video"):
            continue
        width = len(lines[0][1]) if lines else 1
        while len(cells) > width and not cells[-1]:
            cells.pop()
        lines.append((number, cells))
    return lines


def find_videos(pattern: str) -> list[tuple[int, dict[str, str]]]:
    """Rows for the files that a glob finds, by path; `<stem>_labels.csv` beside a video are its labels.

    The name of a video is its file name without suffix, with `_` for what a name may not hold; where most letters are
    lost so, as in other scripts, some digits follow by which names stay apart.
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
        raise InputError(f"config: videos = {_show(pattern)}: no file in {Path.cwd()} matches; correct the pattern")
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
        must_exist: whether video and label files have to be there already.
        found: whether `table` is a glob, whose rows are files and not lines.
    """
    if not rows:
        raise InputError(f"{table}: no videos in it; add a row for each video")
    videos, errors = [], []
    names: dict[str, int] = {}
    sources: dict[tuple, int] = {}
    subjects: dict[str, tuple[str, int]] = {}
    name_of = {line: f"file {row.get('path')}" if found else f"line {line}" for line, row in rows}
    for line, row in rows:
        where = f"{table} {name_of[line]}" + (f" ({row['video']})" if "video" in row else "")
        if error := _row_error(row, behaviors, must_exist):
            errors.append(f"{where}: {error}")
            continue
        crop = tuple(int(number) for number in row["crop"].split(",")) if "crop" in row else None
        scored = tuple(dict.fromkeys(_split_names(row["scored"]))) if "scored" in row else None
        video = Video(**{**row, "crop": crop, "scored": scored})
        if (first := names.setdefault(video.video.lower(), line)) != line:
            errors.append(f"{where}: the name stands in {name_of[first]} already; names must differ by more than case")
        if (first := sources.setdefault((os.path.realpath(video.path), crop), line)) != line:
            errors.append(f"{where}: the same video file and crop as {name_of[first]}; remove one")
        known, first = subjects.setdefault(_plain_subject(video.subject), (video.subject, line))
        if known != video.subject:
            reason = f"{name_of[first]} has {_show(known)}; write a subject in one way, so that it stays in one part"
            errors.append(f"{where}: subject = {_show(video.subject)}: {reason}")
        videos.append(video)
    if errors:
        raise InputError(errors[0] + _and_more(len(errors) - 1, "row"))
    return videos


def _plain_subject(name: str) -> str:
    """What spellings of one subject have in common: Mouse 1, mouse1."""
    return re.sub(r"(?<=[^\W\d]) (?=\d)", "", " ".join(name.split())).casefold()


def _row_error(row: dict[str, str], behaviors: list[str], must_exist: bool) -> str:
    """What is wrong with one row; "" where nothing is."""
    for error in sorted(_validator("videos").iter_errors(row), key=lambda error: list(map(str, error.path))):
        if error.validator == "required":
            missing = next(name for name in error.validator_value if name not in row)
            return f"{missing} is empty"
        if error.validator == "additionalProperties":
            return error.message
        return f"{error.path[0]} = {_show(error.instance)}: {_reason(error)}"
    for name in _split_names(row.get("scored", "")):
        if name not in behaviors:
            hint = _suggest(name, behaviors) or f"; the config has {', '.join(behaviors)}"
            return f"scored = {_show(name)}: not a behavior of the config{hint}"
    if "scored" in row and not _split_names(row["scored"]):
        return f"scored = {_show(row['scored'])}: names no behavior; leave it empty for all"
    if "part" in row and "labels" not in row:
        return f"part = {row['part']}, but the video has no labels; name its label file or leave part empty"
    if re.search(r"(.+)\1{19}$", row["video"]):  # Snakemake takes such a name for a wildcard gone wrong
        return f"video = {_show(row['video'])}: the same again and again; give it a shorter name"
    for key, what in (("path", "video"), ("labels", "label")):
        if "{" in row.get(key, "") or "}" in row.get(key, ""):  # Snakemake would read them as wildcards
            return f"{key} = {_show(row[key])}: rename the {what} file or its folder: no {{ and }} can be in a path"
        if must_exist and key in row and (problem := _file_error(row[key], what)):
            return f"{key} = {_show(row[key])}: {problem}"
    return ""


def _file_error(path: str, what: str) -> str:
    """Why a file of the user's cannot be taken; "" where it can."""
    if not os.path.isfile(path):
        where = "" if Path(path).is_absolute() else f" in {Path.cwd()}"
        hint = "; write out what ~ and $ stand for" if path[0] in "~$" else ""
        hint = hint or ("; write / between folders" if "\\" in path else "")
        return f"no such {what} file{where}{hint}"
    places = [os.path.abspath] if os.path.islink("results") else [os.path.abspath, os.path.realpath]
    if any(Path(place("results")) in Path(place(path)).parents for place in places):
        return "lies in results/, where files are made anew and removed; copy it to a folder of your own"
    return ""


def _split_names(cell: str) -> list[str]:
    return [name.strip() for name in re.split("[;,]", cell) if name.strip()]  # no behavior has either in its name


# --- who trains, validates and tests ---------------------------------------------------------------------------


def read_split(path: str | Path) -> dict[str, Any]:
    """An earlier split as `write_split` left it; empty where there is none.

    Raises:
        InputError: if the file is no split.
    """
    content = read_json(path) if Path(path).is_file() else {}
    flow = content.get("flow", {}) if isinstance(content, dict) else None
    lists = [*(content.get(part, []) for part in PARTS), *flow.values()] if isinstance(flow, dict) else [None]
    if not all(isinstance(names, list) and all(isinstance(name, str) for name in names) for names in lists):
        raise InputError(f"{path}: not a split (train, validate, test: lists of videos); delete it and run again")
    return content


def assign_videos(
    videos: list[Video], settings: Mapping[str, Any], previous: Mapping[str, Any]
) -> tuple[dict[str, list[str]], list[str]]:
    """Give every labelled video a part; those of the `previous` split keep theirs.

    Label files are read only where a split has to be made, since this runs again in each job of a cluster.

    Returns:
        Sorted names for each of train, validate and test; and notes for the user.

    Raises:
        InputError: if nothing is labelled, or nothing would train or validate.
    """
    labelled = [video for video in videos if video.labels]
    if not labelled:
        mend = "fill the column labels of the video table"
        if settings["example"] == "none" and glob.has_magic(settings["videos"]):
            mend = "put <name>_labels.csv beside the video"
        raise InputError(
            f"no video has labels, so there is nothing to learn from: {mend} for at least one training and one "
            "validation video"
        )
    settled = {name for part in PARTS for name in previous.get(part, ())}
    new = any(video.video not in settled for video in labelled)
    positives = {}
    if new:
        for video in labelled:
            if Path(video.labels).is_file():  # an example's are made by the workflow
                scored = video.scored or settings["behaviors"]
                counts = count_positives(video.labels, scored)
                if missing := [name for name in scored if name not in counts]:
                    raise InputError(
                        f"{video.labels}, line 1: there is no column '{missing[0]}', a behavior of config.yaml; the "
                        f"columns are {', '.join(counts) or 'none'}{_suggest(missing[0], counts)}; correct the header, "
                        f"or leave '{missing[0]}' out of the column scored of the video table ({video.video}) if it "
                        "was not scored in this video"
                    )
                positives[video.video] = {name: counts[name] for name in scored if name in counts}
    parts = assign_parts(
        [vars(video) for video in labelled],
        positives,
        fractions={part: settings["split"][part] for part in PARTS},
        by=settings["split"]["by"],
        seed=settings["seed"],
        previous=previous,
    )
    known = len(positives) == len(labelled)
    notes = check_split(parts, positives, settings["behaviors"] if known else [])
    return parts, notes


def assign_without_training(videos: list[Video], previous: Mapping[str, Any]) -> tuple[dict[str, list[str]], list[str]]:
    """Give every labelled video a part where the models come from a bundle: it tests, since nothing is fitted on it.

    But for those that the table, or a split that was made here earlier, calls train or validate: the bundle may
    have been trained on them, and a score on these would say nothing.

    Returns:
        Sorted names for each of train, validate and test; and notes for the user.
    """
    earlier = {name: part for part in PARTS for name in previous.get(part, ())}
    part_of = {video.video: video.part or earlier.get(video.video, "test") for video in videos if video.labels}
    parts = {part: sorted(name for name in part_of if part_of[name] == part) for part in PARTS}
    notes = [] if parts["test"] else ["no test video: what the bundle's models say of these videos is not evaluated"]
    if apart := [*parts["train"], *parts["validate"]]:
        shown = ", ".join(apart[:3]) + (f" and {len(apart) - 3} more" if apart[3:] else "")
        reason = "their part is train or validate; write test there if the bundle was not made from them"
        notes.append(f"not evaluated: {shown} ({reason})")
    return parts, notes


def choose_flow_videos(
    wanted: str | list[str],
    videos: Mapping[str, Video],
    parts: Mapping[str, list[str]],
    previous: Mapping[str, list[str]],
) -> dict[str, list[str]]:
    """The videos on which the flow network trains and validates; it needs no labels.

    Args:
        wanted: the key flow.videos: `keep` those of the previous split as long as they are there and do not test,
            `training` to follow the training videos, or names.
        videos: all videos by name.
        parts: who trains, validates and tests with labels.
        previous: who trained and validated the flow network; may be empty.

    Raises:
        InputError: if a name is no video of the table, or tests.
    """
    if wanted == "training":
        return {part: parts[part] for part in ("train", "validate")}
    kept = {
        part: [name for name in previous.get(part, []) if name in videos and name not in parts["test"]]
        for part in ("train", "validate")
    }
    train = kept["train"] or parts["train"]
    if wanted != "keep":
        for name in wanted:
            if name not in videos:
                hint = _suggest(name, videos) or "; name videos of the video table"
                raise InputError(f"config: flow.videos = {_show(name)}: no video of this name{hint}")
            if name in parts["test"]:
                reason = "it is a test video, and nothing must be fitted on those; leave it out"
                raise InputError(f"config: flow.videos = {_show(name)}: {reason}")
        train = sorted(wanted)
    known = [[name for name in names if name not in train] for names in (kept["validate"], parts["validate"])]
    return {"train": train, "validate": known[0] or known[1]}


def share_library() -> None:
    """Let the jobs import this library from where it lies, in environments that do not have it installed."""
    paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    os.environ["PYTHONPATH"] = os.pathsep.join(path for path in paths if path)


def short_digest(*values: Any) -> str:
    """Sixteen hexadecimal digits that stand for plain values; names the checkpoint of a job."""
    text = json.dumps(values, sort_keys=True, default=str)
    return content_digest([text]).removeprefix("sha256:")[:16]
