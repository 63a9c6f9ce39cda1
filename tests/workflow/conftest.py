"""Run the workflow in a folder of its own."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from ..tiny import TINY

ROOT = Path(__file__).parents[2]
CORES = os.environ.get("ETHOMAKE_TEST_CORES", "2")  # of the long runs


@dataclass(frozen=True)
class Outcome:
    """What a run of Snakemake ended with."""

    status: int
    output: str  # stdout and stderr

    @property
    def jobs(self) -> dict[str, int]:
        """The number of jobs of each rule in the table that a run, dry or not, begins with; without targets."""
        table = re.search(r"^job +count\n-.*\n((?:\S+ +\d+\n)*)", self.output, re.MULTILINE)
        return dict(Counter({rule: int(n) for rule, n in re.findall(r"(\S+) +(\d+)\n", table[1])})) if table else {}


@pytest.fixture(scope="session")
def run_snakemake():
    """`run_snakemake(folder, *arguments, config={...})` runs the workflow in `folder`; gives its Outcome.

    Not through the shell and in this Python, so that it tests what is checked out, whatever is on PATH. `checkout`
    is another copy of the workflow and the library; Python looks for modules in the folders `modules` first. Jobs have
    one thread each: several that share cores with other work wait for each other, turning on the spot.
    """

    def run(folder, *arguments, config=None, timeout=1200, checkout=ROOT, modules=(), threads=1):
        folder = Path(folder)
        options = [f"{key}={json.dumps(value)}" for key, value in (config or {}).items()]
        command = [
            sys.executable,
            "-m",
            "snakemake",
            "--snakefile",
            str(checkout / "Snakefile"),
            "--directory",
            str(folder),
            f"--max-threads={threads}",
        ]
        command += [*arguments, *(["--config", *options] if options else [])]
        environment = os.environ | {"OMP_NUM_THREADS": "1", "XDG_CACHE_HOME": str(folder / ".cache")}
        environment["PYTHONPATH"] = os.pathsep.join(map(str, [*modules, checkout]))
        done = subprocess.run(
            command,
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout,
        )
        return Outcome(done.returncode, done.stdout)

    return run


@pytest.fixture(scope="session")
def finished(run_snakemake, tmp_path_factory):
    """A folder in which the tiny example has run once; the tests that look at it share it."""
    folder = tmp_path_factory.mktemp("finished")
    outcome = run_snakemake(folder, "--cores", "2", config={"example": "simulated"} | TINY)
    assert outcome.status == 0, outcome.output[-3000:]
    return folder


@pytest.fixture(scope="session")
def trained(run_snakemake, finished, tmp_path_factory):
    """The finished folder with the bundle of its models in results/bundle; not to be changed."""
    folder = tmp_path_factory.mktemp("trained") / "project"
    shutil.copytree(finished, folder, symlinks=True)
    outcome = run_snakemake(folder, "bundle", "--cores", "2", config={"example": "simulated"} | TINY)
    assert outcome.status == 0, outcome.output[-3000:]
    assert outcome.jobs["make_bundle"] == 1
    return folder


@pytest.fixture
def tiny():
    """Settings of the simulated example that make every stage run in seconds; to be changed at will."""
    return {"example": "simulated"} | json.loads(json.dumps(TINY))


@pytest.fixture
def project(tmp_path):
    """A user's folder: config.yaml, a video table, five labelled videos and one without labels (all empty files)."""
    rows = ["video,path,labels"]
    for number in range(5):
        (tmp_path / f"{number}.mp4").write_bytes(b"")
        lines = "".join(f"{frame},{frame % 2},{(frame + 1) % 2}\n" for frame in range(20))
        (tmp_path / f"{number}.csv").write_text("frame,groom,rear\n" + lines)
        rows.append(f"mouse{number},{number}.mp4,{number}.csv")
    (tmp_path / "new.mp4").write_bytes(b"")
    (tmp_path / "videos.csv").write_text("\n".join([*rows, "new,new.mp4,"]) + "\n")
    (tmp_path / "config.yaml").write_text("example: none\nbehaviors: [groom, rear]\n")
    return tmp_path
