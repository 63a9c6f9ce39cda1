import shlex
import struct
import subprocess
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
import simplejpeg

from ethomake.errors import InputError
from ethomake.ingest.pictures import count_pages, describe_pictures
from ethomake.ingest.probe import probe


def jpeg(path):
    path.write_bytes(simplejpeg.encode_jpeg(np.zeros((16, 16, 3), np.uint8)))
    return path


def tiff(path, pages, order="<"):
    """A grey TIFF of 1x1 pixels, its directories one after another."""
    content = (b"II" if order == "<" else b"MM") + struct.pack(order + "HI", 42, 8)
    for page in range(pages):
        entries = [(256, 3, 1, 1), (257, 3, 1, 1), (258, 3, 1, 8), (262, 3, 1, 1), (273, 4, 1, 0), (279, 4, 1, 1)]
        here = len(content)
        after = here + 2 + 12 * len(entries) + 4
        body = struct.pack(order + "H", len(entries))
        for tag, kind, count, value in entries:
            packed = struct.pack(order + "HH", value, 0) if kind == 3 else struct.pack(order + "I", value)
            body += struct.pack(order + "HHI", tag, kind, count) + packed
        content += body + struct.pack(order + "I", after if page + 1 < pages else 0)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_tiff_stack_says_how_many_pictures_it_has_and_how_to_make_a_video(tmp_path, order):
    path = tiff(tmp_path / "my stack.tif", 3, order)
    assert count_pages(path) == 3
    said = describe_pictures(path)
    assert "a TIFF stack of 3 pictures and no video" in said
    assert "ffmpeg -framerate 30 -i" in said
    assert "\n" not in said


def test_a_loop_or_a_cut_in_a_tiff_ends(tmp_path):
    path = tiff(tmp_path / "a.tif", 2)
    content = bytearray(path.read_bytes())
    content[-4:] = struct.pack("<I", 8)  # the last page points to the first
    path.write_bytes(content)
    assert count_pages(path) == 2
    path.write_bytes(content[:20])
    assert count_pages(path) == 0
    path.write_bytes(b"II")
    assert count_pages(path) == 0


@pytest.mark.parametrize(
    ("names", "given"),
    [
        (["f_001.jpg", "f_002.jpg", "f_003.jpg"], "f_%03d.jpg"),
        (["7.jpg", "8.jpg", "9.jpg", "10.jpg"], "-start_number 7 -i"),
        (["a.jpg", "b.jpg"], "-pattern_type glob"),
        (["f1.jpg", "f3.jpg"], "-pattern_type glob"),
    ],
)
def test_the_command_for_a_folder_makes_a_video_of_all_pictures(tmp_path, names, given):
    folder = tmp_path / "my frames"
    folder.mkdir()
    for name in names:
        jpeg(folder / name)
    said = describe_pictures(folder)
    assert f"a folder of {len(names)} pictures and no video" in said
    assert given in said
    command = shlex.split("ffmpeg " + said.partition(": ffmpeg ")[2])
    done = subprocess.run(
        [imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", *command[1:]],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert probe(tmp_path / "my frames.mkv").packets == len(names)


def test_no_command_is_given_that_would_mix_up_the_pictures(tmp_path):
    for number in (1, 2, 10):
        jpeg(tmp_path / f"f{number}.jpg")
    said = describe_pictures(tmp_path)
    assert "number them with equally many digits" in said
    assert "ffmpeg" not in said


def test_pictures_given_as_a_video_say_what_they_are(tmp_path):
    one = jpeg(tmp_path / "photo.jpg")
    assert describe_pictures(one) == "a single picture and no video; name the video file"
    for number in range(3):
        jpeg(tmp_path / f"f{number}.jpg")
    assert "one of 3 pictures; make a video of them" in describe_pictures(tmp_path / "f0.jpg")
    assert "they are 2 pictures and no video" in describe_pictures([str(tmp_path / "f0.jpg"), str(tmp_path / "f1.jpg")])
    with pytest.raises(InputError, match=r"f1\.jpg: a single picture and no video, one of 3 pictures"):
        probe(tmp_path / "f1.jpg")
    disguised = Path(one.rename(tmp_path / "photo.mp4"))
    with pytest.raises(InputError, match="a single picture and no video"):
        probe(disguised)


def test_what_is_no_picture_is_not_described(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "a.mp4").write_bytes(b"")
    assert describe_pictures(tmp_path / "empty") == describe_pictures(tmp_path / "a.mp4") == describe_pictures([]) == ""
