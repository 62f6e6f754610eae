"""A client that answers from a function, and a sandbox served over real HTTP."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

import msgspec
import pytest
import structlog

from adjoin.ads import v2
from adjoin.clock import ManualClock
from adjoin.errors import PlatformError
from adjoin.http.client import ApiClient
from adjoin.http.credentials import CredentialKeeper
from adjoin.testing.faults import Fault
from adjoin.testing.server import running
from adjoin.testing.world import World
from adjoin_google import plugin

TODAY = date(2026, 11, 22)


@dataclass(frozen=True)
class Sent:
    """One request as the plugin sent it. `query` is the GAQL of a search."""

    method: str
    url: str
    query: str
    params: dict[str, str]
    form: dict[str, str]
    headers: dict[str, str]
    account: str
    authorised: bool
    repeatable: bool | None
    cost: int


@dataclass
class FakeStream:
    """An answer that arrives in pieces; an exception among them is raised in its place."""

    pieces: list[bytes | Exception]
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)

    async def chunks(self) -> AsyncIterator[bytes]:
        for piece in self.pieces:
            if isinstance(piece, Exception):
                raise piece
            yield piece


@dataclass
class FakeClient:
    """Answers from a function. Sleeping takes no time.

    A value becomes JSON, bytes stay, an exception is raised; for a search a list of rows becomes a batch of them, and a
    FakeStream stays.
    """

    answer: Callable[[Sent], Any]
    app: v2.App = field(default_factory=v2.App)
    base_url: str = "https://googleads.googleapis.com"
    sent: list[Sent] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)
    open: int = 0

    def now(self) -> datetime:
        return datetime(2026, 11, 22, 12, tzinfo=UTC)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    async def access_token(self) -> str:
        return "user-token"

    def _ask(self, method: str, url: str, *, json: Any = None, **more: Any) -> Any:
        sent = Sent(
            method=method,
            url=url,
            query=(json or {}).get("query", ""),
            params=dict(more.get("params") or {}),
            form=dict(more.get("form") or {}),
            headers=dict(more.get("headers") or {}),
            account=more.get("account", ""),
            authorised=more.get("authorised", True),
            repeatable=more.get("repeatable"),
            cost=more.get("cost", 1),
        )
        self.sent.append(sent)
        answer = self.answer(sent)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def request(self, method: str, url: str, **more: Any) -> v2.Reply:
        answer = self._ask(method, url, **more)
        body = answer if isinstance(answer, bytes) else msgspec.json.encode(answer)
        reply = v2.Reply(status=400 if b'"error"' in body[:12] else 200, headers={}, body=body, method=method, url=url)
        fault = plugin.inspect(reply).fault
        if fault is not None:
            raise PlatformError(fault.message, kind=fault.kind, code=fault.code)
        return reply

    @asynccontextmanager
    async def stream(self, method: str, url: str, **more: Any) -> AsyncIterator[FakeStream]:
        answer = self._ask(method, url, **more)
        if not isinstance(answer, FakeStream):
            body = answer if isinstance(answer, bytes) else msgspec.json.encode([{"results": answer}])
            answer = FakeStream([body])
        self.open += 1
        try:
            yield answer
        finally:
            self.open -= 1

    async def parse(self, function: Callable[[bytes], Any], data: bytes) -> Any:
        return function(data)


@pytest.fixture
def fake() -> type[FakeClient]:
    return FakeClient


@pytest.fixture
def pieces() -> type[FakeStream]:
    """An answer in pieces."""
    return FakeStream


@pytest.fixture
def run() -> Callable[[Coroutine[Any, Any, Any]], Any]:
    """Run a coroutine to its end."""
    return asyncio.run


@pytest.fixture
def account() -> v2.Account:
    return v2.Account(
        id="1234567890",
        name="Shop EU",
        currency="EUR",
        time_zone="Europe/Berlin",
        extra={"login_customer_id": "1111111111"},
    )


@pytest.fixture
def read(run: Callable[..., Any], account: v2.Account) -> Callable[..., list[v2.Batch]]:
    """Read one slice with a client and return its batches."""

    def reading(
        client: Any, stream: str, days: tuple[date, date] | None = None, since: datetime | None = None
    ) -> list[v2.Batch]:
        window = None if days is None else v2.DateWindow(since=days[0], until=days[1])
        request = v2.ReadRequest(stream=stream, account=account, window=window, updated_since=since)

        async def collect() -> list[v2.Batch]:
            return [batch async for batch in plugin.read(request, client)]

        return run(collect())

    return reading


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.reset_defaults()


@dataclass
class Served:
    """A sandbox that is being served, and the way to talk to it."""

    world: World
    url: str

    def client(self, *, token: str | None = "", app: v2.App | None = None, renewable: bool = False) -> ApiClient:
        """A real client with a clock that jumps over every wait; None has no token.

        `renewable` has the refresh token too.
        """
        clock = ManualClock(self.world.now)
        given = self.world.token("google") if token == "" else token
        registered = app or v2.App(client_id="sandbox-app", client_secret="sandbox-secret")
        keeper = None
        if given is not None:
            keeper = CredentialKeeper(v2.Credential(access_token=given))
        if given is not None and renewable:
            bare = ApiClient(app=registered, base_url=self.url, inspect=plugin.inspect, clock=clock)

            async def renew(credential: v2.Credential) -> v2.Credential:
                try:
                    return await plugin.renew(credential, bare)
                finally:
                    await bare.aclose()

            keeper = CredentialKeeper(
                v2.Credential(access_token=given, refresh_token=self.world.refresh_token("google"), can_renew=True),
                renew=renew,
                clock=clock,
            )
        return ApiClient(app=registered, base_url=self.url, credentials=keeper, inspect=plugin.inspect, clock=clock)

    def call(self, work: Callable[[ApiClient], Coroutine[Any, Any, Any]], **options: Any) -> Any:
        """Run some work with a client and close it."""

        async def main() -> Any:
            client = self.client(**options)
            try:
                return await work(client)
            finally:
                await client.aclose()

        return asyncio.run(main())

    def fault(self, kind: str, request_class: str = "*", **options: Any) -> None:
        self.world.faults.add(Fault(kind=kind, request_class=request_class, **options))


@contextmanager
def _serving(world: World, **options: Any) -> Iterator[Served]:
    from adjoin_google.sandbox import make_app

    with running(make_app(world, **options)) as url:
        yield Served(world, url)


@pytest.fixture(scope="session")
def serve() -> Callable[..., Any]:
    """Serve a world: `with serve(world) as sandbox`."""
    return _serving


@pytest.fixture(scope="session")
def _shared() -> Iterator[Served]:
    with _serving(World.generate(seed=1, today=TODAY, scale=0.1, days=120)) as served:
        yield served


@pytest.fixture
def sandbox(_shared: Served) -> Iterator[Served]:
    """A small world that is being served, with its faults off and its clock at noon of 2026-11-22."""
    _shared.world.faults.clear()
    _shared.world.set_today(TODAY)
    yield _shared
    _shared.world.faults.clear()
    _shared.world.set_today(TODAY)
