import numpy as np
import pytest

from ethomake.errors import InputError
from ethomake.files import read_json, read_npy, read_npz, scratch_folder, short_digest, write_npy, write_npz


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


def test_named_arrays_are_read_as_written_and_the_same_arrays_give_the_same_bytes(tmp_path):
    arrays = {"file": np.arange(6, dtype=np.float32).reshape(2, 3), "b-1": np.array([np.nan])}
    for name in "ab":
        write_npz(tmp_path / f"{name}.npz", arrays)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    read = read_npz(tmp_path / "a.npz")
    assert list(read) == list(arrays)
    for name, array in arrays.items():
        np.testing.assert_array_equal(read[name], array)
        assert read[name].dtype == array.dtype


def test_named_arrays_that_are_damaged_or_gone_are_told_with_the_file(tmp_path):
    path = tmp_path / "a.npz"
    with pytest.raises(InputError, match="there is no such file"):
        read_npz(path)
    write_npz(path, {"a": np.arange(1000)})
    whole = path.read_bytes()
    for damaged in (b"", b"no archive", whole[:-30], whole[:200] + b"\0\1" + whole[202:]):
        path.write_bytes(damaged)
        with pytest.raises(InputError, match=r"a.npz: not readable as arrays \(.+\); delete it and run again"):
            read_npz(path)


def test_digests_tell_values_apart_and_not_their_order():
    assert short_digest({"a": 1, "b": 2}) == short_digest({"b": 2, "a": 1})
    assert short_digest({"a": 1}) != short_digest({"a": 2})


@pytest.mark.parametrize("name", ["NaN", "Infinity", "-Infinity"])
def test_what_is_no_number_is_no_json(tmp_path, name):
    (tmp_path / "a.json").write_text(f'{{"threshold": {name}}}')
    with pytest.raises(InputError, match=rf"a\.json: not readable as JSON \({name} is no number\)"):
        read_json(tmp_path / "a.json")
