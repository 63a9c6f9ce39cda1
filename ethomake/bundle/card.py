"""The model card of a bundle: what it predicts, its scores and its limits, for people who receive the bundle."""

from collections.abc import Mapping, Sequence
from typing import Any

from ethomake.bundle.fit import follows
from ethomake.ethogram.decide import Rule
from ethomake.labels.groups import in_words
from ethomake.report.methods import PAPER, QUICK, network_title
from ethomake.text import escape_markdown as escape
from ethomake.text import markdown_table, number, rate

ROLES = {
    "flow": "optic flow between frames",
    "spatial": "what a frame looks like",
    "motion": "how it moves, from ten flows",
    "frozen": "three neighboring grey frames; pretrained on photographs, not trained on these videos",
    "sequence": "the course over time",
}
KEYS = ("scored_frames", "positive_frames")
FEW = 1000  # frames with a behavior; the paper's curves are steep up to some thousands


def describe(
    content: Mapping[str, Any], rules: Sequence[Rule], metrics: Mapping[str, Any] | None, figures: Sequence[str]
) -> str:
    """Return the model card in Markdown.

    Args:
        content: bundle.json.
        rules: decision rule of each behavior.
        metrics: metrics.json of the test videos; None if there were none.
        figures: paths of figures relative to the bundle.
    """
    sections = [
        ("What it predicts", _predicts(content)),
        ("How to use it", _use()),
        ("What it was trained on", _trained_on(content)),
        ("How good it is", _scores(metrics, content["behaviors"], figures)),
        ("Thresholds", _thresholds(content["behaviors"], rules)),
        ("Limits", _limits(content, metrics)),
        ("License", _license(content)),
        ("Citation", f"The method is that of {PAPER} (https://doi.org/10.7554/eLife.63377)."),
    ]
    title = f"# Behaviors in videos: {', '.join(map(escape, content['behaviors']))}\n\n"
    made = (
        f"A model bundle made by ethomake {content['ethomake']}. Weights are in safetensors files, which hold no code."
    )
    return title + made + "\n" + "".join(f"\n## {name}\n\n{text}\n" for name, text in sections)


def _predicts(content: Mapping[str, Any]) -> str:
    how = escape(in_words(content["exclusive"], content["behaviors"]))
    height, width = content["image_size"]
    shape = "padded to keep the aspect ratio" if content["keep_aspect"] else "stretched"
    rows = [[escape(ROLES[name]), network_title(network)] for name, network in content["networks"].items()]
    return (
        f"For every frame of a video, the probability of each behavior and whether it is present; {how}.\n"
        f"It takes frames of {width} x {height} pixels (width x height, {shape}). {_shows(content)}\n\n"
        + markdown_table(["sees", "network"], rows, words=2)
    )


def _shows(content: Mapping[str, Any]) -> str:
    """Return a sentence on what the pictures have to show."""
    tracked, turned = follows(content), " and turned with it" if content.get("align") else ""
    if tracked is None:
        count = sum(part.get("tracked", 0) for part in content["trained_on"].values())
        return f"In {count} of its videos they were cut out along the track of an animal{turned}." if count else ""
    if tracked:
        return f"They are cut out along the track of an animal{turned}; videos without a track are refused."
    return "They stand still: videos whose picture follows a track are refused."


def _license(content: Mapping[str, Any]) -> str:
    """Return the place for the license of a bundle, and those of the weights that its networks started from."""
    text = "License of these weights: *(to be filled in before sharing this folder)*"
    rows = []
    for name, own in content.get("pretrained", {}).items():
        page = f"<{own['page']}>" if own.get("page") else ""
        rows.append([escape(name), escape(own["source"]), escape(own.get("license") or "not known"), page])
    if not rows:
        return text
    heads = ["network", "started from", "license of these, as published", "about them"]
    note = "They contain, or were trained from, the weights of others, whose terms hold for them, too:"
    return f"{text}\n\n{note}\n\n" + markdown_table(heads, rows, words=4)


def _use() -> str:
    return (
        "In a folder of your own, with ethomake (see its `docs/bundle.md`):\n\n"
        "1. `config.yaml`: the two lines `example: none` and `models: path/to/this/folder`\n"
        "2. `videos.csv`: a line `video,path`, then one line per video with its name and path\n"
        "3. `path/to/ethomake/run snakemake`, then open `results/report/main.html`"
    )


