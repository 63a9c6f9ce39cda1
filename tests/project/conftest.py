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
        on = [int(frame % (number + 2) == 0) for frame in range(20)]  # other labels in each
        labels = "".join(f"{frame},{groom},{1 - groom}\n" for frame, groom in enumerate(on))
        Path(f"{number}.csv").write_text("frame,groom,rear\n" + labels)
        rows.append(f"mouse{number},{number}.mp4,{number}.csv,animal{number}")
    Path("new.mp4").write_bytes(b"")
    rows.append("new,new.mp4,,animal9")
    Path("videos.csv").write_text("\n".join(rows) + "\n")
    return tmp_path / "videos.csv"
