"""The Connections page, run without a browser: what each role sees and may do, and nothing of other workspaces."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlmodel import select
from streamlit.testing.v1 import AppTest

from adjoin.access import connection_changes
from adjoin.ads.v2 import Credential
from adjoin.db.models import DEFAULT_WORKSPACE, Account, Connection, ConnectionState, Lease, Run, RunState, Schedule
from adjoin.db.people import AuditEntry, Member, Role
from adjoin.errors import Forbidden, UnknownName
from adjoin.sync.schedules import ensure_schedule
from adjoin.sync.shared_credential import put_credential
from adjoin_dashboard.connections.model import load_connections
from adjoin_dashboard.host import Host

NOW = datetime(2026, 11, 21, 5, 14, tzinfo=UTC)


def script() -> None:
    from adjoin_dashboard.connections.view import render
    from adjoin_dashboard.context import make_context
    from adjoin_dashboard.host import current_host
    from adjoin_dashboard.session_guard import current_address, current_visitor

    visitor = current_visitor()
    assert visitor is not None
    render(make_context(current_host(), visitor, address=current_address()))


def open_page() -> AppTest:
    page = AppTest.from_function(script, default_timeout=30).run()
    assert not page.exception
    return page


def texts(page: AppTest) -> str:
    shown = [*page.header, *page.caption, *page.info, *page.warning, *page.error, *page.success, *page.markdown]
    return "\n".join(str(one.value) for one in shown).replace("\\", "")


def buttons(page: AppTest) -> set[str]:
    return {one.label for one in page.button}


def links(page: AppTest) -> dict[str, str]:
    return {one.proto.label: one.proto.url for one in page.get("link_button")}


@pytest.fixture
def meta(host: Host) -> str:
    """A connection as it is after it was made, with two accounts. Returns its id."""
    with host.store.write() as session:
        connection = session.get_one(Connection, (DEFAULT_WORKSPACE, "c-meta"))
        put_credential(host.runtime.vault, connection, Credential(access_token="token-of-a-test"))
        session.add(connection)
        ensure_schedule(session, workspace_id=DEFAULT_WORKSPACE, connection_id="c-meta", now=NOW)
        first = session.get_one(Account, (DEFAULT_WORKSPACE, "meta", "act_1"))
        session.add(Account(**(first.model_dump() | {"id": "act_2", "name": "Left *out*", "selected": False})))
    return "c-meta"


@pytest.fixture
def theirs(host: Host, people: Any) -> str:
    """A connection of another workspace. Returns its id."""
    with host.store.write() as session:
        session.add(
            Connection(
                workspace_id=people.theirs, id="c-theirs", platform="google", label="Canary-Theirs", created_at=NOW
            )
        )
        ensure_schedule(session, workspace_id=people.theirs, connection_id="c-theirs", now=NOW)
    return "c-theirs"


def scheduler_runs(host: Host) -> None:
    with host.store.write() as session:
        session.add(Lease(name="scheduler", holder="host/1", epoch=1, expires_at=NOW + timedelta(minutes=5)))


def stored(host: Host, model: Any, *key: str) -> Any:
    with host.store.read() as session:
        return session.get_one(model, key)


def actions(host: Host) -> list[tuple[str, str]]:
    with host.store.read() as session:
        return [
            (one.action, one.address) for one in session.exec(select(AuditEntry)) if one.object_kind == "connection"
        ]


def test_a_connection_is_said_with_its_state(meta: str) -> None:
    """Health, accounts, schedule and authorisation; names draw nothing."""
    page = open_page()
    said = texts(page)
    assert "Meta Ads (Example)" in said
    assert "Healthy" in said
    assert "1 of 2 read" in said
    assert "every 6 h" in said
    assert "no end known" in said
    table = page.dataframe[0].value.set_index("Id")
    assert table.loc["act_2", ["Account", "State"]].tolist() == ["Left *out*", "left out"]
    assert table.loc["act_1", "State"] == "read"


def test_buttons_and_links_go_by_the_role(host: Host, people: Any, meta: str) -> None:
    seen = {}
    scheduler_runs(host)
    for name in ("ada", "bob", "cy", "dee"):
        with people.visit(name):
            page = open_page()
            seen[name] = buttons(page) | set(links(page))
    assert seen["dee"] == set()
    assert seen["cy"] == {"Sync now"}
    for manager in ("ada", "bob"):
        assert {"Sync now", "Pause schedule", "Disconnect", "Authorise again", "Choose accounts"} <= seen[manager]
        assert {"Connect", "How to set it up"} & seen[manager]


def test_links_lead_to_the_own_pages(host: Host, people: Any, meta: str) -> None:
    with people.visit("ada"):
        found = links(open_page())
    assert found["Authorise again"] == "/connect/meta?connection=c-meta"
    assert found["Choose accounts"] == "/connect/accounts/c-meta"


def test_what_is_not_set_up_is_said(host: Host, people: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the names of the variables; once they are there it can be connected."""
    for name in ("ID", "SECRET"):
        monkeypatch.delenv(f"ADJOIN_META_CLIENT_{name}", raising=False)
    with people.visit("ada"):
        assert "ADJOIN_META_CLIENT_ID" in texts(open_page())
        monkeypatch.setenv("ADJOIN_META_CLIENT_ID", "an-id")
        assert "ADJOIN_META_CLIENT_ID" not in texts(open_page())


