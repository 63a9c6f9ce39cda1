"""Estimates of memory and time of each job, from frames, image size, networks, batches and steps.

All constants were measured with benchmarks/needs.py on two cores of an AMD EPYC (AVX-512) in float32, which needs more
than bfloat16, and rounded up; tests/workflow/test_resources.py compares the estimates with measured use. No GPU was
available: constants of GPUs follow from the speed that DeepEthogram's paper gives (eLife 2021;10:e63377).

No stage imports this module: correcting an estimate must not make results outdated.
"""

import math
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, field, replace
from pathlib import Path
from typing import Any

from ethomake.flow.registry import FLOW_NETWORKS
from ethomake.project.runs import MAIN, Run
from ethomake.project.splits import MOST_FOLDS
from ethomake.registry import NetworkCost
from ethomake.streams.registry import find_network

# --- constants -------------------------------------------------------------------------------------------------

# Memory is in MB of 1e6 bytes. Of a process before it works: Python and NumPy; with matplotlib; with torch as built for
# GPUs, whose libraries are loaded without a GPU, too: 550 to 650 depending on how much of them Linux maps at a time,
# and what training needs in addition. What CUDA adds is not measured.
PLAIN, FIGURES, TORCH, CUDA = 110, 190, 1050, 2000
# Two Snakemake processes run around a job on a cluster, of 135 MB each; of 290 in a project of 2,000 videos.
SNAKEMAKE, SNAKEMAKE_A_VIDEO = 300, 0.15
FFMPEG = 300  # while it decodes
CELL_MEMORY = 150e-6  # of a table while it is read: one cell, per frame and column
PREDICTING = 150  # chunks of features, and the activations of a sequence model on them
REPORT = 150  # its figures, which are limited to 24 MB
OF_A_VIDEO = 0.1  # bouts and metadata of a video in tables of all

SIDE = 224  # pixels; the networks were measured on squares of this side, and their needs grow with the pixels
WINDOW, FLOWS = 11, 10  # frames that a flow network sees, and flows between them
GREY_WINDOW = 5  # frames that a spatial stream needs to see three grey ones
FEATURES = 512  # of a stream
FEATURE_ROWS = 5120  # that extraction writes at a time
BLOCK = 661  # frames that extraction has decoded at a time, with those around them
# Samples that extraction gives to a network on a processor at a time.
AT_ONCE = {"flow": 4, "spatial": 16, "motion": 16, "frozen": 4}
ADAPTED, ADAPTED_AT_ONCE = 2000, 32  # frames that streams are adapted to, at most
FLOW_BLOCK = 64  # windows whose flow is computed at a time before a motion stream is trained
FLOW_CHECKS = 256  # windows that judge an epoch of flow training
FRAMES_KEPT = 2**32 / 1e6  # decoded frames that a training keeps in memory; if they are more, it keeps none
PHASES = 2  # of the windows whose flow neighboring frames share, that a motion stream learns from
LARGEST_TRACK = 32_000  # flow that the training of a motion stream keeps on disk, if each frame has its own

WORKSPACE = 250  # of convolutions
TRAINED, FROZEN = 28, 8  # bytes per parameter: with gradient, Adam, best epoch and start; or with a folded copy
IN_FLIGHT = 5  # batches of a training at a time: one is made, two wait, one is transferred, one is learned from
SEQUENCE_HELD = 21  # batches of features that a sequence model holds for its backward pass

# Time. GFLOP per second: of one core in float32; of the paper's GPU, a Titan RTX, whose frames per second at 224x224
# are 44 with preset slow, so 7,000, and 155 and 324 with medium and fast, so 8,500 and 9,900.
CORE, GPU = 85, 7000
AS_LONG = 3.5  # time of a training step, in forward passes
START, START_TORCH = 2, 8  # seconds of a core until the work begins
DECODE = 0.0014  # seconds for a stored frame of 224x224, until it is part of a batch
A_STEP = 0.02  # seconds per step and million parameters: Adam, L2-SP
LAUNCH = 0.03  # seconds per step on a GPU, in addition to the arithmetic; a guess
SEQUENCE_FRAME = 0.0002  # seconds to learn from a frame of features
BESIDE = 4  # trainings of the sequence model at once without a GPU: the threads of their job
FORKED = 400  # MB of each of them beside its batches; measured with frozen, all in all: 376
READ_FRAME, READ_MEGABYTE = 0.006, 1.0  # seconds to decode and store; large pictures and noisy ones have large files
CELL = 2e-6  # seconds to read or write a cell of a table
SHIFTED_CELL = 5e-8  # seconds to compare it with labels shifted in time
CALIBRATED_CELL = 4.5e-7  # seconds to fit a calibration on it, which is done again without each video
FIGURE = 3  # seconds to draw one
FETCH = 30  # to download pretrained weights
DRAW_FRAME = 0.003  # seconds to draw a frame of the simulated example

