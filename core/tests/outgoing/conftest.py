"""A net in memory: names, addresses and servers are what a test says, and every address that is dialled is recorded."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any

import httpcore
import pytest
import structlog

from adjoin.outgoing.addresses import Allowed, read_allowed
from adjoin.outgoing.errors import OutgoingError
from adjoin.outgoing.fetch import Bounds, Fetched, Outgoing

PUBLIC = "93.184.215.14"
OTHER = "151.101.1.69"
PUBLIC_6 = "2606:2800:21f:cb07::1"


@dataclass(frozen=True)
class Asked:
    """A request as it arrived at a server."""

    address: str
    port: int
    tls: str | None
    method: str
    target: str
    headers: dict[str, str]
    body: bytes


Pieces = Iterable[bytes] | AsyncIterator[bytes]
Site = Callable[[Asked], Pieces]


def answer(body: bytes = b"", *headers: str, status: str = "200 OK", length: int | None = None) -> list[bytes]:
    """A whole answer with a true Content-Length, or the one given."""
    size = len(body) if length is None else length
    head = [f"HTTP/1.1 {status}", *headers, f"Content-Length: {size}"]
    return ["\r\n".join(head).encode() + b"\r\n\r\n" + body]


def head(*headers: str, status: str = "200 OK") -> bytes:
    """The head of an answer whose body comes in chunks."""
    return "\r\n".join([f"HTTP/1.1 {status}", *headers, "Transfer-Encoding: chunked", "", ""]).encode()


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def redirect(location: str, status: str = "302 Found") -> list[bytes]:
    return answer(b"", f"Location: {location}", status=status)


class Connection(httpcore.AsyncNetworkStream):
    """One connection in memory; the server speaks when the client first listens."""

    def __init__(self, net: Net, address: str, port: int) -> None:
        self.net, self.address, self.port = net, address, port
        self.tls: str | None = None
        self.received = bytearray()
        self.read_bytes = 0
        self._waiting = bytearray()
        self._pieces: AsyncIterator[bytes] | None = None
        self.closed = False

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        await asyncio.sleep(0)
        if self._pieces is None:
            self._pieces = _each(self.net.sites[self.address](self._request()))
        if not self._waiting:
            async with asyncio.timeout(timeout):
                self._waiting += await anext(self._pieces, b"")
        data = bytes(self._waiting[:max_bytes])
        del self._waiting[:max_bytes]
        self.read_bytes += len(data)
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self.received += buffer

    async def aclose(self) -> None:
        self.closed = True

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        assert ssl_context.check_hostname
        self.tls = server_hostname
        return self

    def get_extra_info(self, info: str) -> Any:
        return None

    def _request(self) -> Asked:
        lines, _, body = bytes(self.received).partition(b"\r\n\r\n")
        first, *rest = lines.decode("ascii").split("\r\n")
        method, target, _ = first.split(" ")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in rest)}
        asked = Asked(self.address, self.port, self.tls, method, target, headers, body)
        self.net.asked.append(asked)
        return asked


async def _each(pieces: Pieces) -> AsyncIterator[bytes]:
    if isinstance(pieces, AsyncIterator):
        async for piece in pieces:
            yield piece
    else:
        for piece in pieces:
            yield piece


@dataclass
class Net:
    """The world outside: `names` to successive lists of addresses (the last one stays), `sites` by address."""

    names: dict[str, list[Sequence[str]]] = field(default_factory=dict)
    sites: dict[str, Site] = field(default_factory=dict)
    private: set[str] = field(default_factory=set)  # what the operator has opened in this test
    resolved: list[str] = field(default_factory=list)
    dialled: list[tuple[str, int]] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    connections: list[Connection] = field(default_factory=list)
    lines: list[dict[str, Any]] = field(default_factory=list)

    async def resolve(self, host: str, port: int) -> Sequence[str]:
        self.resolved.append(host)
        await asyncio.sleep(0)
        answers = self.names.get(host)
        if answers is not None:
            return answers.pop(0) if len(answers) > 1 else answers[0]
        # Spellings of addresses that every resolver knows (`127.1`, `0x7f000001`). Asks nobody; OSError for names.
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
        return [str(entry[4][0]) for entry in found]

    async def connect(self, address: str, port: int, seconds: float) -> httpcore.AsyncNetworkStream:
        self.dialled.append((address, port))
        if address not in self.sites:
            raise httpcore.ConnectError("All connection attempts failed")
        self.connections.append(Connection(self, address, port))
        return self.connections[-1]

    def serve(self, name: str, site: Site | list[bytes], address: str = PUBLIC) -> None:
        """Put a server at a public address behind a name."""
        self.names[name] = [[address]]
        self.sites[address] = (lambda _asked: site) if isinstance(site, list) else site

    def client(self, allow: str | tuple[Allowed, ...] = (), **bounds: Any) -> Outgoing:
        allowed = read_allowed(allow) if isinstance(allow, str) else allow
        return Outgoing(
            allowed=allowed,
            bounds=Bounds(**bounds),
            resolve=self.resolve,
            connect=self.connect,
            trust=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
            log=structlog.wrap_logger(None, processors=[self._keep]),
        )

    def get(self, url: str, *, allow: str = "", **options: Any) -> Fetched:
        return asyncio.run(self.client(allow).get(url, **options))

    def refused(self, url: str, *, allow: str = "", **options: Any) -> OutgoingError:
        """Ask, and return the error that comes of it."""
        with pytest.raises(OutgoingError) as caught:
            self.get(url, allow=allow, **options)
        return caught.value

    def _keep(self, _logger: object, method: str, event: dict[str, Any]) -> dict[str, Any]:
        self.lines.append({"level": method, **event})
        raise structlog.DropEvent


@pytest.fixture
def net() -> Iterator[Net]:
    """An empty net. Afterwards no address was dialled but public ones, and no connection is left open."""
    net = Net()
    yield net
    for address, _ in net.dialled:
        # `is_global` is not the rule under test, only a second opinion that must not differ here.
        assert ip_address(address).is_global or address in net.private, f"{address} was dialled"
    assert all(connection.closed for connection in net.connections)


class Answers:
    """How tests write down what a server sends."""

    answer = staticmethod(answer)
    head = staticmethod(head)
    chunk = staticmethod(chunk)
    redirect = staticmethod(redirect)


@pytest.fixture
def answers() -> type[Answers]:
    return Answers


@pytest.fixture
def small() -> Bounds:
    """Bounds of 100 KB."""
    return Bounds(raw_bytes=100_000, body_bytes=100_000)
