"""Connecting in the browser, over HTTP with the platforms' sandboxes: what is stored, and what never is."""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest
from sqlmodel import select
from starlette.applications import Starlette
from starlette.middleware import Middleware

from adjoin.access import members
from adjoin.access.consent_attempts import LIFETIME
from adjoin.ads import v2
from adjoin.clock import ManualClock
from adjoin.db.models import DEFAULT_WORKSPACE, Account, Connection, ConnectionState, Run, Schedule
from adjoin.db.people import AuditEntry, ConsentAttempt, Member, Role
from adjoin.kernel import Kernel
from adjoin.secrets import open_credential
from adjoin.testing.server import running, sandbox_app
from adjoin.testing.world import World
from adjoin_dashboard.door import account_choice
from adjoin_dashboard.door.connecting import routes
from adjoin_dashboard.gate import Gate
from adjoin_dashboard.host import Host, open_host
from adjoin_dashboard.testing import make_store, sign_in

PLATFORMS = ("google", "linkedin", "meta", "microsoft")
HTML = {"accept": "text/html"}
NOW = datetime(2026, 11, 21, 5, 14, tzinfo=UTC)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[str]:
    """The sandboxes of all platforms. Gives their address."""
    world = World.generate(seed=3, today=date(2026, 11, 21), scale=0.02, days=3)
    kernel = Kernel.load()
    try:
        found = kernel.hook(v2.Ads.sandbox).all(world=world)
        with running(sandbox_app({one.plugin: one.value for one in found}, world)) as address:
            yield address
    finally:
        kernel.close()


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of a store without connections, made once."""
    home = tmp_path_factory.mktemp("empty")
    make_store(home, [], now=NOW).close()
    return home


@pytest.fixture
def home(tmp_path: Path, empty: Path) -> Path:
    """A copy of it for one test."""
    return shutil.copytree(empty, tmp_path / "home")


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch, sandbox: str, home: Path) -> Iterator[Host]:
    """The host of a store without connections, beside a sandbox."""
    monkeypatch.delenv("ADJOIN_DATABASE_URL", raising=False)
    monkeypatch.delenv("ADJOIN_BASE_URL", raising=False)
    monkeypatch.setenv("ADJOIN_SANDBOX", sandbox)
    with open_host(home, clock=ManualClock(NOW)) as opened:
        yield opened


class Client:
    """Asks the routes behind the gate, as somebody with this cookie; it follows nothing."""

    def __init__(self, app: Starlette, token: str = "") -> None:
        self.token = token
        self._app = app

    def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        headers = {**HTML, **options.pop("headers", {})}
        if self.token:
            headers["cookie"] = f"adjoin_session={self.token}"

        async def asked() -> httpx.Response:
            transport = httpx.ASGITransport(self._app, client=("127.0.0.1", 5000))
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
                return await client.request(method, path, headers=headers, **options)

        return asyncio.run(asked())

    def send(self, path: str, fields: dict[str, Any]) -> httpx.Response:
        """Send a form, as a browser on our own page does."""
        return self.ask("POST", path, data=fields, headers={"origin": "http://127.0.0.1"})


@dataclass
class Browser:
    """A browser of a member: it opens our pages, and goes to the sandbox and back as it is sent."""

    host: Host
    client: Client

    def get(self, path: str) -> httpx.Response:
        return self.client.ask("GET", path)

    def post(self, path: str, **fields: Any) -> httpx.Response:
        """Send the form of a page as it is there, with changes."""
        page = self.get(path)
        assert page.status_code == 200, page.text
        return self.client.send(path.partition("?")[0], {**hidden(page.text), **fields})

    def consent_page(self, platform: str, query: str = "", **fields: str) -> str:
        """Begin to connect; return the address of the sandbox's consent page."""
        answer = self.post(f"/connect/{platform}{query}", **{"place": "same" if query else "sandbox", **fields})
        assert answer.status_code == 200, answer.text
        found = re.search(r'href="(http://127\.0\.0\.1:[^"]+)"', answer.text)
        assert found is not None, answer.text
        return unescape(found[1])

    def answer(self, url: str, **choice: str) -> str:
        """Answer on the consent page; return where the browser is sent, without the host."""
        joint = "&" if choice else ""
        sent = httpx.get(f"{url}{joint}{urlencode(choice)}", headers=HTML, trust_env=False)
        assert sent.status_code == 302, sent.text
        where = urlsplit(sent.headers["location"])
        assert (where.scheme, where.netloc, where.path) == ("http", "127.0.0.1", "/connect/back")
        return f"{where.path}?{where.query}"

    def connect(self, platform: str, **fields: str) -> str:
        """Connect a platform; return the id of the connection."""
        back = self.get(self.answer(self.consent_page(platform, **fields), allow="1"))
        assert back.status_code == 303, back.text
        return urlsplit(back.headers["location"]).path.rpartition("/")[2]

    def rows(self, model: Any) -> list[Any]:
        with self.host.store.read() as session:
            return list(session.exec(select(model)).all())

    def told(self) -> list[str]:
        return sorted(one.action for one in self.rows(AuditEntry) if one.object_kind == "connection")

    @property
    def clock(self) -> ManualClock:
        assert isinstance(self.host.clock, ManualClock)
        return self.host.clock

    def nothing_is_stored(self) -> bool:
        return not any(self.rows(model) for model in (Connection, Account, Schedule, Run)) and self.told() == []