# From a core of the measured machine to what a job requests.
MODEST = 2.5  # other machines may be slower by this factor
SHARED = 0.6  # efficiency of several cores
FLOOR = 10  # minutes; starting Python from a shared disk can take some
UNKNOWN = 108_000  # frames of a video that does not exist yet: an hour
FRAME_BYTES = 2000  # of a video that was not ingested yet: few; most have more, and so fewer frames


# The cost of each network is in its record, in ethomake/flow/registry.py and ethomake/streams/registry.py. Measured:
# two steps of training at 224x224, peak in MB, by batch, of which 770 before work begins: flow of tiny_motion_net
# 1,274 (2) and 2,033 (6), in bfloat16 1,732 (6); motion_net 2,125 (2) and 2,969 (6), in bfloat16 2,443 (6);
# tiny_motion_net_3d 1,398 (1) and 1,846 (3). Spatial resnet18 1,318 (8) and 1,811 (32), in bfloat16 1,372 (32);
# resnet50 1,654 (4) and 2,822 (16); resnet3d_34 2,402 (1) and 2,841 (3). Motion resnet18 1,148 (8) and 1,263 (32);
# resnet50 2,452 (16) and resnet3d_34 2,300 (3), both with flow computed in each step. Jointly: swift 1,708 (2) and
# 1,970 (4), medium 3,456 (2), slow 4,644 (2). Extraction of 48 frames: swift 1,162, fast 1,164, medium 1,815, slow
# 3,471 at least (it was stopped early). The estimates are 1.06 times as much or more. (swift had ResNet18 then.) The
# costs of mobilenet_v2, of feature maps and of ethomake/streams/published.py are not measured but counted by
# benchmarks/backbones.py; those of networks of timm without a line there are guessed to be those of a large one.


@dataclass(frozen=True)
class Need:
    """The needs of a job, or of a part of its work.

    Attributes:
        memory: MB, without a GPU.
        seconds: of one core.
        memory_beside_gpu, seconds_beside_gpu: the same of the host if a GPU computes.
        gpu_seconds: of the GPU.
    """

    memory: float = 0.0
    seconds: float = 0.0
    memory_beside_gpu: float = 0.0
    seconds_beside_gpu: float = 0.0
    gpu_seconds: float = 0.0

    def __add__(self, other: "Need") -> "Need":
        return Need(*(mine + its for mine, its in zip(astuple(self), astuple(other), strict=True)))


