"""Characters that cannot be seen, shown as escapes in every message."""

import re

# Printable by their category, but nothing is to be seen: fillers, joiners, a blank of Braille, variation selectors.
_FILLERS = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)


def visible(text: str) -> str:
    r"""Return a text on one line, in which characters that cannot be seen are escaped: `gro\u200bom`."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(letter if is_visible(letter) else _escape(letter) for letter in text)


def is_visible(letter: str) -> bool:
    """Return whether there is something to be seen of a character, other than a blank of another kind."""
    return letter.isprintable() and not _FILLERS.match(letter)


def _escape(letter: str) -> str:
    if letter in "\n\r\t":
        return {"\n": "\\n", "\r": "\\r", "\t": "\\t"}[letter]
    code = ord(letter)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
