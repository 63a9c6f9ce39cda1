import pytest
import torch
from torch import nn

from ethomake.errors import InputError
from ethomake.training.device import choose_device, choose_precision, place

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


@pytest.mark.parametrize(("layer", "layout"), [(nn.Conv2d, torch.channels_last), (nn.Conv3d, torch.channels_last_3d)])
def test_weights_lie_channels_last(layer, layout):
    assert place(layer(4, 4, 3), CPU).weight.is_contiguous(memory_format=layout)
