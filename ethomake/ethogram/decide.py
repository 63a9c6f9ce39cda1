"""From probabilities to decisions and bouts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ethomake.errors import InputError
from ethomake.ethogram.tables import Bout, Predictions, write_bouts, write_predictions
from ethomake.files import read_json, read_npy
from ethomake.ingest.times import frame_edges
from ethomake.labels.bouts import find_bouts

ROUNDING = 1.5e-6
"""Seconds; a length that equals the minimum up to rounding is not shorter than it."""


@dataclass(frozen=True)
class Rule:
    """How one behavior is decided: threshold (None if exclusive), minimum bout and gap in seconds."""

    threshold: float | None
    minimum_bout_s: float
    minimum_gap_s: float


def check_settings(settings: Mapping[str, Any], behaviors: Sequence[str], exclusive: bool) -> None:
    """Check the section `ethogram` of the config.

    Raises:
        InputError: names the key, the value and what would be right.
    """
    thresholds = settings.get("thresholds") or {}
    if exclusive and thresholds:
        raise InputError(
            "config: ethogram.thresholds has no meaning with exclusive: true (the most probable behavior wins); "
            "remove it"
        )
    for name, value in thresholds.items():
        _check_name("thresholds", name, behaviors)
        if not _is_number(value) or not 0 < value < 1:
            raise InputError(f"config: ethogram.thresholds.{name} is {value!r}; give a number above 0 and below 1")
    for key in ("minimum_bout_s", "minimum_gap_s"):
        value = settings.get(key, "auto")
        named = value if isinstance(value, Mapping) else {"": value}
        for name, seconds in named.items():
            if isinstance(value, Mapping):
                _check_name(key, name, behaviors)
            if seconds != "auto" and not (_is_number(seconds) and 0 <= seconds < float("inf")):
                where = f"{key}.{name}" if name else key
                raise InputError(f"config: ethogram.{where} is {seconds!r}; give seconds (0 or more) or 'auto'")
    for name, value in (settings.get("colors") or {}).items():
        _check_name("colors", name, behaviors)
        if not _is_color(value):
            raise InputError(f"config: ethogram.colors.{name} is {value!r}; give a color as '#rrggbb'")


def _check_name(key: str, name: str, behaviors: Sequence[str]) -> None:
    if name not in behaviors:
        raise InputError(f"config: ethogram.{key} names {name!r}, which is none of the behaviors {list(behaviors)}")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_color(value: object) -> bool:
    digits = value[1:] if isinstance(value, str) and value[:1] == "#" else ""
    return len(digits) == 6 and all(digit in "0123456789abcdefABCDEF" for digit in digits)


def read_rules(
    thresholds: str | Path, *, behaviors: Sequence[str], exclusive: bool, settings: Mapping[str, Any]
) -> list[Rule]:
    """The rule of each behavior: what was fitted, replaced by what the settings say.

    Args:
        thresholds: thresholds.json.
        behaviors: names, in order.
        exclusive: at most one behavior at a time.
        settings: `thresholds`, `minimum_bout_s`, `minimum_gap_s` of the section `ethogram`; all optional.

    Raises:
        InputError: if a setting is impossible or thresholds.json is of another configuration.
    """
    check_settings(settings, behaviors, exclusive)
    content = read_json(thresholds)
    if list(content["behaviors"]) != list(behaviors) or content["exclusive"] != exclusive:
        raise InputError(f"{thresholds}: fitted for another configuration; delete it and run again")
    chosen = settings.get("thresholds") or {}
    return [
        Rule(
            None if exclusive else float(chosen.get(name, fitted["threshold"])),
            _choose(settings.get("minimum_bout_s", "auto"), name, fitted["minimum_bout_s"]),
            _choose(settings.get("minimum_gap_s", "auto"), name, fitted["minimum_gap_s"]),
        )
        for name, fitted in content["behaviors"].items()
    ]


def _choose(setting: Any, name: str, fitted: float) -> float:
    value = setting.get(name, "auto") if isinstance(setting, Mapping) else setting
    return fitted if value == "auto" else float(value)


def decide(probabilities: np.ndarray, rules: Sequence[Rule], edges: np.ndarray, exclusive: bool) -> np.ndarray:
    """Decide which behaviors are on in each frame, and remove gaps and bouts that are too short.

    A behavior is on where its probability reaches its threshold; of exclusive behaviors the most probable one is on,
    or none where the background (what the probabilities lack to 1) is more probable than each. Then gaps between
    bouts, and after that bouts, that are shorter than the minimum are removed. Exclusive behaviors close a gap only
    over background, and once more after short bouts went, since these may have been what split a longer one.

    Args:
        probabilities: (T, K).
        rules: of each behavior.
        edges: (T + 1,) seconds at which frames begin and end.
        exclusive: at most one behavior at a time.

    Returns:
        int8 (T, K), 1 or 0.
    """
    if exclusive:
        background = 1 - probabilities.sum(axis=1, keepdims=True)
        winner = np.argmax(np.concatenate([background, probabilities], axis=1), axis=1)
        on = winner[:, None] == np.arange(1, len(rules) + 1)
    else:
        on = probabilities >= np.array([rule.threshold for rule in rules])
    for k, rule in enumerate(rules):
        _close_gaps(on, k, rule.minimum_gap_s, edges, exclusive)
    for k, rule in enumerate(rules):
        _drop_bouts(on[:, k], rule.minimum_bout_s, edges)
    if exclusive:
        for k, rule in enumerate(rules):
            _close_gaps(on, k, rule.minimum_gap_s, edges, exclusive)
    return on.astype(np.int8)


def _close_gaps(on: np.ndarray, k: int, minimum_s: float, edges: np.ndarray, exclusive: bool) -> None:
    bouts = find_bouts(on[:, k])
    starts, stops = bouts[:-1, 1], bouts[1:, 0]
    for start, stop in zip(starts, stops, strict=True):
        short = edges[stop] - edges[start] < minimum_s - ROUNDING
        if short and not (exclusive and on[start:stop].any()):
            on[start:stop, k] = True


def _drop_bouts(on: np.ndarray, minimum_s: float, edges: np.ndarray) -> None:
    for start, stop in find_bouts(on):
        if edges[stop] - edges[start] < minimum_s - ROUNDING:
            on[start:stop] = False


def decide_behaviors(
    probabilities: str | Path,
    thresholds: str | Path,
    manifest: str | Path,
    predictions: str | Path,
    bouts: str | Path | None,
    *,
    video: str,
    subject: str = "",
    behaviors: Sequence[str],
    exclusive: bool,
    settings: Mapping[str, Any],
) -> None:
    """Turn the probabilities of one video into its predictions and bouts.

    Args:
        probabilities: float32 .npy (T, K).
        thresholds: thresholds.json.
        manifest: video.json.
        predictions: CSV to write, a row a frame.
        bouts: CSV to write, a row a bout in order of start; None writes none.
        video: name, for the bouts.
        subject: name of the animal, for the bouts.
        behaviors: names, in the order of the columns.
        exclusive: at most one behavior at a time.
        settings: see `read_rules`.

    Raises:
        InputError: if a setting is impossible or the files do not fit each other.
    """
    rules = read_rules(thresholds, behaviors=behaviors, exclusive=exclusive, settings=settings)
    facts = read_json(manifest)
    # Decide from what the file will say, so that whoever applies a threshold to the file finds the same frames.
    values = np.round(read_npy(probabilities).astype(np.float64), 6)
    if values.shape != (facts["frames"], len(behaviors)):
        raise InputError(
            f"{probabilities}: {values.shape[0]} frames of {values.shape[1]} behaviors, but the video has "
            f"{facts['frames']} frames and the config {len(behaviors)} behaviors; delete it and run again"
        )
    edges = frame_edges(facts)
    decisions = decide(values, rules, edges, exclusive)
    write_predictions(predictions, behaviors, Predictions(edges[:-1], values, decisions))
    if bouts is not None:
        write_bouts(bouts, list_bouts(values, decisions, edges, video, subject, behaviors))


def list_bouts(
    probabilities: np.ndarray,
    decisions: np.ndarray,
    edges: np.ndarray,
    video: str,
    subject: str,
    behaviors: Sequence[str],
) -> list[Bout]:
    """The bouts of a video, in order of start, then of behavior; arguments as in `decide`."""
    found = [
        Bout(
            *(video, subject, name),
            *(int(start), int(stop), float(edges[start]), float(edges[stop])),
            float(edges[stop] - edges[start]),
            float(probabilities[start:stop, k].mean()),
        )
        for k, name in enumerate(behaviors)
        for start, stop in find_bouts(decisions[:, k] == 1)
    ]
    return sorted(found, key=lambda bout: bout.start_frame)  # stable: the order of behaviors stays
