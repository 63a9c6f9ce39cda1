import pytest
import torch
from torch import nn

from ethomake.errors import InputError
from ethomake.flow.networks import FLOW_NETWORKS, build_flow_network, grow_flow

PARAMETERS = {"tiny_motion_net": 1_951_784, "motion_net": 45_882_896, "tiny_motion_net_3d": 437_738}


@pytest.fixture(scope="module")
def networks():
    torch.manual_seed(0)
    return {name: build_flow_network(name) for name in FLOW_NETWORKS}


def test_every_network_has_a_published_count():
    assert set(PARAMETERS) == set(FLOW_NETWORKS)


@pytest.mark.parametrize("name", PARAMETERS)
def test_parameters_are_those_of_the_paper(networks, name):
    assert sum(p.numel() for p in networks[name].parameters()) == PARAMETERS[name]


@pytest.mark.parametrize("name", PARAMETERS)
def test_three_flows_the_finest_first_at_half_quarter_eighth(networks, name):
    flows = networks[name].eval()(torch.rand(2, 11, 3, 64, 96))
    assert [tuple(flow.shape) for flow in flows] == [(2, 20, 32, 48), (2, 20, 16, 24), (2, 20, 8, 12)]


@pytest.mark.parametrize("name", PARAMETERS)
def test_every_parameter_learns(networks, name):
    network = networks[name].train()
    network.zero_grad()
    sum(flow.square().sum() for flow in network(torch.rand(2, 11, 3, 64, 64))).backward()
    assert [key for key, p in network.named_parameters() if p.grad is None] == []
    # Biases before a BatchNorm have no effect; all other parameters must have one.
    idle = {
        f"{key}.bias"
        for parent, module in network.named_modules()
        if isinstance(module, nn.Sequential)
        for key in (f"{parent}.0",)
    }
    assert [key for key, p in network.named_parameters() if key not in idle and not p.grad.any()] == []
    network.zero_grad()


@pytest.mark.parametrize("name", PARAMETERS)
def test_a_new_network_predicts_little_motion(networks, name):
    for flow in networks[name].train()(torch.randn(2, 11, 3, 64, 64)):
        assert 0 < flow.abs().mean() < 1


@pytest.mark.parametrize("name", PARAMETERS)
def test_other_window_lengths(name):
    flows = build_flow_network(name, frames=5).eval()(torch.rand(1, 5, 3, 32, 32))
    assert [flow.shape[1] for flow in flows] == [8, 8, 8]


def test_flow_i_of_the_3d_network_stands_in_channels_2i_and_2i_plus_1(networks):
    # Its steps depend on few frames only: a change of the first frame affects the first flows, not the last ones.
    network = networks["tiny_motion_net_3d"].eval()
    frames = torch.rand(1, 11, 3, 32, 32)
    changed = frames.clone()
    changed[:, 0] += 1
    with torch.no_grad():
        difference = (network(changed)[2] - network(frames)[2]).abs().amax((0, 2, 3))
    assert difference[:2].min() > 0
    assert difference[-2:].max() == 0


@pytest.mark.parametrize("name", ["tiny_motion_net", "motion_net"])
def test_frames_come_in_order_with_red_green_blue_together(networks, name):
    # The first layer's input channel of frame t, color c is 3 t + c (DeepEthogram 0.5.0 was one channel off).
    seen = []
    first = next(module for module in networks[name].modules() if isinstance(module, nn.Conv2d))
    handle = first.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    frames = torch.rand(1, 11, 3, 32, 32)
    networks[name].eval()(frames)
    handle.remove()
    for t in range(11):
        torch.testing.assert_close(seen[0][:, 3 * t : 3 * t + 3], frames[:, t])


def test_upsampled_flow_is_doubled():
    flow = torch.randn(1, 4, 1, 1).expand(1, 4, 6, 6)
    grown = grow_flow(4)(flow)
    assert grown.shape == (1, 4, 12, 12)
    torch.testing.assert_close(grown[..., 1:-1, 1:-1], 2 * flow[..., :1, :1].expand(1, 4, 10, 10))
    smooth = torch.randn(1, 4, 6, 6)
    expected = 2 * nn.functional.interpolate(smooth, scale_factor=2, mode="bilinear", align_corners=False)
    torch.testing.assert_close(grow_flow(4)(smooth)[..., 1:-1, 1:-1], expected[..., 1:-1, 1:-1])


def test_unknown_network():
    with pytest.raises(InputError, match=r"no flow network is called 'raft'; choose one of tiny_motion_net"):
        build_flow_network("raft")