@dataclass(frozen=True)
class Experiment:
    """The basis of all estimates: the runs of a project, and the one whose jobs are meant.

    Attributes:
        runs: by name, with complete settings.
        frames: the number of frames of a video, by its name.
        megabytes: the size of a video file, by the name of the video.
        videos: the names of all.
        run: the name of the run whose jobs are meant.
        recordings: the recording of each video; all are one recording if it is empty.
    """

    runs: Mapping[str, Run]
    frames: Callable[[str], int]
    megabytes: Callable[[str], float]
    videos: Sequence[str]
    run: str = MAIN
    recordings: Mapping[str, str] = field(default_factory=dict)

    @property
    def settings(self) -> Mapping[str, Any]:
        """The settings of the run."""
        return self.runs[self.run].settings

    @property
    def parts(self) -> Mapping[str, Sequence[str]]:
        """The videos for training, validation and test in the run."""
        return self.runs[self.run].split.parts

    @property
    def flow_parts(self) -> Mapping[str, Sequence[str]]:
        """The videos for training and validation of the flow network of the run."""
        return self.runs[self.run].split.flow

    @property
    def pixels(self) -> float:
        """The pixels of an image, as a multiple of 224x224."""
        height, width = self.settings["ingest"]["image_size"]
        return height * width / SIDE**2

    @property
    def image(self) -> float:
        """MB of a decoded image; the flow between two images takes a third of that."""
        return self.pixels * SIDE**2 * 3 / 1e6

    @property
    def flow_network(self) -> NetworkCost:
        """The cost of the flow network."""
        return FLOW_NETWORKS[self.settings["flow"]["network"]].cost

    def stream_network(self, stream: str) -> NetworkCost:
        """Return the cost of the network of a stream, or of the frozen backbone up to its feature map."""
        record = find_network(self.settings["streams"]["network"])
        if stream != "frozen":
            cost = record.costs[stream]
            times = 1 / self.pixels if record.scaled else 1  # estimates grow with the pixels; its images are scaled
            return replace(cost, gflop=cost.gflop * times, held=cost.held * times, passing=cost.passing * times)
        assert record.feature_map is not None, "checked with the settings"
        return record.feature_map.cost

    @property
    def width(self) -> int:
        """The number of features of a frame."""
        streams = self.settings["streams"]
        shown = find_network(streams["network"]).feature_map
        if "frozen" in streams["enabled"] and shown is not None:
            return shown.channels * shown.grid**2
        return FEATURES * len(streams["enabled"])

    @property
    def networks(self) -> list[NetworkCost]:
        """The costs of the networks that extract features."""
        enabled = self.settings["streams"]["enabled"]
        flow = [self.flow_network] if "motion" in enabled else []
        return [*map(self.stream_network, enabled), *flow]

    @property
    def labelled(self) -> list[str]:
        """The videos in any part of any run."""
        parts = [names for run in self.runs.values() for names in run.split.parts.values()]
        return sorted({name for names in parts for name in names})

    def total(self, videos: Iterable[str]) -> int:
        """Return the number of frames of some videos."""
        return sum(map(self.frames, videos))

    def in_memory(self, videos: Iterable[str]) -> float:
        """Return the MB of decoded frames of some videos that a training keeps in memory."""
        size = self.total(videos) * self.image
        return size if size <= FRAMES_KEPT else 0.0


# --- one function per kind of work -----------------------------------------------------------------------------


def decode(x: Experiment, video: str) -> Need:
    """Estimate the ingest of a video. The larger its frames, the larger is its file."""
    frames = x.frames(video)
    return Need(PLAIN + FFMPEG + 35e-6 * frames, START + READ_FRAME * frames + READ_MEGABYTE * x.megabytes(video))


def learn_flow(x: Experiment) -> Need:
    """Estimate the training of the flow network, on windows of frames."""
    flow, videos = x.settings["flow"], x.flow_parts
    samples, checks = x.total(videos["train"]), min(FLOW_CHECKS, x.total(videos["validate"]))
    kept = x.in_memory(videos["train"]) + checks * WINDOW * x.image
    return _with_torch(_learn(x, [x.flow_network], flow, flow["epochs"], samples, checks, WINDOW, kept))


def learn_stream(x: Experiment, stream: str) -> Need:
    """Estimate the training of one stream, on frames or on flow."""
    streams = x.settings["streams"]
    samples, kept = _labelled_frames(x)
    clip, flow = _clip(streams), Need()
    if stream == "motion":
        clip, flow = _flow(x, samples)
        kept = kept if clip == WINDOW else 0.0
    networks = [x.stream_network(stream)]
    return _with_torch(_learn(x, networks, streams, streams["epochs"], samples, 0, clip, kept) + flow)


def _clip(streams: Mapping[str, Any]) -> int:
    """Return the number of frames that the spatial stream needs to classify one."""
    if find_network(streams["network"]).volumetric:
        return WINDOW
    return GREY_WINDOW if streams["sees"] == "grey" else 1


def learn_jointly(x: Experiment) -> Need:
    """Estimate the training of all three networks together, on windows of frames."""
    streams = x.settings["streams"]
    samples, kept = _labelled_frames(x)
    return _with_torch(_learn(x, x.networks, streams, streams["joint_epochs"], samples, 0, WINDOW, kept))


def extract(x: Experiment, video: str) -> Need:
    """Estimate the extraction of the features of a video, block by block."""
    streams, flow, frames = x.settings["streams"], x.settings["flow"], x.frames(video)
    block = min(frames + 2 * FLOWS + 1, BLOCK)
    rows = min(frames, FEATURE_ROWS) * x.width
    held, loading = 4 * block * x.image + 12e-6 * rows, frames * DECODE * x.pixels
    need = Need(held + WORKSPACE, loading, held, loading)
    for kind in streams["enabled"]:
        need += _pass(x, x.stream_network(kind), frames, AT_ONCE[kind])
    if "motion" in streams["enabled"]:
        windows, tracks = (frames / FLOWS, 2 * block * x.image / 3) if flow["reuse"] else (frames, 0.0)
        need += Need(memory=tracks) + _pass(x, x.flow_network, windows, AT_ONCE["flow"])
    return _with_torch(need)


