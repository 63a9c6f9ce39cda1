import pytest
import torch
from torch import nn

from ethomake.errors import InputError
from ethomake.training.device import autocast, choose_device, choose_precision, place

CPU = torch.device("cpu")


def test_the_device_can_be_named(monkeypatch):
    assert choose_device() == CPU  # the tests name it
    monkeypatch.setenv("ETHOMAKE_DEVICE", "abacus")
    with pytest.raises(InputError, match="not a device"):
        choose_device()


def test_precision_can_be_named_and_auto_takes_what_the_machine_has(monkeypatch):
    assert choose_precision("float32", CPU) == torch.float32
    assert choose_precision("bfloat16", CPU, nn.Conv3d(1, 1, 1)) == torch.bfloat16
    for has_it, wanted in ((True, torch.bfloat16), (False, torch.float32)):
        monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda has_it=has_it: has_it)
        monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
        assert choose_precision("auto", CPU, nn.Conv2d(1, 1, 1)) == wanted


def test_3d_networks_train_in_float32_on_the_cpu(monkeypatch):
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True)
    assert choose_precision("auto", CPU, nn.Sequential(nn.Conv3d(1, 1, 1))) == torch.float32


def test_narrow_images_are_trained_on_in_float32_on_the_cpu(monkeypatch):
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True)
    network = nn.Conv2d(1, 1, 1)
    assert choose_precision("auto", CPU, network, 32) == torch.float32
    assert choose_precision("auto", CPU, network, 64) == torch.bfloat16
    assert choose_precision("auto", CPU, width=32) == torch.bfloat16, "extraction has no backward pass"


def test_gradients_do_not_depend_on_what_the_memory_held_before():
    # what a deep strided convolution sees of images 32 pixels wide; in bfloat16 this fails (torch 2.15)
    layer = place(nn.Conv2d(64, 128, 3, stride=2, padding=1, bias=False), CPU)
    precision = choose_precision("auto", CPU, layer, 32)
    inputs = torch.rand(4, 64, 1, 1, generator=torch.Generator().manual_seed(0))

    def gradient(filling):
        layer.zero_grad()
        with autocast(CPU, precision):
            outputs = layer(inputs)
        fill = [torch.full((2**power,), filling) for power in range(6, 24) for _ in range(2)]
        del fill  # given back to be taken again
        outputs.float().square().mean().backward()
        return layer.weight.grad

    assert torch.equal(gradient(0.0), gradient(3.0))


@pytest.mark.parametrize(("layer", "layout"), [(nn.Conv2d, torch.channels_last), (nn.Conv3d, torch.channels_last_3d)])
def test_weights_lie_channels_last(layer, layout):
    assert place(layer(4, 4, 3), CPU).weight.is_contiguous(memory_format=layout)
