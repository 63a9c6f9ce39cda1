"""What starting the jobs of many short videos costs: CPU seconds a video of whole runs, in packs and alone.

    python -m benchmarks.speed.packs [--videos 200] [--alone 16] [--seconds 2] [--side 224] [--slurm]

The videos are drawn and the networks hardly trained, neither of which is timed; then those without labels go from the
raw file to the ethogram. Some of them do so alone, too: each starts its own jobs. What a job costs to start and a video
to be worked on follows from both, and from it the share of starting.

On a SLURM cluster each job starts a Snakemake of its own; its processes tell what they have used when they end, by a
hook on PYTHONPATH, since not every cluster keeps accounts.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from tabulate import tabulate

ROOT = Path(__file__).parents[2]
FPS = 30
LABELLED = 3  # videos before them, to train, validate and test
AT_ONCE = 4  # jobs on the cluster, so that one computer will do

# Python runs this first (as sitecustomize). The CPU seconds of a process have those of the children it waited for.
HOOK = """\
import atexit, json, os, pathlib, resource

def ancestors(pid):
    while pid > 1:
        pid = int(pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        yield pid

def keep(pid, above):
    if pid == os.getpid():  # not in what it forked
        used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        content = {"above": above, "seconds": sum(each.ru_utime + each.ru_stime for each in used)}
        file = f"{os.environ['SLURM_JOB_ID']}.{pid}.json"
        pathlib.Path(__file__).with_name(file).write_text(json.dumps(content))

if "SLURM_JOB_ID" in os.environ:
    atexit.register(keep, os.getpid(), list(ancestors(os.getpid())))
"""


def settings(videos: int, seconds: float, side: int) -> list[str]:
    """The simulated example: three videos to train, validate and test, and short ones that are only predicted."""
    parts = {"train": 1, "validate": 1, "test": 1, "unlabelled": videos}
    config = {
        "example": "simulated",
        "simulated": {"videos": videos + LABELLED, "seconds": seconds, "fps": FPS, "size": side, **parts},
        "ingest": {"image_size": [side, side]},
        "flow": {"epochs": 1, "steps": 1, "batch": 2},
        "streams": {"epochs": 1, "steps": 1, "batch": 2},
        "sequence": {"epochs": 1, "steps": 1, "batch": 2, "window": 30},
    }
    return [f"{key}={json.dumps(value)}" for key, value in config.items()]


def run(folder: Path, targets: list[str], config: list[str], alone: bool, slurm: bool = False) -> tuple[float, int]:
    """CPU seconds of all jobs, with one thread each, and their number.

    Without a cluster they run one at a time, and those of Snakemake itself are among them.
    """
    hook = folder / "hook"
    hook.mkdir(exist_ok=True)
    (hook / "sitecustomize.py").write_text(HOOK)
    where = ["--cores", "1"]
    if slurm:
        where = ["--workflow-profile", str(ROOT / "profiles/slurm"), "--jobs", str(AT_ONCE), "--max-threads", "1"]
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), *where]
    environment = os.environ | {
        "PYTHONPATH": f"{hook}{os.pathsep}{ROOT}",
        "ETHOMAKE_PACKS_FROM": "100000" if alone else "1",
    }
    with (folder / "run.txt").open("w") as log:
        process = subprocess.Popen(
            [*command, *targets, "--config", *config], cwd=folder, env=environment, stdout=log, stderr=log
        )
        _, status, used = os.wait4(process.pid, 0)
    if status:
        raise RuntimeError((folder / "run.txt").read_text()[-2000:])
    if slurm:
        return cluster_seconds(hook)
    jobs = re.search(r"^total +(\d+)$", (folder / "run.txt").read_text(), re.MULTILINE)
    return used.ru_utime + used.ru_stime, int(jobs[1])


def cluster_seconds(hook: Path) -> tuple[float, int]:
    """CPU seconds of the jobs of a cluster, and their number."""
    seconds, jobs = 0.0, {}
    for path in hook.glob("*.json"):
        job, pid, _ = path.name.split(".")
        jobs.setdefault(job, {})[int(pid)] = json.loads(path.read_text())
    for processes in jobs.values():
        seconds += sum(one["seconds"] for one in processes.values() if not processes.keys() & set(one["above"]))
    return seconds, len(jobs)


def main() -> None:
    """Print a row for each run, and what starting costs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--videos", type=int, default=200, help="short videos, in packs")
    parser.add_argument("--alone", type=int, default=16, help="how many are done alone, too")
    parser.add_argument("--seconds", type=int, nargs="+", default=[2], help="how long they are, a run for each")
    parser.add_argument("--side", type=int, default=224, help="of the images in pixels")
    parser.add_argument("--slurm", action="store_true", help="on the cluster that sbatch knows")
    options = parser.parse_args()
    plan = [(options.seconds[0], options.alone, True), *((each, options.videos, False) for each in options.seconds)]
    runs = []
    for seconds, videos, alone in plan:
        with tempfile.TemporaryDirectory() as name:
            folder, config = Path(name), settings(videos, seconds, options.side)
            names = [f"sim_{number:02d}" for number in range(videos + LABELLED)]
            drawn = [f"results/example/simulated/{name}.mp4" for name in names]
            ethograms = [f"results/ethograms/main/figures/{name}.png" for name in names]
            run(folder, ["models", *drawn, *ethograms[:LABELLED]], config, alone)
            runs.append(run(folder, ethograms[LABELLED:], config, alone, options.slurm))
    counts = [videos for _, videos, _ in plan]
    equations = [[count, jobs] for count, (_, jobs) in zip(counts[:2], runs[:2], strict=True)]
    work, start = np.linalg.solve(equations, [used for used, _ in runs[:2]])
    rows = [
        [seconds, "alone" if alone else "in packs", count, jobs, used, used / count, f"{start * jobs / used:.1%}"]
        for (seconds, _, alone), count, (used, jobs) in zip(plan, counts, runs, strict=True)
    ]
    heads = ["seconds", "videos", "number", "jobs", "CPU-s", "CPU-s a video", "of that, starting"]
    print(tabulate(rows, heads, floatfmt=".2f"))
    print(f"starting a job: {start:.2f} CPU-s; work on a video of {options.seconds[0]} s: {work:.2f} CPU-s")


if __name__ == "__main__":
    main()
