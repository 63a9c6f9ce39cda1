"""Decode every frame of a video exactly once, in order, and find the damaged frames of damaged files.

ffmpeg silently repairs and drops frames of damaged files, which shifts all later frames. So an intact file must pass
a decode that stops at the first error and give one frame per packet, or as many as the headers of its pictures say
(`coding`); otherwise `diagnose` finds out which frames are good. Most codecs have no checksums: corrupt bytes within a
packet that still decodes go unnoticed, but shift nothing.
"""

import fcntl
import re
import subprocess
import tempfile
from array import array
from collections.abc import Iterator
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import IO, BinaryIO

import numpy as np

from ethomake.errors import InputError
from ethomake.ingest.coding import group_pictures
from ethomake.ingest.frames import Planes
from ethomake.ingest.probe import PACKETS, Source, in_turns, input_arguments, log_lines
from ethomake.ingest.times import UNKNOWN, find_gaps

# Within one grey level of exact arithmetic, and identical for every number of threads (ffmpeg's default is neither).
_SCALING = "flags=bilinear+accurate_rnd+full_chroma_int+full_chroma_inp:sws_dither=none"
_JPEG = "out_color_matrix=bt601:out_range=full"  # the color space of JPEG
_EXPLODE, _TELL = ("-err_detect", "crccheck+explode"), ("-err_detect", "crccheck")
_COMPLAINT = re.compile(r"\[mpeg2video @.*\[error\] (.*)|(concealing .*|corrupt decoded frame)")
_LIGHT_PIXELS, _LIGHT_BYTES = 320 * 240, 4096  # of a frame; with 2 threads given, one took 8 to 11 % less time
RECONFIGURED = "Reconfiguring filter graph because"  # in ffmpeg's log, where the picture changes
_DELAYS = {
    "h264": 17,
    "hevc": 17,
    "vvc": 17,
}  # frames that these decoders can hold back, and one more; others 1 and one more
_PIPE = 1 << 20  # bytes of the pipe: how far ffmpeg can run ahead; Linux's default limit for unprivileged users


class Damage(Exception):  # noqa: N818
    """A file is damaged; the message names the evidence."""


@dataclass(frozen=True)
class View:
    """The part of the picture to keep, and its size in the image."""

    crop: tuple[int, int, int, int] | None  # x, y, w, h
    size: tuple[int, int]  # height, width
    levels: str = ""  # the filter for grey levels, from `levels.stretch`

    @property
    def filters(self) -> str:
        """Return the filters for ffmpeg: levels, crop, scale, convert to what a JPEG stores (alpha is dropped)."""
        steps = [f"scale={self.size[1]}:{self.size[0]}:{_SCALING}:{_JPEG}", "format=yuvj420p"]
        if self.crop:
            left, top, width, height = self.crop
            steps.insert(0, f"crop={width}:{height}:{left}:{top}:exact=1")
        if self.levels:
            steps.insert(0, self.levels)
        return ",".join(steps)


def content_box(size: tuple[int, int], image_size: tuple[int, int], keep_aspect: bool) -> tuple[int, int, int, int]:
    """Return the box x, y, w, h of a picture of `size` in an image of `image_size` (both height, width).

    With `keep_aspect` it is as large as fits, and centered; otherwise it fills the image. All four are even, since
    colors have half the resolution.
    """
    height, width = image_size
    if not keep_aspect:
        return 0, 0, width, height
    scale = min(Fraction(height, size[0]), Fraction(width, size[1]))
    h, w = (max(2, 2 * int(side * scale / 2 + Fraction(1, 2))) for side in size)
    return (width - w) // 4 * 2, (height - h) // 4 * 2, w, h


