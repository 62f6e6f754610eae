"""Asking a service that the operator names: bounded in time and size, no redirects, no proxies of the environment."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import httpx

__all__ = ["Answer", "Bounds", "NoAnswer", "ask", "trust"]


class NoAnswer(Exception):
    """There is no answer that can be used. The message is for the operator and holds no secret."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How much one request may cost."""

    total: timedelta = timedelta(seconds=6)
    body_bytes: int = 512 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer of any status."""

    host: str
    status: int
    content_type: str
    body: bytes = field(repr=False)

    def object(self) -> Mapping[str, Any]:
        """Return the body as a JSON object. Raises NoAnswer."""
        try:
            found = json.loads(self.body)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise NoAnswer(f"{self.host} answers with status {self.status} and no JSON object")
        return found


async def ask(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    form: Mapping[str, str] | None = None,
    bounds: Bounds | None = None,
) -> Answer:
    """Ask once. Raises NoAnswer when nothing usable comes within the bounds; a redirect is an answer of its status."""
    limits = bounds or Bounds()
    host = urlsplit(url).netloc.rpartition("@")[2]
    sent = {"Accept": "application/json", "Accept-Encoding": "identity", **(headers or {})}
    seconds = limits.total.total_seconds()
    try:
        async with (
            asyncio.timeout(seconds),
            httpx.AsyncClient(verify=trust(), trust_env=False, follow_redirects=False, timeout=seconds) as client,
            client.stream(method, url, headers=sent, data=form) as response,
        ):
            body = await _read(response, limits.body_bytes, host)
            media = response.headers.get("content-type", "").partition(";")[0].strip().lower()
            return Answer(host=host, status=response.status_code, content_type=media, body=body)
    except (TimeoutError, httpx.TimeoutException):
        problem = f"{host} does not answer within {seconds:g} seconds"
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        problem = f"{host} cannot be reached: {type(error).__name__}"
    # Outside of the handlers: a traceback would drag along what was sent.
    raise NoAnswer(problem)


async def _read(response: httpx.Response, most: int, host: str) -> bytes:
    if response.headers.get("content-encoding", "identity").lower() != "identity":
        raise NoAnswer(f"{host} sends a compressed answer, which was not asked for")
    parts: list[bytes] = []
    size = 0
    async for part in response.aiter_raw():
        size += len(part)
        if size > most:
            raise NoAnswer(f"{host} sends more than {most:,} bytes")
        parts.append(part)
    return b"".join(parts)


@cache
def trust() -> ssl.SSLContext:
    """The authorities that are trusted; SSL_CERT_FILE adds a company's own."""
    return httpx.create_ssl_context()
