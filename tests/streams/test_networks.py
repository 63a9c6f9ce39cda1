import math

import numpy as np
import pytest
import torch

from ethomake.errors import InputError
from ethomake.flow.networks import build_flow_network
from ethomake.sequence.networks import build_sequence_network
from ethomake.streams.networks import Stream, head_bias
from ethomake.streams.registry import STREAM_NETWORKS

SEQUENCE = {"filters": 8, "filter_length": 15, "layers": 3, "channels": 8, "hidden": 128, "dropout": 0.5}


def count(module):
    return sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize(
    ("network", "spatial", "motion"),
    [
        ("resnet18", 11_176_512, 11_229_824),
        ("resnet50", 23_508_032, 23_561_344),  # without its 1000 classes, with 17 more input channels
        ("mobilenet_v2", 2_223_872, 2_223_872 + 17 * 32 * 9),
        ("resnet3d_34", 63_513_536, 63_513_536 - 343 * 64),
    ],
)
def test_parameters_of_the_backbones(network, spatial, motion):
    with torch.device("meta"):  # shapes without values
        assert count(Stream(network, "spatial", 5).backbone) == spatial
        assert count(Stream(network, "motion", 5).backbone) == motion


@pytest.mark.parametrize(
    ("flow", "network", "millions"),
    [
        ("tiny_motion_net", "resnet18", 24.6),
        ("motion_net", "resnet50", 95.3),
        ("tiny_motion_net_3d", "resnet3d_34", 127.7),
    ],
)
def test_presets_have_as_many_parameters_as_in_the_paper(flow, network, millions):
    with torch.device("meta"):
        parts = [
            build_flow_network(flow),
            *(Stream(network, kind, 5) for kind in ("spatial", "motion")),
            build_sequence_network("tgm", 1024, 5, SEQUENCE),
        ]
    total = sum(map(count, parts))
    assert round(total / 1e6, 1) == millions


@pytest.mark.parametrize("network", STREAM_NETWORKS)
def test_features_and_logits(network):
    torch.manual_seed(0)
    for kind in ("spatial", "motion"):
        stream = Stream(network, kind, 3).eval()
        inputs = torch.rand(2, stream.context_frames, 3, 32, 32) if kind == "spatial" else torch.randn(2, 20, 32, 32)
        with torch.no_grad():
            features, logits = stream(inputs)
            assert features.shape == (2, 512)
            assert logits.shape == (2, 3)
            assert torch.equal(features, stream.features(inputs))
            torch.testing.assert_close(logits, stream.head[-1](features))
        assert features.min() >= 0  # output of a ReLU, pooled


def test_frames_that_must_be_read():
    with torch.device("meta"):
        assert Stream("resnet18", "spatial", 1).context_frames == 1
        assert Stream("resnet18", "motion", 1).context_frames == 11
        assert Stream("resnet3d_34", "spatial", 1).context_frames == 11
        assert Stream("resnet3d_34", "motion", 1).context_frames == 11


def test_grey_frames_are_the_channels_of_an_image():
    stream = Stream("resnet18", "spatial", 1, sees="grey")
    assert stream.context_frames == 5
    frames = torch.rand(2, 5, 3, 4, 6)
    expected = np.tensordot(frames.numpy(), (0.299, 0.587, 0.114), axes=(2, 0))[:, [0, 2, 4]]
    np.testing.assert_allclose(stream.to_backbone_layout(frames), expected, rtol=1e-5)
    longer = torch.cat([torch.rand(2, 3, 3, 4, 6), frames, torch.rand(2, 3, 3, 4, 6)], 1)  # a window of eleven
    np.testing.assert_allclose(stream.to_backbone_layout(longer), expected, rtol=1e-5)


def test_a_3d_network_sees_colors():
    with torch.device("meta"):
        stream = Stream("resnet3d_34", "spatial", 1, sees="grey")
    assert (stream.sees, stream.context_frames) == ("color", 11)


def test_the_center_frame_has_its_own_red_green_and_blue():
    # DeepEthogram 0.5.0 used G and B of one frame and R of the next.
    stream = Stream("resnet18", "spatial", 1)
    clip = torch.arange(33.0).view(1, 11, 3, 1, 1)
    assert stream.to_backbone_layout(clip).flatten().tolist() == [15, 16, 17]
    assert stream.to_backbone_layout(clip[:, 5:6]).flatten().tolist() == [15, 16, 17]
    assert Stream("resnet18", "motion", 1).to_backbone_layout(clip[:, :10].flatten(1, 2)).shape == (1, 30, 1, 1)


def test_3d_networks_see_color_or_direction_as_channels_and_time_as_time():
    with torch.device("meta"):
        spatial, motion = (Stream("resnet3d_34", kind, 1) for kind in ("spatial", "motion"))
    clip = torch.arange(33.0).view(1, 11, 3, 1, 1)
    assert spatial.to_backbone_layout(clip)[0, 1, :, 0, 0].tolist() == [3 * t + 1 for t in range(11)]
    flows = torch.arange(20.0).view(1, 20, 1, 1)  # dx0, dy0, dx1, ...
    assert motion.to_backbone_layout(flows)[0, 0, :, 0, 0].tolist() == [2 * t for t in range(10)]
    assert motion.to_backbone_layout(flows)[0, 1, :, 0, 0].tolist() == [2 * t + 1 for t in range(10)]


def test_dropout_stands_before_the_head_only():
    stream = Stream("resnet18", "spatial", 2, dropout=0.5).train()
    assert [type(layer).__name__ for layer in stream.head] == ["Dropout", "Linear"]
    assert stream.head[0].p == 0.5


def test_head_bias():
    bias = head_bias([100, 0, 50, 0], [300, 400, 0, 0])
    assert bias.tolist() == pytest.approx([math.log(1 / 3), 0, 1, 0])
    assert bias.dtype == torch.float32
    counts = torch.tensor([3_000_000]), torch.tensor([1])
    assert float(head_bias(*counts)) == pytest.approx(math.log(3e6))


def test_an_unknown_network():
    with pytest.raises(InputError, match=r"no stream network is called 'vgg99'; choose one of resnet18"):
        Stream("vgg99", "spatial", 1)
