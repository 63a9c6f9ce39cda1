"""The sections of the report, each as plain values for its template in templates/sections."""

import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import yaml

from ethomake import __version__
from ethomake.drawing import pick_colors
from ethomake.ethogram.tables import read_table
from ethomake.evaluation.files import FIGURES, RATERS_MAP
from ethomake.files import file_digest, read_json
from ethomake.report.methods import describe_methods
from ethomake.report.page import Column, Row, Table, embed, make_table, numbers, text
from ethomake.report.results import CHECK, LEARNED, PARTS, Results, Video
from ethomake.text import length, number, percent, rate

MOST_ROWS = 80
"""Of the table of bouts; beyond, there is only the figure."""

SETTINGS = (
    *(
        "preset",
        "seed",
        "exclusive",
        "behaviors",
        "ingest",
        "track",
        "labels",
        "split",
        "augmentation",
        "flow",
        "streams",
    ),
    *("sequence", "ethogram", "evaluation"),
)
"""Sections of the config that the page shows; the others say where files are."""

REMARKS = {"notes": "note", "mended": "mended", "ignored": "left out"}
"""Kinds of remarks in an import report, and what they are called on the page."""

PACKAGES = ("torch", "torchvision", "numpy", "matplotlib", "snakemake", "zarr", "imageio-ffmpeg", "simplejpeg")


@dataclass(frozen=True)
class Section:
    """A section of the report.

    Attributes:
        name: name of its template and of its anchor.
        title: its heading.
        values: variables of the template.
    """

    name: str
    title: str
    values: Mapping[str, Any]


def make_sections(results: Results) -> Iterable[Section]:
    """Yield the sections that have content, in the order of the page."""
    if results.metrics:
        yield _test_videos(results)
        yield _agreement(results, results.metrics)
        yield _bouts(results)
        if len(results.metrics["videos"]) > 1:
            yield _per_video(results, results.metrics)
    if results.checks:
        yield _check_videos(results, results.checks)
    if results.raters:
        yield _raters(results, results.raters)
    if results.streams:
        yield _streams(results.streams)
    yield _videos(results)
    if any(video.imported for video in results.videos):
        yield _labels(results)
    yield _time_spent(results)
    if results.transitions and len(results.behaviors) > 1:
        yield Section("transitions", "Transitions between behaviors", {"figure": embed(results.transitions)})
    yield from _other_ethograms(results)
    if results.fitted:
        yield _thresholds(results, results.fitted)
    if results.curves:
        figures = [(title, embed(path)) for title, path in results.curves]
        yield Section("learning_curves", "Learning curves", {"figures": figures})
    if results.bundle:
        yield _models(results.settings, read_json(results.bundle), file_digest(results.bundle))
    yield _methods(results)
    yield _provenance(results)


def _test_videos(results: Results) -> Section:
    shown = [video for video in results.videos if video.part == "test" and video.ethogram]
    return Section("test_videos", "Test videos", {"ethograms": [_ethogram(video) for video in shown]})


def _other_ethograms(results: Results) -> Iterable[Section]:
    """Yield the section of all other videos, with the names of those that exceed the size limit of the page."""
    apart = [part for part, there in (("test", results.metrics), (CHECK, results.checks)) if there]
    others = [video for video in results.videos if video.part not in apart]
    shown = [_ethogram(video) for video in others if video.ethogram]
    hidden = [video.name for video in results.videos if not video.ethogram]
    if shown or hidden:
        title = "Other ethograms" if apart else "Ethograms"
        yield Section("other_ethograms", title, {"ethograms": shown, "hidden": hidden})


def _ethogram(video: Video) -> dict[str, Any]:
    about = [PARTS[video.part]] if video.part in LEARNED else []
    about += [f"{key} {value}" for key, value in (("subject", video.subject), ("group", video.group)) if value]
    return {"video": video.name, "about": about, "learned": video.part in LEARNED, "figure": video.ethogram}


