import numpy as np
import pytest

from ethomake.errors import InputError
from ethomake.files import read_npy, scratch_folder, short_digest, write_npy


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


@pytest.mark.parametrize("content", [b"", b"no array", b"\x93NUMPY\x01\x00v"])
def test_an_array_that_is_damaged_or_gone_is_told_with_the_file(tmp_path, content):
    path = tmp_path / "a.npy"
    with pytest.raises(InputError, match="there is no such file"):
        read_npy(path)
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"a.npy: not readable as an array \(.+\); delete it and run again"):
        read_npy(path)


def test_an_array_whose_end_is_missing_is_damaged(tmp_path):
    path = tmp_path / "a.npy"
    write_npy(path, np.arange(100))
    np.testing.assert_array_equal(read_npy(path), np.arange(100))
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(InputError, match="not readable as an array"):
        read_npy(path)


def test_digests_tell_values_apart_and_not_their_order():
    assert short_digest({"a": 1, "b": 2}) == short_digest({"b": 2, "a": 1})
    assert short_digest({"a": 1}) != short_digest({"a": 2})
