"""What trainings, extraction and sequence inference need, beside the estimates of ethomake.scheduling.resources.

    ./run python -m benchmarks.needs                                  real sizes; hours on a small machine
    ./run python -m benchmarks.needs train_flow extract_features      some of the work
    ./run python -m benchmarks.needs --quick                          small sizes

Each case works in a process of its own, on drawn frames and random weights, for two steps or few frames: memory is
as large then as it becomes. In MB of 1e6 bytes, and CPU seconds from start to end.
"""

import argparse
import io
import json
import re
import resource
import subprocess
import sys
import tempfile
from contextlib import redirect_stderr
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ethomake.features.extract import extract_features
from ethomake.features.store import create_features
from ethomake.files import write_json, write_npy
from ethomake.flow.metadata import FlowMetadata
from ethomake.flow.train import train_flow
from ethomake.ingest.frames import FrameWriter, Planes
from ethomake.labels.table import LabelTable, write_labels
from ethomake.project.runs import Run, Split
from ethomake.project.settings import resolve_settings
from ethomake.scheduling.resources import Experiment, need
from ethomake.sequence.metadata import SequenceMetadata
from ethomake.sequence.predict import predict_video
from ethomake.sequence.train import train_sequence
from ethomake.streams.frozen import FrozenMetadata
from ethomake.streams.grey import OFFSETS
from ethomake.streams.joint import train_joint
from ethomake.streams.metadata import StreamMetadata
from ethomake.streams.registry import find_network
from ethomake.streams.train import train_stream
from ethomake.training.plan import TrainingPlan
from ethomake.training.weights import WeightsMetadata, save_weights

BEHAVIORS = ["a", "b", "c", "d"]
MEAN, STD = [0.5] * 3, [0.25] * 3
SMALL = {"size": 96, "batch": 4, "frames": 48}
PRESETS = ("swift", "medium", "slow")
WORK = {  # rule -> stream, or "" where it has none
    "train_flow": [""],
    "train_stream": ["spatial", "motion"],
    "train_joint": [""],
    "extract_features": [""],
    "train_sequence": [""],
    "predict_video": [""],
}


def cases(quick: bool) -> list[dict[str, Any]]:
    """Arguments of `use` for each case."""
    found = []
    for rule, streams in WORK.items():
        for stream in streams:
            if rule in ("train_sequence", "predict_video"):
                sizes = [{"frames": 2_000 if quick else frames, "batch": 32} for frames in (20_000, 60_000)]
                found += [{"rule": rule, **size} for size in (sizes[:1] if quick else sizes)]
                continue
            for preset in [*PRESETS, "frozen"] if rule == "extract_features" else PRESETS:
                batches = [2, 4] if preset == "slow" or rule == "train_joint" else [4, 16]
                sizes = [SMALL] if quick else [{"batch": batch} for batch in batches]
                sizes = sizes[:1] if rule == "extract_features" else sizes
                found += [{"rule": rule, "stream": stream, "preset": preset, **size} for size in sizes]
    return found


def use(
    rule: str,
    stream: str = "",
    preset: str = "swift",
    size: int = 224,
    batch: int = 4,
    frames: int = 64,
    steps: int = 2,
    epochs: int = 1,
    precision: str = "float32",
    threads: int = 1,
) -> dict[str, float]:
    """Do some work in this process, and tell what it took and what was estimated.

    Args:
        rule, stream: what is done.
        size: height and width of the images, in pixels.
        frames: of the video, or of the features.
        steps, epochs: at most.
    """
    torch.set_num_threads(threads)
    schedule = {"batch": batch, "steps": steps, "epochs": epochs}
    settings = resolve_settings(
        {
            "preset": preset,
            "behaviors": BEHAVIORS,
            "ingest": {"image_size": [size, size]},
            "flow": schedule | {"precision": precision},
            "streams": schedule | {"precision": precision, "joint_epochs": epochs if preset != "frozen" else 0},
            "sequence": schedule,
        }
    )
    with tempfile.TemporaryDirectory() as folder, redirect_stderr(io.StringIO()):
        _work(rule, stream, settings, Path(folder), frames)
    parts = {"train": ["v"], "validate": [], "test": []}
    main = Run("main", Split(parts, parts, parts), settings)
    x = Experiment({"main": main}, lambda name: frames, lambda name: 1.0, ["v"])
    estimate = need(x, rule, [{"video": "v", "stream": stream}])
    own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return {
        "memory": _peak(),
        "estimated_memory": estimate.memory,
        "seconds": sum(used.ru_utime + used.ru_stime for used in (own, children)),
        "estimated_seconds": estimate.seconds,
    }


