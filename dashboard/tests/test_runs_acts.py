"""What operators do on the page Sync runs, run without a browser: each act by role, and what is said of it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlmodel import select
from streamlit.testing.v1 import AppTest

from adjoin.access import run_changes, workspaces
from adjoin.access.actors import SYSTEM
from adjoin.ads.v2 import Credential
from adjoin.db.models import (
    DEFAULT_WORKSPACE,
    Account,
    Connection,
    Lease,
    Run,
    RunState,
    RunTrigger,
    Schedule,
    Workspace,
)
from adjoin.db.people import AuditEntry
from adjoin.sync.gaps import Calendar, DayState, Span
from adjoin.sync.schedules import ensure_schedule
from adjoin.sync.shared_credential import put_credential
from adjoin.writing import Writer
from adjoin_dashboard.context import Context
from adjoin_dashboard.host import Host
from adjoin_dashboard.runs.days import missing_days
from adjoin_dashboard.runs.usage import load_usage, usage_chart

NOW = datetime(2026, 11, 21, 5, 14, tzinfo=UTC)


def script() -> None:
    from adjoin_dashboard.context import make_context
    from adjoin_dashboard.host import current_host
    from adjoin_dashboard.runs.view import render
    from adjoin_dashboard.session_guard import current_address, current_visitor

    visitor = current_visitor()
    assert visitor is not None
    render(make_context(current_host(), visitor, address=current_address()))


def open_page(**address: str) -> AppTest:
    page = AppTest.from_function(script, default_timeout=30)
    for name, value in address.items():
        page.query_params[name] = value
    page.run()
    assert not page.exception
    return page


def texts(page: AppTest) -> str:
    shown = [*page.header, *page.caption, *page.info, *page.warning, *page.error, *page.success, *page.markdown]
    return "\n".join(str(one.value) for one in shown).replace("\\", "")


def press(page: AppTest, label: str) -> AppTest:
    (button,) = [one for one in page.button if one.label == label]
    assert not button.disabled
    page = button.click().run()
    assert not page.exception
    return page


def labels(page: AppTest) -> set[str]:
    return {one.label for one in page.button}


@pytest.fixture
def meta(host: Host) -> str:
    """A connection that can be used, while a scheduler runs. Returns its id."""
    with host.store.write() as session:
        connection = session.get_one(Connection, (DEFAULT_WORKSPACE, "c-meta"))
        put_credential(host.runtime.vault, connection, Credential(access_token="token-of-a-test"))
        session.add(connection)
        ensure_schedule(session, workspace_id=DEFAULT_WORKSPACE, connection_id="c-meta", now=NOW)
        session.add(Lease(name="scheduler", holder="host/1", epoch=1, expires_at=NOW + timedelta(minutes=5)))
    return "c-meta"


def add_run(host: Host, state: RunState, **values: Any) -> str:
    with host.store.write() as session:
        made = Run(
            **{
                "workspace_id": DEFAULT_WORKSPACE,
                "connection_id": "c-meta",
                "state": state,
                "trigger": RunTrigger.SCHEDULE,
                "created_at": NOW,
            }
            | values
        )
        session.add(made)
    return made.id


def runs(host: Host) -> list[Run]:
    with host.store.read() as session:
        return sorted(session.exec(select(Run)), key=lambda one: (one.created_at, one.id != "r-meta"))


def noted(host: Host) -> list[tuple[str, str, str]]:
    with host.store.read() as session:
        every = sorted(session.exec(select(AuditEntry)), key=lambda one: one.id)
    kinds = ("sync.", "schedule.")
    return [(one.action, one.object_id, one.address) for one in every if one.action.startswith(kinds)]


def test_buttons_go_by_the_role(host: Host, people: Any, meta: str) -> None:
    """Viewers see all of it and change nothing; schedules are for admins."""
    add_run(host, RunState.FAILED, error="No.")
    with people.visit("dee"):
        assert [labels(open_page(part=part)) for part in ("Runs", "Schedules", "Days")] == [set()] * 3
    with people.visit("cy"):
        assert labels(open_page()) == {"Retry"}
        assert labels(open_page(part="Schedules")) == {"Sync now"}
        assert labels(open_page(part="Days")) == {"Read again", "Fetch these days"}
    with people.visit("bob"):
        assert labels(open_page(part="Schedules")) == {"Sync now", "Pause"}


def test_a_failed_run_is_retried(host: Host, people: Any, meta: str) -> None:
    """By a run that makes good for it, and while that waits there is nothing more to press."""
    earlier = NOW - timedelta(minutes=1)
    failed = add_run(host, RunState.FAILED, error="The platform did not answer.", created_at=earlier)
    with people.visit("cy"):
        page = press(open_page(), "Retry")
    made = runs(host)[-1]
    assert (made.retry_of, made.state, made.trigger) == (failed, RunState.QUEUED, RunTrigger.PERSON)
    assert "Meta Ads (Example) lacks is read next" in texts(page).replace("**", "")
    assert "has waited for" in texts(page)
    assert page.dataframe[0].value.iloc[0]["Trigger"] == "Retry by hand"
    assert "is being read now" in texts(page)
    assert "Retry" not in labels(page)
    assert noted(host) == [("sync.retried", failed, "192.0.2.7")]


def test_what_became_of_a_retry_is_said(host: Host, meta: str) -> None:
    """One that has failed too leaves the button, one that has brought everything does not."""
    failed = add_run(host, RunState.FAILED, id="a-failed", error="No.")  # of the same instant, so its id puts it first
    again = add_run(host, RunState.FAILED, id="b-again", retry_of=failed)
    page = open_page()
    assert f"Run `{again[:8]}` has tried it again: failed." in texts(page)
    assert "Retry" in labels(page)
    with host.store.write() as session:
        run = session.get_one(Run, (DEFAULT_WORKSPACE, again))
        run.state = RunState.SUCCEEDED
        session.add(run)
    page = open_page()
    assert "has tried it again: succeeded." in texts(page)
    assert "Retry" not in labels(page)


def test_of_two_who_press_one_hears_of_the_other(host: Host, people: Any, meta: str) -> None:
    """The second press comes from a page that was drawn before the first."""
    failed = add_run(host, RunState.FAILED, error="No.")
    with people.visit("cy"):
        mine = open_page()
        with host.store.write() as session:
            run_changes.retry(session, DEFAULT_WORKSPACE, failed, by=SYSTEM, now=NOW)
        page = mine.button(key=f"retry-{failed}").click().run()
    assert len(runs(host)) == 3
    assert "is being read now" in texts(page)


def test_a_run_under_way_is_cancelled(host: Host, people: Any, meta: str) -> None:
    """It ends within seconds; one that waits ends at once."""
    running = add_run(host, RunState.RUNNING, heartbeat_at=NOW, started_at=NOW)
    with people.visit("cy"):
        page = press(open_page(), "Cancel")
        assert "ends within seconds" in texts(page)
        assert "Cancel" not in labels(page)
        with host.store.write() as session:
            session.delete(session.get_one(Run, (DEFAULT_WORKSPACE, running)))
        add_run(host, RunState.QUEUED)
        page = press(open_page(), "Cancel")
    assert "is cancelled; it was not under way" in texts(page)
    assert [one.state for one in runs(host)][-1] is RunState.CANCELLED
    assert [one[0] for one in noted(host)] == ["sync.cancelled"] * 2


def test_a_run_that_has_ended_meanwhile_is_not_cancelled(host: Host, meta: str) -> None:
    """The page says so and shows how it ended."""
    running = add_run(host, RunState.RUNNING, heartbeat_at=NOW, started_at=NOW)
    page = open_page()
    with host.store.write() as session:
        run = session.get_one(Run, (DEFAULT_WORKSPACE, running))
        run.state, run.finished_at = RunState.SUCCEEDED, NOW
        session.add(run)
    page = page.button(key=f"cancel-{running}").click().run()
    assert not page.exception
    assert not page.get("progress")
    assert page.dataframe[0].value.iloc[0]["State"] == "✓ Done"
    assert noted(host) == []


def test_days_are_read_again(host: Host, people: Any, meta: str) -> None:
    """Those chosen, of the accounts chosen; nothing chosen is all that are read."""
    with people.visit("cy"):
        page = open_page(part="Days")
        page.date_input(key="again-days").set_value((date(2026, 11, 3), date(2026, 11, 4))).run()
        page.multiselect(key="again-accounts-c-meta").set_value(["act_1"]).run()
        page = press(page, "Read again")
    made = runs(host)[-1]
    assert (made.since, made.until, made.accounts) == (date(2026, 11, 3), date(2026, 11, 4), ["act_1"])
    assert "3–4 Nov 2026, is read next" in texts(page)
    assert noted(host) == [("sync.asked", "c-meta", "192.0.2.7")]


def test_a_half_chosen_range_asks_for_nothing(host: Host, meta: str) -> None:
    page = open_page(part="Days")
    page.date_input(key="again-days").set_value((date(2026, 11, 3),)).run()
    (button,) = [one for one in page.button if one.label == "Read again"]
    assert button.disabled


def test_a_gap_is_fetched(host: Host, people: Any, meta: str) -> None:
    """The days of one gap, in one account, of the streams that give its datasets; then it is under way."""
    with people.visit("cy"):
        page = open_page(part="Days")
        fetch = [one for one in page.button if one.label == "Fetch these days"]
        assert fetch
        page = fetch[0].click().run()
        assert not page.exception
    made = runs(host)[-1]
    assert made.accounts == ["act_1"]
    assert made.streams
    assert made.since is not None
    assert made.until is not None
    assert made.since <= made.until <= date(2026, 11, 21)
    assert all(one.disabled for one in page.button if one.label == "Fetch these days")


def test_other_days_wait_for_the_run_in_the_way(host: Host, people: Any, meta: str) -> None:
    """A connection has one run at a time, and the sentence says what can be done."""
    with people.visit("cy"):
        page = open_page(part="Days")
        add_run(host, RunState.RUNNING, heartbeat_at=NOW, started_at=NOW)
        page = press(page, "Read again")
    assert "reads something else" in texts(page)
    assert "Ask again when it has ended, or cancel it" in texts(page)


def test_schedules_rest_and_go_on(host: Host, people: Any, meta: str) -> None:
    with people.visit("bob"):
        page = open_page(part="Schedules")
        assert "every 6 h" in texts(page)
        page = press(page, "Pause")
        assert "rests until it is resumed" in texts(page)
        with host.store.read() as session:
            assert not session.exec(select(Schedule)).one().enabled
        page = press(page, "Resume")
        assert "synced by its schedule again" in texts(page)
        page = press(page, "Sync now")
        assert "is queued" in texts(page)
    assert sorted(one[0] for one in noted(host)) == ["schedule.paused", "schedule.resumed", "sync.asked"]


def test_without_a_process_that_executes_nothing_is_asked_for(host: Host, meta: str) -> None:
    add_run(host, RunState.FAILED, error="No.")
    with host.store.write() as session:
        session.delete(session.get_one(Lease, "scheduler"))
    page = open_page()
    assert "Nothing executes syncs at the moment. Start `scheduler.py`" in texts(page)
    assert all(one.disabled for one in page.button)


def test_a_workspace_that_is_about_to_go_says_so(host: Host, meta: str) -> None:
    """Its runs can be looked at, and nothing is synced for it."""
    with host.store.write() as session:
        workspace = session.get_one(Workspace, DEFAULT_WORKSPACE)
        workspace.delete_after = NOW + timedelta(days=9)
        session.add(workspace)
    page = open_page(part="Schedules")
    assert "is to be deleted on 30 Nov 2026" in texts(page)
    assert [one.disabled for one in page.button if one.label == "Sync now"] == [True]


def test_a_page_from_before_the_end_of_the_workspace_is_refused(host: Host, people: Any, meta: str) -> None:
    add_run(host, RunState.RUNNING, heartbeat_at=NOW, started_at=NOW)
    with people.visit("eve"):
        page = open_page()
    assert "No platform is connected yet" in texts(page)
    with people.visit("cy"):
        page = open_page()
        with host.store.write() as session:
            theirs = workspaces.create(session, name="Left", owner_id=people.ids["ada"], by=SYSTEM, now=NOW)
            workspaces.delete(session, theirs.id, grace=timedelta(days=3), by=SYSTEM, now=NOW)
            workspace = session.get_one(Workspace, DEFAULT_WORKSPACE)
            workspace.delete_after = NOW + timedelta(days=9)
            session.add(workspace)
        page = press(page, "Cancel")
    assert "takes no changes" in texts(page)


def test_runs_are_filtered_by_the_address(host: Host, meta: str) -> None:
    """By connection and by state; what an old address names and is gone filters nothing."""
    add_run(host, RunState.FAILED, error="No.")
    assert list(open_page(state="Failed").dataframe[0].value["State"]) == ["✕ Failed"]
    assert len(open_page(connection="c-gone").dataframe[0].value) == 2
    assert "No run fits" in texts(open_page(state="Cancelled", connection="c-meta"))


def test_older_runs_are_on_pages_of_their_own(host: Host, meta: str) -> None:
    """Fifty a page; a page that is not there is the last one."""
    for number in range(60):
        add_run(host, RunState.SUCCEEDED, id=f"n{number:02}", created_at=NOW - timedelta(hours=number + 1))
    assert len(open_page(runs_page="99").dataframe[0].value) == 11
    assert len(open_page(runs_page="x").dataframe[0].value) == 50


def test_what_syncing_costs_is_counted_by_day(page_context: Context) -> None:
    """A run belongs to the day in the workspace's zone on which it began."""
    host = page_context.host
    late = datetime(2026, 11, 19, 23, 30, tzinfo=UTC)  # 20 November in Berlin
    for started, requests, operations in ((late, 7, 70), (NOW, 5, 0), (NOW - timedelta(days=40), 1000, 1)):
        add_run(
            host,
            RunState.SUCCEEDED,
            created_at=started,
            started_at=started,
            requests=requests,
            operations=operations,
            rows=2,
        )
    found = [(one.day.day, one.runs, one.rows, one.requests, one.operations) for one in load_usage(page_context)]
    assert found == [(20, 1, 2, 7, 70), (21, 2, 92, 5, 0)]  # with the one of the store
    option = usage_chart(
        load_usage(page_context),
        {"c-meta": "Meta"},
        operations=False,
        last=date(2026, 11, 21),
        write=Writer(),
        dark=True,
    )
    (series,) = option["series"]
    assert (series["name"], sum(series["data"]), series["data"][-2:]) == ("Meta", 12, [7, 5])


