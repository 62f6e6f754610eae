"""The API keys page: made, shown once, revoked; never worth more than the role of who makes them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from adjoin.access.api_tokens import ApiTokens, NewApiToken
from adjoin.access.permissions import Permission, permissions_of
from adjoin.db.models import DEFAULT_WORKSPACE
from adjoin.db.people import Role
from adjoin.errors import Forbidden, StaleProof, UnknownName
from adjoin.tokens import API, kind_of
from adjoin_dashboard.api_keys.model import LIVES, SCOPES, KeyLine, create, load_keys, revoke, scopes_for
from adjoin_dashboard.testing import KnownAccount, sign_in

DAY = timedelta(days=1)


@pytest.fixture
def accounts() -> list[KnownAccount]:
    """Figures play no part here."""
    return []


def script() -> None:
    from adjoin_dashboard.api_keys.view import render
    from adjoin_dashboard.context import make_context
    from adjoin_dashboard.host import current_host
    from adjoin_dashboard.session_guard import current_address, current_visitor

    found = current_visitor()
    assert found is not None
    render(make_context(current_host(), found, address=current_address()))


def open_page() -> AppTest:
    page = AppTest.from_function(script, default_timeout=30).run()
    assert not page.exception
    return page


def click(page: AppTest, key: str) -> AppTest:
    page.button(key=key).click().run()
    assert not page.exception
    return page


def texts(page: AppTest) -> str:
    shown = [*page.caption, *page.info, *page.success, *page.error, *page.markdown, *page.code]
    return "\n".join(str(one.value) for one in shown).replace("\\", "").replace("\u2060", "")


def make(people: Any, who: str, name: str = "Nightly", *scopes: str) -> NewApiToken:
    return create(people.context(who), name=name, scopes=scopes or ["reports.read"], lifetime=DAY)


def lines(people: Any, who: str, workspace_id: str = DEFAULT_WORKSPACE) -> list[KeyLine]:
    context = people.context(who)
    with context.store.read() as session:
        return load_keys(
            session,
            workspace_id,
            user_id=context.signed_in.user_id,
            role=Role(context.role),
            now=context.now(),
        )


def test_every_scope_has_words() -> None:
    """And a role is offered what it may do itself, nothing else."""
    assert set(SCOPES) == set(Permission)
    for role in Role:
        assert set(scopes_for(role)) == permissions_of(role)


def test_a_key_is_made_and_shown_once(people: Any) -> None:
    """Its text is on the page of the click that makes it, works, and is nowhere afterwards."""
    with people.visit("cy"):
        page = click(open_page(), "create")
        assert set(page.multiselect(key="key-scopes").options) == {SCOPES[one] for one in scopes_for(Role.ANALYST)}
        assert list(page.selectbox(key="key-life").options) == list(LIVES)
        page.text_input(key="key-name").set_value("Nightly *report*").run()
        page.multiselect(key="key-scopes").set_value([Permission.READ_REPORTS, Permission.START_SYNCS]).run()
        click(page, "key-create")
        (shown,) = page.code
        assert kind_of(shown.value) == API
        assert not page.text_input
        holder = ApiTokens(people.host.store, people.host.clock).find(shown.value)
        assert holder is not None
        assert (holder.user_id, holder.workspace_id) == (people.ids["cy"], DEFAULT_WORKSPACE)
        assert holder.permissions == {Permission.READ_REPORTS, Permission.START_SYNCS}
        secret = shown.value
        for _ in range(2):
            click(page, "key-done") if "key-done" in {one.key for one in page.button} else page.run()
            assert secret not in str(page.main)
            assert secret not in str(page.session_state)
    assert r"**Nightly \*report\***" in "\n".join(str(one.value) for one in page.markdown)
    assert "last used 21 Nov 2026" in texts(page)
    (line,) = lines(people, "cy")
    assert line.expires_at == people.host.clock.now() + timedelta(days=90)


def test_a_refused_key_keeps_the_form(people: Any) -> None:
    """With the reason."""
    with people.visit("ada"):
        page = click(click(open_page(), "create"), "key-create")
        assert "The name of an API token must not be empty." in texts(page)
        page.text_input(key="key-name").set_value("x").run()
        page.multiselect(key="key-scopes").set_value([]).run()
        assert "needs at least one scope" in texts(click(page, "key-create"))
    assert not page.code
    assert lines(people, "ada") == []


def test_making_a_key_takes_a_fresh_proof(people: Any) -> None:
    """Of the page, and of the call."""
    with people.visit("ada", later=timedelta(minutes=16)):
        page = click(open_page(), "create")
        assert "/auth/account/prove?next=%2Fapi-keys" in texts(page)
        assert "key-create" not in {one.key for one in page.button}
        with pytest.raises(StaleProof):
            make(people, "ada")


def test_own_keys_are_seen_by_their_maker_and_all_by_admins(people: Any) -> None:
    """A key whose maker's role has shrunk says what it cannot do any more."""
    made = {who: make(people, who, f"of {who}") for who in ("ada", "bob", "cy")}
    assert [one.name for one in lines(people, "cy")] == ["of cy"]
    assert {(one.name, one.owner, one.is_own) for one in lines(people, "bob")} == {
        ("of ada", "Ada", False),
        ("of bob", "Bob", True),
        ("of cy", "Cy", False),
    }
    with people.visit("cy"):
        page = open_page()
    assert {one.key for one in page.button} == {"create", f"key-{made['cy'].row.id}"}
    make(people, "bob", "all", "members.manage", "reports.read")
    sign_in(people.host.store, now=people.host.clock.now(), email="bob@example.com", role="viewer")
    with people.visit("ada"):
        assert "Not allowed by the owner's role any more: members.manage." in texts(open_page())


def test_a_viewer_makes_none_and_nobody_more_than_they_may(people: Any) -> None:
    """Whatever is called."""
    with people.visit("dee"):
        page = open_page()
    assert not page.button
    with pytest.raises(Forbidden):
        make(people, "dee")
    with pytest.raises(Forbidden, match="does not allow members"):
        make(people, "cy", "x", "members.manage")
    assert lines(people, "ada") == []


def test_a_key_is_revoked(people: Any) -> None:
    """By its maker or an admin; it stands among those that ended."""
    made = make(people, "cy")
    for who in ("dee", "eve"):
        with pytest.raises(UnknownName, match="no such API key of yours"):
            revoke(people.context(who), made.row.id)
    with people.visit("bob"):
        page = click(open_page(), f"key-{made.row.id}")
        assert "of Cy stop working at once" in texts(page)
        click(page, "key-revoke")
    assert "The key **Nightly** is revoked." in texts(page)
    assert page.dataframe[0].value.iloc[0]["Ended"] == "revoked"
    assert "There is no key in use." in texts(page)
    assert ApiTokens(people.host.store, people.host.clock).find(made.token) is None


def test_a_key_that_has_expired_is_not_in_use(people: Any) -> None:
    """It says so."""
    make(people, "ada")
    with people.visit("ada", later=DAY):
        page = open_page()
    assert page.dataframe[0].value.iloc[0]["Ended"] == "expired"


def test_keys_of_another_workspace_are_not_there(people: Any) -> None:
    """Neither read nor revoked, by whoever owns another one."""
    make(people, "eve")
    (theirs,) = lines(people, "eve", people.theirs)
    assert lines(people, "ada") == []
    assert lines(people, "ada", people.theirs) == []
    with pytest.raises(UnknownName):
        revoke(people.context("ada"), theirs.id)
    (still,) = lines(people, "eve", people.theirs)
    assert still.good
