"""The settings of a project: the config, checked against its schema, with defaults and presets filled in."""

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ethomake.bundle.fit import adopt, describe_misfits, misfits
from ethomake.bundle.read import read_bundle
from ethomake.errors import InputError
from ethomake.labels.groups import check_groups, groups_of, in_order
from ethomake.letters import nfc
from ethomake.project import PARTS
from ethomake.project.messages import count_others, explain_error, show, suggest
from ethomake.project.paths import as_on_disk, similar_file
from ethomake.project.schemas import load_schema, resolve_reference, validator
from ethomake.streams.registry import check_network, find_network, mapped_networks, reject_weights, usual_weights
from ethomake.visible import visible

BOTH = {"enabled": ["spatial", "motion"], "weights": "none", "sees": "color"}
SMALL_STEPS = {"batch": 8, "learning_rate": 1e-3}

# The values of `auto`. frozen trains no stream. DeepEthogram's fast, medium and slow (eLife 2021;10:e63377) compute ten
# flows for each frame; swift is fast with each flow computed once. All start from scratch (docs/decisions/0006).
PRESETS = {
    "frozen": {
        "flow": {"network": "tiny_motion_net", "reuse": True},
        "streams": {"network": "mobilenet_v2", "enabled": ["frozen"], "weights": "IMAGENET1K_V1", "sees": "grey"},
        "sequence": {"network": "tcn", "hidden": 128, "batch": 4, "learning_rate": 2e-3},
    },
    "swift": {
        "flow": {"network": "tiny_motion_net", "reuse": True},
        "streams": {"network": "resnet18", **BOTH},
        "sequence": {"network": "tcn", "hidden": 64, **SMALL_STEPS},
    },
    "fast": {
        "flow": {"network": "tiny_motion_net", "reuse": False},
        "streams": {"network": "resnet18", **BOTH},
        "sequence": {"network": "tgm", "hidden": 128, **SMALL_STEPS},
    },
    "medium": {
        "flow": {"network": "motion_net", "reuse": False},
        "streams": {"network": "resnet50", **BOTH},
        "sequence": {"network": "tgm", "hidden": 128, **SMALL_STEPS},
    },
    "slow": {
        "flow": {"network": "tiny_motion_net_3d", "reuse": False},
        "streams": {"network": "resnet3d_34", **BOTH},
        "sequence": {"network": "tgm", "hidden": 128, **SMALL_STEPS},
    },
}
# Columns and rows of our tables; a behavior of such a name could not be distinguished from them.
RESERVED_NAMES = ("background", "frame", "time_s", "human", "macro", "micro")


def resolve_settings(config: Mapping[str, Any]) -> dict[str, Any]:
    """Check `config` against its schema, fill in the defaults and resolve the preset.

    Raises:
        InputError: for unknown keys, wrong types, values out of range and impossible combinations.
    """
    config = check_schema(config)
    if config.get("models", "none") != "none":
        config = _adopt_bundle(config)
    settings = _fill(config, load_schema("config"))
    start_is_open = settings["streams"]["weights"] == "auto"
    for section, choices in PRESETS[settings["preset"]].items():
        settings[section] |= {key: value for key, value in choices.items() if settings[section][key] == "auto"}
    streams = settings["streams"]
    try:
        check_network(streams["network"])
    except InputError as error:
        raise InputError(f"config: streams.network = {show(streams['network'])}: {error}") from None
    if start_is_open and streams["weights"] != "none" and reject_weights(streams["network"], streams["weights"]):
        streams["weights"] = usual_weights(streams["network"])
    _check_together(settings)
    settings["exclusive"] = in_order(settings["exclusive"], settings["behaviors"])
    if settings["models"] == "none":
        _check_weights(settings)
    return settings


def check_schema(config: Mapping[str, Any]) -> dict[str, Any]:
    """Check each key of a config by itself; return the config with numbers converted to the types of the schema.

    Names are returned in Unicode's normal form NFC, and paths in the encoding of the disk.

    Raises:
        InputError: for unknown keys, wrong types and values out of range; the first, with the number of the others.
    """
    coerced: dict[str, Any] = _normalize(_coerce(dict(config), load_schema("config")))
    errors = sorted(validator("config").iter_errors(coerced), key=lambda error: list(map(str, error.path)))
    if errors:
        raise InputError("config: " + explain_error(errors[0]) + count_others(len(errors) - 1, "key"))
    return coerced


PATHS = ("videos", "models", "weights")
"""Keys whose values may be paths."""


def _normalize(value: Any, key: str = "") -> Any:
    """Return a part of the config with its texts in the form NFC; paths stay as the disk has them."""
    if isinstance(value, dict):
        same = {name: nfc(name) if isinstance(name, str) else name for name in value}
        if twice := [name for name in value if list(same.values()).count(same[name]) > 1]:
            raise InputError(f"config: {twice[0]}: twice in one section, with accents in two encodings; remove one")
        return {same[name]: _normalize(one, str(name)) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_normalize(one) for one in value]
    if isinstance(value, str):
        return as_on_disk(value) if key in PATHS else nfc(value)
    return value


