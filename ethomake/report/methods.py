"""The methods paragraph of the report, written from the settings that were used."""

from collections.abc import Mapping, Sequence
from typing import Any

from ethomake.errors import InputError
from ethomake.flow.registry import FLOW_NETWORKS
from ethomake.labels.groups import Exclusive
from ethomake.sequence.registry import SEQUENCE_NETWORKS
from ethomake.streams.registry import find_network

BUNDLED = (
    "All networks, thresholds and minimum lengths described below were trained and fitted on the videos of another "
    "project and taken from its bundle unchanged."
)
QUICK = (
    "its backbone was not trained on such videos, so it finds what is plain to see, and falls behind trained streams "
    "on subtle behaviors, above all in recordings that it did not learn from."
)
PAPER = "Bohnslav et al., DeepEthogram, eLife 2021;10:e63377"

FACTORS = {"scale": 1, "rate": 1}  # settings of the augmentation that are factors, with the one that changes nothing


def describe_methods(
    settings: Mapping[str, Any],
    *,
    exclusive: Exclusive,
    parts: Mapping[str, Sequence[str]],
    frames: int,
    bundle: bool = False,
    tracked: bool = False,
) -> list[str]:
    """Return the paragraphs of the methods section; steps without settings are left out.

    Args:
        settings: the resolved config.
        exclusive: which behaviors exclude each other.
        parts: names of the videos of each part: train, validate, test.
        frames: number of frames of all videos together.
        bundle: whether all models were taken from a bundle, trained and fitted on other videos.
        tracked: whether pictures of some video follow an animal.
    """
    paragraphs = [
        _input(settings.get("ingest", {}), settings.get("track", {}) if tracked else {}, frames),
        BUNDLED if bundle else "",
        _flow(settings),
        _streams(settings.get("streams", {}), settings.get("augmentation", {}), exclusive),
        _sequence(settings.get("sequence", {})),
        _decisions(
            exclusive,
            _some_alone(settings, exclusive),
            fitted=bundle or len([*parts.get("train", []), *parts.get("validate", [])]) > 1,
        ),
        _evaluation(settings.get("evaluation", {}), parts),
        _source(settings.get("streams", {})),
    ]
    return [paragraph for paragraph in paragraphs if paragraph]


def network_title(name: str) -> str:
    """Return the title of a network, or its name if it is not registered."""
    networks = {**FLOW_NETWORKS, **SEQUENCE_NETWORKS}
    try:
        return networks[name].title if name in networks else find_network(str(name)).title
    except InputError:
        return str(name)


def _input(ingest: Mapping[str, Any], track: Mapping[str, Any], frames: int) -> str:
    text = f"All {frames:,} frames were decoded one by one, in the order and number in which the videos hold them"
    if size := ingest.get("image_size"):
        how = "padded to keep the aspect ratio" if ingest.get("keep_aspect") else "stretched"
        text += f", and scaled to {size[1]} x {size[0]} pixels (width x height, {how})"
    return f"{text}. {_followed(track)}".rstrip()


def _followed(track: Mapping[str, Any]) -> str:
    """Return how the pictures of tracked animals are cut out; `track`: that section of the config, empty if none is."""
    if not track:
        return ""
    turned = " that turns with the animal, its head at the top" if track.get("align") else ""
    side = track.get("side", "auto")
    size = f"{track.get('margin')} body lengths" if side == "auto" else f"{side} pixels"
    what = f"a square{turned} around the center of the animal, with a side of {size}"
    return f"Of videos with a track, the frames are {what}."


def _flow(settings: Mapping[str, Any]) -> str:
    flow = settings.get("flow", {})
    if "motion" not in settings.get("streams", {}).get("enabled", ["motion"]) or not flow.get("network"):
        return ""
    text = (
        f"Optic flow was computed over windows of 11 frames by {_name(flow)}, {_trained(flow)}without labels, so that "
        "each frame warped by the flow matches the one before."
    )
    if flow.get("reuse"):
        text += " The flow between two frames was computed once and used in every window that holds it."
    return text


def _streams(streams: Mapping[str, Any], augmentation: Mapping[str, Any], exclusive: Exclusive) -> str:
    if not streams.get("network"):
        return ""
    if "frozen" in streams.get("enabled", ()):
        return _frozen(streams)
    frame = "the frames t-2, t and t+2 in grey, as its three channels" if _sees_grey(streams) else "the single frame"
    sees = {"spatial": frame, "motion": "the ten flows around it"}
    enabled = [f"{sees[name]} ({name})" for name in streams.get("enabled", sees) if name in sees]
    loss = "softmax cross-entropy" if exclusive else "binary cross-entropy"
    if exclusive and not isinstance(exclusive, bool):
        loss = "cross-entropy, a softmax over each group of behaviors that exclude each other, a sigmoid for others"
    text = f"For each frame, {_name(streams)} looked at {' and '.join(enabled)}, {_trained(streams)}".rstrip(", ")
    text += f" with focal, class-weighted {loss}; unscored frames were ignored."
    if streams.get("sampling") == "bouts":
        text += " Training frames were drawn with weights 1 / sqrt(length of their bout)."
    changes = [
        label.format(augmentation.get(key, 0))
        for key, label in (
            ("flip_horizontal", "left-right flips (probability {:g})"),
            ("flip_vertical", "up-down flips ({:g})"),
            ("rotation", "rotations (up to {:g}°)"),
            ("color_probability", "changes of color ({:g})"),
            ("greyscale", "greyscale ({:g})"),
            ("scale", "zoom (up to {:g} times)"),
            ("rate", "faster and slower flow (up to {:g} times)"),
            ("gamma", "gamma (up to {:g})"),
            ("blur", "blur and sharpening (up to {:g} pixels)"),
            ("shading", "shading (up to {:g} of the range of brightness)"),
            ("channel", "repeating one channel ({:g})"),
        )
        if augmentation.get(key, 0) not in (0, FACTORS.get(key))
    ]
    if changes:
        text += f" Training clips were augmented by {', '.join(changes)}, the same for all frames of a clip."
    if augmentation.get("noise"):
        text += f" Noise was added to training clips (up to {augmentation['noise']:g} of the range of brightness)."
    if streams.get("joint_epochs"):
        text += f" Afterwards flow and streams were trained together for {streams['joint_epochs']} epochs."
    if streams.get("adapt") == "recording":
        text += (
            " When features were made, mean and variance of batch normalization in the streams were those of frames of "
            "the same recording, all its videos together and without labels, not those of training (AdaBN, Li et al. "
            "2016)."
        )
    return text


