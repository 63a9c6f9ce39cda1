"""Training: batches as the loader's thread makes them, beside a plain loop over the video file; and whole steps."""

import io
import logging
from collections.abc import Callable
from contextlib import redirect_stderr
from functools import partial
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import numpy as np
import torch

from benchmarks.speed.drawn import stored
from benchmarks.speed.measure import Case
from ethomake.flow.metadata import FlowMetadata
from ethomake.flow.stacks import FRAMES
from ethomake.flow.train import train_flow
from ethomake.labels.table import LabelTable, write_labels
from ethomake.streams.sources import FrameSource, LabelledFrames
from ethomake.streams.train import train_stream
from ethomake.training.augment import Augmentation, change_clips, draw_clip_changes
from ethomake.training.device import choose_precision
from ethomake.training.frames import FramePool
from ethomake.training.plan import TrainingPlan
from ethomake.training.weights import save_weights

RATE = 30  # frames a second of the drawn video
BEHAVIORS = ("a", "b", "c", "d")
GFLOP = {"flow": 25.6, "spatial": 3.6, "motion": 1.3}  # of a sample at 224x224, forward; backward takes twice that
SCHEDULE = {
    "learning_rate": 1e-4,
    "epochs": 1,
    "l2_sp_alpha": 1e-5,
    "l2_sp_beta": 1e-3,
    "precision": "auto",
    "weights": "none",
}
FLOW = SCHEDULE | {"network": "tiny_motion_net", "charbonnier_exponent": 0.4, "smoothness_exponent": 0.3}
FLOW |= {"smoothness": [0.01, 0.02, 0.04]}
STREAM = SCHEDULE | {"network": "resnet18", "dropout": 0.25, "focal_gamma": 1.0, "label_smoothing": 0.05}
STREAM |= {"positive_weight_exponent": 0.25, "positive_weight_cap": 20.0, "sampling": "frames", "sees": "color"}


def cases(folder: Path, quick: bool) -> list[Case]:
    """Batches of flow windows and of single frames, and training steps of all three networks."""
    size = 96 if quick else 224
    count = 300 if quick else 1200  # a keyframe each 250, as files of cameras have them
    folder = stored(folder, count, size).parent
    labels = np.random.default_rng(0).integers(0, 2, (count, len(BEHAVIORS)), dtype=np.int8)
    write_labels(folder / "labels.csv", LabelTable(BEHAVIORS, labels))
    metadata = FlowMetadata("tiny_motion_net", 0, FRAMES, [size, size], [0.5] * 3, [0.2] * 3)
    save_weights(folder / "flow.safetensors", metadata.build(), metadata)

    out = []
    for stage, frames in (("windows for flow", FRAMES), ("frames for spatial", 1)):
        batch = (4 if quick else 16) * (1 if frames > 1 else 4)
        out += [
            Case(stage, "frames in memory", partial(_load, folder, frames, batch, True), "clip"),
            Case(stage, "frames in the store", partial(_load, folder, frames, batch, False), "clip"),
            Case(
                stage,
                "plain: open, seek, decode each",
                partial(_load_plainly, folder, size, frames),
                "clip",
                plain=True,
            ),
        ]
    steps = {
        ("flow", "step"): partial(_steps, _train_flow, folder, 4, 4),
        ("spatial", "step"): partial(_steps, partial(_train_stream, "spatial", False), folder, 3, 16),
        ("motion", "step, flow kept"): partial(_steps, partial(_train_stream, "motion", True), folder, 6, 16),
        ("motion", "step, plain: flow on the fly"): partial(
            _steps, partial(_train_stream, "motion", False), folder, 2, 8
        ),
    }
    precision = choose_precision("auto", torch.device("cpu"))
    for (network, name), make in steps.items():
        on_the_fly = "fly" in name
        gflop = GFLOP[network] * 3 + (GFLOP["flow"] if on_the_fly else 0)
        flops = gflop * 1e9 * (size / 224) ** 2
        stage = f"{network} training"
        out.append(Case(stage, name, make, "sample", plain=on_the_fly, flops=flops, precision=precision))
    return out


def _load(folder: Path, frames: int, batch: int, in_memory: bool) -> Callable[[], int]:
    """Make batches of changed clips as a training does."""
    source = FrameSource(_labelled(folder), frames, Augmentation(), [0.5] * 3, [0.2] * 3)
    if not in_memory:
        source.pool = FramePool(source.labelled.manifests, budget=0)
    rng = np.random.default_rng(0)

    def load() -> int:
        for _ in range(4):
            source.change(source.load(rng.integers(0, len(source.labelled), batch), rng))
        return 4 * batch

    return load


def _load_plainly(folder: Path, size: int, frames: int) -> Callable[[], int]:
    """The same clips, with the video opened, sought and decoded by ffmpeg for each; it scales, too."""
    logging.getLogger("imageio_ffmpeg").setLevel(logging.ERROR)  # it is told that the size is another
    count = len(_labelled(folder))
    video = folder.parent / f"drawn-{count}.mp4"
    rng = np.random.default_rng(0)
    threads = ["-threads", str(torch.get_num_threads())]
    scale = ["-vf", f"scale={size}:{size}:flags=bilinear", "-frames:v", str(frames), "-fps_mode", "passthrough"]

    def load() -> int:
        for start in rng.integers(0, count - frames, 4):
            seek = ["-ss", f"{start / RATE:.4f}", *threads]
            read = imageio_ffmpeg.read_frames(
                video, input_params=seek, output_params=[*scale, *threads], pix_fmt="rgb24"
            )
            next(read)
            pixels = [np.frombuffer(frame, np.uint8).reshape(size, size, 3) for frame in read]
            clip = torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2).contiguous()[None]
            change_clips(clip, Augmentation(), *draw_clip_changes(Augmentation(), 1, rng))
        return 4

    return load


def _labelled(folder: Path) -> LabelledFrames:
    return LabelledFrames([(folder / "video.json", folder / "labels.csv")], BEHAVIORS)


def _steps(train: Callable[..., None], folder: Path, steps: int, batch: int) -> Callable[[], int]:
    """A short training from its start to its end; what it kept of flow, in the round before the timed ones, stays."""
    name = getattr(train, "args", ("flow",))
    own = folder / f"training {name}"
    own.mkdir(exist_ok=True)

    def run() -> int:
        (own / "checkpoint").unlink(missing_ok=True)
        with redirect_stderr(io.StringIO()) as said:
            train(folder, own, {"steps": steps, "batch": batch})
        for line in said.getvalue().splitlines():
            if "waited" in line:
                print(line)
        return steps * batch

    return run


def _train_flow(folder: Path, own: Path, size: dict[str, Any]) -> None:
    plan = TrainingPlan(train=[folder / "video.json"], settings=FLOW | size, seed=0, checkpoint=own / "checkpoint")
    train_flow(plan, own / "weights", own / "history.csv")


def _train_stream(stream: str, reuse: bool, folder: Path, own: Path, size: dict[str, Any]) -> None:
    plan = TrainingPlan(
        train=[folder / "video.json"],
        train_labels=[folder / "labels.csv"],
        behaviors=BEHAVIORS,
        settings=STREAM | size | {"reuse": reuse},
        seed=0,
        checkpoint=own / "checkpoint",
    )
    train_stream(plan, stream, own / "weights", own / "history.csv", flow_weights=folder / "flow.safetensors")