def _agreement(results: Results, metrics: Mapping[str, Any]) -> Section:
    behaviors = results.behaviors
    several = len(behaviors) > 1
    colors = pick_colors(behaviors, results.settings.get("ethogram", {}).get("colors"))
    lines = [(name, metrics["behaviors"][name], metrics["chance"]["behaviors"].get(name, {})) for name in behaviors]
    lines += [("mean (macro)", metrics["macro"], metrics["chance"].get("macro", {}))] if several else []
    lines += [("pooled (micro)", metrics["micro"], {})] if several else []
    lines += [("background", metrics["background"], {})]
    rows = []
    for name, own, chance in lines:
        share = own["positive_frames"] / own["frames"] if own.get("frames") else None
        cells = [
            *(name, f"{own['positive_frames']:,}" if "positive_frames" in own else "", percent(share)),
            *(number(own[key]) for key in ("precision", "recall")),
            *(number(own["f1"]), number(chance.get("f1", {}).get("p95"))),
            *(number(own["average_precision"]), number(chance.get("average_precision", {}).get("p95"))),
            *(number(own[key]) for key in ("auroc", "accuracy", "kappa")),
        ]
        color = colors[behaviors.index(name)] if name in behaviors else None
        rows.append(Row(cells, total=name not in behaviors, color=color))
    columns = text("behavior") + numbers("positive frames", "share", "precision", "recall", "F1", "chance F1", "AP")
    columns += numbers("chance AP", "AUROC", "accuracy", "kappa")
    return Section(
        "agreement",
        "Agreement per behavior",
        {
            "table": make_table(columns, rows),
            "calibration": _test_calibration(behaviors, metrics),
            "shifts": metrics["chance"]["shifts"],
            "several": several,
            "figures": {name: embed(results.evaluation / f"{name}.svg") for name in FIGURES},
        },
    )


def _test_calibration(behaviors: Sequence[str], metrics: Mapping[str, Any]) -> Table:
    """Return the table of the calibration of the behaviors in the test videos."""
    keys = ("calibration_error", "calibration_error_calibrated", "brier", "brier_calibrated")
    rows = [[name, *(_error(metrics["behaviors"][name].get(key)) for key in keys)] for name in behaviors]
    columns = numbers("calibration error", "after calibration", "Brier score", "after calibration")
    return make_table([*text("behavior"), *columns], rows)


def _bouts(results: Results) -> Section:
    statistics = read_table(results.evaluation / "bout_statistics.csv", ["video", "behavior"])
    rows = []
    for row in (row for name in results.behaviors for row in statistics if row["behavior"] == name):
        cells = [row["behavior"], row["video"]]
        cells += [percent(_float(row[f"{who}_time_share"])) for who in ("human", "model")]
        cells += [row[f"{who}_bouts"] for who in ("human", "model")]
        cells += [number(_float(row[f"{who}_mean_duration_s"])) for who in ("human", "model")]
        rows.append(cells)
    titles = [f"{what}, {who}" for what in ("time", "bouts", "mean (s)") for who in ("human", "model")]
    table = make_table([*text("behavior", "video"), *numbers(*titles)], rows) if len(rows) <= MOST_ROWS else None
    return Section("bouts", "Bouts", {"figure": embed(results.evaluation / "bout_statistics.svg"), "table": table})


def _per_video(results: Results, metrics: Mapping[str, Any]) -> Section:
    rows = read_table(results.evaluation / "per_video.csv", ["video", "behavior", "f1"])
    f1 = {(row["video"], row["behavior"]): number(_float(row["f1"])) for row in rows}
    several = len(results.behaviors) > 1
    names = [*results.behaviors, *(["macro"] if several else [])]
    columns = text("video") + numbers(*results.behaviors, *(["mean"] if several else []))
    cells = [[video, *(f1.get((video, name), "") for name in names)] for video in metrics["videos"]]
    return Section("per_video", "Scores per video", {"table": make_table(columns, cells)})


