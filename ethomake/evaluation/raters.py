"""Two people who scored the same videos: how far they agree, frame by frame, bout by bout, and in what is reported."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.patches import Patch

from ethomake.drawing import BACKGROUND, FAINT, PALETTE, new_figure, save_figure, shorten, strip, style, time_ticks
from ethomake.ethogram.tables import write_table
from ethomake.evaluation.files import RATERS_MAP
from ethomake.evaluation.metrics import Counts, count_frames, decision_metrics, divide
from ethomake.files import read_json
from ethomake.ingest.times import Clock, frame_clock
from ethomake.labels.bouts import find_scored_bouts
from ethomake.labels.check import read_checked_labels
from ethomake.labels.groups import Exclusive
from ethomake.labels.policies import Policies
from ethomake.labels.table import read_labels

logger = logging.getLogger(__name__)

AGREEMENT_COLUMNS = (
    *("video", "behavior", "frames", "first_frames", "second_frames", "agreement", "kappa"),
    *("first_bouts", "second_bouts", "matched_bouts", "bout_agreement"),
    *("first_s", "second_s"),
)
RELIABILITY_COLUMNS = ("behavior", "videos", "icc_duration", "icc_bouts")

ALL = ""
"""In the column `video`, the row of all videos together."""

ROUNDING = 1e-6
"""Seconds; times that differ by the tolerance up to rounding agree."""

COLUMNS = 1000
"""Of the disagreement map, at most so many: more than a figure can show."""

MOST_VIDEOS = 24
"""As many videos are drawn; all are in the tables."""

NEITHER, BOTH, FIRST, SECOND, UNKNOWN = range(5)
SHADES = {BOTH: BACKGROUND, FIRST: PALETTE[0], SECOND: PALETTE[1], UNKNOWN: FAINT}
WORDS = {BOTH: "both", FIRST: "first rater only", SECOND: "second rater only", UNKNOWN: "not scored by both"}


class RatedVideo(NamedTuple):
    """The files of a video that two people scored.

    Attributes:
        labels: its label table, that of the first rater.
        second: the label file of the second rater, in any known format.
        manifest: its video.json.
        scored: the behaviors that were scored in this video; None: all.
        rate: frames per second of life, if the video table has them.
        subject: the animal whose labels are meant, in files with several.
    """

    labels: str | Path
    second: str | Path
    manifest: str | Path
    scored: Sequence[str] | None = None
    rate: float | None = None
    subject: str = ""


@dataclass(frozen=True, eq=False)
class TwoRatings:
    """The labels of two people for one video: int8 (T, K) each, -1 in both where one of them did not score."""

    video: str
    first: np.ndarray
    second: np.ndarray
    clock: Clock


def compare_raters(
    videos: Sequence[RatedVideo],
    folder: str | Path,
    *,
    behaviors: Sequence[str],
    exclusive: Exclusive = False,
    tolerance_s: float,
    settings: Mapping[str, Any] | None = None,
) -> None:
    """Compare the labels of two raters on frames scored by both; write `RATERS` of ethomake.evaluation.files.

    - agreement.csv: a row for each behavior of all videos together (its `video` is empty), then of each video: the
      frames scored by both, those with the behavior by each, the share of frames on which they agree, Cohen's kappa,
      the bouts of each, how many of them match (see `match_within`), `bout_agreement`, which is 2 matched / (first +
      second), and the seconds of the behavior by each.
    - reliability.csv: for each behavior, ICC(2,1) of the seconds and of the number of bouts, across the videos.
    - disagreement.png, .svg: a map of where they differ in each video.

    Args:
        videos: those with a second label file.
        folder: where the files go.
        behaviors: names, in order.
        exclusive: which behaviors exclude each other; holds for the second rater, too.
        tolerance_s: by how many seconds starts, and stops, of bouts that match may differ.
        settings: the section `labels` of the config: how label files are read.

    Raises:
        InputError: if a label file is wrong or does not fit its video.
    """
    read = [_read(video, behaviors, exclusive, settings or {}) for video in videos]
    numbers = [[_compare(video, k, tolerance_s) for k in range(len(behaviors))] for video in read]
    rows = [_row(ALL, name, _sum([own[k] for own in numbers])) for k, name in enumerate(behaviors)]
    rows += [
        _row(video.video, name, own[k])
        for video, own in zip(read, numbers, strict=True)
        for k, name in enumerate(behaviors)
    ]
    reliability = []
    for k, name in enumerate(behaviors):
        scored = [own[k] for own in numbers if own[k].frames.sum()]
        values = [np.array([getattr(own, what) for own in scored]).reshape(-1, 2) for what in ("seconds", "bouts")]
        reliability.append([name, len(scored), *(_plain(icc_agreement(each)) for each in values)])
    folder = Path(folder)
    write_table(folder / "reliability.csv", RELIABILITY_COLUMNS, reliability)
    _draw_map(read, behaviors, folder / f"{RATERS_MAP}.png", folder / f"{RATERS_MAP}.svg")
    write_table(folder / "agreement.csv", AGREEMENT_COLUMNS, rows)


def match_within(first: np.ndarray, second: np.ndarray, tolerance: float) -> np.ndarray:
    """Return a largest set of pairs of bouts that agree, each bout in one pair at most: int64 (M, 2), numbers of both.

    Two bouts agree if their starts, and their stops, differ by at most the tolerance. Pairs are taken in the order of
    time. That gives the most pairs: if two pairs cross, the uncrossed ones agree as well, and of the earliest pair that
    agrees one bout at most could have another partner.

    Args:
        first: (N, 2) start and stop of each bout, disjoint and in order.
        second: (P, 2) likewise.
        tolerance: in the unit of both.
    """
    pairs: list[tuple[int, int]] = []
    i = j = 0
    limit = tolerance + ROUNDING
    while i < len(first) and j < len(second):
        ahead = second[j] - first[i]  # of the start and of the stop
        if np.abs(ahead).max() <= limit:
            pairs.append((i, j))
            i, j = i + 1, j + 1
        elif ahead.max() > limit:  # all later ones of the second are farther still
            i += 1
        else:
            j += 1
    return np.array(pairs, np.int64).reshape(-1, 2)


def icc_agreement(values: np.ndarray) -> float:
    """Return ICC(2,1): two-way random effects, absolute agreement, single rater.

    Source: Shrout and Fleiss 1979, Psychological Bulletin 86:420-428.

    Args:
        values: (N, J), what each of J raters found in each of N videos.

    Returns:
        At most 1; NaN with fewer than two videos, or if all values are the same.
    """
    n, raters = values.shape
    if n < 2 or raters < 2:
        return float("nan")
    rows, columns, mean = values.mean(axis=1), values.mean(axis=0), values.mean()
    between = raters * float(((rows - mean) ** 2).sum()) / (n - 1)
    judges = n * float(((columns - mean) ** 2).sum()) / (raters - 1)
    left = values - rows[:, None] - columns[None] + mean
    error = float((left**2).sum()) / ((n - 1) * (raters - 1))
    whole = between + (raters - 1) * error + raters * (judges - error) / n
    return (between - error) / whole if whole > 1e-12 * max(1.0, mean**2) else float("nan")


@dataclass(frozen=True, eq=False)
class _Numbers:
    """What two raters found of one behavior.

    Attributes:
        frames: true and false positives, false negatives and true negatives, the first rater being right: (4,).
        bouts: of both, (2,).
        matched: pairs of bouts.
        seconds: of both, (2,).
    """

    frames: np.ndarray
    bouts: np.ndarray
    matched: int
    seconds: np.ndarray


def _read(video: RatedVideo, behaviors: Sequence[str], exclusive: Exclusive, settings: Mapping[str, Any]) -> TwoRatings:
    facts = read_json(video.manifest)
    first = read_labels(video.labels, behaviors).values
    table, _ = read_checked_labels(
        video.second,
        facts,
        behaviors=behaviors,
        scored=video.scored,
        exclusive=exclusive,
        partly=True,
        subject=video.subject,
        policies=Policies.of(settings),
        names=settings.get("names"),
    )
    second = table.values
    unknown = (first < 0) | (second < 0)
    first, second = (np.where(unknown, -1, values).astype(np.int8) for values in (first, second))
    return TwoRatings(facts["video"], first, second, frame_clock(facts, video.rate))


def _compare(video: TwoRatings, k: int, tolerance_s: float) -> _Numbers:
    first, second, clock = video.first[:, [k]], video.second[:, [k]], video.clock
    counts = count_frames(first, second)
    scored = first[:, 0] >= 0
    found = [find_scored_bouts(values[:, 0] == 1, scored, clock.breaks) for values in (first, second)]
    one, other = (clock.filmed[bouts] for bouts in found)
    lengths = np.diff(clock.filmed)
    frames = [counts.true_positive, counts.false_positive, counts.false_negative, counts.true_negative]
    return _Numbers(
        np.concatenate(frames).astype(np.int64),
        np.array([len(bouts) for bouts in found]),
        len(match_within(one, other, tolerance_s)),
        np.array([lengths[values[:, 0] == 1].sum() for values in (first, second)]),
    )


def _sum(numbers: Sequence[_Numbers]) -> _Numbers:
    return _Numbers(
        np.sum([each.frames for each in numbers], axis=0),
        np.sum([each.bouts for each in numbers], axis=0),
        sum(each.matched for each in numbers),
        np.sum([each.seconds for each in numbers], axis=0),
    )


def _row(video: str, behavior: str, own: _Numbers) -> list[Any]:
    both, second, first, neither = own.frames[:, None]
    metrics = decision_metrics(Counts(both, second, first, neither))
    agreement = float(divide(2 * np.array(own.matched), own.bouts.sum()))
    return [
        *(video, behavior, int(own.frames.sum()), int((both + first)[0]), int((both + second)[0])),
        *(_plain(float(metrics[name][0])) for name in ("accuracy", "kappa")),
        *(*own.bouts.tolist(), own.matched, _plain(agreement), *(round(float(value), 6) for value in own.seconds)),
    ]


def _plain(value: float) -> float | None:
    return round(value, 6) if np.isfinite(value) else None


def disagreement_map(first: np.ndarray, second: np.ndarray, columns: int = COLUMNS) -> np.ndarray:
    """Return who saw a behavior in each stretch of a video: (columns or T if that is less,), int.

    A stretch in which the raters differ in some frame shows who of them alone saw the behavior in more frames; else one
    with the behavior is `BOTH`, one without `NEITHER`, and one that has no frame scored by both `UNKNOWN`.

    Args:
        first: (T,), 1, 0 or -1.
        second: (T,) likewise.
        columns: the most stretches that the video is divided into.
    """
    edges = np.linspace(0, len(first), min(columns, len(first)) + 1).round().astype(int)
    alone = [np.add.reduceat(one, edges[:-1]) for one in ((first == 1) & (second == 0), (first == 0) & (second == 1))]
    both = np.add.reduceat((first == 1) & (second == 1), edges[:-1])
    known = np.add.reduceat((first >= 0) & (second >= 0), edges[:-1])
    found = np.where(known == 0, UNKNOWN, np.where(both > 0, BOTH, NEITHER))
    differ = alone[0].astype(int) + alone[1] > 0
    return np.where(differ, np.where(alone[0].astype(int) >= alone[1], FIRST, SECOND), found)


def _draw_map(videos: Sequence[TwoRatings], behaviors: Sequence[str], png: Path, svg: Path) -> None:
    shown = videos[:MOST_VIDEOS]
    if len(videos) > MOST_VIDEOS:
        logger.info(f"the map of disagreement shows the first {MOST_VIDEOS} of {len(videos)} videos")
    with style():
        figure = new_figure(10, 0.5 + len(shown) * (0.5 + 0.22 * len(behaviors)))
        panels = figure.subplots(len(shown), 1, squeeze=False)[:, 0]
        for axes, video in zip(panels, shown, strict=True):
            _draw_video(axes, video, behaviors)
        handles = [Patch(facecolor=SHADES[kind], label=WORDS[kind]) for kind in SHADES]
        figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), frameon=False, fontsize=8)
        save_figure(figure, png, svg)


def _draw_video(axes: Axes, video: TwoRatings, behaviors: Sequence[str]) -> None:
    rows = [disagreement_map(video.first[:, k], video.second[:, k]) for k in range(len(behaviors))]
    colors = ["white", *(SHADES[kind] for kind in (BOTH, FIRST, SECOND, UNKNOWN))]
    end = float(video.clock.filmed[-1])
    axes.imshow(
        np.stack(rows),
        cmap=ListedColormap(colors), vmin=0, vmax=len(colors) - 1, aspect="auto", interpolation="nearest",
        extent=(0, end, len(behaviors) - 0.5, -0.5),
    )  # fmt: skip
    axes.set_yticks(range(len(behaviors)), [shorten(name) for name in behaviors])
    for k in range(len(behaviors) + 1):
        axes.axhline(k - 0.5, color="white", linewidth=2)
    ticks, texts, unit = time_ticks(0, end)
    axes.set_xticks(ticks, texts)
    axes.set_title(f"{shorten(video.video, 60)}, {unit}", fontsize=9, fontweight="normal")
    axes.tick_params(length=0)
    strip(axes, keep=())
