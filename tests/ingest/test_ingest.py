import hashlib
import json
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import torch

from ethomake.errors import InputError
from ethomake.ingest.frames import FrameStore
from ethomake.ingest.ingest import ingest_video
from ethomake.ingest.times import frame_clock, frame_times

X264 = ("-pix_fmt", "yuv420p", "-c:v", "libx264", "-g", "20", "-bf", "2", "-preset", "veryfast")
NAMES = ("frames.mjpeg", "frames.npy", "video.json")


def ingest(source, folder: Path, **settings) -> Path:
    settings = {"video": "arena", "image_size": (64, 128)} | settings
    ingest_video(source, *(folder / name for name in NAMES), **settings)
    return folder / "video.json"


def image_numbers(manifest, read_numbers):
    store = FrameStore(manifest)
    return read_numbers(store.read(range(len(store))).permute(0, 2, 3, 1).numpy())


@pytest.fixture(scope="module")
def intact(encode):
    return encode("arena.mp4", *X264)


@pytest.fixture(scope="module")
def broken(encode):
    path = encode("broken.mp4", *X264, "-qp", "12", "-movflags", "+faststart")
    data = bytearray(path.read_bytes())
    start, stop = len(data) // 2, len(data) // 2 + len(data) // 30
    data[start:stop] = bytes(value ^ 0x5A for value in data[start:stop])
    path.write_bytes(data)
    return path


def test_the_manifest_says_what_the_video_is(intact, tmp_path, read_numbers):
    path = ingest(intact, tmp_path)
    manifest = json.loads(path.read_text())
    assert image_numbers(path, read_numbers) == list(range(60))
    frames = (tmp_path / "frames.mjpeg").read_bytes()
    expected = {
        "video": "arena",
        "source": {
            "name": "arena.mp4",
            "bytes": intact.stat().st_size,
            "digest": "sha256:" + hashlib.sha256(intact.read_bytes()).hexdigest(),
        },
        "codec": "h264",
        "pixel_format": "yuv420p",
        "source_size": [64, 128],
        "crop": None,
        "frames": 60,
        "fps": 30.0,
        "constant_rate": True,
        "timestamps": {"time_base": [1, 15360], "first": 0, "steps": [[512, 59]]},
        "image_size": [64, 128],
        "keep_aspect": True,
        "content_box": [0, 0, 128, 64],
        "channel_mean": manifest["channel_mean"],
        "channel_std": manifest["channel_std"],
        "damaged": [],
        "frames_digest": "sha256:" + hashlib.sha256(frames).hexdigest(),
        "jpeg_quality": 92,
    }
    assert manifest == expected
    assert list(manifest) == list(expected)
    np.testing.assert_allclose(frame_times(manifest), np.arange(60) / 30, atol=1e-9)
    pixels = FrameStore(path).read(range(60)).double() / 255
    assert torch.allclose(pixels.mean((0, 2, 3)), torch.tensor(manifest["channel_mean"]).double(), atol=1e-6)
    std = pixels.std((0, 2, 3), correction=0)
    assert torch.allclose(std, torch.tensor(manifest["channel_std"]).double(), atol=1e-6)


def test_the_same_video_gives_the_same_bytes(encode, tmp_path):
    # Frames of many bytes: for others, one thread is enough.
    video = encode("heavy.mp4", "-pix_fmt", "yuv420p", "-c:v", "libx264", "-bf", "2", "-qp", "1")
    ingest(video, tmp_path / "a", threads=2)
    ingest(video, tmp_path / "b", threads=1)
    for name in NAMES:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    assert str(tmp_path) not in (tmp_path / "a" / "video.json").read_text()


