"""Setting up a second factor, its recovery codes, and its end."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from adjoin.testing.auth import totp

if TYPE_CHECKING:
    from dashboard.tests.door.conftest import Browser, House

ADA = "ada@example.com"
PATH = "/auth/account/second-factor"


@pytest.fixture
def ada(house: House) -> Browser:
    return house.person(ADA)


def begun(browser: Browser) -> tuple[str, str, str]:
    """Begin; return the page, the seed and the id of the enrollment."""
    page = browser.send(PATH, do="enroll", label="My phone").text
    return page, re.search(r"secret=([A-Z2-7]+)", page)[1], re.search(r'name="enrollment" value="([^"]+)"', page)[1]


def codes_of(page: str) -> list[str]:
    return re.findall(r"<li><code>([^<]+)</code></li>", page)


def test_page_has_picture_key_and_link(ada: Browser) -> None:
    """Three ways to hand the key to an app; nothing that the policy for pages would block."""
    page, seed, _ = begun(ada)
    assert 'src="data:image/svg+xml' in page
    assert " ".join(seed[start : start + 4] for start in range(0, len(seed), 4)) in page
    assert 'href="otpauth://totp/' in page
    assert "style=" not in page


def test_wrong_code_shows_no_key_again(house: House, ada: Browser) -> None:
    """The enrollment goes on: the next code puts it into force."""
    _, seed, enrollment = begun(ada)
    wrong = ada.send(PATH, do="activate", enrollment=enrollment, code="000000")
    assert wrong.status_code == 401
    assert seed not in wrong.text
    assert f'name="enrollment" value="{enrollment}"' in wrong.text
    right = ada.send(PATH, do="activate", enrollment=enrollment, code=totp(seed, house.clock.now()))
    assert right.status_code == 200


def test_putting_it_into_force(house: House, ada: Browser) -> None:
    """Ten codes once, other browsers out, and from now on a code is asked for."""
    other = house.browser()
    other.sign_in(ADA)
    before = ada.token
    _, seed, enrollment = begun(ada)
    answer = ada.send(PATH, do="activate", enrollment=enrollment, code=totp(seed, house.clock.now()))
    codes = codes_of(answer.text)
    assert len(codes) == 10
    assert ada.token != before
    assert ada.is_in()
    assert not other.is_in()
    page = ada.get(PATH).text
    assert "My phone" in page
    assert not any(code in page for code in codes)
    browser = house.browser()
    assert browser.sign_in(ADA).headers["location"] == "/auth/second-factor"
    assert browser.send("/auth/second-factor", code=codes[0].upper()).status_code == 303
    assert browser.is_in()
    again = house.browser()
    again.sign_in(ADA)
    assert again.send("/auth/second-factor", code=codes[0]).status_code == 401


def test_proof_is_by_a_code_then(house: House, ada: Browser) -> None:
    """The password proves nothing any more; new recovery codes and removal take a fresh code."""
    _, seed, enrollment = begun(ada)
    first = codes_of(ada.send(PATH, do="activate", enrollment=enrollment, code=totp(seed, house.clock.now())).text)
    house.clock.advance(20 * 60)
    assert ada.send(PATH, do="codes").headers["location"].startswith("/auth/account/prove")
    prove = "/auth/account/prove"
    assert "Code" in ada.get(prove).text
    assert ada.send(prove, proof="garnet otter fjord 41").status_code == 401
    assert ada.send(prove, proof=totp(seed, house.clock.now()), next=PATH).headers["location"] == PATH
    second = codes_of(ada.send(PATH, do="codes").text)
    assert len(second) == 10
    assert not set(first) & set(second)
    factor = re.search(r'name="factor" value="([^"]+)"', ada.get(PATH).text)[1]
    assert ada.send(PATH, do="remove", factor=factor).headers["location"] == f"{PATH}?done=removed"
    assert house.browser().sign_in(ADA).headers["location"] == "/"


@pytest.mark.parametrize("fields", [{"enrollment": "x", "code": "123456"}, {"code": "123456"}, {"enrollment": "x"}])
def test_what_was_never_begun(ada: Browser, fields: dict[str, str]) -> None:
    """400 in words."""
    answer = ada.send(PATH, do="activate", **fields)
    assert answer.status_code == 400
    assert 'role="alert"' in answer.text


def test_somebody_elses_enrollment(house: House, ada: Browser) -> None:
    """Nobody finishes what another one has begun."""
    _, seed, enrollment = begun(ada)
    eve = house.person("eve@example.com")
    answer = eve.send(PATH, do="activate", enrollment=enrollment, code=totp(seed, house.clock.now()))
    assert answer.status_code == 400


def test_guessing_codes_is_slowed_down(house: House, ada: Browser) -> None:
    """429 with a time, on a page that says so."""
    _, seed, enrollment = begun(ada)
    ada.send(PATH, do="activate", enrollment=enrollment, code=totp(seed, house.clock.now()))
    house.clock.advance(60)
    browser = house.browser()
    browser.sign_in(ADA)
    answers = [browser.send("/auth/second-factor", code=f"{number:06}") for number in range(6)]
    assert answers[-1].status_code == 429
    assert "too many attempts" in answers[-1].text
    assert int(answers[-1].headers["retry-after"]) > 0


def test_name_that_is_too_long(ada: Browser) -> None:
    """400 at the field."""
    answer = ada.send(PATH, do="enroll", label="x" * 101)
    assert answer.status_code == 400
    assert 'href="#label"' in answer.text
