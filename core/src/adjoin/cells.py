"""Texts that somebody else has written, as cells of a CSV file that a spreadsheet opens."""

from __future__ import annotations

import re

__all__ = ["harmless"]

#: What a spreadsheet takes for the beginning of a formula, the wide forms of East Asia too.
_FORMULA = r"[=+\-@\t\r＝＋－＠]"
_FIRST = re.compile(_FORMULA)
# Where commas are for decimals a spreadsheet splits lines at semicolons, and what follows one begins a cell.
_LATER = re.compile(rf"(?<=[;\t\r\n])(?={_FORMULA})")


def harmless(text: str) -> str:
    """Put an apostrophe before what a spreadsheet would take for a formula; other texts stay as they are."""
    if _FIRST.match(text):
        text = f"'{text}"
    return _LATER.sub("'", text)
