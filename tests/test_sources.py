"""Files of the user count by their content; each is read once, whatever happens to paths and dates."""

import os
import pickle
import random
import shutil
from pathlib import Path

import pytest

from ethomake import sources
from ethomake.files import file_digest, write_json
from ethomake.sources import (
    GONE,
    ByContent,
    Later,
    Uncompared,
    as_recorded,
    digest_if_there,
    digest_of,
    find_sources,
    found_in,
    known_digest,
    sample_of,
    sizes_of_unread,
    without_paths,
)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def read(monkeypatch):
    """The names of the files that were read, in order."""
    names = []

    def noted(path):
        names.append(Path(path).name)
        return file_digest(path)

    monkeypatch.setattr(sources, "file_digest", noted)
    return names


def write(path, text, date=None):
    Path(path).write_text(text)
    if date is not None:
        os.utime(path, ns=(date, date))


def test_who_keeps_nothing_reads_only_what_nobody_has_read_yet(read, folder):
    write("a.csv", "one", date=10**18)
    first = known_digest("a.csv")
    assert list(folder.iterdir()) == [folder / "a.csv"], "nothing is left beside the files of a notebook"
    assert digest_of("a.csv") == known_digest("a.csv") == first == file_digest("a.csv")
    assert read == ["a.csv", "a.csv"]
    write("a.csv", "two", date=10**18)
    assert known_digest("a.csv") == file_digest("a.csv") != first


def test_a_file_is_read_once_and_again_only_after_a_change(read):
    write("a.csv", "one", date=10**18)
    first = digest_of("a.csv")
    assert (digest_of("a.csv"), digest_of(Path.cwd() / "a.csv")) == (first, first)
    assert read == ["a.csv"]
    assert sizes_of_unread(["a.csv"]) == []
    write("a.csv", "two", date=10**18)  # of the same size, with the old date, in the same place
    assert sizes_of_unread(["a.csv", "none.csv"]) == [3]
    assert digest_of("a.csv") != first
    assert read == ["a.csv", "a.csv"]


def test_samples_of_a_file_tell_others_and_are_taken_once(monkeypatch):
    taken, original = [], sources._digest_of_samples
    monkeypatch.setattr(sources, "_digest_of_samples", lambda path: taken.append(path) or original(path))
    content = bytearray(random.Random(0).randbytes(10 * sources.SAMPLE))
    Path("a.mp4").write_bytes(content)
    first = sample_of("a.mp4")
    content[-1] ^= 1
    Path("b.mp4").write_bytes(content)
    content[-1] ^= 1
    content[2 * sources.SAMPLE - 1] ^= 1  # between two samples
    Path("c.mp4").write_bytes(content)
    assert [sample_of(f"{name}.mp4") == first for name in "abc"] == [True, False, True]
    assert digest_of("a.mp4") != digest_of("c.mp4")
    assert sample_of("a.mp4") == first
    assert taken == ["a.mp4", "b.mp4", "c.mp4"]


def test_changes_at_once_after_each_other_are_all_noticed():
    found = set()
    for number in range(20):
        write("a.csv", f"{number:02}", date=10**18)
        found.add(digest_of("a.csv"))
    assert len(found) == 20


def test_without_a_place_to_keep_them_files_are_read_each_time(read):
    write(".snakemake", "a file where a folder should be")
    write("a.csv", "one")
    assert digest_of("a.csv") == digest_of("a.csv")
    assert read == ["a.csv", "a.csv"]


def test_what_was_kept_and_damaged_since_is_not_believed(read):
    write("a.csv", "one")
    digest_of("a.csv")
    for note in sources.KEPT.iterdir():
        note.write_text('{"path": ')
    assert digest_of("a.csv") == file_digest("a.csv")
    assert len(read) == 2


def test_what_is_found_in_a_file_belongs_to_its_content_and_to_who_looked():
    looks = []

    def look():
        looks.append(1)
        return len(looks)

    write("a.csv", "one")
    assert found_in("a.csv", "count", look) == found_in("a.csv", "count", look) == 1
    shutil.move("a.csv", "b.csv")
    assert found_in("b.csv", "count", look) == 1
    assert found_in("b.csv", "count better", look) == 2
    write("b.csv", "two")
    assert found_in("b.csv", "count", look) == 3
    assert found_in("none.csv", "count", look) == 4  # it says itself what is wrong


