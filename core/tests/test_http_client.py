"""The API client: what is authorised, repeated, waited for, refused and shown."""

from __future__ import annotations

import asyncio
import inspect
import json
import logging
import random
import threading
import traceback
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
import structlog

from adjoin.ads import v2
from adjoin.clock import ManualClock
from adjoin.errors import BadInput, ErrorKind, PlatformError
from adjoin.http.client import ApiClient
from adjoin.http.credentials import CredentialKeeper

BASE = "https://ads.example/api"
CANARY = "canary-EkYtDpZ7-token"
CANARY_SECRET = "canary/Wq+1 x=secret"

Handler = Callable[[httpx.Request], httpx.Response]


class Lines:
    """A structlog processor that keeps what would be written."""

    def __init__(self) -> None:
        self.seen: list[dict[str, Any]] = []

    def __call__(self, _logger: object, method: str, event: dict[str, Any]) -> dict[str, Any]:
        self.seen.append({"level": method, **event})
        raise structlog.DropEvent


@pytest.fixture
def lines() -> Lines:
    return Lines()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def make(lines: Lines, clock: ManualClock) -> Callable[..., ApiClient]:
    def build(handler: Handler, **options: Any) -> ApiClient:
        given: dict[str, Any] = {
            "app": v2.App(client_id="app", client_secret=CANARY_SECRET),
            "base_url": BASE,
            "credentials": CredentialKeeper(v2.Credential(access_token=CANARY), clock=clock),
            "clock": clock,
            "log": structlog.wrap_logger(None, processors=[lines]),
            "transport": httpx.MockTransport(handler),
            "jitter": random.Random(1),
        }
        return ApiClient(**given | options)

    return build


def run(work: Any) -> Any:
    return asyncio.run(work)


def fails(work: Any) -> PlatformError:
    with pytest.raises(PlatformError) as caught:
        asyncio.run(work)
    return caught.value


def ok(body: object = None, **options: Any) -> httpx.Response:
    return httpx.Response(200, json=body if body is not None else {"data": []}, **options)


