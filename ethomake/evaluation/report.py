"""The report: one page that holds everything, to be read, printed and handed on."""

import base64
import platform
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import yaml

from ethomake import __version__
from ethomake.drawing import pick_colors
from ethomake.ethogram.tables import read_table
from ethomake.evaluation.methods import describe_methods
from ethomake.files import file_digest, read_json, write_text
from ethomake.ingest.times import frame_edges

PARTS = {"test": "test", "validate": "validation", "train": "training", "": "no labels used"}
"""Parts in the order of the page, and what they are called there."""

MOST_BYTES = 24_000_000
"""Of ethograms on the page; beyond, videos are named instead of shown, so that a browser still opens it."""

MANY_COLUMNS = 13
"""From here on the heads of a table stand upright."""

SECTIONS = (
    *("preset", "seed", "exclusive", "behaviors", "ingest", "split", "augmentation", "flow", "streams"),
    *("sequence", "ethogram", "evaluation"),
)
PACKAGES = ("torch", "torchvision", "numpy", "matplotlib", "snakemake", "zarr", "imageio-ffmpeg", "simplejpeg")

CSS = """
:root { color-scheme: light; }
body { margin: 0 auto; max-width: 1080px; padding: 24px 32px 64px; background: #fff; color: #1f2328;
  font: 15px/1.5 system-ui, "Segoe UI", "DejaVu Sans", sans-serif; }
h1 { font-size: 28px; line-height: 1.2; margin: 8px 0 4px; }
h2 { font-size: 20px; margin: 44px 0 8px; padding-top: 10px; border-top: 1px solid #d8dce1; }
h3 { font-size: 15px; margin: 22px 0 4px; }
p { margin: 6px 0 10px; max-width: 78ch; }
.lead { color: #4b5563; font-size: 16px; }
.note, figcaption { color: #5b6470; font-size: 13px; max-width: 90ch; }
nav { font-size: 13px; margin: 12px 0 20px; }
nav a { color: #0a5ea8; text-decoration: none; margin-right: 14px; white-space: nowrap; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(200px, 1fr)); gap: 12px; margin: 18px 0; }
.card { border: 1px solid #d8dce1; border-radius: 8px; padding: 12px 16px; }
.card b { display: block; font-size: 30px; line-height: 1.15; font-variant-numeric: tabular-nums; }
.card span { color: #5b6470; font-size: 13px; display: block; }
.care { border-left: 4px solid #e69f00; background: #fff8e8; padding: 8px 16px; margin: 16px 0; font-size: 14px; }
.care ul { margin: 4px 0; padding-left: 20px; }
figure { margin: 14px 0 20px; break-inside: avoid; }
figure img { max-width: 100%; height: auto; display: block; }
.pair img { max-height: 205px; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(420px, 1fr)); gap: 8px 28px; align-items: start; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: 13px; margin: 10px 0 14px; font-variant-numeric: tabular-nums; }
th { text-align: left; font-weight: 600; color: #4b5563; border-bottom: 1.5px solid #9aa0a6; padding: 4px 16px 4px 0;
  vertical-align: bottom; }
td { border-bottom: 1px solid #e5e7eb; padding: 4px 16px 4px 0; white-space: nowrap; }
th.n, td.n { text-align: right; }
.wide th.n { writing-mode: vertical-rl; transform: rotate(180deg); text-align: left; padding: 4px 0 4px 6px; }
.wide td.n { padding-right: 8px; }
tr.total td { font-weight: 600; border-top: 1.5px solid #9aa0a6; }
tr.total ~ tr.total td { border-top: 0; }
.dot { display: inline-block; width: 10px; height: 10px; border-radius: 50%; margin-right: 7px; }
code, pre { font: 12px/1.45 ui-monospace, "DejaVu Sans Mono", monospace; }
td code { white-space: nowrap; }
pre { background: #f6f7f9; border: 1px solid #e5e7eb; border-radius: 6px; padding: 10px 14px; white-space: pre-wrap; }
@media print { body { max-width: none; padding: 0; font-size: 11pt; } nav { display: none; }
  h2 { break-after: avoid; } tr, .card { break-inside: avoid; } .scroll { overflow: visible; }
  td, th { white-space: normal; } }
"""


