"""Stratification: labelled videos are assigned such that each part shows each behavior if that is possible."""

import os
from collections.abc import Mapping, Sequence

import numpy as np

from ethomake.errors import InputError
from ethomake.project import CHECK, PARTS

_WEIGHTS = np.array([9, 3, 1])  # cost of a part that never shows a behavior; highest for training


def assign_parts(
    videos: Sequence[Mapping[str, str]],
    positives: Mapping[str, Mapping[str, int]],
    *,
    fractions: Mapping[str, float],
    by: str = "subject",
    seed: int = 0,
    previous: Mapping[str, Sequence[str]] | None = None,
) -> dict[str, list[str]]:
    """Give each labelled video a part.

    A part given in the table is kept. A video of an earlier split keeps its part, so that adding a video
    moves none. The others are assigned at random so that the parts get their fractions of the videos and,
    if there are enough, each part has videos with each behavior. All videos of a subject stay together, and so do
    the animals that are tracked in one video file, since they are seen in each other's pictures; parts in the table
    may separate these.

    Args:
        videos: rows of the video table (keys video, labels, part, subject, path, track); those without labels are left
            out.
        positives: for each video the number of frames in which each behavior is present.
        fractions: the shares of train, validate and test; they need not add up to 1.
        by: `subject` keeps the videos of a subject together, `video` does not.
        seed: the same videos and seed give the same split, whatever the order of the table.
        previous: an earlier split, {"train": [...], "validate": [...], "test": [...]}.

    Returns:
        Sorted video names for each of train, validate and test.

    Raises:
        InputError: for an unknown part, fractions that are not valid shares, or a subject whose videos have two parts
            in the table though `by` is `subject`.
    """
    shares = _shares(fractions)
    rows = sorted((row for row in videos if row.get("labels")), key=lambda row: row["video"])
    units = _units(rows, by)
    behaviors = sorted({name for row in rows for name in positives.get(row["video"], {})})
    size = np.array([len(unit) for unit in units], int)
    has = np.array(
        [[any(positives.get(row["video"], {}).get(b, 0) > 0 for row in unit) for b in behaviors] for unit in units],
        int,
    ).reshape(len(units), len(behaviors))
    earlier = [set((previous or {}).get(name, ())) for name in PARTS]
    part = np.array([_known_part(unit, earlier) for unit in units], int)
    part = _deal_best(part, size, has, shares, seed)
    return {
        name: sorted(row["video"] for unit, p in zip(units, part, strict=True) if p == number for row in unit)
        for number, name in enumerate(PARTS)
    }


def _shares(fractions: Mapping[str, float]) -> np.ndarray:
    shares = np.array([fractions[name] for name in PARTS], float)
    if not (np.isfinite(shares).all() and (shares >= 0).all() and shares.sum() > 0):
        raise InputError(f"config.yaml, split: train, validate, test are {shares.tolist()}; shares are 0 or more")
    return shares / shares.sum()


def units_of(rows: Sequence[Mapping[str, str]], by: str) -> dict[str, tuple[str, str]]:
    """Return, for each video, the key of the group that must stay together: all videos of a group have the same.

    They are those of a subject, if `by` is `subject`, and those that are tracked in one video file, unless the table
    gives them different parts; then those without a part go with the first.

    Args:
        rows: of the video table (keys video, part, subject, path, track).
        by: `subject` or `video`.
    """
    own, part_of = {}, {}
    files: dict[str, list[tuple[str, str]]] = {}
    for row in sorted(rows, key=lambda row: row["video"]):
        subject = row.get("subject") or ""
        key = ("subject", subject) if by == "subject" and subject else ("video", row["video"])
        own[row["video"]] = key
        part_of[key] = part_of.get(key) or row.get("part") or ""
        if row.get("track"):
            files.setdefault(os.path.realpath(row["path"]), []).append(key)
    leads = {key: key for key in part_of}

    def lead(key: tuple[str, str]) -> tuple[str, str]:
        while leads[key] != key:
            key = leads[key]
        return key

    for _, keys in sorted(files.items()):
        groups = sorted({lead(key) for key in keys})
        given = sorted({part_of[key] for key in groups} - {""}, key=[*PARTS, CHECK].index)
        together = [key for key in groups if part_of[key] in ("", *given[:1])]
        for key in together:
            leads[key] = together[0]
        part_of[together[0]] = given[0] if given else ""
    return {video: lead(key) for video, key in own.items()}


def _units(rows: list[Mapping[str, str]], by: str) -> list[list[Mapping[str, str]]]:
    """Return the groups of videos that must stay together, in a fixed order."""
    _check_parts(rows, by)
    units: dict[tuple[str, str], list[Mapping[str, str]]] = {}
    keys = units_of(rows, by)
    for row in rows:
        units.setdefault(keys[row["video"]], []).append(row)
    return [units[key] for key in sorted(units)]


