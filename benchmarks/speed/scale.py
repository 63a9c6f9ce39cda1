"""How the planning of a project grows with its videos: CPU seconds of a dry run.

    python -m benchmarks.speed.scale [--videos 20 200 2000]

The videos are empty files, 15 % of them with labels: planning opens no video.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from tabulate import tabulate

ROOT = Path(__file__).parents[2]
PARTS = ["train", "train", "train", "validate", "test"]
LABELLED = 0.15  # of the videos, at least one for each part


def make_project(folder: Path, videos: int) -> None:
    """A project of empty videos, of which some have labels and a part."""
    labels = "frame,groom,rear\n" + "".join(f"{frame},{frame % 2},{(frame + 1) % 2}\n" for frame in range(20))
    labelled = max(round(videos * LABELLED), len(PARTS))
    rows = ["video,path,labels,part"]
    for number in range(videos):
        (folder / f"{number}.mp4").write_bytes(b"")
        if number < labelled:
            (folder / f"{number}.csv").write_text(labels)
            rows.append(f"mouse{number},{number}.mp4,{number}.csv,{PARTS[number % len(PARTS)]}")
        else:
            rows.append(f"mouse{number},{number}.mp4,,")
    (folder / "videos.csv").write_text("\n".join(rows) + "\n")
    (folder / "config.yaml").write_text("example: none\nbehaviors: [groom, rear]\n")


def plan(folder: Path) -> tuple[float, float, int]:
    """CPU seconds and peak megabytes of a dry run, and the number of jobs that it plans."""
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--dry-run"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    output = process.stdout.read()
    _, status, used = os.wait4(process.pid, 0)
    if status:
        raise RuntimeError(output[-2000:])
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, int(re.search(r"^total +(\d+)$", output, re.M)[1])


def main() -> None:
    """Print a row for each size, and what each video costs that is more than in the smallest."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--videos", type=int, nargs="+", default=[20, 200, 2000], help="sizes of the projects")
    rows, first = [], None
    for videos in parser.parse_args().videos:
        with tempfile.TemporaryDirectory() as name:
            make_project(Path(name), videos)
            seconds, megabytes, jobs = plan(Path(name))
        more = f"{1000 * (seconds - first[1]) / (videos - first[0]):.1f}" if first and videos != first[0] else ""
        first = first or (videos, seconds)
        rows.append([videos, jobs, f"{seconds:.1f}", f"{megabytes:.0f}", more])
    print(tabulate(rows, ["videos", "jobs", "CPU s", "peak MB", "CPU-ms each further video"], stralign="right"))


if __name__ == "__main__":
    main()
