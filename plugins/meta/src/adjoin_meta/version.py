"""Which version of the Graph API is spoken, and where it is."""

from __future__ import annotations

import re

from adjoin.ads.v2 import App
from adjoin.errors import ErrorKind, PlatformError

__all__ = ["API_VERSION", "GRAPH", "api_version"]

GRAPH = "https://graph.facebook.com"

#: Meta retires a version of the Marketing API after about a year, so it is a setting and this the default.
API_VERSION = "v26.0"


def api_version(app: App) -> str:
    """Return the version that the operator set (`api_version`), else the default.

    Raises PlatformError of kind `invalid` for a value that is not a version.
    """
    version = app.extra.get("api_version", "") or API_VERSION
    if not re.fullmatch(r"v\d{1,3}\.\d{1,2}", version):
        raise PlatformError(
            f"Meta's api_version is set to {version!r}; it must look like {API_VERSION}",
            kind=ErrorKind.INVALID,
            code="api_version",
        )
    return version
