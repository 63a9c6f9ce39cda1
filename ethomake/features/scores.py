"""How well each stream by itself ranks the frames of each behavior, recording by recording.

A stream may be nearly perfect on the videos that it learned from and know nothing in a recording that it has not seen;
the fused probabilities hide that. So the logits of each stream are compared with the labels, as they are.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ethomake.errors import InputError
from ethomake.evaluation.chance import shifted_metrics, summarize_shifts
from ethomake.evaluation.metrics import average_precision, rank
from ethomake.evaluation.videos import ScoredVideo
from ethomake.features.store import DAMAGE, array_of, open_features
from ethomake.files import write_json
from ethomake.labels.bouts import find_scored_bouts
from ethomake.labels.groups import Exclusive, count_outputs, groups_of, outputs_of
from ethomake.labels.table import read_labels

GOOD, POOR = 0.5, 0.1
"""Of the way from chance to a perfect ranking: what a stream has learned, and what it has not."""

FEWEST_FRAMES, FEWEST_BOUTS = 50, 3
"""Positive ones; with fewer, nothing is said about a recording."""

LEARNED = ("train", "validate")
"""Parts that streams are trained on."""

Video = tuple[str, str, str | Path, str | Path]
"""Recording, part (train, validate or test), manifest of the features, labels CSV."""


def score_streams(
    videos: Sequence[Video],
    output: str | Path,
    *,
    behaviors: Sequence[str],
    exclusive: Exclusive,
    shifts: int,
    seed: int,
) -> None:
    """Write the average precision of each stream for each behavior, where it learned from and in each recording.

    Streams learn from the videos for training and validation. A stream has "lost" a behavior in a recording of which it
    learned from no video, if all of this is true:

    - on all videos together that it learned from its lift is above 0.5: the lift is (AP - share) / (1 - share), that is
      0 for a random order, whose average precision (AP) is the share of positive frames, and 1 for a perfect one;
    - in the recording its lift is below 0.1;
    - the recording has at least 50 positive frames, in 3 bouts.

    Whether it ranks better than by chance at all is told by the AP with labels shifted in time, which keeps bouts whole
    (`ethomake.evaluation.chance`).

    Args:
        videos: the labelled videos of the split.
        output: the JSON file to write: `streams`, `behaviors`, and `scores`, a list with, for each stream, behavior and
            group of videos, `average_precision`, `share` of positive frames, `frames` (scored), `positive_frames` and
            `bouts`. A group is all videos learned from (`recording` is null), or those of a recording that were
            learned from (`learned`) or were not; `parts` are theirs. Of these others, `chance` has the mean and the
            95th percentile of AP by chance. `lost` is as above.
        behaviors: names, in the order of the labels.
        exclusive: which behaviors exclude each other; a logit for the background of each group precedes theirs.
        shifts: how often labels are shifted in time.
        seed: of the shifts.

    Raises:
        InputError: if features and labels of a video do not match, or its features are damaged.
    """
    groups: dict[tuple[str | None, bool], list[int]] = {}
    for number, (recording, part, _, _) in enumerate(videos):
        learned = part in LEARNED
        groups.setdefault((recording, learned), []).append(number)
        if learned:
            groups.setdefault((None, True), []).append(number)
    known = {recording for recording, part, _, _ in videos if part in LEARNED}
    read = [read_logits(manifest, labels, behaviors, exclusive) for _, _, manifest, labels in videos]
    streams = list(dict.fromkeys(name for _, logits in read for name in logits))
    scores: list[dict[str, Any]] = []
    for stream in streams:
        lifts = [0.0] * len(behaviors)  # on the videos learned from; those come first
        for (recording, learned), members in sorted(groups.items(), key=lambda group: (group[0][0] or "", group[0][1])):
            labels = np.concatenate([read[number][0] for number in members])
            ranked = np.concatenate([read[number][1][stream] for number in members])
            chance: list[dict[str, float]] | None = None
            if not learned:
                own = [_as_scored(*read[number], stream) for number in members]
                shifted = shifted_metrics(own, shifts, seed)["average_precision"]
                chance = [summarize_shifts(shifted[:, column]) for column in range(len(behaviors))]
            parts = sorted({videos[number][1] for number in members})
            for column, behavior in enumerate(behaviors):
                own_labels = [read[number][0][:, column] for number in members]
                bouts = sum(len(find_scored_bouts(values == 1, values >= 0)) for values in own_labels)
                found = _score(ranked[:, column], labels[:, column]) | {"bouts": bouts}
                if recording is None:
                    lifts[column] = lift(found)
                row = {"stream": stream, "behavior": behavior, "recording": recording, "learned": learned}
                row |= {"parts": parts, **found, "chance": chance[column] if chance else None}
                held_out = not learned and recording not in known
                scores.append(row | {"lost": held_out and lifts[column] > GOOD and _is_poor(row)})
    write_json(output, {"streams": streams, "behaviors": list(behaviors), "scores": _plain(scores)})


def read_logits(
    manifest: str | Path, labels: str | Path, behaviors: Sequence[str], exclusive: Exclusive
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Return the labels of a video, int8 (T, K), and of each trained stream how it ranks the frames, float64 (T, K).

    Raises:
        InputError: if features and labels do not match, or the features are damaged.
    """
    facts, group = open_features(manifest)
    values = read_labels(labels, behaviors).values
    found = {}
    for stream in facts["streams"]:
        if f"logits_{stream}" not in facts["arrays"]:  # a frozen backbone knows no behaviors
            continue
        try:
            logits = np.asarray(array_of(group, f"logits_{stream}")[:], dtype=np.float64)
        except DAMAGE as error:
            raise InputError(f"{group.store_path}: damaged ({error}); remove it and run again") from None
        if logits.shape != (len(values), count_outputs(exclusive, behaviors)):
            raise InputError(
                f"{manifest}: logits of {logits.shape[0]} frames and {logits.shape[1]} outputs, but {labels} has "
                f"{len(values)} frames and {len(behaviors)} behaviors; remove both and run again"
            )
        groups = groups_of(exclusive, behaviors)
        found[stream] = logits[:, len(groups) :].copy()
        for places, outputs in outputs_of(groups):  # the probability of each behavior among those and background
            own = logits[:, outputs]
            found[stream][:, places] = (own - np.logaddexp.reduce(own, axis=1, keepdims=True))[:, 1:]
    return values, found


