import logging

import pytest

from ethomake import messages
from ethomake.messages import NOTE, Progress, duration, show, track

logger = logging.getLogger("ethomake.tests")


@pytest.fixture
def clock(monkeypatch):
    """A clock that a test advances manually."""

    class Clock:
        now = 0.0

    monkeypatch.setattr(messages.time, "monotonic", lambda: Clock.now)
    return Clock


def test_what_a_user_should_know_begins_with_its_level(capsys):
    logger.debug("unseen")
    logger.info("plain")
    logger.log(NOTE, "columns were left out")
    logger.warning("no validation video")
    logger.error("no such file")
    assert capsys.readouterr().err.splitlines() == [
        "plain",
        "note: columns were left out",
        "warning: no validation video",
        "error: no such file",
    ]


def test_a_message_is_shown_once_however_often_it_was_asked_for(capsys):
    show()
    show()
    logger.info("once")
    assert capsys.readouterr().err == "once\n"


def test_a_notebook_may_ask_for_warnings_alone(capsys):
    try:
        show(logging.WARNING)
        logger.info("unseen")
        logger.warning("seen")
    finally:
        show()
    assert capsys.readouterr().err == "warning: seen\n"


def test_tracking_gives_all_items(capsys):
    assert list(track("abc", 3, "letters", "letter")) == ["a", "b", "c"]
    assert "3/3" in capsys.readouterr().err


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
