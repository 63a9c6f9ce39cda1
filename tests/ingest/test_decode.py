import os
import subprocess

import imageio_ffmpeg
import numpy as np
import pytest

from ethomake.errors import InputError
from ethomake.ingest.decode import Damage, FrameStream, View, content_box, diagnose, marked_frames
from ethomake.ingest.probe import probe
from ethomake.ingest.times import frame_rate

from .fields import write_h264, write_mpeg2
from .layers import join_layers

X264 = ("-pix_fmt", "yuv420p", "-c:v", "libx264", "-g", "20", "-bf", "2", "-preset", "veryfast")
VVC = ("-pix_fmt", "yuv420p10le", "-c:v", "libvvenc", "-preset", "faster", "-vvenc-params", "intraperiod=16")
HEAVY, LIGHT = ("-qp", "1"), ("-qp", "40")  # more than 4 KB per frame, and less
VARIABLE = (
    *("-vf", "settb=1/1000,setpts='33*(N+2*floor(N/5)+mod(N*7,3)*0.25)'"),
    *("-fps_mode", "passthrough", "-enc_time_base", "1/1000"),
)
SLOW = ("-vf", "setpts=3*PTS", "-r", "10", "-video_track_timescale", "15360")
PLAIN = View(None, (64, 128))


@pytest.fixture
def decode(to_rgb):
    """decode(path) -> frames in RGB, uint8 (T, H, W, 3), and the stream that gave them."""

    def decode(path, view=PLAIN, threads=1):
        stream = FrameStream(probe(path), view, strict=True, threads=threads)
        return np.stack([to_rgb(frame) for frame in stream]), stream

    return decode


FORMATS = {
    "constant.mp4": X264,
    "fragments.mp4": (*X264, "-movflags", "+frag_keyframe+empty_moov"),
    "matroska.mkv": X264,
    "stream.ts": X264,
    "raw.h264": X264,
    "h264.avi": X264,
    "motion.avi": ("-c:v", "mjpeg", "-q:v", "3"),
    "part2.avi": ("-c:v", "mpeg4", "-bf", "2", "-q:v", "3"),
    "program.mpg": ("-c:v", "mpeg2video", "-bf", "2", "-q:v", "3"),
    "ten_bits.mp4": ("-pix_fmt", "yuv420p10le", "-c:v", "libx264", "-preset", "veryfast"),
    "grey.mp4": ("-pix_fmt", "gray", "-c:v", "libx264", "-preset", "veryfast"),
    "grey16.mkv": ("-pix_fmt", "gray16le", "-c:v", "ffv1"),
    "alpha.mov": ("-pix_fmt", "argb", "-c:v", "qtrle"),
    "raw.avi": ("-pix_fmt", "yuv420p", "-c:v", "rawvideo"),
    "vp9.webm": ("-pix_fmt", "yuv420p", "-c:v", "libvpx-vp9", "-b:v", "1M", "-deadline", "realtime", "-cpu-used", "8"),
    "interlaced.mp4": (*X264, "-flags", "+ilme+ildct"),
    "open_gop.mp4": (*X264, "-x264-params", "open-gop=1"),
    "vvc.mp4": VVC,
}


@pytest.mark.parametrize("name", FORMATS)
def test_every_frame_once_and_in_order(name, encode, read_numbers, decode):
    frames, stream = decode(encode(name, *FORMATS[name]))
    assert read_numbers(frames) == list(range(60))
    assert len(stream.ticks) == 60


