"""From a changed label to new ethograms, tables and report: where the seconds go in a project whose features are there.

    python -m benchmarks.speed.relabel [--videos 20] [--minutes 10] [--presets frozen swift] [--cores 2]

The videos are copies of one of a few pixels, which is ingested once; labels are drawn at random, and features of the
size that the preset has are simulated from them: extracting those of 20 x 10 minutes would take hours, and their
content does not matter here. Snakemake gets to know both by `--touch`, then everything after them is made once. That,
the round after one label was changed, and the round after the label of a test video was changed are timed. With a
preset that trains streams, its streams would learn from the label, too, so the first round begins with the sequence
model instead.

Each process tells what it has used when it ends, by a hook on PYTHONPATH; what remains is Snakemake itself. With
`--folder` the project is kept, and later calls measure other code on the same project.
"""

import argparse
import csv
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from tabulate import tabulate
from torchvision import models

from benchmarks.speed.drawn import draw
from ethomake.features.store import CHUNK, digest_of_all
from ethomake.features.writer import FeatureWriter
from ethomake.files import read_json, remove, write_json

ROOT = Path(__file__).parents[2]
RATE, SIDE = 30, 32  # frames per second, and pixels of the videos
BEHAVIORS = ["walk", "groom", "rear", "eat", "rest"]
WIDTHS = {"frozen": {"frozen": 1536}, "swift": {"spatial": 512, "motion": 512}}
MAPS = {"channels": 96, "grid": [4, 4]}  # of the frozen backbone
BOUT, GAP = 2.0, 12.0  # seconds, on average
NOISE = 2.0  # in features whose signal has a standard deviation of about 1

# Python runs this first (as sitecustomize). CPU seconds are with those of the children that a process waited for.
HOOK = """\
import atexit, json, os, pathlib, resource, sys, time

def keep(pid, begun):
    if pid == os.getpid():  # not in what it forked
        told = getattr(sys.modules.get("__main__"), "snakemake", None)
        used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        content = {"rule": getattr(told, "rule", ""), "above": os.getppid(), "wall": time.time() - begun}
        content["seconds"] = sum(each.ru_utime + each.ru_stime for each in used[: 2 if told else 1])
        pathlib.Path(os.environ["ETHOMAKE_TOLD"], f"{pid}-{time.time_ns()}.json").write_text(json.dumps(content))

if "ETHOMAKE_TOLD" in os.environ:
    atexit.register(keep, os.getpid(), time.time())
"""


@dataclass(frozen=True)
class Used:
    """What a run of Snakemake has used.

    Attributes:
        wall, cpu: seconds, of the whole run.
        rules: by rule: jobs, wall seconds, CPU seconds.
        log: what it printed.
    """

    wall: float
    cpu: float
    rules: dict[str, tuple[int, float, float]]
    log: str


def run(folder: Path, *arguments: str) -> Used:
    """Run Snakemake in a folder.

    Raises:
        RuntimeError: if it fails.
    """
    hook, told = folder / "hook", folder / "told"
    remove(told)
    for path in (hook, told):
        path.mkdir(exist_ok=True)
    (hook / "sitecustomize.py").write_text(HOOK)
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), *arguments]
    environment = os.environ | {"PYTHONPATH": f"{hook}{os.pathsep}{ROOT}", "ETHOMAKE_TOLD": str(told)}
    begun = time.monotonic()
    with (folder / "run.txt").open("w") as log:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
        _, status, used = os.wait4(process.pid, 0)
    wall, text = time.monotonic() - begun, (folder / "run.txt").read_text()
    if status:
        raise RuntimeError(text[-3000:])
    rules: dict[str, tuple[int, float, float]] = defaultdict(lambda: (0, 0.0, 0.0))
    for path in told.glob("*.json"):
        one = read_json(path)
        rule = _single(one["rule"]) if one["rule"] else "Snakemake itself" if one["above"] == os.getpid() else ""
        if rule:
            jobs, seconds, cpu = rules[rule]
            rules[rule] = jobs + 1, seconds + one["wall"], cpu + one["seconds"]
    return Used(wall, used.ru_utime + used.ru_stime, dict(rules), text)


