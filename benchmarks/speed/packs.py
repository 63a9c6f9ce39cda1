"""What starting the jobs of many short videos costs: CPU seconds a video of whole runs, in packs and alone.

    python -m benchmarks.speed.packs [--videos 32] [--side 224] [--slurm]

The videos are drawn and the networks hardly trained, neither of which is timed; then all videos go from the raw file to
the ethogram. Alone, each starts its own jobs; what that costs more than packs do is what starting costs. What is left
of the cost as videos get shorter, by a line through both lengths, also has the starts of ffmpeg and the figure.

On a SLURM cluster each job starts a Snakemake of its own; its processes tell what they have used when they end, by a
hook on PYTHONPATH, since not every cluster keeps accounts.
"""

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tabulate import tabulate

from ethomake.scheduling.packs import SIZE

ROOT = Path(__file__).parents[2]
SECONDS, FPS = (2, 10), 30
AT_ONCE = 4  # jobs on the cluster, so that one computer will do

# Python runs this first (as sitecustomize). The CPU seconds of a process have those of the children it waited for.
HOOK = """\
import atexit, json, os, pathlib, resource

def ancestors(pid):
    while pid > 1:
        pid = int(pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        yield pid

def keep(pid=os.getpid(), above=list(ancestors(os.getpid()))):
    if pid == os.getpid():
        used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        content = {"above": above, "seconds": sum(each.ru_utime + each.ru_stime for each in used)}
        file = f"{os.environ['SLURM_JOB_ID']}.{pid}.json"
        pathlib.Path(__file__).with_name(file).write_text(json.dumps(content))

if "SLURM_JOB_ID" in os.environ:
    atexit.register(keep)
"""


def settings(videos: int, seconds: float, side: int) -> list[str]:
    """The simulated example: three videos to train, validate and test, and short ones that are only predicted."""
    parts = {"train": 1, "validate": 1, "test": 1, "unlabelled": videos}
    config = {
        "example": "simulated",
        "simulated": {"videos": videos + 3, "seconds": seconds, "fps": FPS, "size": side, **parts},
        "ingest": {"image_size": [side, side]},
        "flow": {"epochs": 1, "steps": 1, "batch": 2},
        "streams": {"epochs": 1, "steps": 1, "batch": 2},
        "sequence": {"epochs": 1, "steps": 1, "batch": 2, "window": 30},
    }
    return [f"{key}={json.dumps(value)}" for key, value in config.items()]


def run(folder: Path, targets: list[str], config: list[str], alone: bool, slurm: bool = False) -> tuple[float, int]:
    """CPU seconds of all jobs, with one thread each, and how many jobs a cluster was given.

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
    return cluster_seconds(hook) if slurm else (used.ru_utime + used.ru_stime, 0)


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
    """Print a row for each run, and the share of starting in the longer videos."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--videos", type=int, default=32, help="short videos")
    parser.add_argument("--side", type=int, default=224, help="of the images in pixels")
    parser.add_argument("--slurm", action="store_true", help="on the cluster that sbatch knows")
    options = parser.parse_args()
    used, jobs = {}, {}
    for seconds, alone in [(SECONDS[0], True), (SECONDS[0], False), (SECONDS[1], False)]:
        with tempfile.TemporaryDirectory() as name:
            folder, config = Path(name), settings(options.videos, seconds, options.side)
            drawn = [f"results/example/simulated/sim_{number:02d}.mp4" for number in range(options.videos + 3)]
            run(folder, ["models", *drawn], config, alone)
            total, jobs[seconds, alone] = run(folder, ["ethograms"], config, alone, options.slurm)
            used[seconds, alone] = total / options.videos
    rows = [[each[0], "alone" if each[1] else "in packs", cost, jobs[each] or "-"] for each, cost in used.items()]
    print(tabulate(rows, ["seconds", "videos", "CPU-s a video", "jobs of the cluster"], floatfmt=".2f"))
    cheap, dear = (used[seconds, False] for seconds in SECONDS)
    # Three videos more are done, in packs of their own; alone or not, they start three jobs of each kind.
    alone = (used[SECONDS[0], True] - cheap) / (1 - math.ceil(options.videos / SIZE) / options.videos)
    packed = alone * math.ceil(options.videos / SIZE) / options.videos
    fixed = cheap - SECONDS[0] * (dear - cheap) / (SECONDS[1] - SECONDS[0])
    for words, cost in [("starting jobs", packed), ("all that does not depend on length", fixed)]:
        print(f"{words}: {cost:.2f} CPU-s a video in packs, {100 * cost / dear:.1f} % of {SECONDS[1]} s")
    print(f"starting jobs alone: {alone:.2f} CPU-s a video")


if __name__ == "__main__":
    main()