class Server:
    """Answers in turn, the last one for ever; keeps the requests."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.answers = list(answers)
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


class TestRequest:
    def test_it_is_a_client_of_the_contract(self) -> None:
        """Every member of the contract's Client has the same parameters here."""
        for name, wanted in inspect.getmembers(v2.Client, inspect.isfunction):
            if not name.startswith("_"):
                got = inspect.signature(inspect.unwrap(getattr(ApiClient, name)))
                assert list(got.parameters) == list(inspect.signature(wanted).parameters), name

    def test_path_params_and_token_are_sent(self, make: Callable[..., ApiClient]) -> None:
        server = Server(ok({"id": "1"}))
        reply = run(make(server).request("get", "v9/me", params={"fields": "id,name"}, headers={"X-One": "1"}))
        sent = server.requests[0]
        assert (sent.method, str(sent.url)) == ("GET", f"{BASE}/v9/me?fields=id%2Cname")
        assert sent.headers["authorization"] == f"Bearer {CANARY}"
        assert sent.headers["x-one"] == "1"
        assert sent.headers["user-agent"].startswith("adjoin/")
        assert reply.json() == {"id": "1"}

    def test_params_are_added_to_those_of_a_link(self, make: Callable[..., ApiClient]) -> None:
        server = Server(ok())
        run(make(server).request("GET", f"{BASE}/me?after=abc&limit=5", params={"limit": "2"}))
        assert dict(server.requests[0].url.params) == {"after": "abc", "limit": "2"}

    def test_form_and_json_bodies(self, make: Callable[..., ApiClient]) -> None:
        server = Server(ok())
        client = make(server)
        run(client.request("POST", "/a", form={"x": "1 & 2"}))
        run(client.request("POST", "/a", json={"x": [1, None]}))
        form, posted = server.requests
        assert (form.content, form.headers["content-type"]) == (b"x=1+%26+2", "application/x-www-form-urlencoded")
        assert (json.loads(posted.content), posted.headers["content-type"]) == ({"x": [1, None]}, "application/json")

    def test_without_authorisation_no_token_is_sent_or_needed(self, make: Callable[..., ApiClient]) -> None:
        server = Server(ok())
        run(make(server, credentials=None).request("POST", "/token", authorised=False))
        assert "authorization" not in server.requests[0].headers

    def test_a_connection_in_the_making_has_no_token(self, make: Callable[..., ApiClient]) -> None:
        server = Server(ok())
        assert "authorised=False" in str(fails(make(server, credentials=None).request("GET", "/me")))
        assert server.requests == []

    @pytest.mark.parametrize(
        "url",
        [
            "https://evil.example/api/me",
            "http://ads.example/api/me",
            "https://ads.example:444/api/me",
            "https://ads.example@evil.example/api/me",
            "https://user:pass@ads.example/api/me",
            "https:\\\\evil.example/api",
            "HTTPS://EVIL.example/",
            " https://evil.example/",
            "ftp://ads.example/api",
        ],
    )
    def test_a_link_to_another_origin_is_never_followed(self, make: Callable[..., ApiClient], url: str) -> None:
        server = Server(ok())
        error = fails(make(server).request("GET", url))
        assert error.kind is ErrorKind.INVALID
        assert server.requests == []

    @pytest.mark.parametrize("url", ["https://ads.example:443/api/me", "HTTPS://ADS.example/api/me", "//api/me"])
    def test_every_other_link_stays_on_the_host(self, make: Callable[..., ApiClient], url: str) -> None:
        server = Server(ok())
        run(make(server).request("GET", url))
        assert server.requests[0].url.host == "ads.example"

    def test_an_unreadable_link_is_not_quoted_with_its_token(self, make: Callable[..., ApiClient]) -> None:
        error = fails(make(Server(ok())).request("GET", f"https://ads.example:port/?access_token={CANARY}"))
        assert (error.kind, error.code) == (ErrorKind.INVALID, "bad_url")
        assert CANARY not in str(error)

    def test_a_colon_in_a_path_is_no_scheme(self, make: Callable[..., ApiClient]) -> None:
        server = Server(ok())
        run(make(server).request("POST", "googleAds:search"))
        assert server.requests[0].url.path == "/api/googleAds:search"

    @pytest.mark.parametrize("url", ["", "127.0.0.1:8900", "ftp://x", "https://", "https://u:p4ss@x", "http://x:y"])
    def test_a_base_url_that_is_none_is_said_at_once(self, make: Callable[..., ApiClient], url: str) -> None:
        with pytest.raises(BadInput, match=r"is no (base )?URL") as caught:
            make(Server(ok()), base_url=url)
        assert "p4ss" not in str(caught.value)

    def test_redirects_are_not_followed(self, make: Callable[..., ApiClient]) -> None:
        server = Server(httpx.Response(302, headers={"location": "https://evil.example/"}))
        for hook in (None, lambda reply: v2.Verdict()):
            assert "redirect" in str(fails(make(server, inspect=hook).request("GET", "/me")))
        assert len(server.requests) == 2

    def test_cookies_are_not_kept(self, make: Callable[..., ApiClient]) -> None:
        server = Server(ok(headers={"set-cookie": "session=1"}))
        client = make(server)
        run(client.request("GET", "/me"))
        run(client.request("GET", "/me"))
        assert "cookie" not in server.requests[1].headers

    def test_too_large_an_answer_asks_for_less(self, make: Callable[..., ApiClient]) -> None:
        server = Server(httpx.Response(200, content=b"x" * 101))
        error = fails(make(server, max_body=100).request("GET", "/me"))
        assert (error.kind, error.code) == (ErrorKind.SPLIT, "too_large")

    def test_too_large_an_answer_of_unknown_length(self, make: Callable[..., ApiClient]) -> None:
        async def body() -> AsyncIterator[bytes]:
            while True:
                yield b"x" * 60

        server = Server(httpx.Response(200, content=body()))
        assert fails(make(server, max_body=100).request("GET", "/me")).code == "too_large"

    def test_parse_runs_beside_the_loop(self, make: Callable[..., ApiClient]) -> None:
        async def work(client: ApiClient) -> str:
            return await client.parse(lambda data: data.decode() + threading.current_thread().name, b"in ")

        assert run(work(make(Server(ok())))) != f"in {threading.main_thread().name}"


