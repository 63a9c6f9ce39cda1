"""What is learned from and what is tested on: the video table and the settings of each case.

`flies-transfer` is the shipped example: another camera and session is tested on. `flies-within` trains on one fly of
clip 1 and tests on the other. `leave-one-recording-out` trains on clip 1 and tests on clip 3, and the other way round;
choices are made by it, so that clip 2, the test of the example, stays unseen. `drawn` has simulated animals one of
whose behaviors is rare, and `learning-curve` has them with fewer labels.
"""

import csv
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from benchmarks.accuracy.masks import keep_minutes
from ethomake.example.flies import CROP, FPS
from ethomake.example.simulated import draw_video
from ethomake.example.video import read_grey, write_h264
from ethomake.labels.table import LabelTable, read_labels, write_labels

ROOT = Path(__file__).parents[2]
FOLDS = {
    "flies-transfer": ("",),
    "flies-within": ("",),
    "leave-one-recording-out": ("clip3", "clip1"),  # the clip that is tested on
    "drawn": ("",),
    "learning-curve": ("",),
}
CURVE = "learning-curve"
MINUTES = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
ABOUT = ("subject", "group", "recording", "scored")
COLUMNS = ("video", "path", "labels", "part", *ABOUT)
RARE = {"groom": 0.01}  # share of the time; by default it is 0.17
WITHIN = (0.75, 1 / 120)  # share of clip1_male that trains, and share of it that is left out before the rest validates


@dataclass(frozen=True)
class Case:
    """One training and test: everything that its scores depend on, besides the code.

    Attributes:
        task: key of FOLDS.
        fold: the recording that is tested on, or "".
        preset: the key `preset` of the config.
        config: other settings, `key=value` each.
        seed: seed of the training; and of which labels are kept, in the learning curve.
        minutes: labelled minutes in the learning curve, or None.
    """

    task: str
    fold: str
    preset: str
    config: tuple[str, ...]
    seed: int
    minutes: float | None = None


@dataclass(frozen=True)
class Sizes:
    """How many drawn animals train, validate and test, and for how many seconds each; height and width in pixels."""

    train: int = 5
    validate: int = 1
    test: int = 4
    seconds: float = 120
    test_seconds: float = 360  # three bouts of the rare behavior
    size: int = 96
    fps: int = 30


FULL = Sizes()
QUICK = Sizes(train=2, validate=1, test=1, seconds=12, test_seconds=6, size=64, fps=20)
QUICK_CONFIG = {
    "ingest": {"image_size": [32, 32]},
    "flow": {"epochs": 1, "steps": 2, "batch": 2},
    "streams": {"epochs": 1, "steps": 2, "batch": 4},
    "sequence": {"epochs": 1, "steps": 2, "batch": 2, "window": 30},
    "evaluation": {"chance_shifts": 5},
}


@dataclass(frozen=True)
class Row:
    """A video of a case.

    Attributes:
        video: its name.
        source: name of the cut or drawn video that it is.
        part: train, validate or test; "" if it has no labels.
        subject, group, recording, scored: as in the video table.
        kept: where it begins and ends in that video, shares of its frames, 0 to 1.
    """

    video: str
    source: str
    part: str
    subject: str = ""
    group: str = ""
    recording: str = ""
    scored: str = ""
    kept: tuple[float, float] = (0.0, 1.0)


def plan_cases(
    tasks: Sequence[str], presets: Sequence[str], config: Sequence[str], seeds: Sequence[int], minutes: Sequence[float]
) -> list[Case]:
    """Return the cases of some tasks, all those of the first seed first."""
    return [
        Case(task, fold, preset, tuple(config), seed, amount)
        for seed in seeds
        for task in tasks
        for fold in FOLDS[task]
        for amount in (minutes if task == CURVE else (None,))
        for preset in presets
    ]


def rows_of(task: str, fold: str = "", sizes: Sizes = FULL) -> list[Row]:
    """Return the videos of a task; in the learning curve, before labels are taken away."""
    if task in ("drawn", CURVE):
        parts = [part for part in ("train", "validate", "test") for _ in range(getattr(sizes, part))]
        names = [f"sim_{number:02d}" for number in range(len(parts))]
        return [Row(name, name, part, subject=name) for name, part in zip(names, parts, strict=True)]
    with (ROOT / "example/flies.csv").open(encoding="utf-8", newline="") as file:
        flies = {row["video"]: _read_row(row) for row in csv.DictReader(file)}
    if task == "flies-transfer":
        return list(flies.values())
    if task == "flies-within":
        male, (train, gap) = flies["clip1_male"], WITHIN
        return [
            replace(male, video="clip1_male_begin", part="train", kept=(0.0, train)),
            replace(male, video="clip1_male_end", part="validate", kept=(train + gap, 1.0)),
            replace(flies["clip1_female"], part="test"),
        ]
    # Only males extend their wings, and what no training video shows cannot be learned: the male trains.
    learned = {"clip3": ("clip1_male", "clip1_female"), "clip1": ("clip3_fly0", "clip3_fly1")}[fold]
    parts = dict(zip(learned, ("train", "validate"), strict=True))
    tested = [name for name, row in flies.items() if row.recording == fold]
    return [
        replace(flies[name], part=parts.get(name, "test"), scored="wing_extension;near") for name in (*learned, *tested)
    ]