def _check_videos(results: Results, folder: Path) -> Section:
    """Return the scores of the check videos, video by video, and their ethograms."""
    rows = []
    for row in read_table(folder / "per_video.csv", ["video", "behavior", "positive_frames"]):
        if row["behavior"] in results.behaviors:
            scores = ("precision", "recall", "f1", "average_precision", "kappa")
            cells = [row["video"], row["behavior"], row["positive_frames"]]
            rows.append([*cells, *(number(_float(row[key])) for key in scores)])
    columns = numbers("positive frames", "precision", "recall", "F1", "AP", "kappa")
    shown = [video for video in results.videos if video.part == CHECK and video.ethogram]
    return Section(
        "check_videos",
        "Check videos",
        {
            "table": make_table([*text("video", "behavior"), *columns], rows[:MOST_ROWS]),
            "hidden": len(rows[MOST_ROWS:]),
            "ethograms": [_ethogram(video) for video in shown],
        },
    )


def _raters(results: Results, folder: Path) -> Section:
    """Return how far two raters agree on each behavior, over all videos that both scored."""
    agreement = read_table(folder / "agreement.csv", ["video", "behavior", "kappa"])
    pooled = {row["behavior"]: row for row in agreement if not row["video"]}
    rows = []
    for row in read_table(folder / "reliability.csv", ["behavior", "videos", "icc_duration", "icc_bouts"]):
        own = pooled[row["behavior"]]
        cells = [row["behavior"], row["videos"], own["frames"], number(_float(own["kappa"]))]
        cells += [own["first_bouts"], own["second_bouts"], number(_float(own["bout_agreement"]))]
        rows.append([*cells, *(number(_float(row[key])) for key in ("icc_duration", "icc_bouts"))])
    columns = numbers("videos", "frames", "kappa", "bouts, first", "bouts, second", "bout agreement")
    columns += numbers("ICC of time", "ICC of bouts")
    return Section(
        "raters",
        "Two raters",
        {
            "table": make_table([*text("behavior"), *columns], rows),
            "tolerance": results.settings.get("labels", {}).get("rater_tolerance_s"),
            "figure": embed(folder / f"{RATERS_MAP}.svg"),
        },
    )


def _streams(streams: Mapping[str, Any]) -> Section:
    """Return a line for each stream and group of videos: all it learned from, then by recording, new ones last."""
    groups: dict[tuple[str | None, str, str], dict[str, Mapping[str, Any]]] = {}
    for row in sorted(streams["scores"], key=lambda row: (row["recording"] is not None, not row["learned"])):
        what = " and ".join(PARTS[part] for part in (*LEARNED, "test") if part in row["parts"])
        groups.setdefault((row["recording"], what, row["stream"]), {})[row["behavior"]] = row
    rows = []
    for (recording, what, stream), own in groups.items():
        cells = [
            f"{number(row['average_precision'])} ({number(row['share'])})" if row["positive_frames"] else ""
            for row in (own[name] for name in streams["behaviors"])
        ]
        rows.append(Row([recording or "all", what, stream, *cells], total=recording is None))
    columns = [*text("recording", "videos", "stream"), *numbers(*streams["behaviors"])]
    shown = make_table(columns, rows[:MOST_ROWS])
    return Section("streams", "Each stream by recording", {"table": shown, "hidden": len(rows[MOST_ROWS:])})


def _videos(results: Results) -> Section:
    rows = []
    for video in results.videos:
        manifest = video.manifest
        size = manifest.get("source_size")
        cells = [video.name, PARTS[video.part], video.subject, video.group]
        cells += [f"{manifest['frames']:,}", f"{video.rate:.4g}", length(video.seconds)]
        cells += [f"{size[1]} x {size[0]}" if size else "", manifest.get("source", {}).get("name", "")]
        rows.append(cells)
    columns = text("video", "part", "subject", "group") + numbers("frames", "frames/s", "length", "width x height")
    return Section("videos", "Videos", {"table": make_table([*columns, *text("file")], rows)})


