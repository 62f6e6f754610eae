"""The gate lets in what is ours and who is signed in, and nothing and nobody else."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlmodel import select
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from adjoin.access.sessions import Issued, Sessions
from adjoin.access.signed_in import SessionLevel
from adjoin.clock import ManualClock
from adjoin.db.people import AuditEntry, Session, User
from adjoin.errors import AuthError, AuthProblem, StateError
from adjoin_dashboard.door.cookies import clear_session, let_in
from adjoin_dashboard.door.limits import Limits
from adjoin_dashboard.door.visitor import address_of, agent_of, visitor
from adjoin_dashboard.door.ways import Ways
from adjoin_dashboard.gate import Gate
from adjoin_dashboard.host import Host, open_host
from adjoin_dashboard.owners import Owner
from adjoin_dashboard.testing import make_store, sign_in

START = datetime(2026, 11, 21, 5, 14, tzinfo=UTC)
PAGE = {"Accept": "text/html,*/*", "Sec-Fetch-Mode": "navigate"}
_people = count()


async def behind(scope: Scope, receive: Receive, send: Send) -> None:
    """What the gate guards: says who is there."""
    request = Request(scope)
    found = visitor(request)
    text = f"{found.email if found else 'nobody'} {address_of(request)}"
    await PlainTextResponse(text, headers={"Access-Control-Allow-Origin": "*"})(scope, receive, send)


@dataclass
class Answer:
    """What came back."""

    status_code: int
    headers: Headers
    text: str

    @property
    def cookies(self) -> dict[str, str]:
        """The cookies that are set, by name, with all that is said of them."""
        return dict(line.split("=", 1) for line in self.headers.getlist("set-cookie"))


@dataclass
class Door:
    """A gate with people behind it, asked without a network."""

    host: Host
    clock: ManualClock
    app: Any = behind
    ways: Ways = field(default_factory=Ways)
    limits: Limits | None = None

    def get(
        self,
        path: str,
        headers: dict[str, str] | None = None,
        *,
        token: str | None = None,
        method: str = "GET",
        peer: str = "127.0.0.1",
        cookie: str = "adjoin_session",
        body: bytes = b"",
    ) -> Answer:
        sent = {"Host": "127.0.0.1:8501"} | (headers or {})
        if token is not None:
            sent["Cookie"] = f"theme=dark; {cookie}={token}"
        if method == "POST":
            sent.setdefault("Content-Length", str(len(body)))
        split = urlsplit(path)
        scope = {
            "type": "http",
            "method": method,
            "path": split.path,
            "query_string": split.query.encode(),
            "client": (peer, 40_000),
            "headers": [(name.lower().encode(), value.encode()) for name, value in sent.items()],
        }
        messages: list[Message] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": body}

        async def send(message: Message) -> None:
            messages.append(message)

        async def ask() -> None:
            gate = Gate(self.app, host=self.host, ways=self.ways, limits=self.limits)
            await gate(scope, receive, send)
            await self.host.doors.settle()

        asyncio.run(ask())
        text = b"".join(message.get("body", b"") for message in messages[1:])
        return Answer(int(messages[0]["status"]), Headers(raw=messages[0]["headers"]), text.decode())

    def sign_in(self, **values: Any) -> Issued:
        """Sign somebody new in."""
        named = {"email": f"person{next(_people)}@example.com"} | values
        return sign_in(self.host.store, now=self.clock.now(), **named)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("home")
    make_store(made, [], now=START).close()
    return made


@pytest.fixture
def open_door(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Door]]:
    """Opens a door with settings: `open_door(base_url=...)`."""
    with ExitStack() as opened:

        def made(clock: ManualClock | None = None, **settings: str) -> Door:
            for name, value in settings.items():
                monkeypatch.setenv(f"ADJOIN_{name.upper()}", value)
            clock = clock or ManualClock(START)
            return Door(opened.enter_context(open_host(home, clock=clock)), clock)

        yield made


@pytest.fixture
def door(open_door: Callable[..., Door]) -> Door:
    return open_door()


class TestNobody:
    """Who is not signed in."""

    def test_a_page_leads_to_the_sign_in_and_back(self, door: Door) -> None:
        """Also with what was asked for."""
        answer = door.get("/runs?platform=meta&q=%C3%A4", PAGE)
        assert answer.status_code == 303
        to = urlsplit(answer.headers["location"])
        assert to.path == "/auth/sign-in"
        assert parse_qs(to.query) == {"next": ["/runs?platform=meta&q=%C3%A4"]}
        assert answer.headers["cache-control"] == "no-store"

    def test_the_first_page_needs_no_way_back(self, door: Door) -> None:
        """The address of the sign-in stays short."""
        assert door.get("/", PAGE).headers["location"] == "/auth/sign-in"

    def test_a_browser_that_says_little_is_known_by_what_it_accepts(self, door: Door) -> None:
        """Old ones do not send Sec-Fetch-Mode."""
        assert door.get("/", {"Accept": "text/html"}).status_code == 303

    @pytest.mark.parametrize("path", ["/media/abc.csv", "/_stcore/host-config", "/component/x", "/x/plugin/ping"])
    def test_what_is_no_page_is_refused(self, door: Door, path: str) -> None:
        """A program or a script gets no page for an answer."""
        answer = door.get(path, {"Sec-Fetch-Mode": "cors", "Accept": "text/html"})
        assert (answer.status_code, answer.text) == (401, "You are not signed in.")

    def test_a_form_is_refused(self, door: Door) -> None:
        """Nothing is changed on the way to the sign-in."""
        assert door.get("/auth/account", PAGE, method="POST").status_code == 401

    @pytest.mark.parametrize("path", ["//evil.example/x", "/\\evil.example", "/a/../b", "/static/../media/x"])
    def test_a_crooked_path_is_no_way_back_and_no_public_one(self, door: Door, path: str) -> None:
        """It would lead to another site, or around the list of public files."""
        scope = {"type": "http", "method": "GET", "path": path, "headers": []}
        assert door.ways.of(scope).name == "INSIDE"

    @pytest.mark.parametrize("path", ["/healthz", "/favicon.png", "/static/js/x.js", "/app/static/x.css"])
    def test_files_that_are_the_same_for_everybody_are_open(self, door: Door, path: str) -> None:
        """The sign-in page needs them, and nobody is asked for them who it is."""
        signed_in = door.sign_in()
        assert door.get(path).text.startswith("nobody")
        assert door.get(path, token=signed_in.token).text.startswith("nobody")

    @pytest.mark.parametrize("path", ["/auth/sign-in", "/auth/with/acme/back", "/auth/confirm"])
    def test_the_doors_are_open_and_know_who_comes(self, door: Door, path: str) -> None:
        """Whoever is signed in already is told so there."""
        issued = door.sign_in(email=f"known{next(_people)}@example.com")
        assert door.get(path).text.startswith("nobody")
        assert door.get(path, token=issued.token).text.startswith("known")

    @pytest.mark.parametrize("path", ["/auth/account", "/auth/account/x", "/auth/sign-in/x", "/connect/meta", "/auth"])
    def test_what_is_not_on_the_list_is_closed(self, door: Door, path: str) -> None:
        """A new page is not public by accident."""
        assert door.get(path, PAGE).status_code == 303

    @pytest.mark.parametrize("token", ["", "x", "adj_s_short", "ä", "a" * 5000, "adj_f_x.adj_s_y", '"quoted"'])
    def test_a_malformed_cookie_is_none(self, door: Door, token: str) -> None:
        """It raises nothing either."""
        assert door.get("/", PAGE, token=token).status_code == 303

    def test_a_token_that_was_never_given_out_is_none(self, door: Door) -> None:
        """It has the right form and belongs to nobody."""
        token = door.sign_in().token
        other = door.sign_in().token
        mixed = f"{token.split('.')[0]}.{other.split('.')[1]}"
        with door.host.store.write() as session:
            found = door.host.doors.sessions.find(other)
            assert found is not None
            session.delete(session.get_one(Session, found.session_id))
        door.clock.advance(1)
        assert door.get("/", PAGE, token=other).status_code == 303
        assert door.get("/", PAGE, token=mixed).status_code == 303

    def test_a_second_cookie_of_the_name_makes_both_worthless(self, door: Door) -> None:
        """Another host of the same domain may have set one of them."""
        token = door.sign_in().token
        assert door.get("/", {"Cookie": f"adjoin_session={token}; adjoin_session={token}"} | PAGE).status_code == 303

    def test_who_owes_a_second_factor_is_nobody_yet(self, door: Door) -> None:
        """The password alone opens nothing."""
        issued = door.sign_in(level=SessionLevel.PENDING)
        assert door.get("/", PAGE, token=issued.token).status_code == 303
        assert door.get("/auth/second-factor", token=issued.token).text.startswith("nobody")


class TestSomebody:
    """Who is signed in."""

    def test_they_are_let_in_and_known(self, door: Door) -> None:
        """The route behind learns who it is, and from where."""
        issued = door.sign_in(email="ada@example.com")
        assert door.get("/", PAGE, token=issued.token).text == "ada@example.com 127.0.0.1"

    @pytest.mark.parametrize("later", [timedelta(days=7), timedelta(days=31)])
    def test_a_session_ends_by_itself(self, door: Door, later: timedelta) -> None:
        """After a week without use, and after a month."""
        issued = door.sign_in()
        door.clock.advance(later.total_seconds() + 1)
        assert door.get("/", PAGE, token=issued.token).status_code == 303

    def test_a_sign_out_holds_at_once(self, door: Door) -> None:
        """The next request is refused, whatever the cookie says."""
        issued = door.sign_in()
        assert door.get("/", token=issued.token).status_code == 200
        door.host.doors.sessions.end(issued.session.user_id, issued.session.id)
        assert door.get("/", token=issued.token).status_code == 401

    def test_a_sign_out_that_one_tab_notices_holds_for_all(self, door: Door) -> None:
        """Also when another process has ended the session, and what is known here is not a second old."""
        issued = door.sign_in()
        assert door.get("/", token=issued.token).status_code == 200
        Sessions(door.host.store, door.clock).end(issued.session.user_id, issued.session.id)
        assert door.host.still_in(issued.session.id) is None
        assert door.get("/", token=issued.token).status_code == 401

    def test_whoever_is_switched_off_is_out(self, door: Door) -> None:
        """Within the second for which an answer is remembered."""
        issued = door.sign_in()
        with door.host.store.write() as session:
            session.get_one(User, issued.session.user_id).disabled_at = START
        door.clock.advance(1)
        assert door.get("/", token=issued.token).status_code == 401

    def test_a_clock_that_was_wrong_lets_nobody_in_who_is_over(self, open_door: Callable[..., Door]) -> None:
        """A session from the future is good, and one that has ended is over, whichever way the clock was set."""
        ahead = open_door(ManualClock(START + timedelta(days=300)))
        issued = ahead.sign_in()
        back = open_door(ManualClock(START))
        assert back.get("/", token=issued.token).status_code == 200
        early = back.sign_in()
        assert ahead.get("/", token=early.token).status_code == 401

    def test_people_without_a_workspace_are_let_in(self, door: Door) -> None:
        """A page tells them what they can do."""
        assert door.get("/", token=door.sign_in(role=None).token).status_code == 200

    def test_the_browser_is_noted_shortened(self, door: Door) -> None:
        """Its name for itself is the sender's to choose."""

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await PlainTextResponse(agent_of(Request(scope)))(scope, receive, send)

        door.app = app
        assert len(door.get("/healthz", {"User-Agent": "x" * 5000}).text) == 400


