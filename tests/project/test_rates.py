import json

from ethomake.project.rates import rate_notes
from ethomake.project.videos import Video


def ingest(folder, name, fps, **more):
    (folder / name).mkdir()
    lines = [f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in {"video": name, "fps": fps, **more}.items()]
    (folder / name / "video.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")
    return Video(name, f"{name}.mp4")


def test_rates_that_agree_are_not_noted(tmp_path):
    videos = [
        ingest(tmp_path, "a", 30.0),
        ingest(tmp_path, "b", 29.97),
        Video("c", "c.mp4"),
        Video("d", "d", rate=30.0),
    ]
    assert rate_notes(videos, tmp_path) == []


def test_rates_that_differ_are_noted_from_files_and_table(tmp_path):
    videos = [ingest(tmp_path, "a", 30.0), ingest(tmp_path, "b", 29.97), Video("slow", "s.mp4", rate=120.0)]
    (note,) = rate_notes(videos, tmp_path)
    assert "(30 in b, a; 120 in slow)" in note
    assert rate_notes([Video("a", "a", rate=25.0), Video("b", "b", rate=50.0)], tmp_path)  # before anything is ingested


def test_a_guessed_rate_is_noted_until_the_table_says_it(tmp_path):
    raw = ingest(tmp_path, "raw", 25.0, rate_assumed=True)
    (note,) = rate_notes([raw], tmp_path)
    assert "raw" in note
    assert "column rate" in note
    assert rate_notes([Video("raw", "raw.h264", rate=60.0)], tmp_path) == []
