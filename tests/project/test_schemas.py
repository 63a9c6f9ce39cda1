"""The schemas: every key is described."""

import jsonschema
import pytest

from ethomake.project.schemas import load_schema, resolve_reference
from ethomake.project.settings import check_schema


def keys(schema, path=""):
    """(path, schema) of every key of the config."""
    for name, inner in schema["properties"].items():
        inner = resolve_reference(inner)
        yield f"{path}{name}", inner
        if "properties" in inner:
            yield from keys(inner, f"{path}{name}.")


KEYS = dict(keys(load_schema("config")))


@pytest.mark.parametrize("key", KEYS)
def test_every_key_is_described(key):
    schema = KEYS[key]
    assert "default" in schema
    if "properties" in schema:
        assert schema["title"]
        return
    assert len(schema["description"]) > 8
    assert not schema["description"].startswith(" ")
    if schema.get("type") in ("integer", "number"):
        assert {"minimum", "exclusiveMinimum"} & schema.keys()
    if key.endswith(("_s", "epochs", "batch", "steps", "window", "_length", "rotation", "size")):
        assert schema["unit"]
    for named in [schema, *schema.get("anyOf", ())]:
        if "choices" in schema and "enum" in named:  # each value is told of
            assert set(named["enum"]) <= set(schema["choices"])


@pytest.mark.parametrize("column", load_schema("videos")["properties"].items(), ids=lambda item: item[0])
def test_every_column_is_described(column):
    assert column[1]["description"]


def test_the_schemas_are_schemas():
    for name in ("config", "videos"):
        jsonschema.Draft202012Validator.check_schema(load_schema(name))


@pytest.mark.parametrize("key", [key for key in KEYS if "." in key or "properties" not in KEYS[key]])
def test_every_default_is_allowed(key):
    section, _, name = key.rpartition(".")
    value = KEYS[key]["default"]
    check_schema({section: {name: value}} if section else {name: value})