def measure(case: dict[str, Any]) -> dict[str, float]:
    """Do a case in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.needs", "--one", json.dumps(case)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{case}: {done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def _work(rule: str, stream: str, settings: dict[str, Any], folder: Path, frames: int) -> None:
    made = [folder / name for name in ("weights.safetensors", "history.csv")]
    labels = folder / "labels.csv"
    values = np.random.default_rng(0).integers(0, 2, (frames, len(BEHAVIORS)), dtype=np.int8)
    write_labels(labels, LabelTable(tuple(BEHAVIORS), values))
    both = settings["streams"]["enabled"]
    learning = {"seed": 0, "checkpoint": folder / "checkpoint"}
    labelled = learning | {"train_labels": [labels], "behaviors": BEHAVIORS}
    if rule == "train_sequence":
        plan = TrainingPlan(train=[_features(folder, frames, both)], settings=settings["sequence"], **labelled)
        train_sequence(plan, both, *made, folder / "out_of_fold.npz", folds=[])
        return
    if rule == "predict_video":
        own = settings["sequence"]
        metadata = SequenceMetadata(own["network"], 0, own, BEHAVIORS, False, both, 1024)
        save_weights(made[0], metadata.build(), metadata)
        predict_video(_features(folder, frames, both), made[0], folder / "probabilities.npy")
        return
    video = _store(folder / "v", frames, settings["ingest"]["image_size"][0])
    flow, streams = settings["flow"], settings["streams"]
    if rule == "train_flow":
        train_flow(TrainingPlan(train=[video], settings=flow, augmentation=settings["augmentation"], **learning), *made)
        return
    kinds = {"train_stream": ["flow"] if stream == "motion" else []}.get(rule, ["flow", "spatial", "motion"])
    given = {kind: _weights(folder, kind, (flow if kind == "flow" else streams)["network"]) for kind in kinds}
    labelled |= {"train": [video], "augmentation": settings["augmentation"]}
    if rule == "train_stream":
        own = streams | ({"reuse": flow["reuse"]} if stream == "motion" else {})
        train_stream(TrainingPlan(settings=own, **labelled), stream, *made, flow_weights=given.get("flow"))
    elif rule == "train_joint":
        outputs = {kind: folder / f"joint_{kind}.safetensors" for kind in given}
        train_joint(TrainingPlan(settings=streams, **labelled), given, outputs, made[1])
    else:
        if "frozen" in both:
            given = {"frozen": _weights(folder, "frozen", streams["network"])}
        weights = {f"{kind}_weights": path for kind, path in given.items()}
        options = {"reuse": flow["reuse"], "precision": streams["precision"], "checkpoint": folder / "checkpoint"}
        extract_features(video, folder / "v.zarr", folder / "v.json", **weights, **options)


def _store(folder: Path, frames: int, side: int) -> Path:
    """The `video.json` of a frame store that shows moving noise."""
    folder.mkdir()
    noise = np.random.default_rng(0).integers(0, 255, side * side * 3 // 2, dtype=np.uint8)
    with (folder / "frames.mjpeg").open("wb") as file:
        writer = FrameWriter(file, 92, frames)
        for frame in range(frames):
            writer.append(Planes.of(np.roll(noise, frame * side), (side, side)))
    write_npy(folder / "frames.npy", writer.offsets)
    mean, std = writer.statistics()
    content = {"video": "v", "frames": frames, "fps": 30.0, "damaged": []}
    content |= {"image_size": [side, side], "content_box": [0, 0, side, side]}
    content |= {"channel_mean": mean, "channel_std": std, "frames_digest": writer.digest}
    content |= {"timestamps": {"time_base": [1, 30], "first": 0, "steps": [[1, frames - 1]]}}
    write_json(folder / "video.json", content)
    return folder / "video.json"


def _weights(folder: Path, kind: str, name: str) -> Path:
    """Random weights of a network."""
    metadata: WeightsMetadata
    if kind == "frozen":
        shown = find_network(name).feature_map
        assert shown is not None, "a network of the preset frozen"
        what = list(shown.layers), shown.channels, shown.grid, list(OFFSETS)
        metadata = FrozenMetadata(name, 0, "frozen", "random", "", MEAN, STD, *what)
    elif kind == "flow":
        metadata = FlowMetadata(name, 0, 11, [224, 224], MEAN, STD)
    else:
        metadata = StreamMetadata(name, 0, kind, BEHAVIORS, False, 11, MEAN, STD)
    save_weights(folder / f"{kind}.safetensors", metadata.build(), metadata)
    return folder / f"{kind}.safetensors"


def _features(folder: Path, frames: int, streams: list[str]) -> Path:
    """The manifest of random features of two streams, or of a frozen backbone."""
    maps = {"maps": {"channels": 96, "grid": [4, 4]}} if "frozen" in streams else {}
    width = 96 * 4 * 4 if maps else 512
    group = create_features(folder / "v.zarr", frames, {name: (width, "float16") for name in streams})
    rng = np.random.default_rng(0)
    for array in streams:
        step = group[array].chunks[0]
        for start in range(0, frames, step):
            group[array][start : start + step] = rng.standard_normal((min(step, frames - start), width), np.float32)
    arrays = {name: [frames, width] for name in streams}
    facts = {"video": "v", "streams": list(arrays), "behaviors": BEHAVIORS, "arrays": arrays} | maps
    write_json(folder / "v.json", facts)
    return folder / "v.json"


def _peak() -> float:
    """The most memory that this process ever had; on Linux from its own start (`ru_maxrss` has the parent's, too)."""
    status = Path("/proc/self/status")
    if status.exists():
        return int(re.search(r"VmHWM:\s+(\d+) kB", status.read_text())[1]) * 1024 / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6


def main() -> None:
    """Measure what was asked for and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", nargs="*", metavar="RULE", help=f"of {', '.join(WORK)}; all by default")
    parser.add_argument("--quick", action="store_true", help="small sizes")
    parser.add_argument("--one", type=json.loads, metavar="JSON", help="one case, in this process")
    given = parser.parse_args()
    if given.one:
        print(json.dumps(use(**given.one)))
        return
    print("| work | MB | estimated | CPU-s | estimated |\n| --- | --- | --- | --- | --- |")
    for case in cases(given.quick):
        if not given.work or case["rule"] in given.work:
            found = measure(case)
            cells = [" ".join(str(value) for value in case.values() if value), *(f"{n:,.0f}" for n in found.values())]
            print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
