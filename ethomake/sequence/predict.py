"""Apply the sequence model to a whole video."""

import logging
from pathlib import Path

import numpy as np
import torch
import zarr

from ethomake.errors import InputError
from ethomake.features.store import FeatureReader, open_features
from ethomake.files import write_whole
from ethomake.labels.groups import groups_of
from ethomake.sequence.metadata import SequenceMetadata
from ethomake.sequence.model import infer_in_pieces
from ethomake.training.device import choose_device, describe
from ethomake.training.losses import probabilities

logger = logging.getLogger(__name__)


def predict_video(features: str | Path, weights: str | Path, output: str | Path) -> None:
    """Write the probability of each behavior in each frame of a video, float32 (T, K), as .npy.

    Features are read and probabilities written piece by piece: memory does not grow with the video.

    Args:
        features: the manifest of the video's features.
        weights: the weights file of the trained sequence model.
        output: the file to write.

    Raises:
        InputError: if the features were extracted for other behaviors than the model's, or a probability is NaN.
    """
    zarr.config.set({"threading.max_workers": 1})  # each thread would keep some chunks in memory
    device = choose_device()
    model, metadata = SequenceMetadata.load_network(weights)
    model = model.to(device).eval()
    logger.info(f"probabilities of {Path(features).stem}: {describe(device, torch.float32)}")
    if open_features(features)[0].get("behaviors", metadata.behaviors) != metadata.behaviors:  # maps know none
        raise InputError(f"{features}: has other behaviors than {weights}; extract the features again")
    rows = FeatureReader(features, metadata.streams)
    # NumPy's open_memmap would write the header, too; but a full disk would then be a bus error, not an OSError.
    header = {"descr": "<f4", "fortran_order": False, "shape": (len(rows), len(metadata.behaviors))}
    groups = groups_of(metadata.exclusive, metadata.behaviors)
    with write_whole(output) as part, part.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        done = 0
        for logits in infer_in_pieces(model, rows):
            found = probabilities(logits, groups)
            if not (right := found.isfinite().all(1)).all():
                raise InputError(
                    f"{weights}: gives no finite probabilities for {Path(features).stem} from frame "
                    f"{done + int(right.long().argmin())} on, though its features are finite; train again with a lower "
                    "learning_rate, or take another bundle"
                )
            file.write(found.numpy().astype("<f4").tobytes())
            done += len(found)
