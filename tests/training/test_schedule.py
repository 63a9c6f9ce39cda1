import numpy as np
import pytest
import torch

from ethomake.training.schedule import Schedule, epoch_rng, epoch_samples, shuffled_batches, step_rng


def test_batches_cover_samples_at_most_once_and_are_full():
    schedule = Schedule(epochs=1, steps=100, batch=10)
    batches = list(shuffled_batches(37, schedule, epoch_rng(0, 1)))
    assert [len(batch) for batch in batches] == [10, 10, 10]
    assert len(np.unique(np.concatenate(batches))) == 30
    assert [len(batch) for batch in shuffled_batches(4, schedule, epoch_rng(0, 1))] == [4]
    few = Schedule(epochs=1, steps=2, batch=10)
    assert [len(batch) for batch in shuffled_batches(37, few, epoch_rng(0, 1))] == [10, 10]
    assert [epoch_samples(37, schedule), epoch_samples(4, schedule), epoch_samples(37, few)] == [30, 4, 20]


def test_epochs_draw_different_numbers_and_the_same_epoch_the_same():
    assert epoch_rng(0, 1).random() == epoch_rng(0, 1).random()
    assert len({epoch_rng(seed, epoch).random() for seed in range(3) for epoch in range(3)}) == 9


def test_steps_draw_different_numbers_from_each_other_and_from_their_epoch():
    draws = {step_rng(seed, epoch, step).random() for seed in range(2) for epoch in (1, 2) for step in (1, 2, 3)}
    draws |= {epoch_rng(seed, epoch).random() for seed in range(2) for epoch in (1, 2)}
    assert len(draws) == 16


def test_the_rate_rises_over_a_tenth_and_falls_along_a_cosine_to_zero():
    schedule = Schedule(epochs=10, steps=10, batch=1, learning_rate=0.5)
    rates = np.array([schedule.rate(step, 100) for step in range(100)])
    assert (np.diff(rates[:11]) > 0).all()
    assert (np.diff(rates[10:]) < 0).all()
    assert rates[10] == 0.5
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], lr=0.5)
    judge = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=90)
    for rate in rates[10:]:
        assert rate == pytest.approx(optimizer.param_groups[0]["lr"])
        optimizer.step()
        judge.step()
    assert Schedule(epochs=1, steps=1, batch=1, learning_rate=0.5).rate(0, 1) > 0


def test_weighted_samples_come_as_often_as_expected_and_an_epoch_is_as_long():
    schedule = Schedule(epochs=1, steps=20, batch=10)
    weights = np.random.default_rng(0).random(300) ** 3
    weights[7] = 0
    expected = 200 * weights / weights.sum()
    total = np.zeros(300)
    for epoch in range(400):
        batches = shuffled_batches(300, schedule, epoch_rng(0, epoch), weights)
        assert [len(batch) for batch in batches] == [10] * 20
        times = np.bincount(np.concatenate(batches), minlength=300)
        assert (np.abs(times - expected) < 1).all()
        total += times
    assert np.allclose(total / 400, expected, atol=0.1)
    assert total[7] == 0
    few = shuffled_batches(4, schedule, epoch_rng(0, 1), np.ones(4))
    assert [sorted(batch) for batch in few] == [[0, 1, 2, 3]]


def test_weighted_batches_are_shuffled_and_those_of_their_epoch():
    schedule = Schedule(epochs=1, steps=20, batch=10)
    weights = np.arange(1.0, 301)
    first, again, other = (
        np.concatenate(shuffled_batches(300, schedule, epoch_rng(0, epoch), weights)) for epoch in (1, 1, 2)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert abs(np.corrcoef(first, np.arange(200))[0, 1]) < 0.2


def test_the_last_sample_is_drawn_where_sums_are_rounded():
    schedule = Schedule(epochs=1, steps=1, batch=10)

    class Last:
        def random(self):
            return np.nextafter(1, 0)

        def permutation(self, values):
            return values

    (batch,) = shuffled_batches(10, schedule, Last(), np.full(10, 0.1))
    assert batch.max() == 9
