import pytest
import torch
from torch import nn

from ethomake.errors import InputError
from ethomake.files import write_whole
from ethomake.training import loop, state
from ethomake.training.loop import Training, Validation, fit
from ethomake.training.schedule import Schedule, shuffled_batches
from ethomake.training.weights import flat_parameters

X = torch.linspace(-1, 1, 64)[:, None]
Y = torch.sin(3 * X)


def make_model(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(1, 16), nn.BatchNorm1d(16), nn.Tanh(), nn.Dropout(0.1), nn.Linear(16, 1))


def run(
    model, tmp_path, schedule, judge=None, identity="a", load=lambda chosen, rng: (X[chosen], Y[chosen]), **options
):
    return fit(
        model,
        schedule,
        Training(
            plan=lambda rng: shuffled_batches(64, schedule, rng),
            load=load,
            loss=lambda batch: ((model(batch[0]) - batch[1]) ** 2).mean(),
        ),
        Validation(
            parts=[slice(0, 32), slice(32, 64)],
            load=lambda part: X[part],
            predict=model,
            loss=judge or (lambda outputs: float(((outputs - Y) ** 2).mean())),
        ),
        seed=3,
        checkpoint=tmp_path / "checkpoint",
        identity=identity,
        label="test",
        **options,
    )


def test_it_learns(tmp_path):
    model = make_model()
    history = run(model, tmp_path, Schedule(epochs=30, steps=10, batch=16, learning_rate=1e-2))
    losses = [row["validation_loss"] for row in history]
    assert losses[-1] < losses[0] / 3
    with torch.no_grad():
        assert float(((model(X) - Y) ** 2).mean()) == pytest.approx(losses[-1])


class StopError(Exception):
    pass


def noisy(chosen, rng):
    """Make batches that depend on the step's random numbers, as augmented ones do."""
    return X[chosen] + 0.01 * torch.from_numpy(rng.normal(size=(len(chosen), 1))).float(), Y[chosen]


@pytest.mark.parametrize("calls_until_killed", range(1, 13))
def test_a_run_resumed_from_any_place_ends_with_the_same_weights(tmp_path, monkeypatch, calls_until_killed):
    """Each of the two epochs has four training steps and two parts of validation; all twelve positions are tested."""
    monkeypatch.setattr(state, "CHECKPOINT_EVERY", 0)
    schedule = Schedule(2, steps=10, batch=16, learning_rate=1e-2, l2_sp_alpha=1e-3, l2_sp_beta=1e-3)
    options = {
        "load": noisy,
        "pretrained": frozenset({"0.weight"}),
    }
    undisturbed = make_model()
    whole = run(undisturbed, tmp_path / "a", schedule, **options)

    model, calls = make_model(), 0

    def killed(*_):
        nonlocal calls
        calls += 1
        if calls == calls_until_killed:
            raise StopError

    model.register_forward_pre_hook(killed)
    with pytest.raises(StopError):
        run(model, tmp_path / "b", schedule, **options)
    # once a checkpoint exists, the initial weights of the next process do not matter
    model, calls = make_model(seed=0 if calls_until_killed == 1 else 99), -12
    model.register_forward_pre_hook(killed)
    torch.manual_seed(99)
    resumed = run(model, tmp_path / "b", schedule, **options)
    assert resumed == whole
    assert torch.equal(flat_parameters(model), flat_parameters(undisturbed))
    assert calls + 12 == 12 - (calls_until_killed - 1), "nothing that was done is done again"


def test_a_job_that_is_killed_while_it_ends_learns_nothing_again(tmp_path):
    schedule = Schedule(epochs=2, steps=4, batch=16, learning_rate=1e-2)
    model, again = make_model(), make_model(seed=99)
    whole = run(model, tmp_path, schedule)
    calls = []
    again.register_forward_pre_hook(lambda *_: calls.append(1))
    assert run(again, tmp_path, schedule) == whole
    assert calls == []
    assert torch.equal(flat_parameters(again), flat_parameters(model))


def test_within_an_epoch_the_state_is_kept_only_now_and_then(tmp_path, monkeypatch):
    kept = []
    monkeypatch.setattr(state, "write_whole", lambda path: kept.append(path) or write_whole(path))
    run(make_model(), tmp_path, Schedule(epochs=2, steps=10, batch=16, learning_rate=1e-2))
    assert len(kept) == 2


def test_a_checkpoint_of_other_labels_or_settings_is_not_continued(tmp_path):
    schedule = Schedule(epochs=3, steps=10, batch=16, learning_rate=1e-2)
    whole = run(make_model(), tmp_path / "a", schedule)
    run(make_model(), tmp_path / "b", Schedule(epochs=2, steps=10, batch=16, learning_rate=1e-1), identity="other")
    assert run(make_model(), tmp_path / "b", schedule) == whole


@pytest.mark.parametrize(("share", "told"), [(0.05, False), (0.234, True)])
def test_waiting_for_batches_is_told_where_it_is_worth_it(tmp_path, monkeypatch, capsys, share, told):
    monkeypatch.setattr(loop.Waits, "share", share)
    run(make_model(), tmp_path, Schedule(epochs=1, steps=2, batch=16))
    assert ("waited for batches 23% of the time" in capsys.readouterr().err) == told


def test_batches_are_prepared_before_they_are_learned_and_judged(tmp_path):
    model, schedule = make_model(), Schedule(epochs=1, steps=2, batch=16)
    learned, judged = [], []
    training = Training(
        lambda rng: shuffled_batches(64, schedule, rng),
        lambda chosen, rng: chosen,
        lambda batch: learned.append(batch.shape) or model(batch).mean(),
        lambda chosen: X[chosen],
    )
    validation = Validation(
        [slice(0, 20)],
        lambda part: part,
        lambda batch: judged.append(batch.shape) or model(batch),
        lambda _: 0.0,
        lambda part: X[part],
    )
    fit(model, schedule, training, validation, seed=0, checkpoint=tmp_path / "c", identity="a", label="test")
    assert (learned, judged) == ([(16, 1)] * 2, [(20, 1)])


def test_the_last_state_is_kept_whatever_the_validation_says(tmp_path):
    model, states, losses = make_model(), [], [0.1, 0.2]
    judged = iter(losses)

    def judge(outputs):
        states.append(flat_parameters(model))
        return next(judged)

    schedule = Schedule(epochs=2, steps=4, batch=16, learning_rate=1e-2)
    history = run(model, tmp_path, schedule, judge)
    assert torch.equal(flat_parameters(model), states[-1])
    assert not torch.equal(states[0], states[1])
    assert [row["learning_rate"] for row in history] == [schedule.rate(3, 8), schedule.rate(7, 8)]
    assert [row["validation_loss"] for row in history] == losses


def test_a_loss_that_is_not_a_number_is_an_error_with_a_remedy(tmp_path):
    model = make_model()
    with torch.no_grad():
        model[0].weight[:] = float("nan")
    with pytest.raises(InputError, match="learning_rate"):
        run(model, tmp_path, Schedule(epochs=1, steps=4, batch=16))
