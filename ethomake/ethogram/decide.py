"""From probabilities to decisions and bouts, and to calibrated probabilities."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ethomake.errors import InputError
from ethomake.ethogram.calibration import Calibration, calibrate, read_calibration
from ethomake.ethogram.tables import Bout, Predictions, write_bouts, write_predictions
from ethomake.files import read_json, read_npy
from ethomake.ingest.times import Clock, frame_clock, without_track
from ethomake.labels.bouts import find_bouts, split_bouts
from ethomake.labels.groups import Exclusive, Groups, groups_of, independent

NO_BREAKS = np.zeros(0, np.int64)

ROUNDING = 1.5e-6
"""Seconds; a length that equals the minimum up to rounding is not shorter than it."""


@dataclass(frozen=True)
class Rule:
    """How one behavior is decided: threshold (None in an exclusive group), minimum bout and gap in seconds."""

    threshold: float | None
    minimum_bout_s: float
    minimum_gap_s: float


def read_rules(
    thresholds: str | Path, *, behaviors: Sequence[str], exclusive: Exclusive, settings: Mapping[str, Any]
) -> list[Rule]:
    """Return the decision rule of each behavior: the fitted values, overridden by the settings.

    Args:
        thresholds: thresholds.json.
        behaviors: names, in order.
        exclusive: which behaviors exclude each other.
        settings: `thresholds`, `minimum_bout_s`, `minimum_gap_s` of the section `ethogram`; all optional.

    Raises:
        InputError: if thresholds.json was fitted for another configuration.
    """
    content = _read_fitted(thresholds, behaviors, exclusive)
    chosen = settings.get("thresholds") or {}
    alone = {behaviors[k] for k in independent(groups_of(exclusive, behaviors), len(behaviors))}
    return [
        Rule(
            None if name not in alone else float(chosen.get(name, fitted["threshold"])),
            _choose(settings.get("minimum_bout_s", "auto"), name, fitted["minimum_bout_s"]),
            _choose(settings.get("minimum_gap_s", "auto"), name, fitted["minimum_gap_s"]),
        )
        for name, fitted in content.items()
    ]


def read_calibrations(thresholds: str | Path, *, behaviors: Sequence[str], exclusive: Exclusive) -> list[Calibration]:
    """Return how the probabilities of each behavior are calibrated; arguments as in `read_rules`.

    Raises:
        InputError: if thresholds.json was fitted for another configuration, or holds something impossible.
    """
    content = _read_fitted(thresholds, behaviors, exclusive)
    return [read_calibration(thresholds, name, fitted) for name, fitted in content.items()]


def _read_fitted(thresholds: str | Path, behaviors: Sequence[str], exclusive: Exclusive) -> dict[str, Any]:
    """Return what was fitted for each behavior."""
    content = read_json(thresholds)
    if list(content["behaviors"]) != list(behaviors) or content["exclusive"] != exclusive:
        raise InputError(f"{thresholds}: fitted for another configuration; delete it and run again")
    return content["behaviors"]


def _choose(setting: Any, name: str, fitted: float) -> float:
    value = setting.get(name, "auto") if isinstance(setting, Mapping) else setting
    return fitted if value == "auto" else float(value)


def decide(
    probabilities: np.ndarray,
    rules: Sequence[Rule],
    edges: np.ndarray,
    groups: Groups,
    breaks: np.ndarray = NO_BREAKS,
    lost: Sequence[Sequence[int]] = (),
) -> np.ndarray:
    """Decide which behaviors are present in each frame, and remove gaps and bouts that are too short.

    A behavior is present where its probability reaches its threshold; of each group of exclusive behaviors the most
    probable one is present, or none where their background (1 minus the sum of their probabilities) is more probable
    than each. Then gaps between bouts, and after that bouts, that are shorter than the minimum are removed. Behaviors
    of a group close a gap only where no other of the group is present, and again after short bouts were removed, since
    these may have split a longer one. Bouts end where filming stopped for long; a gap between bouts in which it did is
    not closed. The same holds for frames in which the animal has no track: there, nothing is decided.

    Args:
        probabilities: (T, K).
        rules: decision rule of each behavior.
        edges: (T + 1,) times in seconds at which frames begin and end, as `Clock.filmed`.
        groups: of behaviors that exclude each other.
        breaks: first frames after times in which nothing was filmed, as `Clock.breaks`.
        lost: ranges [start, stop) of frames without a track.

    Returns:
        int8 (T, K), 1 or 0; -1 in frames without a track.
    """
    on = np.zeros(probabilities.shape, bool)
    alone = independent(groups, len(rules))
    for k in alone:
        on[:, k] = probabilities[:, k] >= np.float64(rules[k].threshold)
    rivals: dict[int, tuple[int, ...]] = dict.fromkeys(alone, ())
    for group in groups:
        own = probabilities[:, group]
        winner = np.argmax(np.concatenate([1 - own.sum(axis=1, keepdims=True), own], axis=1), axis=1)
        on[:, group] = winner[:, None] == np.arange(1, len(group) + 1)
        rivals |= dict.fromkeys(group, group)
    for start, stop in lost:
        on[start:stop] = False
    breaks = np.union1d(breaks, [start for start, _ in lost]).astype(np.int64)
    for k, rule in enumerate(rules):
        _close_gaps(on, k, rule.minimum_gap_s, edges, rivals[k], breaks)
    for k, rule in enumerate(rules):
        _drop_bouts(on[:, k], rule.minimum_bout_s, edges, breaks)
    for group in groups:
        for k in group:
            _close_gaps(on, k, rules[k].minimum_gap_s, edges, group, breaks)
    decisions = on.astype(np.int8)
    for start, stop in lost:
        decisions[start:stop] = -1
    return decisions


def _close_gaps(
    on: np.ndarray, k: int, minimum_s: float, edges: np.ndarray, rivals: Sequence[int], breaks: np.ndarray
) -> None:
    """Close the gaps of behavior `k` in which none of its `rivals` is present (it may be among them)."""
    bouts = find_bouts(on[:, k])
    starts, stops = bouts[:-1, 1], bouts[1:, 0]
    for start, stop in zip(starts, stops, strict=True):
        short = edges[stop] - edges[start] < minimum_s - ROUNDING
        filmed = not ((breaks >= start) & (breaks <= stop)).any()
        if short and filmed and not on[start:stop, list(rivals)].any():
            on[start:stop, k] = True


def _drop_bouts(on: np.ndarray, minimum_s: float, edges: np.ndarray, breaks: np.ndarray) -> None:
    for start, stop in split_bouts(find_bouts(on), breaks):
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
    exclusive: Exclusive,
    settings: Mapping[str, Any],
    rate: float | None = None,
) -> None:
    """Convert the probabilities of one video to its predictions and bouts.

    Calibrated probabilities are written beside those of the model; decisions and bouts are made of the latter.

    Args:
        probabilities: float32 .npy (T, K).
        thresholds: thresholds.json.
        manifest: video.json.
        predictions: CSV to write, one row per frame.
        bouts: CSV to write, one row per bout in order of start; None: write none.
        video: name of the video, for the bouts.
        subject: name of the animal, for the bouts.
        behaviors: names, in the order of the columns.
        exclusive: which behaviors exclude each other.
        settings: see `read_rules`.
        rate: frames per second of life, if the video table has them; see `frame_clock`.

    Raises:
        InputError: if the files do not match.
    """
    rules = read_rules(thresholds, behaviors=behaviors, exclusive=exclusive, settings=settings)
    calibrations = read_calibrations(thresholds, behaviors=behaviors, exclusive=exclusive)
    facts = read_json(manifest)
    # Decide from the values as rounded in the file, so that applying a threshold to the file gives the same frames.
    values = np.round(read_npy(probabilities).astype(np.float64), 6)
    if values.shape != (facts["frames"], len(behaviors)):
        raise InputError(
            f"{probabilities}: {values.shape[0]} frames of {values.shape[1]} behaviors, but the video has "
            f"{facts['frames']} frames and there are {len(behaviors)} behaviors; delete it and run again"
        )
    clock, groups = frame_clock(facts, rate), groups_of(exclusive, behaviors)
    decisions = decide(values, rules, clock.filmed, groups, clock.breaks, without_track(facts))
    calibrated = calibrate(values, calibrations, groups)
    write_predictions(predictions, behaviors, Predictions(clock.begins, values, decisions, calibrated))
    if bouts is not None:
        write_bouts(bouts, list_bouts(values, decisions, clock, video, subject, behaviors))


def list_bouts(
    probabilities: np.ndarray,
    decisions: np.ndarray,
    clock: Clock,
    video: str,
    subject: str,
    behaviors: Sequence[str],
) -> list[Bout]:
    """Return the bouts of a video, in order of start, then of behavior.

    Args:
        probabilities: (T, K).
        decisions: (T, K), 1, 0 or -1 (not decided).
        clock: times of the frames.
        video: name of the video.
        subject: name of the animal.
        behaviors: names, in order.
    """
    found = [
        Bout(
            *(video, subject, name),
            *(int(start), int(stop), float(clock.begins[start]), float(clock.ends[stop - 1])),
            float(clock.filmed[stop] - clock.filmed[start]),
            float(probabilities[start:stop, k].mean()),
        )
        for k, name in enumerate(behaviors)
        for start, stop in split_bouts(find_bouts(decisions[:, k] == 1), clock.breaks)
    ]
    return sorted(found, key=lambda bout: bout.start_frame)  # stable: keeps the order of behaviors
