"""Cells of tables: numbers, and texts that a spreadsheet would take for a formula, with the way back.

Excel, LibreOffice and Google Sheets run a cell that begins with =, +, - or @ (in East Asian versions also their wide
forms) as a formula, quotes or not. An apostrophe in front makes it text. A name that begins with apostrophes and such
a sign gets one more, so that every name can be told from its cell.

Source: OWASP, CSV Injection, https://owasp.org/www-community/attacks/CSV_Injection
"""

import re

_FORMULA = re.compile("'*[=+\\-@\t\r\uff1d\uff0b\uff0d\uff20]")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


def defuse(text: str) -> str:
    """Return a text as it is written to a cell: `'=cmd` for `=cmd`; numbers stay as they are."""
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text


def restore(cell: str) -> str:
    """Return the text of a cell that `defuse` wrote."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


def to_number(cell: str) -> float | None:
    """Return the number that a cell holds, also nan and inf; None if it holds none."""
    try:
        return float(cell)
    except ValueError:
        return None