class FrameStream:
    """Iterable over the decoded frames of a source, as planes; each is valid only until the next.

    `ticks` (int64, in the source's time base) is set when the iteration has ended, and so is `reconfigured`: whether
    the picture has changed on the way (size, rotation or pixel format). A strict stream stops at the first
    error and raises `Damage` unless there is a frame for every packet, or for every picture that the packets hold.
    """

    def __init__(self, source: Source, view: View, *, strict: bool, threads: int = 1):
        self.source, self.view, self.strict, self.threads = source, view, strict, threads
        self.ticks = np.zeros(0, dtype=np.int64)
        self.reconfigured = False

    def __iter__(self) -> Iterator[Planes]:
        height, width = self.view.size
        buffer = bytearray(height * width * 3 // 2)
        frame = Planes.of(np.frombuffer(buffer, np.uint8), (height, width))
        count = 0
        with tempfile.TemporaryDirectory(prefix="ethomake-") as scratch:
            stamps = Path(scratch) / "stamps.txt"
            command = _decode_command(self.source, stamps, strict=self.strict, threads=self.threads)
            command += ["-vf", self.view.filters, "-f", "rawvideo", "-pix_fmt", "yuvj420p", "pipe:1"]
            with (
                in_turns(),
                (Path(scratch) / "log.txt").open("w+b") as log,
                subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, bufsize=0) as process,
            ):
                assert process.stdout is not None, "it is a pipe"
                _widen(process.stdout)
                try:
                    while _read_full(process.stdout, buffer):
                        count += 1
                        yield frame
                    failed = process.wait() != 0
                finally:
                    process.kill()  # if the reader stopped early
                self.reconfigured = any(RECONFIGURED in line for line in log_lines(log))
                if self.strict:
                    self._check(count, failed, log)
            self.ticks = _read_stamps(stamps, self.source.time_base)
        if len(self.ticks) != count:
            raise RuntimeError(f"{self.source.path.name}: {count} frames but {len(self.ticks)} time stamps")

    def _check(self, count: int, failed: bool, log: BinaryIO) -> None:
        broken, error = "", ""  # the first of each
        for line in log_lines(log):
            if not broken and not _explodes(self.source) and (match := _COMPLAINT.search(line)):
                broken = match.group(1) or match.group(2)
            if not broken and (match := re.search(r"\[error\] (.*CRC mismatch.*)", line)):
                broken = match.group(1)
            if not error and (match := re.match(r"\[(?!out|vost|in#).*\[error\] (.*)", line)):
                error = match.group(1)
        if failed or broken:
            raise Damage(broken or error or "decoding failed")
        if count != self.source.packets:
            expected = group_pictures(self.source).packets  # takes too long to be done for every file
            if count != expected:
                what = "pictures" if expected != self.source.packets else "packets"
                raise Damage(f"{expected} {what} gave {count} frames")


@dataclass(frozen=True)
class Diagnosis:
    """The good frames of a damaged file: T frames that it should have, D that a lenient decode gives."""

    decoded: int  # number of frames decoded intact
    expected: int  # number of frames that the file should give, as far as it is there
    ticks: np.ndarray  # int64 (T,), presentation time of every frame that the file should have, in order
    index: np.ndarray  # int64 (D,): position in `ticks` of every frame that a lenient decode gives
    good: np.ndarray  # bool (T,)

    @property
    def damaged(self) -> list[list[int]]:
        """Return the ranges [start, stop) of frames that are not good, as in video.json."""
        edges = np.flatnonzero(np.diff(np.concatenate(([0], (~self.good).astype(np.int8), [0]))))
        return edges.reshape(-1, 2).tolist()