def write_report(
    output: str | Path,
    *,
    videos: Sequence[Mapping[str, Any]],
    behaviors: Sequence[str],
    exclusive: bool,
    summary: str | Path,
    transitions: str | Path | None = None,
    thresholds: str | Path | None = None,
    evaluation: str | Path | None = None,
    curves: Sequence[tuple[str, str | Path]] | None = None,
    weights: Mapping[str, str | Path] | None = None,
    settings: Mapping[str, Any],
    bundle: str | Path | None = None,
) -> None:
    """Write one self-contained HTML page: no network, no scripts, no date; all that users named is escaped.

    Args:
        output: the page.
        videos: of each video `video`, `part` (train, validate, test or ""), `subject`, `group`, `manifest` (path of
            video.json) and `ethogram` (path of its figure, SVG or PNG).
        behaviors: names, in order.
        exclusive: at most one behavior at a time.
        summary: summary.csv.
        transitions: figure of the transitions.
        thresholds: thresholds.json.
        evaluation: folder with what `evaluate` and `draw_evaluation` wrote; None if nothing was evaluated.
        curves: title and figure of each trained stage.
        weights: weights files by name; their digests go into the provenance.
        settings: the config with networks resolved; what it lacks is left out of the methods.
        bundle: bundle.json of the bundle that the models were taken from; None if they were trained here.
    """
    manifests = {row["video"]: read_json(row["manifest"]) for row in videos}
    metrics = read_json(Path(evaluation) / "metrics.json") if evaluation else None
    if metrics and not metrics["videos"]:
        metrics = None
    fitted = read_json(thresholds) if thresholds else None
    colors = pick_colors(behaviors, settings.get("ethogram", {}).get("colors"))
    ordered = sorted(videos, key=lambda row: list(PARTS).index(row.get("part", "")))  # stable: table order stays
    parts = {part: [row["video"] for row in videos if row.get("part", "") == part] for part in PARTS}

    sections: list[tuple[str, str]] = []  # heading, content
    shown, hidden = _ethograms(ordered, metrics)
    if metrics:
        sections.append(("Test videos", _test_note() + shown["test"]))
        sections.append(("Agreement, behavior by behavior", _agreement(metrics, behaviors, colors, Path(evaluation))))
        sections.append(("Bouts", _bouts(behaviors, Path(evaluation))))
        if len(metrics["videos"]) > 1:
            sections.append(("Video by video", _per_video(metrics, behaviors, Path(evaluation))))
    sections.append(("Videos", _videos(ordered, manifests)))
    sections.append(("Time spent", _time_spent(ordered, behaviors, summary)))
    if transitions and len(behaviors) > 1:
        sections.append(("What follows what", _transitions(transitions)))
    others = "".join(html for part, html in shown.items() if not (metrics and part == "test"))
    if others or hidden:
        sections.append(("Other ethograms" if metrics else "Ethograms", others + hidden))
    if fitted:
        sections.append(("Thresholds and shortest bouts", _thresholds(fitted, settings, bundle is not None)))
    if curves:
        sections.append(("Learning curves", _curves(curves)))
    if bundle:
        sections.append(("Models", _models(bundle, settings)))
    frames = sum(manifest["frames"] for manifest in manifests.values())
    text = describe_methods(settings, exclusive=exclusive, parts=parts, frames=frames, bundle=bundle is not None)
    sections.append(("Methods", "".join(f"<p>{escape(paragraph)}</p>" for paragraph in text)))
    files = {f"weights, {name}": path for name, path in (weights or {}).items()}
    files |= {"bundle.json of the bundle": bundle} if bundle else {}
    sections.append(("Provenance", _provenance(manifests, metrics, thresholds, files, settings)))

    title = f"Ethograms of {_count(len(videos), 'video')}"
    head = f"<h1>{title}</h1>{_lead(manifests, behaviors, exclusive)}"
    links = " ".join(f'<a href="#s{n}">{escape(name)}</a>' for n, (name, _) in enumerate(sections))
    body = "".join(
        f'<section id="s{n}"><h2>{escape(name)}</h2>{html}</section>' for n, (name, html) in enumerate(sections)
    )
    trained = bool(bundle or parts["train"] or parts["validate"])
    care = _care(metrics, fitted, behaviors, manifests, trained)
    write_text(
        output,
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{CSS}</style></head>\n"
        f"<body>{head}<nav>{links}</nav>{_cards(metrics, behaviors)}{care}{body}</body></html>\n",
    )


