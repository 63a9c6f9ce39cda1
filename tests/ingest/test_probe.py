from fractions import Fraction

import numpy as np
import pytest

from ethomake.errors import InputError
from ethomake.ingest.probe import probe

from .fields import write_h264

X264 = ("-pix_fmt", "yuv420p", "-c:v", "libx264", "-g", "20", "-bf", "2", "-sc_threshold", "0", "-preset", "veryfast")


def refusal(path) -> str:
    with pytest.raises(InputError) as error:
        probe(path)
    message = str(error.value)
    assert "\n" not in message
    assert str(path) in message
    return message


def test_what_is_no_video_is_refused_in_one_line(tmp_path, remux):
    assert "no such video file" in refusal(tmp_path / "none.mp4")
    assert "no such video file" in refusal(tmp_path)
    empty = tmp_path / "empty.mp4"
    empty.touch()
    assert "empty" in refusal(empty)
    text = tmp_path / "text.mkv"
    text.write_text("frame,groom\n0,1\n" * 50)
    assert "no video" in refusal(text)
    sound = tmp_path / "sound.wav"
    remux("-f", "lavfi", "-i", "sine=d=0.1", sound)
    assert "no video" in refusal(sound)


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "picture.mp4"])
def test_a_picture_is_no_video(tmp_path, remux, name):
    remux("-f", "lavfi", "-i", "testsrc=s=64x64", "-frames:v", "1", "-update", "1", tmp_path / "a.png")
    remux("-i", tmp_path / "a.png", tmp_path / "a.jpg")
    (tmp_path / "picture.mp4").write_bytes((tmp_path / "a.png").read_bytes())
    assert "a single picture" in refusal(tmp_path / name)


def test_a_stream_of_pictures_is_a_video(tmp_path, remux):
    remux("-f", "lavfi", "-i", "testsrc=s=64x64", "-frames:v", "5", "-f", "mjpeg", tmp_path / "v.mjpeg")
    assert probe(tmp_path / "v.mjpeg").packets == 5


def test_an_mp4_without_its_end_says_so(encode):
    path = encode("cut.mp4", *X264)  # the index is at the end of the file
    path.write_bytes(path.read_bytes()[:-2000])
    assert "its end is missing" in refusal(path)


def test_h264_with_b_frames(encode):
    source = probe(encode("b.mp4", *X264))
    assert (source.codec, source.pixel_format, source.height, source.width) == ("h264", "yuv420p", 64, 128)
    assert source.packets == 60
    assert source.nominal_rate == 30
    assert np.flatnonzero(source.key).tolist() == [0, 20, 40]
    assert (np.diff(source.ticks) < 0).any()  # in file order, not presentation order
    assert set(np.diff(np.sort(source.ticks)).tolist()) == {Fraction(1, 30) / source.time_base}
    assert source.damage == ""
    assert not source.counted


def test_hidden_frames_of_an_edit_list_do_not_count(encode, remux, tmp_path):
    path = tmp_path / "edit.mp4"
    remux("-ss", "0.5", "-i", encode("whole.mp4", *X264), "-c", "copy", path)
    source = probe(path)
    assert len(source.shown) == 60
    assert source.packets == 45


def test_the_size_is_that_of_the_turned_picture(encode, remux, tmp_path):
    path = tmp_path / "turned.mp4"
    remux("-display_rotation", "90", "-i", encode("upright.mp4", *X264, count=3), "-c", "copy", path)
    source = probe(path)
    assert (source.height, source.width) == (128, 64)


def test_a_name_is_only_a_name(encode):
    path = encode("plain.mp4", *X264, count=3)
    for name in ("concat:a|b.mp4", "frame%03d.mp4", "-i.mp4"):
        odd = path.rename(path.with_name(name))
        assert probe(odd).packets == 3
        path = odd