class TestRetry:
    def test_passing_faults_are_repeated_with_growing_random_pauses(
        self, make: Callable[..., ApiClient], clock: ManualClock
    ) -> None:
        server = Server(httpx.Response(500), httpx.ReadError("gone"), httpx.Response(503), ok())
        client = make(server)
        assert run(client.request("GET", "/me")).status == 200
        assert client.requests == 4
        assert len(clock.sleeps) == 3
        assert all(0 <= slept <= longest for slept, longest in zip(clock.sleeps, (0.5, 1, 2), strict=True))

    def test_it_gives_up_after_the_last_attempt(self, make: Callable[..., ApiClient]) -> None:
        server = Server(httpx.Response(500, headers={"x-request-id": "r-1"}))
        error = fails(make(server, max_attempts=3).request("GET", "/me"))
        assert (error.kind, error.code, error.request_id, len(server.requests)) == (ErrorKind.RETRY, "500", "r-1", 3)
        assert str(error) == (
            f"GET {BASE}/me answered 500: the platform has a passing fault; gave up after 3 attempts (request r-1)"
        )

    @pytest.mark.parametrize("broken", [httpx.ReadError("x"), httpx.ReadTimeout("x"), httpx.RemoteProtocolError("x")])
    def test_a_write_without_answer_is_not_repeated(self, make: Callable[..., ApiClient], broken: Exception) -> None:
        server = Server(broken)
        error = fails(make(server).request("POST", "/ads"))
        assert (error.kind, error.code, len(server.requests)) == (ErrorKind.RETRY, "outcome_unknown", 1)
        assert "it may have happened" in str(error)

    def test_a_write_with_a_server_error_is_not_repeated(self, make: Callable[..., ApiClient]) -> None:
        server = Server(httpx.Response(502))
        error = fails(make(server).request("POST", "/ads"))
        assert (error.code, len(server.requests)) == ("502", 1)
        assert "it may have happened" in str(error)

    def test_a_write_that_is_declared_repeatable_is_repeated(self, make: Callable[..., ApiClient]) -> None:
        server = Server(httpx.ReadError("x"), ok())
        assert run(make(server).request("POST", "/search", repeatable=True)).status == 200

    def test_a_read_that_is_declared_unrepeatable_is_not(self, make: Callable[..., ApiClient]) -> None:
        server = Server(httpx.ReadError("x"), ok())
        assert fails(make(server).request("GET", "/redeem", repeatable=False)).code == "outcome_unknown"

    def test_a_write_that_never_left_is_repeated(self, make: Callable[..., ApiClient]) -> None:
        server = Server(httpx.ConnectError("refused"), ok())
        assert run(make(server).request("POST", "/ads")).status == 200

    def test_a_body_shorter_than_announced_is_repeated(self, make: Callable[..., ApiClient]) -> None:
        async def half() -> AsyncIterator[bytes]:
            yield b'{"data":'

        cut = httpx.Response(200, headers={"content-length": "20"}, content=half())
        assert run(make(Server(cut, ok({"data": [1]}))).request("GET", "/me")).json() == {"data": [1]}

    def test_a_garbled_good_answer_is_repeated(self, make: Callable[..., ApiClient]) -> None:
        garbled = httpx.Response(200, content=b'{"data": [1, 2', headers={"content-type": "application/json"})
        assert run(make(Server(garbled, ok())).request("GET", "/me")).status == 200

    def test_a_garbled_answer_that_the_plugin_stumbles_over_is_repeated(self, make: Callable[..., ApiClient]) -> None:
        def hook(reply: v2.Reply) -> v2.Verdict:
            reply.json()
            return v2.Verdict()

        server = Server(httpx.Response(200, text="Service Unavailable"), ok())
        assert run(make(server, inspect=hook).request("GET", "/me")).status == 200

    def test_damaged_compression_is_repeated(self, make: Callable[..., ApiClient]) -> None:
        async def noise() -> AsyncIterator[bytes]:
            yield b"this is no gzip"

        damaged = httpx.Response(200, headers={"content-encoding": "gzip"}, content=noise())
        assert run(make(Server(damaged, ok())).request("GET", "/me")).status == 200

    @pytest.mark.parametrize(
        ("status", "kind"), [(403, ErrorKind.SKIP_ACCOUNT), (400, ErrorKind.INVALID), (404, ErrorKind.INVALID)]
    )
    def test_other_refusals_are_raised_at_once(
        self, make: Callable[..., ApiClient], status: int, kind: ErrorKind
    ) -> None:
        server = Server(httpx.Response(status))
        assert fails(make(server).request("GET", "/me")).kind is kind
        assert len(server.requests) == 1

    def test_the_plugin_decides_over_the_status(self, make: Callable[..., ApiClient]) -> None:
        def hook(reply: v2.Reply) -> v2.Verdict:
            if "error" in reply.json():
                fault = v2.Fault(kind=ErrorKind.SPLIT, message="Too much.", code="1", request_id="F7")
                return v2.Verdict(fault=fault)
            return v2.Verdict()

        error = fails(make(Server(ok({"error": {}})), inspect=hook).request("GET", "/me"))
        assert (error.kind, str(error)) == (ErrorKind.SPLIT, "Too much (code 1, request F7)")

    def test_warnings_reach_the_operator_once(self, make: Callable[..., ApiClient]) -> None:
        told: list[str] = []
        client = make(Server(ok()), inspect=lambda reply: v2.Verdict(warning="v9 retires"), on_warning=told.append)
        for _ in range(3):
            run(client.request("GET", "/me"))
        assert told == ["v9 retires"]


