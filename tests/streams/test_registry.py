"""The records of the streams' networks are correct, and a new backbone needs only a module and a record."""

import pytest
import torch
from torch import nn
from torchvision import models

from ethomake.errors import InputError
from ethomake.project.runs import Run, Split
from ethomake.project.settings import resolve_settings
from ethomake.registry import NetworkCost
from ethomake.report.methods import describe_methods
from ethomake.scheduling.resources import Experiment, need
from ethomake.streams.networks import Stream
from ethomake.streams.registry import STREAM_NETWORKS, StreamNetwork, reject_weights
from ethomake.streams.weights import load_pretrained
from ethomake.training.device import is_volumetric

KINDS = ("spatial", "motion")


@pytest.mark.parametrize("name", STREAM_NETWORKS)
def test_records_say_what_the_backbones_are(name):
    record = STREAM_NETWORKS[name]
    for kind in KINDS:
        with torch.device("meta"):
            stream = Stream(name, kind, 2)
        convolutions = (part for part in stream.backbone.named_modules() if isinstance(part[1], nn.Conv2d | nn.Conv3d))
        _, first = next(convolutions)
        assert first.in_channels == (3 if kind == "spatial" else 2 if record.volumetric else 20)
        assert is_volumetric(stream) == stream.volumetric == record.volumetric
        learned = sum(p.numel() for part in (stream.backbone, stream.projection) for p in part.parameters())
        assert round(learned / 1e6, 1) == record.costs[kind].parameters


@pytest.mark.parametrize("name", STREAM_NETWORKS)
def test_weights_by_name_are_those_of_torchvision(name):
    known = models.get_model_weights(name).__members__ if name in models.list_models() else ()
    assert STREAM_NETWORKS[name].weights == tuple(known)


def test_weights_that_cannot_be_had():
    assert reject_weights("resnet50", "IMAGENET1K_V2") == reject_weights("resnet18", "DEFAULT") == ""
    reason = "must be none, a file, or weights that torchvision has for resnet18: IMAGENET1K_V1, DEFAULT"
    assert reject_weights("resnet18", "IMAGENET1K_V2") == reason
    assert reject_weights("resnet3d_34", "DEFAULT").startswith("torchvision has no weights for resnet3d_34")


def test_saved_weights_keep_their_keys():
    stream = Stream("mobilenet_v2", "motion", 2)
    assert {key.split(".")[0] for key in stream.state_dict()} == {"body", "reduce", "head"}
    assert {"body.features.0.0.weight", "reduce.0.bias", "head.1.weight"} <= stream.state_dict().keys()
    assert stream.backbone is stream.body
    assert stream.projection is stream.reduce


TOY = """
from torch import nn


def toy(channels):
    convolution = nn.{convolution}(channels, 6, 3, padding=1)
    return nn.Sequential(nn.Identity(), convolution, nn.AdaptiveAvgPool{dimensions}(1), nn.Flatten()), 6
"""


@pytest.fixture(params=[False, True], ids=["2D", "3D"])
def toy(tmp_path, monkeypatch, request):
    """Add a backbone as a module and a record."""
    volumetric = request.param
    name = f"toy_{'3d' if volumetric else '2d'}"
    dimensions = "3d" if volumetric else "2d"
    (tmp_path / f"{name}.py").write_text(TOY.format(convolution=f"Conv{dimensions}", dimensions=dimensions))
    monkeypatch.syspath_prepend(tmp_path)
    cost = NetworkCost(parameters=1000.0, gflop=0.1, held=1, passing=1)
    record = StreamNetwork(
        name=name,
        title="Toy Net",
        maker=f"{name}:toy",
        volumetric=volumetric,
        weights=(),
        costs=dict.fromkeys(KINDS, cost),
    )
    monkeypatch.setitem(STREAM_NETWORKS, name, record)
    return record


def settings_with(name, **streams):
    return resolve_settings({"behaviors": ["groom"], "streams": {"network": name, **streams}})


def test_a_further_backbone_can_be_chosen(toy):
    assert settings_with(toy.name)["streams"]["network"] == toy.name
    with pytest.raises(InputError, match=f"streams.weights = .*: torchvision has no weights for {toy.name}"):
        settings_with(toy.name, weights="DEFAULT")


def test_a_further_backbone_is_made_and_loaded(toy, tmp_path):
    for kind in KINDS:
        stream = Stream(toy.name, kind, 3)
        inputs = torch.rand(2, 11, 3, 16, 16) if kind == "spatial" else torch.randn(2, 20, 16, 16)
        features, logits = stream(inputs)
        assert (features.shape, logits.shape) == ((2, 512), (2, 3))
        assert stream.context_frames == (1 if kind == "spatial" and not toy.volumetric else 11)
    rgb = Stream(toy.name, "spatial", 3)
    torch.save(rgb.backbone.state_dict(), tmp_path / "rgb.pth")
    loaded = load_pretrained(stream, tmp_path / "rgb.pth")
    assert loaded == {"body.1.weight", "body.1.bias"}
    torch.testing.assert_close(stream.backbone[1].weight[:, 0], rgb.backbone[1].weight.mean(1))


def test_a_further_backbone_has_estimates(toy):
    parts = {"train": ["a"], "validate": ["b"], "test": []}

    def of(name, rule, stream):
        main = Run("main", Split(parts, parts, parts), settings_with(name, sees="color"))
        x = Experiment({"main": main}, lambda video: 5000, lambda video: 40.0, ["a", "b"])
        return need(x, rule, [{"video": "a", "stream": stream}])

    for kind in KINDS:  # a thousand million parameters, with gradient and Adam
        assert of(toy.name, "train_stream", kind).memory > 28_000 > of("resnet18", "train_stream", kind).memory
    assert of(toy.name, "extract_features", "").memory > 2 * 8_000
    clips = of(toy.name, "train_stream", "spatial").seconds_beside_gpu
    assert (clips > 5 * of("resnet18", "train_stream", "spatial").seconds_beside_gpu) == toy.volumetric


def test_a_further_backbone_is_named_in_the_methods(toy):
    settings = settings_with(toy.name)
    parts = {"train": ["a"], "validate": ["b"], "test": []}
    assert "For each frame, Toy Net looked at" in " ".join(
        describe_methods(settings, exclusive=False, parts=parts, frames=9)
    )
