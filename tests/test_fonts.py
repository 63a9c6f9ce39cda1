"""Letters that the font of all figures lacks; the tests use fonts that come with matplotlib."""

from pathlib import Path

import matplotlib
import pytest

from ethomake import fonts
from ethomake.drawing import new_figure, save_figure, style

STIX = str(Path(matplotlib.get_data_path(), "fonts/ttf/STIXGeneral.ttf"))
RARE = "\u210a"  # in STIX, not in DejaVu Sans
JAPANESE = "\u6bdb\u3065\u304f\u308d\u3044"  # in neither


@pytest.fixture
def installed(monkeypatch):
    def set_fonts(*paths):
        monkeypatch.setattr(fonts, "_installed", lambda: paths)

    return set_fonts


def draw(folder, name):
    with style():
        figure = new_figure(3, 1)
        axes = figure.add_subplot()
        axes.set_yticks([0, 1], [name, "walk"])
        save_figure(figure, folder / f"{name}.png", folder / f"{name}.svg")
    return (folder / f"{name}.svg").read_text()


def test_only_letters_that_are_lacking_count():
    assert fonts.missing_letters(["walk", "gr\u00f6om", "\u0445\u043e\u0434\u044c\u0431\u0430", ""]) == set()
    assert fonts.missing_letters([f"a{RARE}", JAPANESE]) == {RARE, *JAPANESE}


def test_another_font_has_the_letters(installed, tmp_path, recwarn):
    installed("/nowhere.ttf", STIX)
    assert fonts.find_families([RARE]) == (["STIXGeneral"], set())
    assert fonts.note_on([f"a{RARE}"]) == ""
    assert "STIXGeneral" in draw(tmp_path, f"a{RARE}")
    assert not [warning for warning in recwarn if "Glyph" in str(warning.message)]


def test_without_such_a_font_there_is_one_note_and_no_warning(installed, tmp_path, recwarn):
    installed(STIX)
    note = fonts.note_on(["walk", JAPANESE, RARE, JAPANESE])
    assert note.startswith(f"no font with the letters of {JAPANESE} is installed: figures show boxes")
    draw(tmp_path, JAPANESE)
    assert not [warning for warning in recwarn if "Glyph" in str(warning.message)]


def test_usual_names_need_no_other_font(installed, tmp_path):
    installed(STIX)
    assert "STIX" not in draw(tmp_path, "gr\u00f6om")