def adapt(x: Experiment) -> Need:
    """Estimate the adaptation of the streams to a recording: most pass as many frames, in float32, as it has any.

    BatchNorm that collects statistics reads its input once more than when it is folded.
    """
    streams, flow, frames = x.settings["streams"], x.settings["flow"], ADAPTED
    need = Need(memory=WORKSPACE)
    for kind in streams["enabled"]:
        need += _pass(x, x.stream_network(kind), frames, 2 * ADAPTED_AT_ONCE)  # inputs and outputs of a BatchNorm
        clip = _clip(streams)
        if kind == "motion":
            windows = 2 / 4 if flow["reuse"] else 1  # four frames share two windows
            clip = WINDOW * windows
            need += _pass(x, x.flow_network, frames * windows, AT_ONCE["flow"])
        loading, waiting = frames * clip * DECODE * x.pixels, 4 * ADAPTED_AT_ONCE * clip * x.image
        need += Need(waiting, loading, waiting, loading)
    return _with_torch(need)


def learn_sequence(x: Experiment) -> Need:
    """Estimate the trainings of the sequence model, with all labelled videos and without those of each fold."""
    plan, width = x.settings["sequence"], x.width
    videos = [*x.parts["train"], *x.parts["validate"]]
    frames, trainings = x.total(videos), 1 + (min(len(videos), MOST_FOLDS) if len(videos) > 1 else 0)
    steps, batch = trainings * plan["epochs"] * plan["steps"], plan["batch"] * plan["window"]
    kept, waiting = 2e-6 * frames * width, IN_FLIGHT * 4e-6 * batch * width
    held = SEQUENCE_HELD * 4e-6 * batch * width
    beside = BESIDE * (waiting + held + FORKED) if trainings >= BESIDE else waiting + held
    seconds = SEQUENCE_FRAME * (steps * batch + frames / AS_LONG)
    return _with_torch(Need(kept + beside, seconds, kept + waiting, seconds / 10, seconds / 10 + steps * LAUNCH))


def predict(x: Experiment, video: str) -> Need:
    """Estimate the sequence inference over a video, chunk by chunk."""
    return _with_torch(Need(PREDICTING, x.frames(video) * SEQUENCE_FRAME / AS_LONG))


def tables(x: Experiment, videos: Sequence[str], figures: int = 0, passes: float = 1.0) -> Need:
    """Estimate work on tables with one row per frame: one is read at a time, and a fifth of each is kept.

    Args:
        figures: number of figures that are drawn.
        passes: time per cell, as a multiple of reading it.
    """
    columns = len(x.settings["behaviors"]) + 1
    frames = [x.frames(video) for video in videos]
    memory = CELL_MEMORY * columns * (max(frames, default=0) + sum(frames) / 5)
    seconds = START + FIGURE * figures + CELL * passes * columns * sum(frames)
    return Need((FIGURES if figures else PLAIN) + memory, seconds)


def summarize(x: Experiment, base: float, seconds: float) -> Need:
    """Estimate work on a small file of each video."""
    return Need(base + OF_A_VIDEO * len(x.videos), START + seconds + 0.05 * len(x.videos))


def fit(x: Experiment, videos: Sequence[str]) -> Need:
    """Estimate the fits of thresholds and calibrations."""
    return tables(x, videos, passes=1 + (1 + len(videos)) * CALIBRATED_CELL / CELL)


def compare(x: Experiment, videos: Sequence[str]) -> Need:
    """Estimate the evaluation: predictions compared with labels, and with labels shifted in time."""
    return tables(x, videos, passes=4 + x.settings["evaluation"]["chance_shifts"] * SHIFTED_CELL / CELL)


def compare_streams(x: Experiment) -> Need:
    """Estimate the comparison of each stream with the labels, shifted ones, too."""
    videos = [name for part in ("train", "validate", "test") for name in x.parts[part]]
    return tables(x, videos, passes=4 + 2 * x.settings["evaluation"]["chance_shifts"] * SHIFTED_CELL / CELL)


def _labelled_frames(x: Experiment) -> tuple[int, float]:
    """Return the number of frames that the streams learn from, those for validation included, and MB kept in memory."""
    learned = [*x.parts["train"], *x.parts["validate"]]
    return x.total(learned), x.in_memory(learned)


