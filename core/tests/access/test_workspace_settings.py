"""What the pages of a workspace start with: who sets it, what is refused, and that the audit log says so."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from adjoin.access import workspace_settings, workspaces
from adjoin.access.workspace_settings import AUTOMATIC, WorkspaceSettings, settings_of
from adjoin.db import Store
from adjoin.db.engine import _CHAIN
from adjoin.db.models import Account, Connection, Workspace
from adjoin.db.people import Role
from adjoin.errors import BadInput, Forbidden, StateError, UnknownName

from .conftest import NOW, People

CHOSEN = WorkspaceSettings(currency="CHF", time_zone="Europe/Zurich", period="Last 7 days", comparison="Previous year")


@pytest.fixture
def shop(people: People) -> str:
    return people.workspace(ada=Role.OWNER, amy=Role.ADMIN, ann=Role.ANALYST)


def set_all(people: People, workspace_id: str, wanted: WorkspaceSettings, *, by: str = "amy") -> Any:
    return people.do(workspace_settings.change, workspace_id, wanted, by=by)


def stored(people: People, workspace_id: str) -> WorkspaceSettings:
    with people.store.read() as session:
        return settings_of(session.get_one(Workspace, workspace_id))


def told(people: People, workspace_id: str) -> list[tuple[Any, Any]]:
    every = people.audit(workspace_id)
    return [(one.before, one.after) for one in every if one.action == "workspace.settings_changed"]


def test_a_new_workspace_has_none(people: People, shop: str) -> None:
    assert stored(people, shop) == AUTOMATIC


def test_what_is_set_is_kept_and_told(people: People, shop: str) -> None:
    """The log names what has changed, and nothing where nothing has."""
    assert set_all(people, shop, CHOSEN) == CHOSEN
    assert stored(people, shop) == CHOSEN
    set_all(people, shop, CHOSEN, by="ada")
    ((before, after),) = told(people, shop)
    assert after == {
        "currency": "CHF",
        "time_zone": "Europe/Zurich",
        "period": "Last 7 days",
        "comparison": "Previous year",
    }
    assert set(before.values()) == {""}
    set_all(people, shop, AUTOMATIC)
    assert len(told(people, shop)) == 2
    assert stored(people, shop) == AUTOMATIC


def test_admins_set_it_and_others_do_not(people: People, shop: str) -> None:
    with pytest.raises(Forbidden, match="it takes the role"):
        set_all(people, shop, CHOSEN, by="ann")
    other = people.workspace(ben=Role.OWNER)
    with pytest.raises(UnknownName, match="there is no workspace"):
        set_all(people, other, CHOSEN, by="amy")
    assert stored(people, shop) == stored(people, other) == AUTOMATIC


def test_a_workspace_that_goes_takes_none(people: People, shop: str) -> None:
    people.do(workspaces.delete, shop, by="ada", grace=timedelta(days=3))
    with pytest.raises(StateError, match="takes no changes"):
        set_all(people, shop, CHOSEN)


def test_what_cannot_be_used_is_refused(people: People, shop: str) -> None:
    for wanted, said in (
        (WorkspaceSettings(currency="XYZ"), "no exchange rates for the currency 'XYZ'"),
        (WorkspaceSettings(time_zone="Mars/Olympus"), "no time zone 'Mars/Olympus'"),
        (WorkspaceSettings(time_zone="../../etc/passwd"), "no time zone"),
        (WorkspaceSettings(period="x" * 101), "at most 100 characters"),
        (WorkspaceSettings(comparison="a\x00b"), "a sign that cannot be shown"),
    ):
        with pytest.raises(BadInput, match=said):
            set_all(people, shop, wanted)
    assert stored(people, shop) == AUTOMATIC


def test_a_currency_of_an_account_needs_no_rates(people: People, shop: str) -> None:
    """Nothing has to be converted where all accounts have it; capitals do not matter."""
    with people.store.write() as session:
        session.add(Connection(workspace_id=shop, id="c", platform="meta", label="M", created_at=NOW))
        session.flush()
        session.add(
            Account(
                workspace_id=shop,
                platform="meta",
                id="a",
                connection_id="c",
                name="A",
                currency="UAH",
                time_zone="UTC",
                first_seen_at=NOW,
                last_seen_at=NOW,
            )
        )
    assert set_all(people, shop, WorkspaceSettings(currency=" uah ")).currency == "UAH"


def test_workspaces_from_before_have_none(store_url: str) -> None:
    """The migration keeps what there is, and gives it settings that are empty."""
    with Store.open(store_url, check_schema=False) as store:
        store._create_file()
        with store.changing_schema() as connection:
            _CHAIN.upgrade(connection, to="0007")
            connection.execute(
                sa.text("INSERT INTO workspaces (id, name, created_at) VALUES ('old', 'Old', '2026-01-01 00:00:00')")
            )
        store.upgrade()
        with store.read() as session:
            found = session.get_one(Workspace, "old")
            assert (found.name, settings_of(found)) == ("Old", AUTOMATIC)
