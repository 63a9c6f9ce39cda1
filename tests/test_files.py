import pytest

from ethomake.files import scratch_folder


def test_each_job_has_a_scratch_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    mine = scratch_folder(tmp_path / "scratch", "results/.checkpoints/a")
    assert mine.parent == tmp_path / "scratch"
    assert mine == scratch_folder(tmp_path / "scratch", tmp_path / "results/.checkpoints/a")
    assert mine != scratch_folder(tmp_path / "scratch", "results/.checkpoints/b")
    monkeypatch.chdir(tmp_path.parent)
    assert mine != scratch_folder(tmp_path / "scratch", "results/.checkpoints/a"), "another project"
    assert not (tmp_path / "scratch").exists()


@pytest.mark.parametrize("folder", ["/tmp", "/var/tmp"])
def test_the_common_folder_for_temporary_files_is_no_scratch_disk(folder):
    assert scratch_folder(folder, "results/.checkpoints/a") is None
