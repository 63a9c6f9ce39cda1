"""The simulated example: animals seen from above that walk, turn, rear, groom and rest, with exact ground truth.

The example is designed as a test of both streams:

- turn, groom and rest (the background) look the same. The heading is uniform in all of them, the bend of the
  body is the sine of a uniform phase in all of them; only in a turn the heading changes, only in grooming the
  phase changes, in rest both are constant. Their bouts have the same lengths, neighbors and crouching. They
  cannot be told apart from one frame, but from two.
- rear looks different (a bright, short body that shows belly and paws) and is as still as rest. Getting up and
  down moves the outline just as crouching does, which happens in half of all turns, grooming and rest.
- walk differs in both: a stretched body with visible paws, and displacement.

Lengths are in pixels of a 96-pixel image and scale with it; times are in seconds.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ethomake.example.video import write_h264
from ethomake.files import write_whole
from ethomake.labels.table import LabelTable, write_labels
from ethomake.messages import Progress

BEHAVIORS = ("walk", "turn", "rear", "groom")
STATES = (*BEHAVIORS, "rest")
FOLDER = "results/example/simulated"
DEFAULTS = {
    "videos": 8,
    "seconds": 60,
    "fps": 30,
    "size": 96,
    "train": 5,
    "validate": 1,
    "test": 2,
    "unlabelled": 0,
    "seed": 0,
}

_SHARES = {"walk": 0.17, "turn": 0.17, "rear": 0.17, "groom": 0.17, "rest": 0.32}
_BOUT = (0.7, 1.7)  # seconds
_WALK_SPEED = (40.0, 55.0)  # pixels per second
_TURN_SPEED = (2.2, 3.2)  # radians per second
_GROOM_RATE = (3.2, 4.4)  # cycles per second
_BEND = 3.4  # pixels that the snout moves to the side
_ARENA = 23.0  # pixels from the middle within which the animal walks
_EASE = 0.06  # seconds; how fast a posture or a movement begins (sigma of a Gaussian)
_NOISE = 3.0  # grey levels; standard deviation of the sensor noise
_BATCH = 48  # frames rendered at once


@dataclass(frozen=True, eq=False)
class Track:
    """State and posture of the animal, frame by frame; all arrays are (T,).

    Attributes:
        state: number of the state in STATES.
        x, y: center of the body, pixels from the center of a 96-pixel image.
        heading: radians.
        bend: lateral bend of the snout, pixels.
        walking, rearing, crouching: 0 to 1, degree of this posture.
        gait: phase of the steps, radians.
        light: brightness of the scene, about 1.
        light_side: brightness difference between the two sides.
    """

    state: np.ndarray
    x: np.ndarray
    y: np.ndarray
    heading: np.ndarray
    bend: np.ndarray
    walking: np.ndarray
    rearing: np.ndarray
    crouching: np.ndarray
    gait: np.ndarray
    light: np.ndarray
    light_side: np.ndarray


@dataclass(frozen=True, eq=False)
class Look:
    """Appearance of one animal and its cage.

    Attributes:
        scale: size of the animal, about 1.2; 1 is a body of 30 pixels.
        coat: RGB of the fur, 0 to 255.
        fur: float32 (64, 64), texture of the body, about 1, over (-1..1, -1..1) of its length and width.
        tail: lateral curl of the tip of the tail, pixels.
        floor: float32 (size, size, 3), the cage without the animal.
        light_angle: direction of the brightness gradient, radians.
    """

    scale: float
    coat: np.ndarray
    fur: np.ndarray
    tail: float
    floor: np.ndarray
    light_angle: float


def simulated_table(settings: Mapping[str, Any], folder: str = FOLDER) -> list[dict[str, str]]:
    """Return the video table of the simulated example, without rendering anything.

    The first videos are for training, the next for validation, then for test; the rest have labels but no part, and
    the last `unlabelled` videos have no labels in the table.
    """
    settings = DEFAULTS | dict(settings)
    labelled = settings["videos"] - settings["unlabelled"]
    parts = [part for part in ("train", "validate", "test") for _ in range(settings[part])]
    parts += [""] * (settings["videos"] - len(parts))
    rows = []
    for number, part in enumerate(parts):
        name = f"sim_{number:02d}"
        rows.append(
            {
                "video": name,
                "path": f"{folder}/{name}.mp4",
                "labels": f"{folder}/{name}_labels.csv" if number < labelled else "",
                "part": part,
                "subject": name,
                "group": "",
                "crop": "",
                "scored": "",
            }
        )
    return rows


def draw_video(
    video_path: str | Path,
    labels_path: str | Path,
    *,
    video: str,
    settings: Mapping[str, Any],
    shares: Mapping[str, float] | None = None,
) -> None:
    """Render one video (H.264) and write its true labels in ethomake's format.

    The same name and seed give the same bytes, regardless of the number of videos.

    Args:
        video_path: the .mp4 file to write.
        labels_path: the label file to write.
        video: name of the video; with the seed it determines everything random.
        settings: seconds, fps, size and seed; see DEFAULTS.
        shares: share of the time of some states, 0 to 1, to make them rare; see `move`. Not a setting of the workflow.
    """
    settings = DEFAULTS | dict(settings)
    random = np.random.default_rng(_entropy(settings["seed"], video))
    size, fps = settings["size"], settings["fps"]
    track = move(random, frames=round(settings["seconds"] * fps), fps=fps, shares=shares)
    look = choose_look(random, size)
    frames = len(track.state)
    with (
        write_whole(video_path) as part,
        write_h264(part, height=size, width=size, fps=fps, crf=18, color=True, intra=True) as write,
        Progress(frames, f"draw {video}", "frame") as progress,
    ):
        for image in draw(track, look, random):
            write(image)
            progress.advance()
    write_labels(labels_path, true_labels(track))


def true_labels(track: Track) -> LabelTable:
    """Return the labels: one behavior at a time, none during rest."""
    values = track.state[:, None] == np.arange(len(BEHAVIORS))
    return LabelTable(BEHAVIORS, values.astype(np.int8))


def move(random: np.random.Generator, *, frames: int, fps: float, shares: Mapping[str, float] | None = None) -> Track:
    """Simulate the states and movements of an animal.

    Args:
        random: all random numbers are drawn from it.
        frames: their number.
        fps: frames per second.
        shares: share of the time of some states, 0 to 1; the others keep their proportions. By default the behaviors
            have 0.17 each. Every state has one bout at least, of about 1.2 s.
    """
    order, bout = _bouts(random, frames, fps, _complete(shares or {}))
    state, bouts = order[bout], len(order)
    is_ = {name: (state == number).astype(float) for number, name in enumerate(STATES)}
    per_bout = {
        "speed": random.uniform(*_WALK_SPEED, bouts) / fps,
        "turn": random.uniform(*_TURN_SPEED, bouts) * random.choice([-1, 1], bouts) / fps,
        "groom": 2 * np.pi * random.uniform(*_GROOM_RATE, bouts) / fps,
        "shift": random.uniform(-np.pi / 2, np.pi / 2, bouts),
        "crouch": _half_of_each(random, order),
    }
    of = {name: values[bout] for name, values in per_bout.items()}
    ease = _EASE * fps
    walking, rearing = _smooth(is_["walk"], ease), _smooth(is_["rear"], ease)
    crouching = _smooth(of["crouch"] * (1 - is_["walk"] - is_["rear"]), ease)
    # a phase that is uniform at all times: it advances while grooming and shifts a little between bouts
    phase = random.uniform(0, 2 * np.pi) + np.cumsum(_smooth(is_["groom"] * of["groom"], ease))
    phase += _smooth(np.cumsum(per_bout["shift"])[bout], ease)
    x, y, heading = _walk(
        random, _smooth(is_["walk"] * of["speed"], ease), _smooth(is_["turn"] * of["turn"], ease), fps
    )
    return Track(
        state=state,
        x=x + _wander(random, frames, 0.15, 0.3 * fps),
        y=y + _wander(random, frames, 0.15, 0.3 * fps),
        heading=heading + _wander(random, frames, 0.01, 0.3 * fps),
        bend=_BEND * np.sin(phase),
        walking=walking,
        rearing=rearing,
        crouching=crouching,
        gait=random.uniform(0, 2 * np.pi) + np.cumsum(2 * np.pi * 3 / fps * walking),
        light=1 + _wander(random, frames, 0.06, 3 * fps),
        light_side=_wander(random, frames, 0.06, 4 * fps),
    )


def choose_look(random: np.random.Generator, size: int) -> Look:
    """Choose the appearance of an animal and its cage at random."""
    floor = np.array([168.0, 156.0, 138.0]) * random.uniform(0.9, 1.1) + random.uniform(-6, 6, 3)
    grains = ((9, 9), (3, 8), (1.2, 6))
    clouds = [_clouds(random, size, grain * size / 96, amount) for grain, amount in grains]
    bedding = sum(clouds, np.zeros((size, size)))
    return Look(
        scale=float(random.uniform(1.1, 1.25)),
        coat=np.array([84.0, 72.0, 62.0]) * random.uniform(0.85, 1.15) + random.uniform(-5, 5, 3),
        fur=(1 + _clouds(random, 64, 2.5, 0.22)).astype(np.float32),
        tail=float(random.uniform(4, 8) * random.choice([-1, 1])),
        floor=(floor + bedding[..., None]).astype(np.float32),
        light_angle=float(random.uniform(0, 2 * np.pi)),
    )


def draw(track: Track, look: Look, random: np.random.Generator) -> Iterator[np.ndarray]:
    """Yield the rendered frames: uint8 (size, size, 3) each."""
    size = len(look.floor)
    axis = ((np.arange(size, dtype=np.float32) + 0.5) / size - 0.5) * 96
    side = (np.cos(look.light_angle) * axis[None, :] + np.sin(look.light_angle) * axis[:, None]) / 48
    for start in range(0, len(track.state), _BATCH):
        pose = {
            name: np.asarray(values[start : start + _BATCH], np.float32)[:, None, None]
            for name, values in vars(track).items()
        }
        color, alpha = _animal(pose, look, axis[None, None, :] - pose["x"], axis[None, :, None] - pose["y"])
        images = look.floor + alpha[..., None] * (color - look.floor)
        images *= (pose["light"] + pose["light_side"] * side)[..., None]
        images += _NOISE * random.standard_normal(alpha.shape, np.float32)[..., None]
        yield from np.clip(np.rint(images), 0, 255).astype(np.uint8)


def _animal(
    pose: Mapping[str, np.ndarray], look: Look, dx: np.ndarray, dy: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return color (n, size, size, 3) and coverage (n, size, size) of the animal at pixels (dx, dy) from its center."""
    sharp = np.float32(len(look.floor) / 96)  # image pixels per unit
    cos, sin = np.cos(pose["heading"]), np.sin(pose["heading"])
    u, v = (dx * cos + dy * sin) / look.scale, (dy * cos - dx * sin) / look.scale
    walking, rearing = pose["walking"], pose["rearing"]
    short = np.maximum(rearing, pose["crouching"])  # the outline moves the same way in rearing and crouching
    length = 15.0 * (1 + 0.14 * walking - 0.36 * short)
    width = 7.2 * (1 - 0.1 * walking + 0.2 * short)
    head = 1 + 0.25 * short
    v = v - pose["bend"] * np.clip((u + 3) / 20, 0, 1.3) ** 2  # the body bends from just behind its center
    front = length * 0.98  # center of the head

    def blob(at_u, at_v, radius_u, radius_v) -> np.ndarray:
        """Return the coverage of an ellipse, anti-aliased over one image pixel."""
        distance = np.sqrt(((u - at_u) / radius_u) ** 2 + ((v - at_v) / radius_v) ** 2)
        return np.clip((1 - distance) * np.minimum(radius_u, radius_v) * sharp + 0.5, 0, 1)

    u_body, v_body = u / length, v / (width * (1 - 0.2 * np.clip(u / length, -1, 1)))
    radius = np.sqrt(u_body**2 + v_body**2)
    body = np.clip((1 - radius) * width * sharp + 0.5, 0, 1)
    rows = np.clip((u_body + 1) * 32, 0, 63).astype(np.intp)
    columns = np.clip((v_body + 1) * 32, 0, 63).astype(np.intp)
    shade = look.fur[rows, columns] * (1.12 - 0.35 * np.minimum(radius, 1) ** 2) * (1 + 0.3 * rearing)

    behind = -u - length
    curl = look.tail * (1 - 0.8 * walking) * (np.clip(behind, 0, 14) / 14) ** 2
    tail = np.clip((1.2 - np.abs(v - curl)) * sharp + 0.5, 0, 1)
    tail *= np.clip((behind + 3) * sharp, 0, 1) * np.clip((13 - behind) * sharp, 0, 1)

    step = 3.5 * np.sin(pose["gait"])
    feet = np.zeros_like(u)
    for at, sign in ((0.55, 1), (0.55, -1), (-0.6, -1), (-0.6, 1)):
        beat = step * sign * np.sign(at)
        feet = np.maximum(feet, blob(at * length + beat, sign * (width + 0.8), 2.8, 2.2))
    feet *= walking
    for sign in (1, -1):
        feet = np.maximum(feet, rearing * blob(front + 1.5, sign * 7.6, 2.0, 2.4))

    layers = [  # bottom to top: coverage, brightness relative to the coat
        (tail, 1.1),
        (feet, np.where(rearing > walking, 1.9, 0.75)),
        (body, shade),
        (0.75 * blob(-0.72 * length, 0, 3.0, 3.4), 1.7 * (1 + 0.3 * rearing)),
        (rearing * blob(0.1 * length, 0, 0.66 * length, 0.62 * width), 2.3),
        (blob(front - 2.5 * head, 4.4 * head, 2.3 * head, 2.3 * head), 1.3),
        (blob(front - 2.5 * head, -4.4 * head, 2.3 * head, 2.3 * head), 1.3),
        (blob(front, 0, 6.4 * head, 4.6 * head), 0.72 * (1 + 0.5 * rearing)),
        (blob(front + 5.4 * head, 0, 1.4, 1.4), 1.8),
    ]
    bright, cover = np.zeros_like(u), np.zeros_like(u)
    for alpha, value in layers:
        bright += alpha * (value - bright)
        cover = np.maximum(cover, alpha)
    # where coverage is partial, `bright` is blended with its black start value: undo that
    bright = bright / np.maximum(cover, 1e-3)
    return bright[..., None] * look.coat.astype(np.float32), cover