def _flow(x: Experiment, samples: int) -> tuple[float, Need]:
    """Return how many images are loaded for a sample of the motion stream, and the needs of computing its flow.

    As `ethomake.streams.sources.flow_source` decides, flow is computed once and cached, or again for each sample.
    """
    flow, streams = x.settings["flow"], x.settings["streams"]
    network, batch = x.flow_network, min(streams["batch"], samples)
    drawn = streams["epochs"] * _steps(streams, samples) * batch
    windows = PHASES * samples / FLOWS if flow["reuse"] else samples
    track = windows * FLOWS * x.image / 3
    if not flow["reuse"] and (drawn <= samples or track > LARGEST_TRACK):
        return WINDOW, _pass(x, network, drawn, batch)
    # The system's cache of files counts as memory; without it, they would be read from disk repeatedly.
    blocks = IN_FLIGHT * min(FLOW_BLOCK, windows) * WINDOW * x.image
    loading = windows * WINDOW * DECODE * x.pixels
    return FLOWS / 3, Need(track + blocks, loading, track + blocks, loading) + _pass(
        x, network, windows, AT_ONCE["flow"]
    )


def _learn(
    x: Experiment,
    networks: Sequence[NetworkCost],
    plan: Mapping[str, Any],
    epochs: int,
    samples: int,
    checks: int,
    clip: float,
    kept: float,
) -> Need:
    """Estimate a training.

    Args:
        plan: `steps` and `batch`.
        samples: number of training samples.
        checks: number of validation samples in an epoch.
        clip: number of images that are loaded for a sample.
        kept: MB that stay in memory.
    """
    batch, steps = min(plan["batch"], samples), epochs * _steps(plan, samples)
    parameters = sum(network.parameters for network in networks)
    held = batch * sum(network.held for network in networks) * x.pixels
    waiting = IN_FLIGHT * batch * clip * x.image
    passes = AS_LONG * steps * batch + epochs * checks
    gflop = passes * sum(network.gflop for network in networks) * x.pixels
    loading = (steps * batch + epochs * checks) * clip * DECODE * x.pixels
    return Need(
        memory=kept + held + 5 * waiting + TRAINED * parameters + WORKSPACE,  # waiting batches as bytes and as floats
        seconds=gflop / CORE + loading + steps * A_STEP * parameters,
        memory_beside_gpu=kept + 2 * waiting + FROZEN * parameters,
        seconds_beside_gpu=loading,
        gpu_seconds=gflop / GPU + steps * LAUNCH,
    )


def _pass(x: Experiment, network: NetworkCost, samples: float, at_once: int) -> Need:
    """Estimate the inference of a frozen network on samples, `at_once` of them at a time."""
    gflop, weights = samples * network.gflop * x.pixels, FROZEN * network.parameters
    passing = min(at_once, samples) * network.passing * x.pixels
    return Need(weights + passing, gflop / CORE, weights, 0.0, gflop / GPU)