def _sees_grey(streams: Mapping[str, Any]) -> bool:
    return streams.get("sees") == "grey" and not find_network(streams["network"]).volumetric


def _frozen(streams: Mapping[str, Any]) -> str:
    shown = find_network(streams["network"]).feature_map
    stride = f" (one position per {shown.stride} pixels)" if shown else ""
    public = streams.get("weights") in find_network(streams["network"]).weights
    weights = f"torchvision's weights {streams['weights']}" if public else "the weights of a file"
    return (
        f"Each frame was described by {_name(streams)} with {weights}, used as it is: no stream was trained, and no "
        "optic flow was computed. It saw the frames t-2, t and t+2 in grey as its three channels; a feature map in "
        f"its middle{stride} was reduced to means over the cells of a grid. Attention over this grid, which learned "
        "where to look, was trained as part of the sequence model."
    )


def _source(streams: Mapping[str, Any]) -> str:
    if "frozen" in streams.get("enabled", ()):
        return (
            f"This is the quick tier of ethomake, for a first ethogram and for rounds of labelling: {QUICK} All that "
            f"follows the features is as in the method of {PAPER}."
        )
    return f"The method follows {PAPER}."


def _sequence(sequence: Mapping[str, Any]) -> str:
    if not sequence.get("network"):
        return ""
    window = f" on windows of {sequence['window']} frames" if sequence.get("window") else ""
    return (
        f"A {_name(sequence)} network{window} turned the features of all frames into the probabilities shown here, "
        f"{_steps(sequence)}".rstrip(", ")
        + ". At inference its windows overlap."
    )


def _some_alone(settings: Mapping[str, Any], exclusive: Exclusive) -> bool:
    """Return whether some behavior excludes no other."""
    if isinstance(exclusive, bool):
        return not exclusive
    return not set(settings.get("behaviors", ())) <= {name for group in exclusive for name in group}


def _decisions(exclusive: Exclusive, some_alone: bool, fitted: bool) -> str:
    sentences = []
    if exclusive is True:
        sentences.append("In each frame the most probable behavior, or background, was taken.")
    elif some_alone and fitted:
        sentences.append(
            "A behavior was predicted where its probability reached a threshold: the middle of the range of "
            "thresholds that gave the best F1 on all labelled videos for training and validation together, with "
            "probabilities from sequence models that were trained without the video (out of fold), moved half way to "
            "0.5 (in logits)."
        )
    elif some_alone:
        sentences.append("A behavior was predicted where its probability reached its threshold.")
    if not isinstance(exclusive, bool):
        groups = " and of ".join(", ".join(group) for group in exclusive)
        sentences.append(f"Of {groups}, which exclude each other, the most probable behavior, or none, was taken.")
    sentences.append(
        "Gaps, then bouts, shorter than a minimum were removed. Each minimum is the 1st percentile of the labelled "
        "bouts of these videos, estimated with caution where they are few, unless the settings say otherwise."
    )
    return " ".join(sentences)


def _evaluation(evaluation: Mapping[str, Any], parts: Mapping[str, Sequence[str]]) -> str:
    test = parts.get("test", [])
    if not test:
        return ""
    many = f"{len(test)} test videos" if len(test) > 1 else "one test video"
    text = (
        f"Scores are those of {many}, not used for training, model selection or fitting; unscored frames are ignored."
    )
    if evaluation.get("chance_shifts"):
        text += (
            " Chance is the agreement of the same predictions with labels shifted in time within each video, "
            f"{evaluation['chance_shifts']} times at random."
        )
    return text


def _name(section: Mapping[str, Any]) -> str:
    return network_title(section["network"])


def _steps(section: Mapping[str, Any]) -> str:
    if not section.get("epochs") or not section.get("steps"):
        return ""
    steps = section["epochs"] * section["steps"]
    return f"trained for {steps} steps on the videos for training and validation; the last state was kept"


def _trained(section: Mapping[str, Any]) -> str:
    if not section.get("epochs"):
        return ""
    weights = section.get("weights", "none")
    start = "from scratch" if weights in (None, "none") else "from given weights"
    start += {
        "half": " (the first half of the backbone's layers stayed as they were)",
        "head": " (the backbone stayed as it was)",
    }.get(section.get("trained", "all"), "")
    return f"trained {start} for {section['epochs']} epochs, "
