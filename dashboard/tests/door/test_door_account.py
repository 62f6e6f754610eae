"""The pages of one's own account."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from dashboard.tests.door.conftest import Browser, House

ADA, NEW = "ada@example.com", "lovelace@example.com"
PASSWORD, OTHER = "garnet otter fjord 41", "violet anvil brook 88"
PAGES = ("", "/sign-in", "/second-factor", "/sessions", "/data", "/prove")


@pytest.fixture
def ada(house: House) -> Browser:
    return house.person(ADA)


@pytest.mark.parametrize("page", PAGES)
def test_pages_are_for_who_is_signed_in(house: House, page: str) -> None:
    """Everybody else is sent to the sign-in page, from where they come back; a form gets 401."""
    path = f"/auth/account{page}"
    answer = house.browser().get(path)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/auth/sign-in?next={path}")
    assert house.browser().ask("POST", path, data={"do": "export"}).status_code == 401


@pytest.mark.parametrize("page", PAGES)
def test_forms_need_their_hidden_proof(house: House, ada: Browser, page: str) -> None:
    """A form of another site, or of before the sign-in, does nothing."""
    answer = ada.ask("POST", f"/auth/account{page}", data={"csrf": house.browser().csrf("/auth/sign-in"), "do": "x"})
    assert answer.status_code == 403


def test_profile_is_stored_and_shown(house: House, ada: Browser) -> None:
    """At once, also by who is known for a moment."""
    answer = ada.send(
        "/auth/account",
        name="  Ada   Lovelace ",
        picture_url="https://example.com/ada.png",
        locale="de-at",
        time_zone="Europe/Vienna",
        number_format="1.234,5",
        date_format="dd.mm.yyyy",
    )
    assert answer.headers["location"] == "/auth/account?done=saved"
    page = ada.get("/auth/account?done=saved").text
    assert "Saved." in page
    for part in (
        'value="Ada Lovelace"',
        'value="de-AT" selected',
        'value="Europe/Vienna" selected',
        'value="1.234,5" selected',
        'value="dd.mm.yyyy" selected',
    ):
        assert part in page


def test_all_that_is_wrong_with_a_profile_is_said(house: House, ada: Browser) -> None:
    """Each at its field, what was typed is kept, and nothing is stored."""
    wrong = {
        "name": "x" * 200,
        "picture_url": "http://example.com/a.png",
        "locale": "klingon!",
        "time_zone": "Moon/Base",
        "number_format": "roman",
        "date_format": "soon",
    }
    answer = ada.send("/auth/account", **wrong)
    assert answer.status_code == 400
    for name in wrong:
        assert f'href="#{name}"' in answer.text
        assert f'id="{name}-error"' in answer.text
    assert 'value="http://example.com/a.png"' in answer.text
    assert house.user(ADA).name == "Ada"


def test_names_are_text(house: House, ada: Browser) -> None:
    """Markup in a name is shown as it is."""
    ada.send("/auth/account", name="<script>alert(1)</script>", locale="en")
    page = ada.get("/auth/account").text
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_change_of_the_password_ends_other_sessions(house: House, ada: Browser) -> None:
    """This browser goes on with a new one."""
    other = house.browser()
    other.sign_in(ADA)
    before = ada.token
    path = "/auth/account/sign-in"
    answer = ada.send(path, do="password", current_password=PASSWORD, new_password=OTHER)
    assert answer.headers["location"] == f"{path}?done=password"
    assert ada.token != before
    assert ada.is_in()
    assert not other.is_in()
    assert other.sign_in(ADA, password=OTHER).status_code == 303


@pytest.mark.parametrize(
    ("fields", "status", "field"),
    [
        ({"do": "password", "current_password": "wrong one", "new_password": OTHER}, 401, "current_password"),
        ({"do": "password", "current_password": PASSWORD, "new_password": "short"}, 400, "new_password"),
        ({"do": "password", "current_password": "", "new_password": OTHER}, 400, "current_password"),
        ({"do": "email", "email": NEW, "password": "wrong one"}, 401, "password"),
        ({"do": "email", "email": "no address", "password": PASSWORD}, 400, "email"),
        ({"do": "email", "email": ADA, "password": PASSWORD}, 400, "email"),
        ({"do": "email", "email": "", "password": PASSWORD}, 400, "email"),
    ],
)
def test_refused_changes_say_where(ada: Browser, fields: dict[str, str], status: int, field: str) -> None:
    """At the field, and one stays signed in."""
    answer = ada.send("/auth/account/sign-in", **fields)
    assert answer.status_code == status
    assert f'href="#{field}"' in answer.text
    assert ada.is_in()


def test_new_address_is_confirmed_by_its_owner(house: House, ada: Browser) -> None:
    """Nothing changes before the link is opened; then one signs in by the new one."""
    house.mails()
    ada.send("/auth/account/sign-in", do="email", email=NEW, password=PASSWORD)
    assert house.user(ADA).email == ADA
    answer = house.browser().send("/auth/change-email", token=house.token(NEW))
    assert answer.status_code == 200
    assert NEW in answer.text
    house.clock.advance(2)
    assert NEW in ada.get("/auth/account/sign-in").text
    assert house.browser().sign_in(NEW).status_code == 303


def test_address_of_somebody_else_is_not_told(house: House, ada: Browser) -> None:
    """Asking for a known address looks as for an unknown one."""
    house.person("bob@example.com")
    answers = [
        ada.send("/auth/account/sign-in", do="email", email=email, password=PASSWORD)
        for email in ("bob@example.com", "nobody@example.com")
    ]
    assert answers[0].status_code == answers[1].status_code == 303
    assert answers[0].headers["location"] == answers[1].headers["location"]


def test_sessions_are_listed_and_ended(house: House, ada: Browser) -> None:
    """One of another browser, all others, and none of somebody else."""
    others = [house.browser() for _ in range(3)]
    for one in others:
        one.sign_in(ADA)
    bob = house.person("bob@example.com")
    bobs = house.host.doors.sessions.of(house.user("bob@example.com").id)[0].id
    page = ada.get("/auth/account/sessions").text
    assert page.count("this browser") == 1
    listed = re.findall(r'name="session" value="([^"]+)"', page)
    assert len(listed) == 3
    assert bobs not in listed
    path = "/auth/account/sessions"
    assert ada.send(path, do="one", session=listed[0]).headers["location"] == f"{path}?done=one"
    assert sum(one.is_in() for one in others) == 2
    for unknown in (bobs, listed[0], "nothing", ""):
        assert ada.send(path, do="one", session=unknown).headers["location"] == f"{path}?done=gone"
    assert bob.is_in()
    assert ada.send(path, do="others").headers["location"] == f"{path}?done=others"
    assert not any(one.is_in() for one in others)
    assert ada.is_in()


def test_own_data_is_a_file(house: House, ada: Browser) -> None:
    """JSON to keep, without a secret in it."""
    answer = ada.send("/auth/account/data", do="export")
    assert answer.status_code == 200
    assert answer.headers["content-disposition"] == 'attachment; filename="adjoin-my-data.json"'
    data = json.loads(answer.text)
    assert data["user"]["email"] == ADA
    assert ada.token not in answer.text


def test_what_matters_asks_for_a_fresh_proof(house: House, ada: Browser) -> None:
    """Export, deletion and second factor send to the proof, which leads back; a wrong password does not."""
    house.clock.advance(20 * 60)
    for page, fields in (
        ("data", {"do": "export"}),
        ("data", {"do": "delete", "email": ADA}),
        ("second-factor", {"do": "enroll", "label": "x"}),
        ("second-factor", {"do": "codes"}),
        ("second-factor", {"do": "remove", "factor": "x"}),
    ):
        answer = ada.send(f"/auth/account/{page}", **fields)
        assert answer.headers["location"] == f"/auth/account/prove?next=/auth/account/{page}"
    prove = "/auth/account/prove"
    wrong = ada.send(prove, proof="wrong one", next="/members")
    assert wrong.status_code == 401
    assert 'name="next" value="/members"' in wrong.text
    assert ada.send("/auth/account/data", do="export").status_code == 303
    assert ada.send(prove, proof=PASSWORD, next="/members").headers["location"] == "/members"
    assert ada.send("/auth/account/data", do="export").status_code == 200
    assert ada.send(prove, proof=PASSWORD, next="//evil.example").headers["location"] == "/"


def test_account_is_deleted(house: House, ada: Browser) -> None:
    """After the address is typed: all sessions end, and nobody signs in by it. The sole owner must hand over first."""
    path = "/auth/account/data"
    alone = ada.get(path).text
    assert "only owner of <strong>Default</strong>" in alone
    assert ada.send(path, do="delete", email=ADA).status_code == 409
    bob = house.person("bob@example.com", member_of="default")
    page = ada.get(path).text
    assert "You leave <strong>Default</strong>" in page
    wrong = ada.send(path, do="delete", email="bob@example.com")
    assert wrong.status_code == 400
    assert ada.send(path, do="delete", email=" Ada@Example.com ").headers["location"] == "/auth/sign-in?done=deleted"
    assert not ada.is_in()
    assert house.browser().sign_in(ADA).status_code == 401
    assert bob.is_in()


@pytest.mark.parametrize("page", ["/sign-in", "/second-factor", "/sessions", "/data"])
def test_form_without_a_button(ada: Browser, page: str) -> None:
    """400 in words, for who sends forms by hand."""
    answer = ada.send(f"/auth/account{page}", do="dance")
    assert answer.status_code == 400
    assert 'role="alert"' in answer.text
