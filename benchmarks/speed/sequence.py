"""From features to probabilities: an hour of video from the feature store to the file of probabilities.

The plain way reads the whole video and passes it through the network in one go, the TGM layer by layer as it was
published; since that would take 7 GB an hour, its TGM gets 4096 frames at a time.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from benchmarks.speed.measure import Case
from ethomake.features.store import CHUNK, create_features, read_inputs
from ethomake.files import write_json, write_npy
from ethomake.sequence.metadata import SequenceMetadata
from ethomake.sequence.model import infer
from ethomake.sequence.networks import TGM
from ethomake.sequence.predict import predict_video
from ethomake.training.weights import save_weights

BEHAVIORS = ["a", "b", "c", "d", "e"]
STREAMS = ["spatial", "motion"]
WIDTH = 512  # features of a stream
SETTINGS = {"filters": 8, "filter_length": 15, "layers": 3, "channels": 8, "hidden": 128, "dropout": 0.5}
FRAMES, FEW = 108_000, 3_600
AT_ONCE = 4096  # frames that the unfolded TGM gets


def cases(folder: Path, quick: bool) -> list[Case]:
    """Both networks, as they are used and plainly."""
    frames = FEW if quick else FRAMES
    manifest = _write_features(folder / "sequence", frames)
    found = []
    for network in ("tgm", "tcn"):
        weights = _write_weights(manifest.with_name(f"{network}.safetensors"), network)
        for name, function, plain in (
            ("ethomake: streamed" + ", folded" * (network == "tgm"), predict_video, False),
            ("plain: read whole, " + ("layer by layer" if network == "tgm" else "one pass"), predict_plainly, True),
        ):
            output = manifest.with_name(f"{network}_{'plain' if plain else 'ethomake'}.npy")
            make = partial(_make, function, frames, manifest, weights, output)
            found.append(Case(f"sequence, {network}", name, make, plain=plain, flops=_flops(network)))
    return found


def predict_plainly(features: Path, weights: Path, output: Path) -> None:
    """What `predict_video` does, without streaming and folding."""
    model, _ = SequenceMetadata.load_network(weights)
    model.eval()
    values = read_inputs(features)
    if isinstance(model.network, TGM):
        model.network.smooth = partial(_smooth_layer_by_layer, model.network)
        logits = infer(model, values, AT_ONCE)
    else:
        logits = infer(model, values, len(values))
    write_npy(output, logits.sigmoid().numpy())


def _smooth_layer_by_layer(network: TGM, features: torch.Tensor) -> torch.Tensor:
    b, t, d = features.shape
    series = features.transpose(1, 2).reshape(b * d, 1, t)
    series = F.pad(series, (network.reach, network.reach))
    for layer in network.layers:
        series = F.conv1d(series, layer.kernels())
    return series.amax(1).view(b, d, t).transpose(1, 2)


def _make(function: Callable, frames: int, *files: Path) -> Callable[[], int]:
    def run() -> int:
        function(*files)
        return frames

    return run


def _write_features(folder: Path, frames: int) -> Path:
    group = create_features(folder / "v.zarr", frames, {name: (WIDTH, "float16") for name in STREAMS})
    rng = np.random.default_rng(0)
    for start in range(0, frames, CHUNK):
        for name in STREAMS:
            group[name][start : start + CHUNK] = rng.standard_normal((min(CHUNK, frames - start), WIDTH), np.float32)
    arrays = {name: [frames, WIDTH] for name in STREAMS}
    write_json(folder / "v.json", {"streams": STREAMS, "behaviors": BEHAVIORS, "arrays": arrays})
    return folder / "v.json"


def _write_weights(path: Path, network: str) -> Path:
    torch.manual_seed(0)
    metadata = SequenceMetadata(network, 0, SETTINGS, list(BEHAVIORS), False, list(STREAMS), WIDTH * len(STREAMS))
    save_weights(path, metadata.build(), metadata)
    return path


def _flops(network: str) -> float:
    """Of a frame, in the folded network: what an answer needs, however it is computed."""
    inputs, hidden, outputs = WIDTH * len(STREAMS), SETTINGS["hidden"], len(BEHAVIORS)
    length, layers = SETTINGS["filter_length"], SETTINGS["layers"]
    if network == "tgm":
        filters = inputs * SETTINGS["channels"] * (layers * (length - 1) + 1)
        return 2 * (filters + 2 * hidden * (inputs + outputs))
    return 2 * hidden * (inputs + layers * hidden * (length + 1) + outputs)
