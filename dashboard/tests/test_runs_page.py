"""The Sync runs page, run without a browser."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from adjoin.db.models import DEFAULT_WORKSPACE, Run, RunState, RunTrigger, Slice, SliceState
from adjoin.writing import Writer
from adjoin_dashboard.context import Context
from adjoin_dashboard.host import Host
from adjoin_dashboard.runs.model import difference_sentences, load_runs


def script() -> None:
    from adjoin_dashboard.context import make_context
    from adjoin_dashboard.host import current_host
    from adjoin_dashboard.runs.view import render
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


@pytest.fixture
def active(host: Host) -> Run:
    """A run that is under way."""
    now = host.clock.now()
    run = Run(
        workspace_id=DEFAULT_WORKSPACE,
        id="r-live",
        connection_id="c-meta",
        state=RunState.RUNNING,
        trigger=RunTrigger.SCHEDULE,
        created_at=now,
        started_at=now - timedelta(seconds=40),
        heartbeat_at=now,
        slices_total=40,
        slices_done=10,
        rows=4211,
    )
    with host.store.write() as session:
        session.add(run)
    return run


def change(host: Host, run_id: str, **values: Any) -> None:
    with host.store.write() as session:
        run = session.get_one(Run, (DEFAULT_WORKSPACE, run_id))
        for name, value in values.items():
            setattr(run, name, value)
        session.add(run)


def test_runs_are_listed_in_words(host: Host) -> None:
    """A run says what it was, of whom, how long it took and how much came."""
    row = open_page().dataframe[0].value.iloc[0]
    assert row["State"] == "✓ Done"
    assert row["Connection"] == "Meta Ads (Example)"
    assert row["Trigger"] == "By hand"
    assert row["Duration"] == "3 min 00 s"
    assert row["Rows"] == 90
    assert str(row["Started"]) == "2026-11-21 04:11:00+00:00"


@pytest.mark.parametrize(
    ("values", "remark"),
    [
        ({}, None),
        ({"notes": ["account 1 (Group) is not read: MANAGER"]}, "account 1 (Group) is not read: MANAGER"),
        ({"notes": ["one", "two", "three"]}, "3 notes"),
        ({"notes": ["one"], "differences": [{"known": None}, {"known": "why"}]}, "1 unexplained difference"),
        ({"notes": ["one"], "error": "It failed."}, "It failed."),
    ],
)
def test_the_remark_is_what_matters_most(page_context: Context, values: dict[str, Any], remark: str | None) -> None:
    """An error before differences before notes, short enough for a cell; the details have all of it."""
    change(page_context.host, "r-meta", **values)
    with page_context.host.store.read() as session:
        run = load_runs(session, DEFAULT_WORKSPACE, title=str, now=page_context.now(), limit=1)[0]
    assert (run.remark or None) == remark


@pytest.mark.parametrize(
    ("requests", "operations", "said"),
    [
        (1, 1, "1 request · run"),
        (1204, 1204, "1,204 requests · run"),
        (1204, 0, "1,204 requests · run"),
        (1204, 5310, "1,204 requests (5,310 API operations) · run"),
        (3, 1, "3 requests (1 API operation) · run"),
    ],
)
def test_the_details_say_what_it_cost(host: Host, requests: int, operations: int, said: str) -> None:
    """Operations of the platform's quota stand beside the requests where they are not the same."""
    change(host, "r-meta", requests=requests, operations=operations, state=RunState.PARTLY, error="Something lacks.")
    assert said in texts(open_page())


def test_the_newest_run_comes_first(host: Host, active: Run) -> None:
    """What is going on stands on top."""
    assert list(open_page().dataframe[0].value["State"]) == ["◌ Running", "✓ Done"]


def test_progress_is_shown_while_a_run_is_active(page_context: Context, active: Run) -> None:
    """A quarter of the parts is a quarter of the bar."""
    with page_context.host.store.read() as session:
        run = load_runs(session, DEFAULT_WORKSPACE, title=str, now=page_context.now(), limit=1)[0]
    assert (run.active, run.share, run.silent) == (True, 0.25, False)
    assert "10 of 40 parts · 4,211 rows · 40 s" in str(open_page().get("progress")[0].proto)


def test_a_run_that_ends_ends_the_watching(host: Host, active: Run) -> None:
    """Without an active run the page has no part that repeats, so it cannot ask for reruns for ever."""
    page = open_page()
    assert page.get("progress")
    change(host, "r-live", state=RunState.SUCCEEDED, finished_at=host.clock.now())
    page.run()
    assert not page.get("progress")
    assert list(page.dataframe[0].value["State"]) == ["✓ Done", "✓ Done"]


def test_a_silent_worker_is_said(host: Host, active: Run) -> None:
    """A run whose worker was killed does not look alive for ever."""
    change(host, "r-live", heartbeat_at=host.clock.now() - timedelta(minutes=5))
    assert "no sign of life" in texts(open_page())