def _read_row(cells: Mapping[str, str]) -> Row:
    subject, group, recording, scored = (cells[name] for name in ABOUT)
    return Row(cells["video"], cells["video"], cells["part"], subject, group, recording, scored)


def config_of(case: Case, sizes: Sizes = FULL) -> dict[str, Any]:
    """Return the config of a case: the settings of its example, then those of the task, then its own."""
    drawn = case.task in ("drawn", CURVE)
    config: dict[str, Any] = yaml.safe_load(
        (ROOT / "example" / ("simulated.yaml" if drawn else "flies.yaml")).read_text(encoding="utf-8")
    )
    config = {"example": "none", "videos": "videos.csv"} | config
    if case.task == "flies-within":
        config = merge(config, {"split": {"by": "video"}})  # the animal is in two parts, each frame in one
    if case.task == "leave-one-recording-out":
        config["behaviors"] = ["wing_extension", "near"]  # walking is not scored in clip 3
    if case.task == CURVE:  # without labels, a video still shows motion
        train = [row.video for row in rows_of(case.task, case.fold, sizes) if row.part == "train"]
        config = merge(config, {"flow": {"videos": train}})
    if sizes == QUICK:
        config = merge(config, QUICK_CONFIG)
    return merge(config, read_settings(case.config)) | {"preset": case.preset, "seed": case.seed}


def read_settings(texts: Sequence[str]) -> dict[str, Any]:
    """Return settings given as on the command line of Snakemake, `key=value` each, the value in YAML.

    Raises:
        ValueError: if one has another form, or is for the benchmark to say.
    """
    settings: dict[str, Any] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if key in ("example", "videos", "preset", "seed"):
            raise ValueError(f"{text}: the benchmark sets {key}; see --presets and --seeds")
        if not (key and equals):
            raise ValueError(f"{text}: write key=value, as in 'streams={{epochs: 16}}'")
        settings = merge(settings, {key: yaml.safe_load(value)})
    return settings


def merge(config: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return a config with changes, merged section by section."""
    merged = dict(config)
    for key, value in changes.items():
        before = merged.get(key)
        merged[key] = {**before, **value} if isinstance(before, Mapping) and isinstance(value, Mapping) else value
    return merged


def draw_animals(folder: Path, sizes: Sizes = FULL) -> None:
    """Draw the animals of `drawn` and their labels into a folder, except those that are there."""
    for row in rows_of("drawn", sizes=sizes):
        video, labels = folder / f"{row.source}.mp4", folder / f"{row.source}_labels.csv"
        if not (video.exists() and labels.exists()):
            seconds = sizes.test_seconds if row.part == "test" else sizes.seconds
            settings = {"seconds": seconds, "fps": sizes.fps, "size": sizes.size, "seed": 0}
            draw_video(video, labels, video=row.video, settings=settings, shares=RARE)


def write_project(case: Case, sources: Path, folder: Path, sizes: Sizes = FULL) -> None:
    """Write the project of a case: config.yaml, videos.csv, and what it names in videos/ and labels/.

    Args:
        case: the case.
        sources: folder of the cut or drawn videos and their labels.
        folder: the folder of the project.
        sizes: of the drawn animals.
    """
    rows = rows_of(case.task, case.fold, sizes)
    tables = {row.video: read_labels(sources / f"{row.source}_labels.csv") for row in rows}
    kept = {row.video: [round(share * len(tables[row.video].values)) for share in row.kept] for row in rows}
    labels = {name: tables[name].values[slice(*ends)] for name, ends in kept.items()}
    if case.minutes is not None:
        learned = {row.video: row.part for row in rows if row.part != "test"}
        own = {name: labels[name] for name in learned}
        labels |= keep_minutes(own, learned, case.minutes, fps=sizes.fps, seed=case.seed)
    for name in ("videos", "labels"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    lines = []
    for row in rows:
        video, table = f"videos/{row.video}.mp4", f"labels/{row.video}.csv"
        if row.kept == (0.0, 1.0):
            _link(sources / f"{row.source}.mp4", folder / video)
        else:
            _cut(sources / f"{row.source}.mp4", folder / video, *kept[row.video])
        labelled = bool((labels[row.video] >= 0).any())
        if labelled:
            write_labels(folder / table, LabelTable(tables[row.video].behaviors, labels[row.video]))
        cells = (table, row.part) if labelled else ("", "")
        lines.append((row.video, video, *cells, *(getattr(row, name) for name in ABOUT)))
    with (folder / "videos.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([COLUMNS, *lines])
    (folder / "config.yaml").write_text(yaml.safe_dump(config_of(case, sizes), sort_keys=False), encoding="utf-8")


def _cut(source: Path, target: Path, first: int, stop: int, *, side: int = CROP) -> None:
    """Write the frames `first` to `stop` of a fly's video."""
    with write_h264(target, height=side, width=side, fps=FPS) as write:
        for number, frame in enumerate(read_grey(source, height=side, width=side)):
            if first <= number < stop:
                write(frame)


def _link(source: Path, target: Path) -> None:
    """Make `target` the same file, or a copy of it where that cannot be; two rows cannot name one path."""
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
