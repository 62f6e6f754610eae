"""The Data health page, run without a browser."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlmodel import col
from streamlit.testing.v1 import AppTest

from adjoin.db.models import DEFAULT_WORKSPACE, Connection, ConnectionState, Coverage, Schedule
from adjoin_dashboard.host import Host


def script() -> None:
    from adjoin_dashboard.context import make_context
    from adjoin_dashboard.health.view import render
    from adjoin_dashboard.host import current_host
    from adjoin_dashboard.session_guard import current_visitor

    signed_in = current_visitor()
    assert signed_in is not None
    render(make_context(current_host(), signed_in))


def open_page() -> AppTest:
    page = AppTest.from_function(script, default_timeout=30).run()
    assert not page.exception
    return page


def texts(page: AppTest) -> str:
    shown = [*page.caption, *page.info, *page.warning, *page.error, *page.markdown]
    return "\n".join(str(one.value) for one in shown).replace("\\", "")


def change(host: Host, **values: Any) -> None:
    with host.store.write() as session:
        connection = session.get_one(Connection, (DEFAULT_WORKSPACE, "c-meta"))
        for name, value in values.items():
            setattr(connection, name, value)
        session.add(connection)


def schedule(host: Host, **values: Any) -> None:
    defaults = {"every_seconds": 6 * 3600, "next_run_at": host.clock.now() + timedelta(hours=5)}
    with host.store.write() as session:
        session.add(
            Schedule(workspace_id=DEFAULT_WORKSPACE, connection_id="c-meta", name="sync", **(defaults | values))
        )


def test_a_healthy_connection_is_said_to_be_so(host: Host) -> None:
    """With how fresh its data is and when the next comes."""
    schedule(host)
    page = open_page()
    row = page.dataframe[0].value.iloc[0]
    assert (row["Status"], row["Connection"]) == ("✓ Healthy", "Meta Ads (Example)")
    assert row["Freshness"] == "60 min ago, next in 5 h"
    assert "1 connection: all healthy." in texts(page)
    assert not page.expander


def test_a_problem_is_said_with_what_to_do(host: Host) -> None:
    """In the table, and in full below it, open; the platform's words cannot draw anything."""
    schedule(host)
    change(host, state=ConnectionState.RECONNECT, last_error="Token *revoked*.")
    page = open_page()
    row = page.dataframe[0].value.iloc[0]
    assert (row["Status"], row["What to do"]) == ("✕ Broken", "Connect again: adjoin connect meta.")
    (details,) = page.expander
    assert details.proto.expanded
    assert r"Token \*revoked\*" in details.markdown[0].value
    assert "`adjoin connect meta`" in details.markdown[0].value


def test_a_schedule_that_nobody_looks_at_is_said(host: Host) -> None:
    """There is no scheduler, and something is due."""
    schedule(host, next_run_at=host.clock.now() - timedelta(hours=1))
    assert "none has run here yet; schedules are due since" in texts(open_page())


def test_missing_days_are_in_the_strips_and_in_a_table(host: Host) -> None:
    """The table is for everybody, the strips say in words what they show."""
    schedule(host)
    first, last = host.clock.now().date() - timedelta(days=30), host.clock.now().date() - timedelta(days=28)
    with host.store.write() as session:
        session.connection().execute(
            sa.delete(Coverage).where(col(Coverage.day).between(first, last), col(Coverage.dataset) == "account_daily")
        )
    page = open_page()
    assert page.get("echarts_chart")
    table = page.dataframe[1].value
    hole = table[table["Count"] == 3].iloc[0]
    assert (hole["Account"], hole["Dataset"], hole["Days"]) == ("Shop [DE] $", "account_daily", "22–24 Oct 2026")
    assert "3 days are missing" in texts(page)


def test_the_strips_reach_back_as_far_as_asked(host: Host) -> None:
    """A year is drawn too."""
    schedule(host)
    page = open_page()
    page.segmented_control(key="calendar-span").set_value("1 year").run()
    assert not page.exception
    assert page.get("echarts_chart")


def test_without_a_connection_it_says_how_to_connect(host: Host) -> None:
    """An empty installation is not unhealthy."""
    with host.store.write() as session:
        for table in ("slices", "coverage", "fact_files", "runs", "schedules", "entities", "accounts", "connections"):
            session.connection().execute(sa.text(f"DELETE FROM {table}"))
    assert "adjoin connect" in texts(open_page())
