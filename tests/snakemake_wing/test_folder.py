"""What is told of the user's files before a run begins."""

import errno
import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from ethomake.errors import InputError
from ethomake.failures import MISTAKE
from ethomake.snakemake import folder
from ethomake.snakemake.folder import check_folders, check_sources, tell_reading
from ethomake.snakemake.stop import in_one_line
from ethomake.sources import ByContent, digest_of


@pytest.fixture
def video(tmp_path, monkeypatch):
    """A video of which there are results."""
    monkeypatch.chdir(tmp_path)
    Path("a.mp4").write_bytes(bytes(1000))
    Path("a.json").write_text("{}")
    return ByContent("a.mp4", "video", "a.json")


def test_much_that_is_to_be_read_is_told_and_only_then(video, monkeypatch, capsys):
    tell_reading([video])
    monkeypatch.setattr(folder, "LONG_TO_READ", 900)
    tell_reading([ByContent("a.mp4", "video", "none.json")])  # nothing was made of it, so nothing is compared
    assert capsys.readouterr().err == ""
    tell_reading([video])
    assert "note: 1 of your files (0 GB) are read once" in capsys.readouterr().err
    digest_of(video)
    tell_reading([video])
    assert capsys.readouterr().err == ""


def test_a_run_that_needs_a_file_that_is_gone_ends_before_it_begins(video, capsys):
    jobs = [
        SimpleNamespace(params={"source": video, "pack": None}, message="Reading the frames of a"),
        SimpleNamespace(params={"settings": {"epochs": 3}}, message="Training"),
    ]
    workflow = SimpleNamespace(dag=SimpleNamespace(needrun_jobs=lambda: jobs))
    check_sources(workflow)
    Path("a.mp4").unlink()
    with pytest.raises(SystemExit) as end:
        check_sources(workflow)
    assert end.value.code == 2
    said = "error: a.mp4: not there any more, but needed again (Reading the frames of a); put it back"
    assert capsys.readouterr().err.startswith(said)


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (InputError("a.csv: is empty"), "error: a.csv: is empty"),
        (
            PermissionError(errno.EACCES, "Permission denied", "results/a.json"),
            "error: results/a.json: Permission denied",
        ),
        (
            OSError(errno.EIO, "Input/output error", "results/a.json"),
            "error: [Errno 5] Input/output error: 'results/a.j",
        ),
    ],
)
def test_what_planning_cannot_read_is_one_line(capsys, error, line):
    with pytest.raises(SystemExit) as end, in_one_line():
        raise error
    assert end.value.code == MISTAKE
    said = capsys.readouterr().err
    assert said.startswith(line)
    assert said.count("\n") == 1


def test_a_bug_in_planning_keeps_its_traceback():
    with pytest.raises(KeyError), in_one_line():
        raise KeyError("a")


def test_a_run_that_cannot_write_its_results_ends_before_it_begins(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("results/ingest/a").mkdir(parents=True)
    member = SimpleNamespace(params={}, output=["results/ingest/b/video.json"], log=["logs/ingest/b.log"])
    jobs = [
        SimpleNamespace(params={}, output=["results/ingest/a/video.json", "results/new/x"], log=["logs/a.log"]),
        SimpleNamespace(params={"pack": SimpleNamespace(members=[member])}, output=[], log=[]),
        SimpleNamespace(params={}, output=[], log=[]),
    ]
    workflow = SimpleNamespace(dag=SimpleNamespace(needrun_jobs=lambda: jobs))
    check_folders(workflow)
    closed, may = {"results/ingest/a"}, os.access
    monkeypatch.setattr(os, "access", lambda path, mode: path not in closed and may(path, mode))
    for others in ("", " (and 1 more)"):
        with pytest.raises(SystemExit) as end:
            check_folders(workflow)
        assert end.value.code == MISTAKE
        assert capsys.readouterr().err.startswith(f"error: results/ingest/a: cannot be written to{others}; change its")
        Path("results/ingest/b").mkdir(exist_ok=True)
        closed.add("results/ingest/b")
    closed.clear()
    closed.add("results")  # in which results/new would be made
    with pytest.raises(SystemExit):
        check_folders(workflow)
    assert capsys.readouterr().err.startswith("error: results: cannot be written to; change its permissions")