def _lead(manifests: Mapping[str, Mapping], behaviors: Sequence[str], exclusive: bool) -> str:
    frames = sum(manifest["frames"] for manifest in manifests.values())
    seconds = sum(_seconds(manifest) for manifest in manifests.values())
    how = ", one at a time" if exclusive and len(behaviors) > 1 else ""
    return (
        f'<p class="lead">{_duration(seconds)} of video, {frames:,} frames; '
        f"{_count(len(behaviors), 'behavior')}{how}: {escape(', '.join(behaviors))}. "
        f"Made by ethomake {__version__}.</p>"
    )


def _cards(metrics: Mapping | None, behaviors: Sequence[str]) -> str:
    if not metrics:
        return (
            '<div class="care">No test video with labels: this page shows what the model says, and nothing here '
            "tells how often it is right. Score one more video, mark it <code>test</code>, and run again.</div>"
        )
    macro, chance = metrics["macro"], metrics["chance"].get("macro", {})
    mean = "mean " if len(behaviors) > 1 else ""
    cards = []
    for name, label in (("f1", "F1"), ("average_precision", "average precision"), ("accuracy", "accuracy")):
        level = chance.get(name, {})
        by_chance = f"by chance {_number(level['mean'])} (95 % below {_number(level['p95'])})" if level else ""
        cards.append((_number(macro[name]) or "-", mean + label, by_chance))
    scored = max((own["frames"] for own in metrics["behaviors"].values()), default=0)
    cards.append(
        (str(len(metrics["videos"])), _plural(len(metrics["videos"]), "test video"), f"{scored:,} scored frames")
    )
    return '<div class="cards">' + "".join(
        f'<div class="card"><b>{value}</b><span>{escape(label)}</span><span>{escape(small)}</span></div>'
        for value, label, small in cards
    ) + "</div>"  # fmt: skip


def _care(
    metrics: Mapping | None,
    fitted: Mapping | None,
    behaviors: Sequence[str],
    manifests: Mapping[str, Mapping],
    trained: bool,
) -> str:
    """What a reader should know before believing a number."""
    notes = []
    if metrics:
        if len(metrics["videos"]) == 1:
            notes.append("There is one test video; another animal or day may give other numbers.")
        for name in behaviors:
            own, chance = metrics["behaviors"][name], metrics["chance"]["behaviors"].get(name, {})
            level = chance.get("f1", {}).get("p95")
            if own["f1"] is None:
                notes.append(f"{name}: no positive frame in the test videos, so it was not tested.")
            elif level is not None and own["f1"] <= level:
                notes.append(f"{name}: F1 {own['f1']:.2f} is not above chance (95th percentile {level:.2f}).")
    if fitted and trained:
        for name, own in fitted["behaviors"].items():
            if own["threshold"] is not None and own["plateau"] is None:
                notes.append(f"{name}: no positive frame in the validation videos; its threshold was not fitted.")
    for name, manifest in manifests.items():
        if damaged := manifest.get("damaged"):
            frames = sum(stop - start for start, stop in damaged)
            notes.append(f"{name}: {_count(frames, 'damaged frame')} in the video file, not scored.")
    if not notes:
        return ""
    return (
        '<div class="care"><b>Read with care</b><ul>'
        + "".join(f"<li>{escape(note)}</li>" for note in notes)
        + "</ul></div>"
    )


def _test_note() -> str:
    return (
        "<p>Nothing was trained, chosen or fitted on these videos. Above, what the human scored; below, what the model "
        "says; hatched where nobody scored.</p>"
    )


def _ethograms(videos: Sequence[Mapping], metrics: Mapping | None) -> tuple[dict[str, str], str]:
    """Figures of each part as long as they fit on the page, and a line that names the other videos."""
    shown, left, used = dict.fromkeys(PARTS, ""), [], 0
    for row in videos:
        size = Path(row["ethogram"]).stat().st_size
        if used + size > MOST_BYTES:
            left.append(row["video"])
            continue
        used += size
        part = row.get("part", "")
        about = [PARTS[part]] if part in ("train", "validate") else []
        about += [f"{key} {row[key]}" for key in ("subject", "group") if row.get(key)]
        caption = ", ".join(about)
        if part == "train":
            caption += " (the model has seen these labels: agreement here says little)"
        shown[part] += _figure(row["ethogram"], f"Ethogram of {row['video']}", caption)
    hidden = f'<p class="note">Not shown here, see their files: {escape(", ".join(left))}.</p>' if left else ""
    return {part: html for part, html in shown.items() if html or (metrics and part == "test")}, hidden


