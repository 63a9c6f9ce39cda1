import errno

import pytest

from ethomake import failures
from ethomake.errors import InputError
from ethomake.failures import in_words, may_pass


def raised(error, cause=None):
    try:
        raise error from cause
    except type(error) as caught:
        return caught


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device", "results/x"),
        OSError(errno.EDQUOT, "Disk quota exceeded", "results/x"),
        raised(RuntimeError("the store could not be written"), OSError(errno.ENOSPC, "No space left on device")),
        RuntimeError("[enforce fail at inline_container.cc:778] . PytorchStreamWriter failed writing file data/0"),
        Exception('Error while serializing: IoError(Os { code: 28, kind: StorageFull, message: "..." })'),
    ],
)
def test_a_full_disk_is_known_whatever_library_met_it(error):
    words = in_words(error, "results/x")
    assert words.startswith("no space left on the disk that holds results/x: free some")


def test_an_error_that_says_nothing_is_a_full_disk_where_the_disk_is_full(tmp_path, monkeypatch):
    assert in_words(RuntimeError("write failed"), tmp_path / "results" / "flow") is None
    monkeypatch.setattr(failures.shutil, "disk_usage", lambda folder: failures.shutil._ntuple_diskusage(9, 9, 0))
    assert "no space left" in in_words(RuntimeError("write failed"), tmp_path / "results" / "flow")


def test_too_little_memory_tells_the_mend():
    torch = pytest.importorskip("torch")
    words = in_words(torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"), batch=32)
    assert words == "the GPU's memory is not enough; make `batch` smaller (it is 32) and run again"
    assert "this machine" in in_words(MemoryError(), batch=4)
    assert "fewer jobs" in in_words(RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"))


def test_files_that_are_gone_or_not_writable():
    gone = in_words(FileNotFoundError(errno.ENOENT, "No such file or directory", "raw/a.mp4"))
    assert gone.startswith("raw/a.mp4: ")
    assert "put it back" in gone
    locked = in_words(OSError(errno.EROFS, "Read-only file system", "results/a.csv"))
    assert locked.startswith("results/a.csv: Read-only file system; ")


def test_a_users_mistake_says_it_itself_and_a_defect_stays_a_defect():
    assert in_words(InputError("videos.csv, line 3: no such file")) == "videos.csv, line 3: no such file"
    assert in_words(KeyError("x")) is None
    assert in_words(RuntimeError("shapes do not match")) is None


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        OSError(errno.ENOSPC, "No space left on device", "results/x"),
        FileNotFoundError(errno.ENOENT, "No such file or directory", "raw/a.mp4"),
        OSError(errno.EROFS, "Read-only file system", "results/a.csv"),
        OSError(errno.EIO, "Input/output error", "results/a.csv"),
    ],
)
def test_what_comes_from_the_machine_may_pass(error):
    assert may_pass(in_words(error))


def test_a_mistake_does_not_pass():
    assert not may_pass(in_words(InputError("results/x.npy: damaged; delete it and run again")))
