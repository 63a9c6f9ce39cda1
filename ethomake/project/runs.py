"""Runs: with which videos and which settings a result is made, and in whose folder it is.

A run is a split and settings. `main` is what config.yaml says; a fold of a cross-validation, a point of a search or a
subset for a learning curve are runs, too. Results are in folders with the name of a run, and runs share what does not
differ: a stage of a run is looked up at its *home*, the first run with the same split and settings as far as that stage
and the stages upstream depend on them. `STAGES` says what that is, and is the only list of stages and of their rules.

Nothing here depends on files or Snakemake.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ethomake.errors import InputError
from ethomake.files import short_digest
from ethomake.project import CHECK
from ethomake.project.settings import is_weights_file

MAIN = "main"

VIDEO, LABELLED, RECORDING, ONCE = "video", "labelled video", "recording", "run"
"""How often a rule of a stage runs: for every video, labelled video or recording, or once per run."""

Settings = Mapping[str, Any]


@dataclass(frozen=True)
class Split:
    """The videos for training, validation and test.

    Attributes:
        parts: train, validate, test, and check if there are such videos: sorted names of labelled videos.
        flow: train, validate: the videos of the flow network, labelled or not.
        remembered: parts as written to the file of the split, with videos of an earlier split that are gone; empty if
            nothing is trained.
    """

    parts: Mapping[str, list[str]]
    flow: Mapping[str, list[str]]
    remembered: Mapping[str, list[str]]


@dataclass(frozen=True)
class Run:
    """A name, a split and complete settings."""

    name: str
    split: Split
    settings: dict[str, Any]


def _always(settings: Settings) -> bool:
    return True


def _uses_flow(settings: Settings) -> bool:
    return "motion" in settings["streams"]["enabled"]


def _uses_frozen(settings: Settings) -> bool:
    return "frozen" in settings["streams"]["enabled"]


def _uses_spatial(settings: Settings) -> bool:
    return "spatial" in settings["streams"]["enabled"]


def starts_from_public(settings: Settings) -> bool:
    """Return whether trained streams start from public weights, which have to be fetched."""
    weights = settings["streams"]["weights"]
    return not _uses_frozen(settings) and weights != "none" and not is_weights_file(weights)


def _trains_jointly(settings: Settings) -> bool:
    return settings["streams"]["joint_epochs"] > 0


def _trains_streams(settings: Settings) -> bool:
    return not _uses_frozen(settings)


def _adapts(settings: Settings) -> bool:
    return settings["streams"]["adapt"] == "recording" and not _uses_frozen(settings)


@dataclass(frozen=True)
class Stage:
    """What the results of a stage depend on, in addition to the videos and their labels.

    Attributes:
        upstream: the stages whose results it uses.
        settings: sections and keys (`flow`, `flow.reuse`); `-flow.videos` removes a key from its section again.
        parts: parts of the split: `train`, or `flow.train` for those of the flow network.
        rules: its rules in the workflow, and how often each runs.
        results: patterns of the paths of its results -> their name for users; a group is the name of a video.
        is_used: returns whether runs with these settings have the stage.
    """

    upstream: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    rules: Mapping[str, str] = field(default_factory=dict)
    results: Mapping[str, str] = field(default_factory=dict)
    is_used: Callable[[Settings], bool] = _always


LABELS = ("behaviors", "exclusive")
LATER = ("-streams.joint_epochs", "-streams.fusion", "-streams.adapt")
STREAM = ("streams", "-streams.enabled", *LATER, "augmentation", "seed", *LABELS)
STARTED = ("-streams.network", "-streams.weights", "-streams.sees", "-streams.epochs")  # of the streams it begins with
JOINT = ("streams", "-streams.enabled", "-streams.adapt", *STARTED, *LABELS)
LEARNING = ("train", "validate")
CURVES = {
    r"results/{}/history\.csv": "the training history",
    r"results/{}/curves\.(?:png|svg)": "the learning curves",
}


def _trained(folder: str, weights: str, what: str) -> dict[str, str]:
    """Return the results of a training in a folder, in the form of `Stage.results`."""
    return {rf"results/{folder}/{weights}\.safetensors": what} | {
        pattern.replace("{}", folder): words for pattern, words in CURVES.items()
    }


EXPORTS = r"results/exports/[^/]+/[^/]+/([^/.]+)\..+"
"""The path of a label file for another program, in the form of `Stage.results`; it is of no stage."""

STAGES: dict[str, Stage] = {
    "ingest": Stage(
        settings=("ingest", "track"),
        rules={"ingest_video": VIDEO, "compare_videos": ONCE},
        results={
            r"results/ingest/([^/]+)/.+": "the frames",
            r"results/compared\.json": "the comparison of videos",
        },
    ),
    "labels": Stage(
        upstream=("ingest",),
        settings=(*LABELS, "labels"),
        rules={"check_labels": LABELLED},
        results={
            r"results/labels/([^/]+)\.csv": "the labels",
            r"results/labels/([^/]+)\.json": "the import report",
            r"results/labels/raters/.+": "the comparison of two raters",
        },
    ),
    "flow": Stage(
        upstream=("ingest",),
        settings=("flow", "-flow.videos", "-flow.reuse", "augmentation", "seed"),
        parts=("flow.train", "flow.validate"),
        rules={"train_flow": ONCE, "draw_curves": ONCE},
        results=_trained("flow/[^/]+", "weights", "the weights of the flow network"),
        is_used=_uses_flow,
    ),
    "pretrained": Stage(
        settings=("streams.network", "streams.weights"),
        rules={"fetch_weights": ONCE},
        results={r"results/streams/[^/]+/pretrained\.safetensors": "the pretrained weights"},
        is_used=starts_from_public,
    ),
    "spatial": Stage(
        upstream=("labels", "pretrained"),
        settings=STREAM,
        parts=LEARNING,
        rules={"train_stream": ONCE, "draw_curves": ONCE},
        results=_trained("streams/[^/]+/spatial", "weights", "the weights of the spatial stream"),
        is_used=_uses_spatial,
    ),
    "motion": Stage(
        upstream=("labels", "flow", "pretrained"),
        settings=(*STREAM, "-streams.sees", "flow.reuse"),
        parts=LEARNING,
        rules={"train_stream": ONCE, "draw_curves": ONCE},
        results=_trained("streams/[^/]+/motion", "weights", "the weights of the motion stream"),
        is_used=_uses_flow,
    ),
    "joint": Stage(
        upstream=("flow", "spatial", "motion"),
        settings=(*JOINT, "augmentation", "seed"),
        parts=LEARNING,
        rules={"train_joint": ONCE, "draw_curves": ONCE},
        results=_trained("streams/[^/]+/joint", ".+", "the weights of flow and streams, trained together"),
        is_used=_trains_jointly,
    ),
    "frozen": Stage(
        settings=("streams.network", "streams.weights"),
        rules={"freeze_backbone": ONCE},
        results={r"results/streams/[^/]+/frozen/weights\.safetensors": "the weights of the frozen backbone"},
        is_used=_uses_frozen,
    ),
    "adapted": Stage(
        upstream=("flow", "spatial", "motion", "joint"),
        settings=("flow.reuse", "streams.enabled", "streams.precision", "streams.adapt"),
        rules={"adapt_streams": RECORDING},
        results={r"results/features/[^/]+/adapted/.+": "the statistics of a recording"},
        is_used=_adapts,
    ),
    "features": Stage(
        upstream=("flow", "spatial", "motion", "joint", "frozen", "adapted"),
        settings=(
            "flow.reuse",
            "streams.enabled",
            "streams.fusion",
            "streams.precision",
            "streams.joint_epochs",
        ),
        rules={"extract_features": VIDEO},
        results={r"results/features/[^/]+/([^/]+)\.(?:zarr|json)": "the features"},
    ),
    "stream_scores": Stage(
        upstream=("labels", "features"),
        settings=("evaluation.chance_shifts", "seed"),
        parts=("train", "validate", "test"),
        rules={"score_streams": ONCE},
        results={r"results/features/[^/]+/streams/scores\.json": "the scores of each stream"},
        is_used=_trains_streams,
    ),
    "sequence": Stage(
        upstream=("labels", "features"),
        settings=("sequence", "streams.enabled", "split.by", "seed", *LABELS),
        parts=LEARNING,
        rules={"train_sequence": ONCE, "predict_video": VIDEO, "draw_curves": ONCE},
        results={
            r"results/sequence/[^/]+/probabilities/([^/]+)\.npy": "the probabilities",
            r"results/sequence/[^/]+/out_of_fold\.npz": "the probabilities by models that did not see a video",
            **_trained("sequence/[^/]+", "weights", "the weights of the sequence model"),
        },
    ),
    "ethogram": Stage(
        upstream=("sequence",),
        settings=("ethogram",),
        parts=LEARNING,
        rules={
            "fit_thresholds": ONCE,
            "decide_behaviors": VIDEO,
            "draw_ethogram": VIDEO,
            "summarize_bouts": ONCE,
            "count_transitions": ONCE,
        },
        results={
            r"results/ethograms/[^/]+/thresholds\.json": "the thresholds",
            r"results/ethograms/[^/]+/predictions/([^/]+)\.csv": "the predictions",
            r"results/ethograms/[^/]+/bouts/([^/]+)\.csv": "the bouts",
            r"results/ethograms/[^/]+/figures/([^/]+)\.(?:png|svg)": "the ethograms",
            r"results/ethograms/[^/]+/summary\.csv": "the summary",
            r"results/ethograms/[^/]+/transitions\..+": "the transitions",
        },
    ),
    "evaluation": Stage(
        upstream=("ethogram",),
        settings=("evaluation", "seed"),
        parts=("train", "validate", "test", CHECK, "flow.train", "flow.validate"),
        rules={"evaluate": ONCE, "draw_evaluation": ONCE},
        results={r"results/evaluation/.+": "the evaluation"},
    ),
    "report": Stage(
        upstream=("evaluation", "stream_scores"),
        settings=("preset", "example", "videos", "models", "split"),
        rules={"write_report": ONCE},
        results={r"results/report/[^/]+\.html": "the report"},
    ),
}
"""All stages, each after those that it uses; a stage's rules are in workflow/rules, its code in a package."""

