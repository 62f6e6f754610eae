"""Which version of LinkedIn's API is spoken, for how long it lives, and where the API is."""

from __future__ import annotations

import re
from datetime import date

from adjoin.ads.v2 import App
from adjoin.errors import ErrorKind, PlatformError

__all__ = ["API", "API_VERSION", "OAUTH", "api_version", "end_of"]

API = "https://api.linkedin.com"
OAUTH = "https://www.linkedin.com"

#: There is a version per month, so it is a setting and this the default.
API_VERSION = "202610"

_VERSION = re.compile(r"(20\d\d)(0[1-9]|1[0-2])(\.\d\d)?")

#: The day of the month on which a version has gone: 202304 ended on 2024-04-15, 202504 failed from 2026-04-16 on.
_LAST_DAY = 15


def api_version(app: App) -> str:
    """Return the version that the operator set (`api_version`), else the default.

    Raises PlatformError of kind `invalid` for a value that is not a version.
    """
    version = app.extra.get("api_version", "") or API_VERSION
    if not _VERSION.fullmatch(version):
        raise PlatformError(
            f"LinkedIn's api_version is set to {version!r}; it must be a year and a month, like {API_VERSION}",
            kind=ErrorKind.INVALID,
            code="api_version",
        )
    return version


def end_of(version: str) -> date | None:
    """Return the last day of a version: in the middle of the same month one year later. None if it is none."""
    found = _VERSION.fullmatch(version)
    return date(int(found[1]) + 1, int(found[2]), _LAST_DAY) if found else None
