"""Signing in with a party in a browser: there and back, with what the browser keeps between."""

from __future__ import annotations

import asyncio
import html
import re
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from sqlmodel import select
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from adjoin.access.signed_in import SignedIn
from adjoin.clock import ManualClock
from adjoin.db.people import Identity, Session
from adjoin.testing.server import running
from adjoin_auth.testing.identity_provider import Fault, IdentityProvider
from adjoin_dashboard.door import external
from adjoin_dashboard.door.csrf import form_token
from adjoin_dashboard.door.visitor import visitor
from adjoin_dashboard.gate import Gate
from adjoin_dashboard.host import open_host
from adjoin_dashboard.testing import make_store, sign_in

from .conftest import NOW

HERE = "http://127.0.0.1"
WITH = "/auth/with/company"
OWN = "urn:adjoin:local"
ADA = {"sub": "1", "email": "ada@example.com", "email_verified": True}


@pytest.fixture(scope="module")
def served() -> Iterator[IdentityProvider]:
    provider = IdentityProvider({})
    with running(provider.app) as address:
        provider.issuer = address
        yield provider


class House:
    """An installation, and browsers of it."""

    def __init__(self, home: Path, company: IdentityProvider) -> None:
        self.company, self.clock = company, ManualClock(NOW)
        company.people, company.wrong, company.now = {"ada": dict(ADA)}, Fault(), self.clock.now
        self.opened = open_host(home, clock=self.clock)
        self.host = self.opened.__enter__()
        self.app = Starlette(
            routes=[
                *external.routes(self.host),
                Route("/auth/sign-in", lambda request: PlainTextResponse(form_token(request))),
                Route("/", self._who),
            ],
            middleware=[Middleware(Gate, host=self.host)],
        )

    def _who(self, request: Request) -> Response:
        found = visitor(request)
        assert found is not None
        return PlainTextResponse(found.email)

    def browser(self) -> Browser:
        return Browser(self)

    def rows(self, model: Any) -> list[Any]:
        with self.host.store.read() as session:
            return list(session.exec(select(model)))


class Browser:
    """One browser, which follows nothing by itself."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.cookies: dict[str, str] = {}

    def ask(self, method: str, path: str, headers: dict[str, str] | None = None, **more: Any) -> httpx.Response:
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        sent = {"Cookie": cookies, **(headers or {})}

        async def asked() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.house.app)
            async with httpx.AsyncClient(transport=transport, base_url=HERE) as client:
                return await client.request(method, path, headers=sent, **more)

        answer = asyncio.run(asked())
        for line in answer.headers.get_list("set-cookie"):
            name, _, value = line.partition(";")[0].partition("=")
            self.cookies[name] = value
            if "Max-Age=0" in line:
                del self.cookies[name]
        return answer

    def signed_in(self, email: str = "ada@example.com") -> SignedIn:
        issued = sign_in(self.house.host.store, now=self.house.clock.now(), email=email)
        self.cookies["adjoin_session"] = issued.token
        found = self.house.host.runtime.doors.sessions.find_by_id(issued.session.id)
        assert found is not None
        with self.house.host.store.write() as session:
            session.add(Identity(issuer=OWN, subject=found.user_id, user_id=found.user_id, created_at=NOW))
        return found

    def leaves(self, party: str = "company", **fields: str) -> httpx.Response:
        data = {"csrf": self.ask("GET", "/auth/sign-in").text, **fields}
        return self.ask("POST", f"/auth/with/{party}", {"Origin": HERE}, data=data)

    def consents(self, left: httpx.Response, person: str = "ada") -> dict[str, str]:
        """Follow the page that leads away, and do what is asked there."""
        assert left.status_code == 200, left.text
        [url] = {html.unescape(found) for found in re.findall(r'href="(http[^"]+)"', left.text)}
        assert url.startswith(f"{self.house.company.issuer}/authorize?")
        return self.house.company.consents(url, person)

    def returns(self, query: dict[str, str], party: str = "company") -> httpx.Response:
        headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
        return self.ask("GET", f"/auth/with/{party}/back", headers, params=query)

    def goes_through(self, **fields: str) -> httpx.Response:
        return self.returns(self.consents(self.leaves(**fields)))

    @property
    def email(self) -> str:
        """Who is signed in here; empty for nobody."""
        answer = self.ask("GET", "/")
        return answer.text if answer.status_code == 200 else ""


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of an installation without anything in it: making the tables takes longer than the tests."""
    home = tmp_path_factory.mktemp("prepared")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("ADJOIN_DATABASE_URL", raising=False)
        make_store(home, [], now=NOW - timedelta(hours=1)).close()
    return home