def test_variable_rate(encode, read_numbers, decode):
    frames, stream = decode(encode("variable.mp4", *VARIABLE, *X264))
    assert read_numbers(frames) == list(range(60))
    n = np.arange(60)
    expected = np.trunc(33 * (n + 2 * (n // 5) + (n * 7 % 3) * 0.25))
    milliseconds = (stream.ticks - stream.ticks[0]) * float(stream.source.time_base) * 1000
    np.testing.assert_allclose(milliseconds, expected, atol=0.51)


def test_frames_with_the_same_time_stamp_are_all_there(encode, read_numbers, decode):
    setting = ("-vf", "settb=1/30,setpts='N-mod(N,2)'", "-fps_mode", "passthrough", "-enc_time_base", "demux")
    frames, stream = decode(encode("twice.mkv", *setting, *X264, "-bf", "0"))
    assert read_numbers(frames) == list(range(60))
    assert (np.diff(stream.ticks)[::2] == 0).all()


def test_two_files_of_different_rates_joined(encode, read_numbers, remux, tmp_path, decode):
    parts = [encode("a.mp4", *X264, count=20), encode("b.mp4", *X264, *SLOW, count=20)]
    listing = tmp_path / "list.txt"
    listing.write_text("".join(f"file '{part}'\n" for part in parts))
    remux("-f", "concat", "-safe", "0", "-i", listing, "-c", "copy", tmp_path / "joined.mp4")
    frames, stream = decode(tmp_path / "joined.mp4")
    assert read_numbers(frames) == [*range(20), *range(20)]
    steps = np.diff(stream.ticks) * float(stream.source.time_base)
    np.testing.assert_allclose(steps[[0, 30]], [1 / 30, 1 / 10])


def test_edit_lists_hide_what_they_hide(encode, read_numbers, remux, tmp_path, decode):
    remux("-ss", "0.5", "-i", encode("whole.mp4", *X264), "-c", "copy", tmp_path / "edit.mp4")
    frames, _ = decode(tmp_path / "edit.mp4")
    assert read_numbers(frames) == list(range(15, 60))


def test_a_late_audio_track_moves_nothing(encode, read_numbers, remux, tmp_path, decode):
    path = encode("silent.mp4", *X264)
    remux("-i", path, "-itsoffset", "0.7", "-f", "lavfi", "-i", "sine=d=2", "-c:v", "copy", tmp_path / "sound.mp4")
    frames, _ = decode(tmp_path / "sound.mp4")
    assert read_numbers(frames) == list(range(60))


def test_rotation_is_applied_before_the_crop(encode, remux, tmp_path, numbered, decode):
    upright = np.repeat(numbered(3)[:, :32], 2, axis=1)  # only blocks: nothing that a codec blurs
    path = encode("upright.mp4", *X264, "-qp", "1", frames=upright)
    remux("-display_rotation", "90", "-i", path, "-c", "copy", tmp_path / "turned.mp4")
    view = View((0, 64, 64, 64), (64, 64))
    frames, _ = decode(tmp_path / "turned.mp4", view)
    turned = np.rot90(upright, 1, axes=(1, 2))  # counterclockwise
    assert np.abs(frames.astype(int) - turned[:, 64:128, 0:64]).mean() < 3


@pytest.mark.parametrize("threads", [2, 3])
def test_threads_change_no_byte(threads, encode, decode):
    path = encode("threads.mp4", *X264, *HEAVY)
    view = View((1, 3, 101, 57), (54, 96))
    np.testing.assert_array_equal(decode(path, view)[0], decode(path, view, threads)[0])


@pytest.mark.parametrize(("options", "threads", "decoders"), [(HEAVY, 3, "6"), (HEAVY, 1, "1"), (LIGHT, 3, "1")])
def test_only_heavy_frames_are_decoded_by_several_threads(options, threads, decoders, encode, decode, monkeypatch):
    commands = []

    class Popen(subprocess.Popen):
        def __init__(self, command, **options):
            commands.append(command)
            super().__init__(command, **options)

    monkeypatch.setattr(subprocess, "Popen", Popen)
    frames, _ = decode(encode("heavy.mp4", *X264, *options), threads=threads)
    assert len(frames) == 60
    command = commands[-1]
    assert command[command.index("-threads") + 1] == decoders  # before the input: applies to the decoder
    assert command.index("-threads") < command.index("-i")


@pytest.mark.skipif(not hasattr(os, "SCHED_BATCH"), reason="only Linux has this way of scheduling")
def test_this_process_and_ffmpeg_work_in_turns_and_afterwards_all_is_as_before(encode):
    before = os.sched_getscheduler(0)
    stream = iter(FrameStream(probe(encode("turns.mp4", *X264)), PLAIN, strict=True))
    next(stream)
    assert os.sched_getscheduler(0) == (os.SCHED_BATCH if before == os.SCHED_OTHER else before)
    stream.close()
    assert os.sched_getscheduler(0) == before


def test_odd_sizes_and_odd_crops_are_exact(encode, numbered, to_planes):
    frames = numbered(3)[:, :63, :127]
    path = encode("odd.mkv", "-c:v", "ffv1", "-pix_fmt", "bgr0", frames=frames)
    view = View((5, 7, 96, 32), (32, 96))
    for planes, frame in zip(FrameStream(probe(path), view, strict=True), frames, strict=True):
        assert np.abs(planes.luma.astype(int) - to_planes(frame[7:39, 5:101]).luma).max() <= 1


@pytest.mark.parametrize("size", [(256, 256), (128, 128), (160, 128)])
@pytest.mark.parametrize(("kind", "low", "luma", "color"), [("tv", 16, 219, 224), ("pc", 0, 255, 255)])
def test_every_value_becomes_what_a_jpeg_means_by_it(kind, low, luma, color, size, remux, tmp_path):
    """Brightness in the columns of blocks, colors in their rows; the formulas of the standards, BT.601 and T.871."""
    bright = np.linspace(low, low + luma, 16).round().astype(np.uint8)
    blue = np.linspace(128 - color // 2 + 1, 128 + color // 2 - 1, 16).round().astype(np.uint8)
    colors = [np.tile(each.repeat(8)[:, None], (1, 128)) for each in (blue, blue[::-1])]
    planes = [np.tile(bright.repeat(16), (256, 1)), *colors]
    raw, path = tmp_path / "planes.yuv", tmp_path / "planes.mkv"
    raw.write_bytes(b"".join(plane.tobytes() for plane in planes))
    shape = ("-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", "256x256", "-color_range", kind)
    remux(*shape, "-i", raw, "-c:v", "ffv1", "-color_range", kind, path)
    view = View(None, size)
    (found,) = ([plane.copy() for plane in frame] for frame in FrameStream(probe(path), view, strict=True))
    expected = [(planes[0] - float(low)) * 255 / luma, *((plane - 128.0) * 255 / color + 128 for plane in planes[1:])]
    for plane, exact, near in zip(found, expected, (0.51, 1.01, 1.01), strict=True):  # ffmpeg rounds colors down
        centers = [((np.arange(16) + 0.5) * side / 16).astype(int) for side in plane.shape]
        exact = exact.reshape(16, len(exact) // 16, 16, len(exact) // 16)[:, 0, :, 0]
        assert np.abs(plane[np.ix_(*centers)] - exact).max() <= near


def test_an_odd_crop_of_subsampled_video_is_not_rounded(encode, decode):
    frames = np.full((2, 64, 128, 3), 30, np.uint8)
    frames[:, 11:, 33:] = 220
    path = encode("sub.mkv", "-c:v", "ffv1", "-pix_fmt", "yuv420p", frames=frames)
    result, _ = decode(path, View((33, 11, 64, 32), (32, 64)))
    assert result.min() > 200


@pytest.mark.parametrize(
    ("pixels", "options", "expected"),
    [
        ((200, 100, 40), ("-pix_fmt", "yuv444p10le", "-c:v", "ffv1"), (200, 100, 40)),
        ((200, 100, 40), ("-pix_fmt", "rgb48le", "-c:v", "ffv1"), (200, 100, 40)),
        ((120, 120, 120), ("-pix_fmt", "gray", "-c:v", "ffv1"), (120, 120, 120)),
        # high definition uses another color matrix
        (
            (200, 100, 40),
            ("-vf", "scale=out_color_matrix=bt709,format=yuv444p10le", "-colorspace", "bt709", "-c:v", "ffv1"),
            (200, 100, 40),
        ),
        # alpha is dropped, not blended with black
        ((200, 100, 40), ("-vf", "format=rgba,colorchannelmixer=aa=0.3", "-c:v", "ffv1"), (200, 100, 40)),
    ],
)
def test_whatever_comes_in_has_the_right_colors(pixels, options, expected, encode, decode):
    frames, _ = decode(encode("color.mkv", *options, frames=np.full((2, 64, 128, 3), pixels, np.uint8)))
    assert np.abs(frames.astype(int) - expected).max() <= 2  # colors are rounded to a grey level


@pytest.mark.parametrize(
    ("size", "image", "box"),
    [
        ((480, 640), (224, 224), (0, 28, 224, 168)),  # 224 * 480 / 640 = 168; (224 - 168) / 2 = 28
        ((640, 480), (224, 224), (28, 0, 168, 224)),
        ((100, 100), (32, 64), (16, 0, 32, 32)),
        ((64, 128), (64, 128), (0, 0, 128, 64)),
        ((1, 1000), (32, 32), (0, 14, 32, 2)),  # never empty
        ((99, 200), (64, 64), (0, 16, 64, 32)),  # 31.68
        ((95, 200), (64, 64), (0, 16, 64, 30)),  # 30.4; all numbers are even, since colors have half the resolution
    ],
)
def test_the_picture_lies_in_the_middle(size, image, box):
    assert content_box(size, image, keep_aspect=True) == box
    assert content_box(size, image, keep_aspect=False) == (0, 0, image[1], image[0])


def test_scaling_keeps_the_mean_of_blocks(encode, decode):
    frames = np.random.default_rng(3).integers(0, 256, (2, 8, 8, 3), dtype=np.uint8).repeat(16, 1).repeat(16, 2)
    path = encode("blocks.mkv", "-c:v", "ffv1", "-pix_fmt", "bgr0", frames=frames)
    result, _ = decode(path, View(None, (64, 64)))
    inner = result.reshape(2, 8, 8, 8, 8, 3)[:, :, 2:6, :, 2:6]  # away from the borders of the blocks
    original = frames.reshape(2, 8, 16, 8, 16, 3)[:, :, :1, :, :1]
    assert np.abs(inner.astype(int) - original).max() <= 3  # colors are rounded to a grey level


# Damage. In each case it is detected, and every frame called good shows the number of its position.


def damage(path, kind, at=0.5):
    data = bytearray(path.read_bytes())
    start = int(len(data) * at)
    if kind == "flip":
        # Long enough to hit the header of a packet: codecs have no checksums, so junk within one may still decode.
        stop = start + len(data) // 30
        data[start:stop] = bytes(value ^ 0x5A for value in data[start:stop])
    elif kind == "dent":  # within one frame
        stop = start + 400
        data[start:stop] = bytes(value ^ 0x5A for value in data[start:stop])
    elif kind == "zero":
        data[start : start + 4000] = bytes(4000)
    elif kind == "cut out":  # whole packets of a transport stream
        start = start // 188 * 188
        del data[start : start + 60 * 188]
    elif kind == "short":
        del data[start:]
    path.write_bytes(data)
    return path


FRONT = (*X264, "-qp", "12", "-movflags", "+faststart")
MJPEG = ("-c:v", "mjpeg", "-q:v", "3")
CASES = {
    "truncated mp4": ("a.mp4", FRONT, "short"),
    "corrupt mp4": ("a.mp4", FRONT, "flip"),
    "zeroed mp4": ("a.mp4", FRONT, "zero"),
    "truncated mkv": ("a.mkv", (*X264, "-qp", "12"), "short"),
    "corrupt mkv": ("a.mkv", (*X264, "-qp", "12"), "flip"),
    "truncated mkv, variable rate": ("a.mkv", (*VARIABLE, *X264, "-qp", "12"), "short"),
    "truncated mkv, intra": ("a.mkv", MJPEG, "short"),
    "zeroed mkv, lossless": ("a.mkv", ("-c:v", "ffv1", "-g", "10"), "zero"),
    "truncated avi": ("a.avi", MJPEG, "short"),
    "corrupt avi": ("a.avi", MJPEG, "dent"),
    "truncated avi, part 2": ("a.avi", ("-c:v", "mpeg4", "-q:v", "3", "-g", "20"), "short"),
    "corrupt avi, part 2": ("a.avi", ("-c:v", "mpeg4", "-q:v", "3", "-g", "20"), "dent"),
    "truncated ts": ("a.ts", (*X264, "-qp", "12"), "short"),
    "holed ts": ("a.ts", (*X264, "-qp", "12"), "cut out"),
    "corrupt hevc": (
        "a.mp4",
        ("-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=0:keyint=20"),
        "flip",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_damage_is_found_and_good_frames_keep_their_places(case, encode, read_numbers, to_rgb):
    name, options, kind = CASES[case]
    source = probe(damage(encode(name, *options), kind))
    reason = source.damage
    if not reason:
        with pytest.raises(Damage) as found:
            list(FrameStream(source, PLAIN, strict=True))
        reason = str(found.value)
    diagnosis = diagnose(source, reason)
    frames = [None if frame is None else to_rgb(frame) for frame in marked_frames(source, PLAIN, diagnosis)]
    good = np.flatnonzero(diagnosis.good)
    assert len(frames) == len(diagnosis.good) == len(diagnosis.ticks)
    assert [i for i, frame in enumerate(frames) if frame is not None] == good.tolist()
    assert read_numbers(np.stack([frames[i] for i in good])) == good.tolist()
    assert len(good) >= (20 if kind == "short" else 30)  # most recoverable frames are recovered
    if kind != "short":
        assert len(diagnosis.good) == 60
        assert len(good) < 60
    marked = np.ones(len(frames), dtype=bool)
    for start, stop in diagnosis.damaged:
        marked[start:stop] = False
    np.testing.assert_array_equal(marked, diagnosis.good)


def test_what_ffmpeg_itself_would_have_shifted(encode, read_numbers):
    """The case that ingest exists for: exit status 0, but frames are missing and all later ones shifted."""
    path = damage(encode("shift.mp4", *FRONT), "flip")
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "quiet", "-i", str(path), "-fps_mode", "passthrough"]
    done = subprocess.run([*command, "-f", "rawvideo", "-pix_fmt", "rgb24", "-"], capture_output=True, check=False)
    assert done.returncode == 0
    naive = read_numbers(np.frombuffer(done.stdout, np.uint8).reshape(-1, 64, 128, 3))
    assert len(naive) < 60
    assert naive[-1] == 59


def test_gaps_that_the_camera_left_are_not_filled_when_only_the_end_is_missing(encode, read_numbers, to_rgb):
    dropped = ("-vf", "settb=1/30,setpts='N+4*gte(N,10)'", "-fps_mode", "passthrough", "-enc_time_base", "demux")
    source = probe(damage(encode("gap.mkv", *dropped, *X264, "-qp", "12"), "short"))
    diagnosis = diagnose(source, source.damage)
    frames = [None if frame is None else to_rgb(frame) for frame in marked_frames(source, PLAIN, diagnosis)]
    good = [i for i, frame in enumerate(frames) if frame is not None]
    assert good[:20] == list(range(20))
    assert read_numbers(np.stack([frames[i] for i in good])) == good


LATE = (
    *("-vf", "settb=1/30,setpts='N+18000*gte(N,30)'"),  # nothing was filmed for ten minutes before frame 30
    *("-fps_mode", "passthrough", "-enc_time_base", "1/30"),
)


@pytest.mark.parametrize(
    ("name", "options", "kind", "at"),
    [
        ("a.ts", (*X264, "-qp", "12"), "cut out", 0.2),
        ("a.ts", (*X264, "-qp", "12"), "flip", 0.8),
        ("a.mkv", (*X264, "-qp", "12"), "zero", 0.2),
        ("a.mkv", MJPEG, "flip", 0.5),
        ("a.mp4", FRONT, "flip", 0.8),
    ],
)
def test_a_pause_in_a_damaged_recording_is_not_filled_with_frames(
    name, options, kind, at, encode, read_numbers, to_rgb
):
    source = probe(damage(encode(name, *LATE, *options), kind, at))
    diagnosis = diagnose(source, source.damage or "errors")
    frames = [None if frame is None else to_rgb(frame) for frame in marked_frames(source, PLAIN, diagnosis)]
    good = [i for i, frame in enumerate(frames) if frame is not None]
    assert len(frames) == 60
    assert 30 <= len(good) < 60
    assert read_numbers(np.stack([frames[i] for i in good])) == good
    steps = np.diff(diagnosis.ticks) * float(source.time_base)
    assert (np.argmax(steps), steps.max()) == (29, pytest.approx(600, abs=0.1))


def test_lost_frames_that_last_longer_than_a_pause_may_are_filled_if_their_bytes_are_there(
    encode, read_numbers, to_rgb
):
    path = encode("long.mkv", *MJPEG, count=120)
    data = bytearray(path.read_bytes())
    start = len(data) // 4
    data[start : len(data) * 3 // 4] = bytes(len(data) * 3 // 4 - start)
    path.write_bytes(data)
    source = probe(path)
    diagnosis = diagnose(source, source.damage)
    assert np.diff(np.flatnonzero(diagnosis.good)).max() > 30  # more than a second
    frames = [None if frame is None else to_rgb(frame) for frame in marked_frames(source, PLAIN, diagnosis)]
    good = [i for i, frame in enumerate(frames) if frame is not None]
    assert len(frames) == 120
    assert read_numbers(np.stack([frames[i] for i in good])) == good


def test_frames_of_a_transport_stream_that_are_lost_without_a_trace_leave_their_places(encode, read_numbers, to_rgb):
    path = encode("a.ts", *X264, "-qp", "12")
    data = path.read_bytes()
    packets = [data[start : start + 188] for start in range(0, len(data), 188)]
    video = [n for n, packet in enumerate(packets) if packet[1] & 0x1F == 1 and packet[2] == 0]  # PID 256
    begins = [k for k, n in enumerate(video) if packets[n][1] & 0x40]  # of frames
    first = begins[25] + 3
    stop = first + 160  # packets are counted by 16, so that nobody misses so many
    path.write_bytes(b"".join(packet for n, packet in enumerate(packets) if n not in video[first:stop]))
    source = probe(path)
    assert not source.damage
    with pytest.raises(Damage) as found:
        list(FrameStream(source, PLAIN, strict=True))
    diagnosis = diagnose(source, str(found.value))
    frames = [None if frame is None else to_rgb(frame) for frame in marked_frames(source, PLAIN, diagnosis)]
    good = [i for i, frame in enumerate(frames) if frame is not None]
    assert len(frames) == 60
    assert len(good) >= 30
    assert read_numbers(np.stack([frames[i] for i in good])) == good


def test_lost_packets_that_nothing_can_place_are_refused(encode):
    path = encode("hole.avi", *MJPEG)
    data = bytearray(path.read_bytes())
    middle = data.index(b"00dc", len(data) // 2)
    data[middle : middle + 8] = bytes(8)
    path.write_bytes(data)
    source = probe(path)
    with pytest.raises(InputError, match="cannot be marked, since the positions of the lost frames are unknown"):
        diagnose(source, source.damage)


def test_damaged_files_without_time_stamps_are_refused(encode):
    source = probe(damage(encode("raw.h264", *X264, "-qp", "12"), "flip"))
    with pytest.raises(InputError, match="no time stamps; re-encode"):
        diagnose(source, "errors")


# Frames that are coded in parts or with packets that are never shown: judged by the headers of the pictures.


def fields_of(codec):
    writers = {"h264": lambda: write_h264(range(60)), "mpeg2": lambda: write_mpeg2(range(60))}
    return writers[codec]()


@pytest.mark.parametrize("suffix", ["", "ts", "mkv", "mp4", "avi"])
@pytest.mark.parametrize(("codec", "raw"), [("h264", "h264"), ("mpeg2", "m2v")])
def test_two_fields_are_one_frame(codec, raw, suffix, remux, read_numbers, decode, tmp_path):
    path = tmp_path / f"fields.{raw}"
    path.write_bytes(fields_of(codec))
    if suffix:
        rate = ("-r", "50") if codec == "h264" else ("-fflags", "+genpts")
        remux(*rate, "-i", path, "-c", "copy", tmp_path / f"fields.{suffix}")
        path = tmp_path / f"fields.{suffix}"
    frames, stream = decode(path, View(None, (32, 64)))
    assert read_numbers(frames) == list(range(60))
    assert frame_rate(stream.ticks, stream.source.time_base, stream.source.nominal_rate) == pytest.approx(25)


def test_frames_and_fields_can_be_mixed(read_numbers, decode, tmp_path):
    (tmp_path / "mixed.h264").write_bytes(write_h264(range(60), whole=range(25, 41)))
    frames, _ = decode(tmp_path / "mixed.h264", View(None, (32, 64)))
    assert read_numbers(frames) == list(range(60))


def test_a_field_without_its_second_is_damage(decode, tmp_path):
    (tmp_path / "lone.h264").write_bytes(write_h264(range(60), lone=33))
    with pytest.raises(Damage, match="60 pictures gave 59 frames"):
        decode(tmp_path / "lone.h264", View(None, (32, 64)))


VP8 = ("-pix_fmt", "yuv420p", "-c:v", "libvpx", "-b:v", "300k", "-auto-alt-ref", "1", "-lag-in-frames", "16")
VP9 = ("-pix_fmt", "yuv420p", "-c:v", "libvpx-vp9", "-b:v", "300k", "-lag-in-frames", "16", "-cpu-used", "8")
AV1 = ("-pix_fmt", "yuv420p", "-c:v", "libaom-av1", "-b:v", "100k", "-cpu-used", "8", "-lag-in-frames", "20")
SPLIT = {"vp9": "vp9_superframe_split", "av1": "av1_frame_split"}


@pytest.fixture(scope="module")
def two_passes(encode, numbered, tmp_path_factory):
    """Return the path of a VP8 file with hidden references, which only an encoder of two passes writes."""
    log = str(tmp_path_factory.mktemp("passes") / "log")
    frames = numbered(60)
    frames[:, 32:] = 100
    encode("first.webm", *VP8, "-pass", "1", "-passlogfile", log, frames=frames)
    return encode("second.webm", *VP8, "-pass", "2", "-passlogfile", log, frames=frames)


@pytest.mark.parametrize("suffix", ["webm", "mkv", "ivf", "avi"])
def test_hidden_references_of_vp8_are_no_frames(suffix, two_passes, remux, read_numbers, decode, tmp_path):
    path = tmp_path / f"copy.{suffix}"
    remux("-i", two_passes, "-c", "copy", path)
    frames, stream = decode(path)
    assert read_numbers(frames) == list(range(60))
    assert len(stream.source.ticks) > 60


@pytest.mark.parametrize(("codec", "options"), [("vp9", VP9), ("av1", AV1)])
def test_hidden_references_in_packets_of_their_own(codec, options, encode, remux, read_numbers, decode, tmp_path):
    remux("-i", encode("v.mkv", *options), "-c", "copy", "-bsf:v", SPLIT[codec], tmp_path / "split.mkv")
    assert read_numbers(decode(tmp_path / "split.mkv")[0]) == list(range(60))


def test_leading_pictures_whose_references_were_cut_off_are_no_frames(encode, remux, read_numbers, decode, tmp_path):
    cases = {
        "hevc": (*("-c:v", "libx265", "-preset", "ultrafast"), "-x265-params", "log-level=0:keyint=20:open-gop=1"),
        "mpeg2": ("-c:v", "mpeg2video", "-bf", "2", "-g", "20", "-q:v", "3"),
        "vvc": VVC,
    }
    for name, options in cases.items():
        whole = encode("whole.ts", "-pix_fmt", "yuv420p", *options)
        remux("-ss", "0.3" if name == "vvc" else "0.8", "-i", whole, "-c", "copy", tmp_path / "cut.ts")
        frames, stream = decode(tmp_path / "cut.ts")
        shown = read_numbers(frames)
        assert shown == list(range(shown[0], 60)), name
        assert len(frames) < len(stream.source.ticks), name


@pytest.mark.parametrize("suffix", ["avi", "mkv", "mp4"])
def test_pictures_that_are_not_coded_are_no_frames(suffix, encode, remux, read_numbers, decode, tmp_path):
    raw = encode("whole.m4v", "-c:v", "mpeg4", "-bf", "0", "-q:v", "3", "-f", "m4v").read_bytes()
    start, pictures = b"\0\0\1\xb6", raw.split(b"\0\0\1\xb6")
    for number in range(3, 60, 7):  # after this picture one like those with which encoders drop frames
        bits = f"01 0 1 {number % 30:05b} 1 0 011111".replace(" ", "")  # P, time, not coded, stuffing
        pictures[number] += start + int(bits, 2).to_bytes(2, "big")
    (tmp_path / "dropped.m4v").write_bytes(start.join(pictures))
    path = tmp_path / f"dropped.{suffix}"
    remux("-r", "30", "-f", "m4v", "-i", tmp_path / "dropped.m4v", "-c", "copy", path)
    frames, stream = decode(path)
    assert read_numbers(frames) == list(range(60))
    assert len(stream.source.ticks) == 69


def test_empty_packets_are_no_frames(remux, decode, tmp_path):
    source = ("-f", "lavfi", "-i", "testsrc2=s=720x576:r=25", "-frames:v", "5")
    remux(*source, "-c:v", "dvvideo", "-pix_fmt", "yuv420p", tmp_path / "tape.dv")
    remux("-i", tmp_path / "tape.dv", "-c", "copy", tmp_path / "tape.avi")  # 600 packets a second, 25 of them frames
    frames, stream = decode(tmp_path / "tape.avi")
    assert len(frames) == 5
    assert len(stream.source.ticks) > 5


@pytest.mark.parametrize(("codec", "suffix"), [("h264", "ts"), ("h264", "mkv"), ("mpeg2", "mkv")])
@pytest.mark.parametrize("at", [0.2, 0.45, 0.7])
def test_damage_to_fields_is_found_and_good_frames_keep_their_places(
    codec, suffix, at, remux, read_numbers, to_rgb, tmp_path
):
    raw, path = tmp_path / f"fields.{codec[:4]}", tmp_path / f"fields.{suffix}"
    raw.write_bytes(fields_of(codec))
    rate = ("-r", "50") if codec == "h264" else ("-fflags", "+genpts")
    remux(*rate, "-f", {"h264": "h264", "mpeg2": "mpegvideo"}[codec], "-i", raw, "-c", "copy", path)
    source = probe(damage(path, "flip", at))
    view = View(None, (32, 64))
    if not (reason := source.damage):
        with pytest.raises(Damage) as found:
            list(FrameStream(source, view, strict=True))
        reason = str(found.value)
    diagnosis = diagnose(source, reason)
    frames = [None if frame is None else to_rgb(frame) for frame in marked_frames(source, view, diagnosis)]
    good = [i for i, frame in enumerate(frames) if frame is not None]
    assert good
    assert read_numbers(np.stack([frames[i] for i in good])) == good


def test_spatial_layers_of_av1_are_one_frame(encode, remux, numbered, read_numbers, to_rgb, decode, tmp_path):
    twice = numbered(60).repeat(2, axis=0)  # in two layers
    options = ("-pix_fmt", "yuv420p", "-c:v", "libaom-av1", "-cpu-used", "8", "-lag-in-frames", "0", "-g", "20")
    raw = encode("single.obu", *options, "-usage", "realtime", frames=twice)
    (tmp_path / "layers.obu").write_bytes(join_layers(raw.read_bytes()))
    path = tmp_path / "layers.mkv"
    remux("-i", tmp_path / "layers.obu", "-c", "copy", path)
    for each in (tmp_path / "layers.obu", path):
        assert read_numbers(decode(each)[0]) == list(range(60))
    source = probe(damage(path, "flip", 0.4))
    diagnosis = diagnose(source, source.damage)
    frames = [None if frame is None else to_rgb(frame) for frame in marked_frames(source, PLAIN, diagnosis)]
    good = [i for i, frame in enumerate(frames) if frame is not None]
    assert len(frames) == 60
    assert 40 <= len(good) < 60
    assert read_numbers(np.stack([frames[i] for i in good])) == good


def test_damage_to_hidden_references_is_found(two_passes, tmp_path):
    path = tmp_path / "dented.webm"
    path.write_bytes(two_passes.read_bytes())
    source = probe(damage(path, "flip", 0.4))
    if not source.damage:
        with pytest.raises(Damage):
            list(FrameStream(source, PLAIN, strict=True))
