"""Which addresses a client may send a request to: with its token only those of its own platform."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection

import httpx

from adjoin.errors import BadInput, ErrorKind, PlatformError
from adjoin.http.redaction import redact_text

__all__ = ["base_address", "target_address"]

# A colon alone makes no scheme: `googleAds:search` is a path.
_ABSOLUTE = re.compile(r"\s*[a-z][a-z0-9+.\-]*:[/\\]{2}", re.IGNORECASE)
_PORTS = {"http": 80, "https": 443}


def base_address(url: str) -> httpx.URL:
    """Read the base URL of a platform, without a slash at its end; BadInput if it is none."""
    try:
        base = httpx.URL(url.rstrip("/"))
    except httpx.InvalidURL as error:
        raise BadInput(f"{redact_text(url)!r} is no URL: {error}") from None
    if base.scheme not in _PORTS or not base.host or base.userinfo:
        raise BadInput(f"{redact_text(url)!r} is no base URL: it must look like https://host/path")
    return base


def target_address(
    base: httpx.URL,
    url: str,
    *,
    hosts: Collection[httpx.URL] = (),
    authorised: bool = True,
    redact: Callable[[str], str],
) -> httpx.URL:
    """Join a path to the base URL, or accept an absolute URL of the same scheme, host and port, or of one of `hosts`.

    A request without the token may go to any https address. PlatformError(kind=invalid) for any other, as a platform
    may name one in a `next` link.
    """
    try:
        if not _ABSOLUTE.match(url):
            path = url.lstrip("/")
            return httpx.URL(f"{base}/{path}" if path else str(base))
        target = httpx.URL(url.strip())
    except httpx.InvalidURL as error:
        raise PlatformError(
            f"{redact(url)!r} is no URL: {redact(str(error))}", kind=ErrorKind.INVALID, code="bad_url"
        ) from None
    known = _origin(target) in {_origin(each) for each in (base, *hosts)}
    if not (known or (not authorised and target.scheme == "https" and target.host)) or target.userinfo:
        raise PlatformError(
            f"The platform sent a link to another host: {target.scheme}://{target.host}, "
            f"expected {base.scheme}://{base.netloc.decode()}. It was not followed",
            kind=ErrorKind.INVALID,
            code="other_host",
        )
    return target


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:  # scheme, host, port
    return url.scheme, url.host, url.port or _PORTS.get(url.scheme)