def test_avi_files_are_compared_with_their_header(encode):
    path = encode("whole.avi", "-c:v", "mjpeg", "-q:v", "3")
    source = probe(path)
    assert source.counted
    assert (source.packets, source.damage) == (60, "")
    data = bytearray(path.read_bytes())
    middle = data.index(b"00dc", len(data) // 2)
    data[middle : middle + 8] = bytes(8)  # one chunk less: ffmpeg finds the next and silently counts on
    path.write_bytes(data)
    assert probe(path).packets_lost == "the header promises 60 frames, 59 are there"
    path.write_bytes(data[: len(data) // 2])
    assert probe(path).tail_lost


RAW = {
    "a.h264": ("-c:v", "libx264", "-f", "h264"),
    "a.hevc": ("-c:v", "libx265", "-x265-params", "log-level=0", "-f", "hevc"),
    "a.m2v": ("-c:v", "mpeg2video", "-f", "mpeg2video"),
    "a.mp4v": ("-c:v", "mpeg4", "-f", "m4v"),
    "a.ivf": ("-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-f", "ivf"),
    "a.y4m": ("-f", "yuv4mpegpipe"),
    "a.mp4": ("-c:v", "mpeg4"),
    "a.mkv": ("-c:v", "mjpeg"),
}


@pytest.mark.parametrize("name", RAW)
def test_a_rate_that_the_file_says_is_not_assumed(name, remux, tmp_path):
    source = ("-f", "lavfi", "-i", "testsrc=s=64x64:r=50", "-frames:v", "12", "-pix_fmt", "yuv420p")
    remux(*source, *RAW[name], tmp_path / name)
    assert not probe(tmp_path / name).assumed


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.mjpeg", ("-c:v", "mjpeg", "-f", "mjpeg")),
        ("a.obu", ("-c:v", "libaom-av1", "-cpu-used", "8", "-f", "obu")),
    ],
)
def test_a_rate_that_the_file_does_not_say_is_assumed(name, options, remux, tmp_path):
    path = tmp_path / name
    remux("-f", "lavfi", "-i", "testsrc=s=64x64:r=50", "-frames:v", "12", "-pix_fmt", "yuv420p", *options, path)
    assert probe(path).assumed
    assert probe(path).nominal_rate == 25


def test_a_rate_is_assumed_without_timing_in_the_headers(tmp_path):
    (tmp_path / "a.h264").write_bytes(write_h264(range(5)))
    assert probe(tmp_path / "a.h264").assumed


MPD = (
    '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT1S" '
    'profiles="urn:mpeg:dash:profile:isoff-on-demand:2011"><Period><AdaptationSet mimeType="video/mp4"><Representation '
    'id="0" bandwidth="1"><BaseURL>part.mp4</BaseURL></Representation></AdaptationSet></Period></MPD>'
)
LISTS = {
    "list.mp4": "ffconcat version 1.0\nfile part.mp4\n",
    "list.txt": "ffconcat version 1.0\nfile 'part.mp4'\ninpoint 0.1\n",
    "list.m3u8": "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\npart.mp4\n#EXT-X-ENDLIST\n",
    "list.mkv": "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n../part.mp4\n#EXT-X-ENDLIST\n",
    "list.mpd": MPD,
    "list.sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\n",
}


@pytest.mark.parametrize("name", LISTS)
def test_a_list_of_other_files_is_no_video(name, encode, tmp_path):
    (tmp_path / "part.mp4").write_bytes(encode("part.mp4", *X264, count=3).read_bytes())
    (tmp_path / name).write_text(LISTS[name])
    assert "a list of other files" in refusal(tmp_path / name)


def test_a_name_that_is_a_pattern_reads_no_other_pictures(remux, tmp_path):
    remux("-f", "lavfi", "-i", "testsrc=s=64x64", "-frames:v", "3", tmp_path / "frame%03d.png")
    (tmp_path / "frame%03d.png").write_bytes((tmp_path / "frame001.png").read_bytes())
    assert "picture" in refusal(tmp_path / "frame%03d.png")