@pytest.fixture
def house(prepared: Path, tmp_path: Path, served: IdentityProvider, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    for name in ("ADJOIN_DATABASE_URL", "ADJOIN_DISABLE", "ADJOIN_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ADJOIN_REGISTRATION", "open")
    for name, value in served.settings(title="The Company").items():
        monkeypatch.setenv(f"ADJOIN_AUTH_{name.upper()}", value)
    shutil.copytree(prepared, tmp_path / "home")
    made = House(tmp_path / "home", served)
    yield made
    made.opened.__exit__(None, None, None)


class TestSigningIn:
    def test_there_and_back(self, house: House) -> None:
        browser = house.browser()
        answer = browser.goes_through(next="/?page=health")
        assert (answer.status_code, answer.headers["location"]) == (303, "/?page=health")
        assert browser.email == "ada@example.com"

    def test_what_was_begun_stays_with_the_browser_and_sealed(self, house: House) -> None:
        left = house.browser().leaves()
        [cookie] = [one for one in left.headers.get_list("set-cookie") if one.startswith("adjoin_with=")]
        assert "HttpOnly" in cookie
        assert "SameSite=Lax" in cookie
        assert "Max-Age=600" in cookie
        [url] = set(re.findall(r'href="(http[^"]+)"', left.text))
        assert parse_qs(urlsplit(html.unescape(url)).query)["redirect_uri"] == [f"{HERE}{WITH}/back"]
        assert left.headers["referrer-policy"] == "no-referrer"

    def test_an_answer_is_good_once(self, house: House) -> None:
        browser = house.browser()
        left = browser.leaves()
        kept = browser.cookies["adjoin_with"]
        query = browser.consents(left)
        assert browser.returns(query).status_code == 303
        assert "adjoin_with" not in browser.cookies
        browser.cookies["adjoin_with"] = kept
        assert browser.returns(query).status_code == 400
        assert len(house.rows(Session)) == 1

    def test_another_browser_has_not_begun_it(self, house: House) -> None:
        """Who lures somebody to an answer of their own does not sign them in as themselves."""
        eve, ada = house.browser(), house.browser()
        query = eve.consents(eve.leaves())
        assert ada.returns(query).status_code == 400
        ada.leaves()
        assert ada.returns(query).status_code == 400
        assert ada.email == ""

    @pytest.mark.parametrize("cookie", ["", "x", "AAAA", "a+b/"])
    def test_a_cookie_that_is_none_of_ours(self, house: House, cookie: str) -> None:
        browser = house.browser()
        query = browser.consents(browser.leaves())
        browser.cookies["adjoin_with"] = cookie
        assert browser.returns(query).status_code == 400

    def test_it_lasts_ten_minutes(self, house: House) -> None:
        browser = house.browser()
        query = browser.consents(browser.leaves())
        house.clock.advance(600)
        assert browser.returns(query).status_code == 400

    def test_it_is_for_one_party(self, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
        browser = house.browser()
        query = browser.consents(browser.leaves())
        assert browser.returns(query, "other").status_code == 400

    def test_what_comes_twice_is_refused(self, house: House) -> None:
        browser = house.browser()
        query = browser.consents(browser.leaves())
        answer = browser.ask("GET", f"{WITH}/back", params=[*query.items(), ("code", "another")])
        assert answer.status_code == 400

    def test_a_look_uses_nothing_up(self, house: House) -> None:
        browser = house.browser()
        query = browser.consents(browser.leaves())
        assert browser.ask("HEAD", f"{WITH}/back", params=query).status_code == 405
        assert browser.returns(query).status_code == 303

    def test_what_the_party_refuses_is_said(self, house: House) -> None:
        browser = house.browser()
        state = browser.consents(browser.leaves())["state"]
        answer = browser.returns({"error": "access_denied", "error_description": "<b>no</b>", "state": state})
        assert answer.status_code == 403
        assert "The sign-in with The Company was cancelled" in answer.text
        assert "<b>no" not in answer.text

    def test_a_party_that_is_down_is_said(self, house: House) -> None:
        browser = house.browser()
        query = browser.consents(browser.leaves())
        house.company.lie(status={"token": 500})
        answer = browser.returns(query)
        assert answer.status_code == 503
        assert "does not work at the moment" in answer.text

    def test_an_unknown_one_is_not_found(self, house: House) -> None:
        assert house.browser().leaves("nobody").status_code == 404

    def test_a_form_of_another_site_starts_nothing(self, house: House) -> None:
        browser = house.browser()
        answer = browser.ask("POST", WITH, {"Origin": HERE}, data={"csrf": "x" * 43})
        assert answer.status_code == 403
        assert "adjoin_with" not in browser.cookies

    def test_whoever_asks_for_the_address_goes_to_the_sign_in(self, house: House) -> None:
        answer = house.browser().ask("GET", WITH)
        assert (answer.status_code, answer.headers["location"]) == (303, "/auth/sign-in")

    @pytest.mark.parametrize("evil", ["https://evil.example/", "//evil.example", "/\\evil.example"])
    def test_nobody_is_sent_elsewhere(self, house: House, evil: str) -> None:
        assert house.browser().goes_through(next=evil).headers["location"] == "/"

    def test_the_session_of_before_ends(self, house: House) -> None:
        browser = house.browser()
        before = browser.signed_in("bob@example.com")
        browser.goes_through()
        assert browser.email == "ada@example.com"
        assert before.session_id not in {row.id for row in house.rows(Session)}


class TestSignedIn:
    def test_a_sign_in_is_added(self, house: House) -> None:
        browser = house.browser()
        bob = browser.signed_in("bob@example.com")
        answer = browser.goes_through(purpose="link", next="/auth/account/sign-in")
        assert answer.headers["location"] == "/auth/account/sign-in?done=linked"
        assert {(one.issuer, one.user_id) for one in house.rows(Identity)} == {
            (OWN, bob.user_id),
            (house.company.issuer, bob.user_id),
        }
        other = house.browser()
        other.goes_through()
        assert other.email == "bob@example.com", "the address at the company is another one"

    def test_it_takes_a_fresh_proof(self, house: House) -> None:
        browser = house.browser()
        browser.signed_in("bob@example.com")
        house.clock.advance(16 * 60)
        answer = browser.leaves(purpose="link", next="/auth/account/sign-in")
        assert answer.headers["location"] == "/auth/account/prove?next=/auth/account/sign-in"

    def test_not_one_of_somebody_else(self, house: House) -> None:
        house.browser().goes_through()
        browser = house.browser()
        browser.signed_in("bob@example.com")
        answer = browser.goes_through(purpose="link")
        assert answer.status_code == 409
        assert "belongs to another account" in answer.text

    def test_only_in_the_session_that_began_it(self, house: House) -> None:
        browser = house.browser()
        browser.signed_in("bob@example.com")
        query = browser.consents(browser.leaves(purpose="link"))
        browser.signed_in("cy@example.com")
        assert browser.returns(query).status_code == 400
        assert {one.issuer for one in house.rows(Identity)} == {OWN}

    @pytest.mark.parametrize("purpose", ["link", "again"])
    def test_nobody_is_not_signed_in(self, house: House, purpose: str) -> None:
        assert house.browser().leaves(purpose=purpose).status_code == 401

    def test_a_purpose_that_is_none(self, house: House) -> None:
        assert house.browser().leaves(purpose="everything").status_code == 400

    def test_a_fresh_proof_comes_from_the_party(self, house: House) -> None:
        browser = house.browser()
        browser.goes_through()
        house.clock.advance(16 * 60)
        house.company.people["ada"]["auth_time"] = int(house.clock.now().timestamp())
        answer = browser.goes_through(purpose="again", next="/auth/account/data")
        assert answer.headers["location"] == "/auth/account/data"
        [row] = house.rows(Session)
        assert row.proven_at == house.clock.now()

    def test_one_that_the_party_does_not_make_is_refused(self, house: House) -> None:
        browser = house.browser()
        browser.goes_through()
        house.clock.advance(16 * 60)
        answer = browser.goes_through(purpose="again", next="/auth/account/data")
        assert answer.status_code == 403
        assert "did not have you prove anew" in answer.text

    def test_who_came_by_whom_is_known(self, house: House) -> None:
        browser = house.browser()
        browser.goes_through()
        doors = house.host.runtime.doors
        [row] = house.rows(Session)
        found = doors.sessions.find_by_id(row.id)
        assert found is not None
        party = external.party_of(house.host, found)
        assert party is not None
        assert (party.id, party.title) == ("company", "The Company")
        assert external.party_of(house.host, house.browser().signed_in("bob@example.com")) is None