def _agreement(metrics: Mapping, behaviors: Sequence[str], colors: Sequence[str], folder: Path) -> str:
    heads = ["behavior", "positive frames", "share", "precision", "recall", "F1", "chance F1", "AP", "chance AP"]
    heads += ["AUROC", "accuracy", "kappa"]
    rows, total = [], []
    rows_of = [(name, metrics["behaviors"][name], metrics["chance"]["behaviors"].get(name, {})) for name in behaviors]
    rows_of += [("mean (macro)", metrics["macro"], metrics["chance"].get("macro", {}))] if len(behaviors) > 1 else []
    rows_of += [("pooled (micro)", metrics["micro"], {})] if len(behaviors) > 1 else []
    rows_of += [("background", metrics["background"], {})]
    for name, own, chance in rows_of:
        share = own["positive_frames"] / own["frames"] if own.get("frames") else None
        positive = f"{own['positive_frames']:,}" if "positive_frames" in own else ""
        color = colors[behaviors.index(name)] if name in behaviors else None
        rows.append(
            [
                *(_named(name, color), positive, _percent(share)),
                *(_number(own[key]) for key in ("precision", "recall")),
                *(_number(own["f1"]), _number(chance.get("f1", {}).get("p95"))),
                *(_number(own["average_precision"]), _number(chance.get("average_precision", {}).get("p95"))),
                *(_number(own[key]) for key in ("auroc", "accuracy", "kappa")),
            ]
        )
        total.append(name not in behaviors)
    shifts = metrics["chance"]["shifts"]
    note = (
        f"Chance: 95th percentile over {shifts} circular shifts of the labels against the predictions. "
        if shifts
        else ""
    ) + "AP: average precision. Empty: not defined."
    if len(behaviors) > 1:
        note += " Mean and pooled are over the behaviors, without background."
    return (
        _table(heads, rows, total=total)
        + f'<p class="note">{note}</p>'
        + _figure(folder / "scores.svg", "Scores of each behavior against chance")
        + _figure(
            folder / "precision_recall.svg",
            "Precision against recall",
            "Precision and recall at every threshold. Dot: the decisions, bouts cleaned. Dashed: share of positive "
            "frames.",
        )
        + _figure(
            folder / "confusion.svg",
            "Confusion matrix",
            "What the model says while the human says something. Where several behaviors are on at once, a behavior "
            "that the model missed counts toward those that only the model has, else toward background.",
        )
        + _figure(
            folder / "calibration.svg",
            "Calibration",
            "How often a behavior was labelled where the model gave it a certain probability; larger dots, more "
            "frames. On the dashed line probabilities can be taken at their word.",
        )
    )


def _bouts(behaviors: Sequence[str], folder: Path) -> str:
    rows = read_table(folder / "bout_statistics.csv", ["video", "behavior"])
    heads = [
        "behavior",
        "video",
        *(f"{what}, {who}" for what in ("time", "bouts", "mean (s)") for who in ("human", "model")),
    ]
    cells = []
    for name in behaviors:
        for row in (row for row in rows if row["behavior"] == name):
            cell = [escape(name), escape(row["video"])]
            cell += [_percent(_float(row[f"{who}_time_share"])) for who in ("human", "model")]
            cell += [row[f"{who}_bouts"] for who in ("human", "model")]
            cell += [_number(_float(row[f"{who}_mean_duration_s"])) for who in ("human", "model")]
            cells.append(cell)
    figure = _figure(
        folder / "bout_statistics.svg",
        "Bouts, human against model",
        "A dot is a behavior in a test video. Only scored frames count.",
    )
    return figure + (_table(heads, cells, words=2) if len(cells) <= 80 else "")


def _per_video(metrics: Mapping, behaviors: Sequence[str], folder: Path) -> str:
    rows = read_table(folder / "per_video.csv", ["video", "behavior", "f1"])
    f1 = {(row["video"], row["behavior"]): _number(_float(row["f1"])) for row in rows}
    names = [*behaviors, "macro"] if len(behaviors) > 1 else list(behaviors)
    heads = ["video", *("mean" if name == "macro" else name for name in names)]
    cells = [[escape(video), *(f1.get((video, name), "") for name in names)] for video in metrics["videos"]]
    return "<p>F1 of each test video. Empty where the behavior was not scored or never on.</p>" + _table(heads, cells)


