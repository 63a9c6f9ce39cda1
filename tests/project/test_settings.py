"""The settings: what is right goes through, what is wrong says key, value and reason."""

import copy
from pathlib import Path

import pytest
import yaml

from ethomake.errors import InputError
from ethomake.project.settings import resolve_settings

ROOT = Path(__file__).parents[2]
BASE = {"behaviors": ["groom", "rear"]}


@pytest.mark.parametrize(("name", "side"), [("flies", 96), ("simulated", 64)])
def test_examples_settle(name, side):
    overlay = yaml.safe_load((ROOT / "example" / f"{name}.yaml").read_text())
    settings = resolve_settings({"example": name, **overlay})
    assert settings["ingest"]["image_size"] == [side, side]
    assert settings["flow"]["weights"] == settings["streams"]["weights"] == "none"
    assert (settings["augmentation"]["rotation"], settings["augmentation"]["flip_vertical"]) == (180, 0.5)


@pytest.mark.parametrize(
    ("preset", "flow", "reuse", "streams"),
    [
        ("swift", "tiny_motion_net", True, "resnet18"),
        ("fast", "tiny_motion_net", False, "resnet18"),
        ("medium", "motion_net", False, "resnet50"),
        ("slow", "tiny_motion_net_3d", False, "resnet3d_34"),
    ],
)
def test_presets_name_the_networks_and_how_flow_is_computed(preset, flow, reuse, streams):
    settings = resolve_settings({**BASE, "preset": preset})
    assert (settings["flow"]["network"], settings["streams"]["network"]) == (flow, streams)
    assert settings["flow"]["reuse"] is reuse
    assert resolve_settings({**BASE, "preset": preset, "flow": {"reuse": not reuse}})["flow"]["reuse"] is not reuse
    own = resolve_settings({**BASE, "preset": preset, "streams": {"network": "mobilenet_v2"}})
    assert (own["flow"]["network"], own["streams"]["network"]) == (flow, "mobilenet_v2")


def test_the_frozen_preset_trains_no_stream_and_starts_from_public_weights(tmp_path):
    settings = resolve_settings({**BASE, "preset": "frozen"})
    streams = settings["streams"]
    assert (streams["enabled"], streams["network"], streams["weights"]) == (["frozen"], "mobilenet_v2", "IMAGENET1K_V1")
    assert settings["sequence"]["network"] == "tcn"
    (tmp_path / "own.pth").touch()
    own = {"network": "resnet18", "weights": str(tmp_path / "own.pth")}
    chosen = resolve_settings({**BASE, "preset": "frozen", "streams": own})["streams"]
    assert {key: chosen[key] for key in own} == own


def test_trained_streams_start_from_scratch_and_frozen_ones_from_the_weights_of_their_network():
    def start(**config):
        streams = resolve_settings({**BASE, **config})["streams"]
        return streams["enabled"], streams["weights"], streams["sees"]

    for preset in ("swift", "fast", "medium", "slow"):
        assert start(preset=preset) == (["spatial", "motion"], "none", "color")
    assert start(streams={"weights": "IMAGENET1K_V1", "sees": "grey"})[1:] == ("IMAGENET1K_V1", "grey")
    assert start(preset="frozen", streams={"network": "convnext_tiny"}) == (["frozen"], "IMAGENET1K_V1", "grey")


def test_numbers_are_read_as_the_schema_means_them():
    given = yaml.safe_load("flow: {learning_rate: 1e-3, epochs: 4.0}\naugmentation: {rotation: 20}\nstreams:\n")
    settings = resolve_settings({**BASE, **given})
    assert settings["flow"]["learning_rate"] == 0.001
    assert repr(settings["flow"]["epochs"]) == "4"
    assert repr(settings["augmentation"]["rotation"]) == "20.0"
    assert settings["streams"]["batch"] == 32
    text = resolve_settings(
        {**BASE, "flow": {"reuse": "true"}, "ingest": {"image_size": ["64", "32"], "keep_aspect": "false"}}
    )
    assert text["flow"]["reuse"] is True
    assert (text["ingest"]["image_size"], text["ingest"]["keep_aspect"]) == ([64, 32], False)
    seconds = resolve_settings({**BASE, "ethogram": {"minimum_bout_s": {"groom": 1}, "minimum_gap_s": 2}})["ethogram"]
    assert repr(seconds["minimum_bout_s"]) == "{'groom': 1.0}"
    assert repr(seconds["minimum_gap_s"]) == "2.0"


