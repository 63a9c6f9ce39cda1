"""Probe a video file: codec, size, and its packets with their exact time stamps.

Whatever can be counted is not taken from a header. The packet table comes from ffmpeg without decoding anything
(`-c copy -f framecrc`, 27 microseconds per packet).
"""

import os
import re
import struct
import subprocess
import tempfile
from array import array
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from itertools import dropwhile
from pathlib import Path
from typing import BinaryIO

import imageio_ffmpeg
import numpy as np

from ethomake.errors import InputError
from ethomake.ingest.pictures import describe_pictures
from ethomake.ingest.times import UNKNOWN

# Messages of demuxers when a file ends early, and when they had to skip bytes: packets may be lost there.
_TAIL = re.compile(r"File ended prematurely|partial file|[Tt]runcated")
_SKIPPED = re.compile(
    r"invalid as first byte|exceeds containing master|[Rr]esync|Invalid EBML|exceeds max length|invalid length"
)
# Demuxers that open other files, as playlists, manifests and scripts tell them, or as files beside the one given.
_OPENERS = (
    *("concat", "hls", "applehttp", "dash", "webm_dash_manifest", "imf", "mlv", "sdp", "rtsp", "rtp", "sap"),
    *("avisynth", "vapoursynth", "vobsub", "dvdvideo", "bluray", "lavfi"),
)
_CONTAINERS = ("mov", "matroska", "avi", "mpegts", "mpeg", "asf", "flv", "ogg", "ivf", "mxf", "yuv4mpegpipe", "gif")

ASSUMED_RATE = 25.0
"""Frames per second of files that do not say their rate, as ffmpeg takes it."""

_KEY, _CORRUPT, _DISCARD = 1, 2, 4  # AV_PKT_FLAG_*

PACKETS = ("-c", "copy", "-copyinkf", "-copypriorss", "1")
"""Options of ffmpeg to take all packets of a file as they are."""


@dataclass(frozen=True)
class Source:
    """A video file and its packet table; the arrays are in file order, one entry per packet."""

    path: Path
    container: str  # the first name of the demuxer
    codec: str
    pixel_format: str
    height: int  # after the rotation stored in the file
    width: int
    nominal_rate: float  # frames per second from the header; only for files without usable time stamps
    assumed: bool  # the file says nothing about its rate, so ffmpeg takes 25 per second
    time_base: Fraction  # seconds per tick
    ticks: np.ndarray  # int64 presentation times, UNKNOWN where the file has none
    key: np.ndarray  # bool: keyframe, decoding can start here
    corrupt: np.ndarray  # bool: the demuxer knows that bytes are missing
    shown: np.ndarray  # bool: False where an edit list hides the frame
    sizes: np.ndarray  # int: bytes; AVI files have empty packets in place of frames that were dropped
    counted: bool  # the file stores no time stamps; ffmpeg counts packets instead (AVI)
    tail_lost: str  # evidence that the end of the file is missing, or ""
    packets_lost: str  # evidence that packets are missing elsewhere, or ""
    grouped: bool = False  # the entries are pictures, whose number differs from that of the packets (see `coding`)
    doubt: bool = False  # which packets these are is uncertain, since headers cannot be read
    several: int = 0  # pictures beyond the first in packets of more than one
    second: tuple[tuple[int, int], ...] = ()  # presentation times of other packets of a picture, and of the picture

    @property
    def packets(self) -> int:
        """Return the number of frames that the file should give."""
        return int(self.shown.sum()) + self.several

    @property
    def damage(self) -> str:
        """Return the damage known before anything is decoded, or ""."""
        return self.packets_lost or self.tail_lost


