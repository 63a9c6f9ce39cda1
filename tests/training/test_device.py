import pytest
import torch
from torch import nn

from ethomake.errors import InputError
from ethomake.training import device as device_module
from ethomake.training.device import autocast, choose_device, choose_precision, place

CPU = torch.device("cpu")


def test_the_device_can_be_named(monkeypatch):
    assert choose_device() == CPU  # the test suite sets ETHOMAKE_DEVICE
    monkeypatch.setenv("ETHOMAKE_DEVICE", "abacus")
    with pytest.raises(InputError, match="not a device"):
        choose_device()


@pytest.mark.parametrize(("name", "number"), [("auto", 1), ("cuda", 1), ("cuda:0", 0), ("cuda:2", None)])
def test_a_gpu_has_its_number_and_is_the_current_one(monkeypatch, name, number):
    current = []
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 1)
    monkeypatch.setattr(torch.cuda, "set_device", lambda device: current.append(torch.device(device).index))
    monkeypatch.setattr(device_module, "claim_gpus", lambda count: ["cuda:1"])
    monkeypatch.setenv("ETHOMAKE_DEVICE", name)
    if number is None:
        with pytest.raises(InputError, match="this machine has cuda:0 to cuda:1"):
            choose_device()
        return
    assert choose_device() == torch.device("cuda", number)
    assert current[-1] == number, "threads that are told the device and those that are not agree"
    assert not torch.backends.cudnn.allow_tf32, "float32 is float32"


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
    # the input of a deep strided convolution for images 32 pixels wide; in bfloat16 this fails (torch 2.15)
    layer = place(nn.Conv2d(64, 128, 3, stride=2, padding=1, bias=False), CPU)
    precision = choose_precision("auto", CPU, layer, 32)
    inputs = torch.rand(4, 64, 1, 1, generator=torch.Generator().manual_seed(0))

    def gradient(filling):
        layer.zero_grad()
        with autocast(CPU, precision):
            outputs = layer(inputs)
        fill = [torch.full((2**power,), filling) for power in range(6, 24) for _ in range(2)]
        del fill  # freed so that the memory is used again
        outputs.float().square().mean().backward()
        return layer.weight.grad

    assert torch.equal(gradient(0.0), gradient(3.0))


@pytest.mark.parametrize(("layer", "layout"), [(nn.Conv2d, torch.channels_last), (nn.Conv3d, torch.channels_last_3d)])
def test_weights_lie_channels_last(layer, layout):
    assert place(layer(4, 4, 3), CPU).weight.is_contiguous(memory_format=layout)
