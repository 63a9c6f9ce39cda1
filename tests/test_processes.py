import os
import subprocess
import sys
from pathlib import Path

import ethomake
from ethomake.processes import is_running

WORK = """
import time
from types import SimpleNamespace
from ethomake.job import job
with job(SimpleNamespace(rule="r", log=["a.log"], threads=1, input=[], output=[], params={}, wildcards={})):
    print("works", flush=True)
    time.sleep(30)
    print("outlives it", flush=True)
"""

START = """
import os, platform, subprocess, sys
os.environ["ETHOMAKE_RUN"] = f"{platform.node()} {os.getpid()}"
subprocess.run([sys.executable, "work.py"])
"""


def test_a_job_does_not_outlive_the_snakemake_that_started_it(tmp_path):
    (tmp_path / "work.py").write_text(WORK)
    command = [sys.executable, "-c", START]
    environment = os.environ | {"PYTHONPATH": str(Path(ethomake.__file__).parents[1])}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=tmp_path, env=environment) as starter:
        assert starter.stdout.readline() == "works\n"
        starter.kill()
        assert starter.stdout.read() == ""  # to the end of the stream, when the job has ended


def test_only_processes_that_run_count_as_running():
    ended = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)  # it has ended, but its parent has not collected it yet
    if Path("/proc/self/stat").exists():
        assert not is_running(ended.pid)
    ended.wait()
    assert not is_running(ended.pid)
    assert is_running(os.getpid())
