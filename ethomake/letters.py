"""Letters that look alike: one form for names."""

import unicodedata

from ethomake.visible import is_visible


def nfc(text: str) -> str:
    """Return a text with accents in one encoding: composed (Unicode's normal form NFC)."""
    return unicodedata.normalize("NFC", text)


def look(name: str) -> str:
    """Return a form that is equal for names that look the same: without invisible characters, blanks as one kind."""
    shown = "".join(" " if letter.isspace() else letter for letter in name if letter.isspace() or is_visible(letter))
    return nfc(" ".join(shown.split()))
