import json
import subprocess
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from ethomake.errors import InputError
from ethomake.files import file_digest, read_json, write_json
from ethomake.provenance.record import begin_record, checkout, digest, record_path, write_record

FILES = {"log": "logs/count/mouse.log", "input": "raw/labels.csv", "output": "results/mouse.csv"}


@pytest.fixture
def task(tmp_path, monkeypatch):
    """A job of a project in which one input lies; `task(output=[...])` changes what Snakemake says of it."""
    monkeypatch.chdir(tmp_path)
    Path("labels.csv").write_text("frame,groom\n0,1\n")
    Path("count.py").write_text('"""Count the frames."""\nfrom ethomake import files\n')
    Path("results").mkdir()

    def make(**changes):
        facts = {
            "rule": "count",
            "log": ["logs/count/mouse.log"],
            "threads": 1,
            "input": ["labels.csv"],
            "output": ["results/mouse.csv"],
            "params": {"settings": {"b": 2, "a": 1}, "seed": 7, "code": "0123", "checkpoint": "results/.checkpoints/x"},
            "wildcards": {"video": "mouse"},
        }
        return SimpleNamespace(**{**facts, **changes})

    return make


def run(job, text="1\n"):
    """What a job does: begin, write, end well; gives the record's path."""
    begun = begin_record(job, "count.py")
    for output in job.output:
        Path(output).write_text(text)
    write_record(begun, {"device": "CPU with 1 thread, float32"})
    return record_path(job.log[0])


def test_files_in_a_storage_stand_in_the_record_under_their_own_names(task):
    copies = Path(".snakemake/storage/fs/data/logs/of/mine")
    for folder in ("raw", "results"):
        (copies / folder).mkdir(parents=True)
    (copies / "raw/labels.csv").write_text("frame,groom\n0,1\n")
    local = {name: [f"{copies}/{path}"] for name, path in FILES.items()}
    path = run(task(**local))
    assert path == Path("results/provenance/count/mouse.json")
    record = read_json(path)
    assert list(record["inputs"]) == [FILES["input"]]
    assert list(record["outputs"]) == [FILES["output"]]


def test_a_record_tells_what_the_outputs_were_made_from(task):
    path = run(task())
    assert path == Path("results/provenance/count/mouse.json")
    record = read_json(path)
    assert record["rule"] == "count"
    assert record["did"] == "Count the frames."
    assert record["wildcards"] == {"video": "mouse"}
    assert record["outputs"] == {"results/mouse.csv": file_digest("results/mouse.csv")}
    assert record["inputs"] == {"labels.csv": file_digest("labels.csv")}
    assert record["parameters"] == {"settings": {"a": 1, "b": 2}, "seed": 7}
    assert record["seed"] == 7
    assert {"count.py", "ethomake/files.py"} <= set(record["code"]["modules"])
    assert "ethomake/errors.py" not in record["code"]["modules"], "what surrounds the work of a job does not count"
    assert record["versions"]["numpy"] == np.__version__
    assert {"python", "ethomake"} <= set(record["versions"])
    assert record["device"] == "CPU with 1 thread, float32"


def test_the_same_work_leaves_the_same_bytes(task, tmp_path):
    first = run(task()).read_bytes()
    assert run(task(params=dict(reversed(task().params.items())))).read_bytes() == first
    assert str(tmp_path).encode() not in first


def test_a_record_is_gone_as_soon_as_its_job_begins_anew(task):
    path = run(task())
    begin_record(task(), "count.py")
    assert not path.exists()


def test_a_job_without_outputs_has_no_record(task):
    assert begin_record(task(output=[]), "count.py") is None


def test_an_input_that_changes_or_vanishes_while_it_is_used_is_an_error(task):
    begun = begin_record(task(), "count.py")
    Path("results/mouse.csv").write_text("1\n")
    Path("labels.csv").touch()
    write_record(begun, {})  # its time changed, its content did not
    Path("labels.csv").write_text("frame,groom\n0,0\n1,1\n")
    with pytest.raises(InputError, match=r"labels\.csv: changed while it was in use"):
        write_record(begun, {})
    Path("labels.csv").unlink()
    with pytest.raises(InputError, match=r"labels\.csv: vanished"):
        write_record(begun, {})
    with pytest.raises(InputError, match=r"labels\.csv: vanished"):
        begin_record(task(), "count.py")


def test_large_stores_are_known_by_the_digests_in_their_manifests(tmp_path):
    (tmp_path / "frames.mjpeg").write_bytes(b"frames")
    assert digest(tmp_path / "frames.mjpeg") == file_digest(tmp_path / "frames.mjpeg")
    write_json(tmp_path / "video.json", {"frames_digest": "sha256:kept"})
    assert digest(tmp_path / "frames.mjpeg") == "sha256:kept"
    (tmp_path / "a.zarr").mkdir()
    write_json(tmp_path / "a.json", {"content_digest": "sha256:kept"})
    assert digest(tmp_path / "a.zarr") == "content-sha256:kept"
    (tmp_path / "a.zarr").rmdir()
    with pytest.raises(FileNotFoundError):
        digest(tmp_path / "a.zarr")


def test_a_folder_is_known_by_the_files_in_it_but_not_by_snakemakes_own(tmp_path):
    folder = tmp_path / "folder"
    (folder / "c").mkdir(parents=True)
    (folder / "c" / "0").write_bytes(b"0")
    before = digest(folder)
    (folder / ".snakemake_timestamp").touch()
    assert digest(folder) == before
    (folder / "c" / "0").rename(folder / "c" / "1")
    assert digest(folder) != before


def test_the_commit_of_a_checkout_and_whether_it_was_edited(tmp_path, monkeypatch):
    def git(*arguments):
        identity = ["-c", "user.name=A", "-c", "user.email=a@b.c", "-c", "init.defaultBranch=main"]
        subprocess.run(["git", "-C", str(tmp_path), *identity, *arguments], check=True, capture_output=True)

    assert checkout(tmp_path) is None
    git("init")
    (tmp_path / "a.py").write_text("1")
    git("add", "a.py")
    git("commit", "-m", "a")
    found = checkout(tmp_path)
    assert len(found["commit"]) == 40
    assert not found["changed"]
    (tmp_path / "a.py").write_text("2")
    assert checkout(tmp_path) == {"commit": found["commit"], "changed": True}
    (tmp_path / "inner").mkdir()
    assert checkout(tmp_path / "inner") is None, "another's repository around it"
    monkeypatch.setenv("PATH", "")
    assert checkout(tmp_path) is None


def test_parameters_that_json_does_not_know_are_written_plainly(task):
    record = json.loads(run(task(params={"names": {"b", "a"}, "path": Path("x/y")})).read_text())
    assert record["parameters"] == {"names": ["a", "b"], "path": "x/y"}
