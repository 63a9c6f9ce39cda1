"""The conda files, the lock file, the installed packages and the imports of the scripts agree."""

import ast
import re
import sys
import tomllib
from functools import cache
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

import pytest
import yaml
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
ENVIRONMENTS = sorted((ROOT / "envs").glob("*.yaml"))
NAMES = {"pytorch": "torch", "matplotlib-base": "matplotlib"}  # conda's name -> the package index's
MODULES = {"imageio-ffmpeg": "imageio_ffmpeg", "pyyaml": "yaml"}  # package -> module, if the name differs
WITHOUT_PIN = {"pip"}


@cache
def packages():
    return tomllib.loads((ROOT / "uv.lock").read_text())["package"]


def locked(name, python):
    """Return the version of a package in uv.lock for a version of Python."""
    found = [
        package["version"]
        for package in packages()
        if package["name"] == name
        and any(
            Marker(marker).evaluate({"python_full_version": f"{python}.1", "python_version": python})
            for marker in package.get("resolution-markers", ["python_version >= '3'"])
        )
    ]
    assert len(found) == 1, f"{name} is in uv.lock {len(found)} times for Python {python}"
    return found[0]


@pytest.mark.parametrize("path", ENVIRONMENTS, ids=lambda path: path.stem)
def test_conda_pins_are_those_of_the_lock(path):
    content = yaml.safe_load(path.read_text())
    assert content["channels"] == ["conda-forge", "nodefaults"]
    pins = dict(re.fullmatch(r"([\w-]+)(?:=([\w.]+))?", text).groups() for text in content["dependencies"])
    python = pins.pop("python")
    assert {name for name, pin in pins.items() if pin is None} <= WITHOUT_PIN
    for name, pin in pins.items():
        if pin is not None:
            assert pin == locked(NAMES.get(name, name), python), name


def test_conda_python_is_one_that_the_project_allows():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    allowed = Requirement(f"python{project['requires-python']}").specifier
    for path in ENVIRONMENTS:
        pin = next(text for text in yaml.safe_load(path.read_text())["dependencies"] if text.startswith("python="))
        assert allowed.contains(pin.removeprefix("python=") + ".0")


def test_every_rule_names_an_environment_that_exists():
    used = set()
    for rules in (ROOT / "workflow" / "rules").glob("*.smk"):
        for name in re.findall(r'"\.\./\.\./envs/([\w.]+)"', rules.read_text()):
            assert (ROOT / "envs" / name).is_file(), f"{rules.name}: {name}"
            used.add(name)
    assert used == {path.name for path in ENVIRONMENTS}


def imports(path, everywhere=False):
    """Return the modules that a file imports when it is imported; with `everywhere`, also within blocks."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree) if everywhere else tree.body:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def foreign_modules(script):
    """Return the third-party modules that a script needs, directly or through modules of ethomake."""
    waiting, seen = list(imports(script, everywhere=True)), set()
    while waiting:
        names = waiting.pop().split(".")
        if names[0] != "ethomake":
            seen.add(names[0])
            continue
        for end in range(1, len(names) + 1):
            base = ROOT.joinpath(*names[:end])
            for path in (base / "__init__.py", base.with_suffix(".py")):
                if path.is_file() and path not in seen:
                    seen.add(path)
                    waiting += imports(path)
    return {name for name in seen if isinstance(name, str)} - set(sys.stdlib_module_names)


def test_environments_hold_what_their_scripts_import():
    lacking = {}
    for rules in sorted((ROOT / "workflow" / "rules").glob("*.smk")):
        if rules.name == "packs.smk":  # runs the scripts of the other rules, in their environments
            continue
        pairs = re.findall(r'envs/([\w.]+)".*?scripts/([\w.]+)"', rules.read_text(), re.DOTALL)
        assert len(pairs) == rules.read_text().count("    script:\n")
        for environment, script in pairs:
            content = yaml.safe_load((ROOT / "envs" / environment).read_text())
            packages = [NAMES.get(name, name) for name in (text.split("=")[0] for text in content["dependencies"])]
            held = {MODULES.get(name, name) for name in packages}
            lacking[environment, script] = foreign_modules(ROOT / "workflow" / "scripts" / script) - held
    assert {pair: names for pair, names in lacking.items() if names} == {}


def test_torch_and_torchvision_of_the_lock_fit_together():
    needs = next(Requirement(text) for text in requires("torchvision") if Requirement(text).name == "torch")
    for python in ("3.11", "3.12", "3.13"):
        assert version("torchvision") == locked("torchvision", python)
        assert needs.specifier.contains(locked("torch", python))
    import torch
    import torchvision  # incompatible versions fail here: operators are not found

    assert torchvision.ops.nms(torch.tensor([[0.0, 0, 1, 1]]), torch.tensor([1.0]), 0.5).tolist() == [0]


def test_what_is_installed_is_what_is_locked():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    for text in project["dependencies"]:
        name = canonicalize_name(Requirement(text).name)  # as in uv.lock: ruamel-yaml
        try:
            assert version(name) == locked(name, python), name
        except PackageNotFoundError:
            pytest.fail(f"{name} is not installed; run ./run")