def input_arguments(path: Path, *options: str) -> list[str]:
    """Return the start of an ffmpeg command that reads only `path`, with the time stamps unchanged."""
    # `file:` keeps ffmpeg from interpreting the name as a pattern, a list or a protocol.
    return [
        *(imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-nostats", "-hide_banner"),
        *("-loglevel", "repeat+level+info", "-format_whitelist", _single_files(), *options),
        *("-copyts", "-i", f"file:{path}", "-map", "0:V:0"),
    ]


@cache
def _single_files() -> str:
    """Return the names of ffmpeg's demuxers that open no other file than the one given, for its `-format_whitelist`.

    ffmpeg compares before it reads more than the beginning of a file, so that no other is opened.
    """
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-loglevel", "error", "-demuxers"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL).stdout
    names = re.findall(r"^ +D +([\w,]+) ", listed, re.M)  # those of devices have another letter
    return ",".join(name for each in names for name in each.split(",") if name not in _OPENERS)


def probe(path: str | Path) -> Source:
    """Read codec, size and packet table of a video file.

    Raises:
        InputError: if the file does not exist, is empty, or has no video that ffmpeg can decode.
    """
    path = Path(path)
    if not os.path.isfile(path):
        raise InputError(f"{path}: there is no such video file; correct its path")
    if path.stat().st_size == 0:
        raise InputError(f"{path}: the video file is empty (0 bytes); copy it again")
    copy = (*PACKETS, "-f", "framecrc", "-")
    one = ("-frames:v", "1", "-c:v", "rawvideo", "-f", "framecrc", "-")
    with (  # in parallel
        in_turns(),
        _ffmpeg([*input_arguments(path, "-threads", "1"), *one]) as first_frame,
        _ffmpeg([*input_arguments(path), *copy]) as (table, log),
    ):
        time_base, dts, ticks, flags, durations, sizes = _packets(table)
        if not len(flags):
            raise InputError(f"{path}: {_why_unreadable(log_lines(log))}")
        container = _demuxer(log_lines(log))
        if (len(flags) == 1 and _is_picture(log_lines(log))) or container == "image2":
            reason = describe_pictures(path) or "a single picture and no video; name the video file"
            raise InputError(f"{path}: {reason}")
        codec, pixel_format, rate = _describe(log_lines(log))
        assumed = not rate or (container not in _CONTAINERS and _follows_option(path))
        tail_lost = _complaint(_TAIL, log_lines(log))
        packets_lost = _complaint(_SKIPPED, log_lines(log))
        height, width = _displayed_size(path, *first_frame)
    shown = (flags & _DISCARD) == 0

    corrupt = (flags & _CORRUPT) != 0
    if corrupt.any():
        if corrupt[-1] and corrupt.sum() == 1:
            tail_lost = tail_lost or "the last packet is incomplete"
        else:
            packets_lost = packets_lost or f"{corrupt.sum()} packets are incomplete"
    declared, cut = _avi_header(path)
    found = len(dts)
    if (dts != UNKNOWN).all():  # the header counts ticks, of which a frame can last several
        step = np.median(np.diff(np.sort(dts))) if len(dts) > 1 else 1
        found = int(dts.max() - dts.min() + max(step, durations[np.argmax(dts)]))
    if cut:
        tail_lost = tail_lost or "the file is shorter than its header says"
    elif declared and found < declared:
        packets_lost = packets_lost or f"the header promises {declared} frames, {found} are there"
    return Source(
        path=path,
        container=container,
        codec=codec,
        pixel_format=pixel_format,
        height=height,
        width=width,
        nominal_rate=rate or ASSUMED_RATE,
        assumed=assumed,
        time_base=time_base,
        ticks=ticks,
        key=(flags & _KEY) != 0,
        corrupt=corrupt,
        shown=shown,
        sizes=sizes,
        counted=declared is not None,
        tail_lost=tail_lost,
        packets_lost=packets_lost,
    )


@contextmanager
def in_turns() -> Iterator[None]:
    """Run under SCHED_BATCH, so that ffmpeg and its reader preempt each other less often; Linux only."""
    usual = hasattr(os, "SCHED_BATCH") and os.sched_getscheduler(0) == os.SCHED_OTHER
    with suppress(OSError):
        if usual:
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    try:
        yield
    finally:
        with suppress(OSError):
            if usual:
                os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


@contextmanager
def _ffmpeg(command: list[str]) -> Iterator[tuple[Iterable[str], BinaryIO]]:
    """Run a command; yield an iterator over the lines of its output and its log, complete after the last line.

    Neither is held in memory as a whole: both can have one line per packet.
    """
    with tempfile.TemporaryFile() as log, subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log) as process:

        def table() -> Iterator[str]:
            assert process.stdout is not None, "it is a pipe"
            for line in process.stdout:
                yield line.decode("utf-8", "replace").rstrip("\n")
            process.wait()

        try:
            yield table(), log
        finally:
            process.kill()  # if the reader stopped early


def log_lines(log: BinaryIO) -> Iterator[str]:
    """Yield the lines of a log from its beginning."""
    log.seek(0)
    for line in log:
        yield line.decode("utf-8", "replace").rstrip("\r\n")


def _packets(table: Iterable[str]) -> tuple[Fraction, *tuple[np.ndarray, ...]]:
    """Return time base and columns of a framecrc table: decoding and presentation times, flags, durations, bytes."""
    time_base = Fraction(0)
    columns = (array("q"), array("q"), array("i"), array("q"), array("i"))
    for line in table:
        if line.startswith("#tb 0: "):
            time_base = Fraction(line[7:])
        elif line and not line.startswith("#"):
            for column, value in zip(columns, _packet(line), strict=True):
                column.append(value)
    return time_base, *map(np.array, columns)


