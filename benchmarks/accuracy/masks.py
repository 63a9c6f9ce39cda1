"""Labels as if less had been scored: frames beyond a share or a number of minutes become -1."""

from collections.abc import Mapping

import numpy as np

STRETCH_S = 3.0
"""Seconds that are labelled in one go: of the drawn animals, two to three bouts."""


def keep_minutes(
    labels: Mapping[str, np.ndarray],
    parts: Mapping[str, str],
    minutes: float,
    *,
    fps: float,
    seed: int,
    stretch_s: float = STRETCH_S,
) -> dict[str, np.ndarray]:
    """Keep some minutes of labels in whole stretches, spread over the videos; the rest becomes -1.

    Somebody who labels little still labels something of each behavior, and networks cannot be trained without. So the
    first stretches are those of training videos that show most of the behaviors not shown yet; then comes one of a
    validation video, and then one of whichever video has the fewest, at random. More minutes contain the fewer ones.
    A rare behavior is therefore less rare among few labels than in the videos.

    Args:
        labels: (T, K) of each training and validation video, by name: 1, 0 or -1.
        parts: `train` or `validate`, by name of the video.
        minutes: how much is kept, of all videos together.
        fps: frames per second.
        seed: seed of the choice.
        stretch_s: length of a stretch in seconds.

    Returns:
        New labels of each video; those of videos of which nothing is kept are -1 everywhere.

    Raises:
        ValueError: if so few stretches cannot show each behavior in a training video and reach a validation video.
    """
    length = round(stretch_s * fps)
    wanted = int(minutes * 60 * fps / length + 1e-9)
    random = np.random.default_rng([seed, 2])
    left = {
        name: [int(n) * length for n in random.permutation(len(values) // length)] for name, values in labels.items()
    }
    chosen: dict[str, list[int]] = {name: [] for name in labels}

    def take(name: str, start: int) -> None:
        left[name].remove(start)
        chosen[name].append(start)

    def shows(name: str, start: int) -> np.ndarray:
        return np.asarray((labels[name][start : start + length] == 1).any(axis=0))

    missing = np.any([(labels[name] == 1).any(axis=0) for name in labels if parts[name] == "train"], axis=0)
    while missing.any():
        places = [(name, start) for name in left if parts[name] == "train" for start in left[name]]
        best = max(places, key=lambda place: int((shows(*place) & missing).sum()))
        missing &= ~shows(*best)
        take(*best)
    validate = next(name for name in labels if parts[name] == "validate")
    take(validate, left[validate][0])
    least = sum(map(len, chosen.values()))
    if wanted < least:
        raise ValueError(f"{minutes:g} minutes are {wanted} stretches of {stretch_s:g} s, and {least} are needed")
    for _ in range(wanted - least):
        free = [name for name in left if left[name]]
        if not free:
            break
        name = min(free, key=lambda name: len(chosen[name]))
        take(name, left[name][0])
    kept = {}
    for name, values in labels.items():
        kept[name] = np.full_like(values, -1)
        for start in chosen[name]:
            kept[name][start : start + length] = values[start : start + length]
    return kept
