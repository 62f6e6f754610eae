"""Users: their addresses and profiles, and who is switched off."""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import select

from adjoin.access import users
from adjoin.access.users import LONGEST_EMAIL, DateFormat, NumberFormat, Profile, normal_email
from adjoin.db.people import ApiToken, Role, Session, User
from adjoin.errors import BadInput, UnknownName

ADA = Profile(
    name="Ada Lovelace",
    picture_url="https://example.com/ada.png?size=64",
    locale="de-AT",
    time_zone="Europe/Vienna",
    number_format=NumberFormat.POINT_COMMA,
    date_format=DateFormat.POINTS,
)


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("ada@example.com", "ada@example.com"),
        ("  Ada.Lovelace+Ads@EXAMPLE.Com\n", "ada.lovelace+ads@example.com"),
        ("u\u0308te@example.com", "\u00fcte@example.com"),
        ("ada@xn--bcher-kva.de", "ada@b\u00fccher.de"),
        ("\u7528\u6237@\u4f8b\u5b50.\u5e7f\u544a", "\u7528\u6237@\u4f8b\u5b50.\u5e7f\u544a"),
        ("x" * 64 + "@example.com", "x" * 64 + "@example.com"),
    ],
)
def test_an_address_is_stored_as_it_is_compared(given: str, stored: str) -> None:
    """Trimmed, composed, in small letters."""
    assert normal_email(given) == stored


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ada",
        "ada@",
        "@example.com",
        "ada@example",
        "ada@localhost",
        "ada@@example.com",
        "ada@example..com",
        ".ada@example.com",
        "ada lovelace@example.com",
        "Ada <ada@example.com>",
        '"ada"@example.com',
        "ada@[127.0.0.1]",
        "ada@example.com, eve@example.com",
        "ada@example.com\nBcc: eve@example.com",
        "ada\x00@example.com",
        "ada\u202e@example.com",
        "ada\uff20example.com",
        "\ud800@example.com",
        "x" * 65 + "@example.com",
        "ada@" + "x" * 300 + ".com",
        "ada@example.com" + " x" * 100_000,
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    """With a message that is short and on one line, whatever was written."""
    with pytest.raises(BadInput, match="e-mail address") as caught:
        normal_email(text)
    assert len(str(caught.value)) < LONGEST_EMAIL + 250
    assert str(caught.value).isprintable()


@given(st.one_of(st.emails(), st.text(max_size=30).map(lambda text: f"{text}@example.com"), st.text(max_size=300)))
def test_a_normal_address_stays_as_it_is(text: str) -> None:
    """Else two rows could be of one person."""
    try:
        once = normal_email(text)
    except BadInput:
        return
    assert normal_email(once) == once
    assert once == once.lower() == unicodedata.normalize("NFC", once)
    assert len(once.encode()) <= LONGEST_EMAIL


def test_a_profile_is_changed_and_the_log_says_what(people) -> None:
    """Which parts, in each of their workspaces, but not the values."""
    workspace_id = people.workspace(ada=Role.OWNER)
    other = people.workspace(ada=Role.OWNER)
    people.do(users.change_profile, "ada", ADA, by="ada")
    people.do(users.change_profile, "ada", ADA, by="ada")
    with people.store.read() as session:
        assert users.profile_of(session.get_one(User, "ada")) == ADA
    for place in (workspace_id, other):
        (entry,) = [one for one in people.audit(place) if one.action == "user.profile_changed"]
        assert (entry.actor, entry.object_id) == ("user:ada", "ada")
        assert entry.after == {
            "changed": ["name", "picture_url", "locale", "time_zone", "number_format", "date_format"]
        }


@pytest.mark.parametrize(
    ("part", "value", "stored"),
    [
        ("name", "  Ada\u00a0 Lovelace ", "Ada Lovelace"),
        ("name", "", ""),
        ("picture_url", "", ""),
        ("locale", "DE_at", "de-AT"),
        ("locale", "zh-hant-tw", "zh-Hant-TW"),
        ("locale", "es-419", "es-419"),
        ("time_zone", "", ""),
        ("time_zone", "America/Argentina/Buenos_Aires", "America/Argentina/Buenos_Aires"),
        ("number_format", "", ""),
        ("number_format", "1'234.5", "1'234.5"),
        ("date_format", "yyyy-mm-dd", "yyyy-mm-dd"),
    ],
)
def test_values_are_brought_into_one_form(part: str, value: str, stored: str) -> None:
    """What people write is taken as they mean it."""
    assert getattr(replace(ADA, **{part: value}).checked(), part) == stored


