"""Names that look alike: one encoding for accents, and one form for what looks the same."""

import unicodedata

from ethomake.visible import is_visible


def nfc(text: str) -> str:
    """Return a text with accents in one encoding: composed (Unicode's normal form NFC)."""
    return unicodedata.normalize("NFC", text)


def look(name: str) -> str:
    """Return a form that is equal for names that look the same: without invisible characters, blanks as one kind."""
    shown = "".join(" " if letter.isspace() else letter for letter in name if letter.isspace() or is_visible(letter))
    return nfc(" ".join(shown.split()))


def strange_letter(name: str, other: str) -> str:
    """Return in words the first letter of `name` that only looks like that of `other`, such as a Cyrillic a; else "".

    The names must be equally long, and differ only where one of them has a letter that is not in ASCII.
    """
    name, other = nfc(name), nfc(other)
    pairs = [(one, two) for one, two in zip(name, other, strict=False) if one != two]
    if len(name) != len(other) or not pairs or any(one.isascii() and two.isascii() for one, two in pairs):
        return ""
    strange = next((letter for letter in pairs[0] if not letter.isascii()), "")
    return f"{unicodedata.name(strange, 'a letter without a name')}, U+{ord(strange):04X}"
