import numpy as np
import pytest

from benchmarks.accuracy.masks import keep_minutes

FPS = 10
PARTS = {"a": "train", "b": "train", "c": "validate"}


@pytest.fixture(scope="module")
def labels():
    """Two minutes of three videos with four behaviors, one at a time, of which the last is rare; none is unscored."""
    made = {}
    for number, name in enumerate(PARTS):
        random = np.random.default_rng(number)
        state = np.repeat(random.integers(0, 3, 120), FPS)  # bouts of a second
        if name == "b":
            state[500:510] = 3
        made[name] = (state[:, None] == np.arange(4)).astype(np.int8)
    return made


def kept(labels, minutes, **options):
    return keep_minutes(labels, PARTS, minutes, fps=FPS, **{"seed": 0} | options)


@pytest.mark.parametrize("minutes", [0.25, 0.5, 1, 2, 4])
def test_as_many_minutes_are_kept_as_were_asked_for(labels, minutes):
    found = kept(labels, minutes)
    scored = {name: (values >= 0).all(axis=1) for name, values in found.items()}
    assert sum(map(np.sum, scored.values())) == minutes * 60 * FPS
    for name, values in found.items():
        assert ((values >= 0).any(axis=1) == scored[name]).all()  # a frame is kept for all behaviors or none
        assert (values[scored[name]] == labels[name][scored[name]]).all()


def test_more_than_there_is_keeps_everything(labels):
    found = kept(labels, 100)
    assert all((found[name] == labels[name]).all() for name in labels)


@pytest.mark.parametrize("seed", range(5))
def test_few_minutes_show_each_behavior_to_the_training_and_reach_the_validation(labels, seed):
    found = kept(labels, 0.25, seed=seed)
    assert np.any([(found[name] == 1).any(axis=0) for name in "ab"], axis=0).all()
    assert (found["c"] >= 0).any()


def test_what_is_kept_are_whole_stretches(labels):
    for values in kept(labels, 1, stretch_s=2).values():
        stretches = (values[:, 0] >= 0).reshape(-1, 2 * FPS)
        assert (stretches.all(axis=1) | ~stretches.any(axis=1)).all()


def test_minutes_are_spread_over_the_videos(labels):
    frames = [int((values[:, 0] >= 0).sum()) for values in kept(labels, 3).values()]
    assert max(frames) - min(frames) <= 3 * FPS


def test_more_minutes_contain_the_fewer_ones(labels):
    few, many = kept(labels, 0.5), kept(labels, 1)
    assert all((many[name][few[name] >= 0] >= 0).all() for name in labels)


def test_the_seed_chooses(labels):
    one, same, other = (kept(labels, 1, seed=seed) for seed in (1, 1, 2))
    assert all((one[name] == same[name]).all() for name in labels)
    assert any((one[name] != other[name]).any() for name in labels)


def test_too_few_minutes_are_refused(labels):
    with pytest.raises(ValueError, match=r"0.05 minutes are 1 stretches of 3 s, and \d are needed"):
        kept(labels, 0.05)