def lift(score: Mapping[str, Any]) -> float:
    """Return how far a ranking is on the way from chance (0) to perfect (1); NaN if it is not defined."""
    share = score["share"]
    return (score["average_precision"] - share) / (1 - share) if share < 1 else float("nan")


def _score(ranked: np.ndarray, labels: np.ndarray) -> dict[str, Any]:
    frames, positive = int((labels >= 0).sum()), int((labels == 1).sum())
    return {
        "average_precision": average_precision(rank(ranked), labels),
        "share": positive / frames if frames else float("nan"),
        "frames": frames,
        "positive_frames": positive,
    }


def _is_poor(row: Mapping[str, Any]) -> bool:
    enough = row["positive_frames"] >= FEWEST_FRAMES and row["bouts"] >= FEWEST_BOUTS
    return enough and lift(row) < POOR


def _as_scored(labels: np.ndarray, logits: Mapping[str, np.ndarray], stream: str) -> ScoredVideo:
    """Return a video in the form that chance is computed of; decisions and times play no part."""
    ranked = logits[stream]
    return ScoredVideo("", labels, np.zeros_like(labels), ranked, ranked, np.zeros(0))


def _plain(value: Any) -> Any:
    """Return values with null in place of NaN, which JSON does not have."""
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return None if isinstance(value, float) and np.isnan(value) else value
