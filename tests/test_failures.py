import errno

import pytest

from ethomake import failures
from ethomake.errors import InputError, TransientError
from ethomake.failures import (
    DEFECT,
    MISTAKE,
    TRANSIENT,
    Failure,
    failure_of,
    failure_path,
    forget_failure,
    read_failure,
    write_failure,
)


def words_of(error, *given, **options):
    """Return the message for a transient failure."""
    failure = failure_of(error, *given, **options)
    assert failure.status == TRANSIENT
    return failure.message


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
    words = words_of(error, "results/x")
    assert words.startswith("no space left on the disk that holds results/x: free some")


def test_an_error_that_says_nothing_is_a_full_disk_where_the_disk_is_full(tmp_path, monkeypatch):
    assert failure_of(RuntimeError("write failed"), tmp_path / "results" / "flow").status == DEFECT
    monkeypatch.setattr(failures.shutil, "disk_usage", lambda folder: failures.shutil._ntuple_diskusage(9, 9, 0))
    assert "no space left" in words_of(RuntimeError("write failed"), tmp_path / "results" / "flow")


def test_too_little_memory_tells_the_mend():
    torch = pytest.importorskip("torch")
    words = words_of(torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"), batch=32)
    assert words == "the GPU's memory is not enough; make `batch` smaller (it is 32) and run again"
    assert "this machine" in words_of(MemoryError(), batch=4)
    assert "`batch` smaller (it is 4) or `window` (it is 90000)" in words_of(MemoryError(), batch=4, window=90000)
    assert "fewer jobs" in words_of(RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"))


def test_files_that_are_gone_or_not_writable():
    gone = words_of(FileNotFoundError(errno.ENOENT, "No such file or directory", "raw/a.mp4"))
    assert gone.startswith("raw/a.mp4: ")
    assert "put it back" in gone
    locked = words_of(OSError(errno.EROFS, "Read-only file system", "results/a.csv"))
    assert locked.startswith("results/a.csv: Read-only file system; ")


def test_a_users_mistake_says_it_itself_and_a_defect_stays_a_defect():
    told = failure_of(InputError("videos.csv, line 3: no such file"))
    assert told == Failure(MISTAKE, "videos.csv, line 3: no such file")
    assert failure_of(TransientError("was killed; run again")) == Failure(TRANSIENT, "was killed; run again")
    assert failure_of(KeyError("x")) == Failure(DEFECT, "KeyError: 'x'")
    assert failure_of(RuntimeError("shapes do not match")).status == DEFECT


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
    assert failure_of(error).status == TRANSIENT


def test_a_mistake_does_not_pass_whatever_its_words_are():
    assert failure_of(InputError("results/x.npy: is not enough; put it back and run again")).status == MISTAKE


def test_the_record_of_a_failure_lies_beside_the_log(tmp_path):
    log = tmp_path / "logs" / "a.log"
    assert read_failure(log) is None
    forget_failure(log)
    write_failure(log, Failure(MISTAKE, "videos.csv: \u201cone\u201d line"))
    assert failure_path(log) == tmp_path / "logs" / "a.failed.json"
    assert read_failure(log) == Failure(MISTAKE, "videos.csv: \u201cone\u201d line")
    failure_path(log).write_text('{"status": ')
    assert read_failure(log) is None, "a damaged record counts as none"
    forget_failure(log)
    assert not failure_path(log).exists()