def test_sync_now_queues_a_run_where_somebody_executes_it(host: Host, people: Any, meta: str) -> None:
    with people.visit("cy"):
        page = open_page()
        assert page.button(key=f"sync-{meta}").disabled
        assert "Nothing executes syncs at the moment" in texts(page)
        scheduler_runs(host)
        page = open_page().button(key=f"sync-{meta}").click().run()
        assert "is queued" in texts(page)
        assert page.button(key=f"sync-{meta}").disabled
    with host.store.read() as session:
        assert [one.state for one in session.exec(select(Run)) if one.id != "r-meta"] == [RunState.QUEUED]
    assert actions(host) == [("sync.asked", "192.0.2.7")]


def test_the_schedule_is_paused_and_resumed(host: Host, people: Any, meta: str) -> None:
    with people.visit("bob"):
        page = open_page().button(key=f"pause-{meta}").click().run()
        assert "rests until it is resumed" in texts(page)
        with host.store.read() as session:
            assert not session.exec(select(Schedule)).one().enabled
        page = page.button(key=f"resume-{meta}").click().run()
        assert "by its schedule again" in texts(page)
    with host.store.read() as session:
        assert session.exec(select(Schedule)).one().enabled


def test_disconnecting_asks_first_and_says_what_it_means(host: Host, people: Any, meta: str) -> None:
    with people.visit("ada"):
        page = open_page()
        said = texts(page)
        assert "deletes its authorisation" in said
        assert "All figures stay" in said
        assert stored(host, Connection, DEFAULT_WORKSPACE, meta).credential is not None
        page = page.button(key=f"confirm-{meta}").click().run()
        assert "is disconnected" in texts(page)
        assert links(page)["Connect again"] == "/connect/meta?connection=c-meta"
        assert "Disconnect" not in buttons(page)
    assert stored(host, Connection, DEFAULT_WORKSPACE, meta).credential is None
    assert ("connection.disconnected", "192.0.2.7") in actions(host)


def test_a_connection_that_needs_a_person_says_so(host: Host, people: Any, meta: str) -> None:
    """The button stands for the command that a terminal would be told."""
    with host.store.write() as session:
        connection = session.get_one(Connection, (DEFAULT_WORKSPACE, meta))
        connection.state, connection.last_error = ConnectionState.RECONNECT, "Token *revoked*."
        session.add(connection)
    with people.visit("ada"):
        page = open_page()
    said = texts(page)
    assert "Broken" in said
    assert "no longer lets Adjoin in" in said
    assert "adjoin connect" not in said
    assert links(page)["Authorise again"] == "/connect/meta?connection=c-meta"


def test_who_was_demoted_meanwhile_is_refused(host: Host, people: Any, meta: str) -> None:
    """The role is asked for again when it is done."""
    with host.store.write() as session:
        member = session.get_one(Member, (DEFAULT_WORKSPACE, people.ids["bob"]))
        member.role = Role.VIEWER
        session.add(member)
    with people.visit("bob"):
        assert buttons(open_page()) == set()
    bob = people.context("bob")
    with pytest.raises(Forbidden), host.store.write() as session:
        connection_changes.disconnect(session, DEFAULT_WORKSPACE, meta, by=bob.actor, now=NOW)
    assert stored(host, Connection, DEFAULT_WORKSPACE, meta).credential is not None


def test_nothing_of_another_workspace_is_shown(host: Host, people: Any, meta: str, theirs: str) -> None:
    with people.visit("ada"):
        page = open_page()
        assert "Canary-Theirs" not in texts(page)
        assert not any("theirs" in url for url in links(page).values())
    assert [line.id for line in load_connections(people.context("ada"))] == [meta]
    assert [line.id for line in load_connections(people.context("eve"))] == [theirs]


@pytest.mark.parametrize("change", ["sync_now", "pause_schedule", "resume_schedule", "disconnect", "choose_accounts"])
def test_nothing_of_another_workspace_is_changed(host: Host, people: Any, meta: str, theirs: str, change: str) -> None:
    """With its id from one's own workspace, or with the id of the workspace: there is no such thing."""
    eve = people.context("eve")
    args = [["act_1"]] if change == "choose_accounts" else []
    for workspace in (people.theirs, DEFAULT_WORKSPACE):
        with pytest.raises(UnknownName), host.store.write() as session:
            getattr(connection_changes, change)(session, workspace, meta, *args, by=eve.actor, now=NOW)
    assert stored(host, Connection, DEFAULT_WORKSPACE, meta).credential is not None


def test_without_a_connection_it_says_how_to_begin(host: Host, people: Any) -> None:
    with people.visit("eve"):
        page = open_page()
    assert "No platform is connected yet." in texts(page)
    assert "/connect/meta" in {one.proto.url for one in page.get("link_button")}