class TestWait:
    def test_a_throttled_write_waits_as_told_and_is_repeated(
        self, make: Callable[..., ApiClient], clock: ManualClock
    ) -> None:
        """Throttled requests were not executed, so repeating is safe even for a write."""
        server = Server(httpx.Response(429, headers={"retry-after": "7"}), ok())
        assert run(make(server).request("POST", "/ads")).status == 200
        assert clock.monotonic() == pytest.approx(7)

    def test_without_a_time_the_wait_grows(self, make: Callable[..., ApiClient], clock: ManualClock) -> None:
        server = Server(httpx.Response(429), httpx.Response(429), ok())
        run(make(server).request("GET", "/me"))
        assert clock.monotonic() == pytest.approx(15)

    def test_a_long_wait_is_for_the_engine(self, make: Callable[..., ApiClient], clock: ManualClock) -> None:
        server = Server(httpx.Response(429, headers={"retry-after": "300"}))
        error = fails(make(server).request("GET", "/me"))
        assert (error.kind, error.retry_after) == (ErrorKind.WAIT, timedelta(seconds=300))
        assert clock.sleeps == []

    def test_the_wait_holds_for_everyone_on_the_connection(
        self, make: Callable[..., ApiClient], clock: ManualClock
    ) -> None:
        server = Server(httpx.Response(429, headers={"retry-after": "300"}), ok())
        client = make(server)
        fails(client.request("GET", "/me"))
        error = fails(client.request("GET", "/other"))
        assert (error.kind, error.retry_after, len(server.requests)) == (ErrorKind.WAIT, timedelta(seconds=300), 1)
        clock.advance(300)
        assert run(client.request("GET", "/other")).status == 200

    def test_a_hint_about_one_account_holds_only_that_one(
        self, make: Callable[..., ApiClient], clock: ManualClock
    ) -> None:
        def hook(reply: v2.Reply) -> v2.Verdict:
            if reply.status == 200:
                return v2.Verdict()
            hint = v2.Hint(scope="account", wait=timedelta(minutes=5))
            return v2.Verdict(fault=v2.Fault(kind=ErrorKind.WAIT, message="slow", code="17"), hints=(hint,))

        client = make(Server(httpx.Response(400), ok()), inspect=hook)
        assert fails(client.request("GET", "/1", account="1")).retry_after == timedelta(minutes=5)
        assert run(client.request("GET", "/2", account="2")).status == 200
        assert fails(client.request("GET", "/1", account="1")).code == "paced"

    def test_retry_after_as_a_date(self, make: Callable[..., ApiClient], clock: ManualClock) -> None:
        server = Server(httpx.Response(429, headers={"retry-after": "Thu, 01 Jan 2026 00:00:09 GMT"}), ok())
        run(make(server).request("GET", "/me"))
        assert clock.monotonic() == pytest.approx(9)