def hidden(page: str) -> dict[str, Any]:
    """The hidden fields and ticked boxes of a form."""
    fields: dict[str, Any] = {}
    for tag in re.findall(r"<input[^>]*>", page):
        found = {name: unescape(value) for name, value in re.findall(r'([a-z]+)="([^"]*)"', tag)}
        ticked = found.get("type") in {"checkbox", "radio"} and tag.rstrip(">").endswith("checked")
        if found.get("type") == "hidden" or ticked:
            fields.setdefault(found["name"], []).append(found.get("value", ""))
    return fields


@pytest.fixture
def app(host: Host) -> Starlette:
    return Starlette(routes=routes(host), middleware=[Middleware(Gate, host=host)])


@pytest.fixture
def open_as(host: Host, people: Any, app: Starlette) -> Any:
    """A function that opens a browser in which one of the people is signed in."""

    def browser(name: str) -> Browser:
        workspace = people.theirs if name == "eve" else DEFAULT_WORKSPACE
        issued = sign_in(host.store, now=NOW, email=f"{name}@example.com", role=None, workspace_id=workspace)
        return Browser(host, Client(app, issued.token))

    return browser


@pytest.fixture
def ada(open_as: Any) -> Browser:
    found: Browser = open_as("ada")
    return found


def judged(code: int, text: str, answer: httpx.Response) -> None:
    """The answer is a page with this status and text, and no secret of the address is on it."""
    assert (answer.status_code, text in unescape(answer.text)) == (code, True), answer.text
    for name in ("code", "state"):
        for value in parse_qs(urlsplit(str(answer.request.url)).query).get(name, []):
            assert len(value) < 20 or value not in answer.text


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_platform_is_connected(ada: Browser, platform: str, sandbox: str) -> None:
    """Over its consent page and back: the credential is stored encrypted, with accounts, schedule and an entry."""
    connection_id = ada.connect(platform, label="Our  shop ")
    (connection,) = ada.rows(Connection)
    assert (connection.id, connection.platform, connection.workspace_id) == (connection_id, platform, DEFAULT_WORKSPACE)
    assert (connection.label, connection.base_url) == ("Our shop", f"{sandbox}/{platform}")
    opened = open_credential(
        ada.host.runtime.vault, connection.credential, workspace=DEFAULT_WORKSPACE, connection=connection_id
    )
    assert opened.access_token.encode() not in connection.credential
    assert {one.connection_id for one in ada.rows(Account)} == {connection_id}
    assert len(ada.rows(Schedule)) == 1
    assert ada.told() == ["connection.created"]
    (entry,) = [one for one in ada.rows(AuditEntry) if one.object_kind == "connection"]
    assert entry.actor.startswith("user:")
    assert (entry.object_id, entry.after["platform"]) == (connection_id, platform)