class TestRotation:
    """The token is renewed every hour, by pages."""

    def test_a_page_gets_a_new_token_and_the_old_one_ends(self, door: Door) -> None:
        """The cookie holds until the session's end."""
        issued = door.sign_in()
        door.clock.advance(3601)
        answer = door.get("/", PAGE, token=issued.token)
        assert answer.status_code == 200
        value, *rest = answer.cookies["adjoin_session"].split("; ")
        assert value != issued.token
        assert set(rest) == {"Path=/", "HttpOnly", "SameSite=Lax", f"Max-Age={30 * 86_400 - 3601}"}
        assert answer.headers["cache-control"] == "no-store"
        assert door.get("/", token=value).status_code == 200
        door.clock.advance(61)
        assert door.get("/", token=issued.token).status_code == 401

    @pytest.mark.parametrize("headers", [{"Sec-Fetch-Mode": "cors"}, {"Accept": "*/*"}])
    def test_scripts_and_files_do_not_renew(self, door: Door, headers: dict[str, str]) -> None:
        """Their answers may be thrown away."""
        issued = door.sign_in()
        door.clock.advance(3601)
        assert door.get("/_stcore/host-config", headers, token=issued.token).cookies == {}

    def test_within_the_hour_nothing_is_renewed(self, door: Door) -> None:
        """The cookie is not sent again either."""
        issued = door.sign_in()
        door.clock.advance(3599)
        assert door.get("/", PAGE, token=issued.token).cookies == {}

    def test_a_copy_of_an_old_token_ends_the_session(self, door: Door) -> None:
        """Its owner is signed out as well, and the audit log says why."""
        issued = door.sign_in()
        door.clock.advance(3601)
        new = door.get("/", PAGE, token=issued.token).cookies["adjoin_session"].split(";")[0]
        assert door.get("/", token=new).status_code == 200
        door.clock.advance(61)
        assert door.get("/", token=issued.token, peer="203.0.113.9").status_code == 401
        assert door.get("/", token=new).status_code == 401
        with door.host.store.read() as session:
            entries = session.exec(select(AuditEntry).where(AuditEntry.object_id == issued.session.id)).all()
        assert [(one.action, one.address) for one in entries] == [("session.old_token_used", "203.0.113.9")]

    def test_a_renewal_that_fails_waits_for_the_next_page(self, door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
        """The old token is as good as before."""
        issued = door.sign_in()
        door.clock.advance(3601)

        def fail(*_: object) -> None:
            raise StateError("The database is busy")

        with monkeypatch.context() as busy:
            busy.setattr(type(door.host.doors.sessions), "rotate", fail)
            answer = door.get("/", PAGE, token=issued.token)
        assert (answer.status_code, answer.cookies) == (200, {})
        assert "adjoin_session" in door.get("/", PAGE, token=issued.token).cookies

    def test_a_cookie_that_a_route_sets_itself_stays(self, door: Door) -> None:
        """A sign-out on the same request is not undone by the renewal."""

        async def leave(scope: Scope, receive: Receive, send: Send) -> None:
            clear_session(Request(scope))
            await PlainTextResponse("gone")(scope, receive, send)

        issued = door.sign_in()
        door.clock.advance(3601)
        door.app = leave
        cookie = door.get("/", PAGE, token=issued.token).cookies["adjoin_session"]
        assert cookie.startswith("; ")
        assert "Max-Age=0" in cookie


class TestOtherSites:
    """Requests that other sites make through a visitor's browser."""

    @pytest.mark.parametrize("host", ["127.0.0.1:8501", "localhost:9000", "LOCALHOST", "[::1]:8501"])
    def test_our_names_are_answered(self, door: Door, host: str) -> None:
        """A tunnel from another port is fine."""
        assert door.get("/auth/sign-in", headers={"Host": host}).status_code == 200

    @pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "[", "localhost@evil.example"])
    def test_foreign_names_are_refused(self, door: Door, host: str) -> None:
        """A name that someone lets resolve to this machine does not reach the data."""
        assert door.get("/auth/sign-in", headers={"Host": host}).status_code == 421

    def test_the_name_of_the_base_url_is_answered(self, open_door: Callable[..., Door]) -> None:
        """And no other one of the same domain."""
        door = open_door(base_url="https://ads.example.com")
        assert door.get("/auth/sign-in", {"Host": "ads.example.com"}).status_code == 200
        assert door.get("/auth/sign-in", {"Host": "x.ads.example.com"}).status_code == 421

    def test_whether_it_is_well_is_answered_under_any_name(self, door: Door) -> None:
        """Balancers ask by the address."""
        assert door.get("/healthz", {"Host": "10.0.0.7:8501"}).status_code == 200

    @pytest.mark.parametrize("origin", ["https://evil.example", "http://127.0.0.1:9999", "null", "http://["])
    def test_requests_of_other_sites_are_refused(self, door: Door, origin: str) -> None:
        """Also those of other servers on this machine, and whoever is signed in."""
        issued = door.sign_in()
        assert door.get("/", headers={"Origin": origin}, token=issued.token).status_code == 403

    def test_a_page_of_ours_that_came_without_encryption_is_foreign(self, open_door: Callable[..., Door]) -> None:
        """Somebody on the way may have written it."""
        door = open_door(base_url="https://ads.example.com")
        headers = {"Host": "ads.example.com", "Origin": "http://ads.example.com"}
        assert door.get("/auth/sign-in", headers, method="POST").status_code == 403
        headers["Origin"] = "https://ads.example.com"
        assert door.get("/auth/sign-in", headers, method="POST").status_code == 200

    @pytest.mark.parametrize(
        ("site", "status"), [("cross-site", 403), ("same-site", 403), ("none", 403), ("same-origin", 200)]
    )
    def test_a_form_without_origin_must_come_from_us(self, door: Door, site: str, status: int) -> None:
        """Programs send neither header, and have no cookies that others could use."""
        assert door.get("/auth/sign-in", {"Sec-Fetch-Site": site}, method="POST").status_code == status

    def test_coming_back_from_another_site_is_fine(self, door: Door) -> None:
        """That is how somebody returns who has given consent there."""
        headers = PAGE | {"Sec-Fetch-Site": "cross-site"}
        assert door.get("/auth/with/acme/back?code=1", headers).status_code == 200

    @pytest.mark.parametrize(
        "path",
        [
            "/_stcore/agent/interact",
            "/_stcore/metrics",
            "/_stcore/script-health-check",
            "/runs/_stcore/metrics",
            "/auth/login",
            "/auth/logout",
            "/oauth2callback",
        ],
    )
    def test_side_doors_are_closed(self, door: Door, path: str) -> None:
        """They answer as if they did not exist, to everybody."""
        assert door.get(path, token=door.sign_in().token).status_code == 404


