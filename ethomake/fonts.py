"""Fonts for letters that the font of all figures lacks: Chinese, Japanese, Korean, Devanagari, ...

DejaVu Sans, which comes with matplotlib, has Latin, Greek, Cyrillic, Arabic, Hebrew and more, so most figures are the
same on every machine. Letters that it lacks are taken from fonts that are installed; matplotlib does so letter by
letter, if it is told their names.
"""

import os
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from matplotlib import font_manager
from matplotlib.ft2font import FT2Font

from ethomake.letters import nfc

USUAL = "DejaVu Sans"
"""The font of all figures."""

# In the order of preference. Others are tried in the order of their file names.
_PREFERRED = ("notosanscjk", "notosans", "sourcehan", "ipa", "takao", "wqy", "droidsansfallback", "nanum", "unifont")


@cache
def _usual_letters() -> frozenset[int]:
    return frozenset(_letters_of(font_manager.findfont(USUAL)))


def missing_letters(texts: Iterable[str]) -> set[str]:
    """Return the letters of some texts that the usual font lacks."""
    return {
        letter
        for text in texts
        if not text.isascii()
        for letter in text
        if ord(letter) not in _usual_letters() and letter.isprintable() and not letter.isspace()
    }


def find_families(letters: Iterable[str]) -> tuple[list[str], set[str]]:
    """Return names of installed fonts that have some letters, for matplotlib, and the letters that none has."""
    wanted, families = set(letters), []
    for path in _installed() if wanted else ():
        if found := {letter for letter in wanted if ord(letter) in _letters_of(path)}:
            families.append(_register(path))
            wanted -= found
        if not wanted:
            break
    return families, wanted


def note_on(names: Iterable[str]) -> str:
    """Return a note for names with letters that no installed font has; "" if all can be drawn."""
    names = [nfc(name) for name in names]
    letters = missing_letters(names)
    _, lacking = find_families(letters)
    if not lacking:
        return ""
    shown = sorted({name for name in names if lacking & set(name)})
    more = f" and {len(shown) - 3} more" if len(shown) > 3 else ""
    return (
        f"no font with the letters of {', '.join(shown[:3])}{more} is installed: figures show boxes in their place; "
        "install one, such as Noto Sans CJK (Debian and Ubuntu: fonts-noto-cjk), and draw older figures again with "
        "--forcerun draw_ethogram draw_evaluation count_transitions"
    )


@cache
def _installed() -> tuple[str, ...]:
    """Return the paths of the installed fonts, those first that are made for many letters; the same at each call."""

    def order(path: str) -> tuple:
        name = os.path.basename(path).lower()
        plain = "".join(letter for letter in name if letter.isalnum())
        rank = next((number for number, start in enumerate(_PREFERRED) if plain.startswith(start)), len(_PREFERRED))
        return rank, "regular" not in plain, name, path

    return tuple(sorted(map(str, font_manager.findSystemFonts()), key=order))


@cache
def _letters_of(path: str) -> frozenset[int]:
    """Return the code points that a font has; none if it cannot be read (as fonts of colored pictures)."""
    try:
        return frozenset(FT2Font(path).get_charmap())
    except (OSError, RuntimeError, ValueError):
        return frozenset()


@cache
def _register(path: str) -> str:
    """Make a font known to matplotlib, and return its name."""
    name = FT2Font(path).family_name
    known = [entry for entry in font_manager.fontManager.ttflist if entry.name == name and entry.fname == path]
    if not known:
        font_manager.fontManager.addfont(Path(path))
    return name
