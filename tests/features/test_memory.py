"""Memory does not grow with the video: ten hours compared with a minute, with networks that cost nothing."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MINUTE, TEN_HOURS = 1800, 1_080_000  # frames, at 30 frames per second

# One frame is stored in place of all; every read decodes it again. The networks return zeros of the right shapes.
PROGRAM = """
import json, resource, sys
from pathlib import Path

import numpy as np
import simplejpeg
import torch

from ethomake.features import extract
from ethomake.flow.metadata import FlowMetadata
from ethomake.flow.stacks import FlowGenerator
from ethomake.ingest.frames import FrameStore
from ethomake.streams.metadata import StreamMetadata
from ethomake.training.inference import Batches

torch.set_num_threads(1)
folder, frames = Path(sys.argv[1]), int(sys.argv[2])
jpeg = simplejpeg.encode_jpeg(np.zeros((32, 32, 3), np.uint8))
FrameStore._bytes = lambda store, index: bytearray(jpeg)
with (folder / "frames.mjpeg").open("wb") as file:
    file.truncate(frames)
np.save(folder / "frames.npy", np.arange(frames + 1))
manifest = {"video": "v", "frames": frames, "image_size": [32, 32], "content_box": [0, 0, 32, 32]}
manifest |= {"frames_digest": "sha256:0"}
(folder / "video.json").write_text(json.dumps(manifest))

channels = {"channel_mean": [0.5] * 3, "channel_std": [0.25] * 3}
seen = StreamMetadata("resnet18", 0, "spatial", ["walk"], False, 11, **channels)
moved = FlowMetadata("tiny_motion_net", 0, 11, [32, 32], **channels)
cpu = torch.device("cpu")


class Flow(torch.nn.Module):
    def forward(self, windows):
        return [windows.new_zeros(len(windows), 20, 16, 16)]


class Network(torch.nn.Module):
    def forward(self, inputs):
        return inputs.new_zeros(len(inputs), 512), None


def load(*_):
    head = torch.nn.Linear(512, 1)
    return extract.FrozenStream(Network(), head, 1, seen, cpu, torch.float32, Batches(cpu, 64, 64))


extract.FrozenStream.load = load
FlowGenerator.load = lambda *_: FlowGenerator(Flow(), moved, cpu, torch.float32, "sha256:0", Batches(cpu, 64, 64))
weights = {f"{name}_weights": folder / "video.json" for name in ("flow", "spatial", "motion")}
extract.extract_features(
    folder / "video.json", folder / "v.zarr", folder / "v.json", checkpoint=folder / "state", reuse=True, **weights
)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def peak(folder, frames):
    """Return peak memory in megabytes."""
    folder.mkdir()
    command = [sys.executable, "-c", PROGRAM, str(folder), str(frames)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return float(done.stdout.split()[-1])


@pytest.mark.slow
def test_extracting_ten_hours_needs_hardly_more_memory_than_a_minute(tmp_path):
    minute, hours = peak(tmp_path / "minute", MINUTE), peak(tmp_path / "hours", TEN_HOURS)
    assert hours < minute + 100