class TestRenewal:
    def keeper(self, clock: ManualClock, renewals: list[str], saved: list[str]) -> CredentialKeeper:
        async def renew(stale: v2.Credential) -> v2.Credential:
            renewals.append(stale.access_token)
            await asyncio.sleep(0)
            return v2.Credential(access_token=f"token-new-{len(renewals)}", can_renew=True)

        return CredentialKeeper(
            v2.Credential(access_token="token-old", can_renew=True),
            renew=renew,
            save=lambda credential: saved.append(credential.access_token),
            clock=clock,
        )

    def test_many_requests_that_find_the_token_expired_renew_it_once(
        self, make: Callable[..., ApiClient], clock: ManualClock
    ) -> None:
        renewals: list[str] = []
        saved: list[str] = []

        def handler(request: httpx.Request) -> httpx.Response:
            return ok() if request.headers["authorization"] == "Bearer token-new-1" else httpx.Response(401)

        async def work() -> list[v2.Reply]:
            client = make(handler, credentials=self.keeper(clock, renewals, saved))
            return await asyncio.gather(*(client.request("POST", f"/{n}") for n in range(20)))

        assert [reply.status for reply in run(work())] == [200] * 20
        assert (renewals, saved) == (["token-old"], ["token-new-1"])

    def test_a_token_refused_right_after_its_renewal_needs_a_person(
        self, make: Callable[..., ApiClient], clock: ManualClock
    ) -> None:
        server = Server(httpx.Response(401))
        error = fails(make(server, credentials=self.keeper(clock, [], [])).request("GET", "/me"))
        assert (error.kind, len(server.requests)) == (ErrorKind.RECONNECT, 2)

    def test_a_token_that_cannot_be_renewed_needs_a_person(self, make: Callable[..., ApiClient]) -> None:
        assert fails(make(Server(httpx.Response(401))).request("GET", "/me")).kind is ErrorKind.RECONNECT

    def test_a_refused_token_endpoint_needs_a_person(self, make: Callable[..., ApiClient]) -> None:
        error = fails(make(Server(httpx.Response(401))).request("POST", "/token", authorised=False))
        assert error.kind is ErrorKind.RECONNECT


class TestStream:
    async def read(self, client: ApiClient, url: str = "/big") -> bytes:
        async with client.stream("GET", url) as reply:
            assert reply.status == 200
            return b"".join([chunk async for chunk in reply.chunks()])

    def test_the_answer_arrives_in_pieces(self, make: Callable[..., ApiClient]) -> None:
        async def body() -> AsyncIterator[bytes]:
            yield b"a"
            yield b"b"

        assert run(self.read(make(Server(httpx.Response(200, content=body()))))) == b"ab"

    def test_refusals_are_repeated_before_the_first_piece(self, make: Callable[..., ApiClient]) -> None:
        server = Server(httpx.Response(500), httpx.ReadError("x"), httpx.Response(200, content=b"ab"))
        assert run(self.read(make(server))) == b"ab"

    def test_only_refusals_are_inspected(self, make: Callable[..., ApiClient]) -> None:
        seen: list[int] = []

        def hook(reply: v2.Reply) -> v2.Verdict:
            seen.append(reply.status)
            return v2.Verdict(fault=v2.Fault(kind=ErrorKind.RETRY, message="again"))

        run(self.read(make(Server(httpx.Response(400), httpx.Response(200, content=b"x")), inspect=hook)))
        assert seen == [400]

    def test_a_cut_in_the_middle_is_raised(self, make: Callable[..., ApiClient]) -> None:
        async def body() -> AsyncIterator[bytes]:
            yield b"a"
            raise httpx.ReadError("gone")

        error = fails(self.read(make(Server(httpx.Response(200, content=body())))))
        assert (error.kind, error.code) == (ErrorKind.RETRY, "cut")

    def test_an_early_end_is_raised(self, make: Callable[..., ApiClient]) -> None:
        async def body() -> AsyncIterator[bytes]:
            yield b"a"

        short = httpx.Response(200, headers={"content-length": "9"}, content=body())
        assert "1 of 9 bytes" in str(fails(self.read(make(Server(short)))))