def _single(rule: str) -> str:
    """Return the rule of single videos for the rule of a pack: both begin with two words."""
    return "_".join(rule.split("_")[:2])


def make_project(folder: Path, videos: int, minutes: float, preset: str) -> None:
    """Make a project of labelled videos whose frames are ingested, whose features are there, and nothing after them."""
    frames = round(minutes * 60 * RATE)
    drawn = draw(folder / "drawn.mp4", min(frames, 300), SIDE, SIDE, times=max(1, frames // 300))
    rows, parts = ["video,path,labels,part"], _parts(videos)
    for number, part in enumerate(parts):
        name = f"mouse{number:02d}"
        free = (12).to_bytes(4, "big") + b"free" + number.to_bytes(4, "big")  # a box of MP4 that nobody reads
        (folder / f"{name}.mp4").write_bytes(drawn.read_bytes() + free)  # copies in different parts are refused
        write_labels(folder / f"{name}.csv", draw_bouts(frames, number))
        rows.append(f"{name},{name}.mp4,{name}.csv,{part}")
    (folder / "videos.csv").write_text("\n".join(rows) + "\n")
    little = {"epochs": 1, "steps": 1, "batch": 2}  # flow and streams are not measured here
    config = {"example": "none", "preset": preset, "behaviors": BEHAVIORS, "ingest": {"image_size": [SIDE, SIDE]}}
    config |= {"flow": little, "streams": {**little, "weights": "none"}}
    if preset == "frozen":
        torch.save(models.mobilenet_v2().state_dict(), folder / "random.pth")
        config["streams"] = {"weights": "random.pth"}
    write_json(folder / "config.yaml", config)  # JSON is YAML
    weights = {
        name: f"results/{'flow' if name == 'flow' else 'streams'}/main/{'' if name == 'flow' else name + '/'}"
        "weights.safetensors"
        for name in (["frozen"] if preset == "frozen" else ["flow", "spatial", "motion"])
    }
    run(folder, "--cores", "2", "results/ingest/mouse00/video.json")
    for number in range(1, videos):
        copy_frames(folder / "results/ingest", "mouse00", f"mouse{number:02d}")
    run(folder, "--cores", "2", "--touch", "frames")
    run(folder, "--cores", "2", "checked_labels", *weights.values())
    for number in range(videos):
        write_features(folder, f"mouse{number:02d}", preset)
    run(folder, "--cores", "2", "--touch", "features")


def copy_frames(folder: Path, one: str, other: str) -> None:
    """Copy the frames of a video as those of another, with a digest of its own: a test on known frames is refused."""
    shutil.copytree(folder / one, folder / other)
    manifest = folder / other / "video.json"
    digest = hashlib.sha256(other.encode()).hexdigest()
    write_json(manifest, read_json(manifest) | {"video": other, "frames_digest": digest})


def _parts(videos: int) -> list[str]:
    validate = test = max(1, videos // 5)
    return ["train"] * (videos - validate - test) + ["validate"] * validate + ["test"] * test


def draw_bouts(frames: int, seed: int) -> np.ndarray:
    """Return random bouts of each behavior, uint8 (T, K)."""
    rng = np.random.default_rng([seed, 1])
    labels = np.zeros((frames, len(BEHAVIORS)), np.uint8)
    for behavior in range(len(BEHAVIORS)):
        place = int(rng.exponential(GAP / 2) * RATE)
        while place < frames:
            stop = place + max(5, int(rng.exponential(BOUT) * RATE))
            labels[place:stop, behavior] = 1
            place = stop + max(5, int(rng.exponential(GAP) * RATE))
    return labels


def write_labels(path: Path, labels: np.ndarray) -> None:
    """Write labels in ethomake's format."""
    lines = [f"{frame},{','.join(map(str, row))}" for frame, row in enumerate(labels.tolist())]
    path.write_text("\n".join([f"frame,{','.join(BEHAVIORS)}", *lines]) + "\n")


def read_table(path: Path) -> np.ndarray:
    """Read labels that `write_labels` wrote, uint8 (T, K)."""
    with path.open() as file:
        return np.array([row[1:] for row in list(csv.reader(file))[1:]], np.uint8)


def write_features(folder: Path, video: str, preset: str) -> None:
    """Write a feature store as extraction does, of labels mixed at random, with noise; and its manifest."""
    labels = read_table(folder / f"{video}.csv").astype(np.float32)
    rng = np.random.default_rng(int(hashlib.sha256(video.encode()).hexdigest()[:8], 16))
    widths = {name: (width, "float16") for name, width in WIDTHS[preset].items()}
    writer = FeatureWriter(folder / "growing", len(labels), widths, "simulated")
    mixing = {name: np.random.default_rng([7, width]) for name, (width, _) in widths.items()}
    mix = {name: mixing[name].normal(size=(len(BEHAVIORS), width)) for name, (width, _) in widths.items()}
    for start in range(0, len(labels), CHUNK):
        part = labels[start : start + CHUNK]
        writer.append(
            {name: part @ each + rng.normal(0, NOISE, (len(part), each.shape[1])) for name, each in mix.items()}
        )
    manifest = folder / f"results/features/main/{video}.json"
    writer.publish(manifest.with_suffix(".zarr"))
    facts = {"maps": MAPS} if preset == "frozen" else {"behaviors": BEHAVIORS, "exclusive": False}
    arrays = {name: [len(labels), width] for name, (width, _) in sorted(widths.items())}
    content = {"video": video, "frames": len(labels), "streams": list(widths), **facts, "arrays": arrays}
    content |= {"content_digest": digest_of_all(writer.chunks), "layout_digest": writer.layout}
    write_json(manifest, content | {"chunks": writer.chunks, "made_from": {}})
    remove(folder / "growing")


def change_label(folder: Path, part: str) -> None:
    """Change the labels of some frames of the first video of a part; each call others."""
    with (folder / "videos.csv").open() as file:
        name = next(row["labels"] for row in csv.DictReader(file) if row["part"] == part)
    labels = read_table(folder / name)
    place = int(np.random.default_rng(time.time_ns()).integers(len(labels) - 15))
    labels[place : place + 15, 0] ^= 1
    write_labels(folder / name, labels)


def print_table(title: str, used: Used) -> None:
    """Print where the seconds of a run went."""
    rows = sorted(([rule, *rest] for rule, rest in used.rules.items()), key=lambda row: -row[3])
    rows.append(["all", sum(row[1] for row in rows), used.wall, used.cpu])
    print(f"\n{title}\n")
    print(tabulate(rows, ["rule", "processes", "wall, s", "CPU-s"], floatfmt=".1f"), flush=True)


def main() -> None:
    """Make the project, unless it is there, and print a table for each run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--videos", type=int, default=20, help="how many, all labelled")
    parser.add_argument("--minutes", type=float, default=10, help="length of a video, at 30 frames per second")
    parser.add_argument("--presets", nargs="+", choices=WIDTHS, default=list(WIDTHS), help="of which features")
    parser.add_argument("--cores", default="2", help="that Snakemake may use")
    parser.add_argument("--folder", type=Path, help="where projects are kept, and looked for")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        for preset in given.presets:
            measure(given.folder or Path(temporary), preset, given)


def measure(parent: Path, preset: str, given: argparse.Namespace) -> None:
    """Print the tables of one preset."""
    folder = (parent / f"{preset}-{given.videos}-{given.minutes:g}").resolve()
    if not (folder / "complete.json").exists():
        remove(folder)
        folder.mkdir(parents=True)
        make_project(folder, given.videos, given.minutes, preset)
        write_json(folder / "complete.json", {})
    cores = ["--cores", given.cores]
    size = f"{preset}, {given.videos} videos of {given.minutes:g} minutes, {given.cores} cores"
    first = run(folder, *cores)
    if first.rules.keys() - {"Snakemake itself"}:
        print_table(f"{size}: everything after the features", first)
    if preset == "frozen":
        change_label(folder, "train")
        print_table(f"{size}: one label of a training video changed", run(folder, *cores))
    else:
        print_table(f"{size}: from the sequence model on", run(folder, *cores, "--forcerun", "train_sequence"))
    change_label(folder, "test")
    print_table(f"{size}: one label of a test video changed", run(folder, *cores))
    print_table(f"{size}: nothing to do", run(folder, *cores))


if __name__ == "__main__":
    main()