@pytest.mark.parametrize(
    ("part", "value", "why"),
    [
        ("name", "x" * 101, "your name has at most 100 characters, not 101"),
        ("name", "Ada\u202eecalevoL", "your name holds a sign that cannot be shown"),
        ("picture_url", "http://example.com/a.png", "must begin with https://"),
        ("picture_url", "javascript:alert(1)", "cannot be used"),
        ("picture_url", "data:image/png;base64,AAAA", "cannot be used"),
        ("picture_url", "//example.com/a.png", "cannot be used"),
        ("picture_url", "https://user:pass@example.com/a.png", "cannot be used"),
        ("picture_url", "https://example.com/a b.png", "cannot be used"),
        ("picture_url", "https://example.com:8443/a.png", "cannot be used"),
        ("picture_url", "https://example.com/" + "x" * 2000, "at most 2,000 characters"),
        ("locale", "", "is not a locale"),
        ("locale", "english", "is not a locale"),
        ("locale", "de-AT; drop", "is not a locale"),
        ("time_zone", "CET+1", "is not a time zone"),
        ("time_zone", "../../etc/passwd", "is not a time zone"),
        ("number_format", "1.234.5", "is not a number format"),
        ("date_format", "%Y", "is not a date format"),
    ],
)
def test_a_value_that_cannot_be_used_is_refused(part: str, value: str, why: str) -> None:
    """The message says which one and what would do."""
    with pytest.raises(BadInput, match=why):
        replace(ADA, **{part: value}).checked()


def test_a_bad_value_changes_nothing(people) -> None:
    """Not even the others."""
    people.user("ada")
    with pytest.raises(BadInput, match="is not a time zone"):
        people.do(users.change_profile, "ada", replace(ADA, time_zone="Mars"), by="ada")
    with people.store.read() as session:
        assert users.profile_of(session.get_one(User, "ada")) == Profile(name="Ada")


def test_who_is_switched_off_is_out_at_once(people) -> None:
    """All their sessions and tokens end; when they are switched on again, they have to sign in anew."""
    workspace_id = people.workspace(ada=Role.OWNER, bob=Role.VIEWER)
    at = people.now
    with people.store.write() as session:
        for name in ("ada", "bob"):
            session.add(
                Session(
                    id=name,
                    token_hash=name.encode(),
                    rotated_at=at,
                    user_id=name,
                    provider="local",
                    subject=name,
                    level="password",
                    created_at=at,
                    last_seen_at=at,
                    proven_at=at,
                    expires_at=at + timedelta(days=1),
                )
            )
            session.add(
                ApiToken(
                    workspace_id=workspace_id,
                    id=name,
                    name="script",
                    token_hash=f"token {name}".encode(),
                    user_id=name,
                    created_at=at,
                )
            )
    people.do(users.disable, "bob")
    people.later(hours=1)
    assert people.do(users.disable, "bob").disabled_at == at
    with people.store.read() as session:
        assert session.exec(select(Session.id)).all() == ["ada"]
        good = {one.id: one.revoked_at is None for one in session.exec(select(ApiToken))}
    assert good == {"ada": True, "bob": False}
    assert people.roles(workspace_id)["bob"] == "viewer"
    assert people.do(users.enable, "bob").disabled_at is None
    people.do(users.enable, "bob")
    with people.store.read() as session:
        assert session.get_one(ApiToken, (workspace_id, "bob")).revoked_at == at
    assert people.actions(workspace_id) == ["user.disabled", "user.enabled", "workspace.created"]
    assert {one.actor for one in people.audit(workspace_id)} == {"system"}


def test_users_are_found_by_address_and_id(people) -> None:
    """In any spelling of the address; who is deleted is not."""
    people.user("ada")
    people.user("bob")
    with people.store.write() as session:
        session.get_one(User, "bob").deleted_at = people.now
    with people.store.read() as session:
        assert users.find_user(session, " ADA@example.com ").id == "ada"
        assert users.find_user(session, "ada").id == "ada"
        for unknown in ("eve", "eve@example.com", "bob", "bob@example.com"):
            with pytest.raises(UnknownName, match="there is no user"):
                users.find_user(session, unknown)
        with pytest.raises(BadInput, match="e-mail address"):
            users.find_user(session, "a@b@c")
    for change in (users.disable, users.enable):
        with pytest.raises(UnknownName, match="there is no user 'bob'"):
            people.do(change, "bob")


def test_users_are_listed_page_by_page(people) -> None:
    """With the number of their workspaces, without those that are deleted."""
    people.workspace(ada=Role.OWNER, bob=Role.VIEWER)
    people.workspace(ada=Role.OWNER)
    people.user("cy")
    people.user("gone")
    with people.store.write() as session:
        session.get_one(User, "gone").deleted_at = people.now
    with people.store.read() as session:
        first = users.all_users(session, limit=2)
        rest = users.all_users(session, after=first[-1][0].email)
    assert [(one.id, count) for one, count in first] == [("ada", 2), ("bob", 1)]
    assert [(one.id, count) for one, count in rest] == [("cy", 0)]
