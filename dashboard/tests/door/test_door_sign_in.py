"""Signing in, the second factor, and signing out, as a browser sees them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pyotp
import pytest

from adjoin.testing.auth import totp
from adjoin_dashboard.door.forms import safe_next

if TYPE_CHECKING:
    import httpx
    from dashboard.tests.door.conftest import Browser, House

ADA = "ada@example.com"
PASSWORD = "garnet otter fjord 41"


def with_factor(house: House) -> str:
    """Make Ada with a second factor; return its seed."""
    browser = house.person(ADA)
    page = browser.send("/auth/account/second-factor", do="enroll", label="Phone").text
    seed = re.search(r"secret=([A-Z2-7]+)", page)[1]
    enrollment = re.search(r'name="enrollment" value="([^"]+)"', page)[1]
    code = totp(seed, house.clock.now())
    answer = browser.send("/auth/account/second-factor", do="activate", enrollment=enrollment, code=code)
    assert answer.status_code == 200, answer.text
    house.clock.advance(60)
    return seed


def said(answer: httpx.Response) -> str:
    found = re.search(r'id="problem".*?</div>', answer.text, re.DOTALL)
    return "" if found is None else re.sub(r"<[^>]+>", "", found[0])


def test_right_password_opens_and_leads_to_where_one_wanted(house: House) -> None:
    """A session, and a redirect that a browser follows by GET."""
    house.person(ADA)
    browser = house.browser()
    answer = browser.sign_in(ADA, next="/runs?state=failed")
    assert (answer.status_code, answer.headers["location"]) == (303, "/runs?state=failed")
    assert browser.is_in()


def test_cookie_is_kept_from_scripts_and_other_sites(house: House) -> None:
    """HttpOnly, SameSite, the whole host, and an end."""
    house.person(ADA)
    browser = house.browser()
    cookie = next(
        line for line in browser.sign_in(ADA).headers.get_list("set-cookie") if line.startswith("adjoin_session=")
    )
    for part in ("HttpOnly", "SameSite=Lax", "Path=/", "Max-Age="):
        assert part in cookie


@pytest.mark.parametrize(
    "next_",
    [
        "",
        "//evil.example",
        "https://evil.example",
        "/\\evil.example",
        "/a\nb",
        "/a\tb",
        "/ä",
        "javascript:alert(1)",
        "/" * 3000,
        "/" + "x" * 3000,
    ],
)
def test_next_leads_nowhere_else(next_: str) -> None:
    """What is no path of ours becomes the first page."""
    assert safe_next(next_) == "/"
    assert safe_next("/runs?state=failed") == "/runs?state=failed"


def test_unknown_person_and_wrong_password_get_the_same_page(house: House) -> None:
    """Byte for byte, but for the address that was typed."""
    house.person(ADA)
    browser = house.browser()
    wrong = browser.sign_in(ADA, password="not the one 123")
    unknown = browser.sign_in("eve@example.com", password="not the one 123")
    assert wrong.status_code == unknown.status_code == 401
    assert wrong.text.replace(ADA, "") == unknown.text.replace("eve@example.com", "")
    assert "not right" in said(wrong)
    assert not browser.is_in()


def test_page_keeps_the_address_and_drops_the_password(house: House) -> None:
    """Nobody types their address twice, and no page holds a password."""
    answer = house.browser().sign_in("eve@example.com", password="canary <password>")
    assert 'value="eve@example.com"' in answer.text
    assert "canary" not in answer.text


def test_wrong_field_is_named_and_comes_first(house: House) -> None:
    """It has the focus, is marked as invalid and described by what is wrong with it."""
    answer = house.browser().sign_in("eve@example.com", password="not the one 123")
    field = re.search(r'<input id="password"[^>]*>', answer.text)[0]
    assert all(part in field for part in ('aria-invalid="true"', "autofocus", 'aria-describedby="password-error"'))
    assert answer.text.count("autofocus") == 1
    assert 'role="alert"' in answer.text


def test_what_cannot_be_used_is_said(browser: Browser) -> None:
    """Too long, empty or unfit: 400, at the field."""
    for email, password, field in (
        ("", "x", "email"),
        (ADA, "", "password"),
        ("a" * 5000, "x", "email"),
        ("a\x00@example.com", "x", "email"),
        (ADA, "x" * 20_000, "password"),
        (ADA, "nul\x00", "password"),
    ):
        answer = browser.send("/auth/sign-in", email=email, password=password)
        assert answer.status_code == 400
        assert f'href="#{field}"' in answer.text


def test_guessing_is_slowed_down(house: House) -> None:
    """429 with a time, on a page that says so; the owner comes in from elsewhere meanwhile, and later from there."""
    house.person(ADA)
    browser = house.browser()
    answers = [browser.sign_in(ADA, password=f"guess number {number}") for number in range(6)]
    last = answers[-1]
    assert last.status_code == 429
    assert int(last.headers["retry-after"]) > 0
    assert "too many attempts" in said(last)
    house.clock.advance(3600)
    assert house.browser().sign_in(ADA).status_code == 303


def test_form_of_another_browser_is_refused(house: House) -> None:
    """Without the hidden text that belongs to this browser nothing is done."""
    house.person(ADA)
    stranger = house.browser().csrf("/auth/sign-in")
    browser = house.browser()
    browser.get("/auth/sign-in")
    for csrf in ("", stranger, "ä"):
        data = {"csrf": csrf, "email": ADA, "password": PASSWORD}
        answer = browser.ask("POST", "/auth/sign-in", data=data)
        assert answer.status_code == 403
        assert "too old" in said(answer)
    assert not browser.is_in()


def test_who_is_in_is_sent_on(house: House) -> None:
    """The pages for coming in have nothing for who is in."""
    browser = house.person(ADA)
    for path in ("/auth/sign-in", "/auth/register", "/auth/second-factor"):
        answer = browser.get(f"{path}?next=/runs")
        assert (answer.status_code, answer.headers["location"]) == (303, "/runs")


def test_coming_in_anew_ends_the_session_before(house: House) -> None:
    """A browser has one session, and none is left behind that nobody knows of."""
    house.person(ADA)
    other = house.person("bob@example.com")
    before = other.token
    answer = other.ask("POST", "/auth/sign-in", data={"csrf": other.csrf("/auth/sign-out")} | {
        "email": ADA, "password": PASSWORD,
    })  # fmt: skip
    assert answer.status_code == 303
    assert other.token != before
    other.client.cookies.set("adjoin_session", before, domain="127.0.0.1")
    house.clock.advance(2)
    assert not other.is_in()


def test_second_factor_is_asked_for(house: House) -> None:
    """The password alone opens nothing; a code does, and leads to where one wanted."""
    seed = with_factor(house)
    browser = house.browser()
    answer = browser.sign_in(ADA, next="/runs")
    assert answer.headers["location"] == "/auth/second-factor?next=/runs"
    assert not browser.is_in()
    wrong = browser.send("/auth/second-factor", code="000000")
    assert wrong.status_code == 401
    assert 'href="#code"' in wrong.text
    right = browser.send("/auth/second-factor", code=pyotp.TOTP(seed).at(house.clock.now()), next="/runs")
    assert (right.status_code, right.headers["location"]) == (303, "/runs")
    assert browser.is_in()


def test_second_factor_takes_too_long(house: House) -> None:
    """Then one begins again, and is told why."""
    seed = with_factor(house)
    browser = house.browser()
    browser.sign_in(ADA)
    csrf = browser.csrf("/auth/second-factor")
    house.clock.advance(3600)
    code = pyotp.TOTP(seed).at(house.clock.now())
    answer = browser.ask("POST", "/auth/second-factor", data={"csrf": csrf, "code": code})
    assert answer.headers["location"] == "/auth/sign-in?done=ended"
    assert "too long" in browser.get("/auth/sign-in?done=ended").text
    assert browser.get("/auth/second-factor").status_code == 303


def test_second_factor_can_be_left(house: House) -> None:
    """Who is somebody else signs out of the half-open session."""
    with_factor(house)
    browser = house.browser()
    browser.sign_in(ADA)
    pending = browser.token
    assert browser.send("/auth/sign-out", at="/auth/second-factor").status_code == 303
    browser.client.cookies.set("adjoin_session", pending, domain="127.0.0.1")
    assert browser.get("/auth/second-factor").headers["location"].startswith("/auth/sign-in")


def test_sign_out_here_leaves_other_browsers(house: House) -> None:
    """Looking at the page does nothing; the button ends this session, and the cookie with it."""
    one = house.person(ADA)
    two = house.browser()
    two.sign_in(ADA)
    one.get("/auth/sign-out")
    assert one.is_in()
    before = one.token
    answer = one.send("/auth/sign-out", where="here")
    assert answer.headers["location"] == "/auth/sign-in?done=out"
    assert one.token is None
    one.client.cookies.set("adjoin_session", before, domain="127.0.0.1")
    assert not one.is_in()
    assert two.is_in()


def test_sign_out_everywhere(house: House) -> None:
    """All browsers are out at once."""
    one = house.person(ADA)
    two = house.browser()
    two.sign_in(ADA)
    one.send("/auth/sign-out", where="everywhere")
    assert not one.is_in()
    assert not two.is_in()


def test_sign_out_without_a_session_is_no_error(browser: Browser) -> None:
    """Whoever is out already gets to the sign-in page."""
    assert browser.get("/auth/sign-out").headers["location"] == "/auth/sign-in?done=out"


def test_provider_that_cannot_be_reached(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """503, a page that says why, and who is in stays in."""
    inside = house.person(ADA)
    provider = type(house.host.doors.provider)

    async def fails(self, asked):
        from adjoin.errors import AuthError, AuthProblem

        asked.close()
        raise AuthError("Sign-in does not work at the moment.", kind=AuthProblem.UNAVAILABLE)

    monkeypatch.setattr(provider, "ask", fails)
    browser = house.browser()
    answer = browser.sign_in(ADA)
    assert answer.status_code == 503
    assert "does not work at the moment" in said(answer)
    assert answer.headers["retry-after"] == "60"
    assert inside.is_in()


def test_provider_that_is_not_there(house: House) -> None:
    """The page says whom to ask, and no address is a 500."""
    house.host.doors.provider.name = "nothing"
    for path in ("/auth/sign-in", "/auth/register", "/auth/forgot", "/auth/reset"):
        answer = house.browser().get(path)
        assert answer.status_code == 503
        assert "not set up" in answer.text
