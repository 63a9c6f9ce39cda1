import numpy as np
import pytest
import torch

from ethomake.errors import InputError
from ethomake.sequence.networks import SEQUENCE_NETWORKS, GaussianMixture, build_sequence_network

SETTINGS = {"filters": 8, "filter_length": 15, "layers": 3, "channels": 8, "hidden": 128, "dropout": 0.5}
REACH = {"tgm": 21, "tcn": 49}


def small(name, **changes):
    torch.manual_seed(0)
    return build_sequence_network(name, 4, 3, {**SETTINGS, "hidden": 16, **changes}).eval()


@pytest.mark.parametrize("name", SEQUENCE_NETWORKS)
def test_logits_for_each_frame(name):
    network = small(name)
    assert network(torch.randn(2, 50, 4)).shape == (2, 50, 3)
    assert network(torch.randn(1, 1, 4)).shape == (1, 1, 3)


@pytest.mark.parametrize("name", SEQUENCE_NETWORKS)
def test_outputs_depend_on_frames_within_reach_and_on_no_others(name):
    network = small(name)
    assert network.reach == REACH[name]
    features = torch.randn(1, 150, 4, requires_grad=True)
    network(features)[0, 75].sum().backward()
    seen = features.grad[0].abs().amax(1) > 0
    first, last = (int(i) for i in (seen.nonzero()[0], seen.nonzero()[-1]))
    # Far flanks of a Gaussian may be 0 in float32, so the reach may be smaller, but never larger.
    assert 75 - network.reach <= first < 75 < last <= 75 + network.reach
    assert last - first > network.reach


def test_the_receptive_field_of_the_tgm_is_43_frames():
    network = small("tgm")
    with torch.no_grad():
        for layer in network.layers:
            layer.width.fill_(3.0)  # so flat that no flank underflows
    features = torch.randn(1, 101, 4, requires_grad=True)
    network(features)[0, 50].sum().backward()
    seen = (features.grad[0].abs().amax(1) > 0).nonzero().flatten()
    assert (int(seen[0]), int(seen[-1])) == (50 - 21, 50 + 21)


@pytest.mark.parametrize("name", SEQUENCE_NETWORKS)
def test_windows_that_overlap_by_twice_the_reach_see_what_the_whole_video_sees(name):
    network = small(name)
    features = torch.randn(1, 300, 4)
    with torch.no_grad():
        whole = network(features)
        inner = network(features[:, 100:260])[:, network.reach : -network.reach]
        start = network(features[:, :160])[:, : -network.reach]
    torch.testing.assert_close(inner, whole[:, 100 + network.reach : 260 - network.reach])
    torch.testing.assert_close(start, whole[:, : 160 - network.reach])


def plain_smoothing(network, features):
    """Apply the TGM's filters layer by layer, as loops over channels in NumPy: (T, D) -> (T, D)."""
    series = np.pad(features, ((network.reach, network.reach), (0, 0)))
    channels = [series]
    for layer in network.layers:
        half = (layer.length - 1) / 2
        frames = np.arange(layer.length) - half
        bumps = []
        for center, width in zip(layer.center.tolist(), layer.width.tolist(), strict=True):
            bump = np.exp(-0.5 * ((frames - half * np.tanh(center)) / (0.5 + half / 4 * np.exp(width))) ** 2)
            bumps.append(bump / bump.sum())
        attention = layer.attention.detach().double().numpy()
        outputs = []
        for scores in attention:
            shares = np.exp(scores) / np.exp(scores).sum()
            output = 0.0
            for series, parts in zip(channels, shares, strict=True):
                for share, bump in zip(parts, bumps, strict=True):
                    filtered = [np.correlate(feature, bump, mode="valid") for feature in series.T]
                    output = output + share * np.stack(filtered, 1)
            outputs.append(output)
        channels = outputs
    return np.max(channels, axis=0)


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_folding_the_layers_is_exact(layers):
    network = small("tgm", layers=layers, filters=3, channels=4, filter_length=7).double()
    features = torch.randn(20, 4, dtype=torch.float64)
    with torch.no_grad():
        smoothed = network.smooth(features[None])[0].numpy()
    np.testing.assert_allclose(smoothed, plain_smoothing(network, features.numpy()), rtol=1e-10, atol=1e-12)


def test_logits_are_the_mean_of_two_classifiers():
    network = small("tgm")
    features = torch.randn(2, 30, 4)
    expected = (network.from_features(features) + network.from_smoothed(network.smooth(features))) / 2
    torch.testing.assert_close(network(features), expected)


def test_bumps_and_kernels_are_normalized():
    layer = GaussianMixture(8, 8, 8, 15)
    torch.testing.assert_close(layer.bumps().sum(1), torch.ones(8))
    torch.testing.assert_close(layer.kernels().sum((1, 2)), torch.ones(8))
    kernel = small("tgm").kernel()
    assert kernel.shape == (8, 43)
    torch.testing.assert_close(kernel.sum(1), torch.ones(8))
    flat = small("tgm").smooth(torch.full((1, 100, 4), 2.5))  # constant input is unchanged, away from the ends
    torch.testing.assert_close(flat[:, 21:-21], torch.full((1, 58, 4), 2.5))


def test_a_bump_lies_where_its_center_says():
    layer = GaussianMixture(1, 1, 1, 15)
    with torch.no_grad():
        layer.center.fill_(torch.atanh(torch.tensor(4 / 7)))
        layer.width.fill_(-3.0)
    assert int(layer.bumps()[0].argmax()) == 7 + 4


@pytest.mark.parametrize("name", SEQUENCE_NETWORKS)
def test_every_parameter_learns(name):
    network = small(name, dropout=0.0).train()
    network(torch.randn(4, 60, 4)).square().sum().backward()
    assert [key for key, p in network.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_folded_training_gradients():
    network = small("tgm", layers=2, filters=2, channels=2, filter_length=3, hidden=3).double()
    features = torch.randn(1, 6, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x, *_: network.smooth(x), (features, *network.layers.parameters()))


def test_parameters_of_the_tgm():
    network = build_sequence_network("tgm", 1024, 5, SETTINGS)
    classifiers = 2 * (1024 * 128 + 128 + 128 * 5 + 5)
    filters = 3 * (8 + 8) + 8 * 8 + 2 * 8 * 8 * 8
    assert sum(p.numel() for p in network.parameters()) == classifiers + filters


def test_the_tcn_tells_order_in_time():
    """A behavior that follows a square wave by five frames is learned within a few steps."""
    torch.manual_seed(0)
    features = (torch.arange(120) // 10 % 2).float()[None, :, None]
    target = torch.roll(features, 5, 1)
    network = build_sequence_network("tcn", 1, 1, {**SETTINGS, "hidden": 8, "filter_length": 5, "dropout": 0.0})
    optimizer = torch.optim.Adam(network.parameters(), 1e-2)
    for _ in range(60):
        loss = torch.nn.functional.binary_cross_entropy_with_logits(network(features), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert float(loss.detach()) < 0.3


def test_an_unknown_network():
    with pytest.raises(InputError, match=r"no sequence network is called 'lstm'; choose one of tgm, tcn"):
        build_sequence_network("lstm", 4, 3, SETTINGS)