class TestSecrecy:
    """No log line, error or repr shows a secret, wherever the platform repeats it."""

    ECHO = f"bad token {CANARY} of app {CANARY_SECRET} (Bearer {CANARY})"
    URL = f"{BASE}/me?access_token={CANARY}&appsecret_proof=0123456789abcdef&after=x1&code=c0de99&state=5tate9"
    HIDDEN = ("canary", "0123456789abcdef", "c0de99", "5tate9", "Wq%2B1", "Wq+1")

    @pytest.fixture
    def everything(self, lines: Lines, caplog: pytest.LogCaptureFixture) -> Iterator[list[str]]:
        shown: list[str] = []
        with caplog.at_level(logging.DEBUG):
            yield shown
        text = "\n".join([*shown, *map(repr, lines.seen), caplog.text])
        assert lines.seen
        assert [secret for secret in self.HIDDEN if secret in text] == []

    @pytest.mark.parametrize("kind", list(ErrorKind))
    def test_in_refusals(
        self, make: Callable[..., ApiClient], everything: list[str], lines: Lines, kind: ErrorKind
    ) -> None:
        def hook(reply: v2.Reply) -> v2.Verdict:
            fault = v2.Fault(kind=kind, message=self.ECHO, code=CANARY, request_id=CANARY)
            return v2.Verdict(fault=fault, warning=self.ECHO)

        client = make(Server(httpx.Response(400)), inspect=hook)
        error = fails(client.request("GET", self.URL))
        everything += [repr(error), *traceback.format_exception(error), repr(client), error.code, error.request_id]
        assert "after=x1" in lines.seen[-1]["url"] or "warning" in lines.seen[-1]

    @pytest.mark.parametrize("method", ["GET", "POST"])
    def test_in_broken_connections(self, make: Callable[..., ApiClient], everything: list[str], method: str) -> None:
        error = fails(make(Server(httpx.ReadError(self.ECHO + self.URL))).request(method, self.URL))
        everything += [repr(error), *traceback.format_exception(error)]

    def test_in_good_answers(self, make: Callable[..., ApiClient], everything: list[str]) -> None:
        reply = run(make(Server(ok())).request("GET", self.URL))
        everything.append(reply.url)

    def test_in_streams(self, make: Callable[..., ApiClient], everything: list[str]) -> None:
        async def body() -> AsyncIterator[bytes]:
            yield b"a"
            raise httpx.ReadError(self.ECHO)

        error = fails(TestStream().read(make(Server(httpx.Response(200, content=body()))), self.URL))
        everything += [repr(error), *traceback.format_exception(error)]

    def test_in_links_to_elsewhere(self, make: Callable[..., ApiClient], everything: list[str]) -> None:
        client = make(Server(ok()))
        run(client.request("GET", "/me"))
        error = fails(client.request("GET", self.URL.replace("ads.example", "evil.example")))
        everything += [repr(error), *traceback.format_exception(error)]

    def test_a_renewed_token_is_hidden_too(self, make: Callable[..., ApiClient], lines: Lines) -> None:
        async def renew(stale: v2.Credential) -> v2.Credential:
            return v2.Credential(access_token="fresh-6Hq", refresh_token="later-8Zk", can_renew=True)

        keeper = CredentialKeeper(v2.Credential(access_token=CANARY, can_renew=True), renew=renew)
        refused = httpx.Response(400, text="no fresh-6Hq later-8Zk")

        def hook(reply: v2.Reply) -> v2.Verdict:
            kind = ErrorKind.REFRESH if reply.status == 401 else ErrorKind.INVALID
            return v2.Verdict(fault=v2.Fault(kind=kind, message=reply.body.decode()))

        error = fails(make(Server(httpx.Response(401), refused), credentials=keeper, inspect=hook).request("GET", "/"))
        assert str(error) == "no *** ***"
        assert "fresh-6Hq" not in repr(lines.seen) + repr(keeper)

    def test_each_attempt_is_one_line_with_what_helps(self, make: Callable[..., ApiClient], lines: Lines) -> None:
        run(make(Server(httpx.Response(500), ok())).request("GET", "/me?limit=5"))
        first, second = lines.seen
        assert (first["level"], first["status"], first["attempt"], first["kind"]) == ("warning", 500, 1, "retry")
        assert (second["level"], second["status"], second["attempt"], second["bytes"]) == ("debug", 200, 2, 11)
        assert first["request_id"] == second["request_id"]
        assert second["url"] == f"{BASE}/me?limit=5"
