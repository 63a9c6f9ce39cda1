"""Maps of a frozen backbone are read by layers of the sequence model, which learn where in them something is."""

import numpy as np
import pytest
import torch

from ethomake.features.store import create_features
from ethomake.files import write_json
from ethomake.sequence.maps import HEADS, MapReader
from ethomake.sequence.metadata import SequenceMetadata
from ethomake.sequence.model import SequenceModel, infer
from ethomake.sequence.predict import predict_video
from ethomake.sequence.registry import SEQUENCE_NETWORKS
from ethomake.sequence.train import train_sequence
from ethomake.training.plan import TrainingPlan

SETTINGS = {
    "network": "tcn",
    "window": 40,
    "filters": 4,
    "filter_length": 5,
    "layers": 2,
    "channels": 3,
    "hidden": 16,
    "dropout": 0.1,
    "l2": 1e-3,
    "epochs": 10,
    "steps": 12,
    "batch": 4,
    "learning_rate": 5e-3,
    "focal_gamma": 0.0,
    "label_smoothing": 0.05,
    "positive_weight_exponent": 0.25,
    "positive_weight_cap": 20.0,
}
MAPS = {"channels": 6, "grid": [3, 4]}
WIDTH = 6 * 3 * 4


@torch.no_grad()
def test_each_head_reads_the_channels_where_it_looks():
    torch.manual_seed(0)
    reader = MapReader(6, (3, 4), 5, dropout=0.5).eval()
    features = torch.randn(2, 7, WIDTH)
    score, dense = reader.score, reader.dense[1]
    for b in range(2):
        for t in range(7):
            maps, seen = features[b, t].view(6, 3, 4), []
            for head in range(HEADS):
                weights = torch.stack([(score.weight[head] @ maps[:, i, j]) for i in range(3) for j in range(4)]).exp()
                places = torch.stack([maps[:, i, j] for i in range(3) for j in range(4)])
                seen.append((weights[:, None] * places).sum(0) / weights.sum())
            expected = torch.relu(dense.weight @ torch.cat(seen) + dense.bias)
            torch.testing.assert_close(reader(features)[b, t], expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("network", SEQUENCE_NETWORKS)
def test_any_sequence_network_can_follow_and_pieces_make_no_difference(network):
    torch.manual_seed(0)
    model = SequenceModel(network, WIDTH, 2, SETTINGS, MAPS).eval()
    features = np.random.default_rng(0).normal(size=(61, WIDTH)).astype(np.float16)
    whole = infer(model, features)
    assert whole.shape == (61, 2)
    torch.testing.assert_close(infer(model, features, chunk=13), whole, atol=1e-5, rtol=1e-4)


def write_maps(folder, name, maps):
    group = create_features(folder / f"{name}.zarr", len(maps), {"frozen": (WIDTH, "float16")})
    group["frozen"][:] = maps.reshape(len(maps), WIDTH)
    arrays = {"arrays": {"frozen": [len(maps), WIDTH]}}
    facts = {"video": name, "frames": len(maps), "streams": ["frozen"], "maps": MAPS} | arrays
    write_json(folder / f"{name}.json", facts)
    return folder / f"{name}.json"


def test_what_is_in_one_place_together_can_be_learned(tmp_path, write_table):
    """Two channels are high in every frame, in the same place or in two: a mean over the map could not tell."""
    rng = np.random.default_rng(0)
    manifests, tables, present = [], [], {}
    for name in "abc":
        together = np.repeat(rng.integers(0, 2, 20), 10)
        maps = rng.normal(0, 0.3, (200, 6, 12))
        place = rng.integers(0, 12, 200)
        other = (place + rng.integers(1, 12, 200)) % 12
        maps[np.arange(200), 2, place] += 3
        maps[np.arange(200), 4, np.where(together, place, other)] += 3
        manifests.append(write_maps(tmp_path, name, maps.astype(np.float16)))
        tables.append(write_table(name, ["together"], together[:, None]))
        present[name] = together
    plan = TrainingPlan(
        train=manifests[:2],
        train_labels=tables[:2],
        behaviors=["together"],
        settings=SETTINGS,
        seed=0,
        checkpoint=tmp_path / "checkpoint",
    )
    paths = [tmp_path / file for file in ("w.safetensors", "history.csv", "out_of_fold.npz")]
    train_sequence(plan, ["frozen"], *paths, folds=[])
    metadata = SequenceMetadata.read(paths[0])
    assert (metadata.maps, metadata.inputs, metadata.streams) == (MAPS, WIDTH, ["frozen"])
    predict_video(manifests[2], paths[0], tmp_path / "c.npy")
    right = (np.load(tmp_path / "c.npy")[:, 0] > 0.5) == present["c"]
    assert right.mean() > 0.95
