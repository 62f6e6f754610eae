"""A client that answers from a function, and a sandbox served over real HTTP."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import unquote

import msgspec
import pytest
import structlog

from adjoin.ads import v2
from adjoin.clock import ManualClock
from adjoin.errors import PlatformError
from adjoin.http.client import ApiClient
from adjoin.http.credentials import CredentialKeeper
from adjoin.testing.faults import Fault
from adjoin.testing.server import running, sandbox_app
from adjoin.testing.world import World
from adjoin_linkedin import plugin
from adjoin_linkedin.sandbox import Limits, make_app

TODAY = date(2026, 11, 22)
APP = v2.App(client_id="sandbox-app", client_secret="sandbox-secret")


@dataclass(frozen=True)
class Sent:
    """One request as the plugin sent it; `params` are the parts of the query, whatever way it was sent."""

    method: str
    url: str
    query: str
    form: dict[str, str]
    headers: dict[str, str]
    authorised: bool
    repeatable: bool | None

    @property
    def path(self) -> str:
        return self.url.partition("#")[0].partition("?")[0]

    @property
    def params(self) -> dict[str, str]:
        return dict(part.partition("=")[::2] for part in self.query.split("&") if part)

    @property
    def urns(self) -> list[str]:
        """The URNs of the facet of a question about results."""
        facet = self.params.get("campaigns") or self.params["accounts"]
        return [unquote(each) for each in facet.removeprefix("List(").removesuffix(")").split(",")]


@dataclass
class FakeClient:
    """Answers from a function; a value becomes JSON, bytes stay, an exception is raised. Sleeping takes no time."""

    answer: Callable[[Sent], Any]
    app: v2.App = field(default_factory=v2.App)
    base_url: str = "https://api.linkedin.com"
    sent: list[Sent] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)

    def now(self) -> datetime:
        return datetime(2026, 11, 22, 12, tzinfo=UTC)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    async def request(
        self, method, url, *, params=None, headers=None, form=None, json=None, account="", repeatable=None,
        authorised=True, cost=1,
    ) -> v2.Reply:  # fmt: skip
        assert params is None, "a mapping would be encoded in another way than LinkedIn reads"
        query = bytes(json).decode() if isinstance(json, msgspec.Raw) else url.partition("#")[0].partition("?")[2]
        sent = Sent(method, url, query, dict(form or {}), dict(headers or {}), authorised, repeatable)
        self.sent.append(sent)
        answer = self.answer(sent)
        if isinstance(answer, Exception):
            raise answer
        body = answer if isinstance(answer, bytes) else msgspec.json.encode(answer)
        status = answer.get("status", 200) if isinstance(answer, dict) else 200
        reply = v2.Reply(status=status, headers={}, body=body, method=method, url=url)
        fault = plugin.inspect(reply).fault
        if fault is not None:
            raise PlatformError(fault.message, kind=fault.kind, code=fault.code)
        return reply

    async def parse(self, function, data):
        return function(data)


@pytest.fixture(scope="session")
def fake() -> type[FakeClient]:
    return FakeClient


@pytest.fixture(scope="session")
def run() -> Callable[[Coroutine[Any, Any, Any]], Any]:
    """Run a coroutine to its end."""
    return asyncio.run


@pytest.fixture
def account() -> v2.Account:
    return v2.Account(id="101", name="Shop EU", currency="EUR", time_zone="UTC")


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

    def client(self, *, credential: v2.Credential | None = None, token: str = "", app: v2.App = APP, keeper=True):
        """A real client with a clock that jumps over every wait; with `keeper=False` it has no token."""
        given = credential or v2.Credential(access_token=token or self.world.token("linkedin"))

        async def renew(stale: v2.Credential) -> v2.Credential:
            client = self.client(keeper=False, app=app)
            try:
                return await plugin.renew(stale, client)
            finally:
                await client.aclose()

        clock = ManualClock(self.world.now)
        return ApiClient(
            app=app,
            base_url=self.url,
            credentials=CredentialKeeper(given, renew=renew, clock=clock) if keeper else None,
            inspect=plugin.inspect,
            clock=clock,
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

    def renewable(self) -> v2.Credential:
        """A credential whose access token can be renewed."""
        return v2.Credential(
            access_token=self.world.token("linkedin"),
            refresh_token=self.world.refresh_token("linkedin"),
            can_renew=True,
        )

    def fault(self, kind: str, request_class: str = "*", **options: Any) -> None:
        self.world.faults.add(Fault(kind=kind, request_class=request_class, **options))


@contextmanager
def _served(world: World, limits: Limits) -> Iterator[Served]:
    # Below a path and with the world's time in the Date header, as `adjoin sandbox` serves it.
    with running(sandbox_app({"linkedin": make_app(world, limits=limits)}, world)) as url:
        yield Served(world, f"{url}/linkedin")


@pytest.fixture
def serve() -> Callable[..., Any]:
    """Serve a world: `with serve(world) as sandbox`, with limits smaller than LinkedIn's where a test says so."""

    @contextmanager
    def serving(world: World, **limits: int) -> Iterator[Served]:
        with _served(world, Limits(**limits)) as sandbox:
            yield sandbox

    return serving


@pytest.fixture(scope="session")
def _shared() -> Iterator[Served]:
    world = World.generate(seed=1, today=TODAY, scale=0.05, days=90)
    with _served(world, Limits()) as served:
        yield served


@pytest.fixture
def sandbox(_shared: Served) -> Iterator[Served]:
    """A small world that is being served, with its faults off and its clock at noon of 2026-11-22."""
    _shared.world.faults.clear()
    _shared.world.set_today(TODAY)
    yield _shared
    _shared.world.faults.clear()
    _shared.world.set_today(TODAY)
