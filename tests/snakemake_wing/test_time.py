"""The note on how long a run takes, before it begins."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from ethomake.project.runs import Run, Split
from ethomake.project.settings import resolve_settings
from ethomake.scheduling.resources import Experiment
from ethomake.snakemake.resources import tell_time

PARTS = {"train": ["a"], "validate": [], "test": []}


def tell(folder, *, local=True, frames=100_000):
    """Tell of a run that is about to train the flow network on the video a."""
    settings = resolve_settings({"behaviors": ["groom"]})
    experiment = Experiment(
        {"main": Run("main", Split(PARTS, PARTS, PARTS), settings)}, lambda _: frames, lambda _: 1.0, ["a"]
    )
    project = SimpleNamespace(videos={"a": SimpleNamespace(path=str(folder / "a.mp4"))})
    job = SimpleNamespace(rule="train_flow", wildcards={"run": "main"}, params={})
    workflow = SimpleNamespace(dag=SimpleNamespace(needrun_jobs=lambda: [job]), local_exec=local, cores=2)
    tell_time(workflow, project, experiment)


@pytest.fixture
def video(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Path, "glob", lambda self, pattern: iter(()))  # no GPU
    (tmp_path / "a.mp4").write_bytes(b"")
    return tmp_path


def test_it_names_the_quick_tier(video, capsys):
    tell(video)
    assert "on 2 cores without a GPU" in (said := capsys.readouterr().err)
    assert "--config preset=frozen" in said


def test_a_cluster_and_a_machine_with_a_gpu_are_not_told(video, capsys, monkeypatch):
    tell(video, local=False)
    monkeypatch.setattr(Path, "glob", lambda self, pattern: iter([Path("/dev/nvidia0")]))
    tell(video)
    assert capsys.readouterr().err == ""


def test_nothing_is_said_of_videos_that_are_not_there_yet(video, capsys):
    (video / "a.mp4").unlink()
    tell(video)
    assert capsys.readouterr().err == ""
