"""Files in a storage instead of beside the Snakefile, as on Kubernetes or in a cloud; here it is a folder."""

import shutil

import pytest

from ethomake.files import file_digest, read_json

SHARED = ("persistence", "sources", "source-cache", "software-deployment", "storage-local-copies")  # all but the files


def files_of(folder):
    """The digest of each file of a project's results but for Snakemake's records and ours."""
    paths = (path for path in (folder / "results").rglob("*") if path.is_file())
    named = ((path.relative_to(folder).as_posix(), path) for path in paths)
    own = ("results/.snakemake/", "results/provenance/", "results/splits/")
    kept = (each for each in named if not each[0].startswith(own) and not each[0].endswith(".snakemake_timestamp"))
    return {name: file_digest(path) for name, path in kept}


@pytest.mark.slow
def test_results_in_a_storage_are_those_of_a_local_run(run_snakemake, finished, tiny, tmp_path):
    if not shutil.which("rsync"):
        pytest.skip("the fs storage plugin needs rsync, which this machine does not have")
    project, storage = tmp_path / "project", tmp_path / "storage"
    project.mkdir()
    options = ["--cores", "2", "--default-storage-provider", "fs", "--default-storage-prefix", str(storage)]
    options += ["--shared-fs-usage", *SHARED]
    outcome = run_snakemake(project, *options, config=tiny)
    assert outcome.status == 0, outcome.output[-3000:]
    assert files_of(storage) == files_of(finished)
    assert not (project / "results/flow").exists()

    record = read_json(project / "results/provenance/flow/main.json")
    assert "results/ingest/sim_00/frames.mjpeg" in record["inputs"]
    assert record["outputs"] == read_json(finished / "results/provenance/flow/main.json")["outputs"]

    again = run_snakemake(project, *options, "--dry-run", config=tiny)
    assert "Nothing to be done" in again.output
