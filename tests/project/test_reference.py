"""config.yaml as it is shipped and docs/config.md are what the schemas say."""

from pathlib import Path

import yaml

from ethomake.project import reference
from ethomake.project.schemas import load_schema
from ethomake.project.settings import resolve_settings

ROOT = Path(__file__).parents[2]
BASE = {"behaviors": ["groom", "rear"]}


def test_config_as_shipped_states_the_defaults():
    shipped = yaml.safe_load((ROOT / "config.yaml").read_text())
    assert shipped.pop("example") == "flies"
    expected = resolve_settings(BASE) | {"behaviors": []}
    by_preset = {
        "flow": ["network", "reuse"],
        "streams": ["enabled", "network", "weights", "sees"],
        "sequence": ["network", "hidden", "batch", "learning_rate"],
    }
    for section, key in [(section, key) for section, keys in by_preset.items() for key in keys]:
        expected[section][key] = "auto"
    expected.pop("example")
    assert shipped == expected


def test_every_key_of_the_shipped_config_has_a_comment():
    lines = (ROOT / "config.yaml").read_text().splitlines()
    for number, line in enumerate(lines):
        if line and not line.lstrip().startswith("#"):
            opens_a_section = not line.startswith(" ") and line.endswith(":")
            above = lines[number - 1].lstrip().startswith("#")
            assert "#" in line or above or opens_a_section, line


def test_the_files_are_as_the_schemas_say():
    for path, text in reference.targets().items():
        assert path.read_text(encoding="utf-8") == text, "run python -m ethomake.project.reference --write"


def test_a_file_that_is_not_is_told_and_written(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(reference, "ROOT", tmp_path)
    (tmp_path / "config.yaml").write_text("seed: 0\n")
    assert reference.main([]) == 1
    assert str(tmp_path / "config.yaml") in capsys.readouterr().err
    assert reference.main(["--write"]) == 0
    assert reference.main([]) == 0
    assert (tmp_path / "config.yaml").read_text() == (ROOT / "config.yaml").read_text()


def test_the_reference_has_every_key_and_column():
    text = reference.render_reference()
    for section, inner in load_schema("config")["properties"].items():
        for key in inner.get("properties", {"": {}}):
            assert f"| `{section}.{key}` |".replace(".`", "`") in text
    for column in load_schema("videos")["properties"]:
        assert f"| `{column}` |" in text


def test_no_line_is_too_long_to_read():
    assert max(map(len, reference.render_config().splitlines())) <= 120
