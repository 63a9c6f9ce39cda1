import pytest

from ethomake import job as jobs
from ethomake.errors import InputError
from ethomake.job import Progress, duration, job, say


@pytest.fixture
def clock(monkeypatch):
    """A clock that a test moves by hand."""

    class Clock:
        now = 0.0

    monkeypatch.setattr(jobs.time, "monotonic", lambda: Clock.now)
    return Clock


def test_what_a_job_says_goes_to_the_terminal_and_to_the_log(tmp_path, capsys):
    with job(tmp_path / "logs/a.log"):
        say("one line")
    assert (tmp_path / "logs/a.log").read_text() == "one line\n"
    assert capsys.readouterr().err == "one line\n"


def test_a_users_mistake_is_one_line_and_status_1(tmp_path, capsys):
    with pytest.raises(SystemExit) as end, job(tmp_path / "a.log"):
        raise InputError("videos.csv, line 3: no such file")
    assert end.value.code == 1
    assert capsys.readouterr().err == "error: videos.csv, line 3: no such file\n"
    assert "Traceback" not in (tmp_path / "a.log").read_text()


def test_a_full_disk_is_one_line(tmp_path, capsys):
    with pytest.raises(SystemExit) as end, job(tmp_path / "a.log"):
        raise OSError(28, "No space left on device", "results/x")
    assert end.value.code == 1
    assert "No space left on device" in capsys.readouterr().err


def test_a_defect_keeps_its_traceback_in_the_log(tmp_path):
    with pytest.raises(KeyError), job(tmp_path / "a.log"):
        raise KeyError("x")
    assert "Traceback" in (tmp_path / "a.log").read_text()


def test_long_work_says_early_how_long_it_takes(clock, capsys):
    with Progress(1000, "features of v", "frame") as progress:
        clock.now = 2.0
        progress.advance(10)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "features of v: 1000 frames take about 3 min"


def test_a_bar_shows_rate_and_time_left_now_and_then(clock, capsys):
    with Progress(100, "ingest", "frame", every=5) as progress:
        for _ in range(10):
            clock.now += 1
            progress.advance(10)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3  # after 5 and 10 seconds, and at the end
    assert "50/100" in lines[0]
    assert "10.00 frame/s" in lines[0]
    assert "00:05<00:05" in lines[0]


@pytest.mark.parametrize(("seconds", "words"), [(12.4, "12 s"), (300, "5 min"), (9000, "2.5 h")])
def test_durations_in_words(seconds, words):
    assert duration(seconds) == words
