"""A client that answers from a function, and a sandbox served over real HTTP."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
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
from adjoin_meta import plugin
from adjoin_meta.sandbox import make_app
from adjoin_meta.sandbox.graph import Weight
from adjoin_meta.sandbox.oauth import APP_ID, APP_SECRET

TODAY = date(2026, 11, 22)


@dataclass(frozen=True)
class Sent:
    """One request as the plugin sent it."""

    method: str
    url: str
    params: dict[str, str]
    form: dict[str, str]
    headers: dict[str, str]
    authorised: bool
    repeatable: bool | None


@dataclass
class FakeClient:
    """Answers from a function; a value becomes JSON, bytes stay, an exception is raised. Sleeping takes no time."""

    answer: Callable[[Sent], Any]
    app: v2.App = field(default_factory=v2.App)
    base_url: str = "https://graph.facebook.com"
    sent: list[Sent] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)

    def now(self) -> datetime:
        return datetime(2026, 11, 22, 12, tzinfo=UTC)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    async def access_token(self) -> str:
        return "user-token"

    async def request(
        self, method, url, *, params=None, headers=None, form=None, json=None, account="", repeatable=None,
        authorised=True, cost=1,
    ) -> v2.Reply:  # fmt: skip
        sent = Sent(method, url, dict(params or {}), dict(form or {}), dict(headers or {}), authorised, repeatable)
        self.sent.append(sent)
        answer = self.answer(sent)
        if isinstance(answer, Exception):
            raise answer
        body = answer if isinstance(answer, bytes) else msgspec.json.encode(answer)
        reply = v2.Reply(status=400 if b'"error"' in body[:12] else 200, headers={}, body=body, method=method, url=url)
        fault = plugin.inspect(reply).fault
        if fault is not None:
            raise PlatformError(fault.message, kind=fault.kind, code=fault.code)
        return reply

    async def parse(self, function, data):
        return function(data)


@pytest.fixture
def fake() -> type[FakeClient]:
    return FakeClient


@pytest.fixture
def run() -> Callable[[Coroutine[Any, Any, Any]], Any]:
    """Run a coroutine to its end."""
    return asyncio.run


@pytest.fixture
def account() -> v2.Account:
    return v2.Account(id="101", name="Shop EU", currency="EUR", time_zone="Europe/Berlin")


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

    def client(self, *, token: str | None = "", app: v2.App | None = None) -> ApiClient:
        """A real client with a clock that jumps over every wait; None has no token."""
        given = self.world.token("meta") if token == "" else token
        keeper = None if given is None else CredentialKeeper(v2.Credential(access_token=given))
        return ApiClient(
            app=app or v2.App(client_id=APP_ID, client_secret=APP_SECRET),
            base_url=self.url,
            credentials=keeper,
            inspect=plugin.inspect,
            clock=ManualClock(self.world.now),
        )

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


@pytest.fixture
def serve() -> Callable[..., Any]:
    """Serve a world: `with serve(world) as sandbox`."""

    @contextmanager
    def serving(world: World, **weight: int) -> Iterator[Served]:
        with running(make_app(world, weight=Weight(**weight))) as url:
            yield Served(world, url)

    return serving


@pytest.fixture(scope="session")
def _shared() -> Iterator[Served]:
    world = World.generate(seed=1, today=TODAY, scale=0.1, days=120)
    with running(make_app(world)) as url:
        yield Served(world, url)


@pytest.fixture
def sandbox(_shared: Served) -> Iterator[Served]:
    """A small world that is being served, with its faults off and its clock at noon of 2026-11-22."""
    _shared.world.faults.clear()
    _shared.world.set_today(TODAY)
    yield _shared
    _shared.world.faults.clear()
    _shared.world.set_today(TODAY)
