"""The guard at the moment of connecting: resolve once, judge every address, dial only what was judged."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from ipaddress import ip_address
from itertools import chain, zip_longest
from typing import TYPE_CHECKING, Any

import httpcore
import httpx
import structlog

from adjoin.outgoing.addresses import Address, AddressRule

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

__all__ = ["Connect", "GuardedBackend", "GuardedTransport", "MeteredStream", "Resolve", "SystemResolver", "dial"]

#: Turns a host and a port into addresses in the order to try them; raises OSError if there are none.
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
#: Opens a connection to an address and a port within so many seconds; raises httpcore's errors or OSError.
Connect = Callable[[str, int, float], Awaitable[httpcore.AsyncNetworkStream]]

_Option = tuple[int, int, int] | tuple[int, int, bytes | bytearray] | tuple[int, int, None, int]

_DIALLED = 3  # addresses of a host that are tried
_STEP_SECONDS = 5.0
# Twice what httpcore reads at once: a head of 64 KB fits however it arrives, and a flood of interim answers does not.
_HEAD_BYTES = 128 * 1024
_LOOKUP_THREADS = 8


class SystemResolver:
    """The machine's own resolver, in threads that it shares with nothing else: a hanging lookup holds one for long."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_LOOKUP_THREADS, thread_name_prefix="adjoin-lookup")

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(self._threads, _look_up, host, port)
        return list(dict.fromkeys(found))