def test_the_sandboxes_ask_a_person_and_answer_a_program(ada: Browser) -> None:
    """The page says who asks for what; nothing of the address can draw anything on it."""
    for platform in PLATFORMS:
        url = ada.consent_page(platform) + "&" + urlencode({"x": '"><script>alert(1)</script>'})
        page = httpx.get(url, headers=HTML, trust_env=False)
        assert page.status_code == 200, page.text
        assert "sandbox-app" in page.text
        assert ada.host.describe(platform).title in page.text
        assert all(f'name="{answer}"' in page.text for answer in ("allow", "deny"))
        assert hidden(page.text)["state"] == parse_qs(urlsplit(url).query)["state"]
        assert "<script>" not in page.text
        assert httpx.get(url, trust_env=False).status_code == 302
    assert "<li>ads_read</li>" in httpx.get(ada.consent_page("meta"), headers=HTML, trust_env=False).text


def test_what_is_sent_to_the_platform(ada: Browser) -> None:
    """Our address to come back to, a state, and a challenge where the platform has PKCE; never a verifier."""
    asked = {platform: parse_qs(urlsplit(ada.consent_page(platform)).query) for platform in PLATFORMS}
    for platform, query in asked.items():
        assert query["redirect_uri"] == ["http://127.0.0.1/connect/back"]
        assert query["state"][0].startswith("adj_c_")
        assert ("code_challenge" in query) is ada.host.describe(platform).auth.pkce
        assert "code_verifier" not in query
    assert any("code_challenge" in query for query in asked.values())


def test_the_address_to_come_back_to_is_the_one_that_is_set(ada: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        ada.host.runtime,
        "settings",
        ada.host.runtime.settings.model_copy(update={"base_url": "http://localhost:8501/"}),
    )
    assert "http://localhost:8501/connect/back" in ada.get("/connect/meta").text
    assert parse_qs(urlsplit(ada.consent_page("meta")).query)["redirect_uri"] == ["http://localhost:8501/connect/back"]


