"""Fixtures for all tests: one thread, no GPU unless a test is about one."""

import os
import sys
import threading
from contextlib import contextmanager

import pytest

from ethomake import messages

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # threads that wait for others leave them the core

# If a fixture takes minutes, all tests of the files that use it are done by one process. Others are dealt one by one.
FINISHED = ("accuracy", "bundle", "check", "explain", "packs", "parallel", "run", "runs", "storage")
TOGETHER = {f"tests/workflow/test_{name}.py": "finished" for name in FINISHED}
TOGETHER |= {f"tests/{name}.py": name for name in ("workflow/test_rerun", "workflow/test_kill")}
TOGETHER |= {f"tests/slurm/test_{name}.py": "cluster" for name in ("faults", "packs", "run")}
TOGETHER |= {"tests/snakemake_wing/test_contract.py": "contract"}
EARLY = ["tests/workflow/test_examples.py", *TOGETHER, "tests/training/test_parallel.py"]


def pytest_collection_modifyitems(items):
    """Begin with what takes longest."""
    rank = {path: number for number, path in enumerate(EARLY)}
    items.sort(key=lambda item: rank.get(item.nodeid.partition("::")[0], len(EARLY)))


def pytest_xdist_make_scheduler(config, log):
    """Deal tests to the processes of xdist; its own marks for groups are not seen with pytest 9.2."""
    from xdist.scheduler import LoadScopeScheduling

    class Scheduling(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            return TOGETHER.get(nodeid.partition("::")[0], nodeid)

    return Scheduling(config, log)


@pytest.fixture(autouse=True)
def _on_the_cpu(request, monkeypatch):
    """Compute on the CPU, so that figures do not depend on the machine; tests marked gpu use the GPU or skip."""
    if request.node.get_closest_marker("gpu"):
        torch = pytest.importorskip("torch")
        if not torch.cuda.is_available():
            pytest.skip("this machine has no CUDA device")
    else:
        monkeypatch.setenv("ETHOMAKE_DEVICE", "cpu")


@pytest.fixture(autouse=True)
def _show_messages():
    """Show what the library logs, as a job does."""
    messages.show()


@pytest.fixture
def kill_training(monkeypatch):
    """Stop a training in the midst of its n-th step: `with kill_training(step=3): ...`; each step is kept."""
    from torch.optim.optimizer import register_optimizer_step_pre_hook

    from ethomake.training import state

    class KilledError(Exception):
        pass

    @contextmanager
    def kill(step):
        steps = iter(range(1, step))

        def count(*_):
            if next(steps, None) is None:
                raise KilledError

        hook = register_optimizer_step_pre_hook(count)
        try:
            with monkeypatch.context() as patch:
                patch.setattr(state, "CHECKPOINT_EVERY", 0)
                with pytest.raises(KilledError):
                    yield
        finally:
            hook.remove()

    return kill


@pytest.fixture
def values_read(monkeypatch):
    """Each place of the library where the main thread reads a tensor's value, or makes a tensor of plain values.

    On a GPU, either would wait for what it has to do. What is not seen is what torch itself does inside.
    """
    import torch

    places = []

    def watch(owner, name):
        original = getattr(owner, name)

        def watched(*given, **options):
            caller = sys._getframe(1)
            library = caller.f_globals["__name__"].startswith("ethomake.")
            if library and threading.current_thread() is threading.main_thread():
                places.append(f"{caller.f_globals['__name__']}:{caller.f_lineno} {name}")
            return original(*given, **options)

        monkeypatch.setattr(owner, name, watched)

    for name in ("item", "tolist", "numpy", "cpu", "__float__", "__int__", "__bool__", "__array__"):
        watch(torch.Tensor, name)
    for name in ("tensor", "as_tensor", "from_numpy"):
        watch(torch, name)
    return places


def rgb_to_planes(rgb):
    """Planes of an image, uint8 (H, W, 3): the formulas of JPEG (ITU-T T.871), each color from four pixels."""
    import numpy as np

    from ethomake.ingest.frames import Planes

    red, green, blue = np.moveaxis(rgb.astype(float), -1, 0)
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    height, width = luma.shape
    colors = [128 + (blue - luma) / 1.772, 128 + (red - luma) / 1.402]
    halves = [color.reshape(height // 2, 2, width // 2, 2).mean((1, 3)) for color in colors]
    return Planes(*(np.rint(plane).clip(0, 255).astype(np.uint8) for plane in (luma, *halves)))


def planes_to_rgb(planes):
    """The image of planes, uint8 (H, W, 3): the same formulas, the other way round."""
    import numpy as np

    luma, blue, red = (plane.astype(float) for plane in planes)
    blue, red = (color.repeat(2, 0).repeat(2, 1) - 128 for color in (blue, red))
    green = luma - (0.299 * 1.402 * red + 0.114 * 1.772 * blue) / 0.587
    rgb = np.stack([luma + 1.402 * red, green, luma + 1.772 * blue], -1)
    return np.rint(rgb).clip(0, 255).astype(np.uint8)


@pytest.fixture(scope="session")
def to_planes():
    return rgb_to_planes


@pytest.fixture(scope="session")
def to_rgb():
    return planes_to_rgb


@pytest.fixture
def write_store(tmp_path, to_planes):
    """Write an ingested video without ffmpeg: `write_store("name", frames)` gives the path of its video.json."""
    import numpy as np

    from ethomake.files import write_json, write_npy
    from ethomake.ingest.frames import FrameWriter

    def write(name, frames):
        frames = np.asarray(frames, np.uint8)
        count, height, width, _ = frames.shape
        folder = tmp_path / "ingest" / name
        folder.mkdir(parents=True)
        with (folder / "frames.mjpeg").open("wb") as file:
            writer = FrameWriter(file, 100, count)
            for frame in frames:
                writer.append(to_planes(frame))
        write_npy(folder / "frames.npy", writer.offsets)
        mean, std = writer.statistics()
        write_json(
            folder / "video.json",
            {
                "video": name,
                "frames": count,
                "fps": 25.0,
                "image_size": [height, width],
                "content_box": [0, 0, width, height],
                "channel_mean": mean,
                "channel_std": std,
                "frames_digest": writer.digest,
                "damaged": [],
                "timestamps": {"time_base": [1, 25], "first": 0, "steps": [[1, count - 1]]},
            },
        )
        return folder / "video.json"

    return write


@pytest.fixture
def write_table(tmp_path):
    """Write a label table in our own form: `write_table("name", behaviors, values)` gives its path."""
    import numpy as np

    from ethomake.labels.table import LabelTable, write_labels

    def write(name, behaviors, values):
        path = tmp_path / f"{name}.csv"
        write_labels(path, LabelTable(tuple(behaviors), np.asarray(values, np.int8)))
        return path

    return write


@pytest.fixture
def flow_weights(tmp_path):
    """The weights file of a flow network that finds motion, if not the right one."""
    import torch

    from ethomake.flow.metadata import FlowMetadata
    from ethomake.training.weights import save_weights

    torch.manual_seed(0)
    metadata = FlowMetadata("tiny_motion_net", 0, 11, [32, 32], [0.3] * 3, [0.2] * 3)
    network = metadata.build()
    torch.nn.init.normal_(network.predict2.weight, std=0.2)
    save_weights(tmp_path / "flow", network, metadata)
    return tmp_path / "flow"


@pytest.fixture(scope="session")
def mobilenet(tmp_path_factory):
    """The file of a MobileNetV2 as torchvision saves it, with random weights, whose features tell images apart."""
    import torch
    from torchvision import models

    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = models.mobilenet_v2(weights=None)
        for module in network.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.momentum = 1.0  # its statistics become those of the images below
        with torch.no_grad():
            network.train()(torch.randn(4, 3, 64, 64))
    path = tmp_path_factory.mktemp("mobilenet") / "mobilenet.pth"
    torch.save(network.state_dict(), path)
    return path