def test_many_connections_share_a_colour_from_the_eighth_on(page_context: Context) -> None:
    """Those that ask for the least are one series, and nothing is lost of the sum."""
    host = page_context.host
    with host.store.write() as session:
        for number in range(12):
            session.add(
                Connection(
                    workspace_id=DEFAULT_WORKSPACE, id=f"c{number}", platform="meta", label=f"{number}", created_at=NOW
                )
            )
    for number in range(12):
        add_run(host, RunState.SUCCEEDED, connection_id=f"c{number}", started_at=NOW, requests=number + 1)
    usage = [one for one in load_usage(page_context) if one.connection_id != "c-meta"]
    option = usage_chart(usage, {}, operations=False, last=date(2026, 11, 21), write=Writer(), dark=False)
    assert len(option["series"]) == 8
    assert [one["name"] for one in option["series"]][-1] == "Other connections"
    assert sum(sum(one["data"]) for one in option["series"]) == 78


def test_the_use_is_drawn(host: Host, meta: str) -> None:
    add_run(host, RunState.SUCCEEDED, started_at=NOW, requests=1204)
    page = open_page(part="API use")
    assert page.get("echarts_chart")
    assert "1,204 requests in 2 runs of the last 30 days" in texts(page)
    assert page.dataframe[0].value.iloc[0]["Requests"] == 1204