def test_a_param_is_a_path_to_jobs_and_its_content_to_snakemake():
    write("a.csv", "one")
    given = ByContent("a.csv", "labels", "record.json")
    assert Path(given).read_text() == "one"
    assert repr({"file": given}) == repr({"file": file_digest("a.csv")})
    copy = pickle.loads(pickle.dumps(given))
    assert (copy, copy.role, copy.record) == ("a.csv", "labels", Path("record.json"))
    os.renames("a.csv", "moved/b.csv")
    assert repr(ByContent("moved/b.csv", "labels", "")) == repr(file_digest("moved/b.csv"))
    assert repr(given) == repr(GONE)


def test_of_a_file_that_is_gone_and_of_a_job_that_has_ended_the_record_tells():
    given = ByContent("a.csv", "labels", "record.json")
    write_json("record.json", {"sources": {"labels": "sha256:then"}})
    assert given.digest() == "sha256:then"
    write("a.csv", "another by now")
    assert given.digest() == file_digest("a.csv")
    with as_recorded():
        assert given.digest() == "sha256:then"
        assert ByContent("a.csv", "video", "record.json").digest() == file_digest("a.csv")


def test_other_params_count_late_or_not_at_all():
    looks = []
    late = Later(lambda: looks.append(1))
    assert not looks
    assert repr(late) == "None"
    assert pickle.loads(pickle.dumps(late)) == ""
    assert repr([Uncompared("/here")]) == repr([Uncompared("/there")])
    assert type(pickle.loads(pickle.dumps(Uncompared("/here")))) is str


def test_files_are_found_at_any_depth_of_params():
    one, two = (ByContent(f"{name}.csv", "labels", "") for name in "ab")
    assert list(find_sources({"source": one, "settings": {"x": [1, (two,)]}, "seed": 3})) == [one, two]
    write("a.csv", "one")
    assert without_paths({"source": one, "b": [3, "x"]}) == {"source": file_digest("a.csv"), "b": [3, "x"]}


@pytest.mark.parametrize("seed", range(4))
def test_whatever_is_done_to_files_their_digests_are_those_of_their_content(seed, read):
    """Replace, touch, move, copy, rename and restore with any dates: never stale, and nothing is read twice."""
    draw = random.Random(seed)
    names = [f"{folder}/{name}" for folder in ("raw", "archive") for name in "abc"]
    for folder in ("raw", "archive", "backup"):
        Path(folder).mkdir()
    for name in names[:4]:
        write(name, draw.choice(["one", "two", "six"]), date=draw.randrange(10**18))
    for name in names:
        digest_if_there(name)
    for _ in range(25):
        here = [name for name in names if os.path.exists(name)]
        name, other = draw.choice(here), draw.choice(names)
        date = draw.choice([0, 10**18, os.stat(name).st_mtime_ns])
        match draw.choice(["write", "replace", "touch", "move", "copy", "back up", "restore"]):
            case "write":
                write(name, draw.choice(["one", "two", "six"]), date=date)
            case "replace":
                write("new", draw.choice(["one", "two", "six"]), date=date)
                os.replace("new", name)
            case "touch":
                os.utime(name, ns=(date, date))
            case "move" if name != other and len(here) > 1:
                os.replace(name, other)
            case "copy" if name != other:
                shutil.copy2(name, other)
            case "back up":
                shutil.copy2(name, f"backup/{Path(name).name}")
            case "restore" if os.path.exists(f"backup/{Path(name).name}"):
                shutil.copy2(f"backup/{Path(name).name}", name)
        before = len(read)
        found = {name: digest_if_there(name) for name in names}
        assert found == {name: file_digest(name) if os.path.exists(name) else GONE for name in names}
        assert {name: digest_if_there(name) for name in names} == found
        assert len(read) - before <= 2  # those that the step has touched