def _labels(results: Results) -> Section:
    """Return what was read of each label file: bouts and frames of each behavior, and what there is to say of it."""
    rows, remarks = [], []
    for video in results.videos:
        if imported := video.imported:
            own = imported["behaviors"]
            cells = [f"{own[name]['bouts']:,} / {own[name]['frames']:,}" for name in results.behaviors]
            whole = imported["frames"] * max(len(own), 1)
            scored = 1 - sum(one["not_scored"] for one in own.values()) / whole if whole else None
            rows.append([video.name, imported["format"], *cells, percent(scored)])
            remarks += [[video.name, kind, each] for kind in REMARKS for each in imported[kind]]
    columns = [*text("video", "format"), *numbers(*results.behaviors, "scored")]
    shown = make_table(
        text("video", "what", "remark"), [[video, REMARKS[k], each] for video, k, each in remarks[:MOST_ROWS]]
    )
    values = {"table": make_table(columns, rows), "remarks": shown if remarks else None}
    return Section("labels", "Labels", values | {"hidden": len(remarks[MOST_ROWS:])})


def _time_spent(results: Results) -> Section:
    rows = read_table(results.summary, ["video", "behavior", "time_share", "bouts", "total_s"])
    shares = {(row["video"], row["behavior"]): percent(_float(row["time_share"])) for row in rows}
    totals = [[name, *_totals([row for row in rows if row["behavior"] == name])] for name in results.behaviors]
    cells = [
        [video.name, *(shares.get((video.name, name), "") for name in results.behaviors)] for video in results.videos
    ]
    columns = text("behavior") + numbers("bouts", "total", "mean of the videos' shares", "mean bout (s)")
    return Section(
        "time_spent",
        "Time budget",
        {
            "totals": make_table(columns, totals),
            "shares": make_table([*text("video"), *numbers(*results.behaviors)], cells),
        },
    )


def _totals(rows: Sequence[Mapping[str, str]]) -> list[str]:
    """Return number of bouts, time, mean share of time and mean bout length of a behavior over all videos."""
    bouts = sum(int(row["bouts"]) for row in rows)
    seconds = sum(_float(row["total_s"]) or 0.0 for row in rows)
    shares = [share for row in rows if (share := _float(row["time_share"])) is not None]
    mean = sum(shares) / len(shares) if shares else None
    return [f"{bouts:,}", length(seconds), percent(mean), number(seconds / bouts) if bouts else ""]


def _thresholds(results: Results, fitted: Mapping[str, Any]) -> Section:
    rows = []
    for name, own in fitted["behaviors"].items():
        pooled = own["pooled"] or {}
        plateau, recordings = pooled.get("plateau"), [one["threshold"] for one in own["recordings"].values()]
        cells = [name, number(own["threshold"]), f"{plateau[0]:.2f}, {plateau[1]:.2f}" if plateau else ""]
        cells.append(f"{min(recordings):.2f}, {max(recordings):.2f}" if len(recordings) > 1 else "")
        cells += [number(pooled.get("f1")), f"{own['positive_frames']:,}"]
        cells += [number(own["minimum_bout_s"]), str(own["bouts"]), number(own["minimum_gap_s"]), str(own["gaps"])]
        rows.append(cells)
    columns = text("behavior") + numbers("threshold", "best range (from, to)", "best of each recording (from, to)")
    columns += numbers("F1 out of fold", "positive frames")
    columns += numbers("minimum bout (s)", "bouts", "minimum gap (s)", "gaps")
    ethogram = results.settings.get("ethogram", {})
    replaced = any(ethogram.get(key, "auto") != "auto" for key in ("minimum_bout_s", "minimum_gap_s"))
    return Section(
        "thresholds",
        "Thresholds and minimum bout lengths",
        {
            "table": make_table(columns, rows),
            "calibration": _calibration(fitted),
            "videos": [made["video"] for made in fitted["made_from"]],
            "thresholded": any(own["threshold"] is not None for own in fitted["behaviors"].values()),
            "exclusive": bool(fitted["exclusive"]),
            "elsewhere": results.bundle is not None,
            "replaced": bool(ethogram.get("thresholds")) or replaced,
        },
    )


