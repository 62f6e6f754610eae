"""The pages go by what the auth provider can do, and by what it costs to find out who is known."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from sqlmodel import col

from adjoin.auth.v1 import Auth, Description, Party
from adjoin.db.people import Session
from adjoin.errors import AuthError, AuthProblem
from adjoin_auth.local import plugin
from adjoin_auth.local.hashing import Argon2

if TYPE_CHECKING:
    from dashboard.tests.door.conftest import Browser, House

ADA = "ada@example.com"
PASSWORD, OTHER = "garnet otter fjord 41", "violet anvil brook 88"
ACME = Party(id="acme", title="Acme <Login>", issuer="https://login.acme.example")


def describe(house: House, monkeypatch: pytest.MonkeyPatch, **changes: Any) -> None:
    """Have the provider say something else of itself."""
    provider = house.host.doors.provider
    changed: Description = dataclasses.replace(provider.description, **changes)
    monkeypatch.setattr(type(provider), "description", property(lambda _: changed))


def hidden(page: str, action: str) -> dict[str, str]:
    """The hidden fields of a form."""
    form = re.search(rf'<form method="post" action="{action}">(.*?)</form>', page, re.DOTALL)
    assert form is not None, page
    return dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]+)"', form[1]))


def by_acme(house: House, browser: Browser) -> None:
    """Make the session one that somebody has by the word of a party."""
    with house.host.store.write() as session:
        changed = sa.update(Session).values(subject=f"{ACME.issuer} 4711")
        session.connection().execute(changed.where(col(Session.user_id) == house.user(ADA).id))
    house.clock.advance(2)
    assert browser.is_in()


def test_parties_have_buttons(house: House, browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside the password, with the place that one wants to go to."""
    describe(house, monkeypatch, parties=(ACME,))
    page = browser.get("/auth/sign-in?next=/runs").text
    assert "Sign in with Acme &lt;Login&gt;" in page
    assert 'name="password"' in page
    fields = hidden(page, "/auth/with/acme")
    assert (fields["purpose"], fields["next"]) == ("sign-in", "/runs")
    assert fields["csrf"] == browser.csrf("/auth/sign-in")
    assert "Go on with Acme" in browser.get("/auth/register").text


def test_without_passwords_there_is_nothing_to_type(
    house: House, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the parties' buttons; forms that are sent by hand are refused."""
    describe(house, monkeypatch, parties=(ACME,), has_passwords=False)
    for path in ("/auth/sign-in", "/auth/register", "/auth/forgot"):
        assert "password" not in re.findall(r'<input[^>]* name="([^"]+)"', browser.get(path).text)
    for path in ("/auth/sign-in", "/auth/register", "/auth/forgot"):
        answer = browser.send(path, at="/auth/confirm", email=ADA, password=PASSWORD, new_password=PASSWORD)
        assert answer.status_code == 404
    assert not house.mails()


def test_account_of_who_comes_by_a_party(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """They change password and second factor there, and prove there that it is they."""
    browser = house.person(ADA)
    describe(house, monkeypatch, parties=(ACME,))
    fields = hidden(browser.get("/auth/account/sign-in").text, "/auth/with/acme")
    assert (fields["purpose"], fields["next"]) == ("link", "/auth/account/sign-in")
    by_acme(house, browser)
    page = browser.get("/auth/account/sign-in").text
    assert "with Acme &lt;Login&gt;" in page
    assert "current_password" not in page
    assert "somebody else" in browser.get("/auth/account/second-factor").text
    prove = browser.get("/auth/account/prove?next=/members").text
    fields = hidden(prove, "/auth/with/acme")
    assert (fields["purpose"], fields["next"]) == ("again", "/members")
    assert 'name="proof"' not in prove
    for path, sent in (
        ("/auth/account/sign-in", {"do": "password", "current_password": PASSWORD, "new_password": OTHER}),
        ("/auth/account/second-factor", {"do": "enroll"}),
    ):
        answer = browser.ask("POST", path, data={"csrf": browser.csrf("/auth/sign-out")} | sent)
        assert answer.status_code == 404
    assert browser.send("/auth/account/prove", at="/auth/sign-out", proof=PASSWORD).status_code == 400


def test_party_that_is_gone(house: House) -> None:
    """Who came by it can prove it only by signing in anew."""
    browser = house.person(ADA)
    by_acme(house, browser)
    assert "Sign out, then sign in again" in browser.get("/auth/account/prove").text


def test_provider_without_recovery_codes(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pages do not speak of them."""
    hook = type(house.host.kernel.hook(Auth.recovery_codes))
    monkeypatch.setattr(hook, "implemented_by", lambda self, name: False)
    assert "recovery" not in house.person(ADA).send("/auth/account/second-factor", do="enroll").text


def test_first_of_two_links(house: House, browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    """A provider that asks both addresses says so after the first; that is no failure."""

    async def first(*_: object, **__: object) -> str:
        raise AuthError("Now open the link that went to the other address.", kind=AuthProblem.UNCONFIRMED)

    monkeypatch.setattr(type(house.host.doors), "confirm_email", first)
    answer = browser.send("/auth/change-email", token="x" * 30)
    assert answer.status_code == 200
    assert "One half is done" in answer.text
    assert "the other address" in answer.text


def test_known_and_unknown_people_cost_the_same(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """As many passwords are hashed and as many transactions are written for each: that is what takes time."""
    house.person(ADA)
    house.runner.run(house.host.doors.settle())
    quick = Argon2(memory_kib=8, passes=1, parallelism=1)
    work: list[str] = []

    class Counting:
        def hash(self, password: bytes) -> str:
            work.append("hash")
            return quick.hash(password)

        def verify(self, password: bytes, stored: str | None) -> Any:
            work.append("verify")
            return quick.verify(password, stored)

    monkeypatch.setitem(vars(plugin), "_hasher", Counting())
    store, write = house.host.store, type(house.host.store).write

    def counted(self: Any, *args: Any, **options: Any) -> Any:
        work.append("write")
        return write(self, *args, **options)

    monkeypatch.setattr(type(store), "write", counted)

    def cost(path: str, email: str) -> list[str]:
        browser = house.browser()
        csrf = browser.csrf(path)
        work.clear()
        data = {"csrf": csrf, "email": email, "password": OTHER, "new_password": OTHER}
        browser.ask("POST", path, data=data)
        return list(work)

    for path in ("/auth/sign-in", "/auth/register", "/auth/forgot"):
        known, unknown = cost(path, ADA), cost(path, "eve@example.com")
        assert known == unknown, path
        assert ("verify" if path == "/auth/sign-in" else "write") in known