@pytest.mark.parametrize(("size", "box"), [([96, 96], [0, 24, 96, 48]), ([64, 192], [32, 0, 128, 64])])
def test_crop_and_padding(size, box, encode, tmp_path):
    frames = np.zeros((5, 64, 128, 3), np.uint8)
    frames[:, 10:42, 20:84] = (250, 120, 10)
    path = encode("box.mkv", "-c:v", "ffv1", "-pix_fmt", "bgr0", frames=frames)
    manifest = json.loads(ingest(path, tmp_path, crop=(20, 10, 64, 32), image_size=size).read_text())
    assert manifest["crop"] == [20, 10, 64, 32]
    assert manifest["content_box"] == box
    np.testing.assert_allclose(manifest["channel_mean"], np.array([250, 120, 10]) / 255, atol=0.01)
    np.testing.assert_allclose(manifest["channel_std"], 0, atol=0.001)
    expected = torch.zeros(3, *size, dtype=torch.int32)
    x, y, w, h = box
    expected[:, y : y + h, x : x + w] = torch.tensor([250, 120, 10])[:, None, None]
    image = FrameStore(tmp_path / "video.json").read([4])[0].int()
    assert (image - expected).abs().max() <= 2
    assert (image[expected == 0] == 0).all()  # exactly black: no color bleeds across the border


def test_a_stretched_picture_fills_the_image(intact, tmp_path, read_numbers):
    manifest = ingest(intact, tmp_path, image_size=(96, 96), keep_aspect=False)
    assert json.loads(manifest.read_text())["content_box"] == [0, 0, 96, 96]
    assert image_numbers(manifest, read_numbers) == list(range(60))


def test_a_damaged_video_is_refused_with_both_numbers(broken, tmp_path):
    with pytest.raises(InputError) as error:
        ingest(broken, tmp_path)
    message = str(error.value)
    assert "\n" not in message
    assert "of 60 frames can be decoded; set ingest.damaged: mark" in message
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_video_can_be_marked(broken, tmp_path, read_numbers, capsys):
    path = ingest(broken, tmp_path, damaged="mark")
    manifest = json.loads(path.read_text())
    bad = {frame for start, stop in manifest["damaged"] for frame in range(start, stop)}
    assert 0 < len(bad) < 30
    assert manifest["frames"] == 60
    assert f"{len(bad)} of 60 frames are marked as damaged" in capsys.readouterr().err
    last, expected = 0, []
    for frame in range(60):
        last = last if frame in bad else frame
        expected.append(last)
    assert image_numbers(path, read_numbers) == expected
    again = ingest(broken, tmp_path / "again", damaged="mark")
    assert again.read_bytes() == path.read_bytes()


def test_marking_an_intact_video_changes_nothing(intact, tmp_path):
    a, b = ingest(intact, tmp_path / "a"), ingest(intact, tmp_path / "b", damaged="mark")
    assert a.read_bytes() == b.read_bytes()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"crop": (0, 0, 129, 64)}, r"crop 0,0,129,64 \(x,y,w,h\) is not inside the picture of arena.mp4, 128x64"),
        ({"crop": (64, 60, 64, 5)}, "is not inside"),
        ({"crop": (-1, 0, 10, 10)}, "is not inside"),
        ({"crop": (0, 0, 0, 10)}, "is not inside"),
        ({"crop": (0, 0, 10)}, "four whole numbers"),
        ({"crop": (0, 0.5, 10, 10)}, "four whole numbers"),
    ],
)
def test_a_crop_that_is_impossible_is_refused(settings, message, intact, tmp_path):
    with pytest.raises(InputError, match=message):
        ingest(intact, tmp_path, **settings)
    assert list(tmp_path.iterdir()) == []


