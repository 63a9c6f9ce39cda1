"""The shipped config.yaml and docs/config.md, made from the schemas.

python -m ethomake.project.reference          checks that both agree with the schemas
python -m ethomake.project.reference --write  writes them
"""

import sys
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from ethomake.files import write_text
from ethomake.project.schemas import load_schema, resolve_reference

WIDTH = 118  # of a line of config.yaml, for comments that have lines of their own
LONGEST = 120  # of a line of config.yaml with a comment behind the value
SHIPPED = {"example": "flies"}  # where the shipped config.yaml, which runs the example, differs from the defaults
KINDS = {"integer": "whole number", "number": "number", "string": "text", "boolean": "true or false"}
ROOT = Path(__file__).resolve().parents[2]  # of the checkout


def render_config() -> str:
    """Return config.yaml: every key with its default, and its description in the schema as a comment."""
    schema = load_schema("config")
    lines = [_comment(line) for line in schema["description"].splitlines()]
    for key, inner in schema["properties"].items():
        inner = resolve_reference(inner)
        if "properties" in inner:
            lines += [
                "",
                f"# {inner['title']} ".ljust(WIDTH - 6, "-"),
                *_block(inner.get("description", "")),
                f"{key}:",
            ]
            lines += [line for item in inner["properties"].items() for line in _describe_inline(*item)]
        else:
            value = SHIPPED.get(key, inner["default"])
            lines += ["", *_describe_above(inner), f"{key}: {_yaml(value)}"]
    return "\n".join(lines) + "\n"


def render_reference() -> str:
    """Return docs/config.md: a table of the keys of each section, and one of the columns of the video table."""
    schema, columns = load_schema("config"), load_schema("videos")
    sections = {key: inner for key, inner in schema["properties"].items() if "properties" in inner}
    plain = {key: inner for key, inner in schema["properties"].items() if key not in sections}
    lines = [
        "<!-- Made by python -m ethomake.project.reference --write from the schemas in ethomake/project/schemas. -->",
        "",
        "# The config and the video table",
        "",
        "All keys of `config.yaml`. A key that is missing has its default; an unknown key, a value out of range or an",
        "impossible combination is an error before any job runs.",
        "",
        "## The project",
        "",
        *_key_table(plain),
    ]
    for key, inner in sections.items():
        lines += ["", f"## {key}", "", _sentence(inner["title"])]
        lines += ["", *textwrap.wrap(inner["description"], WIDTH)] if "description" in inner else []
        lines += ["", *_key_table(inner["properties"], f"{key}.")]
    lines += ["", "## The video table", "", *textwrap.wrap(columns["description"], WIDTH), ""]
    lines += ["| column | unit | needed | meaning |", "| --- | --- | --- | --- |"]
    for name, inner in columns["properties"].items():
        needed = "yes" if name in columns["required"] else ""
        lines.append(f"| `{name}` | {inner.get('unit', '')} | {needed} | {_cell(_sentence(inner['description']))} |")
    return "\n".join(lines) + "\n"


def targets() -> dict[Path, str]:
    """Return the text of each of the two files."""
    return {ROOT / "config.yaml": render_config(), ROOT / "docs" / "config.md": render_reference()}


# --- config.yaml -----------------------------------------------------------------------------------------------


def _describe_above(schema: dict[str, Any]) -> list[str]:
    """Return the comment lines above a top-level key."""
    lines = _block(schema["description"])
    named = {str(value): meaning for value, meaning in schema.get("choices", {}).items()}
    if "columns" in schema:
        lines.append("# Columns of the table (only video and path are needed):")
        named = {name: _with_notes(inner) for name, inner in load_schema(schema["columns"])["properties"].items()}
    width = max(map(len, named), default=0)
    for name, meaning in named.items():
        lines += textwrap.wrap(
            meaning, WIDTH, initial_indent=f"#   {name.ljust(width)}  ", subsequent_indent="#" + " " * (width + 5)
        )
    return lines if named or not (limits := _range(schema)) else [*lines[:-1], f"{lines[-1]} ({limits})"]


def _describe_inline(key: str, schema: dict[str, Any]) -> Iterator[str]:
    """Yield a key of a section with its comment, which is above it if the line would become too long."""
    schema = resolve_reference(schema)
    line, text = f"  {key}: {_yaml(schema['default'])}", _with_notes(schema)
    if len(line) + len(text) + 3 <= LONGEST:
        yield f"{line} # {text}"
    else:
        yield from textwrap.wrap(text, WIDTH, initial_indent="  # ", subsequent_indent="  # ")
        yield line


