"""A small project."""

from pathlib import Path

import pytest


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder with five labelled videos and one without labels; returns the path of its table."""
    monkeypatch.chdir(tmp_path)
    rows = ["video,path,labels,subject"]
    for number in range(5):
        Path(f"{number}.mp4").write_bytes(b"not read here %d" % number)
        labels = "".join(f"{frame},{frame % 2},{(frame + 1) % 2}\n" for frame in range(20))
        Path(f"{number}.csv").write_text("frame,groom,rear\n" + labels)
        rows.append(f"mouse{number},{number}.mp4,{number}.csv,animal{number}")
    Path("new.mp4").write_bytes(b"")
    rows.append("new,new.mp4,,animal9")
    Path("videos.csv").write_text("\n".join(rows) + "\n")
    return tmp_path / "videos.csv"
