import numpy as np
import pytest
import torch

from ethomake.sequence.model import Moments, SequenceModel, infer

SETTINGS = {"filters": 4, "filter_length": 5, "layers": 2, "channels": 3, "hidden": 16, "dropout": 0.1}


@pytest.mark.parametrize("network", ["tgm", "tcn"])
@pytest.mark.parametrize("chunk", [1, 7, 64, 1000])
def test_predictions_do_not_depend_on_where_the_windows_fall(network, chunk):
    torch.manual_seed(0)
    model = SequenceModel(network, 12, 3, SETTINGS).eval()
    features = np.random.default_rng(0).normal(size=(131, 12)).astype(np.float32)
    model.standardize_with([Moments.of(features)])
    whole = model(torch.from_numpy(features)[None])[0].detach()
    assert torch.allclose(infer(model, features, chunk), whole, atol=1e-5)


def test_features_are_standardized_with_all_training_videos():
    rng = np.random.default_rng(0)
    videos = [rng.normal(3, 2, (50, 6)).astype(np.float16), rng.normal(-1, 0.5, (20, 6)).astype(np.float16)]
    model = SequenceModel("tgm", 6, 2, SETTINGS)
    model.standardize_with([Moments.of(video) for video in videos])
    together = np.concatenate(videos).astype(float)
    assert model.mean.numpy() == pytest.approx(together.mean(0), abs=1e-5)
    assert model.std.numpy() == pytest.approx(together.std(0), abs=1e-5)
