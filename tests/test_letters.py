import pytest

from ethomake.errors import InputError, TransientError
from ethomake.letters import look, nfc, strange_letter
from ethomake.visible import visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("groom", "groom"),
        ("gröom ж 毛づくろい", "gröom ж 毛づくろい"),
        ("gro\u200bom", "gro\\u200bom"),
        ("a\u00a0b", "a\\u00a0b"),
        ("a\nb\tc", "a\\nb\\tc"),
        ("a\u3164b\ufe0f", "a\\u3164b\\ufe0f"),
        ("\U000e0101", "\\U000e0101"),
        ("\ufeffx", "\\ufeffx"),
    ],
)
def test_what_cannot_be_seen_is_shown_as_an_escape(text, shown):
    assert visible(text) == shown


def test_names_that_look_the_same_have_one_look():
    same = ["m\u00f6use 1", "mo\u0308use 1", "m\u00f6\u200buse 1", "m\u00f6use\u00a01", " m\u00f6use  1\ufeff"]
    assert {look(name) for name in same} == {"m\u00f6use 1"}
    assert look("mouse 1") != look("m\u00f6use 1")
    assert nfc("o\u0308") == "\u00f6"


@pytest.mark.parametrize(
    ("name", "other", "letter"),
    [
        ("w\u0430lk", "walk", "CYRILLIC SMALL LETTER A, U+0430"),
        ("walk", "w\u0430lk", "CYRILLIC SMALL LETTER A, U+0430"),
        ("\uff57alk", "walk", "FULLWIDTH LATIN SMALL LETTER W, U+FF57"),
        ("gro\u0308m", "grom", "LATIN SMALL LETTER O WITH DIAERESIS, U+00F6"),
        ("gro\u0308m", "gr\u00f6m", ""),
        ("walk", "talk", ""),
        ("w\u0430lt", "walk", ""),
        ("walks", "w\u0430lk", ""),
    ],
)
def test_letters_of_another_alphabet_that_look_like_ours_are_named(name, other, letter):
    assert strange_letter(name, other) == letter


@pytest.mark.parametrize("kind", [InputError, TransientError])
def test_an_error_is_one_line_and_hides_nothing(kind):
    assert str(kind("no column 'gro\u200bom'\nhere")) == "no column 'gro\\u200bom'\\nhere"
