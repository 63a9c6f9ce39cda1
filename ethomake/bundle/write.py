"""Make a bundle: networks, thresholds, settings, scores and a model card in one folder."""

import logging
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from ethomake import __version__
from ethomake.bundle.card import describe
from ethomake.bundle.read import FORMAT, MANIFEST, SETTINGS, THRESHOLDS, network_names
from ethomake.ethogram.decide import read_rules
from ethomake.files import file_digest, read_json, write_json, write_text, write_whole
from ethomake.labels.table import read_labels
from ethomake.training.header import read_header

logger = logging.getLogger(__name__)

CARD = "README.md"  # has no digest in bundle.json, so that people can edit it
LEFT_OUT = ("example", "videos", "models", "simulated")  # settings that say where videos are, not how to train

Labelled = tuple[str | Path, str | Path]  # video.json, label table


def make_bundle(
    folder: str | Path,
    *,
    weights: Mapping[str, str | Path],
    thresholds: str | Path,
    evaluation: Sequence[str | Path],
    learned: Mapping[str, Sequence[Labelled]],
    flow_videos: Sequence[str | Path],
    settings: Mapping[str, Any],
    rates: Mapping[str, float] | None = None,
) -> None:
    """Write a bundle; bundle.json, with the digests of all files that a project needs, comes last.

    Identical inputs give identical bytes. No file contains the path of a video.

    Args:
        folder: folder to write to.
        weights: weights file of each network.
        thresholds: thresholds.json.
        evaluation: metrics.json and other files to put beside it; empty if nothing was evaluated.
        learned: (video.json, label table) of the videos of the parts `train` and `validate`.
        flow_videos: video.json of the videos that the flow network was trained on, labelled or not.
        settings: the complete settings.
        rates: frames per second of life of videos, where the video table has them.
    """
    folder = Path(folder)
    settings = {key: value for key, value in settings.items() if key not in LEFT_OUT}
    for section in ("flow", "streams"):  # only the file name, not its folder
        settings[section] = settings[section] | {"weights": Path(settings[section]["weights"]).name}
    streams = settings["streams"]["enabled"]
    write_text(folder / SETTINGS, yaml.safe_dump(settings, sort_keys=False, allow_unicode=True, width=100))
    copies = {f"{name}.safetensors": weights[name] for name in network_names(streams)} | {THRESHOLDS: thresholds}
    copies |= {f"evaluation/{Path(path).name}": path for path in evaluation}
    for name, path in copies.items():
        with write_whole(folder / name) as part:
            shutil.copyfile(path, part)

    files = {name: _identify(folder / name) for name in sorted([SETTINGS, *copies])}
    content = _describe_models(folder, settings) | {
        "trained_on": {part: _count(pairs, settings["behaviors"]) for part, pairs in learned.items()},
        "frames_per_second": _rates([manifest for pairs in learned.values() for manifest, _ in pairs], rates or {}),
        "seen": _digests([*flow_videos, *(manifest for pairs in learned.values() for manifest, _ in pairs)]),
        "files": files,
    }
    metrics = next((read_json(path) for path in evaluation if Path(path).name == "metrics.json"), None)
    rules = read_rules(
        thresholds,
        behaviors=settings["behaviors"],
        exclusive=settings["exclusive"],
        settings={key: value for key, value in settings["ethogram"].items() if key != "colors"},
    )
    figures = [name for name in files if name.endswith(".png")]
    write_text(folder / CARD, describe(content, rules, metrics, figures))
    write_json(folder / MANIFEST, content)
    logger.info(f"{folder}: {len(files) + 2} files; another project applies it with models: <path to this folder>")


def _describe_models(folder: Path, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of bundle.json that describes the networks and their input."""
    streams = settings["streams"]["enabled"]
    headers = {name: read_header(folder / f"{name}.safetensors") for name in network_names(streams)}
    return {
        "format": FORMAT,
        "ethomake": __version__,
        "behaviors": settings["behaviors"],
        "exclusive": settings["exclusive"],
        "streams": streams,
        "networks": {name: own["network"] for name, own in headers.items()},
        "image_size": settings["ingest"]["image_size"],
        "keep_aspect": settings["ingest"]["keep_aspect"],
        "align": settings["track"]["align"],
        "channels": {
            name: {"mean": own["channel_mean"], "std": own["channel_std"]}
            for name, own in headers.items()
            if "channel_mean" in own
        },
        "pretrained": {
            name: {key: own.get(key, "") for key in ("source", "license", "page")}
            for name, own in headers.items()
            if own.get("source")
        },
        "reuse": settings["flow"]["reuse"],
        "fusion": settings["streams"]["fusion"],
        "precision": settings["streams"]["precision"],
        "sequence": headers["sequence"]["settings"],
    }


def _count(pairs: Sequence[Labelled], behaviors: Sequence[str]) -> dict[str, Any]:
    """Count the labelled data: videos, those that follow a track, frames, and scored and positive ones by behavior."""
    tables = [read_labels(path).values for _, path in pairs]
    return {
        "videos": len(pairs),
        "tracked": sum("track" in read_json(manifest) for manifest, _ in pairs),
        "frames": sum(len(values) for values in tables),
        "behaviors": {
            name: {
                "scored_frames": sum(int((values[:, k] >= 0).sum()) for values in tables),
                "positive_frames": sum(int((values[:, k] == 1).sum()) for values in tables),
            }
            for k, name in enumerate(behaviors)
        },
    }


def _rates(manifests: Sequence[str | Path], true: Mapping[str, float]) -> list[float]:
    """Return the lowest and the highest frame rate."""
    rates = [true.get(facts["video"], facts["fps"]) for facts in map(read_json, manifests)]
    return [min(rates), max(rates)]


def _digests(manifests: Sequence[str | Path]) -> list[str]:
    """Return the sorted frame digests of videos, by which a bundle recognizes the videos it was trained on."""
    return sorted({read_json(path)["frames_digest"] for path in manifests})


def _identify(path: Path) -> dict[str, Any]:
    return {"bytes": path.stat().st_size, "digest": file_digest(path)}