def _adopt_bundle(config: dict[str, Any]) -> dict[str, Any]:
    """Return a config with everything that its bundle determines.

    Raises:
        InputError: if the bundle is damaged, or the config contradicts it.
    """
    try:
        bundle = read_bundle(config["models"])
    except InputError as error:
        raise InputError(f"config: models: {error}") from None
    schema = load_schema("config")
    trained = _coerce(bundle.settings, schema)
    if error := next(validator("config").iter_errors(trained), None):
        raise InputError(f"{bundle.files['settings']}: {explain_error(error)}; make the bundle again")
    trained = _fill(trained, schema)
    if "track" not in bundle.settings:  # its pictures followed nothing
        del trained["track"]
    if found := list(misfits(config, trained, PRESETS)):
        raise InputError(f"config: {describe_misfits(found, bundle.folder)}")
    return adopt(config, trained)


def _coerce(value: Any, schema: dict[str, Any]) -> Any:
    """Convert numbers to the types of the schema, so that equal settings are equal parameters of a job.

    YAML 1.1 reads `1e-4` as text, people write 1 for 1.0, an empty section is null, and inside of
    `--config 'flow={reuse: true}'` Snakemake reads everything as text.
    """
    schema = resolve_reference(schema)
    kind = schema.get("type")
    if kind == "object" and value is None:
        return {}
    if kind == "object" and isinstance(value, dict):
        default = schema.get("additionalProperties") or {}
        inner = schema.get("properties", {})
        return {key: _coerce(item, inner.get(key, default)) for key, item in value.items()}
    if kind == "array" and isinstance(value, list | tuple):
        return [_coerce(item, schema.get("items", {})) for item in value]
    if kind == "boolean" and value in ("true", "false"):
        return value == "true"
    if kind in ("number", "integer") and isinstance(value, int | float | str) and not isinstance(value, bool):
        try:
            number = float(value)
            if not math.isfinite(number):
                return str(value)  # infinity or NaN; as text it is refused
            return int(number) if kind == "integer" and number == int(number) else number
        except (ValueError, OverflowError):
            return value
    for choice in schema.get("anyOf", []):
        coerced = _coerce(value, choice)
        if coerced is not value:
            return coerced
    return value


