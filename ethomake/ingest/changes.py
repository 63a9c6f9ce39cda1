"""Videos whose picture changes on the way: its size, its rotation, or the shape of its pixels.

ffmpeg scales every frame to the size of the first. What a crop shows from there on is another place.
"""

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ethomake.ingest.coding import group_pictures, read_headers
from ethomake.ingest.probe import Source, input_arguments
from ethomake.ingest.times import UNKNOWN

_SQUARE = "square pixels"


@dataclass(frozen=True)
class Change:
    """The first change of a picture.

    Attributes:
        frame: the first frame that is different.
        before, after: what the picture is like before it, and from it on.
    """

    frame: int
    before: str
    after: str


def find_change(source: Source) -> Change | None:
    """Decode a video and return where size or rotation of its picture change first; None if they do not."""
    shapes = enumerate(_shapes(source))
    first = next(shapes, (0, ""))[1]
    return next((Change(frame, first, shape) for frame, shape in shapes if shape != first), None)


def _shapes(source: Source) -> Iterator[str]:
    """Yield size and rotation of each frame, in words."""
    command = input_arguments(source.path, "-noautorotate", "-threads", "1")
    command += ["-fps_mode", "passthrough", "-vf", "showinfo=checksum=0", "-f", "null", "-"]
    size, rotation = "", ""
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None, "it is a pipe"
        try:
            for raw in process.stderr:
                line = raw.decode("utf-8", "replace")
                if "showinfo" not in line:
                    continue
                if found := re.search(r" n: *\d+ .* s:(\d+x\d+) ", line):
                    if size:
                        yield size + rotation
                    size, rotation = found.group(1), ""
                elif found := re.search(r"rotation of (-?[\d.]+)", line):
                    turn = round(-float(found.group(1))) % 360
                    rotation = f" turned by {turn} degrees" if turn else ""
        finally:
            process.kill()  # if the reader stopped early
    if size:
        yield size + rotation


def find_aspect_change(source: Source) -> Change | None:
    """Return where the shape of the pixels changes first, by the headers at keyframes; None if it does not.

    ffmpeg keeps the shape that it finds first for the whole file, so only these tell.
    """
    if source.codec not in _HEADERS or source.key.sum() < 2:
        return None
    unit, names = _HEADERS[source.codec]
    only = f"noise=drop='not(key)',filter_units=pass_types={unit}"
    first = None
    keys = np.flatnonzero(source.key)
    for key, fields in zip(keys, read_headers(source, names, only), strict=False):
        if not fields:
            continue
        shape = _shape_of_pixels(fields)
        first = first or shape
        if shape != first:
            pictures, tick = group_pictures(source), source.ticks[key]
            before = pictures.ticks < tick if tick != UNKNOWN else np.arange(len(pictures.ticks)) < key
            return Change(int((before & pictures.shown).sum()), first, shape)
    return None


def _shape_of_pixels(fields: list[tuple[str, int]]) -> str:
    values = dict(fields)
    if (width := values.get("sar_width")) and (height := values.get("sar_height")):
        return _SQUARE if width == height else f"pixels of {width}:{height}"
    if "aspect_ratio_information" in values:  # 1 is square, 2 and more are shapes of the picture
        return {1: _SQUARE, 2: "a picture of 4:3", 3: "a picture of 16:9"}.get(
            values["aspect_ratio_information"], "a picture of 2.21:1"
        )
    number = values.get("aspect_ratio_idc", 1)
    return _SQUARE if number in (0, 1) else f"pixels of {_RATIOS.get(number, f'shape {number}')}"


_RATIOS = {2: "12:11", 3: "10:11", 4: "16:11", 5: "40:33", 14: "4:3", 15: "3:2", 16: "2:1"}
_H26X = ("aspect_ratio_idc", "sar_width", "sar_height")
_HEADERS = {
    "h264": ("7", ("seq_parameter_set_id", *_H26X)),
    "hevc": ("33", ("sps_seq_parameter_set_id", *_H26X)),
    "mpeg2video": ("179", ("aspect_ratio_information",)),
}
