"""Which monthly versions of the API are alive: those of about one year, by the world's clock."""

from __future__ import annotations

import re
from datetime import date

from adjoin_linkedin.sandbox.errors import version_gone, version_missing

__all__ = ["alive", "check_version"]

#: A version is taken off in the middle of its month a year later.
_LAST_DAY = 15

#: What the sandbox itself speaks. A world may be set in any year, and these answer in all of them.
_SPOKEN = frozenset({"202610", "202611"})

_FORM = re.compile(r"(\d{4})(0[1-9]|1[0-2])(\.\d{2})?")


def alive(version: str, today: date) -> bool:
    """Say whether a version (YYYYMM or YYYYMM.RR) is served on a day."""
    found = _FORM.fullmatch(version)
    if found is None:
        return False
    newest = today.year * 12 + today.month
    oldest = newest - 12 if today.day <= _LAST_DAY else newest - 11
    return oldest <= int(found[1]) * 12 + int(found[2]) <= newest or version[:6] in _SPOKEN


def check_version(version: str, today: date) -> str:
    """Return a living version as its day (20260401); refuses the others, and none at all."""
    if not version:
        raise version_missing()
    day = f"{version[:6]}01" if _FORM.fullmatch(version) else version
    if not alive(version, today):
        raise version_gone(day)
    return day
