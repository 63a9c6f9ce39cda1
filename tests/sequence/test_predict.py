import subprocess
import sys

import numpy as np
import pytest
import torch

from ethomake.errors import InputError
from ethomake.features import store
from ethomake.features.store import create_features, read_inputs
from ethomake.files import write_json
from ethomake.labels.groups import groups_of
from ethomake.sequence import model as models
from ethomake.sequence import predict
from ethomake.sequence.metadata import SequenceMetadata
from ethomake.sequence.model import infer
from ethomake.sequence.predict import predict_video
from ethomake.training.losses import probabilities
from ethomake.training.weights import save_weights

SETTINGS = {"filters": 4, "filter_length": 5, "layers": 2, "channels": 3, "hidden": 16, "dropout": 0.1}
BEHAVIORS = ["a", "b"]
MB = 1024  # in the unit of ru_maxrss, a kilobyte

PREDICT = """
import resource, sys
from ethomake.sequence.predict import predict_video
predict_video(*sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def write_features(folder, frames, width, changed=()):
    """Write features of two streams that repeat every 997 frames, in whole chunks; return the manifest."""
    rows = np.random.default_rng(0).normal(size=(997, width)).astype(np.float16)
    group = create_features(folder / "v.zarr", frames, {"spatial": (width, "float16"), "motion": (width, "float16")})
    for start in range(0, frames, group["spatial"].chunks[0]):
        chunk = rows[np.arange(start, min(start + group["spatial"].chunks[0], frames)) % len(rows)]
        for name in ("spatial", "motion"):
            group[name][start : start + len(chunk)] = chunk
    for frame in changed:
        group["motion"][frame] = np.nan
    facts = {"streams": ["spatial", "motion"], "behaviors": BEHAVIORS}
    write_json(folder / "v.json", facts | {"arrays": {name: [frames, width] for name in facts["streams"]}})
    return folder / "v.json"


def write_weights(path, network, width, exclusive=False, **changes):
    torch.manual_seed(0)
    settings = SETTINGS | changes
    metadata = SequenceMetadata(network, 0, settings, BEHAVIORS, exclusive, ["spatial", "motion"], 2 * width)
    model = metadata.build().eval()
    save_weights(path, model, metadata)
    return model


@pytest.mark.parametrize("exclusive", [False, True, [["b", "a"]]])
@pytest.mark.parametrize("network", ["tgm", "tcn"])
def test_reading_in_pieces_gives_what_reading_the_whole_gives(tmp_path, monkeypatch, network, exclusive):
    monkeypatch.setattr(store, "CHUNK", 50)
    manifest = write_features(tmp_path, 333, 3)
    model = write_weights(tmp_path / "w.safetensors", network, 3, exclusive)
    in_pieces = models.infer_in_pieces
    monkeypatch.setattr("ethomake.sequence.predict.infer_in_pieces", lambda *arguments: in_pieces(*arguments, chunk=64))
    predict_video(manifest, tmp_path / "w.safetensors", tmp_path / "p.npy")
    expected = probabilities(infer(model, read_inputs(manifest), chunk=64), groups_of(exclusive, BEHAVIORS)).numpy()
    written = np.load(tmp_path / "p.npy")
    assert written.shape == expected.shape == (333, 2)
    assert written.dtype == np.float32
    # processors without AVX-512 compute the sigmoid of the last few values of a piece in another way
    np.testing.assert_array_max_ulp(written, expected, maxulp=2)


def test_features_that_are_not_numbers_leave_no_file(tmp_path, monkeypatch):
    monkeypatch.setattr(store, "CHUNK", 1000)
    manifest = write_features(tmp_path, 2500, 3, changed=[2300])
    write_weights(tmp_path / "w.safetensors", "tgm", 3)
    with pytest.raises(InputError, match="frame 2300 are not numbers"):
        predict_video(manifest, tmp_path / "w.safetensors", tmp_path / "p.npy")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["v.json", "v.zarr", "w.safetensors"]


def peak_memory(folder, frames, width, network):
    folder.mkdir()
    manifest = write_features(folder, frames, width)
    write_weights(folder / "w.safetensors", network, width)
    command = [sys.executable, "-c", PREDICT, manifest, folder / "w.safetensors", folder / "p.npy"]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert np.load(folder / "p.npy", mmap_mode="r").shape == (frames, 2)
    return int(output)


@pytest.mark.slow
@pytest.mark.parametrize("network", ["tgm", "tcn"])
def test_memory_does_not_grow_with_the_video(tmp_path, network):
    """Ten hours of features need little more memory than a minute; in full they are 138 MB, twice that in float32."""
    long, short = (peak_memory(tmp_path / str(frames), frames, 32, network) for frames in (1_080_000, 1_800))
    assert long - short < 50 * MB


def test_probabilities_that_are_no_numbers_end_with_the_frame_where_they_begin(tmp_path, monkeypatch):
    manifest = write_features(tmp_path, 30, 3)
    write_weights(tmp_path / "w.safetensors", "tcn", 3)
    logits = torch.zeros(30, 2)
    logits[17:] = torch.nan
    monkeypatch.setattr(predict, "infer_in_pieces", lambda model, rows: iter(logits.split(10)))
    with pytest.raises(InputError, match=r"w\.safetensors: gives no finite probabilities for v from frame 17 on"):
        predict_video(manifest, tmp_path / "w.safetensors", tmp_path / "p.npy")
    assert not (tmp_path / "p.npy").exists()