def _videos(videos: Sequence[Mapping], manifests: Mapping[str, Mapping]) -> str:
    rows = []
    for row in videos:
        manifest = manifests[row["video"]]
        size = manifest.get("source_size")
        rows.append(
            [
                *(escape(str(text)) for text in (row["video"], PARTS[row.get("part", "")])),
                *(escape(str(row.get(key, "") or "")) for key in ("subject", "group")),
                f"{manifest['frames']:,}",
                f"{manifest['fps']:.4g}",
                _duration(_seconds(manifest)),
                f"{size[1]} x {size[0]}" if size else "",
                escape(manifest.get("source", {}).get("name", "")),
            ]
        )
    heads = ["video", "part", "subject", "group", "frames", "frames/s", "length", "width x height", "file"]
    return _table(heads, rows, words={"video", "part", "subject", "group", "file"})


def _time_spent(videos: Sequence[Mapping], behaviors: Sequence[str], summary: str | Path) -> str:
    rows = read_table(summary, ["video", "behavior", "time_share", "bouts", "mean_duration_s"])
    found = {(row["video"], row["behavior"]): row for row in rows}
    cells = []
    for video in (row["video"] for row in videos):
        own = [found.get((video, name)) for name in behaviors]
        cells.append([escape(video), *(_percent(_float(row["time_share"])) if row else "" for row in own)])
    totals = []
    for name in behaviors:
        own = [row for row in rows if row["behavior"] == name]
        totals.append([escape(name), *_totals(own)])
    return (
        "<p>What the model says of all videos, scored or not. Every number, with latencies and rates, is in "
        "<code>summary.csv</code>; every bout is in <code>bouts/</code>.</p>"
        + _table(["behavior", "bouts", "total", "mean of the videos' shares", "mean bout (s)"], totals)
        + "<h3>Share of time, video by video</h3>"
        + _table(["video", *behaviors], cells)
    )


def _totals(rows: Sequence[Mapping[str, str]]) -> list[str]:
    bouts = sum(int(row["bouts"]) for row in rows)
    seconds = sum(_float(row["total_s"]) or 0.0 for row in rows)
    shares = [share for row in rows if (share := _float(row["time_share"])) is not None]
    mean = sum(shares) / len(shares) if shares else None
    return [f"{bouts:,}", _duration(seconds), _percent(mean), _number(seconds / bouts) if bouts else ""]


def _transitions(figure: str | Path) -> str:
    return _figure(
        figure,
        "Transitions between behaviors",
        "All bouts of a video in the order in which they begin, whether or not the earlier one is over: how often the "
        "behavior of the column began next after that of the row. Rows sum to 1.",
    )


def _thresholds(fitted: Mapping, settings: Mapping[str, Any], elsewhere: bool) -> str:
    heads = ["behavior", "threshold", "as good (from, to)", "F1 on validation", "positive frames", "shortest bout (s)"]
    heads += ["of bouts", "shortest gap (s)", "of gaps"]
    rows = []
    for name, own in fitted["behaviors"].items():
        plateau = own["plateau"]
        rows.append(
            [
                *(escape(name), _number(own["threshold"])),
                f"{plateau[0]:.2f}, {plateau[1]:.2f}" if plateau else "",
                *(_number(own["validation_f1"]), f"{own['positive_frames']:,}"),
                *(_number(own["minimum_bout_s"]), str(own["bouts"]), _number(own["minimum_gap_s"]), str(own["gaps"])),
            ]
        )
    ethogram = settings.get("ethogram", {})
    changed = ethogram.get("thresholds") or any(
        ethogram.get(key, "auto") != "auto" for key in ("minimum_bout_s", "minimum_gap_s")
    )
    note = " The settings replace some of them, see the configuration below." if changed else ""
    names = [made["video"] for made in fitted["made_from"]]
    if not names:
        return f"<p>There was no validation video with labels: nothing was fitted.{note}</p>" + _table(heads, rows)
    videos = f"{_count(len(names), 'video')} of the bundle's project" if elsewhere else ", ".join(names)
    return f"<p>Fitted on {escape(videos)}.{note}</p>" + _table(heads, rows)


def _curves(curves: Sequence[tuple[str, str | Path]]) -> str:
    figures = "".join(_figure(path, f"Learning curves: {title}", title) for title, path in curves)
    return f'<div class="pair">{figures}</div>'