async def dial(address: str, port: int, seconds: float) -> httpcore.AsyncNetworkStream:
    """Connect to an address, which is not a name."""
    return await httpcore.AnyIOBackend().connect_tcp(address, port, timeout=seconds)


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """Connects only to addresses that the rule permits, and refuses a host if any of its addresses is another.

    The name is resolved once per connection and what was judged is what is dialled, so that an answer which changes
    in between gains nothing. TLS is not affected: httpcore takes the certificate's name from the URL. Why a host was
    refused goes to the log, for the operator; the error is the same as for a host that does not answer.
    """

    def __init__(
        self,
        rule: AddressRule,
        *,
        resolve: Resolve,
        connect: Connect = dial,
        log: FilteringBoundLogger | None = None,
    ) -> None:
        self._rule = rule
        self._resolve = resolve
        self._connect = connect
        self._log: FilteringBoundLogger = log or structlog.get_logger("adjoin.outgoing")

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[_Option] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first permitted address that answers; httpcore.ConnectError if there is none."""
        seconds = _STEP_SECONDS if timeout is None else timeout
        addresses = await self._addresses(host, port, seconds)
        for address in addresses:
            if objection := self._rule.objection(address, port):
                self._log.warning(
                    "outgoing connection refused", host=host, port=port, address=str(address), why=objection
                )
                raise httpcore.ConnectError("the host cannot be asked")
        tried = _in_turn(addresses)[:_DIALLED]
        for address in tried:
            try:
                stream = await self._connect(str(address), port, seconds / len(tried))
            except (httpcore.NetworkError, httpcore.TimeoutException, OSError) as error:
                self._log.debug("outgoing connection failed", host=host, port=port, error=type(error).__name__)
            else:
                return MeteredStream(stream, _HEAD_BYTES)
        raise httpcore.ConnectError("the host cannot be asked")

    async def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[_Option] | None = None
    ) -> httpcore.AsyncNetworkStream:
        """Refuse, always."""
        raise httpcore.ConnectError("the host cannot be asked")

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def _addresses(self, host: str, port: int, seconds: float) -> list[Address]:
        try:
            return [ip_address(host)]
        except ValueError:
            pass  # a name, or a spelling of an address that the resolver knows: `127.1`, `0x7f000001`
        try:
            async with asyncio.timeout(seconds):
                found = await self._resolve(host, port)
            addresses = [ip_address(each) for each in found]
        except (OSError, ValueError) as error:  # among them TimeoutError, and UnicodeError for a label too long
            self._log.debug("outgoing name not resolved", host=host, error=type(error).__name__)
            addresses = []
        return addresses


class MeteredStream(httpcore.AsyncNetworkStream):
    """A connection on which only so many bytes may arrive, whatever they are: heads, interim answers, chunk marks."""

    def __init__(self, stream: httpcore.AsyncNetworkStream, left: int) -> None:
        self._stream = stream
        self._left = left

    def admit(self, size: int) -> None:
        """Let so many more bytes arrive."""
        self._left += size

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        data = await self._stream.read(max_bytes, timeout)
        self._left -= len(data)
        if self._left < 0:
            raise httpcore.ReadError("more arrives than is taken")
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        return MeteredStream(await self._stream.start_tls(ssl_context, server_hostname, timeout), self._left)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class GuardedTransport(httpx.AsyncBaseTransport):
    """An httpx transport over a guarded backend: HTTP/1.1, no proxy whatever the environment says, no repeats.

    After the head of an answer, `body_bytes` more may arrive. Made for a single event loop.
    """

    def __init__(self, backend: GuardedBackend, *, trust: ssl.SSLContext | None, body_bytes: int) -> None:
        self._body_bytes = body_bytes
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=trust, http2=False, retries=0, max_keepalive_connections=0, network_backend=backend
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if not isinstance(request.stream, httpx.AsyncByteStream):
            raise TypeError("the request's body must be readable asynchronously")
        sent = httpcore.Request(
            method=request.method,
            url=httpcore.URL(
                scheme=request.url.raw_scheme,
                host=request.url.raw_host,
                port=request.url.port,
                target=request.url.raw_path,
            ),
            headers=request.headers.raw,
            content=request.stream,
            extensions=request.extensions,
        )
        with _as_httpx_errors():
            answer = await self._pool.handle_async_request(sent)
            stream = answer.extensions.get("network_stream")
            if not isinstance(stream, MeteredStream):  # after 101 the connection speaks something else
                await answer.aclose()
                raise httpx.RemoteProtocolError("the server changed the protocol unasked")
            stream.admit(self._body_bytes)
        return httpx.Response(answer.status, headers=answer.headers, stream=_Body(answer))

    async def aclose(self) -> None:
        await self._pool.aclose()


class _Body(httpx.AsyncByteStream):
    def __init__(self, answer: httpcore.Response) -> None:
        self._answer = answer

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with _as_httpx_errors():
            async for piece in self._answer.aiter_stream():
                yield piece

    async def aclose(self) -> None:
        with _as_httpx_errors():
            await self._answer.aclose()


_SAME = (
    (httpcore.ConnectTimeout, httpx.ConnectTimeout),
    (httpcore.ReadTimeout, httpx.ReadTimeout),
    (httpcore.WriteTimeout, httpx.WriteTimeout),
    (httpcore.PoolTimeout, httpx.PoolTimeout),
    (httpcore.ConnectError, httpx.ConnectError),
    (httpcore.ReadError, httpx.ReadError),
    (httpcore.WriteError, httpx.WriteError),
    (httpcore.LocalProtocolError, httpx.LocalProtocolError),
    (httpcore.RemoteProtocolError, httpx.RemoteProtocolError),
    (httpcore.UnsupportedProtocol, httpx.UnsupportedProtocol),
)


@contextmanager
def _as_httpx_errors() -> Iterator[None]:
    try:
        yield
    except tuple(theirs for theirs, _ in _SAME) as error:
        ours = next(ours for theirs, ours in _SAME if isinstance(error, theirs))
        raise ours(str(error)) from error


def _look_up(host: str, port: int) -> list[str]:
    return [str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


def _in_turn(addresses: Sequence[Address]) -> list[Address]:
    """Alternate between the two kinds (RFC 8305 section 4), so that one without a route does not use up all tries."""
    first = [each for each in addresses if each.version == addresses[0].version]
    other = [each for each in addresses if each.version != addresses[0].version]
    return [each for each in chain.from_iterable(zip_longest(first, other)) if each is not None]