def _check_parts(rows: list[Mapping[str, str]], by: str) -> None:
    """Refuse an unknown part, and a subject in two parts."""
    units: dict[tuple[str, str], list[Mapping[str, str]]] = {}
    for row in rows:
        subject = row.get("subject") or ""
        key = ("subject", subject) if by == "subject" and subject else ("video", row["video"])
        units.setdefault(key, []).append(row)
    for (kind, name), unit in units.items():
        given = {row["part"]: row["video"] for row in unit if row.get("part")}
        for part, video in given.items():
            if part not in PARTS:
                raise InputError(f"video table, video {video}: part '{part}' is none of {', '.join(PARTS)}, or empty")
        if kind == "subject" and len(given) > 1:
            where = ", ".join(f"{video} in {part}" for part, video in sorted(given.items()))
            raise InputError(
                f"video table: subject '{name}' is in two parts ({where}), so the test would know the animal; "
                "give its videos one part, or set split: by: video in config.yaml"
            )


def _known_part(unit: list[Mapping[str, str]], earlier: list[set[str]]) -> int:
    """Return the number of the part that the table, or else an earlier split, gives a unit; -1 if neither does."""
    for row in unit:
        if row.get("part"):
            return PARTS.index(row["part"])
    for number, names in enumerate(earlier):  # train first: what was trained on must never be tested on
        if any(row["video"] in names for row in unit):
            return number
    return -1


def _deal_best(part: np.ndarray, size: np.ndarray, has: np.ndarray, shares: np.ndarray, seed: int) -> np.ndarray:
    """Assign the units that have no part (-1) yet; try again while a behavior is missing in a part.

    Chance matters if there are few videos, and then many attempts are cheap.
    """
    weights = np.where(shares > 0, _WEIGHTS, 0)
    enough = has.sum(axis=0)[None] > np.arange(3)[:, None]  # two videos cannot be in three parts
    least = int((~enough & (has.sum(axis=0) > 0)).sum(axis=1) @ np.sort(weights)[::-1])
    random = np.random.default_rng([seed, 1])
    best, lowest = part, None
    for _ in range(1 + min(2000 // max(len(part), 1), 50)):
        trial, free = part.copy(), np.flatnonzero(part == -1)
        random.shuffle(free)
        _deal(trial, free, size, has, shares)
        _repair(trial, free, has, weights)
        cost = int(_cost(_count(trial, has), has, weights))
        if lowest is None or cost < lowest:
            best, lowest = trial, cost
        if lowest <= least:
            break
    return best


def _count(part: np.ndarray, has: np.ndarray) -> np.ndarray:
    """Count the units of each part that show each behavior: (3, K)."""
    return np.array([has[part == number].sum(axis=0) for number in range(3)], int).reshape(3, has.shape[1])


def _cost(count: np.ndarray, has: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the cost of behaviors that parts lack, for counts (..., 3, K)."""
    return ((count == 0) & (has.sum(axis=0) > 0)).sum(axis=-1) @ weights


def _deal(part: np.ndarray, free: np.ndarray, size: np.ndarray, has: np.ndarray, shares: np.ndarray) -> None:
    """Assign the units `free`, rarest behavior first, each to the part that needs it most.

    After Sechidis et al. 2011, "On the stratification of multi-label data", with one change: a part that
    has no unit with the behavior yet comes first, so that few units still reach every part.
    """
    goal = _goals(int(size.sum()), shares)
    videos = np.array([size[part == number].sum() for number in range(3)], float)
    count = _count(part, has)
    wanted = shares[:, None] * has.sum(axis=0)
    left = {int(unit): None for unit in free}  # an ordered set
    remaining = has[free].sum(axis=0)

    def place(unit: int, order: list[np.ndarray]) -> None:
        room = goal - videos
        keys = [(room[p] > 0, *(key[p] for key in order), room[p] / max(goal[p], 1), -p) for p in range(3)]
        chosen = max((p for p in range(3) if shares[p] > 0), key=lambda p: keys[p])
        part[unit] = chosen
        videos[chosen] += size[unit]
        count[chosen] += has[unit]
        remaining[:] -= has[unit]
        del left[unit]

    while remaining.any():
        rarest = int(np.where(remaining > 0, remaining, remaining.max() + 1).argmin())
        unit = next(unit for unit in left if has[unit, rarest])
        place(unit, [count[:, rarest] == 0, (wanted - count)[:, rarest]])
    for unit in list(left):
        place(unit, [])


def _goals(videos: int, shares: np.ndarray) -> np.ndarray:
    """Return how many videos each part gets: rounded shares that add up, at least one if there are enough."""
    exact = videos * shares
    goal = np.floor(exact)
    for number in np.argsort(-(exact - goal), kind="stable")[: videos - int(goal.sum())]:
        goal[number] += 1
    for number in range(3):
        if shares[number] > 0 and goal[number] == 0 and goal.max() > 1:
            goal[goal.argmax()] -= 1
            goal[number] += 1
    return goal


def _repair(part: np.ndarray, free: np.ndarray, has: np.ndarray, weights: np.ndarray) -> None:
    """Swap units of two parts as long as that brings a behavior into a part that lacks it."""
    count = _count(part, has)
    improved = True
    while improved and _cost(count, has, weights) > 0:
        improved = False
        for unit in free:
            others = free[part[free] != part[unit]]
            if not len(others):
                continue
            trial = np.repeat(count[None], len(others), axis=0)
            change = has[others] - has[unit]
            trial[:, part[unit]] += change
            np.subtract.at(trial, (np.arange(len(others)), part[others]), change)
            costs = _cost(trial, has, weights)
            best = int(costs.argmin())
            if costs[best] < _cost(count, has, weights):
                count, improved = trial[best], True
                part[unit], part[others[best]] = part[others[best]], part[unit]
                break
