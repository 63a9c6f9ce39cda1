"""What is taken for granted of Snakemake holds in the oldest version that pyproject.toml allows, and in the newest.

Each is installed into an environment of its own, before all that is installed here.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
from pathlib import Path

import pytest

from ..tiny import TINY

ROOT = Path(__file__).parents[2]

# What is replaced, and what it is taken for. Says in the end which versions these are.
LOOK = """
import inspect, json
import snakemake
from importlib.metadata import version
from snakemake.persistence import PersistenceBase
from snakemake_interface_executor_plugins.executors.remote import RemoteExecutor
from snakemake_interface_executor_plugins.registry import ExecutorPluginRegistry
from snakemake.io import IOCache, _IOFile
from ethomake.snakemake import clusters, packs, records

# records are kept by who has started a run, or by all where jobs are submitted and left alone
source = inspect.getsource(PersistenceBase.finished)
condition = source[source.index("exec_mode == ExecMode.DEFAULT") :]
assert condition.index("or self.dag.workflow.remote_execution_settings.immediate_submit") < 60
assert source.count("immediate_submit") == 1

plugin = ExecutorPluginRegistry().get_plugin("slurm").executor
for name, parameters in {
    "run_job": "self job",
    "report_job_error": "self job_info msg kwargs",
    "report_job_success": "self job_info",
    "handle_job_error": "self job",
    "check_active_jobs": "self active_jobs",
    "shutdown": "self",
}.items():
    assert " ".join(inspect.signature(getattr(plugin, name)).parameters) == parameters, name
assert issubclass(plugin, RemoteExecutor)
assert inspect.isasyncgenfunction(plugin.check_active_jobs)
assert "self.run_uuid = " in inspect.getsource(plugin.__post_init__)
assert plugin.report_job_error is RemoteExecutor.report_job_error, "the plugin reports errors by it"

# a cache that can be on for a moment, which then knows nothing
cache = IOCache(0)
cache.checksum["a"] = "sha256:0"
cache.deactivate()
assert not cache.active and "a" not in cache.checksum
assert "if iocache.active" in inspect.getsource(_IOFile.checksum)

# texts among params are compared by their repr, which is asked for again after a job if what was found is forgotten
class Text(str):
    __repr__ = lambda self: "'its content'"

assert PersistenceBase._serialize_param_builtin(None, Text("a.csv")) == "'its content'"
assert PersistenceBase._serialize_param_builtin(None, {"weights": Text("a.pth")}) == "{'weights': 'its content'}"
assert callable(PersistenceBase._params.cache_clear)
assert "params = self._params(job)" in source

packs.find_producers_at_once()
records.record_ends(on_node=True)
clusters.bear_with_slurm()
assert issubclass(ExecutorPluginRegistry().get_plugin("slurm").executor, plugin)
print(json.dumps([version("snakemake"), version("snakemake-executor-plugin-slurm")]))
"""


def allowed():
    """The versions that pyproject.toml allows: {name: (oldest, all)}."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    found = {}
    for words in [*project["dependencies"], *project["optional-dependencies"]["slurm"]]:
        if match := re.fullmatch(r"(snakemake|snakemake-executor-plugin-slurm)(>=([\d.]+),<[\d.]+)", words):
            found[match[1]] = f"=={match[3]}.*", match[2]
    assert len(found) == 2
    return found


@pytest.fixture(scope="module", params=["oldest", "newest"])
def python(request, tmp_path_factory):
    """The Python of an environment with such versions."""
    folder = tmp_path_factory.mktemp(request.param) / "environment"
    wanted = [f"{name}{versions[request.param == 'newest']}" for name, versions in allowed().items()]
    own = folder / "bin" / "python"
    uv = shutil.which("uv", path=f"{ROOT / '.tools'}{os.pathsep}{os.environ.get('PATH', '')}")
    if uv:
        make = [[uv, "venv", "--quiet", "--python", sys.executable, folder]]
        make += [[uv, "pip", "install", "--quiet", "--python", own, *wanted]]
    else:
        make = [[sys.executable, "-m", "venv", folder], [own, "-m", "pip", "install", "--quiet", *wanted]]
    for command in make:
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=900)
        if done.returncode:
            pytest.skip(f"{wanted} cannot be installed: {done.stderr[-500:]}")
    packages = subprocess.run(
        [own, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], capture_output=True
    )
    (Path(packages.stdout.decode().strip()) / "others.pth").write_text(sysconfig.get_path("purelib"))
    return own


def run(python, folder, *words):
    environment = os.environ | {
        "PYTHONPATH": str(ROOT),
        "OMP_NUM_THREADS": "1",
        "XDG_CACHE_HOME": str(folder / ".cache"),
    }
    return subprocess.run(
        [python, *words],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,
    )


@pytest.mark.slow
def test_what_is_replaced_is_what_it_is_taken_for(python, tmp_path):
    done = run(python, tmp_path, "-c", LOOK)
    assert done.returncode == 0, done.stdout
    versions = json.loads(done.stdout.splitlines()[-1])
    oldest = python.parents[2].name.startswith("oldest")
    for name, version in zip(allowed(), versions, strict=True):
        floor = allowed()[name][0].removeprefix("==").removesuffix("*")
        assert version.startswith(floor) or not oldest, f"{name} {version}"


@pytest.mark.slow
def test_it_plans_and_makes_packs_and_finds_nothing_left_to_do(python, tmp_path):
    config = [f"{key}={json.dumps(value)}" for key, value in ({"example": "simulated"} | TINY).items()]
    command = ["-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--cores", "2"]
    (tmp_path / "results").mkdir()
    (tmp_path / "results/packs.json").write_text(json.dumps([["sim_00"], ["sim_01"], ["sim_02", "sim_03"]]))
    planned = run(python, tmp_path, *command, "--dry-run", "--config", *config)
    assert planned.returncode == 0, planned.stdout[-3000:]
    jobs = dict(re.findall(r"^(\w+) +(\d+)$", planned.stdout, re.MULTILINE))
    assert (jobs["ingest_video"], jobs["check_labels"], jobs["train_stream"]) == ("3", "3", "2")
    assert "Reason: there is no result yet" in planned.stdout
    made = run(python, tmp_path, *command, "frames", "--config", *config)
    assert made.returncode == 0, made.stdout[-3000:]
    again = run(python, tmp_path, *command, "frames", "--config", *config)
    assert "Nothing to be done" in again.stdout