def _with_notes(schema: dict[str, Any]) -> str:
    """Return the description with unit and limits, and the meaning of each named value."""
    text = schema["description"]
    notes = [schema["unit"]] if "unit" in schema else []
    notes += [_range(schema)] if _is_bounded(schema) else []
    if notes:
        text += f" ({', '.join(notes)})"
    if choices := schema.get("choices"):
        shown = [f"{value} ({meaning})" if meaning else str(value) for value, meaning in choices.items()]
        text += ": " + " | ".join(shown)
    return text


def _is_bounded(schema: dict[str, Any]) -> bool:
    """Return whether limits are worth a comment: it is obvious that there are no fewer than 0 epochs."""
    own = schema.get("items", schema)
    return any(key in own for key in ("maximum", "exclusiveMaximum", "multipleOf"))


def _block(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False)


def _comment(line: str) -> str:
    return f"# {line}" if line else "#"


def _yaml(value: Any) -> str:
    """Return a default on one line; floats with a decimal point, as YAML 1.1 requires."""
    text = yaml.safe_dump(value, default_flow_style=True, width=1000).removesuffix("\n").removesuffix("\n...")
    return (
        text if not isinstance(value, float) or abs(value) >= 1e-3 or not value else f"{value:.1e}".replace("e-0", "e-")
    )


# --- docs/config.md --------------------------------------------------------------------------------------------


def _key_table(properties: dict[str, Any], prefix: str = "") -> Iterator[str]:
    yield "| key | value | unit | default | meaning |"
    yield "| --- | --- | --- | --- | --- |"
    for key, schema in properties.items():
        schema = resolve_reference(schema)
        cells = (_kind(schema), schema.get("unit", ""), f"`{_yaml(schema['default'])}`", _explained(schema))
        yield f"| `{prefix}{key}` | " + " | ".join(_cell(cell) for cell in cells) + " |"


def _kind(schema: dict[str, Any]) -> str:
    """Return the type of a value and its limits, in words."""
    schema = resolve_reference(schema)
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if "const" in schema:
        return f"`{schema['const']}`"
    if "anyOf" in schema:
        *others, last = (_kind(choice) for choice in schema["anyOf"])
        return f"{'; '.join(others)} or {last}"
    match schema["type"]:
        case "array":
            number = f"{schema['minItems']} " if schema.get("minItems", 0) == schema.get("maxItems", -1) else ""
            return f"list of {number}({_kind(schema['items'])})"
        case "object":
            inner = schema["additionalProperties"]
            if {"const": None} in inner.get("anyOf", ()):
                return "by name: text or `null`"
            return "by name: settings" if inner.get("type") == "object" else f"by behavior: {_kind(inner)}"
        case kind:
            limits = _range(schema)
            return KINDS[kind] + (f", {limits}" if limits else "")


def _range(schema: dict[str, Any]) -> str:
    """Return the limits of a number, or of the numbers in a list; "" if there are none."""
    schema = resolve_reference(schema.get("items", schema))
    low, above = schema.get("minimum"), schema.get("exclusiveMinimum")
    high, below = schema.get("maximum"), schema.get("exclusiveMaximum")
    parts = []
    if low is not None and high is not None:
        parts.append(f"{low} to {high}")
    elif low is not None and below is not None:
        parts.append(f"{low} to below {below}")
    else:
        limits = {"at least": low, "above": above, "at most": high, "below": below}
        parts += [f"{word} {limit}" for word, limit in limits.items() if limit is not None]
    if "multipleOf" in schema:
        parts.append("even" if schema["multipleOf"] == 2 else f"a multiple of {schema['multipleOf']}")
    return ", ".join(parts)


def _explained(schema: dict[str, Any]) -> str:
    """Return the description as a sentence, and the meaning of each named value."""
    text = _sentence(schema["description"])
    meanings = [f"`{value}`: {meaning}" for value, meaning in schema.get("choices", {}).items() if meaning]
    return "<br>".join([text, *meanings])


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def main(arguments: Sequence[str]) -> int:
    """Compare the files with the schemas, or write them; return 1 if one differs, else 0."""
    status = 0
    for path, text in targets().items():
        if "--write" in arguments:
            write_text(path, text)
        elif not path.is_file() or path.read_text(encoding="utf-8") != text:
            print(f"{path}: not up to date; run python -m ethomake.project.reference --write", file=sys.stderr)
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
