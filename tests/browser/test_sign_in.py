"""People come and go in a real browser: registering, signing in with a second factor, signing out everywhere."""

from __future__ import annotations

import email
import email.policy
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyotp
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from adjoin.db import Store
from adjoin_dashboard.testing import make_store
from adjoin_dashboard.testing import sign_in as make_session

from .serving import serving

pytestmark = pytest.mark.browser

ADA, PASSWORD, OTHER = "ada@example.com", "garnet otter fjord 41", "violet anvil brook 88"
SLOW = 30_000
DARK = {"color_scheme": "dark"}
PHONE = {"viewport": {"width": 390, "height": 844}}


@dataclass(frozen=True)
class Served:
    """An installation in which anybody may register."""

    address: str
    home: Path

    def session(self, address: str) -> str:
        """Make somebody an owner of the workspace, with a session of theirs; return its token."""
        with Store.open(f"sqlite:///{self.home / 'adjoin.db'}") as store:
            return make_session(store, now=datetime.now(UTC), email=address).token

    def link(self, page: Page, to: str, path: str) -> str:
        """Wait for a mail with a link to a page of ours; return the link as it is here."""
        for _ in range(200):
            for file in sorted((self.home / "mail").glob("*.eml"), reverse=True):
                mail = email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
                body = mail.get_body(("plain",))
                found = re.search(rf"{path}#\S+", body.get_content()) if body is not None else None
                if mail["To"] == to and found is not None:
                    return self.address + found[0]
            page.wait_for_timeout(200)
        raise AssertionError(f"no mail to {to} with a link to {path} has come")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A dashboard in a process of its own, which writes mails into files."""
    home = tmp_path_factory.mktemp("home")
    make_store(home, [], now=datetime.now(UTC)).close()
    with serving(home, ADJOIN_REGISTRATION="open") as address:
        yield Served(address, home)


@pytest.fixture
def complaints() -> list[str]:
    """What browsers complain about: blocked scripts, styles and files, and failures. A refused form is none."""
    return []


@pytest.fixture
def come(browser: Browser, served: Served, complaints: list[str]) -> Iterator[Callable[..., Page]]:
    """Return how somebody comes with a browser of their own."""
    contexts = []

    def come_to(path: str = "/auth/sign-in", **look: Any) -> Page:
        settings: dict[str, Any] = {"viewport": {"width": 1280, "height": 900}, "reduced_motion": "reduce"}
        context = browser.new_context(**(settings | look))
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda said: complaints.append(said.text) if _is_complaint(said.type, said.text) else None)
        page.goto(served.address + path)
        return page

    yield come_to
    for context in contexts:
        context.close()


def _is_complaint(kind: str, text: str) -> bool:
    return kind == "error" and "status of 4" not in text


def register(page: Page, served: Served, address: str) -> None:
    """Register, and follow the link of the mail."""
    page.goto(f"{served.address}/auth/register")
    page.get_by_label("E-mail address").fill(address)
    page.get_by_label("Your name").fill("Ada Lovelace")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Create the account").click()
    page.get_by_role("heading", name="Look into your mail").wait_for()
    page.goto(served.link(page, address, "/auth/confirm"))
    expect(page.get_by_label("Code of the link")).to_be_hidden()
    assert "#" not in page.url
    page.get_by_role("button", name="Confirm and sign in").click()
    page.wait_for_url(f"{served.address}/**")


def sign_in(page: Page, served: Served, address: str, next_: str = "/auth/account") -> None:
    page.goto(f"{served.address}/auth/sign-in?next={next_}")
    page.get_by_label("E-mail address").fill(address)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: "/auth/sign-in" not in url)


def settle(page: Page) -> None:
    page.locator("h1").wait_for(timeout=SLOW)
    page.locator('[data-testid="stApp"][data-test-script-state="notRunning"]').wait_for(timeout=SLOW)


def code(seed: str, *, later: int = 0) -> str:
    """The code of a seed now, or so many steps later: each is good once."""
    return pyotp.TOTP(seed).at(datetime.now(UTC), counter_offset=later)


def test_the_life_of_an_account(served: Served, come: Callable[..., Page], complaints: list[str]) -> None:
    """Register, confirm, set up a second factor, sign in with it; sign out everywhere locks the other tab."""
    page = come("/auth/register")
    register(page, served, ADA)
    settle(page)
    served.session(ADA)  # a member of the workspace now, whoever has registered first

    page.goto(f"{served.address}/auth/account/second-factor")
    page.get_by_label("Name of the device").fill("My phone")
    page.get_by_role("button", name="Set up a second factor").click()
    expect(page.get_by_role("img", name="QR code")).to_be_visible()
    wrong = look_at(page, "setting up")
    seed = page.locator("dd.code").inner_text().replace(" ", "")
    page.get_by_label("Code", exact=True).fill(code(seed, later=-1))
    page.get_by_role("button", name="Put it into force").click()
    expect(page.get_by_role("heading", name="Your recovery codes")).to_be_visible()
    assert page.locator(".codes code").count() == 10
    wrong += look_at(page, "recovery codes")
    expect(page.get_by_role("button", name="Print")).to_be_visible()
    spare = page.locator(".codes code").first.inner_text()
    page.get_by_role("link", name="I have kept them").click()

    page.get_by_role("link", name="Sign out").click()
    page.get_by_role("button", name="Sign out of this browser").click()
    expect(page.get_by_role("status")).to_have_text("You are signed out.")
    sign_in(page, served, ADA, next_="/")
    expect(page.get_by_role("heading", name="One more step")).to_be_visible()
    expect(page.get_by_label("Code", exact=True)).to_be_focused()
    wrong += look_at(page, "second factor")
    page.keyboard.type(code(seed))
    page.keyboard.press("Enter")
    page.wait_for_url(f"{served.address}/")
    settle(page)

    other = come()
    sign_in(other, served, ADA, next_="/")
    other.get_by_label("Code", exact=True).fill(spare)
    other.get_by_role("button", name="Sign in", exact=True).click()
    other.wait_for_url(f"{served.address}/")
    settle(other)

    page.goto(f"{served.address}/auth/sign-out")
    page.get_by_role("button", name="Sign out everywhere").click()
    expect(page.get_by_role("status")).to_have_text("You are signed out.")
    other.get_by_test_id("stSidebarNavLink").nth(1).click()
    expect(other.get_by_text("has ended").first).to_be_visible(timeout=SLOW)
    assert wrong == []
    assert complaints == []


def test_passwords_by_mail_and_by_hand(served: Served, come: Callable[..., Page], complaints: list[str]) -> None:
    """A forgotten password is set by a mailed link, and a wrong one leads back to its field."""
    address = "grace@example.com"
    page = come()
    register(page, served, address)
    settle(page)
    page.context.clear_cookies()
    page.goto(f"{served.address}/auth/sign-in")
    page.get_by_label("E-mail address").fill(address)
    page.get_by_label("Password", exact=True).fill("not the one 123")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("is not right")
    field = page.get_by_label("Password", exact=True)
    expect(field).to_be_focused()
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_label("E-mail address")).to_have_value(address)
    page.get_by_role("button", name="Show the password").click()
    expect(field).to_have_attribute("type", "text")

    page.get_by_role("link", name="I have forgotten my password").click()
    page.get_by_label("E-mail address").fill(address)
    page.get_by_role("button", name="Send me the link").click()
    page.goto(served.link(page, address, "/auth/reset"))
    page.get_by_label("New password", exact=True).fill("short")
    page.get_by_role("button", name="Set the password").click()
    expect(page.get_by_role("alert")).to_contain_text("too short")
    page.get_by_label("New password", exact=True).fill(OTHER)
    page.get_by_role("button", name="Set the password").click()
    page.wait_for_url(f"{served.address}/")
    assert complaints == []


def test_without_script(served: Served, come: Callable[..., Page]) -> None:
    """All of it works: the code of a link is copied by hand, and the keyboard leads through the form."""
    address = "linus@example.com"
    page = come("/auth/register", java_script_enabled=False)
    page.get_by_label("E-mail address").fill(address)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Create the account").click()
    link = served.link(come(), address, "/auth/confirm")
    page.goto(link)
    page.get_by_label("Code of the link").fill(link.partition("#")[2])
    page.get_by_role("button", name="Confirm and sign in").click()
    page.goto(f"{served.address}/auth/account")
    expect(page.get_by_role("heading", name="Your account")).to_be_visible()
    page.goto(f"{served.address}/auth/sign-out")
    page.get_by_role("button", name="Sign out of this browser").click()
    page.goto(f"{served.address}/auth/sign-in?next=/auth/account/sessions")
    expect(page.get_by_label("E-mail address")).to_be_focused()
    page.keyboard.type(address)
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_text("this browser")).to_be_visible()


@pytest.mark.parametrize("look", [{}, DARK, PHONE], ids=["light", "dark", "phone"])
def test_everybody_can_use_the_pages(
    served: Served, come: Callable[..., Page], complaints: list[str], look: dict[str, Any]
) -> None:
    """axe finds nothing on any page, also with something wrong; nothing sticks out sideways."""
    page = come("/auth/sign-in", **look)
    wrong = look_at(page, "sign-in")
    page.get_by_label("E-mail address").fill("nobody@example.com")
    page.get_by_label("Password", exact=True).fill("not the one 123")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("alert").wait_for()
    wrong += look_at(page, "refused")
    for path in ("register", "forgot", "confirm", "reset", "invitation", "forgot?done=sent"):
        page.goto(f"{served.address}/auth/{path}")
        wrong += look_at(page, path)
    token = served.session("grete@example.com")
    page.context.add_cookies([{"name": "adjoin_session", "value": token, "url": served.address}])
    for path in ("", "/sign-in", "/second-factor", "/sessions", "/data", "/prove"):
        page.goto(f"{served.address}/auth/account{path}")
        wrong += look_at(page, path)
    page.goto(f"{served.address}/auth/sign-out")
    wrong += look_at(page, "sign-out")
    assert wrong == []
    assert complaints == []


def look_at(page: Page, what: str) -> list[str]:
    found = [f"{what}: {one['id']}: {one['help']}" for one in Axe().run(page).response["violations"]]
    if page.evaluate("document.documentElement.scrollWidth > window.innerWidth"):
        found.append(f"{what}: wider than the window")
    return found
