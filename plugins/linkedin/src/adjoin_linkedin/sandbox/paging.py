"""Pages: opaque tokens for searches, `start` and `count` for the older collections."""

from __future__ import annotations

import base64
import binascii
import secrets
import zlib
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from adjoin_linkedin.sandbox.calls import Call
from adjoin_linkedin.sandbox.errors import param_invalid, too_many_entities
from adjoin_linkedin.sandbox.faulting import Faulting
from adjoin_linkedin.sandbox.limits import Limits

__all__ = ["counted_page", "token_page"]

#: Not part of what is searched for. `start` and `count` are taken and ignored, as the service does.
_TURNING = frozenset({"pageToken", "pageSize", "start", "count"})

_COUNT, _LARGEST_COUNT = 10, 1_000


def token_page(
    call: Call, nodes: Sequence[dict[str, Any]], *, largest: int, limits: Limits, faulting: Faulting, kind: str
) -> dict[str, Any]:
    """Return the page of a search that `pageToken` and `pageSize` ask for; `kind` is its class of requests."""
    size = call.params.number("pageSize", limits.default_page)
    if not 1 <= size <= largest:
        raise param_invalid("pageSize", f"Invalid argument: pageSize must be between 1 and {largest}")
    if "pageSize" not in call.params and "pageToken" not in call.params and len(nodes) > limits.unpaged:
        raise too_many_entities()
    if faulting.short_pages:
        size = min(size, max(1, (len(nodes) + 1) // 2))
    start = 0
    if given := call.params.text("pageToken"):
        if faulting.due(kind, "page_expired"):
            raise param_invalid("pageToken", "The page token has expired")
        if faulting.due(kind, "page_invalid"):
            raise param_invalid("pageToken", "Invalid page token")
        start = _position(given, call)
    stop = start + size
    after = _token(stop, call) if stop < len(nodes) else ""
    if faulting.due(kind, "page_duplicate"):
        # Leads here once more, under another name.
        after = _token(start, call, secrets.token_hex(4))
    if faulting.due(kind, "page_endless"):
        after = given or _token(0, call)
    return {"elements": nodes[start:stop], "metadata": {"nextPageToken": after} if after else {}}


def counted_page(call: Call, nodes: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the page of an older collection, with the link to the next one."""
    start, count = call.params.number("start", 0), call.params.number("count", _COUNT)
    if count > _LARGEST_COUNT:
        raise param_invalid("count", f"Invalid argument: count must not be above {_LARGEST_COUNT}")
    links = []
    if count and start + count < len(nodes):
        path = "/".join(("/rest", *call.path))
        query = "".join(
            f"&{name}={quote(value, safe='')}"
            for name, value in call.params.values.items()
            if name not in _TURNING and isinstance(value, str)
        )
        href = f"{path}?start={start + count}&count={count}{query}"
        links = [{"type": "application/json", "rel": "next", "href": href}]
    paging = {"start": start, "count": count, "links": links, "total": len(nodes)}
    return {"paging": paging, "elements": nodes[start : start + count]}


def _digest(call: Call) -> int:
    """What a token belongs to: it is good for the same search only."""
    kept = sorted((name, value) for name, value in call.params.values.items() if name not in _TURNING)
    return zlib.crc32(repr((call.path, kept)).encode())


def _token(position: int, call: Call, nonce: str = "") -> str:
    return base64.b64encode(f"~?>{_digest(call):08x}:{position}:{nonce}".encode()).decode()


def _position(token: str, call: Call) -> int:
    try:
        mark, position, _ = base64.b64decode(token, validate=True).decode().split(":")
        if mark == f"~?>{_digest(call):08x}":
            return int(position)
    except (binascii.Error, ValueError):
        pass
    raise param_invalid("pageToken", "Invalid page token")
