import itertools

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from ethomake.example import simulated
from ethomake.example.simulated import (
    BEHAVIORS,
    STATES,
    choose_look,
    draw,
    draw_video,
    move,
    simulated_table,
    true_labels,
)
from ethomake.example.video import read_grey
from ethomake.labels.bouts import find_bouts
from ethomake.labels.table import read_labels

FPS = 30


@pytest.fixture(scope="module")
def videos():
    """Decoded grey frames at 48x48 (enough for these checks) and states of four short videos."""
    drawn = []
    for seed in range(4):
        random = np.random.default_rng(seed)
        track = move(random, frames=30 * FPS, fps=FPS)
        images = np.stack([image.mean(axis=2) for image in draw(track, choose_look(random, 48), random)])
        drawn.append((images.astype(np.float32), track.state))
    return drawn


def test_the_table_needs_no_files_and_names_the_parts():
    rows = simulated_table({"videos": 6, "train": 2, "validate": 1, "test": 1, "unlabelled": 1})
    assert [row["video"] for row in rows] == [f"sim_{i:02d}" for i in range(6)]
    assert [row["part"] for row in rows] == ["train", "train", "validate", "test", "", ""]
    assert [bool(row["labels"]) for row in rows] == [True] * 5 + [False]
    assert list(rows[0]) == ["video", "path", "labels", "part", "subject", "group", "crop", "scored"]
    assert [row["part"] for row in simulated_table({})] == ["train"] * 5 + ["validate"] + ["test"] * 2


def test_a_video_and_its_labels_are_the_same_bytes_again(tmp_path):
    settings = {"seconds": 1.5, "size": 48, "seed": 3}
    for folder, video, more in (("a", "sim_00", {}), ("b", "sim_00", {"videos": 30}), ("c", "sim_01", {})):
        draw_video(tmp_path / folder / "v.mp4", tmp_path / folder / "v.csv", video=video, settings=settings | more)
    a, b, c = ((tmp_path / name / "v.mp4").read_bytes() for name in "abc")
    assert a == b
    assert a != c
    assert (tmp_path / "a" / "v.csv").read_bytes() == (tmp_path / "b" / "v.csv").read_bytes()
    frames = list(read_grey(tmp_path / "a" / "v.mp4", height=48, width=48))
    labels = read_labels(tmp_path / "a" / "v.csv")
    assert len(frames) == len(labels.values) == 45
    assert labels.behaviors == BEHAVIORS


def test_the_file_shows_what_was_drawn(tmp_path):
    draw_video(tmp_path / "v.mp4", tmp_path / "v.csv", video="v", settings={"seconds": 1, "size": 64, "seed": 3})
    random = np.random.default_rng(simulated._entropy(3, "v"))
    track = move(random, frames=FPS, fps=FPS)
    drawn = np.stack([image @ (0.299, 0.587, 0.114) for image in draw(track, choose_look(random, 64), random)])
    decoded = np.stack(list(read_grey(tmp_path / "v.mp4", height=64, width=64)))
    assert np.abs(drawn - decoded).mean() < 3
    np.testing.assert_array_equal(read_labels(tmp_path / "v.csv").values, true_labels(track).values)


@pytest.mark.parametrize("seed", range(5))
def test_durations_are_balanced_and_bouts_have_their_lengths(seed):
    track = move(np.random.default_rng(seed), frames=60 * FPS, fps=FPS)
    labels = true_labels(track).values
    assert labels.sum(axis=1).max() == 1
    for column in range(len(BEHAVIORS)):
        assert 0.12 <= labels[:, column].mean() <= 0.25
        bouts = find_bouts(labels[:, column] == 1)
        assert np.diff(bouts, axis=1).min() / FPS >= 0.5
        assert np.diff(bouts, axis=1).max() / FPS <= 3


@pytest.mark.parametrize(("seconds", "fps", "size"), [(0.2, 30, 32), (1, 5, 64), (5, 100, 32)])
def test_any_length_rate_and_size_can_be_drawn(tmp_path, seconds, fps, size):
    settings = {"seconds": seconds, "fps": fps, "size": size}
    draw_video(tmp_path / "v.mp4", tmp_path / "v.csv", video="v", settings=settings)
    assert len(read_labels(tmp_path / "v.csv").values) == round(seconds * fps)


