"""What starting the jobs of many short videos costs: CPU seconds a video of whole runs, for two lengths.

    python -m benchmarks.speed.packs [--videos 32] [--side 224] [--alone]

The videos are drawn and the networks hardly trained, neither of which is timed; then all videos go from the raw file to
the ethogram. What is left of the cost as the videos get shorter, by a line through both lengths, is that of starting.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tabulate import tabulate

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
    """Print a row for each length, and the share of starting in the longer one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--videos", type=int, default=32, help="short videos")
    parser.add_argument("--side", type=int, default=224, help="of the images in pixels")
    parser.add_argument("--alone", action="store_true", help="a job for each video, as in small projects")
    options = parser.parse_args()
    rows = []
    for seconds in SECONDS:
        with tempfile.TemporaryDirectory() as name:
            folder, config = Path(name), settings(options.videos, seconds, options.side)
            drawn = [f"results/example/simulated/sim_{number:02d}.mp4" for number in range(options.videos + 3)]
            run(folder, ["models", *drawn], config, options.alone)
            rows.append([seconds, seconds * FPS, run(folder, ["ethograms"], config, options.alone) / options.videos])
    (_, few, cheap), (_, many, dear) = rows
    start = cheap - few * (dear - cheap) / (many - few)
    print(tabulate(rows, ["seconds", "frames", "CPU-s a video"], floatfmt=".2f"))
    print(f"\nto start: {start:.2f} CPU-s a video, {100 * start / dear:.1f} % of the cost of {SECONDS[1]} s")


if __name__ == "__main__":
    main()
