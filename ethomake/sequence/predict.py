"""Apply the sequence model to a whole video."""

from pathlib import Path

import torch

from ethomake.errors import InputError
from ethomake.features.store import open_features, read_inputs
from ethomake.files import write_npy
from ethomake.job import say
from ethomake.sequence.model import infer, load_sequence_model
from ethomake.training.device import choose_device, describe
from ethomake.training.losses import probabilities


def predict_video(features: str | Path, weights: str | Path, output: str | Path) -> None:
    """Write the probability of each behavior in each frame of a video, float32 (T, K), as .npy.

    Args:
        features: the manifest of the video's features.
        weights: of the trained sequence model.
        output: the file to write.

    Raises:
        InputError: if the features are not of the kind that the model was trained on.
    """
    device = choose_device()
    model, facts = load_sequence_model(weights, device)
    say(f"probabilities of {Path(features).stem}: {describe(device, torch.float32)}")
    if open_features(features)[0]["behaviors"] != facts["behaviors"]:
        raise InputError(f"{features}: was made for other behaviors than {weights}; extract the features again")
    values = read_inputs(features, facts["streams"])
    write_npy(output, probabilities(infer(model, values), facts["exclusive"]).numpy())
