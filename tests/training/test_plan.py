"""One dataclass for all inputs of a training."""

from dataclasses import replace

import pytest

from ethomake.training.launch import launch
from ethomake.training.plan import TrainingPlan


@pytest.fixture
def plan(tmp_path):
    """Make a plan of three labelled videos, two to train on."""
    for name in "uvw":
        (tmp_path / f"{name}.json").write_text(name)
        (tmp_path / f"{name}.csv").write_text(f"labels of {name}")
    videos, labels = ([str(tmp_path / f"{name}.{kind}") for name in "uvw"] for kind in ("json", "csv"))
    return TrainingPlan(
        train=videos[:2],
        train_labels=labels[:2],
        validate=videos[2:],
        behaviors=["walk", "rest"],
        settings={"epochs": 2, "smoothness": [0.01, 0.02]},
        augmentation={"rotation": 5.0},
        seed=1,
        checkpoint=str(tmp_path / "checkpoint"),
    )


def check(plan, expected):
    """A plan arrives unchanged in each of several processes."""
    assert isinstance(plan, TrainingPlan)
    assert repr(plan) == expected


def test_it_arrives_in_other_processes_as_it_was(plan):
    launch(check, 2, plan, expected=repr(plan))


def test_videos_and_label_tables_belong_together_in_their_order(plan):
    assert plan.labelled_train == list(zip(plan.train, plan.train_labels, strict=True))
    with pytest.raises(ValueError, match="shorter"):
        replace(plan, train_labels=plan.train_labels[:1]).labelled_train  # noqa: B018


@pytest.mark.parametrize(("exclusive", "outputs"), [(False, 2), (True, 3), ([["walk", "rest"]], 3)])
def test_exclusive_behaviors_have_one_more_output(plan, exclusive, outputs):
    assert replace(plan, exclusive=exclusive).outputs == outputs


def test_its_fingerprint_follows_all_that_is_computed_from(plan, tmp_path):
    first = plan.fingerprint()
    (tmp_path / "flow").write_text("weights")
    others = [
        replace(plan, seed=2),
        replace(plan, exclusive=True),
        replace(plan, settings=plan.settings | {"epochs": 3}),
        replace(plan, augmentation={"rotation": 6.0}),
        replace(plan, behaviors=["walk", "sleep"]),
        # without labels, files in the same order, of which one more trains in the second
        replace(plan, train_labels=[]),
        replace(plan, train_labels=[], train=[*plan.train, *plan.validate], validate=[]),
    ]
    found = [other.fingerprint() for other in others] + [plan.fingerprint([tmp_path / "flow"])]
    assert len({first, *found}) == len(found) + 1
    assert replace(plan, checkpoint="elsewhere", scratch="elsewhere").fingerprint() == first
    (tmp_path / "u.csv").write_text("other labels")
    assert plan.fingerprint() != first


def test_where_a_given_file_lies_is_not_in_its_fingerprint(plan, tmp_path):
    def found(place, text):
        (tmp_path / place).write_text(text)
        path = str(tmp_path / place)
        return replace(plan, settings=plan.settings | {"weights": path}).fingerprint([path])

    assert found("here", "weights") == found("there", "weights") != found("there", "others")
