"""The part of the suite that needs a sandbox: a made-up platform that keeps its promises, and some that do not."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import logging
from collections.abc import AsyncIterator, Callable
from datetime import date, timedelta
from typing import Any

import pyarrow as pa
import pytest
import structlog
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from adjoin.ads import v2
from adjoin.ads.datasets import arrow_schema
from adjoin.contract import hookimpl
from adjoin.errors import ErrorKind, PlatformError
from adjoin.testing.ads import AdsConformance
from adjoin.testing.sandbox import FaultLayer
from adjoin.testing.world import World

TODAY = date(2026, 3, 15)
PAGE = 1_000
SCHEMA = arrow_schema("ad_daily")


def rows_of(body: bytes) -> list[dict[str, Any]]:
    return [row | {"date": date.fromisoformat(row["date"])} for row in json.loads(body)["rows"]]


def table_of(body: bytes) -> pa.RecordBatch:
    rows = rows_of(body)
    for row in rows:
        row["conversions"] = None
    return pa.RecordBatch.from_pylist(rows, schema=SCHEMA)


class ToySandbox:
    """One path for rows, in pages, and one for tokens."""

    def __init__(self, world: World, *, pages: bool = True) -> None:
        self.world = world
        self.tokens = {world.token("toy")}
        self.refresh = {world.refresh_token("toy")}
        self.pages = pages
        routes = [
            Route("/accounts", self.accounts),
            Route("/rows", self.rows),
            Route("/consent", self.consent),
            Route("/token", self.token, methods=["POST"]),
        ]
        self.app = FaultLayer(
            Starlette(routes=routes), platform="toy", faults=world.faults, classify=lambda scope: self.kind(scope)
        )

    @staticmethod
    def kind(scope: Any) -> str:
        path = str(scope["path"])
        return "token" if path.endswith(("token", "consent")) else "facts" if path.endswith("rows") else "accounts"

    def refusal(self, request: Request) -> Response | None:
        faults, group = self.world.faults, self.kind(request.scope)
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if faults.take(group, "throttle"):
            return JSONResponse({"error": "slow down"}, 429, {"retry-after": "1"})
        if faults.take(group, "server_error"):
            return JSONResponse({"error": "again"}, 500)
        if token not in self.tokens or faults.take(group, "token_expired"):
            return JSONResponse({"error": "token"}, 401)
        return None

    async def accounts(self, request: Request) -> Response:
        found = [
            {"id": one.id, "name": one.name, "currency": one.currency, "zone": one.time_zone}
            for one in self.world.on("toy").accounts
        ]
        return self.refusal(request) or JSONResponse(found)

    async def rows(self, request: Request) -> Response:
        if refusal := self.refusal(request):
            return refusal
        query = request.query_params
        if query["account"] not in {one.id for one in self.world.on("toy").accounts}:
            return JSONResponse({"error": "no such account"}, 403)
        since, until = date.fromisoformat(query["since"]), date.fromisoformat(query["until"])
        truth = self.world.on("toy").truth("ad_daily", account_id=query["account"], since=since, until=until)
        start = int(query["start"])
        part = truth.slice(start, PAGE) if self.pages else truth
        rows = [row | {"date": row["date"].isoformat(), "conversions": None} for row in part.to_pylist()]
        if self.world.faults.take("facts", "unknown_values"):
            rows = [row | {"novelty": {"score": 1}} for row in rows]
        more = start + PAGE if self.pages and start + PAGE < truth.num_rows else None
        return JSONResponse({"rows": rows, "next": more})

    async def consent(self, request: Request) -> Response:
        query = request.query_params
        return RedirectResponse(f"{query['redirect_uri']}?code=c-{query['code_challenge']}&state={query['state']}")

    async def token(self, request: Request) -> Response:
        form = dict(item.split("=", 1) for item in (await request.body()).decode().split("&"))
        if form.get("refresh_token") is not None:
            if self.world.faults.take("token", "token_rejected") or form["refresh_token"] not in self.refresh:
                return JSONResponse({"error": "invalid_grant"}, 400)
        else:
            digest = hashlib.sha256(form["verifier"].encode()).digest()
            assert form["code"] == "c-" + base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        number = len(self.tokens)
        self.tokens.add(f"toy-access-{number}")
        self.refresh.add(f"toy-refresh-{number}")
        return JSONResponse({"access_token": f"toy-access-{number}", "refresh_token": f"toy-refresh-{number}"})


class Toy:
    """Reads pages, parses off the loop, keeps secrets."""

    pages = True

    @hookimpl
    def describe(self) -> v2.Description:
        return v2.Description(
            title="Toy",
            base_url="https://toy.example",
            api_version="1",
            auth=v2.Auth(
                methods=("oauth",), pkce=True, app_fields=(v2.AppField(name="key", label="Key", secret=True),)
            ),
            streams=(v2.Stream(name="ad_daily", kind="facts"),),
        )

    @hookimpl
    def consent_url(self, app: v2.App, consent: v2.Consent, base_url: str) -> str:
        return (
            f"{base_url}/consent?redirect_uri={consent.redirect_uri}&state={consent.state}"
            f"&code_challenge={consent.code_challenge}"
        )

    @hookimpl
    async def redeem(self, grant: v2.CodeGrant, client: v2.Client) -> v2.Credential:
        return await self._token(client, {"code": grant.code, "verifier": grant.code_verifier})

    @hookimpl
    async def renew(self, credential: v2.Credential, client: v2.Client) -> v2.Credential:
        return await self._token(client, {"refresh_token": credential.refresh_token})

    async def _token(self, client: v2.Client, form: dict[str, str]) -> v2.Credential:
        reply = await client.request("POST", "/token", form=form, authorised=False)
        found = reply.json()
        return v2.Credential(access_token=found["access_token"], refresh_token=found["refresh_token"], can_renew=True)

    @hookimpl
    def inspect(self, reply: v2.Reply) -> v2.Verdict:
        kinds = {401: ErrorKind.REFRESH, 429: ErrorKind.WAIT, 403: ErrorKind.SKIP_ACCOUNT, 400: ErrorKind.RECONNECT}
        if reply.status < 400:
            try:
                json.loads(reply.body)
            except ValueError:
                return v2.Verdict(fault=v2.Fault(kind=ErrorKind.RETRY, message="not JSON"))
            return v2.Verdict()
        kind = kinds.get(reply.status, ErrorKind.RETRY if reply.status >= 500 else ErrorKind.INVALID)
        return v2.Verdict(fault=v2.Fault(kind=kind, message=f"toy says {reply.status}"))

    @hookimpl
    async def accounts(self, client: v2.Client) -> list[v2.Account]:
        found = (await client.request("GET", "/accounts")).json()
        return [
            v2.Account(id=one["id"], name=one["name"], currency=one["currency"], time_zone=one["zone"]) for one in found
        ]

    @hookimpl
    async def read(self, request: v2.ReadRequest, client: v2.Client) -> AsyncIterator[v2.Batch]:
        if request.stream != "ad_daily" or request.window is None:
            raise PlatformError(f"no stream {request.stream!r}", kind=ErrorKind.INVALID)
        start: int | None = 0
        while start is not None:
            query = {
                "account": request.account.id,
                "since": str(request.window.since),
                "until": str(request.window.until),
                "start": str(start),
            }
            reply = await client.request("GET", "/rows", params=query)
            start = await client.parse(lambda body: json.loads(body)["next"], reply.body)
            yield v2.FactBatch(dataset="ad_daily", rows=await self.table(client, reply.body))

    async def table(self, client: v2.Client, body: bytes) -> pa.RecordBatch:
        return await client.parse(table_of, body)

    @hookimpl
    def sandbox(self, world: World) -> v2.AsgiApp:
        return ToySandbox(world, pages=self.pages).app


class OnTheLoop(Toy):
    async def table(self, client: v2.Client, body: bytes) -> pa.RecordBatch:
        return table_of(body)


class Whole(Toy):
    """Its platform answers with everything at once, and it takes that."""

    pages = False


class Talkative(Toy):
    async def table(self, client: v2.Client, body: bytes) -> pa.RecordBatch:
        structlog.get_logger("toy").info("reading", token=await client.access_token())
        return await super().table(client, body)


class StandardTalk(Toy):
    async def table(self, client: v2.Client, body: bytes) -> pa.RecordBatch:
        logging.getLogger("toy").debug("reading with %s", client.app.extra["key"])
        return await super().table(client, body)


class Hasty(Toy):
    """Takes every refusal for its own fault."""

    @hookimpl
    def inspect(self, reply: v2.Reply) -> v2.Verdict:
        bad = v2.Fault(kind=ErrorKind.INVALID, message="refused")
        return v2.Verdict(fault=bad if reply.status >= 400 else None)


class Swallower(Toy):
    """Takes half an answer for a day without results."""

    @hookimpl
    def inspect(self, reply: v2.Reply) -> v2.Verdict:
        return v2.Verdict() if reply.status < 400 else super().inspect(reply)

    async def table(self, client: v2.Client, body: bytes) -> pa.RecordBatch:
        try:
            return table_of(body)
        except ValueError:
            return pa.RecordBatch.from_pylist([], schema=SCHEMA)

    @hookimpl
    async def read(self, request: v2.ReadRequest, client: v2.Client) -> AsyncIterator[v2.Batch]:
        query = {"account": request.account.id, "since": str(TODAY), "until": str(TODAY), "start": "0"}
        reply = await client.request("GET", "/rows", params=query)
        yield v2.FactBatch(dataset="ad_daily", rows=await self.table(client, reply.body))


class HalfOpen(Toy):
    """Counts the last day out."""

    @hookimpl
    async def read(self, request: v2.ReadRequest, client: v2.Client) -> AsyncIterator[v2.Batch]:
        assert request.window is not None
        until = request.window.until - timedelta(days=1) if request.window.days > 1 else request.window.until
        window = v2.DateWindow(since=request.window.since, until=until)
        asked = v2.ReadRequest(stream=request.stream, account=request.account, window=window)
        async for batch in Toy.read(self, asked, client):
            yield batch


class Stale(Toy):
    """Goes on with a refresh token that was refused."""

    @hookimpl
    async def renew(self, credential: v2.Credential, client: v2.Client) -> v2.Credential:
        try:
            return await super().renew(credential, client)
        except PlatformError:
            return credential


class Suite(AdsConformance):
    """The suite for a toy, with a smaller large world."""

    toy: type[Toy] = Toy

    @pytest.fixture
    def implementation(self) -> object:
        return self.toy()

    @pytest.fixture
    def platform(self) -> str:
        return "toy"

    @pytest.fixture
    def large_world(self) -> World:
        return World.generate(seed=7, today=TODAY, scale=2, days=28)


class TestHonest(Suite):
    """The toy keeps every promise that can be asked of it."""

    test_the_entry_module_imports_nothing_heavy = None
    #: It reads conversions as null.
    test_what_is_read_is_what_the_world_knows = None
    test_the_consent_page_is_told_where_to_come_back_to = None


LIARS: list[tuple[str, type[Toy], str, str]] = [
    ("test_parsing_leaves_the_loop_alone", OnTheLoop, "", "blocks the loop"),
    ("test_memory_does_not_grow_with_the_window", Whole, "", "four times the days took"),
    ("test_the_log_tells_no_secret", Talkative, "", "the log holds an access token"),
    ("test_the_log_tells_no_secret", StandardTalk, "", "the log holds the app's key"),
    ("test_a_fault_that_stays_has_its_kind", Hasty, "throttle", "raised kind invalid"),
    ("test_a_fault_that_stays_has_its_kind", Swallower, "truncate", "ended as if all were well"),
    ("test_an_unknown_stream_is_refused_by_name", Swallower, "", "ended well"),
    ("test_both_ends_of_a_window_are_read", HalfOpen, "", "includes both its ends"),
    ("test_a_refresh_token_that_is_refused_asks_for_the_owner", Stale, "", "yet `renew` returned a credential"),
]


@pytest.mark.parametrize(
    ("test", "liar", "fault", "message"), LIARS, ids=[f"{one[1].__name__}-{one[0]}" for one in LIARS]
)
def test_a_liar_is_caught_and_told_why(test: str, liar: type[Toy], fault: str, message: str) -> None:
    """Each in terms of what it did, why that matters and what to do."""
    with pytest.raises(AssertionError) as caught:
        run(liar, test, **({"fault": fault} if fault else {}))

    assert message in str(caught.value)


def run(toy: type[Toy], test: str, **given: Any) -> None:
    """Run one test of the suite on a toy, with the fixtures that it asks for."""
    from adjoin import ads
    from adjoin.kernel import Kernel
    from adjoin.sync.connections import sandbox_app_of
    from adjoin.testing._ads_probe import Reader
    from adjoin.testing._ads_stage import Stage

    kernel = Kernel((ads.CONTRACT,))
    kernel.add("toy", "ads", 2, toy())
    try:
        world = World.generate(seed=7, today=TODAY, scale=0.02, days=10)
        app = sandbox_app_of(kernel.hook(v2.Ads.describe).one("toy"))
        stage = Stage(kernel, "toy", world, app)
        client = stage.client(v2.Credential(access_token=world.token("toy")))
        fixtures: dict[str, Any] = {
            "kernel": kernel,
            "platform": "toy",
            "version": 2,
            "world": world,
            "app": app,
            "stage": stage,
            "client": client,
            "reader": Reader(kernel, "toy", client),
            "window": v2.DateWindow(since=TODAY - timedelta(days=6), until=TODAY - timedelta(days=3)),
            **given,
        }
        function: Callable[..., None] = getattr(AdsConformance, test)
        names = function.__code__.co_varnames[1 : function.__code__.co_argcount]
        if "large_world" in names:
            fixtures["large_world"] = World.generate(seed=7, today=TODAY, scale=2 if "memory" in test else 12, days=28)
        function(AdsConformance(), **{name: fixtures[name] for name in names})
    finally:
        kernel.close()


def test_a_reading_that_never_ends_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the suite, after a while."""

    class Endless(Toy):
        @hookimpl
        async def read(self, request: v2.ReadRequest, client: v2.Client) -> AsyncIterator[v2.Batch]:
            if request.window is not None and request.window.days > 3:
                while True:
                    await client.request("GET", "/accounts")
                    await asyncio.sleep(0)
            async for batch in Toy.read(self, request, client):
                yield batch

    monkeypatch.setattr("adjoin.testing.ads._errors._PATIENCE", 0.2)
    monkeypatch.setattr("adjoin.testing.ads._errors._with_results", lambda reader, window: iter(reader.accounts()))
    with pytest.raises(AssertionError, match="had not ended after"):
        run(Endless, "test_a_fault_that_stays_has_its_kind", fault="token_revoked")