def diagnose(source: Source, damage: str) -> Diagnosis:
    """Decode a damaged file and find out which of its frames are good and where they belong.

    A frame is bad if its packet is incomplete, gave no frame or a frame that the decoder calls corrupt; and so are
    all frames decoded after it up to the next keyframe, since they may depend on it. Frames whose packets are lost
    leave a gap in the time stamps, which is filled if the rate is constant; but not one of more than a second for which
    the file has too few bytes besides its packets: then nothing was filmed. `damage` describes the damage.

    Raises:
        InputError: if the frames cannot be identified (no time stamps; packets lost at a variable rate).
    """
    source = group_pictures(source)
    ticks, suspects = _decode_leniently(source)
    shown = np.flatnonzero(source.shown)
    order = shown[np.argsort(source.ticks[shown], kind="stable")]  # packets in presentation order
    unplaceable = f"{source.path}: damaged ({damage}) and cannot be marked, since "
    if (source.ticks[shown] == UNKNOWN).any() or (ticks == UNKNOWN).any():
        raise InputError(unplaceable + "its packets carry no time stamps; re-encode it")
    stamps = source.ticks[order]
    if len(ticks) == 0:
        raise InputError(f"{source.path}: damaged ({damage}): no frame can be decoded; re-encode or leave it out")
    if source.several:
        raise InputError(unplaceable + "some of its packets hold several frames; re-encode it")
    if source.doubt:
        raise InputError(unplaceable + "which of the damaged packets are frames is unknown; re-encode it")
    ticks, alone = _second_to_first(ticks, source)
    suspects = np.append(suspects, ticks[alone])
    if not np.isin(ticks, stamps).all():
        raise InputError(unplaceable + "its frames and packets do not match by time; re-encode it")
    if source.counted and not source.key.all() and ticks[0] != stamps[0]:
        raise InputError(unplaceable + "its packets are not in the order in which they are shown; re-encode it")
    if (np.diff(ticks) < 0).any():
        raise InputError(unplaceable + "its frames come out of order; re-encode it")

    bad = source.corrupt.copy()
    expected, counts = np.unique(stamps, return_counts=True)
    came = np.bincount(np.searchsorted(expected, ticks), minlength=len(expected))  # decoded frames per expected stamp
    suspect = np.isin(expected, suspects)
    bad[order[np.isin(stamps, expected[(came != counts) | suspect])]] = True
    decoded = int(np.minimum(came, counts)[~suspect].sum())

    if source.packets_lost and source.counted:
        raise InputError(unplaceable + "the positions of the lost frames are unknown; re-encode it")
    # The largest difference between file order and presentation order: among the last so many frames there may be gaps.
    reach = np.abs(np.argsort(np.argsort(order)) - np.arange(len(order))).max()
    lost = np.zeros(len(stamps), dtype=np.int64)  # frames lost before each
    hides = source.container == "mpegts"  # counts packets by 16 only, and has no end: some are missing without a trace
    if (source.damage or hides) and (gaps := _lost_before(stamps)) is not None:
        lost = _without_pauses(gaps, stamps, source)
        if not source.damage:
            lost[~_near(bad, order, reach)] = 0
        elif not source.packets_lost:
            lost[: max(0, len(lost) - reach - 1)] = 0  # only the end is missing: earlier gaps are part of the recording
        for position in np.flatnonzero(lost):
            bad[order[position:].min()] = True  # the first packet in the file that comes after the gap
    elif source.packets_lost:
        raise InputError(unplaceable + "packets are lost and its rate is not constant; re-encode it")
    elif source.tail_lost:
        bad[order[len(order) - reach :]] = True
    bad = _spread(bad, source.key, source.ticks)

    place = np.arange(len(stamps)) + np.cumsum(lost)  # position of every packet among all frames, including lost ones
    everything = np.arange(place[-1] + 1)
    good = np.zeros(len(everything), dtype=bool)
    good[place] = ~bad[order]
    first = np.searchsorted(stamps, ticks)
    repeat = np.arange(len(ticks)) - np.searchsorted(ticks, ticks)  # equal stamps: consecutive positions
    repeat[alone] = 0
    index = place[np.minimum(first + repeat, len(stamps) - 1)]
    times = np.rint(np.interp(everything, place, stamps)).astype(np.int64)
    return Diagnosis(decoded, source.packets, times, index, good)


def _second_to_first(ticks: np.ndarray, source: Source) -> tuple[np.ndarray, np.ndarray]:
    """Return the times of decoded frames, and where the second field of a frame came alone, with the frame's time."""
    known = source.ticks[source.shown]
    alone = ~np.isin(ticks, known)
    owners = dict(source.second)
    found = ticks.copy()
    found[alone] = [owners.get(tick, tick) for tick in ticks[alone].tolist()]
    return found, alone & np.isin(found, known)


