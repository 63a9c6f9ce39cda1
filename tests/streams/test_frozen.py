"""A frozen backbone shows what torchvision's network computes from three grey frames, on a grid."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torchvision import models

from ethomake.errors import InputError
from ethomake.streams.frozen import (
    CHANNEL_MEAN,
    CHANNEL_STD,
    FrozenBackbone,
    FrozenMetadata,
    freeze_backbone,
    normalized_images,
)
from ethomake.streams.networks import Stream
from ethomake.streams.registry import find_network, mapped_networks
from ethomake.training.weights import save_weights


def mean_of_cells(values, grid):
    """Means of maps (C, H, W) over the cells of a grid, cell by cell: rows floor(i H / g) to ceil((i + 1) H / g)."""
    channels, height, width = values.shape
    cells = np.empty((channels, grid, grid), np.float32)
    for i in range(grid):
        for j in range(grid):
            rows = slice(i * height // grid, math.ceil((i + 1) * height / grid))
            columns = slice(j * width // grid, math.ceil((j + 1) * width / grid))
            cells[:, i, j] = values[:, rows, columns].mean((1, 2))
    return cells


@pytest.mark.parametrize(("height", "width"), [(96, 160), (64, 64), (32, 32)])
@torch.no_grad()
def test_its_map_is_that_of_torchvision_in_means_over_a_grid(mobilenet, tmp_path, height, width):
    network = models.mobilenet_v2(weights=None).eval()
    network.load_state_dict(torch.load(mobilenet, weights_only=True))
    freeze_backbone("mobilenet_v2", mobilenet, tmp_path / "frozen.safetensors")
    frozen, metadata = FrozenMetadata.load_network(tmp_path / "frozen.safetensors")
    images = torch.randn(2, 3, height, width)
    expected = network.features[: len(metadata.layers)](images).numpy()
    assert expected.shape == (2, metadata.channels, height // 16, width // 16)
    got = frozen.eval()(images).numpy()
    assert got.shape == (2, metadata.channels, metadata.grid, metadata.grid)
    np.testing.assert_allclose(got, [mean_of_cells(one, metadata.grid) for one in expected], atol=1e-4)


def test_its_file_says_what_it_is(mobilenet, tmp_path):
    freeze_backbone("mobilenet_v2", mobilenet, tmp_path / "a.safetensors")
    freeze_backbone("mobilenet_v2", mobilenet, tmp_path / "b.safetensors")
    metadata = FrozenMetadata.read(tmp_path / "a.safetensors")
    assert (metadata.kind, metadata.network, metadata.source) == ("frozen", "mobilenet_v2", "mobilenet.pth")
    assert (metadata.channel_mean, metadata.channel_std) == (list(CHANNEL_MEAN), list(CHANNEL_STD))
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()


@pytest.mark.parametrize("name", mapped_networks())
def test_records_say_what_the_maps_are(name):
    shown = find_network(name).feature_map
    backbone = FrozenBackbone(name).eval()
    whole = Stream(name, "spatial", 1).eval()
    for layer in shown.layers:
        backbone.layers[layer.replace(".", "_")] = whole.backbone.get_submodule(layer)
    images, passed = torch.rand(1, 3, 64, 96), []
    hook = whole.backbone.get_submodule(shown.layers[-1]).register_forward_hook(lambda *given: passed.append(given[-1]))
    with torch.no_grad():
        whole(images[:, None])
        hook.remove()
        values = passed[0]
        for layer in backbone.layers.values():
            images = layer(images)
    torch.testing.assert_close(images, values, msg="the layers in a row are not what the backbone does")
    assert values.shape == (1, shown.channels, 64 // shown.stride, 96 // shown.stride)
    parameters = sum(parameter.numel() for parameter in backbone.parameters())
    assert round(parameters / 1e6, 1) == shown.cost.parameters


def test_the_channels_are_grey_frames_around_each_frame():
    frames = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (7, 3, 4, 6), dtype=np.uint8))
    images = normalized_images(frames, [0.1, 0.2, 0.3], [1.0, 2.0, 4.0])
    assert images.shape == (3, 3, 4, 6)
    for t in range(2, 5):
        for channel, (neighbor, mean, std) in enumerate([(t - 2, 0.1, 1.0), (t, 0.2, 2.0), (t + 2, 0.3, 4.0)]):
            red, green, blue = frames[neighbor].numpy().astype(float) / 255
            grey = 0.299 * red + 0.587 * green + 0.114 * blue
            np.testing.assert_allclose(images[t - 2, channel], (grey - mean) / std, atol=1e-5)


def test_what_cannot_be_frozen(mobilenet, tmp_path):
    with pytest.raises(InputError, match=r"resnet3d_34 has no feature map .*mobilenet_v2"):
        freeze_backbone("resnet3d_34", mobilenet, tmp_path / "frozen")
    with pytest.raises(InputError, match="do not fit"):
        freeze_backbone("resnet18", mobilenet, tmp_path / "frozen")
    assert not (tmp_path / "frozen").exists()


def test_weights_of_another_map_are_refused(mobilenet, tmp_path):
    freeze_backbone("mobilenet_v2", mobilenet, tmp_path / "frozen")
    network, metadata = FrozenMetadata.load_network(tmp_path / "frozen")
    save_weights(tmp_path / "other", network, replace(metadata, offsets=[-1, 0, 1]))
    with pytest.raises(InputError, match="made with other offsets than this version"):
        FrozenMetadata.load_network(tmp_path / "other")
