"""Signing in with a company's account in a real browser: its rules for forms, redirects and cookies of other sites."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from adjoin.testing.server import running
from adjoin_auth.testing.identity_provider import IdentityProvider
from adjoin_dashboard.door import external, sign_in
from adjoin_dashboard.door.visitor import visitor
from adjoin_dashboard.gate import Gate
from adjoin_dashboard.host import open_host
from adjoin_dashboard.testing import make_store

pytestmark = pytest.mark.browser


async def who(request: Request) -> Response:
    found = visitor(request)
    return PlainTextResponse("nobody" if found is None else f"{found.email} at {request.url.query}")


@pytest.fixture
def company() -> Iterator[IdentityProvider]:
    """A company's sign-in. `localhost` is another site than 127.0.0.1, as a company's is."""
    people = {"ada": {"sub": "1", "email": "ada@company.example", "email_verified": True}}
    provider = IdentityProvider(people)
    with running(provider.app) as address:
        provider.issuer = address.replace("127.0.0.1", "localhost")
        yield provider


@pytest.fixture
def address(company: IdentityProvider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The doors of a dashboard, with nothing behind them but who is signed in."""
    for name in ("ADJOIN_DATABASE_URL", "ADJOIN_DISABLE", "ADJOIN_BASE_URL", "ADJOIN_AUTH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ADJOIN_REGISTRATION", "open")
    for name, value in company.settings(title="The Company").items():
        monkeypatch.setenv(f"ADJOIN_AUTH_{name.upper()}", value)
    make_store(tmp_path, [], now=datetime.now(UTC)).close()
    with open_host(tmp_path) as host:
        routes = [*sign_in.routes(host), *external.routes(host), Route("/", who)]
        with running(Starlette(routes=routes, middleware=[Middleware(Gate, host=host)])) as served:
            yield served


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context()
    yield context.new_page()
    context.close()


def test_there_and_back(page: Page, address: str, company: IdentityProvider) -> None:
    """The form may lead to the company's site, and the cookies are there when the browser comes back from it."""
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if "Content Security Policy" in said.text else None)
    page.goto(f"{address}/?page=runs")
    page.get_by_role("button", name="Sign in with The Company").click()
    expect(page.get_by_role("heading", name="Company sign-in")).to_be_visible()
    assert page.url.startswith(company.issuer)
    page.get_by_role("link", name="Sign in as ada").click()
    expect(page.get_by_text("ada@company.example at page=runs")).to_be_visible()
    cookies = {cookie["name"]: cookie for cookie in page.context.cookies()}
    assert cookies["adjoin_session"]["httpOnly"]
    assert "adjoin_with" not in cookies
    assert complaints == []


def test_who_changes_their_mind_hears_so_and_may_go_on(page: Page, address: str) -> None:
    page.goto(f"{address}/auth/sign-in")
    page.get_by_role("button", name="Sign in with The Company").click()
    page.get_by_role("link", name="Cancel").click()
    expect(page.get_by_text("The sign-in with The Company was cancelled")).to_be_visible()
    page.get_by_role("link", name="sign-in").click()
    page.get_by_role("button", name="Sign in with The Company").click()
    page.get_by_role("link", name="Sign in as ada").click()
    expect(page.get_by_text("ada@company.example at")).to_be_visible()
