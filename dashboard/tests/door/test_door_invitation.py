"""Invitations: whoever holds the link sees what it offers, and only whom it was sent to can take it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlmodel import select

from adjoin.db.people import Member

if TYPE_CHECKING:
    from dashboard.tests.door.conftest import Browser, House

ADA, GRACE, EVE = "ada@example.com", "grace@example.com", "eve@example.com"
PASSWORD, OTHER = "garnet otter fjord 41", "violet anvil brook 88"
PATH = "/auth/invitation"


@pytest.fixture
def workspace_id(house: House) -> str:
    house.person(ADA)
    return house.workspace("Nordlicht <Group>", ADA)


def roles(house: House, workspace_id: str) -> dict[str, str]:
    with house.host.store.read() as session:
        found = session.exec(select(Member).where(Member.workspace_id == workspace_id)).all()
    return {one.user_id: str(one.role) for one in found}


def looked(browser: Browser, token: str) -> str:
    """Open the link as the page's script does; return the page of the offer."""
    answer = browser.send(PATH, do="open", token=token)
    assert (answer.status_code, answer.headers["location"]) == (303, PATH)
    return browser.get(PATH).text


def test_new_person_joins_by_it(house: House, workspace_id: str) -> None:
    """They choose a password and are in, with their address confirmed and the workspace chosen."""
    token = house.invite(workspace_id, GRACE)
    house.mails()
    browser = house.browser()
    page = looked(browser, token)
    assert "Nordlicht &lt;Group&gt;" in page
    assert GRACE in page
    assert token not in page
    answer = browser.send(PATH, do="join", name="Grace", new_password=OTHER)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert browser.is_in()
    grace = house.user(GRACE)
    assert roles(house, workspace_id)[grace.id] == "analyst"
    assert grace.email_verified_at is not None
    assert not house.mails()
    assert "adjoin_invitation" not in browser.client.cookies
    found = house.host.doors.sessions.find(browser.token)
    assert found.workspace_id == workspace_id


def test_weak_password_keeps_the_invitation(house: House, workspace_id: str) -> None:
    """The form comes again, with what is wrong."""
    browser = house.browser()
    looked(browser, house.invite(workspace_id, GRACE))
    weak = browser.send(PATH, do="join", name="Grace", new_password="short")
    assert weak.status_code == 400
    assert 'href="#new_password"' in weak.text
    assert browser.send(PATH, do="join", name="Grace", new_password=OTHER).status_code == 303


def test_known_person_signs_in_and_comes_back(house: House, workspace_id: str) -> None:
    """The token waits in the browser while they sign in, and then one button joins."""
    house.person(GRACE)
    browser = house.browser()
    page = looked(browser, house.invite(workspace_id, GRACE))
    assert f'href="/auth/sign-in?next={PATH}"' in page
    assert browser.sign_in(GRACE, next=PATH).headers["location"] == PATH
    assert "Join the workspace" in browser.get(PATH).text
    assert browser.send(PATH, do="accept").headers["location"] == "/"
    assert roles(house, workspace_id)[house.user(GRACE).id] == "analyst"
    assert "Join the workspace" not in browser.get(PATH).text


def test_somebody_else_is_told_and_can_sign_out(house: House, workspace_id: str) -> None:
    """They see whom it is for; sent all the same, it is refused."""
    browser = house.person(EVE)
    page = looked(browser, house.invite(workspace_id, GRACE))
    assert "for another address" in page
    assert "Join the workspace" not in page
    answer = browser.send(PATH, do="accept")
    assert answer.status_code == 400
    assert house.user(EVE).id not in roles(house, workspace_id)
    assert browser.send("/auth/sign-out", at=PATH, next=PATH).headers["location"] == PATH
    assert "Create your account" in browser.get(PATH).text


def test_account_of_the_address_is_not_made_twice(house: House, workspace_id: str) -> None:
    """Who has an account is asked to sign in to it."""
    house.person(GRACE)
    browser = house.browser()
    looked(browser, house.invite(workspace_id, GRACE))
    answer = browser.send(PATH, do="join", new_password=OTHER)
    assert answer.status_code == 409
    assert "has an account" in answer.text


def test_it_works_once(house: House, workspace_id: str) -> None:
    """A second browser hears that it is used."""
    token = house.invite(workspace_id, GRACE)
    first, second = house.browser(), house.browser()
    looked(first, token)
    looked(second, token)
    assert first.send(PATH, do="join", new_password=OTHER).status_code == 303
    page = second.get(PATH)
    assert "cannot be used" in page.text
    again = second.send(PATH, do="open", token=token)
    assert again.status_code == 400
    assert token not in again.text


def test_expired_while_it_waits(house: House, workspace_id: str) -> None:
    """The page says so, and asks for another one."""
    browser = house.browser()
    looked(browser, house.invite(workspace_id, GRACE))
    house.clock.advance(8 * 86_400)
    assert "cannot be used" in browser.get(PATH).text


def test_what_is_no_invitation(browser: Browser) -> None:
    """400, and nothing is kept of it."""
    for token in ("", "x", "adj_i_" + "0" * 49, "ä" * 4000, "a\x00b"):
        answer = browser.send(PATH, do="open", token=token)
        assert answer.status_code == 400
        assert "adjoin_invitation" not in browser.client.cookies
        assert 'role="alert"' in answer.text


def test_accepting_without_an_invitation(house: House) -> None:
    """Forms that are sent without the page before get an answer, not an error."""
    browser = house.person(EVE)
    assert browser.send(PATH, do="accept").status_code == 400
    assert house.browser().send(PATH, do="accept").headers["location"] == f"/auth/sign-in?next={PATH}"
    assert house.browser().send(PATH, do="join", new_password=OTHER).status_code == 400
    assert browser.send(PATH, do="forget").headers["location"] == "/"


def test_nobody_joins_where_registration_is_closed(
    house: House, workspace_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """People who have an account still take invitations."""
    settings = house.host.runtime.settings.model_copy(update={"registration": "closed"})
    monkeypatch.setattr(house.host.runtime, "settings", settings)
    monkeypatch.setattr(house.host.doors, "_registration", "closed")
    browser = house.browser()
    assert "Create your account" not in looked(browser, house.invite(workspace_id, GRACE))
    assert browser.send(PATH, do="join", new_password=OTHER).status_code == 403
