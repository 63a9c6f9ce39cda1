"""What starting the jobs of many short videos costs: CPU seconds a video of whole runs, in packs and alone.

    python -m benchmarks.speed.packs [--videos 32] [--side 224]

The videos are drawn and the networks hardly trained, neither of which is timed; then all videos go from the raw file to
the ethogram. Alone, each starts its own jobs; what that costs more than packs do is what starting costs. What is left
of the cost as videos get shorter, by a line through both lengths, also has the starts of ffmpeg and the figure.
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

from ethomake.packs import SIZE

ROOT = Path(__file__).parents[2]
SECONDS, FPS = (2, 10), 30


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


def run(folder: Path, targets: list[str], config: list[str], alone: bool) -> float:
    """CPU seconds of Snakemake and all its jobs, one at a time, with one thread."""
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--cores", "1"]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "ETHOMAKE_PACKS_FROM": "100000" if alone else "1"}
    with (folder / "run.txt").open("w") as log:
        process = subprocess.Popen(
            [*command, *targets, "--config", *config], cwd=folder, env=environment, stdout=log, stderr=log
        )
        _, status, used = os.wait4(process.pid, 0)
    if status:
        raise RuntimeError((folder / "run.txt").read_text()[-2000:])
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Print a row for each run, and the share of starting in the longer videos."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--videos", type=int, default=32, help="short videos")
    parser.add_argument("--side", type=int, default=224, help="of the images in pixels")
    options = parser.parse_args()
    used = {}
    for seconds, alone in [(SECONDS[0], True), (SECONDS[0], False), (SECONDS[1], False)]:
        with tempfile.TemporaryDirectory() as name:
            folder, config = Path(name), settings(options.videos, seconds, options.side)
            drawn = [f"results/example/simulated/sim_{number:02d}.mp4" for number in range(options.videos + 3)]
            run(folder, ["models", *drawn], config, alone)
            used[seconds, alone] = run(folder, ["ethograms"], config, alone) / options.videos
    rows = [[seconds, "alone" if alone else "in packs", cost] for (seconds, alone), cost in used.items()]
    print(tabulate(rows, ["seconds", "jobs", "CPU-s a video"], floatfmt=".2f"))
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
