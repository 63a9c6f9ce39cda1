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
            judge=judge or (lambda outputs: (float(((outputs - Y) ** 2).mean()), None)),
        ),
        seed=3,
        checkpoint=tmp_path / "checkpoint",
        identity=identity,
        label="test",
        **options,
    )


def test_it_learns_and_keeps_the_best_epoch(tmp_path):
    model = make_model()
    history = run(model, tmp_path, Schedule(epochs=30, steps=10, batch=16, learning_rate=1e-2))
    losses = [row["validation_loss"] for row in history]
    assert min(losses) < losses[0] / 3
    with torch.no_grad():
        assert float(((model(X) - Y) ** 2).mean()) == pytest.approx(min(losses))


class StopError(Exception):
    pass


def noisy(chosen, rng):
    """Make batches that depend on the step's random numbers, as augmented ones do."""
    return X[chosen] + 0.01 * torch.from_numpy(rng.normal(size=(len(chosen), 1))).float(), Y[chosen]


@pytest.mark.parametrize("fixed", [False, True])
@pytest.mark.parametrize("calls_until_killed", range(1, 13))
def test_a_run_resumed_from_any_place_ends_with_the_same_weights(tmp_path, monkeypatch, calls_until_killed, fixed):
    """Each of the two epochs has four training steps and two parts of validation; all twelve positions are tested."""
    monkeypatch.setattr(state, "CHECKPOINT_EVERY", 0)
    schedule = Schedule(2, steps=10, batch=16, learning_rate=1e-2, l2_sp_alpha=1e-3, l2_sp_beta=1e-3, fixed=fixed)
    options = {
        "load": noisy,
        "pretrained": frozenset({"0.weight"}),
        "judge": lambda outputs: (-float(((outputs - Y) ** 2).mean()), None),  # the first epoch is the best
    }
    undisturbed = make_model()
    whole = run(undisturbed, tmp_path / "a", schedule, **options)
    assert whole[0]["validation_loss"] < whole[1]["validation_loss"]

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
        lambda _: (0, None),
        lambda part: X[part],
    )
    fit(model, schedule, training, validation, seed=0, checkpoint=tmp_path / "c", identity="a", label="test")
    assert (learned, judged) == ([(16, 1)] * 2, [(20, 1)])


def test_the_best_epoch_goes_by_f1_where_there_is_one(tmp_path):
    model, f1, states = make_model(), iter([0.2, 0.9, 0.4]), []

    def judge(outputs):
        states.append(flat_parameters(model))
        return float(len(states)), next(f1)

    run(model, tmp_path, Schedule(epochs=3, steps=4, batch=16), judge)
    assert torch.equal(flat_parameters(model), states[1])


def test_a_fixed_schedule_does_all_epochs_and_keeps_the_last(tmp_path):
    model, losses, states = make_model(), iter([0.1, 0.2, 0.3, 0.4]), []

    def judge(outputs):
        states.append(flat_parameters(model))
        return next(losses), None

    schedule = Schedule(epochs=4, steps=4, batch=16, learning_rate=1e-4, minimum_learning_rate=9e-5, fixed=True)
    history = run(model, tmp_path, schedule, judge)
    assert torch.equal(flat_parameters(model), states[-1])
    expected = [schedule.fixed_rate(step, 16) for step in (3, 7, 11, 15)]
    assert [row["learning_rate"] for row in history] == expected


@pytest.mark.parametrize("figures", [(1.0, None), (1.0, 0.9)])
def test_the_rate_falls_on_a_plateau_and_ends_the_training(tmp_path, figures):
    schedule = Schedule(epochs=50, steps=4, batch=16, learning_rate=1e-4, patience=1, minimum_learning_rate=5e-6)
    history = run(make_model(), tmp_path, schedule, lambda outputs: figures)
    rates = [row["learning_rate"] for row in history]
    assert rates == pytest.approx([1e-4] * 3 + [1e-5] * 2)


@pytest.mark.parametrize(
    ("final_epochs", "patience", "rates"),
    [
        (2, 9, [1e-2, 1e-2, 1e-3, 1e-3]),
        (2, 0, [1e-2, 1e-2, 1e-3, 1e-4]),  # a rate that is already lower is kept
        (1, 1, [1e-2, 1e-2, 1e-2, 1e-3]),  # and is not lowered twice
        (9, 9, [1e-3] * 4),
    ],
)
def test_the_last_epochs_learn_at_a_lower_rate(tmp_path, final_epochs, patience, rates):
    figures = (1.0, None)  # no progress after the first
    schedule = Schedule(4, 4, 16, learning_rate=1e-2, patience=patience, final_epochs=final_epochs)
    history = run(make_model(), tmp_path, schedule, lambda outputs: figures)
    assert [row["learning_rate"] for row in history] == pytest.approx(rates)


def test_a_loss_that_is_not_a_number_is_an_error_with_a_remedy(tmp_path):
    model = make_model()
    with torch.no_grad():
        model[0].weight[:] = float("nan")
    with pytest.raises(InputError, match="learning_rate"):
        run(model, tmp_path, Schedule(epochs=1, steps=4, batch=16))
