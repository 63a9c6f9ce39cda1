"""The schemas of the config and of the video table: types, ranges, defaults, units and descriptions of all keys."""

from functools import cache
from importlib.resources import files
from typing import Any

import jsonschema
import yaml


@cache
def load_schema(name: str) -> dict[str, Any]:
    """Return the JSON Schema of `config` or of a row of `videos`."""
    return yaml.safe_load((files(__name__) / f"{name}.schema.yaml").read_text(encoding="utf-8"))


@cache
def validator(name: str) -> jsonschema.Draft202012Validator:
    """Return a validator for the schema `name`."""
    return jsonschema.Draft202012Validator(load_schema(name))


def resolve_reference(schema: dict[str, Any]) -> dict[str, Any]:
    """Resolve a reference into $defs of the config's schema; keywords beside the reference take precedence."""
    if "$ref" not in schema:
        return schema
    return {**load_schema("config")["$defs"][schema["$ref"].rsplit("/", 1)[1]], **schema}