def _complete(shares: Mapping[str, float]) -> dict[str, float]:
    """Return the share of the time of every state, given that of some."""
    others = {name: share for name, share in _SHARES.items() if name not in shares}
    scale = (1 - sum(shares.values())) / sum(others.values()) if shares else 1
    return {name: shares[name] if name in shares else scale * others[name] for name in STATES}


def _bouts(
    random: np.random.Generator, frames: int, fps: float, shares: Mapping[str, float]
) -> tuple[np.ndarray, np.ndarray]:
    """Return the states of the bouts in order, and for every frame the number of its bout.

    The number of bouts of each state is fixed, so that durations are balanced; their order is shuffled until
    no behavior follows itself.
    """
    count = max(len(STATES), round(frames / fps / np.mean(_BOUT)))
    exact = np.array([shares[name] for name in STATES]) * count
    each = np.maximum(np.rint(exact), 1).astype(int)
    each[-1] = max(count - each[:-1].sum(), 1)
    order = np.repeat(np.arange(len(STATES)), each)
    random.shuffle(order)
    rest = len(BEHAVIORS)
    for _ in range(1000):
        twice = np.flatnonzero((order[1:] == order[:-1]) & (order[1:] != rest))
        if not len(twice):
            break
        one, other = twice[0] + 1, random.integers(len(order))
        order[[one, other]] = order[[other, one]]
    lengths = random.uniform(*_BOUT, len(order))
    stops = np.rint(np.cumsum(lengths) / lengths.sum() * frames)
    bout = np.searchsorted(stops, np.arange(frames), side="right")
    return order, bout


