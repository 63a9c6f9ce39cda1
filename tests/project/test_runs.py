"""Runs share what does not differ: each stage of a run lies at the first run that has the same."""

import copy

import pytest

from ethomake.errors import InputError
from ethomake.project.runs import (
    STAGES,
    Run,
    Split,
    changed_config,
    find_homes,
    part_of,
    stage_settings,
    stages_made,
)
from ethomake.project.settings import resolve_settings

PARTS = {"train": ["a", "b"], "validate": ["c"], "test": ["d"]}
OTHERS = {"train": ["c", "d"], "validate": ["b"], "test": ["a"]}


def split(parts=PARTS, flow=None):
    return Split(parts, flow or {name: parts[name] for name in ("train", "validate")}, parts)


def project(**runs):
    """`main` and other runs, each described by what it changes: keys such as `flow__epochs`, or `split`."""
    base = resolve_settings({"behaviors": ["groom"], "example": "none"})
    made = {"main": Run("main", split(), base)}
    for name, changes in runs.items():
        settings = copy.deepcopy(base)
        for key, value in changes.items():
            if key != "split":
                section, _, inner = key.partition("__")
                if inner:
                    settings[section][inner] = value
                else:
                    settings[section] = value
        made[name] = Run(name, changes.get("split", split()), settings)
    return made


def own(runs, name):
    """The stages that a run makes itself."""
    return set(stages_made(runs[name], find_homes(runs)))


AFTER_FEATURES = {"sequence", "ethogram", "evaluation", "stream_scores", "report"}
AFTER_FLOW = {"motion", "features"} | AFTER_FEATURES
LEARNED = {"flow", "spatial"} | AFTER_FLOW


@pytest.mark.parametrize(
    ("change", "stages"),
    [
        ({}, set()),
        ({"sequence__epochs": 3}, AFTER_FEATURES - {"stream_scores"}),
        ({"ethogram__minimum_bout_s": 0.5}, {"ethogram", "evaluation", "report"}),
        ({"evaluation__chance_shifts": 7}, {"evaluation", "stream_scores", "report"}),
        ({"flow__epochs": 3}, {"flow"} | AFTER_FLOW),
        ({"flow__reuse": False}, AFTER_FLOW),
        ({"flow__videos": "training"}, set()),  # which videos these are stands in the split
        ({"streams__epochs": 3}, {"spatial"} | AFTER_FLOW),
        ({"streams__sees": "grey"}, {"spatial", "features"} | AFTER_FEATURES),
        ({"streams__weights": "IMAGENET1K_V1"}, {"pretrained", "spatial"} | AFTER_FLOW),
        ({"streams__fusion": "weighted"}, {"features"} | AFTER_FEATURES),
        ({"streams__adapt": "recording"}, {"adapted", "features"} | AFTER_FEATURES),
        ({"streams__joint_epochs": 1}, {"joint", "features"} | AFTER_FEATURES),
        ({"streams__enabled": ["spatial"]}, {"features"} | AFTER_FEATURES),
        ({"augmentation__rotation": 90.0}, LEARNED),
        ({"seed": 1}, LEARNED),
        ({"split": split(OTHERS)}, LEARNED),
        ({"split": split(OTHERS, flow=split().flow)}, LEARNED - {"flow"}),
        (
            {"split": split({**PARTS, "validate": ["d"], "test": ["c"]}, flow=split().flow)},
            LEARNED - {"flow"},
        ),
        ({"split": split({**PARTS, "test": ["e"]})}, {"evaluation", "stream_scores", "report"}),
    ],
    ids=lambda value: " ".join(sorted(value)),  # the same in all processes, unlike that of a set
)
def test_a_run_makes_itself_what_depends_on_its_change_and_nothing_else(change, stages):
    assert own(project(other=change), "other") == stages


def test_the_first_run_makes_all_that_it_uses():
    assert own(project(), "main") == set(STAGES) - {"joint", "frozen", "adapted", "pretrained"}
    assert own(project(other={"streams__enabled": ["spatial"], "flow__epochs": 3}), "other") == (
        {"features"} | AFTER_FEATURES  # the flow network is not used, so its settings do not matter
    )


