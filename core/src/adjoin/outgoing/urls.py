"""Which URLs may be asked, and where a redirect leads. Judged again at every hop."""

from __future__ import annotations

import re
from collections.abc import Collection
from ipaddress import IPv6Address
from urllib.parse import urljoin

import httpx

from adjoin.outgoing.addresses import STANDARD_PORTS
from adjoin.outgoing.errors import OutgoingError, Reason

__all__ = ["LONGEST_URL", "next_url", "origin", "port_of", "read_url", "shown"]

#: In characters, as written. The ad platforms take no longer ones either.
LONGEST_URL = 2048

_SHAPE = re.compile(r"(https?)://([^/?#]*)[^#]*(#.*)?", re.IGNORECASE)
_AUTHORITY = re.compile(r"(?:\[[^\[\]]*\]|[^:\[\]]+)(?::[0-9]{0,5})?")
_NAME = re.compile(r"(?=.{1,254}$)[a-z0-9_\-]{1,63}(?:\.[a-z0-9_\-]{1,63})*\.?")
_ABSOLUTE = re.compile(r"[a-z][a-z0-9+.\-]*:|///", re.IGNORECASE)
_PORTS = {"http": 80, "https": 443}


def read_url(text: str, *, ports: Collection[int] = STANDARD_PORTS) -> httpx.URL:
    """Read a URL that somebody entered; OutgoingError(bad_url) says what is wrong with it.

    Parsers disagree about odd URLs, and what one checks another would ask. So whatever two could read in two ways is
    refused here, before any parser sees it. What the host resolves to is not looked at.
    """
    if not text.strip():
        raise _bad("it is empty")
    if len(text) > LONGEST_URL:
        raise _bad(f"it has {len(text):,} characters, and at most {LONGEST_URL:,} are taken")
    if not all(sign.isprintable() and not sign.isspace() for sign in text):
        raise _bad("it holds a blank, a line break or another sign that cannot be seen")
    if "\\" in text:
        raise _bad("it holds a backslash, which some programs read as a slash")
    shape = _SHAPE.fullmatch(text)
    if shape is None:
        raise _bad("it must begin with http:// or https://")
    authority = shape[2]
    if "@" in authority:
        raise _bad("it holds a user name before the host (what stands before @)")
    if not _AUTHORITY.fullmatch(authority):
        raise _bad("its host cannot be read")
    try:
        url = httpx.URL(shape[1].lower() + text[len(shape[1]) :])  # httpx knows default ports by the small letters
        host = url.raw_host.decode("ascii")
    except (httpx.InvalidURL, ValueError):
        raise _bad("its host cannot be read") from None
    if not _is_host(host) or url.userinfo or url.scheme not in _PORTS:
        raise _bad("its host cannot be read")
    if port_of(url) not in ports:
        raise _bad("its port is not allowed: requests go to ports 80 and 443, and to what the operator has opened")
    return url


def next_url(current: httpx.URL, locations: Collection[str], *, ports: Collection[int] = STANDARD_PORTS) -> httpx.URL:
    """Return where a redirect leads; OutgoingError(redirect) if it may not be followed.

    A fragment lives on unless the redirect brings its own (RFC 9110 section 10.2.2).
    """
    if len(set(locations)) != 1:
        raise _misled(current, "to several addresses at once")
    location = next(iter(locations))
    # Joining strips some signs silently, so they are looked for before.
    if not all(sign.isprintable() and not sign.isspace() for sign in location) or "\\" in location:
        raise _misled(current, "to an address with signs that do not belong there")
    try:
        # Joining makes a path of `https:path` and `///host`, in which browsers see a host.
        joined = location if _ABSOLUTE.match(location) else urljoin(str(current), location)
        target = read_url(joined, ports=ports)
    except (OutgoingError, ValueError):
        raise _misled(current, "to an address that cannot be used") from None
    if current.scheme == "https" and target.scheme == "http":
        raise _misled(current, "from https to http, where others can read along")
    if current.fragment and "#" not in location:
        target = target.copy_with(fragment=current.fragment)
    return target


def port_of(url: httpx.URL) -> int:
    """The port that a URL means."""
    return _PORTS[url.scheme] if url.port is None else url.port


def origin(url: httpx.URL) -> tuple[str, bytes, int]:  # scheme, host, port
    """What must be the same for headers of the caller to go along with a redirect."""
    return url.scheme, url.raw_host, port_of(url)


def shown(url: httpx.URL) -> str:
    """Scheme, host and port: all of a URL that may stand in messages and logs."""
    return f"{url.scheme}://{url.netloc.decode('ascii')}"


def _is_host(host: str) -> bool:
    if ":" not in host:
        return _NAME.fullmatch(host) is not None
    try:
        IPv6Address(host)
    except ValueError:
        return False
    return "%" not in host


def _bad(why: str) -> OutgoingError:
    return OutgoingError(f"This URL cannot be used: {why}", reason=Reason.BAD_URL)


def _misled(current: httpx.URL, whither: str) -> OutgoingError:
    return OutgoingError(
        f"{shown(current)} redirects {whither}. Enter the address that it should lead to", reason=Reason.REDIRECT
    )
