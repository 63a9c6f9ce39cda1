"""The targets `check` and `provenance` on a finished project."""

import json
import re
import shlex
import shutil

import pytest
from prov.model import ProvDocument


@pytest.fixture
def project(finished, tmp_path):
    folder = tmp_path / "project"
    shutil.copytree(finished, folder, symlinks=True)
    return folder


def contents(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted((folder / "results").rglob("*"))
        if path.is_file() and ".snakemake" not in path.relative_to(folder).parts
    }


def test_a_flipped_byte_and_a_missing_chunk_are_found_and_made_anew(run_snakemake, project, tiny):
    assert "results are as they were made" in run_snakemake(project, "check", config=tiny).output
    whole = contents(project)
    frames = project / "results/ingest/sim_02/frames.mjpeg"
    frames.write_bytes(frames.read_bytes()[:-1] + b"\0")
    (project / "results/features/main/sim_03.zarr/motion/c/0/0").unlink()

    found = run_snakemake(project, "check", config=tiny)
    assert found.status != 0
    assert "results/ingest/sim_02/frames.mjpeg: was changed after it was made" in found.output
    assert "rows 0 to 59 of motion are missing or have changed" in found.output
    assert "Traceback" not in found.output
    command = re.search(r"error: .*restore them with: (.*)", found.output)[1]
    for run in command.split(" && "):
        outcome = run_snakemake(project, *shlex.split(run)[2:], "--cores", "2", config=tiny)
        assert outcome.status == 0, outcome.output[-3000:]
    assert contents(project) == whole
    assert "Nothing to be done" in run_snakemake(project, config=tiny).output


def test_all_records_become_one_document(run_snakemake, project, tiny):
    outcome = run_snakemake(project, "provenance", config=tiny)
    assert outcome.status == 0, outcome.output[-2000:]
    path = project / "results/provenance.json"
    labels = {entity["prov:label"] for entity in json.loads(path.read_text())["entity"].values()}
    assert labels >= {
        "results/flow/main/weights.safetensors",
        "results/ethograms/main/figures/sim_02.svg",
        "results/report/main.html",
    }
    assert str(project) not in path.read_text()
    assert ProvDocument.deserialize(path).get_records()
