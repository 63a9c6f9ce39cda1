"""The real example: courting flies from a public package, one crop per fly, labels from the tracked poses.

Source: the wheel of SLEAP 1.3.1 (BSD-3-Clause), which contains three videos with their pose tracks. The crops
follow the thorax. The labels are derived from the poses, not scored by a person.
"""

import logging
import tempfile
import zipfile
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ethomake import package_index
from ethomake.errors import InputError
from ethomake.example.poses import Poses, derive_labels, read_analysis, read_slp
from ethomake.example.video import read_grey, write_h264
from ethomake.files import write_whole
from ethomake.labels.table import write_labels
from ethomake.messages import track
from ethomake.package_index import Wheel

logger = logging.getLogger(__name__)

PACKAGE = "sleap==1.3.1"
WHEEL = "sleap-1.3.1-py3-none-any.whl"
SLEAP = Wheel(PACKAGE, WHEEL, "8afb5f9e48ae471856eeb8dfc53a076f8e3a7db909798451b5eb7da3cb46fe62")
CROP = 192  # pixels, height and width
FPS = 25


@dataclass(frozen=True)
class Clip:
    """A video in the wheel that shows two flies, and its metadata.

    Attributes:
        video: path of the video in the wheel.
        poses: path of the pose tracks in the wheel.
        size: height and width of the video in pixels.
        flies: names of the crops, with the track of each.
        walking: whether walking can be detected (not if the scale or the tracking is too coarse).
    """

    video: str
    poses: str
    size: int
    flies: Mapping[str, int]
    walking: bool = False


CLIPS = {
    "clip1": Clip(
        "docs/notebooks/analysis_example/20190128_113421.120s.mp4",
        "docs/notebooks/analysis_example/predictions.analysis.h5",
        size=1024,
        flies={"clip1_male": 0, "clip1_female": 1},
        walking=True,
    ),
    "clip2": Clip(
        "tests/data/videos/centered_pair_small.mp4",
        "tests/data/hdf5_format_v1/centered_pair_predictions.h5",
        size=384,
        flies={"clip2_fly0": 0, "clip2_fly1": 1},
    ),
    "clip3": Clip(
        "tests/data/tracks/clip.mp4",
        "tests/data/tracks/clip.slp",
        size=1024,
        flies={"clip3_fly0": 1, "clip3_fly1": 0},
    ),
}


def fetch_wheel(wheel: str | Path) -> None:
    """Download the wheel with pip, from the package index that pip is configured for, and check its SHA-256.

    An existing wheel with the right digest is kept.

    Raises:
        InputError: if the package index cannot be reached or does not have exactly this file.
    """
    if not SLEAP.is_in(wheel):
        logger.info(f"fetching {PACKAGE} (64 MB) from the package index")
    try:
        package_index.fetch_wheel(SLEAP, wheel)
    except InputError as error:
        raise InputError(
            f"example flies: {error}; check the connection to the package index and run again, or use the example "
            "that is simulated and needs no network: --config example=simulated"
        ) from None


def cut_flies(wheel: str | Path, clip: str, folder: str | Path) -> None:
    """Cut one video per fly from a clip, 192x192 pixels and centred on its thorax, and derive its labels.

    Writes `<fly>.mp4` and `<fly>_labels.csv` into `folder` for both flies of the clip.

    Raises:
        InputError: if the wheel is damaged.
    """
    what, folder = CLIPS[clip], Path(folder)
    with tempfile.TemporaryDirectory() as sources, ExitStack() as stack:
        video, poses = _take_out(wheel, what, Path(sources))
        frames = poses.points.shape[1]
        centers = np.rint(poses.node("thorax")).astype(int)
        writers = {}
        for name, fly in what.flies.items():
            part = stack.enter_context(write_whole(folder / f"{name}.mp4"))
            encoder = write_h264(part, height=CROP, width=CROP, fps=FPS)
            writers[fly] = stack.enter_context(encoder)
        count = 0
        images = read_grey(video, height=what.size, width=what.size)
        for image in track(images, frames, f"cut {clip}", "frame"):
            for fly, write in writers.items():
                write(cut(image, *centers[fly, count]))
            count += 1
        if count != frames:
            raise RuntimeError(f"{what.video} has {count} frames and {what.poses} has {frames}")
    for name, fly in what.flies.items():
        labels = derive_labels(poses, fly, walking=what.walking)
        write_labels(folder / f"{name}_labels.csv", labels)


def cut(image: np.ndarray, x: int, y: int, size: int = CROP) -> np.ndarray:
    """Return the square of `size` pixels around (x, y) of a grey image; black outside the image."""
    square = np.zeros((size, size), image.dtype)
    left, top = x - size // 2, y - size // 2
    inside = image[max(top, 0) : max(top + size, 0), max(left, 0) : max(left + size, 0)]
    row, column = max(-top, 0), max(-left, 0)
    square[row : row + inside.shape[0], column : column + inside.shape[1]] = inside
    return square


def _take_out(wheel: str | Path, clip: Clip, folder: Path) -> tuple[Path, Poses]:
    try:
        with zipfile.ZipFile(wheel) as archive:
            video, poses = (Path(archive.extract(member, folder)) for member in (clip.video, clip.poses))
    except (zipfile.BadZipFile, KeyError, FileNotFoundError):
        raise InputError(f"{wheel}: not the intact wheel of {PACKAGE}; delete it and run again") from None
    return video, read_analysis(poses) if poses.name.endswith("analysis.h5") else read_slp(poses)