def test_labels_say_what_moves():
    track = move(np.random.default_rng(0), frames=120 * FPS, fps=FPS)
    inner = np.ones(len(track.state), bool)  # excludes frames around a change of state
    for change in np.flatnonzero(np.diff(track.state)) + 1:
        inner[max(change - 8, 0) : change + 8] = False
    speed = np.hypot(np.gradient(track.x), np.gradient(track.y)) * FPS
    turning = np.abs(np.gradient(track.heading)) * FPS
    bending = np.abs(np.gradient(track.bend)) * FPS
    of = {name: inner & (track.state == number) for number, name in enumerate(STATES)}
    assert np.median(speed[of["walk"]]) > 30
    assert all(np.median(speed[of[name]]) < 3 for name in STATES if name != "walk")
    assert turning[of["turn"]].min() > 1.5
    assert all(turning[of[name]].max() < 0.6 for name in ("rear", "groom", "rest"))
    assert np.median(bending[of["groom"]]) > 40
    # the bend shifts a little between bouts of rest, which the labels join
    assert all(np.median(bending[of[name]]) < 1 for name in STATES if name != "groom")
    assert track.rearing[of["rear"]].min() > 0.95
    assert all(track.rearing[of[name]].max() < 0.05 for name in STATES if name != "rear")
    assert np.hypot(track.x, track.y).max() < 30


def separability(features, videos, one, other):
    """Return the AUROC of a linear classifier on a held-out video."""
    scores = []
    for held in range(len(videos)):
        train = [i for i in range(len(videos)) if i != held]

        def choose(numbers):
            keep = [np.isin(videos[i][1], (one, other)) for i in numbers]
            x = np.concatenate([features[i][k] for i, k in zip(numbers, keep, strict=True)])
            y = np.concatenate([videos[i][1][k] == one for i, k in zip(numbers, keep, strict=True)])
            return x, y

        x, y = choose(train)
        mean, deviation = x.mean(axis=0), x.std(axis=0) + 1e-6
        model = LogisticRegression(C=0.01, max_iter=200).fit((x - mean) / deviation, y)
        x, y = choose([held])
        scores.append(roc_auc_score(y, model.decision_function((x - mean) / deviation)))
    return float(np.mean(scores))


def test_one_frame_does_not_tell_turning_and_grooming_from_rest_but_movement_does(videos):
    def statistics(images):
        """Describe a frame independently of heading and position: brightness and sharpness at several scales."""
        found = [images.mean(axis=(1, 2)), images.std(axis=(1, 2))]
        found += list(np.quantile(images, (0.01, 0.03, 0.05, 0.1, 0.9, 0.99), axis=(1, 2)))
        for step in (1, 2, 4):
            found += [np.square(np.diff(images[:, ::step, ::step], axis=axis)).mean(axis=(1, 2)) for axis in (1, 2)]
        return np.stack(found, axis=1)

    def movement(images):
        change = np.abs(np.gradient(images, axis=0))
        change = np.stack([np.quantile(change, q, axis=(1, 2)) for q in (0.9, 0.97, 0.99, 1.0)], axis=1)
        return np.stack([np.roll(change, k, axis=0) for k in range(-3, 4)]).mean(axis=0)

    one_frame = [statistics(images) for images, _ in videos]
    moving = [movement(images) for images, _ in videos]
    number = {name: i for i, name in enumerate(STATES)}
    for behavior in ("turn", "groom"):
        still = separability(one_frame, videos, number[behavior], number["rest"])
        assert 0.35 < still < 0.65, behavior
        assert separability(moving, videos, number[behavior], number["rest"]) > 0.9, behavior
    assert separability(one_frame, videos, number["rear"], number["rest"]) > 0.9
    assert separability(moving, videos, number["rear"], number["rest"]) < 0.8


def test_postures_are_shared_evenly_among_the_states_that_look_alike():
    tracks = [move(np.random.default_rng(seed), frames=60 * FPS, fps=FPS) for seed in range(20)]
    means = {}
    for state in ("turn", "groom", "rest"):
        keep = [track.state == STATES.index(state) for track in tracks]
        for name in ("bend", "crouching", "walking", "rearing"):
            values = np.concatenate([getattr(t, name)[k] for t, k in zip(tracks, keep, strict=True)])
            means[state, name] = np.abs(values).mean()
    for name, tolerance in (("bend", 0.3), ("crouching", 0.1), ("walking", 0.03), ("rearing", 0.03)):
        for one, other in itertools.combinations(("turn", "groom", "rest"), 2):
            assert abs(means[one, name] - means[other, name]) < tolerance, (one, other, name)


def test_a_behavior_can_be_made_rare():
    states = move(np.random.default_rng(0), frames=360 * FPS, fps=FPS, shares={"groom": 0.01}).state
    share = {name: (states == number).mean() for number, name in enumerate(STATES)}
    assert 0.005 < share["groom"] < 0.015
    assert len(find_bouts(states == STATES.index("groom"))) == 3
    for name in ("walk", "turn", "rear"):
        assert share[name] == pytest.approx(0.17 / 0.83 * 0.99, abs=0.03)
    assert share["rest"] == pytest.approx(0.32 / 0.83 * 0.99, abs=0.03)


def test_shares_as_they_are_change_nothing():
    one, two = (
        move(np.random.default_rng(0), frames=600, fps=FPS, shares=shares).state for shares in (None, {"groom": 0.17})
    )
    assert one.tolist() == two.tolist()