def marked_frames(source: Source, view: View, diagnosis: Diagnosis) -> Iterator[Planes | None]:
    """Yield all frames of a damaged file at their positions, None for a frame that is not good."""
    stream = FrameStream(source, view, strict=False)
    frames, index = iter(stream), iter(diagnosis.index)
    frame, at = next(frames, None), next(index, None)
    for position, good in enumerate(diagnosis.good):
        while at is not None and at < position:
            frame, at = next(frames, None), next(index, None)
        yield frame if good and at == position else None
    for _ in frames:  # to the end, where the stream sets its ticks
        pass
    if len(stream.ticks) != len(diagnosis.index):
        raise RuntimeError(f"{source.path.name}: decoded twice, {len(diagnosis.index)} and {len(stream.ticks)} frames")


def _decode_command(source: Source, stamps: Path, *, strict: bool, threads: int) -> list[str]:
    # A lenient decode is single-threaded: the output for damaged data can depend on the number of threads. A strict one
    # uses two threads per processor, since some always wait for reference frames; but one is enough for small frames,
    # for which scaling and encoding, which run in parallel, take longer than decoding.
    several = 2 * threads if threads > 1 and not _light(source) else 1
    errors = _EXPLODE if _explodes(source) else _TELL
    options = ["-xerror", *errors, "-threads", str(several)] if strict else [*errors, "-threads", "1"]
    return [
        *input_arguments(source.path, *options),
        *("-fps_mode", "passthrough", "-enc_time_base", "demux"),
        *("-filter_threads", "1", "-threads", "1"),  # some versions of ffmpeg use the latter for the filters, too
        *("-stats_enc_pre", str(stamps), "-stats_enc_pre_fmt", "{pts} {tb}"),
    ]


def _explodes(source: Source) -> bool:
    """Return whether the decoder can be told to fail at the first error.

    That of MPEG-2 then refuses every frame of two fields, intact or not (it miscounts their blocks). But it tells all
    errors in its log, and where it concealed some.
    """
    return source.codec != "mpeg2video"


def _light(source: Source) -> bool:
    """Return whether frames are cheap to decode: small, and of few bytes each."""
    frame_bytes = source.path.stat().st_size / max(1, source.packets)
    return source.height * source.width <= _LIGHT_PIXELS and frame_bytes <= _LIGHT_BYTES


def _widen(pipe: IO[bytes]) -> None:
    """Enlarge the buffer of a pipe to several frames, so that ffmpeg need not wait for the encoder; Linux only."""
    with suppress(OSError, AttributeError):  # over the user's limit for pipes: keep the default size
        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE)


def _read_full(pipe, buffer: bytearray) -> bool:
    """Fill the buffer and return True; return False at the end (ffmpeg writes whole frames)."""
    view = memoryview(buffer)
    filled = 0
    while filled < len(buffer):
        n = pipe.readinto(view[filled:])
        if not n:
            return False
        filled += n
    return True


def _read_stamps(path: Path, time_base: Fraction) -> np.ndarray:
    """Return the presentation times of the decoded frames, int64, in ticks of `time_base`."""
    ticks, known, ratio = array("q"), "", Fraction(1)
    with path.open() if path.exists() else nullcontext(()) as lines:
        for line in lines:
            tick, base = line.split()
            if base != known:
                known, ratio = base, Fraction(base) / time_base
                ratio = ratio.numerator if ratio.denominator == 1 else ratio  # nearly always 1; fractions are slow
            if tick in ("NOPTS", "nan") or int(tick) == UNKNOWN:
                ticks.append(UNKNOWN)
            else:
                ticks.append(round(int(tick) * ratio))
    return np.array(ticks, dtype=np.int64)


