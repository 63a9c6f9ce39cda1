import copy
from contextlib import nullcontext

import pytest
import torch
from torch import nn

from ethomake.flow.networks import FLOW_NETWORKS, build_flow_network
from ethomake.streams.networks import Stream
from ethomake.streams.registry import STREAM_NETWORKS
from ethomake.training.inference import Batches, for_inference

CPU = torch.device("cpu")


def with_statistics(network):
    """Return a network whose BatchNorms are not the identity."""
    torch.manual_seed(1)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d | nn.BatchNorm3d):
            module.running_mean.normal_(0, 0.2)
            module.running_var.uniform_(0.5, 2.0)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.1)
    return network.eval()


def has_batchnorm(network):
    return any("BatchNorm" in type(module).__name__ for module in network.modules())


@pytest.mark.parametrize("name", FLOW_NETWORKS)
@torch.no_grad()
def test_a_folded_flow_network_gives_the_same_flow(name):
    network = with_statistics(build_flow_network(name))
    windows = torch.randn(1, 11, 3, 32, 32)
    folded = for_inference(network, CPU, torch.float32)
    assert has_batchnorm(network)
    assert not has_batchnorm(folded)
    for flow, wanted in zip(folded(windows), network(windows), strict=True):
        assert torch.allclose(flow, wanted, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("kind", ["spatial", "motion"])
@pytest.mark.parametrize("name", STREAM_NETWORKS)
@torch.no_grad()
def test_a_folded_stream_gives_the_same_features_and_nearly_the_same_in_bfloat16(name, kind):
    network = with_statistics(Stream(name, kind, 3, dropout=0.0))
    inputs = torch.randn(2, network.context_frames, 3, 64, 64) if kind == "spatial" else torch.randn(2, 20, 32, 32)
    wanted = network(inputs)[0]
    assert torch.allclose(for_inference(network, CPU, torch.float32)(inputs)[0], wanted, rtol=1e-3, atol=1e-3)
    folded = for_inference(network, CPU, torch.bfloat16)
    assert {p.dtype for p in folded.parameters()} == {torch.bfloat16}
    assert {p.dtype for p in network.parameters()} == {torch.float32}
    error = folded(inputs.bfloat16())[0].float() - wanted
    assert error.norm() / wanted.norm() < 0.02


@torch.no_grad()
def test_a_network_that_cannot_be_traced_is_run_as_it_is():
    class Choosy(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.norm = nn.Conv2d(1, 1, 1), nn.BatchNorm2d(1)

        def forward(self, x):
            return self.norm(self.conv(x)) if x.sum() > 0 else x

    network = with_statistics(Choosy())
    frozen = for_inference(network, CPU, torch.float32)
    x = torch.rand(1, 1, 4, 4)
    assert torch.equal(frozen(x), network(x))
    assert frozen is not network
    assert not any(p.requires_grad for p in frozen.parameters())


def test_a_frozen_network_stays_frozen():
    frozen = for_inference(Stream("resnet18", "spatial", 2), CPU, torch.float32)
    before = copy.deepcopy(frozen.state_dict())
    frozen.train()
    frozen(torch.randn(2, 1, 3, 32, 32))
    assert all(torch.equal(value, before[name]) for name, value in frozen.state_dict().items())


def test_batches_are_halved_until_they_fit_and_stay_so():
    asked = []

    def compute(items, room=5):
        asked.append(len(items))
        if len(items) > room:
            raise torch.OutOfMemoryError
        return list(items)

    batches = Batches(torch.device("cuda"), 1, 16)
    assert [item for part in batches.run(compute, 20) for item in part] == list(range(20))
    assert asked == [16, 8, 4, 4, 4, 4, 4]
    assert [item for part in batches.run(compute, 6) for item in part] == list(range(6))
    assert asked[7:] == [4, 2]
    assert Batches(CPU, 3, 16).size == 3
    with pytest.raises(torch.OutOfMemoryError):
        list(batches.run(lambda items: compute(items, room=0), 6))


@pytest.mark.parametrize(
    ("words", "sizes"),
    [("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate", [8, 4, 4]), ("shapes differ", [8])],
)
def test_libraries_of_a_gpu_say_otherwise_that_memory_is_not_enough(words, sizes):
    asked = []

    def compute(items):
        asked.append(len(items))
        if len(items) > 4:
            raise RuntimeError(words)
        return list(items)

    with nullcontext() if len(sizes) > 1 else pytest.raises(RuntimeError, match=words):
        parts = list(Batches(torch.device("cuda"), 1, 16).run(compute, 8))
        assert [item for part in parts for item in part] == list(range(8))
    assert asked == sizes