class TestProxies:
    """A reverse proxy before the dashboard."""

    def test_nobody_is_believed_who_is_not_named(self, door: Door) -> None:
        """The header is the client's to choose."""
        answer = door.get("/auth/sign-in", {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Host": "evil.example"})
        assert answer.text == "nobody 127.0.0.1"

    @pytest.mark.parametrize(
        ("said", "address"),
        [
            ("203.0.113.9", "203.0.113.9"),
            ("1.2.3.4, 203.0.113.9", "203.0.113.9"),
            ("203.0.113.9, 10.1.2.3", "203.0.113.9"),
            ("203.0.113.9:4711", "203.0.113.9"),
            ("[2001:db8::1]:4711", "2001:db8::1"),
            ("2001:db8::1", "2001:db8::1"),
            ("203.0.113.9, unknown", "10.0.0.7"),
            ("10.0.0.1, 10.0.0.2", "10.0.0.1"),
            ("", "10.0.0.7"),
        ],
    )
    def test_the_last_address_before_our_proxies_counts(
        self, open_door: Callable[..., Door], said: str, address: str
    ) -> None:
        """What the client wrote before it does not."""
        door = open_door(proxies="10.0.0.0/8, 192.168.1.1")
        answer = door.get("/auth/sign-in", {"X-Forwarded-For": said}, peer="10.0.0.7")
        assert answer.text == f"nobody {address}"

    def test_the_name_that_the_proxy_was_asked_by_is_passed_on(self, open_door: Callable[..., Door]) -> None:
        """What is behind compares it with the Origin."""

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await PlainTextResponse(Headers(scope=scope)["host"])(scope, receive, send)

        door = open_door(base_url="https://ads.example.com", proxies="10.0.0.7")
        door.app = app
        headers = {"Host": "inside:8501", "X-Forwarded-Host": "ads.example.com", "Origin": "https://ads.example.com"}
        assert door.get("/auth/sign-in", headers, peer="10.0.0.7").text == "ads.example.com"
        assert door.get("/auth/sign-in", headers, peer="10.0.0.8").status_code == 421


class TestCookies:
    """What the cookie is called and where it is sent."""

    def test_over_https_it_belongs_to_this_host_alone(self, open_door: Callable[..., Door]) -> None:
        """No other host of the domain can set it, and it never goes over a line that others can read."""

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            let_in(Request(scope), issued)
            await PlainTextResponse("in")(scope, receive, send)

        door = open_door(base_url="https://ads.example.com")
        issued = door.sign_in()
        door.app = app
        cookie = door.get("/auth/sign-in").cookies["__Host-adjoin_session"]
        assert set(cookie.split("; ")[1:]) == {"Path=/", "HttpOnly", "SameSite=Lax", "Max-Age=2592000", "Secure"}
        assert door.get("/", token=issued.token).status_code == 401
        assert door.get("/", token=issued.token, cookie="__Host-adjoin_session").status_code == 200

    def test_the_browser_is_told_to_stay_with_https(self, open_door: Callable[..., Door], door: Door) -> None:
        """Only where people reach it so."""
        assert "strict-transport-security" not in door.get("/auth/sign-in").headers
        secure = open_door(base_url="https://ads.example.com")
        assert secure.get("/auth/sign-in").headers["strict-transport-security"] == "max-age=31536000"


class TestHeaders:
    """What every answer carries."""

    @pytest.mark.parametrize("path", ["/", "/_stcore/metrics", "/auth/sign-in", "/healthz", "/media/x"])
    def test_the_security_headers_are_on_every_answer(self, door: Door, path: str) -> None:
        """Refusals too; and nobody else's page may read an answer."""
        headers = door.get(path).headers
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["x-frame-options"] == "DENY"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
        assert "access-control-allow-origin" not in headers

    def test_the_one_inline_script_of_streamlit_is_allowed_by_its_hash(self, door: Door) -> None:
        """And no other one."""
        policy = door.get("/", token=door.sign_in().token).headers["content-security-policy"]
        assert policy.count("'sha256-") == 1
        assert "'unsafe-inline'" not in policy.split("style-src")[0]

    @pytest.mark.parametrize("path", ["/auth/sign-in", "/connect/meta"])
    def test_our_own_pages_need_nothing_inline_and_are_kept_nowhere(self, door: Door, path: str) -> None:
        """They show who somebody is."""
        headers = door.get(path, token=door.sign_in().token).headers
        assert "unsafe" not in headers["content-security-policy"]
        assert "default-src 'none'" in headers["content-security-policy"]
        assert headers["cache-control"] == "no-store"

    def test_a_page_may_bring_a_policy_of_its_own(self, door: Door) -> None:
        """One that leads elsewhere names that place."""

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await Response(headers={"Content-Security-Policy": "default-src 'none'"})(scope, receive, send)

        door.app = app
        assert door.get("/auth/sign-in").headers["content-security-policy"] == "default-src 'none'"


class TestFiles:
    """What Streamlit keeps in memory and gives to whoever knows the name."""

    def test_a_file_is_for_whom_it_was_made(self, door: Door) -> None:
        """Somebody else who is signed in gets what there is for a name that never was."""
        issued = door.sign_in()
        found = door.host.still_in(issued.session.id)
        assert found is not None
        door.host.owners._files["abc"] = {(found.user_id, found.workspace_id)}
        answer = door.get("/media/abc.csv", token=issued.token)
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "private, no-store"
        for path in ("/media/abc.csv", "/media/never.csv", "/media/"):
            assert door.get(path, token=door.sign_in().token).status_code == 404
        assert door.get("/media/never.csv", token=issued.token).status_code == 404

    def test_uploads_go_to_sessions_of_ones_own(self, door: Door) -> None:
        """The name of another's session is no way into it."""
        issued = door.sign_in()
        found = door.host.still_in(issued.session.id)
        assert found is not None
        door.host.owners._sessions["mine"] = Owner.of(found)
        path = "/_stcore/upload_file/mine/file"
        assert door.get(path, token=issued.token, method="PUT").status_code == 200
        assert door.get(path, token=door.sign_in().token, method="PUT").status_code == 404
        assert door.get("/_stcore/upload_file/other/file", token=issued.token, method="PUT").status_code == 404


class TestForms:
    """What is sent to our own pages."""

    @pytest.mark.parametrize("length", ["65537", "-1", "", "x", "9" * 30, "²"])
    def test_a_form_that_is_too_large_is_not_read(self, door: Door, length: str) -> None:
        """Nor one that does not say how long it is."""
        assert door.get("/auth/sign-in", {"Content-Length": length}, method="POST").status_code == 413

    def test_too_many_are_slowed_down(self, door: Door) -> None:
        """By network, and others go on; a page is not a form."""
        door.limits = Limits(door.clock, burst=3, per_minute=6)
        for _ in range(3):
            assert door.get("/auth/sign-in", method="POST", peer="203.0.113.9").status_code == 200
        refused = door.get("/auth/sign-in", method="POST", peer="203.0.113.9")
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "10")
        assert "Try again in 10 seconds" in refused.text
        assert door.get("/auth/sign-in", peer="203.0.113.9").status_code == 200
        assert door.get("/auth/sign-in", method="POST", peer="203.0.113.10").status_code == 200
        door.clock.advance(10)
        assert door.get("/auth/sign-in", method="POST", peer="203.0.113.9").status_code == 200


class TestTrouble:
    """The sign-in cannot be checked."""

    @pytest.mark.parametrize(
        "error", [AuthError("Not now.", kind=AuthProblem.UNAVAILABLE), StateError("The database does not answer")]
    )
    def test_it_says_so_and_nobody_is_signed_out(
        self, door: Door, monkeypatch: pytest.MonkeyPatch, error: Exception
    ) -> None:
        """The way to the sign-in stays open; nothing is told of what is wrong inside."""
        issued = door.sign_in()

        async def fail(*_: object, **__: object) -> None:
            raise error

        with monkeypatch.context() as broken:
            broken.setattr(type(door.host.doors), "enter", fail)
            answer = door.get("/", PAGE, token=issued.token)
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "15")
            assert "stay signed in" in answer.text
            assert "database" not in answer.text
            assert door.get("/auth/sign-in", token=issued.token).status_code == 200
        assert door.get("/", token=issued.token).status_code == 200


