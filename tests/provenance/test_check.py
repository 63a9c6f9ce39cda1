import os
from pathlib import Path

import pytest

from ethomake.errors import InputError
from ethomake.features import store
from ethomake.files import write_json
from ethomake.provenance.check import check_results
from ethomake.sources import ByContent

pytestmark = pytest.mark.usefixtures("chain")


def flip(path):
    """Change one byte of a file, its size and time as they were."""
    content = bytearray(Path(path).read_bytes())
    content[0] ^= 1
    Path(path).write_bytes(content)


def records():
    return sorted(path.stem for path in Path("results/provenance").rglob("*.json"))


def test_results_that_are_as_they_were_made_stay(capsys):
    check_results()
    assert "4 results are as they were made" in capsys.readouterr().err
    assert records() == ["draw", "ingest", "train"]


def test_a_flipped_byte_is_told_and_all_that_the_job_made_is_removed(capsys):
    flip("results/ingest/a/frames.npy")
    with pytest.raises(InputError) as error:
        check_results()
    assert "results/ingest/a/frames.npy: was changed after it was made" in capsys.readouterr().err
    assert str(error.value).startswith("1 of 3 jobs' results are damaged and were removed; ")
    assert str(error.value).endswith("restore them with: ./run snakemake results/ingest/a/frames.npy")
    assert not Path("results/ingest/a/video.json").exists()
    assert records() == ["draw", "train"]
    assert Path("results/weights.safetensors").exists()


def test_a_result_that_is_gone_is_told(capsys):
    Path("results/figure.svg").unlink()
    with pytest.raises(InputError, match=r"\./run snakemake results/figure\.svg"):
        check_results()
    assert "results/figure.svg: is gone" in capsys.readouterr().err


def test_what_others_are_made_from_comes_first_and_in_a_run_of_its_own():
    flip("results/figure.svg")
    flip("results/ingest/a/video.json")
    with pytest.raises(InputError) as error:
        check_results()
    first, second = str(error.value).split("restore them with: ")[1].split(" && ")
    assert first == "./run snakemake results/ingest/a/frames.npy"
    assert second == "./run snakemake results/figure.svg"


def test_feature_stores_are_verified_by_their_own_manifest(monkeypatch, capsys):
    Path("results/features/a.zarr").mkdir(parents=True)
    write_json("results/features/a.json", {"content_digest": "sha256:0"})
    outputs = {"results/features/a.zarr": "content-sha256:0"}
    write_json("results/provenance/extract.json", {"rule": "extract", "inputs": {}, "outputs": outputs})
    verified = []
    monkeypatch.setattr(store, "verify", verified.append)
    check_results()
    assert verified == [Path("results/features/a.json")]

    def refuse(manifest):
        raise InputError("results/features/a.zarr: rows 0 to 9 of spatial have changed; remove it and run again")

    monkeypatch.setattr(store, "verify", refuse)
    with pytest.raises(InputError, match="1 of 4"):
        check_results()
    assert "rows 0 to 9 of spatial have changed\n" in capsys.readouterr().err
    assert not Path("results/features/a.zarr").exists()


def test_files_of_the_user_that_are_not_those_of_the_records_are_named(make, capsys):
    given = ByContent("raw/b.csv", "labels", "results/provenance/check_labels.json")
    Path("raw/b.csv").write_text("labels")
    make("check_labels", [], {"results/labels/b.csv": "ours"}, source=given)
    check_results(sources=[given])
    Path("raw/b.csv").write_text("others")
    os.utime("raw/b.csv", ns=(1, 1))
    with pytest.raises(InputError, match=r"raw/b\.csv: is not the file in the record .*run \./run snakemake"):
        check_results(sources=[given])
    assert Path("results/labels/b.csv").exists()
    Path("raw/b.csv").rename("b.csv")
    check_results(sources=[given])  # archived: nobody can know
    with pytest.raises(InputError, match=r"^b\.csv: "):
        check_results(sources=[ByContent("b.csv", "labels", given.record)])


def test_a_damaged_record_names_the_log_of_its_job():
    Path("results/provenance/train.json").write_text('{"outputs": ')
    with pytest.raises(InputError, match=r"provenance/train\.json: .*logs/train\.log"):
        check_results()


def test_without_records_there_is_nothing_to_check(tmp_path, monkeypatch, capsys):
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    check_results()
    assert "0 results are as they were made" in capsys.readouterr().err
