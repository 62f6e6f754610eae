"""The transport below the API client: sessions, whole bodies, and failures in words."""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass

import aiohttp
import httpx
import yarl
from aiohttp.http_exceptions import HttpProcessingError
from httpx_aiohttp import AiohttpTransport

__all__ = ["BROKEN", "BodyTooLarge", "CutShort", "Transports", "describe", "never_sent", "read_pieces"]

#: Everything that means "no whole answer arrived". httpx-aiohttp passes some of aiohttp's errors on as they are.
BROKEN = (httpx.RequestError, aiohttp.ClientError, HttpProcessingError, OSError, TimeoutError)

_CONNECTIONS = 32
_READ_BUFFER = 256 * 1024
# Usage headers list one entry per account and kind of call, which outgrows aiohttp's 8 KB.
_LONGEST_HEADER = 128 * 1024
_CLOSING_SECONDS = 5.0


class CutShort(httpx.RemoteProtocolError):
    """The body ended before the length that the platform announced."""


class BodyTooLarge(Exception):
    """The body is larger than the client accepts."""


class Transports:
    """One transport per event loop that asks for one, as connections cannot cross loops.

    With `given`, that transport serves every loop.
    """

    def __init__(self, *, base_url: httpx.URL, given: httpx.AsyncBaseTransport | None = None) -> None:
        self._local = _is_local(base_url.host)
        self._secure = base_url.scheme == "https"
        self._given = given
        self._by_loop: dict[asyncio.AbstractEventLoop, httpx.AsyncBaseTransport] = {}

    def here(self) -> httpx.AsyncBaseTransport:
        """The transport of the running loop."""
        if self._given is not None:
            return self._given
        loop = asyncio.get_running_loop()
        found = self._by_loop.get(loop)
        if found is None:
            found = self._by_loop[loop] = self._open()
        return found

    async def aclose(self) -> None:
        """Close all connections, also those of other loops that still run."""
        if self._given is not None:
            await self._given.aclose()
        while self._by_loop:
            loop, transport = self._by_loop.popitem()
            if loop is asyncio.get_running_loop():
                await transport.aclose()
            elif loop.is_running():
                closing = asyncio.run_coroutine_threadsafe(transport.aclose(), loop)
                await asyncio.wait([asyncio.wrap_future(closing)], timeout=_CLOSING_SECONDS)

    def _open(self) -> AiohttpTransport:
        # httpx's choice of authorities (certifi, or SSL_CERT_FILE): aiohttp's needs some that the system has installed.
        trust = httpx.create_ssl_context(verify=self._secure)
        return AiohttpTransport(verify=trust, client=lambda: self._session(trust))

    def _session(self, trust: ssl.SSLContext) -> aiohttp.ClientSession:
        session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=trust, limit=_CONNECTIONS, keepalive_timeout=30),
            cookie_jar=aiohttp.DummyCookieJar(),
            # The operator's proxy (HTTPS_PROXY) is for platforms, never for a sandbox on this machine.
            trust_env=not self._local,
            read_bufsize=_READ_BUFFER,
            max_line_size=_LONGEST_HEADER,
            max_field_size=_LONGEST_HEADER,
        )
        # aiohttp sends GET, PUT and DELETE again by itself when the connection drops. On some platforms a GET redeems a
        # code that works once, so only the client decides; there is no public switch. A test watches over it.
        session._retry_connection = False  # noqa: SLF001
        # aiohttp decodes what it thinks needs no encoding, but to LinkedIn `%3A` and `:` are different things, and a
        # signed address holds for exactly its bytes. httpx has encoded the address already. No public switch either.
        session._build_url = lambda url: yarl.URL(url, encoded=True)  # type: ignore[assignment,method-assign] # noqa: SLF001
        return session


@dataclass(slots=True)
class Count:
    """How many bytes a body gave after decoding."""

    size: int = 0


async def read_pieces(response: httpx.Response, *, limit: int | None, count: Count) -> AsyncIterator[bytes]:
    """Yield the decoded body; CutShort if it is shorter than announced, BodyTooLarge above `limit` bytes."""
    announced = _announced_length(response)
    if limit is not None and announced is not None and announced > limit:
        raise BodyTooLarge
    async for piece in response.aiter_bytes():
        count.size += len(piece)
        if limit is not None and count.size > limit:
            raise BodyTooLarge
        yield piece
    # httpx counts what came over the wire, before decoding, but not where a response was made ready beforehand.
    arrived = response.num_bytes_downloaded or count.size
    if announced is not None and arrived < announced:
        raise CutShort(f"{arrived} of {announced} bytes arrived")


def never_sent(error: BaseException) -> bool:
    """Say whether the request surely did not reach the platform: no connection was made."""
    # httpx-aiohttp calls every broken connection a ConnectTimeout, a refused one too; the cause tells them apart.
    return isinstance(error, httpx.ConnectError) or isinstance(
        error.__cause__, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError
    )


def describe(error: BaseException) -> str:
    """Say in words what broke. The error's own text may hold the URL, so the caller must redact it."""
    if never_sent(error):
        words = "no connection could be made"
    elif isinstance(error, TimeoutError | httpx.TimeoutException) and not _hides_disconnect(error):
        words = "no answer came in time"
    elif isinstance(error, httpx.DecodingError):
        words = "the answer's compression is damaged"
    else:
        words = "the connection broke before the whole answer had arrived"
    detail = str(error)
    return f"{words} ({detail})" if detail else words


def _hides_disconnect(error: BaseException) -> bool:
    return isinstance(error.__cause__, aiohttp.ClientConnectionError) and not isinstance(error.__cause__, TimeoutError)


def _announced_length(response: httpx.Response) -> int | None:
    if response.request.method == "HEAD" or response.status_code in {204, 304}:
        return None
    value = response.headers.get("content-length", "")
    return int(value) if value.isascii() and value.isdigit() else None


def _is_local(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
