"""Which version of the Google Ads API is spoken, and where it is."""

from __future__ import annotations

import re

from adjoin.ads.v2 import App
from adjoin.errors import ErrorKind, PlatformError

__all__ = ["API", "API_VERSION", "api_version"]

API = "https://googleads.googleapis.com"

#: Google retires a major version about a year after it came, so it is a setting and this the default. Minor versions
#: (v26.1) answer at the same address.
API_VERSION = "v26"


def api_version(app: App) -> str:
    """Return the version that the operator set (`api_version`), else the default.

    Raises PlatformError of kind `invalid` for a value that is not a version.
    """
    version = app.extra.get("api_version", "") or API_VERSION
    if not re.fullmatch(r"v\d{1,3}", version):
        raise PlatformError(
            f"Google's api_version is set to {version!r}; it must look like {API_VERSION}",
            kind=ErrorKind.INVALID,
            code="api_version",
        )
    return version