def test_settling_twice_changes_nothing_and_leaves_the_input_alone():
    given = {**BASE, "flow": {"epochs": 3}}
    before = copy.deepcopy(given)
    settled = resolve_settings(given)
    assert given == before
    assert resolve_settings(settled) == settled


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        ({"flow": {"epoch": 3}}, ["flow.epoch = 3", "unknown key", "did you mean epochs?"]),
        (
            {"flow": {"epochs:3": ""}},
            ["config: flow.epochs:3: unknown key; write epochs: 3 (with a colon and a blank)"],
        ),
        (
            {"flow": {"epochs=3": None}},
            ["config: flow.epochs=3: unknown key; write epochs: 3 (with a colon and a blank)"],
        ),
        ({"seed:3": None}, ["config: seed:3: unknown key; write seed: 3"]),
        ({"flow": {"epochs:3": 4}}, ["flow.epochs:3 = 4: unknown key; did you mean epochs?"]),
        ({"epochs": 3}, ["epochs = 3", "unknown key", "flow.epochs or streams.epochs or sequence.epochs"]),
        ({"behaviours": []}, ["behaviours = []", "did you mean behaviors?"]),
        ({"flow": {"epochs": 0}}, ["flow.epochs = 0", "at least 1"]),
        ({"flow": {"epochs": 2.5}}, ["flow.epochs = 2.5", "a whole number"]),
        ({"flow": {"epochs": "many"}}, ['flow.epochs = "many"', "a whole number"]),
        ({"flow": {"learning_rate": float("nan")}}, ['flow.learning_rate = "nan"', "a number"]),
        ({"sequence": {"l2": float("inf")}}, ['sequence.l2 = "inf"', "a number"]),
        ({"ethogram": {"minimum_bout_s": float("nan")}}, ['ethogram.minimum_bout_s = "nan"', "must be auto, seconds"]),
        ({"flow": 3}, ["flow = 3", "a section of keys"]),
        ({"preset": "fsat"}, ['preset = "fsat"', "swift, fast, medium, slow", "did you mean fast?"]),
        ({"ingest": {"image_size": [100, 96]}}, ["ingest.image_size[0] = 100", "multiple of 32"]),
        ({"ingest": {"image_size": [96]}}, ["ingest.image_size = [96]", "[height, width]"]),
        ({"augmentation": {"hue": 0.6}}, ["augmentation.hue = 0.6", "at most 0.5"]),
        ({"streams": {"dropout": 1}}, ["streams.dropout = 1", "below 1"]),
        ({"streams": {"enabled": []}}, ["streams.enabled = []"]),
        ({"behaviors": ["groom", "groom"]}, ["behaviors", "twice"]),
        ({"behaviors": [True, "rear"]}, ["behaviors[0] = true", "put it in quotes"]),
        ({"behaviors": [1, "rear"]}, ["behaviors[0] = 1", "put it in quotes"]),
        ({"behaviors": "groom"}, ['behaviors = "groom"', "a list, as in [a, b]"]),
        ({"behaviors": ["groom\u2028x"]}, ["groom\\u2028x", "cannot be printed"]),
        ({"behaviors": ["gr\u200boom"]}, ["gr\\u200boom", "cannot be printed"]),
        ({"behaviors": ["gr\u00f6om", "gro\u0308om"]}, ["behaviors", "twice"]),
        ({"ethogram": {"colors": {"\u00f6": "#123456", "o\u0308": "#123456"}}}, ["twice in one section, with accents"]),
        ({"flow": {"learning_rate": 0, 1: None}}, ["flow.1 = null", "with a point"]),
        ({"behaviors": ["{video}"]}, ["behaviors[0]", "braces"]),
        ({"ethogram": {"thresholds": {True: 0.5}}}, ["ethogram.thresholds.True", "put it in quotes"]),
        ({"ethogram": {"colors": {None: "#123456"}}}, ["ethogram.colors.None", "put it in quotes"]),
        ({"flow": {"videos": [1]}}, ["flow.videos = [1]", "in quotes"]),
        ({"behaviors": ["groom;rear"]}, ["behaviors[0]", "without commas, semicolons"]),
        ({"behaviors": ["groom", "background"]}, ["behaviors", "background", "no behavior is present"]),
        ({"behaviors": ["groom", "Human"]}, ["behaviors", "Human", "our tables use it"]),
        ({"behaviors": ["calibrated_groom"]}, ["behaviors", "calibrated_groom", "our tables use it"]),
        ({"behaviors": ["micro"]}, ["behaviors", "micro", "our tables use it"]),
        ({"behaviors": []}, ["behaviors = []", "at least one"]),
        ({"seed": None}, ["seed = null", "a whole number"]),
        ({"ethogram": {"colors": {"groom": "red"}}}, ["ethogram.colors.groom", "#4477aa"]),
        ({"ethogram": {"minimum_bout_s": -1}}, ["ethogram.minimum_bout_s = -1", "must be auto, seconds"]),
        # right by themselves, impossible together
        ({"split": {"train": 0.9}}, ["split = ", "add up to 1.3"]),
        ({"streams": {"enabled": ["motion"], "joint_epochs": 2}}, ["streams.joint_epochs = 2", "both streams"]),
        ({"streams": {"enabled": ["spatial", "frozen"]}}, ["streams.enabled", "stands alone"]),
        (
            {"streams": {"enabled": ["frozen"], "weights": "none"}},
            ["streams.weights = none", "needs pretrained weights"],
        ),
        ({"preset": "frozen", "streams": {"enabled": ["motion"]}}, ["streams.enabled", "preset frozen trains no"]),
        ({"preset": "frozen", "streams": {"adapt": "recording"}}, ['streams.adapt = "recording"', "used as it is"]),
        ({"preset": "frozen", "streams": {"weights": "none"}}, ["streams.weights = none", "needs pretrained"]),
        (
            {"preset": "frozen", "streams": {"network": "resnet3d_34"}},
            ["streams.network", "cannot be used frozen", "resnet18"],
        ),
        ({"streams": {"network": "resnet81"}}, ['streams.network = "resnet81"', "did you mean resnet18?"]),
        ({"streams": {"network": "resnet18 "}}, ["streams.network", "no stream network is called"]),
        (
            {"streams": {"network": "s3d", "weights": "IMAGENET1K_V1"}},
            ["streams.weights", "torchvision has for s3d: KINETICS400_V1"],
        ),
        ({"streams": {"trained": "head", "weights": "none"}}, ["streams.trained = head", "need pretrained weights"]),
        ({"streams": {"trained": "some", "weights": "DEFAULT"}}, ["streams.trained", "all, half, head"]),
        ({"preset": "frozen", "streams": {"network": "s3d", "weights": "DEFAULT"}}, ["cannot be used frozen"]),
        ({"sequence": {"filter_length": 14}}, ["sequence.filter_length = 14", "odd"]),
        ({"sequence": {"window": 9}}, ["sequence.window = 9", "filter_length (15)"]),
        ({"ethogram": {"thresholds": {"grom": 0.5}}}, ["ethogram.thresholds.grom", "did you mean groom?"]),
        ({"exclusive": True, "ethogram": {"thresholds": {"groom": 0.5}}}, ["ethogram.thresholds", "exclusive"]),
        ({"ethogram": {"thresholds": {"groom": 1.0}}}, ["ethogram.thresholds.groom = 1", "below 1"]),
        ({"ethogram": {"thresholds": {"groom": True}}}, ["ethogram.thresholds.groom = true", "a number"]),
        ({"ethogram": {"minimum_bout_s": "long"}}, ['ethogram.minimum_bout_s = "long"', "must be auto, seconds"]),
        ({"ethogram": {"minimum_gap_s": {"rear": float("nan")}}}, ["ethogram.minimum_gap_s", "must be auto, seconds"]),
        ({"ethogram": {"minimum_gap_s": {"fly": 1}}}, ["ethogram.minimum_gap_s.fly", "unknown behavior"]),
        ({"ethogram": {"colors": {"fly": "#112233"}}}, ["ethogram.colors.fly", "unknown behavior"]),
        ({"ingest": {"image_size": [0, 128]}}, ["ingest.image_size[0] = 0", "at least 32"]),
        ({"ingest": {"jpeg_quality": 101}}, ["ingest.jpeg_quality = 101", "at most 100"]),
        ({"ingest": {"damaged": "ignore"}}, ['ingest.damaged = "ignore"', "refuse, mark"]),
        ({"simulated": {"size": 97}}, ["simulated.size = 97", "a multiple of 2"]),
        ({"simulated": {"fps": 4}}, ["simulated.fps = 4", "at least 5"]),
        (
            {"example": "simulated", "simulated": {"train": 8}},
            ["simulated.videos = 8", "are 11 videos, but there are 8", "raise"],
        ),
        ({"preset": "slow", "streams": {"weights": "DEFAULT"}}, ["streams.weights", "no weights for resnet3d_34"]),
        ({"streams": {"weights": "imagenet"}}, ["streams.weights", "IMAGENET1K_V1"]),
        ({"flow": {"weights": "nowhere/flow.safetensors"}}, ["flow.weights", "no such file"]),
    ],
)
def test_mistakes_are_refused_in_one_line(change, parts):
    with pytest.raises(InputError) as caught:
        resolve_settings({**BASE, **change})
    message = str(caught.value)
    assert "\n" not in message
    for part in parts:
        assert part in message


def test_other_mistakes_are_counted():
    with pytest.raises(InputError, match="and 1 more key with errors"):
        resolve_settings({**BASE, "seed": -1, "flow": {"epochs": 0}})
