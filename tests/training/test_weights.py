import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from ethomake.errors import InputError
from ethomake.training.weights import flat_parameters, freeze, load_weights, read_facts, save_weights


def make_model(width: int = 3) -> nn.Module:
    return nn.Sequential(nn.Conv2d(1, width, 3), nn.BatchNorm2d(width))


def test_round_trip(tmp_path):
    model, other = make_model(), make_model()
    save_weights(tmp_path / "w.safetensors", model, {"behaviors": ["läuft"], "seed": 1})
    load_weights(tmp_path / "w.safetensors", other)
    assert torch.equal(flat_parameters(model), flat_parameters(other))
    assert read_facts(tmp_path / "w.safetensors") == {"behaviors": ["läuft"], "seed": 1}


def test_same_weights_same_bytes(tmp_path):
    model = make_model()
    for name in "ab":
        save_weights(tmp_path / name, model, {"b": 1, "a": 2})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_weights_that_do_not_fit_are_refused_with_both_shapes(tmp_path):
    save_weights(tmp_path / "w", make_model(3), {})
    with pytest.raises(InputError, match=r"0\.bias.*\(3,\) in the file, \(4,\) in the network"):
        load_weights(tmp_path / "w", make_model(4))


def test_foreign_damaged_and_missing_files_are_refused(tmp_path):
    save_file({"x": torch.zeros(1)}, tmp_path / "foreign")
    (tmp_path / "damaged").write_bytes(b"\x08" * 20)
    for name, message in (("foreign", "not written by ethomake"), ("damaged", "not a safetensors"), ("no", "no such")):
        with pytest.raises(InputError, match=message):
            read_facts(tmp_path / name)


def test_a_frozen_network_stays_as_it_is_even_when_told_to_train():
    model = freeze(make_model())
    before = flat_parameters(model)
    nn.Sequential(model).train()
    model(torch.randn(4, 1, 8, 8))
    assert not model[1].training
    assert torch.equal(flat_parameters(model), before)
    assert not any(p.requires_grad for p in model.parameters())
