"""What the jobs of the whole workflow ask for, beside what they use; and the target that prints what it costs."""

import ast
import re
import threading
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from ethomake.scheduling.resources import SNAKEMAKE

SCRIPTS = {"evaluate_test": "evaluate", "check_results": "check", "export_provenance": "provenance"}

# Python runs this first (as sitecustomize): a script tells at its end what it has used, however short it was.
AT_THE_END = """
import atexit, os, pathlib, re, resource, sys

def tell():
    if script := re.match(r".*/\\.snakemake/scripts/tmp\\w+\\.(\\w+)\\.py$", sys.argv[0]):
        used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        peak = re.search(r"VmHWM:\\s+(\\d+) kB", pathlib.Path("/proc/self/status").read_text())
        words = script[1], int(peak[1]) * 1024 / 1e6, sum(each.ru_utime + each.ru_stime for each in used)
        pathlib.Path(__file__).with_name(f"{os.getpid()}.txt").write_text(" ".join(map(str, words)))

atexit.register(tell)
"""


@contextmanager
def watched(folder, told):
    """Watch the scripts that run in a folder: gives {rule: [most MB, CPU seconds] of its most demanding job}.

    Memory is that of a script and the processes it has started, as seen from time to time, or what the script itself
    says at its end, in `told`, whichever is more.
    """
    used, processes, done = {}, {}, threading.Event()

    def note(rule, memory, seconds):
        rule = SCRIPTS.get(rule, rule)
        used[rule] = [max(pair) for pair in zip(used.get(rule, (0, 0)), (memory, seconds), strict=True)]

    def look():
        for process in psutil.process_iter(["cmdline"]):
            script = re.match(
                r".*/\.snakemake/scripts/tmp\w+\.(\w+)\.py$", " ".join(process.info["cmdline"] or [])[-300:]
            )
            if not script or str(folder) not in " ".join(process.info["cmdline"]):
                continue
            with suppress(psutil.Error, OSError, TypeError):
                tree = [process, *process.children(recursive=True)]
                memory = sum(map(peak, tree))
                times = process.cpu_times()
                seconds = sum(times[:4]) + sum(sum(each.cpu_times()[:2]) for each in tree[1:])
                before = processes.get(process.pid, (0, 0))
                processes[process.pid] = max(memory, before[0]), max(seconds, before[1])
                note(script[1], *processes[process.pid])

    def watch():
        while not done.wait(0.05):
            look()

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield used
    finally:
        done.set()
        watcher.join()
        for path in told.glob("*.txt"):
            rule, memory, seconds = path.read_text().split()
            note(rule, float(memory), float(seconds))


def peak(process):
    """The most memory that a process ever had, MB."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) * 1024 / 1e6


def asked(folder):
    """{rule: [MB, minutes] of its most demanding job}, as Snakemake has noted them in the benchmarks."""
    found = {}
    for path in (folder / "benchmarks/jobs").rglob("*.tsv"):
        head, *lines = path.read_text().splitlines()
        row = dict(zip(head.split("\t"), lines[-1].split("\t"), strict=True))
        resources = ast.literal_eval(row["resources"])
        pair = (resources["mem_mb"], resources["runtime"])
        found[row["rule_name"]] = [max(each) for each in zip(found.get(row["rule_name"], (0, 0)), pair, strict=True)]
    return found


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells the most memory of a process")
def test_no_job_uses_more_than_it_asks_for_and_none_asks_for_three_times_as_much(run_snakemake, tmp_path, tiny):
    """With the job's own memory counts what a cluster needs beside it for two processes of Snakemake.

    Time: processor seconds of a job on one core stay below what is asked for; the least that is asked for is minutes.
    """
    options = ["--cores", "1", "--resources", "gpu=0", "--benchmark-extended"]
    told, folder = tmp_path / "told", tmp_path / "project"
    told.mkdir()
    folder.mkdir()
    (told / "sitecustomize.py").write_text(AT_THE_END)
    with watched(folder, told) as used:
        outcome = run_snakemake(folder, *options, "all", "bundle", config=tiny, timeout=1800, modules=[told])
    assert outcome.status == 0, outcome.output[-3000:]
    wanted = asked(folder)
    assert set(wanted) <= set(used)
    assert len(wanted) >= 17
    for rule, (memory, minutes) in wanted.items():
        most, seconds = used[rule]
        print(f"{rule}: used {most:.0f} MB and {seconds:.1f} s, asked for {memory} MB and {minutes} min")
    wrong = {rule for rule, (memory, _) in wanted.items() if not 1 <= memory / (used[rule][0] + SNAKEMAKE) <= 3}
    assert not wrong
    assert all(used[rule][1] <= 60 * minutes for rule, (_, minutes) in wanted.items())
    costs = run_snakemake(folder, "costs", "--cores", "1", "--resources", "gpu=0", config=tiny)
    rows = {cells[1]: cells for line in costs.output.splitlines() if len(cells := re.split(r"\s*\|\s*", line)) > 6}
    for rule in set(wanted) - {"draw_video", "make_bundle"}:
        assert int(rows[rule][3].replace(",", "")) == wanted[rule][0], rule


def test_costs_are_printed_for_a_project_that_has_nothing_yet(run_snakemake, project):
    outcome = run_snakemake(project, "costs")
    assert outcome.status == 0, outcome.output[-2000:]
    assert "frames are counted for 0 of 6 videos; `snakemake frames` counts the others" in outcome.output
    assert re.search(r"^\| train_stream +\| +2 \|", outcome.output, re.MULTILINE)
    assert re.search(r"^\| extract_features +\| +6 \|", outcome.output, re.MULTILINE)
    assert re.search(r"^main: [\d.]+ core-hours.*; with preset frozen: [\d.]+ core-hours", outcome.output, re.MULTILINE)
    assert not (project / "results/ingest").exists()