def _packet(line: str) -> tuple[int, int, int, int, int]:
    """Return what `_packets` does for a framecrc line, which omits the flags of a keyframe."""
    _, dts, pts, duration, size, rest = line.split(",", 5)
    _, marked, flags = rest.partition("F=0x")
    return _tick(dts), _tick(pts), int(flags.split(",", 1)[0], 16) if marked else _KEY, int(duration), int(size)


def _tick(field: str) -> int:
    return UNKNOWN if "NOPTS" in field else int(field)


def _bare(line: str) -> str:
    """Return a line of ffmpeg's log without the brackets (names, addresses, level) in front."""
    return re.sub(r"^(\[[^\]]*\]\s*)+", "", line).strip().rstrip(".")


def _complaint(pattern: re.Pattern, log: Iterable[str]) -> str:
    """Return the first warning or error in a log that matches the pattern, or ""."""
    lines = (line for line in log if "[error]" in line or "[warning]" in line)
    return next((_bare(line) for line in lines if pattern.search(line)), "")


def _why_unreadable(log: Iterable[str]) -> str:
    lines = list(log)
    if any("matches no streams" in line for line in lines):
        return "there is no video in this file; give a video file"
    errors = [_bare(line) for line in lines if "[error]" in line or "[fatal]" in line]
    if any("moov atom not found" in line for line in errors):
        return "it is no MP4, or its end is missing (moov atom not found); copy it again or repair it elsewhere"
    if any("Format not on whitelist" in line or "Not detecting m3u8" in line for line in errors):
        return "a list of other files (a playlist, a manifest or a script) and no video; name the videos themselves"
    reason = errors[0] if errors else "no packets"
    return f"ffmpeg finds no video in it ({reason}); give a video file, or re-encode it"


def _is_picture(log: Iterable[str]) -> bool:
    """Return whether ffmpeg reads the file as a PNG, a JPEG or another picture (by image2, png_pipe, ...)."""
    return any(re.search(r"Input #0, (image2|\w+_pipe),", line) for line in log)


def _describe(log: Iterable[str]) -> tuple[str, str, float]:
    """Return codec, pixel format and nominal frames per second (0: not given), from ffmpeg's log of what it copies."""
    output = dropwhile(lambda line: "Output #0" not in line, log)
    text = next(match.group(1) for line in output if (match := re.search(r"Video: (.*)", line)))
    fields = [field.strip() for field in re.sub(r"\([^()]*\)", "", re.sub(r"\([^()]*\)", "", text)).split(",")]
    rate = re.search(r"([\d.]+)(k?) fps", text) or re.search(r"([\d.]+)(k?) tbr", text)
    value = float(rate.group(1)) * (1000 if rate.group(2) else 1) if rate else 0.0
    return fields[0].split()[0], fields[1], value


def _demuxer(log: Iterable[str]) -> str:
    """Return the first name of the demuxer that reads the file."""
    return next((match.group(1) for line in log if (match := re.search(r"Input #0, (\w+)", line))), "")


def _follows_option(path: Path) -> bool:
    """Return whether the packets of a file last as long as an option says: then the file does not say it itself."""
    rate = 37  # any but the default
    command = [*input_arguments(path, "-framerate", str(rate)), *PACKETS, "-frames:v", "3", "-f", "framecrc", "-"]
    with _ffmpeg(command) as (table, _):
        time_base, *_, durations, _ = _packets(table)
    return len(durations) > 0 and abs(float(durations[0] * time_base) * rate - 1) < 0.01


def _displayed_size(path: Path, table: Iterable[str], log: BinaryIO) -> tuple[int, int]:
    """Return height and width of the first frame that can be decoded, rotated as the file says."""
    sizes = [size.groups() for line in table if (size := re.match(r"#dimensions 0: (\d+)x(\d+)", line))]
    if not sizes:
        error = next((_bare(line) for line in log_lines(log) if "[error]" in line), "no reason given")
        raise InputError(f"{path}: no frame can be decoded ({error}); re-encode it")
    width, height = map(int, sizes[0])
    return height, width


def _avi_header(path: Path) -> tuple[int | None, bool]:
    """Return the number of frames in an AVI file's header (0: not given; None: no AVI), and whether it is truncated.

    AVI has no time stamps: a lost frame shifts all later ones, and only this number reveals it.
    """
    with path.open("rb") as file:
        head = file.read(1 << 16)
    if head[:4] != b"RIFF" or head[8:12] != b"AVI ":
        return None, False
    cut = path.stat().st_size < struct.unpack_from("<I", head, 4)[0] + 8
    for match in re.finditer(b"strh.{4}vids", head, re.S):
        if match.start() + 44 <= len(head):
            return struct.unpack_from("<I", head, match.start() + 8 + 32)[0], cut
    return 0, cut
