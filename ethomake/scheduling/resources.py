"""How much memory and time each job will need: from frames, image size, networks, batches and steps.

All constants were measured with benchmarks/needs.py on two cores of an AMD EPYC (AVX-512) in float32, which needs more
than bfloat16, and rounded up; tests/workflow/test_resources.py holds the estimates against measured use. No GPU was at
hand: what is said of GPUs follows from the speed that DeepEthogram's paper gives (eLife 2021;10:e63377).

No stage imports this module: to correct an estimate must not make results count as outdated.
"""

import math
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from pathlib import Path
from typing import Any

from ethomake.flow.registry import FLOW_NETWORKS
from ethomake.project.runs import MAIN, Run
from ethomake.registry import NetworkCost
from ethomake.streams.registry import STREAM_NETWORKS

# --- constants -------------------------------------------------------------------------------------------------

# Memory is in MB of 1e6 bytes. What a process has before it works: Python and NumPy; with matplotlib; with torch as it
# comes for GPUs, whose libraries a processor loads, too: 550 to 650 by how much of them Linux maps at a time, and what
# training needs besides. What CUDA adds is not measured.
PLAIN, FIGURES, TORCH, CUDA = 110, 190, 1050, 2000
# Around a job on a cluster stand two Snakemakes, of 135 MB each; of 290 in a project of 2,000 videos.
SNAKEMAKE, SNAKEMAKE_A_VIDEO = 300, 0.15
FFMPEG = 300  # while it decodes
CELL_MEMORY = 150e-6  # of a table while it is read: a frame of a column
PREDICTING = 150  # chunks of features, and what a sequence model makes of a piece of them
REPORT = 150  # its figures, which may not become more than 24 MB
OF_A_VIDEO = 0.1  # bouts and facts of a video in tables of all

SIDE = 224  # pixels; the networks were measured on squares of this side, and what they need grows with the pixels
WINDOW, FLOWS = 11, 10  # frames that a flow network sees, and flows between them
FEATURES = 512  # of a stream
FEATURE_ROWS = 5120  # that extraction writes at a time
BLOCK = 661  # frames that extraction has decoded at a time, with those around them
AT_ONCE = {"flow": 4, "spatial": 16, "motion": 16}  # samples that extraction gives to a network on a processor
FLOW_BLOCK = 64  # windows whose flow is computed at a time before a motion stream is trained
FLOW_CHECKS = 256  # windows that judge an epoch of flow training
FRAMES_KEPT = 2**32 / 1e6  # decoded frames that a training keeps in memory; where they are more, it keeps none
PHASES = 2  # of the windows whose flow neighboring frames share, that a motion stream learns from
LARGEST_TRACK = 32_000  # flow that the training of a motion stream keeps on disk, if each frame has its own

WORKSPACE = 250  # of convolutions
TRAINED, FROZEN = 28, 8  # bytes a parameter: with gradient, Adam, best epoch and start; or with a folded copy
IN_FLIGHT = 5  # batches that a training has: one is made, two wait, one is handed over, one is learned from
SEQUENCE_HELD = 21  # batches of features that a sequence model holds for its backward pass

# Time. GFLOP a second: of one core in float32; of the paper's GPU, a Titan RTX, whose frames a second at 224x224 are
# 44 with preset slow, so 7,000, and 155 and 324 with medium and fast, so 8,500 and 9,900.
CORE, GPU = 85, 7000
AS_LONG = 3.5  # to learn from a sample takes so many forward passes
START, START_TORCH = 2, 8  # seconds of a core until the work begins
DECODE = 0.0014  # seconds for a stored frame of 224x224, until it is part of a batch
A_STEP = 0.02  # seconds a step and million parameters: Adam, L2-SP
LAUNCH = 0.03  # seconds a step on a GPU, beside the arithmetic; a guess
SEQUENCE_FRAME = 0.0002  # seconds to learn from a frame of features
READ_FRAME, READ_MEGABYTE = 0.006, 1.0  # seconds to decode and store; large pictures and noisy ones have large files
CELL = 2e-6  # seconds to read or write a cell of a table
SHIFTED_CELL = 5e-8  # seconds to compare it with labels shifted in time
FIGURE = 3  # seconds to draw one
DRAW_FRAME = 0.003  # seconds to draw a frame of the simulated example

