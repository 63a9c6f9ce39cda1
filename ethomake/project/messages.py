"""The wording of errors in config and video table: key, value, reason, and a suggestion."""

import difflib
import json
import re
from collections.abc import Collection, Mapping
from typing import Any, cast

import jsonschema

from ethomake.letters import look, nfc
from ethomake.project.schemas import load_schema
from ethomake.visible import visible

_KINDS = {"integer": "a whole number", "number": "a number", "string": "text", "boolean": "true or false"}
_KINDS |= {"array": "a list, as in [a, b]", "object": "a section of keys"}


def explain_error(error: jsonschema.ValidationError) -> str:
    """Return one clause for one error of the config: key, value, reason."""
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.absolute_path).lstrip(".")
    if error.validator == "additionalProperties":
        known, instance = _schema_of(error).get("properties", {}), cast("dict[Any, Any]", error.instance)
        unknown = next(key for key in instance if key not in known)
        key = f"{path}.{unknown}" if path else str(unknown)
        hint = _suggest_key(str(unknown), known)
        if isinstance(unknown, int) and instance[unknown] is None:  # what {learning_rate: 0,001} becomes
            hint = "; write decimals with a point, as in 0.001"
        if together := _written_together(unknown, instance[unknown]):
            return f"{key}: unknown key; write {together} (with a colon and a blank)"
        return f"{key} = {show(instance[unknown])}: unknown key{hint}"
    return f"{path} = {show(error.instance)}: {describe_violation(error)}"


def _written_together(key: Any, value: Any) -> str:
    """Return how a key is written that has its value in it, as in {epochs:3}; "" for other keys."""
    found = re.fullmatch(r"\s*(\w+)\s*[:=]\s*(\S.*)", key) if isinstance(key, str) and value in ("", None) else None
    return f"{found[1]}: {found[2]}" if found else ""


def describe_violation(error: jsonschema.ValidationError) -> str:
    """Return why a value is not allowed, in words."""
    limit, schema = cast("Any", error.validator_value), _schema_of(error)
    hint = f" ({schema['expected']})" if "expected" in schema else ""
    match error.validator:
        case "type":
            quote = ""
            if limit == "string" and isinstance(error.instance, bool):
                quote = "; put it in quotes, since YAML takes yes, no, on and off for true and false"
            elif limit == "string" and not isinstance(error.instance, list | dict | None):
                quote = "; put it in quotes"
            return f"must be {_KINDS[limit]}{quote}{hint}"
        case "enum":
            return f"must be one of {', '.join(limit)}{suggest(str(error.instance), limit)}"
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
            return f"must be {schema['expected']}" if hint else f"must have {number} entries"
        case "uniqueItems":
            return "names something twice"
        case "pattern":
            return f"must be {schema['expected']}"
        case "minLength":
            return "must not be empty"
        case "maxLength":
            return f"must have at most {limit} characters"
        case "anyOf":
            return schema["expected"] if hint else "must be auto or a number of at least 0"
    return error.message


def _schema_of(error: jsonschema.ValidationError) -> Mapping[str, Any]:
    """The part of a schema that a value breaks, by key; a part that is only true or false has none."""
    return error.schema if isinstance(error.schema, Mapping) else {}


def suggest(name: str, known: Collection[str]) -> str:
    """Return a suggestion for an unknown name; "" if no known name is similar."""
    if same := [each for each in known if each != name and look(each) == look(name)]:
        return f"; {show(same[0])} looks the same but differs in an invisible character: type the name again"
    close = difflib.get_close_matches(name, list(known), n=1) or [
        each for each in known if _alike(each) == _alike(name)
    ]
    return f"; did you mean {close[0]}?" if close else ""


def _alike(name: str) -> str:
    """Return a form that is equal for names that differ only in case, or in the encoding of their accents."""
    return nfc(name).casefold()


def _suggest_key(name: str, known: Mapping[str, Any]) -> str:
    """Return a suggestion: a similar key of the same section, or the sections that have a key of this name."""
    if suggestion := suggest(name, known):
        return suggestion
    sections = load_schema("config")["properties"]
    homes = [f"{section}.{name}" for section, inner in sections.items() if name in inner.get("properties", {})]
    return f"; did you mean {' or '.join(homes)}?" if homes else ""


def show(value: Any) -> str:
    """Return a value on one line, truncated if it is long."""
    try:
        text = visible(json.dumps(value, ensure_ascii=False))
    except TypeError:
        text = str(value)
    return text if len(text) <= 80 else text[:77] + "..."


def count_others(number: int, what: str) -> str:
    """Return how many more mistakes of the kind there are, to be added to the first; "" for none."""
    return f" (and {number} more {what}{'s' if number > 1 else ''} with errors)" if number > 0 else ""
