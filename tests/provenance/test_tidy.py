"""Results of videos that are not in the table: found, listed, removed; and nothing else."""

from pathlib import Path

import pytest

from ethomake.files import write_json
from ethomake.provenance.tidy import find_leftovers, list_leftovers, note_leftovers, remove_leftovers

OF_A_VIDEO = (
    "ingest/{}/frames.mjpeg",
    "ingest/{}/video.json",
    "labels/{}.csv",
    "features/main/{}.json",
    "features/main/{}.zarr/spatial/c/0",
    "sequence/main/probabilities/{}.npy",
    "ethograms/main/predictions/{}.csv",
    "ethograms/main/bouts/{}.csv",
    "ethograms/other/figures/{}.svg",
    "labels/{}.json",
    "ingest/{}/track.npy",
    "exports/main/boris/{}.boris",
)
OF_ALL = (
    "flow/main/weights.safetensors",
    "features/adapted.json",
    "features/main/adapted/day1.safetensors",
    "features/main/streams/scores.json",
    "sequence/main/weights.safetensors",
    "ethograms/main/summary.csv",
    "ethograms/main/thresholds.json",
    "evaluation/main/metrics.json",
    "splits/main.json",
    "packs.json",
    "report/main.html",
)


def put(*paths):
    for path in paths:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text("{}")


def files():
    return {path.as_posix() for path in Path().rglob("*") if path.is_file()}


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch):
    """A finished project of the videos `here` and `gone`."""
    monkeypatch.chdir(tmp_path)
    put(*(f"results/{path}" for path in OF_ALL), "raw/gone.mp4")
    for name in ("here", "gone"):
        made = [f"results/{path.format(name)}" for path in OF_A_VIDEO]
        put(*made, f"logs/labels/{name}.log", f"benchmarks/jobs/labels/{name}.tsv", f"logs/ingest/{name}.log")
        for stage, outputs in (("ingest", made[:2]), ("labels", made[2:3]), ("features/main", made[3:4])):
            record = {"outputs": dict.fromkeys(outputs, ""), "inputs": {}, "rule": stage}
            write_json(f"results/provenance/{stage}/{name}.json", record)


def test_what_the_table_has_is_not_left_over():
    assert find_leftovers({"here", "gone"}, {"here", "gone"}) == {}
    assert note_leftovers({}, {"here"}) == []


def test_results_of_a_video_that_is_gone_are_removed_and_nothing_else(capsys):
    before = files()
    found = find_leftovers({"here"}, {"here"})
    assert set(found.values()) == {"gone"}
    assert "results/ingest/gone" in found
    assert "results/features/main/gone.zarr" in found
    assert len(found) == len(OF_A_VIDEO) - 2  # a folder counts once
    (note,) = note_leftovers(found, {"here"})
    assert note.startswith("results of videos that are not in the table (gone) stay behind")
    list_leftovers(found)
    assert files() == before
    assert "./run snakemake tidy_now" in capsys.readouterr().err
    remove_leftovers(found)
    assert files() == {path for path in before if "gone" not in path or path == "raw/gone.mp4"}
    assert not Path("results/ingest/gone").exists()
    assert find_leftovers({"here"}, {"here"}) == {}


def test_labels_that_were_taken_back_and_an_evaluation_of_nobody_are_left_over():
    found = find_leftovers({"here", "gone"}, {"here"}, ["results/evaluation/main", "results/evaluation/none"])
    assert found == dict.fromkeys(["results/labels/gone.csv", "results/labels/gone.json"], "gone") | {
        "results/evaluation/main": ""
    }
    assert "what the table does not have any more" in note_leftovers(found, {"here", "gone"})[0]
    remove_leftovers(found)
    assert not Path("results/evaluation/main").exists()
    assert not Path("results/provenance/labels/gone.json").exists()
    assert Path("results/provenance/ingest/gone.json").exists()


def test_what_a_running_job_is_writing_stays():
    put("results/labels/.gone.part.csv", "results/ethograms/main/bouts/.gone.part.csv")
    assert not [path for path in find_leftovers({"here"}, {"here"}) if ".part" in path]


def test_without_results_nothing_is_left_over(tmp_path, monkeypatch):
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    assert find_leftovers({"here"}, set()) == {}


def test_statistics_of_a_recording_that_is_gone_are_left_over():
    put("results/features/main/adapted/day2.safetensors", "results/features/main/adapted/.day3.part.safetensors")
    everyone = {"here", "gone"}
    assert find_leftovers(everyone, everyone) == {}
    found = find_leftovers(everyone, everyone, recordings={"day1"})
    assert found == {"results/features/main/adapted/day2.safetensors": ""}
    assert note_leftovers(found, everyone)[0].startswith("results of what the table does not have any more stay")


def test_what_killed_extractions_keep_goes_with_their_videos():
    digest = "0123456789abcdef"
    kept = [f"results/.checkpoints/{name}-{digest}" for name in ("features-main+here", "features-main+gone")]
    kept += [f"results/.checkpoints/features-gone+main-{digest}/spatial/0", f"results/.checkpoints/flow-gone-{digest}"]
    put(*kept)
    found = {path for path in find_leftovers({"here"}, {"here"}) if ".checkpoints" in path}
    assert found == {kept[1], kept[2].partition("/spatial")[0]}


@pytest.mark.parametrize("name", ["gon", "gone2", "GONE", "gone-1", "streams", "adapted", "main", "weights"])
def test_a_name_is_a_whole_name(name):
    """Of videos whose names are a part of each other's, or of files of the workflow."""
    put(*(f"results/{path.format(name)}" for path in OF_A_VIDEO))
    everyone = {"here", "gone", name}
    assert find_leftovers(everyone, everyone, recordings={"day1"}) == {}
    assert set(find_leftovers(everyone - {name}, everyone - {name}).values()) == {name}
    found = find_leftovers(everyone - {"gone"}, everyone - {"gone"})
    assert set(found.values()) == {"gone"}
    remove_leftovers(found)
    assert all(Path(f"results/{path.format(name)}").exists() for path in OF_A_VIDEO)
