"""People of a workspace in a real browser: invited by mail, joined, switched, demoted, and what is kept of it."""

from __future__ import annotations

import csv
import email
import email.policy
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, expect
from sqlmodel import col, select

from adjoin.access import invitations, members, workspaces
from adjoin.access.actors import SYSTEM, Actor
from adjoin.access.invitations import InvitationMail
from adjoin.db import Store
from adjoin.db.models import DEFAULT_WORKSPACE
from adjoin.db.people import Member, Role, User
from adjoin.db.people import Session as SignedIn
from adjoin_dashboard.testing import make_store, sign_in

from .serving import serving

pytestmark = pytest.mark.browser

#: What Streamlit itself brings.
STREAMLITS_OWN = {"list", "listitem", "svg-img-alt"}
PASSWORD = "correct-horse-battery-staple-9"
SLOW = 30_000


@dataclass(frozen=True)
class House:
    """A served installation: where, and its store. Ada owns its workspace."""

    address: str
    home: Path
    store: Store

    def join(self, name: str, role: str = "viewer", workspace_id: str = DEFAULT_WORKSPACE) -> str:
        """Make somebody a member and sign them in; return the token of their session."""
        issued = sign_in(
            self.store, now=datetime.now(UTC), email=f"{name}@example.com", role=role, workspace_id=workspace_id
        )
        return issued.token

    def user(self, name: str) -> str:
        with self.store.read() as session:
            return session.exec(select(User.id).where(col(User.email) == f"{name}@example.com")).one()

    def role(self, name: str) -> str | None:
        with self.store.read() as session:
            found = session.get(Member, (DEFAULT_WORKSPACE, self.user(name)))
            return None if found is None else str(found.role)

    def mailed(self, to: str) -> str | None:
        """The link of the mail that was sent to an address, with this server's address; None before it is there."""
        for file in sorted((self.home / "mail").glob("*.eml")):
            mail = email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
            if mail["To"] == to:
                body = mail.get_body(("plain",))
                assert body is not None
                found = re.search(r"(/auth/invitation#\S+)", body.get_content())
                assert found is not None
                return self.address + found[1]
        return None


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A dashboard in a process of its own, which writes mails into files."""
    home = tmp_path_factory.mktemp("home")
    with make_store(home, [], now=datetime.now(UTC)) as store, serving(home) as address:
        yield House(address, home, store)


@pytest.fixture
def come(browser: Browser, house: House) -> Iterator[Callable[..., Page]]:
    """Return how somebody comes with a browser of their own, by the token of their session if they have one."""
    contexts = []

    def come_by(token: str = "", path: str | None = None, scheme: str = "light") -> Page:
        context = browser.new_context(
            viewport={"width": 1440, "height": 1000},
            locale="en-GB",
            timezone_id="Europe/Berlin",
            reduced_motion="reduce",
            color_scheme="dark" if scheme == "dark" else "light",
        )
        contexts.append(context)
        if token:
            context.add_cookies([{"name": "adjoin_session", "value": token, "url": house.address}])
        page = context.new_page()
        if path is not None:
            go(page, house, path)
        return page

    yield come_by
    for context in contexts:
        context.close()


def go(page: Page, house: House, path: str) -> None:
    """Open a page of the dashboard and wait until it is drawn."""
    page.goto(f"{house.address}/{path}")
    settle(page)


def settle(page: Page) -> None:
    page.locator("h1").wait_for(timeout=SLOW)
    page.locator('[data-testid="stApp"][data-test-script-state="notRunning"]').wait_for(timeout=SLOW)


def says(page: Page, text: str) -> None:
    """Wait until the page says something. What keeps addresses from being links is not seen."""
    expect(page.get_by_test_id("stAlert").filter(has_text=re.compile(_spelt(text))).first).to_be_visible(timeout=SLOW)


def _spelt(text: str) -> str:
    return re.escape(text).replace("@", "@\u2060?")


def line(page: Page, name: str) -> Locator:
    """The line of a member, by name or address; what holds the picture and the name lies within."""
    return page.locator(".st-key-members [data-testid=stHorizontalBlock]").filter(has_text=name).first


def manage(page: Page, name: str) -> Locator:
    """Open what can be done about a member."""
    line(page, name).get_by_role("button", name="Manage").click()
    dialog = page.get_by_role("dialog")
    dialog.wait_for(timeout=SLOW)
    return dialog


def choose(dialog: Locator, role: str) -> None:
    dialog.get_by_role("radiogroup", name="Role").get_by_text(role, exact=True).click()


def offered(house: House, name: str, *, role: Role = Role.VIEWER) -> str:
    """Invite somebody; return the link that their mail would have."""
    sent: list[InvitationMail] = []
    with house.store.write() as session:
        invitations.invite(
            session,
            DEFAULT_WORKSPACE,
            f"{name}@example.com",
            role,
            by=SYSTEM,
            send=lambda _, mail: sent.append(mail),
            now=datetime.now(UTC),
        )
    return invitations.link(house.address, sent[0].token)


def test_who_is_invited_by_mail_comes_in(house: House, come: Callable[..., Page]) -> None:
    """The owner invites; the mail leads to an account, and the account into the workspace, as what it was told."""
    owner = come(house.join("ada", "owner"), "members")
    owner.get_by_role("button", name="Invite people").click()
    dialog = owner.get_by_role("dialog")
    dialog.get_by_role("textbox", name="E-mail addresses").fill("grace@example.com\nada@example.com")
    choose(dialog, "Analyst")
    dialog.get_by_role("button", name="Send invitations").click()
    says(owner, "Invited as Analyst: grace@example.com.")
    says(owner, "Not invited: ada@example.com. Ada@example.com is a member of the workspace already.")

    deadline = 150
    while (link := house.mailed("grace@example.com")) is None and deadline:  # the server looks every ten seconds
        owner.wait_for_timeout(200)
        deadline -= 1
    assert link is not None
    guest = come()
    guest.goto(link)
    expect(guest.get_by_role("heading", name="Join Default")).to_be_visible(timeout=SLOW)
    expect(guest.get_by_text("analyst", exact=True)).to_be_visible()
    assert "adj_i_" not in guest.url
    guest.get_by_label("Your name").fill("Grace *Hopper*")
    guest.get_by_label("Password", exact=True).fill(PASSWORD)
    guest.get_by_role("button", name="Create the account and join").click()
    settle(guest)
    expect(guest.get_by_text("Signed in as Grace *Hopper*")).to_be_visible(timeout=SLOW)
    menu = guest.get_by_test_id("stSidebarNav")
    expect(menu.get_by_text("API keys")).to_be_visible()
    expect(menu.get_by_text("Audit log")).to_have_count(0)
    assert house.role("grace") == "analyst"

    go(owner, house, "members")
    expect(line(owner, "Grace *Hopper*")).to_contain_text("grace@example.com")
    expect(line(owner, "Grace *Hopper*")).to_contain_text("Analyst")
    with house.store.read() as session:
        assert "grace@example.com" not in [
            one.email for one in invitations.open_invitations(session, DEFAULT_WORKSPACE)
        ]

    late = come()
    late.goto(link)
    expect(late.get_by_text("This invitation cannot be used")).to_be_visible(timeout=SLOW)


def test_an_invitation_lets_one_person_in_once(house: House, come: Callable[..., Page]) -> None:
    """Two browsers of who was invited, and one of somebody else: the first click has it, the others are told."""
    link = offered(house, "twice")
    elsewhere = _elsewhere(house, "twice")
    two = [come(house.join("twice", workspace_id=elsewhere)) for _ in range(2)]
    other = come(house.join("other", workspace_id=elsewhere))
    for page in (*two, other):
        page.goto(link)
        page.get_by_role("heading", name="Join Default").wait_for(timeout=SLOW)
    expect(other.get_by_text("the invitation is for another address")).to_be_visible()
    expect(other.get_by_role("button", name="Join the workspace")).to_have_count(0)
    two[0].get_by_role("button", name="Join the workspace").click()
    settle(two[0])
    assert house.role("twice") == "viewer"
    two[1].get_by_role("button", name="Join the workspace").click()
    expect(two[1].get_by_text("This invitation cannot be used")).to_be_visible(timeout=SLOW)
    assert house.role("other") is None


def test_workspaces_are_switched_in_all_tabs(house: House, come: Callable[..., Page]) -> None:
    """What is looked at changes in one tab, and with the next click in the other; nothing of the first is left."""
    token = house.join("switcher", "admin")
    second = _elsewhere(house, "switcher", called="Second house")
    with house.store.write() as session:
        members.add(session, second, house.user("switcher"), Role.VIEWER, by=SYSTEM, now=datetime.now(UTC))
    page = come(token, "members")
    expect(page.get_by_text(re.compile("^Default: "))).to_be_visible(timeout=SLOW)
    tab = page.context.new_page()
    go(tab, house, "members")
    page.get_by_role("combobox", name=re.compile("Workspace")).click()
    page.get_by_role("option", name="Second house").click()
    expect(page.get_by_text("Second house: 2 members.")).to_be_visible(timeout=SLOW)
    expect(page.get_by_role("button", name="Invite people")).to_have_count(0)
    expect(page.get_by_text("ada@example.com")).to_have_count(0)
    tab.get_by_role("button", name="Invite people").click()
    expect(tab.get_by_text("Second house: 2 members.")).to_be_visible(timeout=SLOW)
    expect(tab.get_by_role("dialog")).to_have_count(0)
    expect(tab.get_by_role("button", name="Invite people")).to_have_count(0)


def test_the_last_owner_is_not_demoted(house: House, come: Callable[..., Page]) -> None:
    """Also where the page was drawn while there was another one."""
    page = come(house.join("ada", "owner"), "members")
    dialog = manage(page, "ada@example.com")
    expect(dialog.get_by_text("You are the only owner")).to_be_visible()
    expect(dialog.get_by_role("radiogroup")).to_have_count(0)
    house.join("second-owner", "owner")
    go(page, house, "members")
    dialog = manage(page, "ada@example.com")
    choose(dialog, "Viewer")
    change = dialog.get_by_role("button", name="Change role")
    expect(change).to_be_enabled(timeout=SLOW)
    with house.store.write() as session:
        members.change_role(
            session,
            DEFAULT_WORKSPACE,
            house.user("second-owner"),
            Role.ADMIN,
            by=Actor.user(house.user("ada")),
            now=datetime.now(UTC),
        )
    change.click()
    expect(dialog.get_by_text("This is the only owner of the workspace")).to_be_visible(timeout=SLOW)
    assert house.role("ada") == "owner"


def test_who_is_removed_is_out_with_the_next_click(house: House, come: Callable[..., Page]) -> None:
    """Their open page shows nothing of the workspace any more."""
    leaving = come(house.join("leaver", "analyst"), "members")
    owner = come(house.join("ada", "owner"), "members")
    dialog = manage(owner, "leaver@example.com")
    dialog.get_by_text("Remove from the workspace").click()
    dialog.get_by_role("button", name="Remove Leaver").click()
    says(owner, "Leaver is no member any more.")
    expect(line(owner, "leaver@example.com")).to_have_count(0)
    leaving.get_by_text("What each role may do").click()
    go(leaving, house, "members")
    expect(leaving.get_by_role("heading", name="No workspace")).to_be_visible(timeout=SLOW)
    expect(leaving.get_by_text("ada@example.com")).to_have_count(0)


def test_a_key_is_shown_once(house: House, come: Callable[..., Page]) -> None:
    """In the dialog that makes it, to be copied; after that it is nowhere."""
    page = come(house.join("maker", "analyst"), "api-keys")
    page.get_by_role("button", name="Create a key").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("textbox", name="Name").fill("Nightly")
    dialog.get_by_role("button", name="Create", exact=True).click()
    shown = dialog.get_by_test_id("stCode")
    expect(shown).to_contain_text("adj_", timeout=SLOW)
    secret = shown.inner_text().strip()
    dialog.get_by_role("button", name="Done").click()
    expect(dialog).to_have_count(0, timeout=SLOW)
    expect(page.get_by_text("Nightly")).to_be_visible()
    assert secret not in page.content()
    page.reload()
    settle(page)
    assert secret not in page.content()


def test_what_matters_takes_a_fresh_proof(house: House, come: Callable[..., Page]) -> None:
    """The dialog leads to where the password is asked for, and back to what was to be done."""
    page = come()
    page.goto(offered(house, "prover", role=Role.ANALYST))
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Create the account and join").click()
    settle(page)
    with house.store.write() as session:
        mine = select(SignedIn).where(col(SignedIn.user_id) == house.user("prover"))
        session.exec(mine).one().proven_at = datetime.now(UTC) - timedelta(minutes=16)
    page.wait_for_timeout(1_500)  # the server remembers a session for a second
    go(page, house, "api-keys")
    page.get_by_role("button", name="Create a key").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("prove first that it is still you")).to_be_visible(timeout=SLOW)
    expect(dialog.get_by_role("button", name="Create", exact=True)).to_have_count(0)
    dialog.get_by_role("link", name="Prove that it is you").click()
    page.get_by_role("textbox", name="Password").fill(PASSWORD)
    page.get_by_role("button", name="Go on").click()
    expect(page).to_have_url(f"{house.address}/api-keys", timeout=SLOW)
    settle(page)
    page.get_by_role("button", name="Create a key").click()
    expect(dialog.get_by_role("button", name="Create", exact=True)).to_be_visible(timeout=SLOW)


def test_the_log_tells_and_is_downloaded(house: House, come: Callable[..., Page]) -> None:
    """A line opens with before and after; the file has what the filter finds."""
    page = come(house.join("ada", "owner"))
    house.join("subject", "viewer")
    with house.store.write() as session:
        by = Actor.user(house.user("ada"), address="192.0.2.7")
        now = datetime.now(UTC)
        members.change_role(session, DEFAULT_WORKSPACE, house.user("subject"), Role.ANALYST, by=by, now=now)
    go(page, house, f"audit?kind=user&id={house.user('subject')}")
    table = page.get_by_test_id("stDataFrame")
    expect(table.locator("table[role=grid]")).to_have_attribute("aria-rowcount", "2", timeout=SLOW)
    box = table.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + 15, box["y"] + 35 + 20)
    expect(page.get_by_role("heading", name="Member: role changed")).to_be_visible(timeout=SLOW)
    told = page.get_by_test_id("stTable")
    for part in ("Before", "After", "role", "viewer", "analyst"):
        expect(told).to_contain_text(part)
    expect(page.get_by_text("from 192.0.2.7")).to_be_visible()
    href = page.get_by_role("link", name="Download CSV").get_attribute("href")
    assert href is not None
    answer = page.context.request.get(house.address + href.removeprefix(house.address))
    assert answer.ok
    (row,) = csv.DictReader(answer.text().removeprefix("\ufeff").splitlines())
    assert (row["action"], row["address"]) == ("member.role_changed", "192.0.2.7")
    assert "subject@example.com" in row["object"]
    page.get_by_role("button", name="All that they did").click()
    expect(page).to_have_url(re.compile(rf"/audit\?who=user(:|%3A){house.user('ada')}$"), timeout=SLOW)
    whole = page.get_by_role("link", name="Download CSV")
    expect(whole).to_have_attribute("href", re.compile(rf"actor=user%3A{house.user('ada')}&since="), timeout=SLOW)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_of_ours_is_in_the_way_of_anyone(house: House, come: Callable[..., Page], scheme: str) -> None:
    """Axe finds nothing beyond what Streamlit itself brings, on the pages and in their dialogs."""
    page = come(house.join("ada", "owner"), scheme=scheme)
    offered(house, f"waiting-{scheme}")
    opened: list[tuple[str, Callable[[], object] | None]] = [
        ("members", None),
        ("members", lambda: page.get_by_role("button", name="Invite people").click()),
        ("api-keys", lambda: page.get_by_role("button", name="Create a key").click()),
        ("audit", None),
        ("workspace", None),
    ]
    for path, act in opened:
        go(page, house, path)
        if act is not None:
            act()
            page.get_by_role("dialog").get_by_role("button", name=re.compile("Send|Create")).wait_for(timeout=SLOW)
        # What is behind a dialog cannot be reached while it is open.
        found = Axe().run(page, context="[role=dialog]" if act is not None else None)
        ours = {
            violation["id"]: [node["html"][:200] for node in violation["nodes"]]
            for violation in found.response["violations"]
            if violation["id"] not in STREAMLITS_OWN
        }
        assert ours == {}, path


def _elsewhere(house: House, name: str, *, called: str = "Elsewhere") -> str:
    """Make a workspace of somebody else's."""
    with house.store.write() as session:
        owner = User(
            email=f"owner-of-{name}@example.com",
            name="Somebody",
            email_verified_at=datetime.now(UTC),
            created_at=datetime.now(UTC),
        )
        session.add(owner)
        session.flush()
        return workspaces.create(session, name=called, owner_id=owner.id, by=SYSTEM, now=datetime.now(UTC)).id
