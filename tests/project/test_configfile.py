"""The file config.yaml: what cannot be read says where, and a program changes values and nothing else."""

import shutil
from pathlib import Path

import pytest
import yaml

from ethomake.errors import InputError
from ethomake.project.configfile import find_config_file, read_config, write_config

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"", "config is empty"),
        (b"# all of it left out\n", "config is empty"),
        (b"- a\n", "config has no keys"),
        (b"seed: 1\nflow: {epochs: 1}\nseed: 2\n", "line 3: duplicate key seed, first defined on line 1; merge"),
        (b"flow:\n  epochs: 1\n  epochs: 2\n", r"line 3: duplicate key flow\.epochs, first defined on line 2"),
        (b"flow:\n\tepochs: 1\n", "line 2: not YAML .*; indent with blanks and not with tabs"),
        (b"flow: [1, 2\nseed: 3\n", "line 2: not YAML .*flow sequence of line 1"),
        (b"preset: fast\nseed:3\nvideos: a\n", "line 2: not YAML .* with a blank after the colon|line 3: not YAML"),
        (b"seed: 1\n# m\xe4use\n", "line 2: not text in UTF-8"),
        (b"seed: 1\n\0", "not YAML .* save it as plain text"),
        (b"flow: &a {epochs: *a}\n", "nested without end"),
        (
            b"seed: 1\nvideos: 2024-31-01\n",
            "a value looks like a date or number but is not a valid one .*; put it in quotes",
        ),
        (b"seed: 1\nvideos: {{path}}\n", "line 2: not YAML"),
    ],
)
def test_a_config_file_that_cannot_be_read(tmp_path, monkeypatch, text, said):
    monkeypatch.chdir(tmp_path)
    Path("config.yaml").write_bytes(text)
    with pytest.raises(InputError, match=said) as caught:
        find_config_file(ROOT)
    assert str(caught.value).startswith("config.yaml")
    assert "\n" not in str(caught.value)


def test_a_folder_whose_path_snakemake_would_take_apart(tmp_path, monkeypatch):
    (tmp_path / "mice {1}").mkdir()
    monkeypatch.chdir(tmp_path / "mice {1}")
    with pytest.raises(InputError, match=r"mice \{1\}: rename this folder"):
        find_config_file(ROOT)


