"""Of a partly trained stream, the frozen layers stay exactly as they were."""

import pytest
import torch
from torch import nn

from ethomake.errors import InputError
from ethomake.streams.networks import Stream
from ethomake.streams.partial import train_part


def learned(stream):
    """The names of what a step of training changes, parameters and statistics."""
    before = {key: value.clone() for key, value in stream.state_dict().items()}
    stream.train()
    inputs = torch.rand(4, stream.context_frames, 3, 64, 64)
    stream(inputs)[1].square().sum().backward()
    torch.optim.SGD([p for p in stream.parameters() if p.requires_grad], 0.1).step()
    return {key for key, value in stream.state_dict().items() if not torch.equal(value, before[key])}


def test_all_is_trained_unless_a_part_is_asked_for():
    stream = Stream("mobilenet_v2", "spatial", 2)
    train_part(stream, "all")
    assert stream.still == ()
    assert all(parameter.requires_grad for parameter in stream.parameters())
    assert {"body.features.0.0.weight", "body.features.0.1.running_mean", "head.1.weight"} <= learned(stream)


def test_of_the_head_alone_nothing_in_the_backbone_changes():
    stream = Stream("mobilenet_v2", "spatial", 2)
    train_part(stream, "head")
    changed = learned(stream)
    assert changed == {"reduce.0.weight", "reduce.0.bias", "head.1.weight", "head.1.bias"}
    assert not any(module.training for module in stream.backbone.modules())
    assert stream.head.training


@pytest.mark.parametrize("name", ["resnet18", "convnext_tiny"])
def test_of_half_the_layers_the_first_stay_and_the_others_change(name):
    torch.manual_seed(0)
    stream = Stream(name, "spatial", 2)
    train_part(stream, "half")
    changed = learned(stream)
    kernels = [key for key, value in stream.backbone.named_parameters() if value.ndim > 1]
    first = kernels[: len(kernels) // 2]
    assert not changed & {f"body.{key}" for key in first}
    assert {f"body.{key}" for key in kernels[len(first) :]} <= changed
    norms = [key for key, module in stream.named_modules() if isinstance(module, nn.BatchNorm2d)]
    for key in norms:  # statistics change where the layer is trained, and only there
        own = stream.get_submodule(key)
        assert (f"{key}.running_mean" in changed) == own.training == own.weight.requires_grad, key
    stream.eval().train()
    assert not stream.get_submodule(next(iter(stream.still))).training, "train() does not wake what is frozen"


def test_a_part_that_there_is_not():
    with pytest.raises(InputError, match=r"streams.trained = most: must be one of all, half, head"):
        train_part(Stream("resnet18", "spatial", 1), "most")
