"""Registering, and new passwords by mail, as a browser sees them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from dashboard.tests.door.conftest import Browser, House

ADA = "ada@example.com"
PASSWORD, OTHER = "garnet otter fjord 41", "violet anvil brook 88"


def test_register_confirm_and_be_in(house: House) -> None:
    """The link that is mailed leads in by a button; looking at it does nothing."""
    browser = house.browser()
    answer = browser.send("/auth/register", email=ADA, new_password=PASSWORD, name="Ada")
    assert answer.headers["location"] == "/auth/register?done=sent"
    assert "Look into your mail" in browser.get(answer.headers["location"]).text
    mail = house.mails()[-1]
    path, token = mail.text.split("http://localhost:8501")[1].split()[0].split("#")
    assert path == "/auth/confirm"
    assert browser.get(path).status_code == 200
    assert not browser.is_in()
    assert browser.send(path, token=token).status_code == 303
    assert browser.is_in()
    assert house.user(ADA).name == "Ada"


def test_known_and_unknown_addresses_get_the_same_answers(house: House) -> None:
    """For registering and for forgotten passwords: the same status, place and page."""
    house.person(ADA)
    house.mails()
    browser = house.browser()
    for path, fields in (("/auth/register", {"new_password": OTHER}), ("/auth/forgot", {})):
        known, unknown = (browser.send(path, email=email, **fields) for email in (ADA, "eve@example.com"))
        assert known.status_code == unknown.status_code == 303
        assert known.headers["location"] == unknown.headers["location"]
        assert known.text == unknown.text
    assert [mail.kind for mail in house.mails()] == ["auth.known", "auth.confirm", "auth.reset", "auth.reset"]


def test_weak_passwords_are_said_at_the_field(browser: Browser) -> None:
    """400, the name is kept and the password is not."""
    for password in ("short", "password12345", "ada@example.com1"):
        answer = browser.send("/auth/register", email=ADA, new_password=password, name="Ada L")
        assert answer.status_code == 400
        assert 'href="#new_password"' in answer.text
        assert 'value="Ada L"' in answer.text
        assert f'"{password}"' not in answer.text


def test_bad_addresses_are_said_at_the_field(browser: Browser) -> None:
    """400, whatever it is."""
    for email in ("", "ada", "a@", "ada@exa mple.com", "ada@example.com\x07", "ä" * 3000, "a@b@c.de"):
        answer = browser.send("/auth/register", email=email, new_password=PASSWORD)
        assert answer.status_code == 400
        assert 'href="#email"' in answer.text


@pytest.mark.parametrize(("policy", "words"), [("invitation", "by invitation"), ("closed", "Nobody can register")])
def test_nobody_registers_where_they_may_not(
    house: House, monkeypatch: pytest.MonkeyPatch, policy: str, words: str
) -> None:
    """The page says so in place of a form; a form that is sent all the same does nothing."""
    settings = house.host.runtime.settings.model_copy(update={"registration": policy})
    monkeypatch.setattr(house.host.runtime, "settings", settings)
    monkeypatch.setattr(house.host.doors, "_registration", policy)
    browser = house.browser()
    page = browser.get("/auth/register")
    assert words in page.text
    assert "new_password" not in page.text
    assert "Create an account" not in browser.get("/auth/sign-in").text
    answer = browser.send("/auth/register", at="/auth/sign-in", email=ADA, new_password=PASSWORD)
    assert answer.status_code == 403
    assert not house.mails()


def test_new_password_by_mail(house: House) -> None:
    """It ends all sessions; a weak one leaves the link good, and the old one is no good any more."""
    before = house.person(ADA)
    browser = house.browser()
    browser.send("/auth/forgot", email=ADA)
    token = house.token(ADA)
    weak = browser.send("/auth/reset", token=token, new_password="short")
    assert weak.status_code == 400
    assert f'name="token" value="{token}"' in weak.text
    assert browser.send("/auth/reset", token=token, new_password=OTHER).status_code == 303
    assert browser.is_in()
    assert not before.is_in()
    again = house.browser().send("/auth/reset", token=token, new_password=PASSWORD)
    assert again.status_code == 400
    assert token not in again.text
    assert house.browser().sign_in(ADA).status_code == 401
    assert house.browser().sign_in(ADA, password=OTHER).status_code == 303


def test_links_that_are_too_old(house: House) -> None:
    """400, in words."""
    house.browser().send("/auth/register", email=ADA, new_password=PASSWORD)
    token = house.token(ADA)
    house.clock.advance(25 * 3600)
    answer = house.browser().send("/auth/confirm", token=token)
    assert answer.status_code == 400
    assert "expired" in answer.text


@pytest.mark.parametrize("path", ["/auth/confirm", "/auth/reset", "/auth/change-email"])
def test_links_that_are_none(browser: Browser, path: str) -> None:
    """400 at the field, nothing of it on the page, and nobody is in."""
    for token in ("", "x", "adj_v_" + "0" * 49, "ä" * 4000, "a\x00b"):
        answer = browser.send(path, token=token, new_password=PASSWORD)
        assert answer.status_code == 400
        assert 'href="#token"' in answer.text
        assert len(token) < 5 or token not in answer.text
    assert not browser.is_in()


def test_link_of_another_kind_opens_nothing(house: House) -> None:
    """A link for a new password confirms no address, and the other way round."""
    browser = house.browser()
    browser.send("/auth/register", email=ADA, new_password=PASSWORD)
    token = house.token(ADA)
    assert browser.send("/auth/reset", token=token, new_password=OTHER).status_code == 400
    assert browser.send("/auth/change-email", token=token).status_code == 400
    assert browser.send("/auth/confirm", token=token).status_code == 303


def test_unconfirmed_person_hears_so_by_the_right_password_only(house: House) -> None:
    """With the wrong one they hear what everybody hears."""
    house.browser().send("/auth/register", email=ADA, new_password=PASSWORD)
    browser = house.browser()
    assert browser.sign_in(ADA, password=OTHER).status_code == 401
    answer = browser.sign_in(ADA)
    assert answer.status_code == 403
    assert "not confirmed yet" in answer.text


def test_mails_of_an_installation_without_a_mail_server(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page says where the mails are."""
    for mailer, words in (("file", "as files"), ("console", "to its console"), ("smtp", "")):
        settings = house.host.runtime.settings.model_copy(update={"mailer": mailer})
        monkeypatch.setattr(house.host.runtime, "settings", settings)
        text = house.browser().get("/auth/forgot?done=sent").text
        assert words in text
        assert ("no mail server" in text) is bool(words)
