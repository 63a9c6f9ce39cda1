import json

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn

from ethomake.errors import InputError
from ethomake.flow.metadata import FlowMetadata
from ethomake.sequence.metadata import SequenceMetadata
from ethomake.streams.metadata import StreamMetadata
from ethomake.training.header import read_header
from ethomake.training.weights import flat_parameters, freeze, load_weights, save_weights

FLOW = FlowMetadata("tiny_motion_net", 1, 11, [32, 64], [0.1, 0.2, 0.3], [0.3] * 3)
MOTION = StreamMetadata("resnet18", 1, "motion", ["läuft"], True, 11)


def make_model(width: int = 3) -> nn.Module:
    return nn.Sequential(nn.Conv2d(1, width, 3), nn.BatchNorm2d(width))


def test_round_trip(tmp_path):
    model, other = make_model(), make_model()
    save_weights(tmp_path / "w.safetensors", model, MOTION)
    load_weights(tmp_path / "w.safetensors", other)
    assert torch.equal(flat_parameters(model), flat_parameters(other))
    assert StreamMetadata.read(tmp_path / "w.safetensors") == MOTION
    assert MOTION.kind == "motion"


def test_the_header_holds_what_is_known_sorted_by_name(tmp_path):
    """Byte for byte, as training again must write identical files."""
    save_weights(tmp_path / "w", make_model(), MOTION)
    with safe_open(tmp_path / "w", "pt") as file:
        header = file.metadata()["ethomake"]
    assert header == (
        '{"behaviors": ["l\\u00e4uft"], "exclusive": true, "frames": 11, "network": "resnet18", "seed": 1, '
        '"sees": "color", "stream": "motion"}'
    )


def test_a_network_is_built_and_loaded_from_its_file(tmp_path):
    torch.manual_seed(0)
    network = FLOW.build()
    save_weights(tmp_path / "w", network, FLOW)
    loaded, metadata = FlowMetadata.load_network(tmp_path / "w")
    assert torch.equal(flat_parameters(loaded), flat_parameters(network))
    assert metadata == FLOW


def test_weights_of_another_kind_or_without_a_value_are_refused(tmp_path):
    save_weights(tmp_path / "w", make_model(), MOTION)
    for record, wanted in ((FlowMetadata, "flow"), (SequenceMetadata, "sequence")):
        with pytest.raises(InputError, match=f"the weights of a motion network; give those of a {wanted} network"):
            record.load_network(tmp_path / "w")
    header = {"stream": "spatial", "network": "resnet18", "seed": 0, "frames": 11}
    save_file({"x": torch.zeros(1)}, tmp_path / "old", metadata={"ethomake": json.dumps(header)})
    with pytest.raises(InputError, match="these weights lack behaviors, exclusive in their metadata"):
        StreamMetadata.read(tmp_path / "old")


def test_same_weights_same_bytes(tmp_path):
    model = make_model()
    for name in "ab":
        save_weights(tmp_path / name, model, FLOW)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_weights_that_do_not_fit_are_refused_with_both_shapes(tmp_path):
    save_weights(tmp_path / "w", make_model(3), FLOW)
    with pytest.raises(InputError, match=r"0\.bias.*\(3,\) in the file, \(4,\) in the network"):
        load_weights(tmp_path / "w", make_model(4))


def test_foreign_damaged_and_missing_files_are_refused(tmp_path):
    save_file({"x": torch.zeros(1)}, tmp_path / "foreign")
    (tmp_path / "damaged").write_bytes(b"\x08" * 20)
    for name, message in (
        ("foreign", "not written by ethomake"),
        ("damaged", "not a safetensors file .*; give one"),
        ("no", "no such"),
    ):
        with pytest.raises(InputError, match=message):
            read_header(tmp_path / name)


def test_a_frozen_network_stays_as_it_is_even_when_told_to_train():
    model = freeze(make_model())
    before = flat_parameters(model)
    nn.Sequential(model).train()
    model(torch.randn(4, 1, 8, 8))
    assert not model[1].training
    assert torch.equal(flat_parameters(model), before)
    assert not any(p.requires_grad for p in model.parameters())


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
def test_weights_that_are_no_numbers_are_neither_read_nor_written(tmp_path, value):
    model = make_model()
    save_weights(tmp_path / "w", model, MOTION)
    state = {name: values.clone() for name, values in model.state_dict().items()}
    state["1.running_var"][2] = value
    with safe_open(tmp_path / "w", "pt") as file:
        save_file(state, tmp_path / "wrong", metadata=file.metadata())
    with pytest.raises(InputError, match=r"wrong: not all values are finite numbers \(1\.running_var has .* at 2\)"):
        load_weights(tmp_path / "wrong", make_model())
    model.load_state_dict(state)
    with pytest.raises(InputError, match=r"new, not written: .*the training diverged: lower learning_rate"):
        save_weights(tmp_path / "new", model, MOTION)
    assert not (tmp_path / "new").exists()


def test_metadata_that_is_no_number_is_refused(tmp_path):
    header = '{"network": "tiny_motion_net", "channel_std": [NaN, 0.3, 0.3]}'
    save_file({"x": torch.zeros(1)}, tmp_path / "w", metadata={"ethomake": header})
    with pytest.raises(InputError, match=r"its metadata cannot be read \(NaN is no number\)"):
        read_header(tmp_path / "w")
