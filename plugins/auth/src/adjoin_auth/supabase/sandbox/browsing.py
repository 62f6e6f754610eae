"""What a browser does on the way through a party: it follows each redirect."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qsl, urlsplit

import httpx

__all__ = ["walk"]

_MOST = 10


def walk(address: str, *, back: str = "https://adjoin.test/") -> Mapping[str, str]:
    """Follow redirects from an address until one leads back; return the query that it leads back with."""
    with httpx.Client(trust_env=False) as browser:
        for _ in range(_MOST):
            answer = browser.get(address)
            if "location" not in answer.headers:
                raise RuntimeError(f"the way ends with status {answer.status_code}: {answer.text[:200]}")
            address = answer.headers["location"]
            if address.startswith(back):
                return dict(parse_qsl(urlsplit(address).query))
    raise RuntimeError(f"{_MOST} redirects lead nowhere")