def _half_of_each(random: np.random.Generator, order: np.ndarray) -> np.ndarray:
    """Choose half of the bouts of every state at random: bool, one per bout."""
    chosen = np.zeros(len(order), bool)
    for state in np.unique(order):
        bouts = random.permutation(np.flatnonzero(order == state))
        chosen[bouts[: (len(bouts) + random.integers(2)) // 2]] = True
    return chosen


def _walk(
    random: np.random.Generator, speed: np.ndarray, turn: np.ndarray, fps: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return position and heading from speed and turning; while walking the animal steers away from the walls."""
    frames = len(speed)
    x, y, heading = np.empty(frames), np.empty(frames), np.empty(frames)
    angle, place = random.uniform(0, 2 * np.pi), random.uniform(-0.5, 0.5, 2) * _ARENA
    swerve = _wander(random, frames, 0.9, 0.4 * fps) / fps
    top = max(_WALK_SPEED) / fps
    for t in range(frames):
        ahead = place + 14 * np.array([np.cos(angle), np.sin(angle)])
        towards_middle = np.angle(np.exp(1j * (np.arctan2(-place[1], -place[0]) - angle)))
        steer = np.clip(towards_middle, -1, 1) * 3.0 / fps if np.hypot(*ahead) > _ARENA else swerve[t]
        angle += turn[t] + steer * speed[t] / top
        place = place + speed[t] * np.array([np.cos(angle), np.sin(angle)])
        place *= min(1, (_ARENA + 4) / max(np.hypot(*place), 1e-9))
        x[t], y[t], heading[t] = *place, angle
    return x, y, heading


def _smooth(values: np.ndarray, sigma: float) -> np.ndarray:
    """Smooth in time with a centred Gaussian: a step is at half its height in the frame where it occurs."""
    reach = int(np.ceil(3 * sigma))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / max(sigma, 1e-9)) ** 2)
    return np.convolve(np.pad(values.astype(float), reach, mode="edge"), kernel / kernel.sum(), "valid")


def _wander(random: np.random.Generator, frames: int, deviation: float, sigma: float) -> np.ndarray:
    """Return smooth random values around 0 with a given standard deviation; `sigma` frames is their time scale."""
    reach = int(np.ceil(3 * sigma))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / max(sigma, 1e-9)) ** 2)
    kernel *= deviation / np.sqrt((kernel**2).sum())
    return np.convolve(random.standard_normal(frames + 2 * reach), kernel, "valid")


def _clouds(random: np.random.Generator, size: int, grain: float, deviation: float) -> np.ndarray:
    """Return a random texture (size, size) with spots of about `grain` pixels and a given standard deviation."""
    reach = int(np.ceil(3 * grain))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / grain) ** 2)
    texture = random.standard_normal((size + 2 * reach, size + 2 * reach))
    for axis in (0, 1):
        texture = np.apply_along_axis(lambda line: np.convolve(line, kernel, "valid"), axis, texture)
    return deviation * texture / (kernel**2).sum()


def _entropy(seed: int, video: str) -> int:
    """Return a 128-bit number from a seed and a name."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{video}".encode()).digest()[:16], "big")