def test_a_killed_ingest_leaves_no_manifest(intact, tmp_path, monkeypatch):
    ingest(intact, tmp_path)  # an older run: its manifest must not describe the new frames

    def fail(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("ethomake.ingest.ingest.write_npy", fail)
    with pytest.raises(KeyboardInterrupt):
        ingest(intact, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["frames.mjpeg", "frames.npy", "track.npy"]
    monkeypatch.undo()
    monkeypatch.setattr("ethomake.ingest.frames.FrameWriter.append", fail)
    with pytest.raises(KeyboardInterrupt):
        ingest(intact, tmp_path / "new")
    assert list((tmp_path / "new").iterdir()) == []


@pytest.fixture(scope="module")
def draw_long(tmp_path_factory, remux):
    """draw_long(count) -> path of a new video of `count` tiny frames."""

    def draw_long(count: int) -> Path:
        path = tmp_path_factory.mktemp("long") / f"{count}.mp4"
        lavfi = ("-f", "lavfi", "-i", "testsrc2=size=64x64:rate=30")
        remux(*lavfi, "-frames:v", count, "-c:v", "mpeg4", "-q:v", "5", "-g", "30", path)
        return path

    return draw_long


def dent(path: Path) -> Path:
    """Return a copy in which some frames are damaged."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 400] = bytes(400)
    dented = path.with_name(f"dented{path.name}")
    dented.write_bytes(data)
    return dented


@pytest.mark.parametrize("damaged", [False, True])
def test_a_frame_more_costs_its_index_and_its_time_stamp(damaged, draw_long, tmp_path):
    """Peak memory of Python and NumPy: it would reveal a list or a text of all frames."""
    counts, peaks = (300, 3300), []
    videos = [dent(draw_long(count)) if damaged else draw_long(count) for count in counts]
    ingest(videos[0], tmp_path / "first", image_size=(64, 64), damaged="mark")  # import lazily loaded modules first
    for video in videos:
        tracemalloc.start()
        path = ingest(video, tmp_path / video.stem, image_size=(64, 64), damaged="mark")
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert bool(json.loads(path.read_text())["damaged"]) == damaged
    assert peaks[1] - peaks[0] < 130 * (counts[1] - counts[0])  # bytes: a dozen 8-byte numbers with some margin


def test_it_starts_without_torch_which_takes_ten_times_as_long():
    command = [sys.executable, "-c", "import sys, ethomake.ingest.ingest; print('torch' in sys.modules)"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "False\n"


PEAK = """
import sys
from pathlib import Path
from ethomake.ingest.ingest import ingest_video
files = [Path(sys.argv[2]) / name for name in ("frames.mjpeg", "frames.npy", "video.json")]
ingest_video(sys.argv[1], *files, video="v", image_size=(64, 64))
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the system does not tell the peak of a process")
def test_memory_does_not_grow_with_the_video(draw_long, tmp_path):
    def peak(count: int) -> int:
        """Return kilobytes. Not ru_maxrss: a process inherits that of its parent."""
        command = [sys.executable, "-c", PEAK, str(draw_long(count)), str(tmp_path)]
        return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)

    assert peak(100_000) - peak(300) < 16_000


def test_the_three_files_must_be_a_store(intact, tmp_path):
    with pytest.raises(ValueError, match="in one folder"):
        ingest_video(intact, tmp_path / "a.mjpeg", tmp_path / "frames.npy", tmp_path / "video.json", video="v")
    with pytest.raises(ValueError, match="in one folder"):
        ingest_video(intact, *(tmp_path / name / name for name in NAMES), video="v")


def test_progress_is_told(intact, tmp_path, capsys):
    ingest(intact, tmp_path)
    text = capsys.readouterr().err
    assert "arena: h264, 128x64, 60 frames" in text
    assert "ingest arena" in text
    assert "60/60" in text


def test_times_in_which_nothing_was_filmed_are_told(encode, tmp_path, capsys):
    moved = "settb=1/1000,setpts='N*40+20000*gte(N,20)+1200*gte(N,40)+1300*gte(N,45)+5000*gte(N,50)'"
    options = ("-vf", moved, "-fps_mode", "passthrough", "-enc_time_base", "1/1000")
    manifest = json.loads(ingest(encode("pause.mkv", *options, *X264), tmp_path).read_text())
    told = "warning: arena: no frames for 20 s after frame 19, for 1.24 s after frame 39, for 1.34 s after frame 44, "
    assert told + "1 more times, for 28 s in all" in capsys.readouterr().err
    assert manifest["fps"] == pytest.approx(25)
    assert frame_clock(manifest).seconds == pytest.approx(60 * 0.04)


def test_single_lost_frames_are_not_told(encode, tmp_path, capsys):
    options = (
        "-vf",
        "settb=1/1000,setpts='N*40+400*gte(N,20)'",
        "-fps_mode",
        "passthrough",
        "-enc_time_base",
        "1/1000",
    )
    ingest(encode("lost.mkv", *options, *X264), tmp_path)
    assert "no frames" not in capsys.readouterr().err


def test_an_assumed_rate_is_told(remux, tmp_path, capsys):
    remux("-f", "lavfi", "-i", "testsrc=s=64x64:r=60", "-frames:v", "9", "-f", "mjpeg", tmp_path / "a.mjpeg")
    manifest = json.loads(ingest(tmp_path / "a.mjpeg", tmp_path / "out").read_text())
    assert "note: arena: a.mjpeg does not say its frame rate, so 25 per second are assumed" in capsys.readouterr().err
    assert manifest["fps"] == 25
    assert manifest["rate_assumed"]


@pytest.fixture(scope="module")
def changing(encode, remux, tmp_path_factory):
    """Return the paths of videos whose picture changes after 20 frames, by what changes."""
    folder = tmp_path_factory.mktemp("changing")
    plain = ("-pix_fmt", "yuv420p", "-c:v", "libx264", "-bf", "0")
    one = encode("one.h264", *plain, count=20).read_bytes()
    small = encode("two.h264", *plain, "-vf", "scale=64:32", count=20).read_bytes()
    (folder / "size.h264").write_bytes(one + small)
    for name, change in {
        "rotation": "display_orientation=insert:rotate=90",
        "pixels": "sample_aspect_ratio=4/3",
    }.items():
        (folder / "one.h264").write_bytes(one)
        remux("-i", folder / "one.h264", "-c", "copy", "-bsf:v", f"h264_metadata={change}", folder / "two.h264")
        (folder / f"{name}.h264").write_bytes(one + (folder / "two.h264").read_bytes())
    for name, aspect in (("a", "4:3"), ("b", "16:9")):
        path = encode(f"{name}.m2v", "-c:v", "mpeg2video", "-bf", "0", "-aspect", aspect, count=20)
        with (folder / "aspect.m2v").open("ab") as file:
            file.write(path.read_bytes())
    return folder


CHANGES = {
    "size.h264": "128x64, and 64x32 from frame 20 on",
    "rotation.h264": "128x64, and 128x64 turned by 270 degrees from frame 20 on",
    "pixels.h264": "square pixels, and pixels of 4:3 from frame 20 on",
    "aspect.m2v": "a picture of 4:3, and a picture of 16:9 from frame 20 on",
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_picture_that_changes_is_refused_under_a_crop_and_else_told(name, changing, tmp_path, capsys):
    with pytest.raises(InputError, match="another place") as error:
        ingest(changing / name, tmp_path / "cropped", crop=(64, 32, 32, 32))
    assert CHANGES[name] in str(error.value)
    assert "leave the crop empty" in str(error.value)
    assert list((tmp_path / "cropped").iterdir()) == []
    (tmp_path / "track.csv").write_text("frame,x,y\n" + "".join(f"{n},50,30\n" for n in range(20)))
    following = {"nodes": [], "head": "", "tail": "", "side": 32, "align": False, "gap": 0, "smooth": 0}
    with pytest.raises(InputError, match=r"the track of arena would show another place.*leave the track empty"):
        ingest(
            *(changing / name, tmp_path / "tracked"),
            track=tmp_path / "track.csv",
            following=following | {"confidence": 0.5},
        )
    assert json.loads(ingest(changing / name, tmp_path / "whole").read_text())["frames"] == 40
    assert f"warning: arena: the picture changes on the way: {CHANGES[name]}" in capsys.readouterr().err


def test_a_change_of_the_range_of_brightness_changes_no_place(encode, tmp_path, capsys):
    options = ("-pix_fmt", "yuv420p", "-c:v", "libx264", "-bf", "0")
    parts = [encode(f"{kind}.h264", *options, "-color_range", kind, count=5) for kind in ("tv", "pc")]
    (tmp_path / "range.h264").write_bytes(b"".join(part.read_bytes() for part in parts))
    ingest(tmp_path / "range.h264", tmp_path / "out", crop=(0, 0, 64, 64))
    assert "changes on the way" not in capsys.readouterr().err
