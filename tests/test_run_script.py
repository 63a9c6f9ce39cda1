"""The script `run`: what it says of a command line that Snakemake would end in a traceback for."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """`run(*arguments)` runs the script where the environment is complete; its snakemake tells its arguments."""
    folder = tmp_path_factory.mktemp("workflow")
    shutil.copy(ROOT / "run", folder)
    for name in ("uv.lock", "pyproject.toml", "Snakefile"):
        (folder / name).write_text("")
    programs = folder / ".venv" / "bin"
    programs.mkdir(parents=True)
    for name, text in (("python", "exit 1"), ("snakemake", "printf '%s\n' \"$@\"")):
        (programs / name).write_text(f"#!/bin/sh\n{text}\n")
        (programs / name).chmod(0o755)
    stamp = f"cat uv.lock pyproject.toml | cksum > .venv/.made-by-run; echo '{folder.resolve()}' >> .venv/.made-by-run"
    subprocess.run(["sh", "-c", stamp], cwd=folder, check=True)

    def call(*arguments):
        environment = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
        return subprocess.run(
            ["./run", "snakemake", *arguments], cwd=folder, env=environment, capture_output=True, text=True
        )

    return call


@pytest.mark.parametrize(
    ("entry", "remedy"),
    [
        ("flow.epochs=3", "'flow={epochs: 3}'"),
        ("flow/epochs=3", "'flow={epochs: 3}'"),
        ("sequence:window=90", "'sequence={window: 90}'"),
        ("streams.weights=a.b/c=d.pth", "'streams={weights: a.b/c=d.pth}'"),
        ("runs.small.streams.epochs=2", "'runs={small: {streams: {epochs: 2}}}'"),
        ("flow[epochs]=3", "seed=1"),
        ("preset:fast", "seed=1"),
        ("flow.epochs", "seed=1"),
        ("1=2", "seed=1"),
        ("=2", "seed=1"),
    ],
)
@pytest.mark.parametrize("option", [["--config"], ["-C"], ["--config", "seed=1"], ["--dry-run", "--config"]])
def test_a_config_entry_that_snakemake_cannot_read_is_one_line_with_what_to_write(run, option, entry, remedy):
    done = run(*option, entry, "--cores", "1")
    assert done.returncode == 2
    assert done.stdout == "", "Snakemake is not started"
    assert done.stderr.startswith(f"error: --config {entry}: ")
    assert done.stderr.endswith(f"--config {remedy}\n")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["--config", "seed=1", "flow={epochs: 3}", "--cores", "1", "results/a.b/c.csv"],
        ["-C", "videos=raw/*.mp4", "preset=fast"],
        ["--configfile", "a.b.yaml", "results/a.csv"],
        ["--set-threads", "train_flow=3"],
        ["--config=seed=1", "example=none"],
    ],
)
def test_other_arguments_reach_snakemake_as_they_are(run, arguments):
    done = run(*arguments)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == arguments
