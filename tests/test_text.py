import pytest

from ethomake.text import counted, escape_markdown, length, markdown_table, number, percent, rate


def test_what_is_not_known_is_empty():
    assert (number(None), percent(None)) == ("", "")
    assert (number(0.126), percent(0.126)) == ("0.13", "12.6 %")


def test_counts():
    assert [counted(n, "video") for n in (0, 1, 1200)] == ["0 videos", "1 video", "1,200 videos"]


@pytest.mark.parametrize(
    ("seconds", "expected"), [(4.256, "4.26 s"), (60, "1 min 0 s"), (3599, "59 min 59 s"), (7500, "2 h 5 min")]
)
def test_lengths(seconds, expected):
    assert length(seconds) == expected


def test_a_rate_is_a_range_only_where_there_are_several():
    assert rate(25.0, 25.0) == "25"
    assert rate(25.0, 29.97) == "25 to 29.97"


def test_tables():
    assert markdown_table(["name", "n"], [["a", "10"]]).splitlines() == ["| name | n |", "| --- | ---: |", "| a | 10 |"]
    assert markdown_table(["name", "n"], [["walking", "10"]], aligned=True).splitlines() == [
        "| name    |    n |",
        "| ------- | ---: |",
        "| walking |   10 |",
    ]


def test_names_cannot_break_a_table():
    assert escape_markdown("a|b <i>") == r"a\|b \<i\>"