def _trained_on(content: Mapping[str, Any]) -> str:
    frames = rate(*content["frames_per_second"])
    train, validate = (content["trained_on"][part] for part in ("train", "validate"))
    rows = [
        [
            escape(name),
            *(f"{part['behaviors'][name][key]:,}" for part in (train, validate) for key in KEYS),
        ]
        for name in content["behaviors"]
    ]
    heads = ["behavior", "training: scored frames", "with it", "validation: scored frames", "with it"]
    return (
        f"Videos with labels: {train['videos']} for training ({train['frames']:,} frames), {validate['videos']} for "
        f"validation ({validate['frames']:,} frames), {frames} frames per second. All that learns from labels learned "
        "from both.\n\n" + markdown_table(heads, rows)
    )


def _scores(metrics: Mapping[str, Any] | None, behaviors: Sequence[str], figures: Sequence[str]) -> str:
    if not metrics or not metrics["videos"]:
        return "Not evaluated: there were no test videos. Score some videos of your own before you rely on it."
    chance = metrics["chance"]
    rows_of = [(name, metrics["behaviors"][name], chance["behaviors"].get(name, {})) for name in behaviors]
    rows_of += [("mean", metrics["macro"], chance.get("macro", {}))] if len(behaviors) > 1 else []
    rows = [
        [
            escape(name),
            f"{own['positive_frames']:,}" if "positive_frames" in own else "",
            *(number(own[key]) for key in ("precision", "recall", "f1")),
            number(level.get("f1", {}).get("p95")),
            number(own["average_precision"]),
            number(level.get("average_precision", {}).get("p95")),
        ]
        for name, own, level in rows_of
    ]
    heads = ["behavior", "frames with it", "precision", "recall", "F1", "F1 by chance", "AP", "AP by chance"]
    many = f"{len(metrics['videos'])} test videos" if len(metrics["videos"]) > 1 else "one test video"
    note = (
        f"On {many}, on which nothing was trained, chosen or fitted. Chance: what 95 % of "
        f"{chance['shifts']} shifts of the labels in time stay below. AP: average precision. Empty: not defined."
    )
    images = "".join(f"\n\n![{name.removeprefix('evaluation/').removesuffix('.png')}]({name})" for name in figures)
    return f"{note}\n\n" + markdown_table(heads, rows) + images.rstrip("\n")


def _thresholds(behaviors: Sequence[str], rules: Sequence[Rule]) -> str:
    rows = [
        [
            escape(name),
            "" if rule.threshold is None else f"{rule.threshold:.4g}",
            f"{rule.minimum_bout_s:.4g}",
            f"{rule.minimum_gap_s:.4g}",
        ]
        for name, rule in zip(behaviors, rules, strict=True)
    ]
    by_threshold = [rule.threshold is not None for rule in rules]
    text = "Probabilities from the threshold on count as present; shorter gaps are closed, then shorter bouts removed."
    if not any(by_threshold):
        text = "The most probable behavior, or background, is taken."
    elif not all(by_threshold):
        text += " Of behaviors without one, which exclude others, the most probable one of a group, or none, is taken."
    return f"{text}\n\n" + markdown_table(["behavior", "threshold", "shortest bout (s)", "shortest gap (s)"], rows)


def _limits(content: Mapping[str, Any], metrics: Mapping[str, Any] | None) -> str:
    frames = rate(*content["frames_per_second"])
    limits = [
        "It works for animals, cameras and light like those it was trained on. For others, score a few videos and "
        "compare before you rely on it; thresholds are the first to be off.",
        f"It was trained at {frames} frames per second. At another rate movements appear slower or faster to it.",
        "Behaviors that are not named above are not predicted, but taken for one of these or for none.",
    ]
    if "frozen" in content["streams"]:
        limits.append(f"It is of the quick tier: {QUICK}")
    learned = [part["behaviors"] for part in content["trained_on"].values()]
    if few := [name for name in content["behaviors"] if sum(part[name]["positive_frames"] for part in learned) < FEW]:
        limits.append(f"Learned from fewer than {FEW:,} frames: {', '.join(map(escape, few))}.")
    tested, chance = (metrics["behaviors"], metrics["chance"]["behaviors"]) if metrics else ({}, {})
    for name in content["behaviors"] if metrics else ():
        own, level = tested[name], chance.get(name, {}).get("f1", {}).get("p95")
        if own["f1"] is None:
            limits.append(f"{escape(name)}: not tested, no test video shows it.")
        elif level is not None and own["f1"] <= level:
            limits.append(f"{escape(name)}: in the test videos no better than chance.")
    return "\n".join(f"- {limit}" for limit in limits)
