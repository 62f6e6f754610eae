"""Pages of an edge: opaque cursors, and an absolute `next` that holds the access token, as the real one does."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import msgspec

from adjoin_meta.sandbox.errors import bad_cursor, bad_parameter

__all__ = ["DEFAULT_LIMIT", "Window", "page_body", "page_window", "paging_block"]

DEFAULT_LIMIT = 25
_LARGEST_LIMIT = 5000
_MARK = "sandbox-cursor:"


@dataclass(frozen=True, slots=True)
class Window:
    """Which part of a list a page shows."""

    start: int
    limit: int

    @property
    def stop(self) -> int:
        return self.start + self.limit


def page_window(params: Mapping[str, str]) -> Window:
    """Read `limit` and `after`. Refuses limits that are no positive numbers and cursors that are not ours."""
    text = params.get("limit") or str(DEFAULT_LIMIT)
    if not text.isdecimal() or int(text) < 1:
        raise bad_parameter("param limit must be an integer greater than 0")
    after = params.get("after", "")
    return Window(_position(after) if after else 0, min(int(text), _LARGEST_LIMIT))


def _cursor(position: int, again: str = "") -> str:
    return base64.urlsafe_b64encode(f"{_MARK}{position}{again}".encode()).decode().rstrip("=") + "ZD"


def _position(cursor: str) -> int:
    try:
        text = cursor.removesuffix("ZD")
        plain = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
        if not plain.startswith(_MARK):
            raise bad_cursor()
        return int(plain.removeprefix(_MARK).rstrip("+"))
    except (binascii.Error, UnicodeDecodeError, ValueError):
        raise bad_cursor() from None


def paging_block(
    url: str,
    params: Mapping[str, str],
    token: str,
    window: Window,
    shown: int,
    total: int,
    *,
    endless: bool = False,
) -> dict[str, Any]:
    """Return `paging`. `cursors.after` is there on the last page too; only `next` says that there is more.

    With `endless` there is always a `next`, each time with a cursor that has not been seen.
    """
    stop = window.start + (window.limit if endless else shown)
    # After an empty page the same place has another cursor.
    after = _cursor(stop, "" if shown else "+")
    block: dict[str, Any] = {"cursors": {"before": _cursor(window.start), "after": after}}
    if stop < total or endless:
        query = {name: value for name, value in params.items() if name not in ("after", "access_token", "limit")}
        query = {"access_token": token, **query, "limit": str(window.limit), "after": after}
        block["next"] = f"{url}?{urlencode(query)}"
    return block


def page_body(
    rows: Sequence[Any],
    *,
    total: int,
    window: Window,
    url: str,
    params: Mapping[str, str],
    token: str,
    endless: bool = False,
) -> bytes:
    """Return the JSON of a page of plain objects; an empty list comes without `paging`."""
    body: dict[str, Any] = {"data": rows}
    if total:
        body["paging"] = paging_block(url, params, token, window, len(rows), total, endless=endless)
    if params.get("summary") in ("true", "1") or "total_count" in params.get("summary", ""):
        body["summary"] = {"total_count": total}
    return msgspec.json.encode(body)