def _calibration(fitted: Mapping[str, Any]) -> Table | None:
    """Return the table of calibrations, and of errors before and after; None if there is nothing to show."""
    rows = []
    for name, own in fitted["behaviors"].items():
        calibration = own.get("calibration", {})  # bundles of earlier versions have none
        known = calibration.get("fitted", False)
        cells = [name, *(number(calibration[key]) if known else "" for key in ("slope", "offset"))]
        after = own.get("calibration_error_after") if known else None
        rows.append([*cells, _error(own["calibration_error"]), _error(after)])
    if not any(any(row[1:]) for row in rows):
        return None
    columns = text("behavior") + numbers("slope", "offset", "calibration error", "after calibration")
    return make_table(columns, rows)


def _models(settings: Mapping[str, Any], bundle: Mapping[str, Any], digest: str) -> Section:
    parts = bundle["trained_on"]
    rows = [
        [name, *(f"{parts[part]['behaviors'][name]['positive_frames']:,}" for part in ("train", "validate"))]
        for name in bundle["behaviors"]
    ]
    columns = text("behavior") + numbers("positive frames, training", "validation")
    return Section(
        "models",
        "Models",
        {
            "folder": settings["models"],
            "ethomake": bundle["ethomake"],
            "train": parts["train"]["videos"],
            "validate": parts["validate"]["videos"],
            "rate": rate(*bundle["frames_per_second"]),
            "digest": _hexadecimal(digest),
            "table": make_table(columns, rows),
        },
    )


def _methods(results: Results) -> Section:
    paragraphs = describe_methods(
        results.settings,
        exclusive=results.exclusive,
        parts={part: results.names(part) for part in PARTS},
        frames=results.frames,
        bundle=results.bundle is not None,
        tracked=any(video.manifest.get("track") for video in results.videos),
    )
    return Section("methods", "Methods", {"paragraphs": paragraphs})


def _provenance(results: Results) -> Section:
    rows = []
    for video in results.videos:
        rows.append((f"video {video.name}", video.manifest.get("source", {}).get("digest", "")))
        rows.append((f"frames of {video.name}", video.manifest.get("frames_digest", "")))
    for made in (results.metrics or {}).get("made_from", []):
        rows += [(f"{kind} of {made['video']}", made[kind]) for kind in ("labels", "predictions")]
    files = {"thresholds": results.thresholds} if results.thresholds else {}
    files |= {f"weights, {name}": path for name, path in results.weights.items()}
    files |= {"bundle.json of the bundle": results.bundle} if results.bundle else {}
    rows += [(name, file_digest(path)) for name, path in files.items()]
    shown = {name: results.settings[name] for name in SETTINGS if name in results.settings}
    cells = [(name, _hexadecimal(digest)) for name, digest in rows if digest]
    return Section(
        "provenance",
        "Provenance",
        {
            "versions": [("ethomake", __version__), ("Python", platform.python_version()), *_versions()],
            "seed": results.settings.get("seed"),
            "table": make_table([*text("content"), Column("SHA-256", "code")], cells),
            "settings": yaml.safe_dump(shown, sort_keys=False, allow_unicode=True, default_flow_style=None, width=100),
        },
    )


def _versions() -> Iterable[tuple[str, str]]:
    for package in PACKAGES:
        try:
            yield package, version(package)
        except PackageNotFoundError:
            continue


def _hexadecimal(digest: str) -> str:
    return digest.removeprefix("sha256:")


def _float(cell: str) -> float | None:
    return float(cell) if cell else None


def _error(value: float | None) -> str:
    """Return an error of probabilities, which is often smaller than .01, with three decimals."""
    return "" if value is None else f"{value:.3f}"