# From a core of the machine on which all was measured to what is asked for.
MODEST = 2.5  # other machines may take so many times as long
SHARED = 0.6  # of what several cores could do at the same time do they
FLOOR = 10  # minutes; starting Python from a shared disk can take some
UNKNOWN = 108_000  # frames of a video that is not there yet: an hour
FRAME_BYTES = 2000  # of a video that was not ingested yet: few; most have more, and so fewer frames


# What each network costs is in its record, in ethomake/flow/registry.py and ethomake/streams/registry.py. Measured were
# two steps of training at 224x224, peak in MB, by batch, of which 770 before work begins: flow of tiny_motion_net
# 1,274 (2) and 2,033 (6), in bfloat16 1,732 (6); motion_net 2,125 (2) and 2,969 (6), in bfloat16 2,443 (6);
# tiny_motion_net_3d 1,398 (1) and 1,846 (3). Spatial resnet18 1,318 (8) and 1,811 (32), in bfloat16 1,372 (32);
# resnet50 1,654 (4) and 2,822 (16); resnet3d_34 2,402 (1) and 2,841 (3). Motion resnet18 1,148 (8) and 1,263 (32);
# resnet50 2,452 (16) and resnet3d_34 2,300 (3), both with flow computed in each step. Jointly: swift 1,708 (2) and
# 1,970 (4), medium 3,456 (2), slow 4,644 (2). Extraction of 48 frames: swift 1,162, fast 1,164, medium 1,815, slow
# 3,471 at least (it was stopped early). The estimates are 1.06 times as much or more. mobilenet_v2 was not measured
# but guessed.