def _fill(value: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """Return a copy of `value` in the schema's order, with defaults for missing keys."""
    filled = {}
    for key, inner in schema["properties"].items():
        inner = resolve_reference(inner)
        item = value[key] if key in value else json.loads(json.dumps(inner["default"]))
        filled[key] = _fill(item, inner) if "properties" in inner else item
    return filled


def _check_together(settings: dict[str, Any]) -> None:
    """Refuse impossible combinations of values that are right by themselves."""

    def refuse(key: str, value: Any, reason: str) -> None:
        raise InputError(f"config: {key} = {show(value)}: {reason}")

    behaviors = settings["behaviors"]
    if not behaviors:
        refuse("behaviors", behaviors, "name at least one behavior, as in [groom, rear]")
    for name in behaviors:
        if visible(name) != name:
            refuse("behaviors", name, "has a character that cannot be printed; type the name again")
        if name.lower() in RESERVED_NAMES or name.startswith(("probability_", "calibrated_")):
            reason = "it means that no behavior is present" if name.lower() == "background" else "our tables use it"
            refuse("behaviors", name, f"not a name for a behavior ({reason}); leave it out")
    track = settings["track"]
    if bool(track["head"]) != bool(track["tail"]):
        missing = "tail" if track["head"] else "head"
        refuse(f"track.{missing}", "", "the heading goes from tail to head; name both, or none")
    if track["head"] and track["head"] == track["tail"]:
        refuse("track.head", track["head"], "the same body part as track.tail; name another")
    split = settings["split"]
    total = sum(split[part] for part in PARTS)
    if abs(total - 1) > 1e-6:
        refuse("split", {part: split[part] for part in PARTS}, f"the shares add up to {total:g}, not to 1")
    enabled = settings["streams"]["enabled"]
    if "frozen" in enabled and len(enabled) > 1:
        reason = "a frozen backbone stands alone; take it or the trained streams, or compare both as two runs"
        refuse("streams.enabled", enabled, reason)
    if settings["preset"] == "frozen" and enabled != ["frozen"]:
        refuse("streams.enabled", enabled, "preset frozen trains no stream; set auto, or choose another preset")
    if settings["streams"]["adapt"] != "none" and "frozen" in enabled:
        reason = "a frozen backbone is used as it is; set none, or train the streams"
        refuse("streams.adapt", settings["streams"]["adapt"], reason)
    if settings["streams"]["joint_epochs"] and len(settings["streams"]["enabled"]) < 2:
        reason = "joint training needs both streams; set streams.enabled: [spatial, motion] or joint_epochs: 0"
        refuse("streams.joint_epochs", settings["streams"]["joint_epochs"], reason)
    sequence = settings["sequence"]
    if sequence["filter_length"] % 2 == 0:
        refuse("sequence.filter_length", sequence["filter_length"], "must be odd, so that a filter has a centre frame")
    if sequence["window"] < sequence["filter_length"]:
        reason = f"must be at least sequence.filter_length ({sequence['filter_length']})"
        refuse("sequence.window", sequence["window"], reason)
    drawn = settings["simulated"]
    labelled, needed = drawn["videos"] - drawn["unlabelled"], sum(drawn[part] for part in PARTS)
    if settings["example"] == "simulated" and needed > labelled:
        reason = (
            f"train + validate + test are {needed} videos, but there are {labelled} with labels (videos - unlabelled)"
        )
        refuse("simulated.videos", drawn["videos"], f"{reason}; raise videos or lower the parts")
    for key in ("thresholds", "minimum_bout_s", "minimum_gap_s", "colors"):
        value = settings["ethogram"][key]
        for name in value if isinstance(value, dict) else ():
            if name not in behaviors and not (key == "colors" and name == "background"):
                quote = "" if isinstance(name, str) else f"; YAML does not read {name} as text: put it in quotes"
                refuse(f"ethogram.{key}.{name}", value[name], f"unknown behavior{quote or suggest(name, behaviors)}")
    for name, new in settings["labels"]["names"].items():
        if not isinstance(name, str):
            refuse(f"labels.names.{name}", new, f"YAML does not read {name} as text: put it in quotes")
        if new is not None and new not in behaviors:
            hint = suggest(new, behaviors) or "; write one of `behaviors`, or null to leave it out"
            refuse(f"labels.names.{name}", new, f"unknown behavior{hint}")
    try:
        check_groups(settings["exclusive"], behaviors)
    except InputError as error:
        refuse("exclusive", settings["exclusive"], str(error))
    grouped = {behaviors[place] for group in groups_of(settings["exclusive"], behaviors) for place in group}
    if grouped.intersection(chosen := settings["ethogram"]["thresholds"]):
        reason = "of exclusive behaviors the most probable one is chosen; leave their thresholds out"
        refuse("ethogram.thresholds", chosen, reason)


def is_weights_file(weights: str) -> bool:
    """Return whether `weights` names a file (rather than `none` or public weights)."""
    return "/" in weights or Path(weights).suffix in (".pth", ".pt", ".safetensors")


def _describe_no_weights(path: str) -> str:
    """Return why what lies at a path cannot be a file of weights, and what to do."""
    if os.path.isdir(path):
        return "is a folder; name the file in it"
    if os.path.islink(path) and not os.path.exists(path):
        return f"a link to {show(os.readlink(path))}, which leads nowhere; correct the link"
    if not os.path.exists(path):
        similar = similar_file(path)
        return "there is no such file" + (f"; did you mean {similar}?" if similar else f" in {Path.cwd()}")
    if not os.path.isfile(path):
        return "is no file but a pipe or a device; name a file"
    return "may not be read; change its permissions (chmod u+r), or ask its owner"


def _check_weights(settings: dict[str, Any]) -> None:
    """Refuse weights that do not exist or do not fit the network."""
    frozen = settings["streams"]["enabled"] == ["frozen"]
    if frozen and find_network(settings["streams"]["network"]).feature_map is None:
        network, known = show(settings["streams"]["network"]), " or ".join(mapped_networks())
        raise InputError(f"config: streams.network = {network}: cannot be used frozen; choose {known}")
    if settings["streams"]["trained"] != "all" and not frozen and settings["streams"]["weights"] == "none":
        reason = "layers that are not trained need pretrained weights; name them in streams.weights, or set all"
        raise InputError(f"config: streams.trained = {settings['streams']['trained']}: {reason}")
    for section in ("flow", "streams"):
        weights = settings[section]["weights"]
        if weights == "none" and section == "streams" and frozen:
            reason = "a frozen backbone needs pretrained weights; set preset: frozen and weights: auto, or name a file"
            raise InputError(f"config: streams.weights = none: {reason}")
        if weights == "none":
            continue
        if is_weights_file(weights):
            if not os.path.isfile(weights) or not os.access(weights, os.R_OK):
                raise InputError(f"config: {section}.weights = {show(weights)}: {_describe_no_weights(weights)}")
        elif section == "flow":
            raise InputError(f"config: flow.weights = {show(weights)}: must be none or a .safetensors file")
        elif reason := reject_weights(settings["streams"]["network"], weights):
            raise InputError(f"config: streams.weights = {show(weights)}: {reason}")
