"""ethomake installed from its wheel, without the checkout: it has its schemas with it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ethomake.project.schemas import load_schema

ROOT = Path(__file__).parents[2]
PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "--quiet"]
CHECK = """
import sys
import ethomake
from ethomake.errors import InputError
from ethomake.project.schemas import load_schema
from ethomake.project.settings import resolve_settings

print(ethomake.__file__)
print(resolve_settings({"behaviors": ["groom"], "seed": 3})["seed"], len(load_schema("videos")["properties"]))
try:
    resolve_settings({"behaviors": ["groom"], "sede": 3})
except InputError as error:
    print(error)
from ethomake.bundle.read import read_bundle
try:
    read_bundle(sys.argv[1])
except InputError as error:
    print(error)
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The folder into which the wheel is installed."""
    wheels, folder = tmp_path_factory.mktemp("wheels"), tmp_path_factory.mktemp("installed")
    build = [*PIP, "wheel", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", str(wheels), str(ROOT)]
    subprocess.run(build, check=True)
    (wheel,) = wheels.glob("*.whl")
    subprocess.run([*PIP, "install", "--no-deps", "--no-index", "--target", str(folder), str(wheel)], check=True)
    return folder


def test_an_installed_ethomake_checks_configs_and_bundles(installed, tmp_path):
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle" / "bundle.json").write_text('{"format": 1}')
    done = subprocess.run(
        [sys.executable, "-c", CHECK, "bundle"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        check=True,
    )
    where, settings, mistake, bundle = done.stdout.splitlines()
    assert Path(where).is_relative_to(installed)
    assert settings == f"3 {len(load_schema('videos')['properties'])}"
    assert mistake == "config: sede = 3: unknown key; did you mean seed?"
    assert bundle.startswith("bundle/bundle.json: 'ethomake' is a required property")
