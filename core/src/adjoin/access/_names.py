"""Names that people give: to themselves, and to workspaces."""

from __future__ import annotations

import unicodedata

from adjoin.errors import BadInput

__all__ = ["clean_name"]

_LONGEST = 100
#: Signs that turn the direction of writing: a name must not rearrange the text that it stands in.
_TURNING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
#: Control signs, halves of a pair, signs without a meaning, line and paragraph separators.
_UNFIT = frozenset({"Cc", "Cs", "Cn", "Co", "Zl", "Zp"})


def clean_name(text: str, what: str, *, may_be_empty: bool = False) -> str:
    """Return a name as it is stored: NFC, blanks joined and trimmed, at most 100 characters.

    `what` says in an error whose name it is. Raises BadInput.
    """
    name = " ".join(unicodedata.normalize("NFC", text).split())
    if not name and not may_be_empty:
        raise BadInput(f"{what} must not be empty")
    if len(name) > _LONGEST:
        raise BadInput(f"{what} has at most {_LONGEST} characters, not {len(name):,}")
    if any(sign in _TURNING or unicodedata.category(sign) in _UNFIT for sign in name):
        raise BadInput(f"{what} holds a sign that cannot be shown; leave it out")
    return name