def test_five_folds_share_ingest_and_the_flow_network_where_its_videos_are_the_same():
    videos = list("abcdefghij")
    folds = {}
    for number in range(5):
        test = videos[2 * number : 2 * number + 2]
        rest = [name for name in videos if name not in test]
        parts = {"train": rest[:6], "validate": rest[6:], "test": test}
        folds[f"fold{number}"] = {"split": split(parts, flow=split().flow)}
    runs = project(**folds)
    homes = find_homes(runs)
    for number in range(5):
        assert homes["ingest", f"fold{number}"] == "main"
        assert homes["flow", f"fold{number}"] == "main"
        assert homes["spatial", f"fold{number}"] == f"fold{number}"


def test_a_search_over_the_sequence_model_trains_flow_and_streams_once():
    runs = project(**{f"point{number}": {"sequence__hidden": 33 * (number + 1)} for number in range(3)})
    homes = find_homes(runs)
    for stage in ("flow", "spatial", "motion", "features"):
        assert {homes[stage, name] for name in runs} == {"main"}
    assert [homes["sequence", name] for name in runs] == ["main", "point0", "point1", "point2"]


def test_a_stage_is_shared_with_an_earlier_run_that_is_not_main():
    runs = project(wide={"sequence__hidden": 256}, strict={"sequence__hidden": 256, "ethogram__minimum_bout_s": 1.0})
    homes = find_homes(runs)
    assert homes["sequence", "strict"] == "wide"
    assert homes["ethogram", "strict"] == "strict"


def test_stages_stand_below_those_that_they_use():
    order = list(STAGES)
    for name, stage in STAGES.items():
        assert all(order.index(above) < order.index(name) for above in stage.upstream)


def test_every_setting_counts_for_a_stage_or_has_a_reason_not_to():
    settings = resolve_settings({"behaviors": ["groom"], "example": "none"})
    counted = {
        (section, key)
        for stage in STAGES
        for section, value in stage_settings(stage, settings).items()
        for key in (value if isinstance(value, dict) else [""])
    }
    every = {
        (section, key) for section, value in settings.items() for key in (value if isinstance(value, dict) else [""])
    }
    apart = {("flow", "videos"), ("simulated", ""), ("runs", "")}  # the split, the drawn videos and the runs say it
    assert {(section, key) for section, key in every - counted if section not in ("simulated", "runs")} <= apart


def test_settings_of_a_stage_have_the_form_of_the_config():
    settings = resolve_settings({"behaviors": ["groom"], "example": "none", "seed": 4})
    taken = stage_settings("motion", settings)
    assert taken["flow"] == {"reuse": True}
    assert taken["seed"] == 4
    assert "enabled" not in taken["streams"]
    assert taken["streams"]["epochs"] == settings["streams"]["epochs"]
    assert "enabled" in settings["streams"]  # the settings themselves stay whole


def test_parts_of_the_flow_network_have_a_name_of_their_own():
    parts = split(flow={"train": ["x"], "validate": []})
    assert part_of(parts, "train") == ["a", "b"]
    assert part_of(parts, "flow.train") == ["x"]


def test_the_config_of_a_run_differs_section_by_section():
    config = {"seed": 0, "flow": {"epochs": 1, "steps": 2}, "runs": {"wide": {}}}
    assert changed_config(config, "wide", {"flow": {"steps": 5}, "seed": 3}) == {
        "seed": 3,
        "flow": {"epochs": 1, "steps": 5},
    }
    assert config["flow"] == {"epochs": 1, "steps": 2}


@pytest.mark.parametrize("key", ["behaviors", "ingest", "videos", "example"])
def test_what_all_runs_share_cannot_be_changed_in_one(key):
    with pytest.raises(InputError, match=f"^config: runs.wide.{key}: all runs of a project share {key}"):
        changed_config({}, "wide", {key: None})