def test_gaps_of_datasets_that_lack_the_same_days_are_one() -> None:
    """The newest first."""
    there = Span(since=date(2026, 11, 4), until=date(2026, 11, 5), state=DayState.COVERED)
    hole = Span(since=date(2026, 11, 6), until=date(2026, 11, 8), state=DayState.FAILED, reason="Too many requests.")
    old = Span(since=date(2026, 11, 1), until=date(2026, 11, 3), state=DayState.MISSING)

    def calendar(dataset: str, *spans: Span) -> Calendar:
        return Calendar(
            connection_id="c", platform="meta", account_id="1", account_name="A", dataset=dataset, spans=spans
        )

    found = missing_days([calendar("a", old, there, hole), calendar("b", there, hole)])
    assert [(one.datasets, one.days, one.why) for one in found] == [
        (("a", "b"), 3, "Too many requests."),
        (("a",), 3, "older history, still to be read"),
    ]


def test_names_draw_nothing(host: Host, people: Any, meta: str) -> None:
    """A hostile label and account name are shown as they are, on each part."""
    with host.store.write() as session:
        connection = session.get_one(Connection, (DEFAULT_WORKSPACE, "c-meta"))
        connection.label = "[x](http://evil) <b>$1$"
        account = session.get_one(Account, (DEFAULT_WORKSPACE, "meta", "act_1"))
        account.name = "=1+1 **bold** \u202eabc"
        session.add_all([connection, account])
    add_run(host, RunState.QUEUED)
    for part in ("Runs", "Schedules", "Days", "API use"):
        page = open_page(part=part)
        drawn = "\n".join(str(one.value) for one in [*page.markdown, *page.caption, *page.warning, *page.info])
        assert "](http" not in drawn
        assert "<b>" not in drawn.replace("\\<b\\>", "")