def test_the_last_failure_shows_its_details(host: Host) -> None:
    """The error is in words, with the parts that failed and why."""
    change(host, "r-meta", state=RunState.PARTLY, error="One account could not be read.")
    with host.store.write() as session:
        session.add(
            Slice(
                workspace_id=DEFAULT_WORKSPACE,
                run_id="r-meta",
                account_id="act_1",
                stream="ad_daily",
                since=page_day(host),
                until=page_day(host),
                state=SliceState.FAILED,
                error="Too many requests.",
            )
        )
    page = open_page()
    assert "One account could not be read." in texts(page)
    failed = page.dataframe[1].value.iloc[0]
    assert (failed["Account"], failed["Days"], failed["Why"]) == ("Shop [DE] $", "21 Nov 2026", "Too many requests.")


def test_what_is_missing_says_when_it_is_tried_again(host: Host) -> None:
    """What passes by itself has a time, the rest needs somebody."""
    again = host.clock.now() + timedelta(minutes=15)
    change(host, "r-meta", state=RunState.PARTLY, error="Two parts.", retry_at=again)
    with host.store.write() as session:
        for kind in ("wait", "invalid"):
            session.add(
                Slice(
                    workspace_id=DEFAULT_WORKSPACE,
                    run_id="r-meta",
                    account_id=f"act_{kind}",
                    stream="ad_daily",
                    since=page_day(host),
                    until=page_day(host),
                    state=SliceState.FAILED,
                    error="No.",
                    error_kind=kind,
                )
            )
    page = open_page()
    assert "tried again by itself: 21 Nov 2026, 06:29 (Europe/Berlin)" in texts(page)
    table = page.dataframe[1].value.set_index("Account")["Tried again"]
    assert table["act_wait"] == "21 Nov 2026, 06:29 (Europe/Berlin)"
    assert table["act_invalid"] == "not by itself: it needs somebody"


def test_a_run_can_succeed_with_differences(page_context: Context) -> None:
    """The state says so, and the count is that of the run: not all of them are kept."""
    change(page_context.host, "r-meta", unexplained=700, differences=[{"known": None}])
    with page_context.host.store.read() as session:
        run = load_runs(session, DEFAULT_WORKSPACE, title=str, now=page_context.now(), limit=1)[0]
    assert (run.state_text, run.outcome) == ("≠ Differences", "succeeded with differences")
    assert run.remark == "700 unexplained differences"


def test_a_retry_says_which_one_it_is(host: Host) -> None:
    """And how far from the first try it is."""
    change(host, "r-meta", trigger=RunTrigger.RESUME, tries=2)
    assert open_page().dataframe[0].value.iloc[0]["Trigger"] == "Retry 2"


def test_cancelling_is_shown_until_the_run_ends(host: Host, active: Run) -> None:
    """Somebody has asked, and it stops within seconds."""
    change(host, "r-live", cancel_requested_at=host.clock.now())
    page = open_page()
    assert "is being cancelled; what was committed stays" in texts(page)
    assert page.dataframe[0].value.iloc[0]["Remark"] == "is being cancelled"


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"not_before": timedelta(hours=1)}, "waits until 21 Nov 2026, 07:14 (Europe/Berlin)"),
        ({"notes": ["waits for a worker with the plugin"]}, "has waited for 0.0 s: waits for a worker with"),
    ],
)
def test_a_queued_run_says_what_it_waits_for(host: Host, active: Run, values: dict[str, Any], said: str) -> None:
    """A time, or a worker and why none takes it."""
    now = host.clock.now()
    values = {name: now + value if isinstance(value, timedelta) else value for name, value in values.items()}
    change(host, "r-live", state=RunState.QUEUED, started_at=None, **values)
    assert said in texts(open_page())


def test_the_details_say_who_asked_and_who_did_it(host: Host) -> None:
    """The place in the queue, the process, and how often it was taken up."""
    change(host, "r-meta", state=RunState.PARTLY, error="x", priority=10, worker="box/7", attempts=3)
    assert "by hand, priority 10 · box/7 · taken up 3 times" in texts(open_page())
    change(host, "r-meta", trigger=RunTrigger.BACKFILL)
    assert "backfill, moved ahead" in texts(open_page())


def test_differences_are_sentences_and_the_unexplained_come_first() -> None:
    """A difference names the account, the days, both levels, the amount, and the reason where it is known."""
    base = {
        "account_id": "1",
        "finer": "ad_daily",
        "coarser": "campaign_daily",
        "metric": "cost_micros",
        "first_day": "2026-11-01",
        "last_day": "2026-11-03",
        "days": 3,
        "difference": "1230000",
    }
    known = base | {"known": "Archived ads are not listed."}
    unknown = base | {"known": None, "metric": "clicks", "difference": "-4", "last_day": "2026-11-01"}
    first, second = difference_sentences([known, unknown], {"1": "Shop"}, {"1": "EUR"}, Writer())
    assert first == "Shop, 2026-11-01: ad_daily has 4 more clicks than campaign_daily. The reason is not known."
    days = "2026-11-01 to 2026-11-03"
    assert second == f"Shop, {days}: campaign_daily has €1.23 more spend than ad_daily. Archived ads are not listed."


def page_day(host: Host) -> Any:
    return host.clock.now().date()