def _models(bundle: str | Path, settings: Mapping[str, Any]) -> str:
    content = read_json(bundle)
    rows = []
    for name in content["behaviors"]:
        counts = [content["trained_on"][part]["behaviors"][name]["positive_frames"] for part in ("train", "validate")]
        rows.append([escape(name), *(f"{count:,}" for count in counts)])
    train, validate = (content["trained_on"][part]["videos"] for part in ("train", "validate"))
    lowest, highest = content["frames_per_second"]
    rate = f"{lowest:.4g}" if lowest == highest else f"{lowest:.4g} to {highest:.4g}"
    return (
        f"<p>No network was trained here. Networks, thresholds and shortest bouts come from the bundle "
        f"<code>{escape(settings['models'])}</code>, made by ethomake {escape(content['ethomake'])} from "
        f"{_count(train, 'training video')} and {_count(validate, 'validation video')} at {rate} frames a second. "
        f"SHA-256 of its <code>bundle.json</code>, which has those of its files: {_code(file_digest(bundle))}.</p>"
        + _table(["behavior", "frames with it, training", "validation"], rows)
    )


def _provenance(
    manifests: Mapping[str, Mapping],
    metrics: Mapping | None,
    thresholds: str | Path | None,
    files: Mapping[str, str | Path],
    settings: Mapping[str, Any],
) -> str:
    rows = []
    for name, manifest in manifests.items():
        rows.append((f"video {name}", manifest.get("source", {}).get("digest", "")))
        rows.append((f"frames of {name}", manifest.get("frames_digest", "")))
    for made in (metrics or {}).get("made_from", []):
        rows += [(f"{kind} of {made['video']}", made[kind]) for kind in ("labels", "predictions")]
    if thresholds:
        rows.append(("thresholds", file_digest(thresholds)))
    rows += [(name, file_digest(path)) for name, path in files.items()]
    digests = _table(
        ["content", "SHA-256"], [[escape(name), _code(digest)] for name, digest in rows if digest], words=2
    )
    versions = [("ethomake", __version__), ("Python", platform.python_version()), *_versions()]
    text = ", ".join(f"{name} {number}" for name, number in versions)
    seed = f" Seed {settings['seed']}." if "seed" in settings else ""
    config = {name: settings[name] for name in SECTIONS if name in settings}
    dump = yaml.safe_dump(config, sort_keys=False, allow_unicode=True, default_flow_style=None, width=100)
    return f"<p>{escape(text)}.{seed}</p>{digests}<h3>Configuration</h3><pre>{escape(dump)}</pre>"


def _versions() -> Iterable[tuple[str, str]]:
    for package in PACKAGES:
        try:
            yield package, version(package)
        except PackageNotFoundError:
            continue


def _code(digest: str) -> str:
    return f"<code>{escape(digest.removeprefix('sha256:'))}</code>"


def _figure(path: str | Path, alt: str, caption: str = "") -> str:
    path = Path(path)
    kind = "svg+xml" if path.suffix == ".svg" else path.suffix.removeprefix(".")
    data = base64.b64encode(path.read_bytes()).decode()
    text = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    return f'<figure><img alt="{escape(alt)}" src="data:image/{kind};base64,{data}">{text}</figure>'


def _table(
    heads: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    words: int | set[str] = 1,
    total: Sequence[bool] | None = None,
) -> str:
    """A table; columns without any content are left out.

    Args:
        heads: of the columns; escaped here.
        rows: HTML.
        words: the first so many columns, or these, are text; the others are numbers.
        total: which rows are sums.
    """
    text = {heads[i] for i in range(words)} if isinstance(words, int) else words
    keep = [i for i in range(len(heads)) if any(row[i] for row in rows)]
    kinds = ["" if head in text else ' class="n"' for head in heads]
    head = "".join(f"<th{kinds[i]}>{escape(heads[i])}</th>" for i in keep)
    body = ""
    for n, row in enumerate(rows):
        mark = ' class="total"' if total and total[n] else ""
        body += f"<tr{mark}>{''.join(f'<td{kinds[i]}>{row[i]}</td>' for i in keep)}</tr>"
    wide = ' class="wide"' if len(keep) > MANY_COLUMNS else ""
    return f'<div class="scroll"><table{wide}><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _named(name: str, color: str | None) -> str:
    dot = f'<span class="dot" style="background:{color}"></span>' if color else ""
    return dot + escape(name)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.1f} %"


def _float(text: str) -> float | None:
    return float(text) if text else None


def _plural(count: int, noun: str) -> str:
    return noun if count == 1 else noun + "s"


def _count(count: int, noun: str) -> str:
    return f"{count:,} {_plural(count, noun)}"


def _seconds(manifest: Mapping) -> float:
    edges = frame_edges(manifest)
    return float(edges[-1] - edges[0])


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.3g} s"
    if seconds < 3600:
        return f"{int(seconds // 60)} min {int(seconds % 60)} s"
    return f"{int(seconds // 3600)} h {int(seconds % 3600 // 60)} min"
