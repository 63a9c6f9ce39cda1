"""The report: one self-contained page, to read, print and share."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ethomake import __version__
from ethomake.ethogram.thresholds import ALONE
from ethomake.files import read_json, write_text
from ethomake.labels.groups import Exclusive, in_words
from ethomake.report.methods import QUICK
from ethomake.report.page import render
from ethomake.report.results import Results, read_metrics, read_videos
from ethomake.report.sections import make_sections
from ethomake.text import counted, length, number, plural

LITTLE_MOTION = 0.25
"""Share of a known motion; a flow network that sees less makes a poor motion stream."""


def write_report(
    output: str | Path,
    *,
    videos: Sequence[Mapping[str, Any]],
    behaviors: Sequence[str],
    exclusive: Exclusive,
    summary: str | Path,
    transitions: str | Path | None = None,
    thresholds: str | Path | None = None,
    evaluation: str | Path | None = None,
    checks: str | Path | None = None,
    raters: str | Path | None = None,
    streams: str | Path | None = None,
    curves: Sequence[tuple[str, str | Path]] | None = None,
    weights: Mapping[str, str | Path] | None = None,
    motion_seen: float | None = None,
    settings: Mapping[str, Any],
    bundle: str | Path | None = None,
) -> None:
    """Write one self-contained HTML page: no network, no scripts, no date; all names chosen by users are escaped.

    Args:
        output: the HTML file to write.
        videos: for each video `video`, `part` (train, validate, test, check or ""), `subject`, `group`, `manifest`
            (path of video.json), `ethogram` (path of its figure, SVG or PNG) and, if it has labels, `imported` (path
            of the import report).
        behaviors: names, in order.
        exclusive: which behaviors exclude each other.
        summary: summary.csv.
        transitions: path of the transitions figure.
        thresholds: thresholds.json.
        evaluation: folder with the output of `evaluate` and `draw_evaluation`; None if nothing was evaluated.
        checks: folder with the output of `evaluate` on the check videos; None if there are none.
        raters: folder with the output of `compare_raters`; None if nobody scored a video a second time.
        streams: the scores of each stream by itself, scores.json; None if there are none.
        curves: title and figure of each trained stage.
        weights: weights files by name; their digests go into the provenance.
        motion_seen: the share of a known motion that the flow network sees; None if there is none, or it is not known.
        settings: the config with networks resolved; steps without settings are left out of the methods.
        bundle: bundle.json of the bundle that the models were taken from; None if they were trained here.
    """
    results = Results(
        videos=read_videos(videos),
        behaviors=behaviors,
        exclusive=exclusive,
        settings=settings,
        metrics=read_metrics(evaluation),
        evaluation=Path(evaluation or ""),
        checks=Path(checks) if checks else None,
        raters=Path(raters) if raters else None,
        streams=read_json(streams) if streams else None,
        fitted=read_json(thresholds) if thresholds else None,
        thresholds=thresholds,
        summary=summary,
        transitions=transitions,
        bundle=bundle,
        curves=curves or [],
        weights=weights or {},
        motion_seen=motion_seen,
    )
    page = render(
        "templates/report.html.j2",
        ethomake=__version__,
        videos=len(results.videos),
        length=length(sum(video.seconds for video in results.videos)),
        frames=results.frames,
        behaviors=behaviors,
        at_once=in_words(exclusive, behaviors) if exclusive and len(behaviors) > 1 else "",
        cards=_cards(results.metrics, behaviors) if results.metrics else [],
        warnings=_warnings(results),
        sections=list(make_sections(results)),
    )
    write_text(output, page)


def _cards(metrics: Mapping[str, Any], behaviors: Sequence[str]) -> list[dict[str, str]]:
    """Return the cards at the top of the page: a value, its label, and a smaller line to compare it with."""
    macro, chance = metrics["macro"], metrics["chance"].get("macro", {})
    mean = "mean " if len(behaviors) > 1 else ""
    cards = []
    for name, label in (("f1", "F1"), ("average_precision", "average precision"), ("accuracy", "accuracy")):
        level = chance.get(name, {})
        by_chance = f"chance: {number(level['mean'])} (95th percentile {number(level['p95'])})" if level else ""
        cards.append({"value": number(macro[name]) or "-", "label": mean + label, "small": by_chance})
    videos = len(metrics["videos"])
    scored = max((own["frames"] for own in metrics["behaviors"].values()), default=0)
    small = f"{scored:,} scored frames"
    return [*cards, {"value": str(videos), "label": plural(videos, "test video"), "small": small}]


def _warnings(results: Results) -> list[str]:
    """Return caveats that a reader should know before relying on the numbers."""
    notes = []
    if "frozen" in results.settings.get("streams", {}).get("enabled", ()):
        notes.append(f"Made with the quick tier: {QUICK} Compare it with trained streams before you publish.")
    if metrics := results.metrics:
        if len(metrics["videos"]) == 1:
            notes.append("There is one test video; another animal or day may give other numbers.")
        for name in results.behaviors:
            own, chance = metrics["behaviors"][name], metrics["chance"]["behaviors"].get(name, {})
            level = chance.get("f1", {}).get("p95")
            if own["f1"] is None:
                notes.append(f"{name}: no positive frame in the test videos, so it was not tested.")
            elif level is not None and own["f1"] <= level:
                notes.append(f"{name}: F1 {own['f1']:.2f} is not above chance (95th percentile {level:.2f}).")
    if results.fitted and (results.bundle or results.names("train") or results.names("validate")):
        for name, own in results.fitted["behaviors"].items():
            if own["threshold"] is not None and own["pooled"] is None:
                notes.append(f"{name}: {ALONE}.")
            elif own["disagree"]:
                best = sorted(one["threshold"] for one in own["recordings"].values())
                notes.append(
                    f"{name}: the best threshold differs between recordings, {best[0]:.2f} to {best[-1]:.2f}; before "
                    "you rely on it in a new recording, label some of that recording."
                )
    if results.motion_seen is not None and results.motion_seen < LITTLE_MOTION:
        notes.append(
            f"Optic flow: of frames that move by one pixel, the flow network sees {max(results.motion_seen, 0):.0%} of "
            "the motion, so the motion stream has little to learn from; train the flow network longer (flow.epochs), "
            "start from weights that were (flow.weights), or leave the motion stream out (streams.enabled)."
        )
    if results.streams:
        notes += _lost_streams(results.streams)
    for video in results.videos:
        if damaged := video.manifest.get("damaged"):
            frames = sum(stop - start for start, stop in damaged)
            notes.append(f"{video.name}: {counted(frames, 'damaged frame')} in the video file, not scored.")
        if lost := video.manifest.get("track", {}).get("lost"):
            frames = sum(stop - start for start, stop in lost)
            notes.append(f"{video.name}: {counted(frames, 'frame')} without a track of the animal, not scored.")
    return notes


def _lost_streams(streams: Mapping[str, Any]) -> list[str]:
    """Return a note for each behavior that a stream has learned and does not find in a recording new to it."""
    lost: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    learned = {}
    for row in streams["scores"]:
        if row["recording"] is None:
            learned[row["stream"], row["behavior"]] = row["average_precision"]
        if row["lost"]:
            lost.setdefault((row["stream"], row["behavior"]), []).append(row)
    remedy = ", or leave the stream out (streams.enabled)" if len(streams["streams"]) > 1 else ""
    notes = []
    for (stream, behavior), rows in lost.items():
        where = " and ".join(
            f"{row['recording']} (AP {row['average_precision']:.2f}, share {row['share']:.2f})" for row in rows
        )
        above = any(row["average_precision"] > row["chance"]["p95"] for row in rows)
        notes.append(
            f"{stream}: {behavior} in {plural(len(rows), 'recording')} {where} ranks "
            f"{'hardly' if above else 'no'} better than chance, while it reaches {learned[stream, behavior]:.2f} on "
            "videos it learned from: what this stream sees does not carry over; label some of "
            f"{'that recording' if len(rows) == 1 else 'those recordings'}{remedy}."
        )
    return notes