SHARED = ("example", "videos", "models", "behaviors", "exclusive", "ingest", "track", "labels", "simulated", "runs")
"""Keys that all runs of a project share: those of frames and labels, which do not belong to a run."""


def rules_after(stage: str) -> set[str]:
    """Return the rules of all stages that use the results of a stage, directly or through others."""
    after = {stage}
    for name, one in STAGES.items():  # in order
        if after.intersection(one.upstream):
            after.add(name)
    return {rule for name in after - {stage} for rule in STAGES[name].rules}


def stage_settings(stage: str, settings: Settings) -> dict[str, Any]:
    """Return the settings that a stage itself depends on, as in the config: `{"flow": {"network": ...}, "seed": 0}`.

    Raises:
        KeyError: if there is no such stage.
    """
    taken: dict[str, Any] = {}
    for name in STAGES[stage].settings:
        section, _, key = name.removeprefix("-").partition(".")
        if name.startswith("-"):
            taken[section].pop(key, None)
        elif key:
            taken.setdefault(section, {})[key] = settings[section][key]
        else:
            value = settings[section]
            taken[section] = dict(value) if isinstance(value, Mapping) else value
    return taken


def part_of(split: Split, part: str) -> list[str]:
    """Return the videos of a part: `train`, or `flow.train` for those of the flow network."""
    if part.startswith("flow."):
        return list(split.flow[part.removeprefix("flow.")])
    return list(split.parts.get(part, ()) if part == CHECK else split.parts[part])