def _decode_leniently(source: Source) -> tuple[np.ndarray, list[int]]:
    """Return the times of all frames that a lenient decode gives, and of those that the decoder calls corrupt.

    If a packet fails that is only a part of a frame, or a reference that is never shown, a frame comes all the same.
    Then those that come next are suspects, up to the largest delay of a decoder.
    """
    with tempfile.TemporaryDirectory(prefix="ethomake-") as scratch:
        stamps = Path(scratch) / "stamps.txt"
        command = _decode_command(source, stamps, strict=False, threads=1)
        suspects, warned = [], 0  # the number of frames to come that are suspects
        command = [*command[:1], "-debug_ts", *command[1:], "-f", "null", "-"]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
            assert process.stderr is not None, "it is a pipe"
            for raw in process.stderr:
                line = raw.decode("utf-8", "replace")
                if "corrupt decoded frame" in line or "CRC mismatch" in line:
                    warned = max(warned, 1)
                elif source.grouped and "Error submitting packet to decoder" in line:
                    warned = _DELAYS.get(source.codec, 2)
                elif warned and (stamp := re.search(r"decoder -> pts:(-?\d+)", line)):
                    suspects.append(int(stamp.group(1)))
                    warned -= 1
        return _read_stamps(stamps, source.time_base), suspects


def _lost_before(stamps: np.ndarray) -> np.ndarray | None:
    """Return the number of frames missing before each, int64 (P,): gaps in a constant rate; None if the rate varies."""
    lost = np.zeros(len(stamps), dtype=np.int64)
    steps = np.diff(stamps)
    if len(steps) == 0:
        return lost
    middle = float(np.median(steps))
    if middle <= 0:
        return None
    step = float(steps[np.abs(steps - middle) <= 1].mean())  # finer than a tick
    lost[1:] = np.rint(steps / step).astype(np.int64) - 1
    regular = np.abs(steps - (lost[1:] + 1) * step) <= np.maximum(1.5, 0.02 * steps)
    return lost if regular.all() and (lost >= 0).all() else None


def _without_pauses(lost: np.ndarray, stamps: np.ndarray, source: Source) -> np.ndarray:
    """Return the number of frames lost before each, without those of long gaps that were a pause of the recording.

    What a damaged place of a file has in place of packets is as long as these were; a pause takes no bytes. So of long
    gaps (`find_gaps`), the shortest first, only those count for whose frames there is room, by half of the mean size.
    """
    lost = lost.copy()
    after = find_gaps(stamps, source.time_base) + 1
    if len(after):
        room = source.path.stat().st_size - _all_bytes(source) - int(lost.sum() - lost[after].sum()) * _mean(source) / 2
        for position in after[np.argsort(lost[after], kind="stable")]:
            room -= lost[position] * _mean(source) / 2
            lost[position] = lost[position] if room >= 0 else 0
    return lost


def _mean(source: Source) -> float:
    """Return the bytes of a packet, on average."""
    return float(source.sizes.mean())


def _all_bytes(source: Source) -> int:
    """Return the bytes of the packets of all streams, sound and others, too."""
    command = input_arguments(source.path)
    command = [*command[: command.index("-map")], "-map", "0", "-copy_unknown", *PACKETS, "-f", "framecrc", "-"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None, "it is a pipe"
        lines = (line.split(b",", 5) for line in process.stdout if not line.startswith(b"#"))
        return sum(int(fields[4]) for fields in lines if len(fields) > 4)


def _near(bad: np.ndarray, order: np.ndarray, reach: int) -> np.ndarray:
    """Return for each frame, in order of presentation, whether the gap before it is near a bad packet in the file."""
    count = np.concatenate([[0], np.cumsum(bad)])
    sides = np.stack([np.append(order[:1], order[:-1]), order])
    first, stop = sides.min(axis=0) - reach - 1, sides.max(axis=0) + reach + 2
    return count[np.minimum(stop, len(bad))] > count[np.maximum(first, 0)]


def _spread(bad: np.ndarray, key: np.ndarray, ticks: np.ndarray) -> np.ndarray:
    """Mark all packets that may depend on a bad one.

    These are all up to the next keyframe in the file, and those after that keyframe that are shown before it.
    """
    keys = np.append(np.flatnonzero(key), len(key))
    marked = bad.copy()
    for packet in np.flatnonzero(bad):
        stop = keys[np.searchsorted(keys, packet, side="right")]
        marked[packet:stop] = True
        if stop < len(key):
            after = keys[np.searchsorted(keys, stop, side="right")]
            leading = np.flatnonzero(ticks[stop:after] < ticks[stop]) + stop
            marked[leading] = True
    return marked
