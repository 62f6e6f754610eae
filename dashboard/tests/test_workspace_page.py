"""The Workspace page: renamed, made, deleted and restored by those who may."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import col, select
from streamlit.testing.v1 import AppTest

from adjoin.access import members
from adjoin.access.actors import SYSTEM
from adjoin.db.models import DEFAULT_WORKSPACE, Workspace
from adjoin.db.people import AuditEntry, Role
from adjoin.errors import BadInput, Forbidden, StaleProof, StateError
from adjoin_dashboard.testing import KnownAccount
from adjoin_dashboard.workspace.model import create, delete, load_workspace, rename, restore


@pytest.fixture
def accounts() -> list[KnownAccount]:
    """Figures play no part here."""
    return []


def script() -> None:
    from adjoin_dashboard.context import make_context
    from adjoin_dashboard.host import current_host
    from adjoin_dashboard.session_guard import current_address, current_visitor
    from adjoin_dashboard.workspace.view import render

    found = current_visitor()
    assert found is not None
    render(make_context(current_host(), found, address=current_address()))


def open_page() -> AppTest:
    page = AppTest.from_function(script, default_timeout=30).run()
    assert not page.exception
    return page


def press(page: AppTest, label: str) -> AppTest:
    (button,) = [one for one in page.button if one.label == label]
    button.click().run()
    assert not page.exception
    return page


def labels(page: AppTest) -> set[str]:
    return {one.label for one in page.button}


def texts(page: AppTest) -> str:
    shown = [*page.caption, *page.info, *page.success, *page.warning, *page.error, *page.markdown, *page.header]
    return "\n".join(str(one.value) for one in shown).replace("\\", "").replace("\u2060", "")


def workspace(people: Any, workspace_id: str) -> Workspace:
    with people.host.store.read() as session:
        return session.get_one(Workspace, workspace_id)


@pytest.mark.parametrize(
    ("name", "offered"),
    [
        ("ada", {"Rename", "Create workspace"}),
        ("bob", {"Rename"}),
        ("cy", set()),
        ("dee", set()),
        ("eve", {"Rename", "Create workspace", "Delete this workspace"}),
    ],
)
def test_each_role_is_offered_what_it_may_do(people: Any, name: str, offered: set[str]) -> None:
    """The workspace that came with the installation says why it stays; who owns none makes none."""
    with people.visit(name):
        page = open_page()
    assert labels(page) == offered
    assert ("It came with the installation" in texts(page)) == (name == "ada")


@pytest.mark.parametrize("name", ["cy", "dee"])
def test_a_call_that_no_control_makes_is_refused(people: Any, name: str) -> None:
    """By the role in the database."""
    context = people.context(name)
    for call in (
        lambda: rename(context, "Mine"),
        lambda: create(context, "Mine"),
        lambda: delete(context, typed="Default"),
        lambda: restore(context),
    ):
        with pytest.raises(Forbidden):
            call()
    with pytest.raises(Forbidden):
        delete(people.context("bob"), typed="Default")
    with pytest.raises(StateError, match="came with the installation"):
        delete(people.context("ada"), typed="Default")


def test_it_is_renamed(people: Any) -> None:
    """And a name that cannot be is refused in words."""
    with people.visit("bob"):
        page = open_page()
        page.text_input(key="name-Default").set_value("  ACME *GmbH* ")
        press(page, "Rename")
        assert "is named **ACME *GmbH*** now" in texts(page)
        page.text_input(key="name-ACME *GmbH*").set_value(" ")
        assert "must not be empty" in texts(press(page, "Rename"))
    assert workspace(people, DEFAULT_WORKSPACE).name == "ACME *GmbH*"


def test_another_one_is_made_and_looked_at(people: Any) -> None:
    """Its maker is its owner; both are in the list of theirs."""
    with people.visit("ada"):
        page = open_page()
        page.text_input(key="new-name").set_value("Second")
        press(page, "Create workspace")
        assert "Second" in texts(page)
        table = page.dataframe[0].value
    assert dict(zip(table["Workspace"], table["State"], strict=True))["Second"] == "open now"
    found = people.context("ada").signed_in
    assert (found.workspace_name, found.role) == ("Second", "owner")
    assert found.workspace_id != DEFAULT_WORKSPACE


def test_it_is_deleted_and_restored(people: Any) -> None:
    """Only with its name, and what that means is said before."""
    with people.visit("eve"):
        page = open_page()
        for part in ("its syncs stop", "For 30 days", "for good", "Nothing changes on the advertising platforms"):
            assert part in texts(page)
        page.text_input(key="delete-name").set_value("Their")
        assert "not the name of this workspace" in texts(press(page, "Delete this workspace"))
        assert workspace(people, people.theirs).delete_after is None
        page.text_input(key="delete-name").set_value(" Theirs ")
        press(page, "Delete this workspace")
        assert "is to be deleted on 21 Dec 2026" in texts(page)
        assert workspace(people, people.theirs).delete_after == people.host.clock.now() + timedelta(days=30)
        assert labels(page) == {"Restore the workspace", "Create workspace"}
        press(page, "Restore the workspace")
        assert "**Theirs** stays" in texts(page)
    assert workspace(people, people.theirs).delete_after is None
    with people.host.store.read() as session:
        query = select(AuditEntry).where(col(AuditEntry.workspace_id) == people.theirs)
        noted = {one.action: (one.actor, one.address) for one in session.exec(query)}
    by_eve = (f"user:{people.ids['eve']}", "192.0.2.7")
    assert noted["workspace.deleted"] == noted["workspace.restored"] == by_eve


def test_whoever_is_no_owner_sees_that_it_goes(people: Any) -> None:
    """And can neither keep nor rename it."""
    with people.host.store.write() as session:
        now = people.host.clock.now()
        members.add(session, people.theirs, people.ids["bob"], Role.ADMIN, by=SYSTEM, now=now)
    people.host.doors.sessions.choose_workspace(people.sessions["bob"], people.theirs)
    delete(people.context("eve"), typed="Theirs")
    with people.visit("bob"):
        page = open_page()
    assert "is to be deleted on" in texts(page)
    assert labels(page) == set()
    with pytest.raises(StateError, match="takes no changes"):
        rename(people.context("bob"), "x")


def test_deleting_takes_a_fresh_proof(people: Any) -> None:
    """Of the page, and of the call."""
    with people.visit("eve", later=timedelta(minutes=16)):
        page = open_page()
        assert "/auth/account/prove?next=%2Fworkspace" in texts(page)
        assert "Delete this workspace" not in labels(page)
        with pytest.raises(StaleProof):
            delete(people.context("eve"), typed="Theirs")


def test_nothing_of_another_workspace_is_told(people: Any) -> None:
    """What a visitor reads is the one that they look at, and those that they are a member of."""
    page = load_workspace(people.context("ada"))
    assert (page.id, page.members) == (DEFAULT_WORKSPACE, 4)
    assert [one.id for one in page.mine] == [DEFAULT_WORKSPACE]
    other = load_workspace(people.context("eve"))
    assert (other.id, other.members, [one.name for one in other.mine]) == (people.theirs, 1, ["Theirs"])
    with pytest.raises(BadInput, match="not the name"):
        delete(people.context("eve"), typed="Default")
