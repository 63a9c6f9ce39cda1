"""Who is with whom, and that the jobs of a pack are done as if each were alone."""

import pickle

import pytest

from ethomake.errors import InputError
from ethomake.failures import MISTAKE, TRANSIENT, Failure, read_failure, write_failure
from ethomake.scheduling.packs import Member, Pack, plan_late_packs, plan_packs, read_packs, run_pack, write_packs


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setenv("ETHOMAKE_PACKS_FROM", "4")
    monkeypatch.setenv("ETHOMAKE_PACK_SIZE", "2")


def names(letters):
    return {name: f"{name}.mp4" for name in letters}


def test_a_small_project_has_none():
    assert plan_packs(names("abc"), {}) == []
    assert plan_packs(names("abcd"), {}) == [["a", "b"], ["c", "d"]]


def test_packs_are_of_about_the_same_size(monkeypatch):
    monkeypatch.setenv("ETHOMAKE_PACK_SIZE", "4")
    assert [len(pack) for pack in plan_packs(names("abcdefghi"), {})] == [3, 3, 3]  # not 4, 4, 1
    parts = dict.fromkeys("abcde", "train")
    assert [len(pack) for pack in plan_packs(names("abcdefghi"), parts)] == [3, 2, 4]


def test_parts_are_not_mixed():
    parts = {"a": "train", "b": "test", "c": "train", "e": "train"}
    assert plan_packs(names("abcde"), parts) == [["a", "c"], ["b"], ["d"], ["e"]]


def test_who_is_new_joins_no_earlier_pack_and_who_is_gone_keeps_its_place():
    earlier = plan_packs(names("abcde"), {})
    assert earlier == [["a", "b"], ["c", "d"], ["e"]]
    assert plan_packs(names("fabdehg"), {}, earlier) == [["a", "b"], ["c", "d"], ["e"], ["f", "h"], ["g"]]
    assert plan_packs(names("a"), {}, earlier) == earlier


def test_what_was_done_alone_before_stays_alone():
    first = plan_packs(names("abcde"), {}, alone=["a", "b", "c"])
    assert first == [["a"], ["b"], ["c"], ["d", "e"]]
    assert plan_packs(names("abcde"), {}, first, alone="abcde") == first


def test_long_videos_are_alone(tmp_path):
    paths = {name: tmp_path / name for name in "abcd"}
    for name, megabytes in {"a": 10, "b": 10, "c": 60, "d": 10}.items():
        with paths[name].open("wb") as file:
            file.truncate(megabytes * 10**6)  # takes no space
    assert plan_packs(paths, {}) == [["a", "b"], ["c"], ["d"]]


def test_late_packs_are_at_least_two_of_about_the_same_size_and_at_most_of_ten(monkeypatch):
    monkeypatch.delenv("ETHOMAKE_PACKS_FROM")
    monkeypatch.delenv("ETHOMAKE_PACK_SIZE")
    many = [f"mouse{number}" for number in range(25)]
    assert plan_late_packs(many[:7]) == []
    assert plan_late_packs(many[:8]) == [many[:4], many[4:8]]
    assert plan_late_packs(many[:20]) == [many[:10], many[10:20]]
    packs = plan_late_packs(many)
    assert [len(pack) for pack in packs] == [8, 9, 8]
    assert [name for pack in packs for name in pack] == many


def test_a_late_pack_stays_and_who_is_new_joins_none():
    earlier = plan_late_packs("abcd")
    assert earlier == [["a", "b"], ["c", "d"]]
    assert plan_late_packs("abcd", earlier) == earlier
    assert plan_late_packs("xabd", earlier) == [*earlier, ["x"]]
    assert plan_late_packs("a", earlier) == earlier
    assert sorted(map(len, plan_late_packs("abcdefg", earlier))) == [1, 2, 2, 2]


def test_who_has_late_results_already_stays_alone_in_later_runs_too():
    first = plan_late_packs("abcdef", alone=["a", "b", "gone"])
    assert first == [["a"], ["b"], ["c", "d"], ["e", "f"]]
    assert plan_late_packs("abcdef", first, alone="abcdef") == first


@pytest.mark.parametrize("text", ["0", "-1", "many", ""])
def test_limits_that_are_no_numbers_are_refused(monkeypatch, text):
    monkeypatch.setenv("ETHOMAKE_PACK_SIZE", text)
    with pytest.raises(InputError, match=f"ETHOMAKE_PACK_SIZE = '{text}': must be a whole number from 1 on"):
        plan_packs(names("abcd"), {})