def test_the_config_of_the_folder_or_else_that_of_the_workflow(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert find_config_file(ROOT) == str(ROOT / "config.yaml")
    Path("mine.json").write_text('{\n\t"seed": 1\n}')
    assert find_config_file(ROOT, ["mine.json"]) == str(ROOT / "config.yaml")
    Path("config.yaml.txt").write_text("seed: 1")
    with pytest.raises(InputError, match=r"config\.yaml\.txt: .* rename it to config\.yaml"):
        find_config_file(ROOT)
    Path("config.yaml").write_text("\ufeffseed: 1\r\n")
    assert find_config_file(ROOT) == "config.yaml"
    Path("mine.yaml").write_text("seed: 1\nseed: 2\n")
    with pytest.raises(InputError, match=r"mine\.yaml line 2"):
        find_config_file(ROOT, ["mine.yaml"])


def test_a_config_is_read_as_snakemake_reads_it(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text("exclusive: yes\nseed: 010\nflow: {learning_rate: 1e-4}\nstreams: &s {epochs: 3}\nsequence: *s\n")
    content = read_config(path)
    assert content == yaml.safe_load(path.read_text())
    assert (content["exclusive"], content["seed"], content["flow"]) == (True, 8, {"learning_rate": "1e-4"})
    path.write_text("flow: &f {epochs: 3}\nstreams: {<<: *f, epochs: 4}\n")  # what is merged is not defined twice
    assert read_config(path)["streams"] == {"epochs": 4}


def test_writing_changes_values_and_nothing_else(tmp_path):
    path = tmp_path / "config.yaml"
    shutil.copyfile(ROOT / "config.yaml", path)
    before = path.read_text().splitlines()
    changes = {"behaviors": ["yes", "rear"], "flow": {"l2_sp_beta": 1e-5}, "ethogram": {"thresholds": {"rear": 0.5}}}
    write_config(path, changes)
    after = path.read_text().splitlines()
    changed = {old: new for old, new in zip(before, after, strict=True) if old != new}
    assert list(changed.values()) == [
        "behaviors: ['yes', rear]",
        "  l2_sp_beta: 1.0e-05 # pull of new weights toward 0 (L2-SP)",
        next(line for line in after if line.startswith("  thresholds: {rear: 0.5} # by behavior")),
    ]
    content = yaml.safe_load("\n".join(before))
    content["flow"]["l2_sp_beta"], content["ethogram"]["thresholds"] = 1e-5, {"rear": 0.5}
    assert read_config(path) == content | {"behaviors": ["yes", "rear"]}


@pytest.mark.parametrize(
    ("before", "changes", "after"),
    [
        # what is not there yet comes before the comments that follow, indented as its neighbors are
        (
            "flow:\n    epochs: 5 # few\n\n# streams\n",
            {"flow": {"steps": 7}},
            "flow:\n    epochs: 5 # few\n    steps: 7\n\n# streams\n",
        ),
        ("seed: 1", {"flow": {"steps": 7, "epochs": 2}}, "seed: 1\nflow:\n  steps: 7\n  epochs: 2\n"),
        ("flow: {epochs: 3}\n", {"flow": {"steps": 7}}, "flow: {epochs: 3, steps: 7}\n"),
        # nothing behind the colon
        ("flow: # mine\nseed: 1\n", {"flow": {"steps": 7}}, "flow:\n  steps: 7 # mine\nseed: 1\n"),
        ("seed:\n# x\npreset: fast\n", {"seed": 4}, "seed: 4\n# x\npreset: fast\n"),
        # blocks and folded text
        ("behaviors:\n  - a\n  - b # c\n\nseed: 1\n", {"behaviors": ["d"]}, "behaviors: [d] # c\n\nseed: 1\n"),
        ("behaviors: # mine\n  - a\nseed: 1\n", {"behaviors": ["d"]}, "behaviors: # mine\n  [d]\nseed: 1\n"),
        ("videos: >-\n  a\n  b\n\n# x\nseed: 1\n", {"videos": "c"}, "videos: c\n\n# x\nseed: 1\n"),
        ("preset: fast\r\nseed: 1 # x\r\n", {"seed": 2}, "preset: fast\r\nseed: 2 # x\r\n"),
        ("exclusive: yes\nseed: 010\n", {"preset": "slow"}, "exclusive: yes\nseed: 010\npreset: slow\n"),
    ],
)
def test_writing_into_configs_of_any_form(tmp_path, before, changes, after):
    path = tmp_path / "config.yaml"
    path.write_bytes(before.encode())
    write_config(path, changes)
    assert path.read_bytes().decode() == after


@pytest.mark.parametrize(
    ("text", "changes", "said"),
    [
        ("seed: 1\n", {"sede": 2}, "sede = 2: unknown key; did you mean seed"),
        ("seed: 1\n", {"flow": {"epochs": 0}}, "flow.epochs = 0: must be at least 1"),
        ("seed: 1\nseed: 2\n", {"seed": 3}, "line 2: duplicate key seed"),
        ('{"seed": 1}', {"flow": {"epochs": 2}}, "edit it by hand"),
        ("flow: &f {epochs: 3}\nstreams: *f\n", {"flow": {"epochs": 4}}, "edit it by hand"),  # would change both
    ],
)
def test_a_change_that_cannot_be_made_leaves_the_file_alone(tmp_path, text, changes, said):
    path = tmp_path / "config.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=said):
        write_config(path, changes)
    assert path.read_text() == text
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_to_a_config_stays_a_link(tmp_path):
    (tmp_path / "shared.yaml").write_text("seed: 1\n")
    (tmp_path / "config.yaml").symlink_to("shared.yaml")
    write_config(tmp_path / "config.yaml", {"seed": 2})
    assert (tmp_path / "config.yaml").is_symlink()
    assert (tmp_path / "shared.yaml").read_text() == "seed: 2\n"


def bomb(last):
    """A config whose aliases stand for 9^9 values."""
    lines = ["a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    for before, name in zip("abcdefgh", "bcdefghi", strict=True):
        lines.append(f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]")
    return "\n".join([*lines, last]) + "\n"


@pytest.mark.parametrize("last", ["behaviors: *i", "flow: {epochs: *i}", "behaviors: [groom]"])
def test_aliases_that_stand_for_endless_values_are_refused_at_once(tmp_path, last):
    (tmp_path / "config.yaml").write_text(bomb(last))
    with pytest.raises(InputError, match=r"aliases .* stand for more than 100,000 values") as error:
        read_config(tmp_path / "config.yaml")
    assert len(str(error.value)) < 500


def test_aliases_that_save_some_lines_are_fine(tmp_path):
    (tmp_path / "config.yaml").write_text("behaviors: &names [groom, rear]\nruns: {a: {x: *names}, b: {x: *names}}\n")
    assert read_config(tmp_path / "config.yaml")["runs"]["b"] == {"x": ["groom", "rear"]}


@pytest.mark.parametrize(("value", "number"), [("1:30", "90"), ("1:00:00", "3600"), ("0:01.5", "1.5")])
def test_times_are_not_read_as_other_numbers(tmp_path, value, number):
    path = tmp_path / "config.yaml"
    path.write_text(f"seed: 1\nethogram: {{minimum_bout_s: {value}}}\n")
    with pytest.raises(InputError, match=f"line 2: {value} is {number} in YAML, which counts in sixties"):
        read_config(path)
    path.write_text(f"behaviors: ['{value}', 'a 1:30']\n")
    assert read_config(path) == {"behaviors": [value, "a 1:30"]}
