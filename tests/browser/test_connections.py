"""Connecting a platform in a real browser: over the sandbox's consent page and back."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect
from sqlmodel import select

from adjoin.ads import v2
from adjoin.db import Store
from adjoin.db.models import Account, Connection, ConnectionState, Run, Schedule
from adjoin.db.people import AuditEntry, ConsentAttempt
from adjoin.kernel import Kernel
from adjoin.testing.server import running, sandbox_app
from adjoin.testing.world import World
from adjoin_dashboard.testing import make_store, sign_in

from .serving import serving

pytestmark = pytest.mark.browser

#: What Streamlit itself brings.
STREAMLITS_OWN = {"list", "listitem", "svg-img-alt"}


@dataclass(frozen=True)
class House:
    """A served installation beside a sandbox, and its store."""

    address: str
    store: Store

    def rows(self, model: Any) -> list[Any]:
        with self.store.read() as session:
            return list(session.exec(select(model)).all())

    def told(self) -> list[str]:
        return [one.action for one in self.rows(AuditEntry) if one.object_kind == "connection"]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[str]:
    """The sandboxes of all platforms. Gives their address."""
    world = World.generate(seed=3, today=datetime.now(UTC).date(), scale=0.02, days=3)
    kernel = Kernel.load()
    try:
        found = kernel.hook(v2.Ads.sandbox).all(world=world)
        with running(sandbox_app({one.plugin: one.value for one in found}, world)) as address:
            yield address
    finally:
        kernel.close()


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, sandbox: str) -> Iterator[House]:
    """A dashboard in a process of its own."""
    home = tmp_path_factory.mktemp("home")
    with make_store(home, [], now=datetime.now(UTC)) as store, serving(home, ADJOIN_SANDBOX=sandbox) as address:
        yield House(address, store)


@pytest.fixture
def come(browser: Browser, house: House) -> Iterator[Callable[..., Page]]:
    """Return how the owner comes with a browser of their own."""
    contexts = []

    def come_to(path: str, **look: Any) -> Page:
        settings: dict[str, Any] = {
            "viewport": {"width": 1440, "height": 1000},
            "locale": "en-GB",
            "timezone_id": "Europe/Berlin",
            "reduced_motion": "reduce",
        }
        context = browser.new_context(**(settings | look))
        contexts.append(context)
        token = sign_in(house.store, now=datetime.now(UTC)).token
        context.add_cookies([{"name": "adjoin_session", "value": token, "url": house.address}])
        page = context.new_page()
        page.goto(f"{house.address}/{path}")
        return page

    yield come_to
    for context in contexts:
        context.close()


def settle(page: Page) -> None:
    """Wait until a page of Streamlit's is drawn."""
    page.locator("h1").wait_for(timeout=30_000)
    page.locator('[data-testid="stApp"][data-test-script-state="notRunning"]').wait_for(timeout=30_000)


def follow(page: Page, name: str, card: str) -> Page:
    """Click a link of a card, and return the tab that it opens."""
    with page.context.expect_page() as opened:
        page.locator(f".st-key-{card}").get_by_role("link", name=name).click()
    opened.value.wait_for_load_state()
    return opened.value


def allow_or_deny(page: Page, platform: str, answer: str) -> None:
    """Go from our page to the platform's, and answer there."""
    page.get_by_role("button", name=f"Go to {platform}").click()
    expect(page.get_by_role("heading", name=re.compile("wants to read your ad accounts"))).to_be_visible(timeout=15_000)
    assert "/o/oauth2/v2/auth" in page.url
    page.get_by_role("button", name=answer).click()


def test_a_platform_is_connected_chosen_from_and_disconnected(house: House, come: Callable[..., Page]) -> None:
    """From the page Connections to the platform and back, as an owner does it."""
    page = come("connections")
    settle(page)
    tab = follow(page, "Connect", "offer-google")
    tab.get_by_label("Name of the connection").fill("Nordlicht")
    allow_or_deny(tab, "Google Ads", "Allow")
    expect(tab.get_by_role("heading", name="Connected. Which accounts?")).to_be_visible(timeout=30_000)
    assert "code=" not in tab.url
    assert "state=" not in tab.url
    (connection,) = [one for one in house.rows(Connection) if one.platform == "google"]
    accounts = [one for one in house.rows(Account) if one.readable and one.platform == "google"]
    tab.get_by_role("link", name="Tick none").click()
    tab.get_by_role("checkbox", name=re.compile(re.escape(accounts[0].id))).check()
    tab.get_by_role("button", name="Keep this choice").click()
    settle(tab)
    card = tab.locator(f".st-key-connection-{connection.id}")
    expect(card.get_by_text("Google Ads (Nordlicht)").first).to_be_visible()
    expect(card.get_by_text(re.compile(r"1 of \d+ read")).first).to_be_visible()
    read = [one.id for one in house.rows(Account) if one.selected and one.readable and one.platform == "google"]
    assert read == [accounts[0].id]
    card.get_by_role("button", name="Disconnect …").click()
    tab.get_by_role("button", name="Disconnect", exact=True).click()
    expect(tab.get_by_text("is disconnected. Its figures are kept.")).to_be_visible()
    expect(tab.get_by_role("link", name="Connect again")).to_be_visible()
    (connection,) = [one for one in house.rows(Connection) if one.id == connection.id]
    assert (connection.state, connection.credential) == (ConnectionState.DISABLED, None)
    assert connection.id not in [one.connection_id for one in house.rows(Schedule)]
    assert {"connection.created", "connection.accounts_chosen", "connection.disconnected"} <= set(house.told())


def test_denied_access_leaves_nothing(house: House, come: Callable[..., Page]) -> None:
    """Said on a page of ours, with the way back."""
    before = [[repr(one) for one in house.rows(model)] for model in (Connection, Account, Schedule, Run)]
    told = house.told()
    page = come("connect/google")
    allow_or_deny(page, "Google Ads", "Deny")
    expect(page.get_by_text("Access was declined on the page of Google Ads")).to_be_visible(timeout=15_000)
    assert page.url.startswith(f"{house.address}/connect/back")
    assert before == [[repr(one) for one in house.rows(model)] for model in (Connection, Account, Schedule, Run)]
    assert told == house.told()
    assert all(one.used_at is not None and one.verifier is None for one in house.rows(ConsentAttempt))
    page.reload()
    expect(page.get_by_text("This answer was used already")).to_be_visible()
    page.get_by_role("link", name="Go to the connections").click()
    settle(page)


@pytest.mark.parametrize("look", [{}, {"color_scheme": "dark"}, {"viewport": {"width": 390, "height": 844}}])
def test_everybody_can_use_the_pages(come: Callable[..., Page], look: dict[str, Any]) -> None:
    """Nothing that axe finds, in both themes and on a phone; nothing sticks out sideways."""
    page = come("connect/meta", **look)
    page.get_by_role("button", name="Go to Meta Ads").wait_for()
    pages = [violations(page)]
    page.get_by_role("button", name="Go to Meta Ads").click()
    page.get_by_role("button", name="Allow").click(timeout=15_000)
    page.get_by_role("button", name="Keep this choice").wait_for(timeout=30_000)
    pages.append(violations(page))
    assert page.evaluate("document.documentElement.scrollWidth") <= page.evaluate("window.innerWidth")
    page.get_by_role("button", name="Keep this choice").click()
    settle(page)
    pages.append(violations(page))
    assert [found for found in pages if found] == []


def violations(page: Page) -> list[str]:
    found = Axe().run(page).response["violations"]
    return [f"{one['id']}: {one['help']}" for one in found if one["id"] not in STREAMLITS_OWN]
