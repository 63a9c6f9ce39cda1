"""Settings of a project that applies a bundle: the bundle's for all that its networks need, else the project's."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ethomake.labels.groups import Exclusive, in_order

# Another value would need other networks, or would give these networks input unlike what they were trained on.
FITTED = {
    "ingest": ("image_size", "keep_aspect"),
    "track": ("align", "margin"),
    "flow": ("network", "reuse"),
    "streams": ("enabled", "network", "sees", "fusion"),
    "sequence": ("network", "filters", "filter_length", "layers", "channels", "hidden"),
}
# A preset stands for these; sizes that it sets are the bundle's.
CHOSEN_BY_PRESET = ("enabled", "network", "sees", "reuse")
# Settings that a project may choose itself; those it leaves out come from the bundle.
OWN = {
    "ethogram": ("thresholds", "minimum_bout_s", "minimum_gap_s", "colors"),
    "flow": ("precision",),
    "streams": ("precision", "adapt"),
}
TRAINED = ("augmentation", "flow", "streams", "sequence")  # complete, with schedules, for the methods of the report


def adopt(given: Mapping[str, Any], trained: Mapping[str, Any]) -> dict[str, Any]:
    """Return a project's config with all settings that a bundle determines.

    Args:
        given: the project's config, without defaults.
        trained: the complete settings of the bundle, which must fit (see `misfits`); a bundle that was made before
            pictures could follow an animal has no section `track`.
    """
    config = dict(given) | {key: trained[key] for key in ("behaviors", "exclusive", "preset", *TRAINED)}
    for section in ("ingest", "track"):  # in part the bundle's
        if section in trained:
            config[section] = dict(given.get(section, {})) | {key: trained[section][key] for key in FITTED[section]}
    if "bits" not in config["ingest"]:  # which camera it is; most often the one that the bundle was trained with
        config["ingest"]["bits"] = trained["ingest"].get("bits", "auto")
    for section, keys in OWN.items():
        own = given.get(section, {})
        kept = {key: own.get(key, trained[section][key]) for key in keys}
        config[section] = {**trained[section], **kept} if section in TRAINED else kept
    return config


def misfits(
    given: Mapping[str, Any], trained: Mapping[str, Any], presets: Mapping[str, Mapping[str, Mapping[str, Any]]]
) -> Iterator[tuple[str, Any, Any]]:
    """Yield (key, value in the config, value in the bundle) of each setting that does not fit a bundle.

    Settings that the config omits, or leaves to be chosen (`network: auto`, no behaviors), fit. Training settings
    are not compared.
    """
    if given.get("behaviors") and given["behaviors"] != trained["behaviors"]:
        yield "behaviors", given["behaviors"], trained["behaviors"]
    if not _same_groups(given.get("exclusive", trained["exclusive"]), trained["exclusive"], trained["behaviors"]):
        yield "exclusive", given["exclusive"], trained["exclusive"]
    for section, keys in FITTED.items():
        if section == "flow" and "motion" not in trained["streams"]["enabled"]:
            continue
        if section not in trained:
            continue
        own = given.get(section, {})
        for key in keys:
            value, right = own.get(key, "auto"), trained[section][key]
            if value == "auto" and given.get("preset") and key in CHOSEN_BY_PRESET:
                if _plain(presets[given["preset"]].get(section, {}).get(key, right)) != _plain(right):
                    yield "preset", given["preset"], f"{section}.{key}: {_show(right)}"
            elif value != "auto" and _plain(value) != _plain(right):
                yield f"{section}.{key}", value, right


def follows(content: Mapping[str, Any]) -> bool | None:
    """Return whether the pictures that a bundle has learned from follow an animal along a track.

    Args:
        content: bundle.json.

    Returns:
        None if some do and others do not, or if the bundle is of a time in which this was not recorded.
    """
    parts = content["trained_on"].values()
    if not all("tracked" in part for part in parts):
        return None
    tracked, videos = (sum(part[key] for part in parts) for key in ("tracked", "videos"))
    return None if 0 < tracked < videos else tracked > 0


def _same_groups(given: Exclusive, trained: Exclusive, behaviors: Sequence[str]) -> bool:
    """Return whether two settings say the same about which behaviors exclude each other."""
    try:
        return in_order(given, behaviors) == in_order(trained, behaviors)
    except ValueError:  # it names other behaviors
        return False


def _plain(value: Any) -> Any:
    """Return a value normalized for comparison: lists of names are sorted, since streams are enabled in any order."""
    return sorted(value) if isinstance(value, list) and all(isinstance(each, str) for each in value) else value


def describe_misfits(found: list[tuple[str, Any, Any]], folder: str | Path) -> str:
    """Return one line on the settings that do not fit: the first with both values, the others by name."""
    key, value, right = found[0]
    names = list(dict.fromkeys(name for name, _, _ in found))
    shown = f"{key} = {_show(value)}, but the bundle {folder} has {_show(right)}"
    if names[1:]:
        shown += f", and {', '.join(names[1:])} {'do' if names[2:] else 'does'} not fit either"
    them = "these keys" if names[1:] else "this key"
    return f"{shown}: leave {them} out to take the bundle's, or set models: none to train"


def _show(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
