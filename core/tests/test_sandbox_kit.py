from __future__ import annotations

import os
import signal
import socket
import threading
from datetime import UTC, date, datetime, timedelta
from email.utils import parsedate_to_datetime

import httpx
import msgspec
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from adjoin.errors import BadInput
from adjoin.testing.faults import EVERYWHERE, ON_PLATFORMS, REQUEST_CLASSES, Fault, Faults
from adjoin.testing.sandbox import FaultLayer, path_below
from adjoin.testing.server import running, sandbox_app, serve
from adjoin.testing.world import World

ROWS = {"data": [{"id": str(number)} for number in range(200)]}


def classify(scope) -> str:
    return "facts" if path_below(scope).endswith("/insights") else "entities"


class Platform:
    """A stand-in's stand-in: rows, an echo of what it was mounted under, and a fault of its own."""

    def __init__(self, world: World, *, sleeps: list[float] | None = None) -> None:
        self.world = world
        self.served = 0
        self.sleeps = [] if sleeps is None else sleeps
        routes = [Route("/insights", self.rows), Route("/campaigns", self.rows, methods=["GET", "POST"])]
        self.app = FaultLayer(
            Starlette(routes=routes), platform="toy", faults=world.faults, classify=classify, sleep=self.sleep
        )

    async def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)

    async def rows(self, request: Request) -> JSONResponse:
        self.served += 1
        if self.world.faults.take(classify(request.scope), "throttle"):
            return JSONResponse({"error": {"code": 17}}, status_code=400)
        return JSONResponse(ROWS)


@pytest.fixture
def world() -> World:
    return World.generate(today=date(2026, 11, 22), scale=0.02, days=5)


@pytest.fixture
def platform(world) -> Platform:
    return Platform(world)


@pytest.fixture
def client(platform, world):
    with running(sandbox_app({"toy": platform.app}, world)) as base_url, httpx.Client(base_url=base_url) as client:
        yield client


class TestRules:
    def takes(self, fault: Fault, requests: int = 8) -> list[int]:
        faults = Faults()
        faults.add(fault)
        return [number for number in range(1, requests + 1) if faults.take("facts", fault.kind)]

    def test_a_rule_acts_for_ever_unless_told(self):
        assert self.takes(Fault(kind="throttle")) == [1, 2, 3, 4, 5, 6, 7, 8]

    def test_times_bounds_it(self):
        assert self.takes(Fault(kind="throttle", times=2)) == [1, 2]

    def test_after_lets_the_first_pass(self):
        assert self.takes(Fault(kind="throttle", times=1, after=3)) == [4]

    def test_every_leaves_gaps(self):
        assert self.takes(Fault(kind="throttle", every=3, after=1)) == [2, 5, 8]

    def test_other_classes_and_kinds_are_left_alone(self):
        faults = Faults()
        faults.add(Fault(kind="throttle", request_class="facts"))

        assert not faults.take("entities", "throttle")
        assert not faults.take("facts", "token_expired")
        assert faults.take("facts", "throttle")

    def test_what_fired_is_kept_in_order(self):
        faults = Faults()
        faults.add(Fault(kind="status:502", times=1), Fault(kind="throttle", request_class="facts"))
        faults.take_argument("entities", "status")
        faults.take("facts", "throttle")

        assert [(each.number, each.kind, each.request_class) for each in faults.fired] == [
            (1, "status:502", "entities"),
            (2, "throttle", "facts"),
        ]

    def test_what_stands_after_the_colon_is_an_argument(self):
        faults = Faults()
        faults.add(Fault(kind="throttle:80004"))

        assert faults.take_argument("facts", "throttle") == "80004"
        assert not faults.take("facts", "throttle")

    @pytest.mark.parametrize(
        ("value", "message"),
        [
            ("cut_body", "is an object"),
            ({"class": "*"}, "needs a kind"),
            ({"kind": "cut body"}, "not a kind"),
            ({"kind": "status"}, "not a kind"),
            ({"kind": "status:200"}, "not a kind"),
            ({"kind": "latency:long"}, "not a kind"),
            ({"kind": "clock_skew:five"}, "not a kind"),
            ({"kind": "slow", "times": "2"}, "times of a fault is a int"),
            ({"kind": "slow", "every": 0}, "1 or more"),
            ({"kind": "slow", "when": 1}, "has no 'when'"),
        ],
    )
    def test_rules_that_cannot_be_are_refused(self, value, message):
        with pytest.raises(BadInput, match=message):
            Fault.from_json(value)

    @pytest.mark.parametrize("kind", [*EVERYWHERE, *ON_PLATFORMS, "clock_skew:-300"])
    def test_every_common_kind_can_be_switched_on(self, kind):
        """And it and every class of requests says what it means."""
        assert Fault.from_json({"kind": kind, "class": "facts"}).kind == kind
        assert all({**EVERYWHERE, **ON_PLATFORMS, **REQUEST_CLASSES}.values())

    def test_a_fault_of_one_account_stays_with_the_first_that_it_is_due_for(self):
        faults = Faults()
        faults.add(Fault(kind="account_forbidden", request_class="facts", after=1))
        asked = [("entities", "a"), ("facts", "b"), ("facts", "c"), ("facts", "b"), ("entities", "c"), ("facts", "c")]

        assert [faults.single_out(group, "account_forbidden", account) for group, account in asked] == [
            False, False, True, False, True, True,
        ]  # fmt: skip
        faults.clear()
        assert not faults.single_out("facts", "account_forbidden", "c")

    def test_rules_read_back_as_they_were_given(self):
        value = {"class": "facts", "kind": "status:500", "times": 2, "every": 3, "after": 1}

        assert Fault.from_json(value).to_json() == value