class TestRefusals:
    @pytest.mark.parametrize("platform", PLATFORMS)
    def test_denied(self, ada: Browser, platform: str) -> None:
        """Said plainly, and the same answer does not count again."""
        back = ada.answer(ada.consent_page(platform), deny="1")
        judged(200, "Access was declined", ada.get(back))
        judged(410, "used already", ada.get(back))
        assert ada.nothing_is_stored()

    @pytest.mark.parametrize(("platform", "extra"), [("meta", {"decline": "ads_read"})])
    def test_a_permission_that_was_taken_out(self, ada: Browser, platform: str, extra: dict[str, str]) -> None:
        back = ada.answer(ada.consent_page(platform), allow="1", **extra)
        judged(502, "ads_read was declined", ada.get(back))
        assert ada.nothing_is_stored()

    @pytest.mark.parametrize(
        "query",
        [
            "",
            "code=x",
            "state=&code=x",
            "state=x&code=x",
            "state=adj_c_" + "0" * 49 + "&code=x",
            "state=%00%ff&code=x",
            "state=" + "a" * 5000 + "&code=x",
            "state[]=x&code=x",
        ],
    )
    def test_a_state_that_was_never_given_out(self, ada: Browser, query: str) -> None:
        ada.consent_page("meta")
        judged(400, "belongs to no connection", ada.get(f"/connect/back?{query}"))
        assert ada.nothing_is_stored()

    def test_a_state_that_is_there_twice(self, ada: Browser) -> None:
        """Which one counts would be anybody's guess."""
        back = ada.answer(ada.consent_page("meta"), allow="1")
        state = parse_qs(urlsplit(back).query)["state"][0]
        judged(400, "belongs to no connection", ada.get(f"{back}&state={state}"))
        assert ada.nothing_is_stored()

    def test_used_before(self, ada: Browser) -> None:
        back = ada.answer(ada.consent_page("meta"), allow="1")
        assert ada.get(back).status_code == 303
        judged(410, "used already", ada.get(back))
        assert ada.told() == ["connection.created"]

    def test_too_late(self, ada: Browser) -> None:
        back = ada.answer(ada.consent_page("meta"), allow="1")
        ada.clock.advance(LIFETIME.total_seconds())
        judged(410, "came too late", ada.get(back))
        assert ada.nothing_is_stored()

    @pytest.mark.parametrize("other", ["ada", "bob", "eve", "cy"])
    def test_another_browser_or_person(self, ada: Browser, open_as: Any, other: str) -> None:
        """Also one's own second browser; and the attempt is over for the first one as well."""
        back = ada.answer(ada.consent_page("meta"), allow="1")
        judged(403, "another person or in another browser", open_as(other).get(back))
        judged(410, "used already", ada.get(back))
        assert ada.nothing_is_stored()

    def test_nobody_signed_in(self, ada: Browser, app: Starlette) -> None:
        """Has to sign in first, and the attempt stays what it was."""
        back = ada.answer(ada.consent_page("meta"), allow="1")
        answer = Client(app).ask("GET", back)
        assert (answer.status_code, urlsplit(answer.headers["location"]).path) == (303, "/auth/sign-in")
        assert ada.get(back).status_code == 303
        assert ada.told() == ["connection.created"]

    def test_another_workspace_by_now(self, ada: Browser, people: Any) -> None:
        back = ada.answer(ada.consent_page("meta"), allow="1")
        with ada.host.store.write() as session:
            session.add(Member(workspace_id=people.theirs, user_id=people.ids["ada"], role=Role.OWNER, created_at=NOW))
        sessions = ada.host.doors.sessions
        mine = sessions.find(ada.client.token)
        assert mine is not None
        sessions.choose_workspace(mine.session_id, people.theirs)
        judged(403, "another workspace", ada.get(back))
        assert ada.nothing_is_stored()

    def test_a_role_that_was_taken_meanwhile(self, ada: Browser, people: Any, open_as: Any) -> None:
        bob = open_as("bob")
        back = bob.answer(bob.consent_page("meta"), allow="1")
        with ada.host.store.write() as session:
            members.change_role(
                session, DEFAULT_WORKSPACE, people.ids["bob"], Role.VIEWER, by=people.context("ada").actor, now=NOW
            )
        bob.clock.advance(5)
        judged(403, "takes the role admin", bob.get(back))
        assert not ada.rows(Connection)

    def test_a_code_that_the_platform_does_not_know(self, ada: Browser) -> None:
        back = ada.answer(ada.consent_page("google"), allow="1")
        code = parse_qs(urlsplit(back).query)["code"][0]
        judged(502, "The platform did not give access", ada.get(back.replace(urlencode({"code": code}), "code=forged")))
        assert ada.nothing_is_stored()

    def test_another_error_of_the_platform_draws_nothing(self, ada: Browser) -> None:
        state = parse_qs(urlsplit(ada.consent_page("meta")).query)["state"][0]
        query = urlencode({"state": state, "error": "<script>alert(1)</script>server_error"})
        answer = ada.get(f"/connect/back?{query}")
        judged(200, "did not give access (scriptalert1scriptserver_error)", answer)
        assert "<script>alert" not in answer.text

    def test_looking_ahead_uses_nothing_up(self, ada: Browser) -> None:
        """HEAD is no answer."""
        back = ada.answer(ada.consent_page("meta"), allow="1")
        assert ada.client.ask("HEAD", back).status_code == 405
        assert ada.get(back).status_code == 303