class TestPlugins:
    """Routes of plugins."""

    @pytest.fixture
    def with_plugin(self, door: Door) -> Door:
        async def endpoint(request: Request) -> Response:
            return PlainTextResponse("reached")

        routes = [
            (Route("/x/shop/hook", endpoint, methods=["POST"]), True),
            (Route("/x/shop/{name}", endpoint), False),
            (Route("/x/shop/late", endpoint), True),
        ]
        door.ways = Ways(tuple(routes))
        door.app = Starlette(routes=[route for route, _ in routes])
        return door

    def test_a_public_one_is_reached_by_anybody(self, with_plugin: Door) -> None:
        """As a platform does that calls back."""
        assert with_plugin.get("/x/shop/hook", method="POST").text == "reached"

    def test_the_others_need_somebody(self, with_plugin: Door) -> None:
        """By any method, and by any name that a route takes."""
        assert with_plugin.get("/x/shop/report").status_code == 401
        assert with_plugin.get("/x/shop/hook").status_code == 401
        assert with_plugin.get("/x/shop/report", token=with_plugin.sign_in().token).text == "reached"

    def test_a_public_one_behind_another_is_not_public(self, with_plugin: Door) -> None:
        """The one that answers decides."""
        assert with_plugin.get("/x/shop/late").status_code == 401