@pytest.mark.parametrize(
    ("path", "root", "below"),
    [("/meta/v1/me", "/meta", "/v1/me"), ("/meta", "/meta", "/"), ("/metal", "/meta", "/metal"), ("/me", "", "/me")],
)
def test_the_path_below_the_mount(path, root, below):
    assert path_below({"type": "http", "path": path, "root_path": root}) == below


class TestActedOut:
    """On a real connection, as a client sees it."""

    @pytest.mark.parametrize(
        ("kind", "message", "served"),
        [
            ("cut_before", "without sending a response", 0),
            ("cut_headers", "without sending complete message body", 1),
            ("cut_body", "without sending complete message body", 1),
        ],
    )
    def test_connections_are_really_cut(self, client, platform, world, kind, message, served):
        world.faults.add(Fault(kind=kind, times=1))

        with pytest.raises(httpx.RemoteProtocolError, match=message):
            client.get("/toy/insights")
        assert platform.served == served
        assert client.get("/toy/insights").json() == ROWS

    def test_a_connection_cut_after_the_answer_costs_nothing(self, client, platform, world):
        world.faults.add(Fault(kind="cut_after", times=1))

        assert client.get("/toy/insights").json() == ROWS
        # Ours may not have noticed the end yet.
        with httpx.Client(base_url=client.base_url, trust_env=False) as another:
            assert another.get("/toy/insights").json() == ROWS
        assert platform.served == 2

    def test_half_of_a_cut_body_arrives(self, client, world):
        world.faults.add(Fault(kind="cut_body"))
        got = bytearray()

        def read(response: httpx.Response) -> None:
            for piece in response.iter_raw():
                got.extend(piece)

        with client.stream("GET", "/toy/insights") as response, pytest.raises(httpx.RemoteProtocolError):
            read(response)
        assert len(got) == int(response.headers["content-length"]) // 2

    def test_a_request_with_a_body_is_cut_too(self, client, world):
        world.faults.add(Fault(kind="cut_before", times=1))

        with pytest.raises(httpx.RemoteProtocolError):
            client.post("/toy/campaigns", data={"name": "x" * 1000})
        assert client.post("/toy/campaigns").status_code == 200

    @pytest.mark.parametrize("kind", ["truncate", "garbage"])
    def test_answers_are_complete_and_no_json(self, client, world, kind):
        world.faults.add(Fault(kind=kind))

        response = client.get("/toy/insights")

        assert response.status_code == 200
        assert len(response.content) == int(response.headers["content-length"])
        with pytest.raises(msgspec.DecodeError):
            msgspec.json.decode(response.content)

    @pytest.mark.parametrize("status", [500, 502, 503])
    def test_a_status_leaves_the_platform_unasked(self, client, platform, world, status):
        world.faults.add(Fault(kind=f"status:{status}", request_class="facts"))

        assert client.get("/toy/insights").status_code == status
        assert platform.served == 0
        assert client.get("/toy/campaigns").status_code == 200

    def test_slow_answers_drip_and_arrive_whole(self, client, platform, world):
        world.faults.add(Fault(kind="slow"))

        assert client.get("/toy/insights").json() == ROWS
        assert len(platform.sleeps) > 4

    def test_latency_waits_as_long_as_told(self, client, platform, world):
        world.faults.add(Fault(kind="latency:250"))

        assert client.get("/toy/insights").json() == ROWS
        assert platform.sleeps == [0.25]

    @pytest.mark.parametrize(("kind", "seconds"), [("clock_skew", 300), ("clock_skew:-300", -300)])
    def test_a_skewed_clock_shows_in_the_date_header_alone(self, client, world, kind, seconds):
        world.faults.add(Fault(kind=kind, times=1))

        told = [parsedate_to_datetime(client.get("/toy/insights").headers["date"]) for _ in range(2)]

        assert [moment - world.now for moment in told] == [timedelta(seconds=seconds), timedelta(0)]

    def test_a_platform_acts_out_faults_of_its_own(self, client, world):
        world.faults.add(Fault(kind="throttle", times=1))

        assert [client.get("/toy/insights").status_code for _ in range(2)] == [400, 200]

    def test_a_header_asks_for_one_request(self, client):
        asked = {"x-sandbox-fault": "throttle"}

        assert client.get("/toy/insights", headers=asked).status_code == 400
        assert client.get("/toy/insights").status_code == 200
        assert client.get("/toy/insights", headers={"x-sandbox-fault": "status:503"}).status_code == 503

    def test_a_bad_header_is_refused(self, client):
        response = client.get("/toy/insights", headers={"x-sandbox-fault": "status"})

        assert response.status_code == 400
        assert "not a kind of fault" in response.json()["error"]

    async def acted(self, platform, kind):
        transport = httpx.ASGITransport(app=platform.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://toy") as client:
            return await client.get("/insights", headers={"x-sandbox-fault": kind})

    @pytest.mark.parametrize("kind", ["cut_before", "cut_headers", "cut_body"])
    def test_without_a_server_a_cut_is_raised_as_the_client_would_see_it(self, platform, kind):
        import asyncio

        with pytest.raises(httpx.RemoteProtocolError, match="cut"):
            asyncio.run(self.acted(platform, kind))


class TestAdmin:
    def test_health(self, client):
        assert client.get("/_sandbox/health").json() == {"status": "ok"}

    def test_world_lists_platforms_with_token_and_accounts(self, client, world):
        answer = client.get("/_sandbox/world").json()

        assert (answer["seed"], answer["today"]) == (1, "2026-11-22")
        toy = answer["platforms"]["toy"]
        assert toy["access_token"] == world.token("toy")
        assert [account["id"] for account in toy["accounts"]] == [each.id for each in world.on("toy").accounts]
        assert toy["ads"] == len(world.on("toy").ads())

    def test_truth_gives_exact_totals(self, client, world):
        presence = world.on("toy")
        account = presence.accounts[0].id
        query = {"platform": "toy", "dataset": "ad_daily", "account": account, "since": "2026-11-20"}

        answer = client.get("/_sandbox/truth", params=query).json()

        totals = presence.totals("ad_daily", account_id=account, since=date(2026, 11, 20))
        assert answer["cost_micros"] == totals.cost_micros > 0
        assert answer["rows"] == totals.rows
        assert answer["conversions"] == totals.conversions
        assert answer["first_date"] == "2026-11-20"

    @pytest.mark.parametrize(
        ("query", "status", "message"),
        [
            ({"platform": "other"}, 404, "no sandbox of 'other'; there are toy"),
            ({"platform": "toy", "account": "7"}, 404, "no toy account '7'"),
            ({"platform": "toy", "dataset": "hourly"}, 404, "no dataset 'hourly'"),
            ({"platform": "toy", "since": "today"}, 400, "not a date"),
            ({"platform": "toy", "accounts": "7"}, 400, "no parameter 'accounts'"),
        ],
    )
    def test_truth_refuses_what_does_not_exist(self, client, query, status, message):
        response = client.get("/_sandbox/truth", params=query)

        assert response.status_code == status
        assert message in response.json()["error"]

    def test_the_clock_is_moved(self, client, world):
        assert client.post("/_sandbox/clock", json={"today": "2026-11-25"}).json()["today"] == "2026-11-25"
        assert world.on("toy").totals("account_daily").last_date == date(2026, 11, 25)

        client.post("/_sandbox/clock", json={"now": "2026-11-25T18:00:00+01:00"})
        assert world.now == datetime(2026, 11, 25, 17, tzinfo=UTC)

    @pytest.mark.parametrize(
        "body", [b"{", b"[]", b'{"today": "soon"}', b'{"now": "2026-11-25T18:00:00"}', b'{"today": ""}']
    )
    def test_a_clock_that_cannot_be_read_is_left_alone(self, client, world, body):
        before = world.now

        assert client.post("/_sandbox/clock", content=body).status_code == 400
        assert world.now == before

    def test_faults_are_switched_on_listed_and_off(self, client, world):
        rule = {"class": "facts", "kind": "status:500", "times": 1, "every": 1, "after": 0}
        client.post("/_sandbox/faults", json=rule)
        client.post("/_sandbox/faults", json=[{"kind": "slow", "class": "token"}])
        client.get("/toy/insights")

        answer = client.get("/_sandbox/faults").json()

        assert answer["active"][0] == rule
        assert [each["kind"] for each in answer["active"]] == ["status:500", "slow"]
        assert answer["fired"] == [{"number": 1, "kind": "status:500", "request_class": "facts"}]
        assert client.delete("/_sandbox/faults").json() == {"active": [], "fired": []}
        assert client.get("/toy/insights").status_code == 200

    def test_a_bad_rule_switches_nothing_on(self, client, world):
        response = client.post("/_sandbox/faults", json=[{"kind": "slow"}, {"kind": "status"}])

        assert response.status_code == 400
        assert world.faults.active == []

    def test_requests_are_counted_by_class(self, client):
        for path in ("/toy/insights", "/toy/insights", "/toy/campaigns"):
            client.get(path)

        assert client.get("/_sandbox/requests").json() == {"toy": {"entities": 1, "facts": 2}}


class TestServing:
    def test_a_taken_port_is_named_with_what_to_do(self, platform, world):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]

            with pytest.raises(BadInput, match=f"Port {port} on 127.0.0.1 is taken.*--port 0"):
                serve(sandbox_app({"toy": platform.app}, world), port, ready=print)

    @pytest.mark.parametrize("port", [-1, 70_000])
    def test_a_port_that_cannot_be_is_refused(self, platform, world, port):
        with pytest.raises(BadInput, match=f"Port {port} .* cannot be used"):
            serve(sandbox_app({"toy": platform.app}, world), port, ready=print)

    def test_port_0_takes_a_free_one_says_which_and_ends_with_ctrl_c(self, world, platform):
        answers: list[int] = []

        def ask_and_interrupt(port: int) -> None:
            answers.append(httpx.get(f"http://127.0.0.1:{port}/_sandbox/health").status_code)
            os.kill(os.getpid(), signal.SIGINT)

        def ready(port: int) -> None:
            threading.Thread(target=ask_and_interrupt, args=(port,), daemon=True).start()

        serve(sandbox_app({"toy": platform.app}, world), 0, ready=ready)

        assert answers == [200]

    def test_the_port_is_free_again_afterwards(self, platform, world):
        before = set(threading.enumerate())
        with running(sandbox_app({"toy": platform.app}, world)) as base_url:
            assert httpx.get(f"{base_url}/_sandbox/health").status_code == 200

        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{base_url}/_sandbox/health")
        assert not [thread for thread in set(threading.enumerate()) - before if thread.name == "sandbox"]

    def test_links_of_a_mounted_sandbox_lead_back_to_it(self, world):
        """Whoever builds absolute links from `request.base_url` gets the place where the sandbox is mounted."""

        def here(request: Request) -> JSONResponse:
            return JSONResponse({"next": f"{request.base_url}insights"})

        app = FaultLayer(
            Starlette(routes=[Route("/here", here), Route("/insights", here)]),
            platform="toy",
            faults=world.faults,
            classify=classify,
        )
        with running(sandbox_app({"toy": app}, world)) as base_url:
            link = httpx.get(f"{base_url}/toy/here").json()["next"]

            assert link == f"{base_url}/toy/insights"
            assert httpx.get(link).status_code == 200

    def test_platforms_do_not_see_each_other(self, world):
        toys = {name: Platform(world).app for name in ("one", "two")}
        with running(sandbox_app(toys, world)) as base_url:
            assert httpx.get(f"{base_url}/two/insights").json() == ROWS
            assert httpx.get(f"{base_url}/three/insights").status_code == 404