class TestBeginning:
    @pytest.mark.parametrize("name", ["cy", "dee"])
    def test_it_takes_the_role(self, open_as: Any, name: str) -> None:
        browser = open_as(name)
        judged(403, "takes the role admin", browser.get("/connect/meta"))
        assert not browser.rows(ConsentAttempt)

    @pytest.mark.parametrize("fields", [{"csrf": "x" * 64}, {"csrf": ""}])
    def test_it_takes_our_own_form(self, ada: Browser, fields: dict[str, str]) -> None:
        assert ada.post("/connect/meta", place="sandbox", **fields).status_code == 403
        assert not ada.rows(ConsentAttempt)

    @pytest.mark.parametrize("place", ["", "same", "http://127.0.0.1:1", "http://169.254.169.254/", "sandbox "])
    def test_nobody_names_an_address(self, ada: Browser, place: str) -> None:
        judged(404, "there is no such place", ada.post("/connect/meta", place=place))
        assert not ada.rows(ConsentAttempt)

    @pytest.mark.parametrize("label", ["x" * 81, "a\x00b", "a\u202eb"])
    def test_a_name_that_is_off(self, ada: Browser, label: str) -> None:
        judged(400, "control characters", ada.post("/connect/meta", place="sandbox", label=label))
        assert not ada.rows(ConsentAttempt)

    @pytest.mark.parametrize("path", ["/connect/nothing", "/connect/accounts", "/connect/%3Cscript%3E"])
    def test_a_platform_that_is_not_there(self, ada: Browser, path: str) -> None:
        answer = ada.get(path)
        assert answer.status_code == 404
        assert "<script>" not in answer.text

    def test_what_is_not_set_up_is_named(self, ada: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
        """With the variables; the platform itself cannot be chosen."""
        monkeypatch.delenv("ADJOIN_META_CLIENT_ID", raising=False)
        assert "ADJOIN_META_CLIENT_ID" in ada.get("/connect/meta").text
        judged(400, "ADJOIN_META_CLIENT_ID", ada.post("/connect/meta", place="platform"))
        monkeypatch.setenv("ADJOIN_META_CLIENT_ID", "an-id")
        answer = ada.post("/connect/meta", place="platform")
        assert 'href="https://www.facebook.com/' in answer.text
        assert "client_id=an-id" in answer.text


class TestAgain:
    def test_the_same_connection_is_renewed(self, ada: Browser) -> None:
        """Also one that was disconnected; its choice of accounts and its history stay."""
        mine = ada.connect("meta")
        before = ada.rows(Connection)[0]
        with ada.host.store.write() as session:
            stored = session.get_one(Connection, (DEFAULT_WORKSPACE, mine))
            stored.state, stored.credential = ConnectionState.DISABLED, None
            session.add(stored)
        back = ada.get(ada.answer(ada.consent_page("meta", f"?connection={mine}"), allow="1"))
        assert back.headers["location"] == f"/connect/accounts/{mine}"
        (connection,) = ada.rows(Connection)
        assert (connection.id, connection.state) == (mine, ConnectionState.OK)
        assert connection.credential_version > before.credential_version
        assert ada.told() == ["connection.created", "connection.renewed"]

    def test_a_user_who_reaches_other_accounts_changes_nothing(self, ada: Browser) -> None:
        mine = ada.connect("meta")
        with ada.host.store.write() as session:
            second = Connection(
                workspace_id=DEFAULT_WORKSPACE, id="second", platform="meta", label="Second", created_at=NOW,
                base_url=ada.rows(Connection)[0].base_url,
            )  # fmt: skip
            session.add(second)
            session.flush()
            first = session.exec(select(Account)).first()
            assert first is not None
            session.add(Account(**(first.model_dump() | {"id": "act_elsewhere", "connection_id": "second"})))
        back = ada.answer(ada.consent_page("meta", "?connection=second"), allow="1")
        judged(400, "reaches none of the accounts", ada.get(back))
        assert {one.id: one.credential is None for one in ada.rows(Connection)} == {mine: False, "second": True}

    @pytest.mark.parametrize("path", ["/connect/meta?connection={}", "/connect/accounts/{}"])
    def test_a_connection_of_another_workspace_is_not_there(self, ada: Browser, open_as: Any, path: str) -> None:
        mine, eve = ada.connect("meta"), open_as("eve")
        judged(404, "no such connection", eve.get(path.format(mine)))
        given = {**hidden(eve.get("/connect/meta").text), "connection": mine, "account": ["act_1"], "place": "same"}
        answer = eve.client.send(path.partition("?")[0].format(mine), given)
        judged(404, "no such connection", answer)
        assert all(one.selected for one in ada.rows(Account))

    def test_names_that_no_connection_has(self, ada: Browser) -> None:
        for name in ("%00", "%F0%9F%98%80", "%25", "x" * 3000, "a%0Ab"):
            judged(404, "no such connection", ada.get(f"/connect/meta?connection={name}"))
            judged(404, "no such connection", ada.get(f"/connect/accounts/{name}"))

    def test_one_of_another_platform_is_not_there(self, ada: Browser) -> None:
        mine = ada.connect("meta")
        judged(404, "no such connection", ada.get(f"/connect/google?connection={mine}"))


class TestAccounts:
    def choose(self, browser: Browser, connection: str, accounts: list[str], **fields: Any) -> httpx.Response:
        return browser.post(f"/connect/accounts/{connection}", account=accounts, **fields)

    def test_the_choice_is_kept(self, ada: Browser) -> None:
        mine = ada.connect("google")
        readable = [one.id for one in ada.rows(Account) if one.readable]
        page = ada.get(f"/connect/accounts/{mine}?new=1")
        assert sorted(hidden(page.text)["shown"]) == sorted(readable)
        assert all(one.id in page.text for one in ada.rows(Account))  # the others with the reason
        answer = self.choose(ada, mine, readable[:1])
        assert (answer.status_code, answer.headers["location"]) == (303, "/connections")
        assert [one.id for one in ada.rows(Account) if one.selected and one.readable] == readable[:1]
        assert not [run for run in ada.rows(Run) if run.state == "queued"]
        assert hidden(ada.get(f"/connect/accounts/{mine}").text)["account"] == readable[:1]

    def test_a_sync_begins_with_it_where_that_is_ticked(self, ada: Browser) -> None:
        mine = ada.connect("meta")
        accounts = hidden(ada.get(f"/connect/accounts/{mine}?new=1").text)["account"]
        assert self.choose(ada, mine, accounts, sync="1").status_code == 303
        assert [(run.connection_id, run.state) for run in ada.rows(Run)] == [(mine, "queued")]

    def test_none_is_refused_on_the_same_page(self, ada: Browser) -> None:
        mine = ada.connect("meta")
        judged(400, "hoose at least one account", self.choose(ada, mine, []))
        assert all(one.selected for one in ada.rows(Account))

    def test_an_account_of_nobody_is_refused(self, ada: Browser) -> None:
        mine = ada.connect("meta")
        judged(404, "has no account", self.choose(ada, mine, ["act_of_nobody"]))
        assert all(one.selected for one in ada.rows(Account))

    @pytest.mark.parametrize("name", ["cy", "dee"])
    def test_it_takes_the_role(self, ada: Browser, open_as: Any, name: str) -> None:
        mine = ada.connect("meta")
        judged(403, "takes the role admin", open_as(name).get(f"/connect/accounts/{mine}"))

    def test_many_accounts_come_in_pages_that_do_not_touch_each_other(
        self, ada: Browser, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        mine = ada.connect("meta")
        monkeypatch.setattr(account_choice, "PAGE_SIZE", 2)
        assert sum(one.readable for one in ada.rows(Account)) >= 4
        pages = [hidden(ada.get(f"/connect/accounts/{mine}?page={number}").text)["shown"] for number in (1, 2)]
        assert not set(pages[0]) & set(pages[1])
        assert ada.post(f"/connect/accounts/{mine}?page=2", account=[]).status_code == 303
        assert {one.id for one in ada.rows(Account) if not one.selected} == set(pages[1])

    @pytest.mark.parametrize("page", ["0", "-1", "x", "99999", "9" * 400, "²"])
    def test_a_page_that_is_not_there_shows_one_that_is(self, ada: Browser, page: str) -> None:
        mine = ada.connect("meta")
        assert ada.get(f"/connect/accounts/{mine}?page={page}").status_code == 200

    def test_all_or_none_can_be_ticked_at_once(self, ada: Browser) -> None:
        mine = ada.connect("meta")
        assert "account" not in hidden(ada.get(f"/connect/accounts/{mine}?tick=none").text)
        assert len(hidden(ada.get(f"/connect/accounts/{mine}?tick=all").text)["account"]) == sum(
            one.readable for one in ada.rows(Account)
        )
