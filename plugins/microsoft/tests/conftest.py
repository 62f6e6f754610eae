"""A client that answers from a function, files as Microsoft makes them, and a sandbox served over real HTTP."""

from __future__ import annotations

import asyncio
import csv
import io
import logging
import zipfile
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping, Sequence
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
from adjoin_microsoft import plugin

TODAY = date(2026, 11, 22)
APP = v2.App(
    client_id="sandbox-app",
    client_secret="sandbox-secret",
    extra={"developer_token": "sandbox-developer_token"},
)


@dataclass(frozen=True)
class Sent:
    """One request as the plugin sent it; `path` begins with the service."""

    method: str
    url: str
    json: Any
    form: dict[str, str]
    headers: dict[str, str]
    account: str
    authorised: bool
    repeatable: bool | None

    @property
    def path(self) -> str:
        return "/" + self.url.split("/", 3)[3]


@dataclass(frozen=True)
class Refused:
    """An answer with another status than 200."""

    status: int
    body: Any = b""


@dataclass
class FakeReply:
    status: int
    headers: Mapping[str, str]
    body: bytes

    async def chunks(self) -> AsyncIterator[bytes]:
        for start in range(0, len(self.body), 1000):
            yield self.body[start : start + 1000]


@dataclass
class FakeClient:
    """Answers from a function; a value becomes JSON, bytes stay, an exception is raised. Sleeping takes no time."""

    answer: Callable[[Sent], Any]
    app: v2.App = APP
    base_url: str = "https://campaign.api.bingads.microsoft.com"
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
        sent = Sent(method, url, json, dict(form or {}), dict(headers or {}), account, authorised, repeatable)
        return self._answer(sent)

    @asynccontextmanager
    async def stream(self, method, url, *, params=None, headers=None, json=None, account="", authorised=True, cost=1):
        reply = self._answer(Sent(method, url, json, {}, dict(headers or {}), account, authorised, True))
        yield FakeReply(reply.status, reply.headers, reply.body)

    def _answer(self, sent: Sent) -> v2.Reply:
        self.sent.append(sent)
        answer = self.answer(sent)
        if isinstance(answer, Exception):
            raise answer
        status = 200
        if isinstance(answer, Refused):
            status, answer = answer.status, answer.body
        body = answer if isinstance(answer, bytes) else msgspec.json.encode(answer)
        reply = v2.Reply(status=status, headers={}, body=body, method=sent.method, url=sent.url)
        fault = plugin.inspect(reply).fault
        if fault is not None and not (sent.method == "GET" and status == 200):
            raise PlatformError(fault.message, kind=fault.kind, code=fault.code, retry_after=fault.retry_after)
        return reply

    async def parse(self, function, data):
        return function(data)


def zipped(content: bytes, *, members: int = 1) -> bytes:
    """A zip with some copies of a file."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(members):
            archive.writestr(f"{number}.csv", content)
    return file.getvalue()


def csv_bytes(rows: Sequence[Sequence[object]], *, quoting: int = csv.QUOTE_ALL) -> bytes:
    """A CSV as Microsoft writes it: with a byte order mark, everything in quotes, lines that end with CR LF."""
    text = io.StringIO()
    csv.writer(text, quoting=quoting, lineterminator="\r\n").writerows(rows)
    return b"\xef\xbb\xbf" + text.getvalue().encode()


@dataclass
class Reports:
    """Answers the operations of reports: `pending` polls each, then the file that `rows` has for the request."""

    rows: Callable[[Mapping[str, Any]], Sequence[Sequence[object]] | bytes | None]
    pending: int = 0
    others: Callable[[Sent], Any] = lambda sent: {}
    requests: list[Mapping[str, Any]] = field(default_factory=list)
    polls: int = 0

    def __call__(self, sent: Sent) -> Any:
        if sent.path == "/Reporting/v13/GenerateReport/Submit":
            self.requests.append(sent.json["ReportRequest"])
            self.polls = 0
            return {"ReportRequestId": f"{len(self.requests)}_1"}
        if sent.path == "/Reporting/v13/GenerateReport/Poll":
            self.polls += 1
            if self.polls <= self.pending:
                return {"ReportRequestStatus": {"Status": "Pending", "ReportDownloadUrl": None}}
            number = int(sent.json["ReportRequestId"].split("_")[0])
            none = self.rows(self.requests[number - 1]) is None
            url = None if none else f"https://files.example/{number}.zip?sig=x"
            return {"ReportRequestStatus": {"Status": "Success", "ReportDownloadUrl": url}}
        if sent.method == "GET":
            request = self.requests[int(sent.path.split("/")[-1].split(".")[0]) - 1]
            rows = self.rows(request)
            return rows if isinstance(rows, bytes) else zipped(csv_bytes([request["Columns"], *rows]))
        return self.others(sent)


@pytest.fixture
def fake() -> type[FakeClient]:
    return FakeClient


@pytest.fixture
def refused() -> type[Refused]:
    return Refused


@pytest.fixture
def reports() -> type[Reports]:
    return Reports


@pytest.fixture
def make_zip() -> Callable[..., bytes]:
    return zipped


@pytest.fixture
def make_csv() -> Callable[..., bytes]:
    return csv_bytes


@pytest.fixture
def run() -> Callable[[Coroutine[Any, Any, Any]], Any]:
    """Run a coroutine to its end."""
    return asyncio.run


@pytest.fixture
def account() -> v2.Account:
    return v2.Account(
        id="180012345",
        name="Shop EU",
        currency="EUR",
        time_zone="Europe/Berlin",
        extra={"customer_id": "5", "time_zone": "AmsterdamBerlinBernRomeStockholmVienna"},
    )


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
    renewed: list[v2.Credential] = field(default_factory=list)

    def client(self, *, token: str = "", app: v2.App | None = None) -> ApiClient:
        """A real client with a clock that jumps over every wait; it renews its token as the product does."""
        clock = ManualClock(self.world.now)
        common = {
            "app": app or APP,
            "base_url": self.url,
            "inspect": plugin.inspect,
            "secret_fields": ("developer_token",),
        }
        renewing = ApiClient(**common, clock=clock)

        async def renew(stale: v2.Credential) -> v2.Credential:
            try:
                fresh = await plugin.renew(stale, renewing)
            finally:
                await renewing.aclose()
            self.renewed.append(fresh)
            return fresh

        credential = v2.Credential(
            access_token=token or self.world.token("microsoft"),
            refresh_token=self.world.refresh_token("microsoft"),
            can_renew=True,
        )
        return ApiClient(**common, clock=clock, credentials=CredentialKeeper(credential, renew=renew, clock=clock))

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
    from adjoin_microsoft.sandbox import make_app

    @contextmanager
    def serving(world: World) -> Iterator[Served]:
        with running(make_app(world)) as url:
            yield Served(world, url)

    return serving


@pytest.fixture(scope="session")
def _shared() -> Iterator[Served]:
    from adjoin_microsoft.sandbox import make_app

    world = World.generate(seed=1, today=TODAY, scale=0.05, days=90)
    with running(make_app(world)) as url:
        yield Served(world, url)


@pytest.fixture
def sandbox(_shared: Served) -> Iterator[Served]:
    """A small world that is being served, with its faults off and its clock at noon of 2026-11-22."""
    _shared.world.faults.clear()
    _shared.world.set_today(TODAY)
    _shared.renewed.clear()
    yield _shared
    _shared.world.faults.clear()
    _shared.world.set_today(TODAY)