def _steps(plan: Mapping[str, Any], samples: int) -> int:
    """Return the steps of an epoch."""
    return max(1, min(plan["steps"], samples // plan["batch"]))


def _with_torch(need: Need) -> Need:
    return Need(TORCH, START_TORCH, TORCH + CUDA, START_TORCH) + need


# --- one line per rule -----------------------------------------------------------------------------------------

WORK: dict[str, Callable[[Experiment, Mapping[str, str]], Need]] = {
    "fetch_flies": lambda x, at: Need(FIGURES, 60),
    "cut_flies": lambda x, at: Need(FIGURES + FFMPEG, 60),
    "draw_video": lambda x, at: Need(FIGURES + FFMPEG, START + DRAW_FRAME * x.frames(at["video"])),
    "ingest_video": lambda x, at: decode(x, at["video"]),
    "compare_videos": lambda x, at: summarize(x, PLAIN, 0),
    "check_labels": lambda x, at: tables(x, [at["video"]]),
    "compare_raters": lambda x, at: tables(x, x.labelled, passes=4, figures=2),
    "train_flow": lambda x, at: learn_flow(x),
    "train_stream": lambda x, at: learn_stream(x, at["stream"]),
    "train_joint": lambda x, at: learn_jointly(x),
    "fetch_weights": lambda x, at: Need(TORCH + FROZEN * x.networks[0].parameters, FETCH),
    "freeze_backbone": lambda x, at: Need(TORCH + FROZEN * x.networks[0].parameters, FETCH),
    "extract_features": lambda x, at: extract(x, at["video"]),
    "adapt_streams": lambda x, at: adapt(x),
    "score_streams": lambda x, at: compare_streams(x),
    "train_sequence": lambda x, at: learn_sequence(x),
    "predict_video": lambda x, at: predict(x, at["video"]),
    "fit_thresholds": lambda x, at: fit(x, [*x.parts["train"], *x.parts["validate"]]),
    "decide_behaviors": lambda x, at: tables(x, [at["video"]]),
    "export_labels": lambda x, at: tables(x, [at["video"]]),
    "draw_ethogram": lambda x, at: tables(x, [at["video"]], figures=1),
    "draw_curves": lambda x, at: Need(FIGURES, START + FIGURE),
    "summarize_bouts": lambda x, at: summarize(x, PLAIN, 0),
    "count_transitions": lambda x, at: summarize(x, FIGURES, FIGURE),
    "evaluate": lambda x, at: compare(x, x.parts["test"]),
    "evaluate_check": lambda x, at: compare(x, x.parts.get("check", ())),
    "draw_evaluation": lambda x, at: Need(FIGURES, START + 10 * FIGURE),
    "write_report": lambda x, at: summarize(x, FIGURES + REPORT, 0),
    "make_bundle": lambda x, at: Need(PLAIN) + tables(x, x.labelled),
    "take_models": lambda x, at: Need(TORCH + FROZEN * sum(network.parameters for network in x.networks), 30),
    "check": lambda x, at: Need(FIGURES, 60 + x.total(x.videos) * x.pixels * DECODE),
    "provenance": lambda x, at: summarize(x, FIGURES, 60),
}


def need(x: Experiment, rule: str, jobs: Sequence[Mapping[str, str]]) -> Need:
    """Return the needs of a job that runs a rule for one video, or for several, one after another.

    Args:
        jobs: the wildcards of each.
    """
    needs = [astuple(WORK[rule](replace(x, run=at.get("run", MAIN)), at)) for at in jobs]
    memory, seconds, memory_beside_gpu, seconds_beside_gpu, gpu_seconds = zip(*needs, strict=True)
    return Need(max(memory), sum(seconds), max(memory_beside_gpu), sum(seconds_beside_gpu), sum(gpu_seconds))


def memory_to_ask(need: Need, *, videos: int, gpus: int = 0, attempt: int = 1) -> int:
    """Return the MB of a job and the Snakemake processes around it; doubled with each further attempt.

    Args:
        videos: number of videos of the project.
        gpus: number of GPUs of the job; each has its own process.
        attempt: from 1 on.
    """
    own = gpus * need.memory_beside_gpu if gpus else need.memory
    return 100 * math.ceil((own + SNAKEMAKE + SNAKEMAKE_A_VIDEO * videos) / 100) * 2 ** (attempt - 1)


def seconds_to_take(need: Need, *, threads: int, gpus: int = 0) -> float:
    """Return how long a job takes on the measured machine, or on the GPU of the paper."""
    cores = max(1.0, SHARED * threads)
    return need.gpu_seconds / gpus + need.seconds_beside_gpu / cores if gpus else need.seconds / cores


def minutes_to_ask(need: Need, *, threads: int, gpus: int = 0, attempt: int = 1) -> int:
    """Return the time limit of a job on a machine that may be slower; doubled with each further attempt."""
    seconds = MODEST * seconds_to_take(need, threads=threads, gpus=gpus)
    return max(FLOOR, math.ceil(seconds / 60)) * 2 ** (attempt - 1)


# --- size of a video -------------------------------------------------------------------------------------------


def count_frames(index: str | Path, video: str | Path, otherwise: float = UNKNOWN) -> int:
    """Return the number of frames that ingest has counted, else the most that a file of this size is likely to have.

    No file is opened, since there may be thousands: the size of the index, `frames.npy`, gives the number.

    Args:
        otherwise: the value if neither file exists.
    """
    for path, head, each in ((index, 128 + 8, 8), (video, 0, FRAME_BYTES)):
        try:
            return max(1, (os.stat(path).st_size - head) // each)
        except OSError:
            continue
    return max(1, round(otherwise))


def count_megabytes(video: str | Path) -> float:
    """Return the size of a file in MB; 0 if it does not exist yet."""
    try:
        return os.stat(video).st_size / 1e6
    except OSError:
        return 0.0
