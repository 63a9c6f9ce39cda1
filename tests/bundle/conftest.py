"""A small bundle of untrained networks."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from ethomake.bundle.write import make_bundle
from ethomake.ethogram.thresholds import fit_thresholds
from ethomake.files import write_json, write_npz
from ethomake.flow.metadata import FlowMetadata
from ethomake.flow.stacks import FRAMES
from ethomake.labels.table import LabelTable, write_labels
from ethomake.project.settings import resolve_settings
from ethomake.sequence.metadata import SequenceMetadata
from ethomake.streams.metadata import StreamMetadata
from ethomake.training.weights import save_weights

BEHAVIORS = ["groom", "rear"]


@pytest.fixture(scope="session")
def parts(tmp_path_factory):
    """Arguments for a bundle: `make_bundle(folder, **parts)` makes one."""
    return _make_parts(tmp_path_factory.mktemp("trained"), BEHAVIORS, exclusive=False)


@pytest.fixture(scope="session")
def parts_with_groups(tmp_path_factory):
    """The same with three behaviors, of which the first and the last exclude each other."""
    return _make_parts(tmp_path_factory.mktemp("trained"), [*BEHAVIORS, "walk"], exclusive=[["groom", "walk"]])


def _make_parts(folder: Path, behaviors: list[str], exclusive) -> dict:
    settings = resolve_settings(
        {
            "behaviors": behaviors,
            "exclusive": exclusive,
            "videos": "/home/somebody/videos.csv",
            "ingest": {"image_size": [32, 64]},
            "streams": {"network": "mobilenet_v2"},
            "flow": {"reuse": True},
            "sequence": {"hidden": 4},
            "ethogram": {"thresholds": {"rear": 0.7}},
        }
    )
    settings["streams"]["weights"] = "/home/somebody/mobilenet.pth"
    learned = {
        part: [_write_video(folder, f"{part}{number}", number, behaviors) for number in (1, 2)] for part in PARTS
    }
    same = {"behaviors": behaviors, "exclusive": exclusive}
    write_npz(folder / "out_of_fold.npz", {})
    fit_thresholds(folder / "out_of_fold.npz", [], folder / "thresholds.json", **same)
    scores = METRICS["behaviors"] | {name: METRICS["behaviors"]["rear"] for name in behaviors[2:]}
    write_json(folder / "metrics.json", METRICS | {"behaviors": scores})
    (folder / "scores.png").write_bytes(b"a figure")
    return {
        "weights": _write_weights(folder, settings, same),
        "thresholds": folder / "thresholds.json",
        "evaluation": [folder / "metrics.json", folder / "scores.png"],
        "learned": learned,
        "flow_videos": [_write_video(folder, "unlabelled", 3, behaviors)[0]],
        "settings": settings,
    }


PARTS = ("train", "validate")
SCORES = {"precision": 0.5, "recall": 0.25, "f1": 0.333, "average_precision": 0.4}
LEVELS = {"f1": {"p95": 0.1}, "average_precision": {"p95": 0.2}}
METRICS = {
    "videos": ["test1"],
    "behaviors": {
        "groom": SCORES | {"positive_frames": 5},
        "rear": dict.fromkeys(SCORES) | {"positive_frames": 0},
    },
    "macro": SCORES,
    "chance": {"shifts": 10, "behaviors": {"groom": LEVELS}, "macro": LEVELS},
}


def _write_video(folder: Path, name: str, number: int, behaviors: list[str]) -> tuple[Path, Path]:
    """Write video.json and labels of ten frames: groom is present in `number`, rear never, one frame is unscored."""
    write_json(folder / f"{name}.json", {"video": name, "fps": 20.0 + number, "frames_digest": f"sha256:{name}"})
    values = np.zeros((10, len(behaviors)), np.int8)
    values[:number, 0], values[9] = 1, -1
    write_labels(folder / f"{name}.csv", LabelTable(tuple(behaviors), values))
    return folder / f"{name}.json", folder / f"{name}.csv"


def _write_weights(folder: Path, settings: dict, same: dict) -> dict[str, Path]:
    """Write a weights file for each network."""
    channels = {"channel_mean": [0.5, 0.5, 0.5], "channel_std": [0.1, 0.1, 0.1]}
    flow = settings["flow"]["network"]
    networks = {
        "flow": FlowMetadata(flow, 0, FRAMES, [32, 64], **channels),
        "spatial": StreamMetadata("mobilenet_v2", 0, "spatial", frames=FRAMES, **same, **channels),
        "motion": StreamMetadata("mobilenet_v2", 0, "motion", frames=FRAMES, **same),
        "sequence": SequenceMetadata(
            "tgm", 0, settings["sequence"], streams=["spatial", "motion"], inputs=1024, **same
        ),
    }
    paths = {name: folder / f"{name}.safetensors" for name in networks}
    for name, metadata in networks.items():
        save_weights(paths[name], metadata.build(), metadata)
    return paths


@pytest.fixture(scope="session")
def made(parts, tmp_path_factory):
    """Folder of a shared bundle; tests must not change it."""
    folder = tmp_path_factory.mktemp("made") / "bundle"
    make_bundle(folder, **parts)
    return folder


@pytest.fixture
def bundle(made, tmp_path):
    """Folder of a copy of the bundle for one test."""
    return Path(shutil.copytree(made, tmp_path / "bundle"))


@pytest.fixture
def rewrite(bundle):
    """Change bundle.json: `rewrite(format=3)`."""

    def change(**content):
        path = bundle / "bundle.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | content))

    return change
