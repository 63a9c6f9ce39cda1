import importlib.metadata
import subprocess
import sys

import pytest

from ethomake.files import write_json
from ethomake.provenance.versions import version_notes

NOW = {"torch": "2.15.0", "torchvision": "0.30.0", "imageio-ffmpeg": "0.8.1"}


@pytest.fixture
def write_records(tmp_path, monkeypatch):
    """Write records, (rule, number of outputs, versions) each; gives their folder. Installed is what NOW says."""

    def version(package):
        if package not in NOW:
            raise importlib.metadata.PackageNotFoundError(package)
        return NOW[package]

    monkeypatch.setattr(importlib.metadata, "version", version)

    def write(*records):
        for number, (rule, outputs, versions) in enumerate(records):
            outputs = {f"results/{number}/{output}": "sha256:0" for output in range(outputs)}
            write_json(tmp_path / f"{rule}/{number}.json", {"rule": rule, "outputs": outputs, "versions": versions})
        return tmp_path

    return write


def test_results_of_the_same_versions_are_no_matter(write_records):
    assert version_notes(write_records(("train_flow", 2, {"torch": "2.15.0"}), ("draw", 1, {"numpy": "1.0"}))) == []


def test_one_note_a_package_tells_what_was_what_is_and_what_to_do(write_records):
    folder = write_records(
        ("train_flow", 2, {"torch": "2.14.0", "torchvision": "0.30.0"}),
        ("extract_features", 2, {"torch": "2.13.1", "torchvision": "0.30.0"}),
        ("extract_features", 2, {"torch": "2.15.0"}),
        ("ingest_video", 1, {"imageio-ffmpeg": "0.7.0"}),
    )
    assert version_notes(folder) == [
        "imageio-ffmpeg is 0.8.1 now; 1 result was made with 0.7.0 and is kept; to recompute them: "
        "./run snakemake --forcerun ingest_video",
        "torch is 2.15.0 now; 4 results were made with 2.13.1 or 2.14.0 and are kept; to recompute them: "
        "./run snakemake --forcerun extract_features train_flow",
    ]


def test_only_rules_that_the_workflow_has_are_named(write_records):
    folder = write_records(("train_flow", 2, {"torch": "2.14.0"}), ("cut_flies_clip1", 9, {"torch": "2.14.0"}))
    (note,) = version_notes(folder, {"train_flow"})
    assert "2 results" in note
    assert "cut_flies" not in note


def test_a_package_that_is_not_installed_here_is_no_matter(write_records, monkeypatch):
    monkeypatch.delitem(NOW, "torch")
    assert version_notes(write_records(("train_flow", 2, {"torch": "2.14.0"}))) == []


def test_a_project_without_results_has_no_notes(tmp_path):
    assert version_notes(tmp_path / "results/provenance") == []


def test_it_does_not_import_what_it_asks_for():
    code = "import sys; from ethomake.provenance.versions import version_notes; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