@dataclass(frozen=True)
class Need:
    """What a job, or a part of its work, needs.

    Attributes:
        memory: MB, where a processor computes.
        seconds: of one core.
        memory_beside_gpu, seconds_beside_gpu: the same of the host where a GPU computes.
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
    """What the needs of all jobs follow from: the runs of a project, seen from one of them.

    Attributes:
        runs: by name, with complete settings.
        frames: the number of frames of a video, by its name.
        megabytes: the size of a video file, by the name of the video.
        videos: the names of all.
        run: the name of the run whose jobs are meant.
    """

    runs: Mapping[str, Run]
    frames: Callable[[str], int]
    megabytes: Callable[[str], float]
    videos: Sequence[str]
    run: str = MAIN

    @property
    def settings(self) -> Mapping[str, Any]:
        """Of the run."""
        return self.runs[self.run].settings

    @property
    def parts(self) -> Mapping[str, Sequence[str]]:
        """The videos that train, validate and test in the run."""
        return self.runs[self.run].split.parts

    @property
    def flow_parts(self) -> Mapping[str, Sequence[str]]:
        """The videos that train and validate the flow network of the run."""
        return self.runs[self.run].split.flow

    @property
    def pixels(self) -> float:
        """Of an image, in those of 224x224."""
        height, width = self.settings["ingest"]["image_size"]
        return height * width / SIDE**2

    @property
    def image(self) -> float:
        """MB of a decoded image; the flow from one to the next is kept in a third of it."""
        return self.pixels * SIDE**2 * 3 / 1e6

    @property
    def flow_network(self) -> NetworkCost:
        """What the flow network costs."""
        return FLOW_NETWORKS[self.settings["flow"]["network"]].cost

    def stream_network(self, stream: str) -> NetworkCost:
        """What the network of a stream costs."""
        return STREAM_NETWORKS[self.settings["streams"]["network"]].costs[stream]

    @property
    def networks(self) -> list[NetworkCost]:
        """What the networks cost that features are extracted with."""
        enabled = self.settings["streams"]["enabled"]
        flow = [self.flow_network] if "motion" in enabled else []
        return [*map(self.stream_network, enabled), *flow]

    @property
    def labelled(self) -> list[str]:
        """The videos that train, validate or test in any run."""
        parts = [names for run in self.runs.values() for names in run.split.parts.values()]
        return sorted({name for names in parts for name in names})

    def total(self, videos: Iterable[str]) -> int:
        """Frames of some videos."""
        return sum(map(self.frames, videos))

    def in_memory(self, videos: Iterable[str]) -> float:
        """MB of the frames of some videos that a training keeps decoded."""
        size = self.total(videos) * self.image
        return size if size <= FRAMES_KEPT else 0.0


# --- one function a kind of work -------------------------------------------------------------------------------


def decode(x: Experiment, video: str) -> Need:
    """Ingest of a video. The larger its pictures, the larger is its file."""
    frames = x.frames(video)
    return Need(PLAIN + FFMPEG + 35e-6 * frames, START + READ_FRAME * frames + READ_MEGABYTE * x.megabytes(video))


def learn_flow(x: Experiment) -> Need:
    """Training of the flow network, on windows of frames."""
    flow, videos = x.settings["flow"], x.flow_parts
    samples, checks = x.total(videos["train"]), min(FLOW_CHECKS, x.total(videos["validate"]))
    kept = x.in_memory(videos["train"]) + checks * WINDOW * x.image
    return _with_torch(_learn(x, [x.flow_network], flow, flow["epochs"], samples, checks, WINDOW, kept))


def learn_stream(x: Experiment, stream: str) -> Need:
    """Training of one stream, on frames or on flow."""
    streams = x.settings["streams"]
    samples, checks, kept = _labelled_frames(x)
    clip, flow = (WINDOW if STREAM_NETWORKS[streams["network"]].volumetric else 1), Need()
    if stream == "motion":
        clip, flow = _flow(x, samples, checks)
        kept = kept if clip == WINDOW else 0.0
    networks = [x.stream_network(stream)]
    return _with_torch(_learn(x, networks, streams, streams["epochs"], samples, checks, clip, kept) + flow)


def learn_jointly(x: Experiment) -> Need:
    """Training of all three networks together, on windows of frames."""
    streams = x.settings["streams"]
    samples, checks, kept = _labelled_frames(x)
    return _with_torch(_learn(x, x.networks, streams, streams["joint_epochs"], samples, checks, WINDOW, kept))


def extract(x: Experiment, video: str) -> Need:
    """Extraction of the features of a video, block by block."""
    streams, flow, frames = x.settings["streams"], x.settings["flow"], x.frames(video)
    block = min(frames + 2 * FLOWS + 1, BLOCK)
    rows = min(frames, FEATURE_ROWS) * len(streams["enabled"]) * FEATURES
    held, loading = 4 * block * x.image + 12e-6 * rows, frames * DECODE * x.pixels
    need = Need(held + WORKSPACE, loading, held, loading)
    for kind in streams["enabled"]:
        need += _pass(x, x.stream_network(kind), frames, AT_ONCE[kind])
    if "motion" in streams["enabled"]:
        windows, tracks = (frames / FLOWS, 2 * block * x.image / 3) if flow["reuse"] else (frames, 0.0)
        need += Need(memory=tracks) + _pass(x, x.flow_network, windows, AT_ONCE["flow"])
    return _with_torch(need)


def learn_sequence(x: Experiment) -> Need:
    """Training of the sequence model, on the features of whole videos."""
    plan, width = x.settings["sequence"], FEATURES * len(x.settings["streams"]["enabled"])
    samples, checks = (x.total(x.parts[part]) for part in ("train", "validate"))
    windows = math.ceil(samples / plan["window"])
    steps, batch = plan["epochs"] * _steps(plan, windows), min(plan["batch"], windows) * plan["window"]
    kept, waiting = 2e-6 * (samples + checks) * width, IN_FLIGHT * 4e-6 * batch * width
    held = SEQUENCE_HELD * 4e-6 * batch * width
    seconds = SEQUENCE_FRAME * (steps * batch + plan["epochs"] * checks / AS_LONG)
    return _with_torch(
        Need(kept + waiting + held, seconds, kept + waiting, seconds / 10, seconds / 10 + steps * LAUNCH)
    )


def predict(x: Experiment, video: str) -> Need:
    """Sequence inference over a video, piece by piece."""
    return _with_torch(Need(PREDICTING, x.frames(video) * SEQUENCE_FRAME / AS_LONG))


def tables(x: Experiment, videos: Sequence[str], figures: int = 0, passes: float = 1.0) -> Need:
    """Work on tables with a row a frame: one at a time is read, and of each a fifth of that is kept.

    Args:
        figures: that are drawn.
        passes: what is done with a cell, in what it takes to read it.
    """
    columns = len(x.settings["behaviors"]) + 1
    frames = [x.frames(video) for video in videos]
    memory = CELL_MEMORY * columns * (max(frames, default=0) + sum(frames) / 5)
    seconds = START + FIGURE * figures + CELL * passes * columns * sum(frames)
    return Need((FIGURES if figures else PLAIN) + memory, seconds)


def summarize(x: Experiment, base: float, seconds: float) -> Need:
    """Work on something of each video."""
    return Need(base + OF_A_VIDEO * len(x.videos), START + seconds + 0.05 * len(x.videos))


def compare(x: Experiment, videos: Sequence[str]) -> Need:
    """Evaluation: predictions beside labels, and beside labels shifted in time."""
    return tables(x, videos, passes=4 + x.settings["evaluation"]["chance_shifts"] * SHIFTED_CELL / CELL)


def _labelled_frames(x: Experiment) -> tuple[int, int, float]:
    """Frames to learn from, frames that judge an epoch, and MB of both where they are kept in memory."""
    streams, parts = x.settings["streams"], [x.parts[part] for part in ("train", "validate")]
    samples, checks = map(x.total, parts)
    return samples, min(checks, streams["steps"] * streams["batch"]), sum(map(x.in_memory, parts))


def _flow(x: Experiment, samples: int, checks: int) -> tuple[float, Need]:
    """The flow that a motion stream sees: how many images it takes to make that of a sample, and the rest it needs.

    As `ethomake.streams.sources.flow_source` decides, it is computed once and kept, or for each sample anew.
    """
    flow, streams = x.settings["flow"], x.settings["streams"]
    network, batch = x.flow_network, min(streams["batch"], samples)
    drawn = streams["epochs"] * _steps(streams, samples) * batch
    if flow["reuse"]:  # where frames judge that lie apart, each may need two windows of its own
        windows = (PHASES * samples + min(2 * FLOWS * checks, x.total(x.parts["validate"]))) / FLOWS
    else:
        windows = samples + checks
    track = windows * FLOWS * x.image / 3
    if not flow["reuse"] and (drawn <= samples or track > LARGEST_TRACK):
        return WINDOW, _pass(x, network, drawn + streams["epochs"] * checks, batch)
    # What was read from the disk counts as memory; without that, it would be read again and again.
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
    """Epochs of steps through networks.

    Args:
        plan: `steps` and `batch`.
        samples: that there are to learn from.
        checks: samples that judge an epoch.
        clip: what is loaded for a sample, in images.
        kept: MB that lie in memory all the time.
    """
    batch, steps = min(plan["batch"], samples), epochs * _steps(plan, samples)
    parameters = sum(network.parameters for network in networks)
    held = batch * sum(network.held for network in networks) * x.pixels
    waiting = IN_FLIGHT * batch * clip * x.image
    passes = AS_LONG * steps * batch + epochs * checks
    gflop = passes * sum(network.gflop for network in networks) * x.pixels
    loading = (steps * batch + epochs * checks) * clip * DECODE * x.pixels
    return Need(
        memory=kept + held + 5 * waiting + TRAINED * parameters + WORKSPACE,  # what waits as bytes and as floats
        seconds=gflop / CORE + loading + steps * A_STEP * parameters,
        memory_beside_gpu=kept + 2 * waiting + FROZEN * parameters,
        seconds_beside_gpu=loading,
        gpu_seconds=gflop / GPU + steps * LAUNCH,
    )


def _pass(x: Experiment, network: NetworkCost, samples: float, at_once: int) -> Need:
    """Samples through a frozen network, `at_once` of them at a time."""
    gflop, weights = samples * network.gflop * x.pixels, FROZEN * network.parameters
    passing = min(at_once, samples) * network.passing * x.pixels
    return Need(weights + passing, gflop / CORE, weights, 0.0, gflop / GPU)


def _steps(plan: Mapping[str, Any], samples: int) -> int:
    """Of an epoch."""
    return max(1, min(plan["steps"], samples // plan["batch"]))


def _with_torch(need: Need) -> Need:
    return Need(TORCH, START_TORCH, TORCH + CUDA, START_TORCH) + need


# --- one line a rule -------------------------------------------------------------------------------------------

WORK: dict[str, Callable[[Experiment, Mapping[str, str]], Need]] = {
    "fetch_flies": lambda x, at: Need(FIGURES, 60),
    "cut_flies": lambda x, at: Need(FIGURES + FFMPEG, 60),
    "draw_video": lambda x, at: Need(FIGURES + FFMPEG, START + DRAW_FRAME * x.frames(at["video"])),
    "ingest_video": lambda x, at: decode(x, at["video"]),
    "check_labels": lambda x, at: tables(x, [at["video"]]),
    "train_flow": lambda x, at: learn_flow(x),
    "train_stream": lambda x, at: learn_stream(x, at["stream"]),
    "train_joint": lambda x, at: learn_jointly(x),
    "extract_features": lambda x, at: extract(x, at["video"]),
    "train_sequence": lambda x, at: learn_sequence(x),
    "predict_video": lambda x, at: predict(x, at["video"]),
    "fit_thresholds": lambda x, at: tables(x, x.parts["validate"]),
    "decide_behaviors": lambda x, at: tables(x, [at["video"]]),
    "draw_ethogram": lambda x, at: tables(x, [at["video"]], figures=1),
    "draw_curves": lambda x, at: Need(FIGURES, START + FIGURE),
    "summarize_bouts": lambda x, at: summarize(x, PLAIN, 0),
    "count_transitions": lambda x, at: summarize(x, FIGURES, FIGURE),
    "evaluate": lambda x, at: compare(x, x.parts["test"]),
    "draw_evaluation": lambda x, at: Need(FIGURES, START + 10 * FIGURE),
    "write_report": lambda x, at: summarize(x, FIGURES + REPORT, 0),
    "make_bundle": lambda x, at: Need(TORCH) + tables(x, x.labelled),
    "take_models": lambda x, at: Need(TORCH + FROZEN * sum(network.parameters for network in x.networks), 30),
    "check": lambda x, at: Need(FIGURES, 60 + x.total(x.videos) * x.pixels * DECODE),
    "provenance": lambda x, at: summarize(x, FIGURES, 60),
}


def need(x: Experiment, rule: str, jobs: Sequence[Mapping[str, str]]) -> Need:
    """What a job needs that does a rule for one video, or for several, one after another.

    Args:
        jobs: the wildcards of each.
    """
    needs = [astuple(WORK[rule](replace(x, run=at.get("run", MAIN)), at)) for at in jobs]
    memory, seconds, memory_beside_gpu, seconds_beside_gpu, gpu_seconds = zip(*needs, strict=True)
    return Need(max(memory), sum(seconds), max(memory_beside_gpu), sum(seconds_beside_gpu), sum(gpu_seconds))


def memory_to_ask(need: Need, *, videos: int, gpus: int = 0, attempt: int = 1) -> int:
    """MB for a job and the Snakemakes around it; with each further attempt twice as much.

    Args:
        videos: of the project.
        gpus: that the job is given; a process of its own works with each.
        attempt: from 1 on.
    """
    own = gpus * need.memory_beside_gpu if gpus else need.memory
    return 100 * math.ceil((own + SNAKEMAKE + SNAKEMAKE_A_VIDEO * videos) / 100) * 2 ** (attempt - 1)


def seconds_to_take(need: Need, *, threads: int, gpus: int = 0) -> float:
    """How long a job takes on the machine that was measured, or on the GPU of the paper."""
    cores = max(1.0, SHARED * threads)
    return need.gpu_seconds / gpus + need.seconds_beside_gpu / cores if gpus else need.seconds / cores


def minutes_to_ask(need: Need, *, threads: int, gpus: int = 0, attempt: int = 1) -> int:
    """The limit of a job's time on a machine that may be slower; with each further attempt twice as much."""
    seconds = MODEST * seconds_to_take(need, threads=threads, gpus=gpus)
    return max(FLOOR, math.ceil(seconds / 60)) * 2 ** (attempt - 1)


# --- what is known of a video ----------------------------------------------------------------------------------


def count_frames(index: str | Path, video: str | Path, otherwise: float = UNKNOWN) -> int:
    """How many frames a video has: as ingest has counted, else the most that a file of its size is likely to have.

    No file is opened, since there may be thousands: that of the index, `frames.npy`, tells by its size.

    Args:
        otherwise: what is given back where neither is there.
    """
    for path, head, each in ((index, 128 + 8, 8), (video, 0, FRAME_BYTES)):
        try:
            return max(1, (os.stat(path).st_size - head) // each)
        except OSError:
            continue
    return max(1, round(otherwise))


def count_megabytes(video: str | Path) -> float:
    """The size of a file; 0 where there is none yet."""
    try:
        return os.stat(video).st_size / 1e6
    except OSError:
        return 0.0