def part_of_each(split: Split) -> dict[str, str]:
    """Return the part of each video; those that only the flow network learns from are for training."""
    part_of = {name: "train" for names in split.flow.values() for name in names}
    return part_of | {name: part for part, names in split.parts.items() for name in names}


def fingerprint(stage: str, run: Run) -> str:
    """Return a digest of everything that a stage of a run and its upstream stages depend on, except videos and labels.

    Two runs with the same fingerprint have the same results. A stage that a run does not use adds nothing.
    """
    if not STAGES[stage].is_used(run.settings):
        return ""
    own = {
        "settings": stage_settings(stage, run.settings),
        "parts": {part: part_of(run.split, part) for part in STAGES[stage].parts},
        "upstream": {above: fingerprint(above, run) for above in STAGES[stage].upstream},
    }
    return short_digest(own)


def find_homes(runs: Mapping[str, Run]) -> dict[tuple[str, str], str]:
    """Return, for each stage and run, the run whose folder has the results: the first with the same fingerprint."""
    homes: dict[tuple[str, str], str] = {}
    for stage in STAGES:
        first: dict[str, str] = {}
        for name, run in runs.items():
            homes[stage, name] = first.setdefault(fingerprint(stage, run), name)
    return homes


def stages_made(run: Run, homes: Mapping[tuple[str, str], str]) -> list[str]:
    """Return the stages whose results are made for a run: those that it uses, and whose home it is."""
    return [stage for stage in STAGES if STAGES[stage].is_used(run.settings) and homes[stage, run.name] == run.name]


def changed_config(config: Settings, name: str, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the config of a run: that of the project with the changes of the run, merged section by section.

    Args:
        config: the content of config.yaml.
        name: of the run.
        changes: what `runs` has for this name, without `parts`.

    Raises:
        InputError: if the run changes a key that all runs share.
    """
    changed = {key: value for key, value in config.items() if key != "runs"}
    for key, value in changes.items():
        if key in SHARED:
            raise InputError(
                f"config: runs.{name}.{key}: all runs of a project share {key}; take it out, or make another project"
            )
        before = changed.get(key)
        changed[key] = {**before, **value} if isinstance(before, Mapping) and isinstance(value, Mapping) else value
    return changed
