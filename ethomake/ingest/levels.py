"""Grey levels of cameras whose values have fewer bits than the numbers in the file: 12 bits in 16 look nearly black."""

import re
import subprocess
from functools import cache

import imageio_ffmpeg

BITS = (8, 10, 12, 14)
"""Bits of a camera that are looked for, if there are more in the file."""

WHITE = 250
"""From this level on, of 255, a pixel is white."""


def bit_depth(pixel_format: str) -> int:
    """Return the number of bits of each value in a pixel format of ffmpeg."""
    return _depths().get(pixel_format, 8) if re.search(r"\d(le|be)$", pixel_format) else 8


@cache
def _depths() -> dict[str, int]:
    """Return the bits of all pixel formats whose components have the same number of them."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-loglevel", "error", "-pix_fmts"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL).stdout
    found = re.findall(r"^[IO.]\S* +(\w+) +\d+ +\d+ +(\d+)((?:-\d+)*)\s*$", listed, re.M)
    return {name: int(first) for name, first, others in found if set(others.split("-")) <= {"", first}}


def stretch(depth: int, bits: int | None) -> str:
    """Return the filter of ffmpeg that stretches values of `bits` bits to `depth` bits; "" if none is needed."""
    if not bits or bits >= depth:
        return ""
    value = f"'min(val*{2 ** (depth - bits)},{2**depth - 1})'"
    return f"lut=c0={value}:c1={value}:c2={value}"


def used_bits(brightest: int, depth: int) -> int | None:
    """Return how many bits a camera seems to use of `depth`, by its brightest pixel; None for all of them.

    Args:
        brightest: level of 0 to 255, where 255 is the highest number that fits into `depth` bits.
        depth: bits of a value in the file.
    """
    if not brightest:
        return None
    return next((bits for bits in BITS if bits < depth and brightest <= 255 * 2 ** (bits - depth) + 1), None)


def is_suspect(pixel_format: str, depth: int) -> bool:
    """Return whether values of a format are often those of a camera with fewer bits.

    Those of codecs for viewers are not: 10 and 12 bits of YUV are what was encoded.
    """
    return depth > 8 and (depth == 16 or not pixel_format.startswith(("yuv", "p0", "p2", "y2")))