def test_they_are_remembered(tmp_path):
    assert read_packs(tmp_path / "packs.json") == []
    write_packs([], tmp_path / "packs.json")
    assert not (tmp_path / "packs.json").exists(), "a small project has no such file"
    write_packs([["a", "b"], ["c"]], tmp_path / "packs.json")
    assert read_packs(tmp_path / "packs.json") == [["a", "b"], ["c"]]
    (tmp_path / "packs.json").write_text('{"a": 1}')
    with pytest.raises(InputError, match="not a list of lists of videos; delete it"):
        read_packs(tmp_path / "packs.json")


@pytest.fixture
def pack(tmp_path, monkeypatch):
    """Jobs of three videos that write down what they are told, and fail as a file says of their video."""
    monkeypatch.chdir(tmp_path)
    script = tmp_path / "note.py"
    script.write_text(
        "import json, sys\n"
        "from pathlib import Path\n"
        "from ethomake.errors import InputError\n"
        "from ethomake.job import job\n"
        "error = json.loads(Path(snakemake.input[0]).read_text()).get(snakemake.wildcards['video'])\n"
        "with job(snakemake):\n"
        "    if error:\n"
        "        raise {'defect': RuntimeError, 'memory': MemoryError}.get(error, InputError)(error)\n"
        "    print(__name__, sys.modules['__main__'].__file__ == __file__, snakemake.threads)\n"
        "    Path(snakemake.output[0]).write_text(snakemake.params['word'])\n"
    )
    (tmp_path / "fails").write_text("{}")
    members = [
        Member(
            "note",
            f"Noting {video}",
            [str(tmp_path / f"{video}.log")],
            [str(tmp_path / "fails")],
            [str(tmp_path / f"{video}.txt")],
            {"word": video * 3},
            {"video": video},
        )
        for video in "abc"
    ]
    return Pack(str(script), lambda: members)


def test_each_job_is_done_as_if_it_were_alone(pack, tmp_path, capsys):
    run_pack(pickle.loads(pickle.dumps(pack)), threads=3)
    assert [(tmp_path / f"{video}.txt").read_text() for video in "abc"] == ["aaa", "bbb", "ccc"]
    assert capsys.readouterr().out.splitlines() == ["__main__ True 3"] * 3


def test_mistakes_in_some_videos_are_all_told(pack, tmp_path, capsys):
    (tmp_path / "fails").write_text('{"a": "a.mp4: damaged", "c": "c.mp4: no video"}')
    with pytest.raises(SystemExit) as ended:
        run_pack(pack, threads=1)
    assert ended.value.code == MISTAKE
    assert capsys.readouterr().err.splitlines() == ["error: a.mp4: damaged", "error: c.mp4: no video"]
    told = [read_failure(tmp_path / f"{video}.log") for video in "abc"]
    assert told == [Failure(MISTAKE, "a.mp4: damaged"), None, Failure(MISTAKE, "c.mp4: no video")]
    assert (tmp_path / "b.txt").exists()


@pytest.mark.parametrize(
    ("fails", "told", "status"),
    [  # the first would not be enough for the next one, either
        ('{"a": "memory"}', ["error: the memory of this machine is not enough"], TRANSIENT),
        ('{"a": "weights: damaged", "b": "weights: damaged"}', ["error: weights: damaged"] * 2, MISTAKE),
    ],
)
def test_what_would_fail_for_each_video_ends_the_pack_and_no_old_log_stays(pack, tmp_path, capsys, fails, told, status):
    (tmp_path / "fails").write_text(fails)
    (tmp_path / "c.log").write_text("error: of another time")
    write_failure(tmp_path / "c.log", Failure(MISTAKE, "of another time"))
    with pytest.raises(SystemExit) as ended:
        run_pack(pack, threads=1)
    assert ended.value.code == status
    lines = capsys.readouterr().err.splitlines()
    assert [line.partition(";")[0] for line in lines] == told
    assert not (tmp_path / "c.txt").exists()
    assert not (tmp_path / "c.log").exists()
    assert read_failure(tmp_path / "c.log") is None


def test_a_defect_ends_the_pack_with_its_traceback(pack, tmp_path):
    (tmp_path / "fails").write_text('{"b": "defect"}')
    with pytest.raises(RuntimeError, match="defect"):
        run_pack(pack, threads=1)
    assert (tmp_path / "a.txt").exists()
    assert not (tmp_path / "c.txt").exists()
