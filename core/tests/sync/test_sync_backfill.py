"""A long history comes in newest first, by several runs, and is whole in the end, whatever happens between."""

from __future__ import annotations

import asyncio
from datetime import date, timedelta

from sqlmodel import col, delete, select

from adjoin.ads import v2
from adjoin.db.models import Coverage, Run, RunState, RunTrigger
from adjoin.errors import ErrorKind, PlatformError
from adjoin.sync.retries import queue_retries

TODAY = date(2026, 3, 15)
DAY = timedelta(days=1)


def long_history(house, days=300):
    house.history_days = days
    house.platform.streams = tuple(
        v2.Stream(name=one.name, kind=one.kind, look_back=one.look_back, max_window_days=92)
        for one in house.platform.streams
    )
    return TODAY - days * DAY


def runs(house):
    with house.store.read() as session:
        return sorted(session.exec(select(Run)), key=lambda run: (run.created_at, -(run.until or date.max).toordinal()))


def until_idle(house):
    asyncio.run(house.executor.run_until_idle())


def test_a_long_history_comes_newest_first_and_is_whole_in_the_end(any_house):
    """The first run reads fresh figures; each run after it begins where the last one stopped."""
    house = any_house
    start = long_history(house)
    first = house.sync()
    assert first.state is RunState.SUCCEEDED
    assert min(house.covered("campaign_daily")) == date(2025, 12, 1)
    queued = runs(house)[-1]
    assert (queued.trigger, queued.state, queued.since, queued.until) == (
        RunTrigger.BACKFILL,
        RunState.QUEUED,
        None,
        date(2025, 11, 30),
    )
    house.platform.asked.clear()
    until_idle(house)
    house.assert_whole(start)
    assert [run.state for run in runs(house)] == [RunState.SUCCEEDED] * 3
    assert [run.id for run in house.book.backfill_after(first)] == [run.id for run in runs(house)[1:]]
    asked = [one.window for one in house.platform.asked]
    assert None not in asked  # lists of entities came with the first run
    days = [window.since + n * DAY for window in house.platform.windows("account_daily") for n in range(window.days)]
    assert sorted(days) == [start + n * DAY for n in range((date(2025, 12, 1) - start).days)]


def test_nothing_follows_a_short_history(house):
    house.sync()
    assert len(runs(house)) == 1


def test_a_history_start_of_the_connections_own(house):
    """It may be set earlier later on: what is missing comes in with the next syncs."""
    long_history(house, days=20)
    house.sync()
    with house.store.write() as session:
        stored = house.stored_connection()
        stored.history_start = date(2025, 8, 15)
        session.add(stored)
    house.enqueue()
    until_idle(house)
    house.assert_whole(date(2025, 8, 15))


def test_retention_is_the_end_of_history(house):
    """Days that the platform does not answer for are never asked for, however far back history goes."""
    long_history(house, days=400)
    house.platform.streams = tuple(
        v2.Stream(name=one.name, kind=one.kind, retention_days=150, max_window_days=92)
        for one in house.platform.streams
    )
    house.enqueue()
    until_idle(house)
    assert min(one.since for one in house.platform.windows("account_daily")) == TODAY - 150 * DAY
    house.assert_whole(TODAY - 150 * DAY)


def test_a_killed_run_still_has_its_history_read(any_house):
    """What is left to backfill does not depend on the attempt that made the plan."""
    house = any_house
    start = long_history(house)
    house.interrupted(lambda request: request.account.id == "a2" and request.stream == "campaign_daily")
    run = house.resume()
    assert run.state is RunState.SUCCEEDED
    assert runs(house)[-1].until == date(2025, 11, 30)
    until_idle(house)
    house.assert_whole(start)


def test_one_bad_account_does_not_hold_up_the_history_of_the_others(house):
    """It is said, each run goes on, and there is an end to it."""
    start = long_history(house)
    house.platform.refuse = lambda request: (
        PlatformError("closed", kind=ErrorKind.SKIP_ACCOUNT) if request.account.id == "a1" else None
    )
    house.enqueue()
    until_idle(house)
    assert [run.state for run in runs(house)] == [RunState.PARTLY] * 3
    house.assert_whole(start, TODAY, "a2")


def test_days_that_fail_for_now_are_made_good(house):
    """The history goes on below them, and a retry reads them where they are."""
    start = long_history(house)
    worst = date(2025, 10, 10)

    def refuse(request):
        if request.window is not None and request.window.since <= worst <= request.window.until:
            return PlatformError("down", kind=ErrorKind.RETRY)
        return None

    house.platform.refuse = refuse
    house.enqueue()
    until_idle(house)
    assert [run.state for run in runs(house)] == [RunState.SUCCEEDED, RunState.PARTLY, RunState.SUCCEEDED]
    house.platform.refuse = lambda request: None
    house.clock.advance(600)
    (again,) = queue_retries(house.store, now=house.clock.now())
    assert house.book.get("default", again).until == date(2025, 11, 30)
    until_idle(house)
    house.assert_whole(start)


def test_a_run_that_failed_queues_nothing(house):
    """Backfill of a platform that is down would only fail as well."""
    long_history(house)
    house.platform.refuse = lambda request: PlatformError("no", kind=ErrorKind.INVALID)
    assert house.sync().state is RunState.FAILED
    assert len(runs(house)) == 1


def test_a_limited_run_is_followed_by_limited_ones(house):
    start = long_history(house)
    house.book.enqueue(
        workspace_id="default",
        connection_id=house.connection.id,
        trigger=RunTrigger.PERSON,
        now=house.clock.now(),
        accounts=["a2"],
        streams=["account_daily"],
    )
    until_idle(house)
    assert {(tuple(run.accounts), tuple(run.streams)) for run in runs(house)} == {(("a2",), ("account_daily",))}
    assert min(house.covered("account_daily", "a2")) == start
    assert house.covered("account_daily", "a1") == house.covered("campaign_daily", "a2") == {}


def test_fresh_figures_do_not_wait_for_history(house):
    """A slot that meets queued backfill makes a full run of it; the history goes on after that one."""
    start = long_history(house)
    house.sync()
    house.clock.advance(86400)
    run = house.enqueue(trigger=RunTrigger.SCHEDULE)
    assert (run.trigger, run.priority, run.until) == (RunTrigger.SCHEDULE, 0, None)
    house.platform.asked.clear()
    house.execute(house.take())
    assert max(one.until for one in house.platform.windows("account_daily")) == TODAY + DAY
    until_idle(house)
    assert house.committed("campaign_daily") == house.platform.truth("campaign_daily", start + DAY, TODAY + DAY)


def test_gaps_within_reach_are_found_and_filled(any_house):
    """Whatever the reason for which days are missing: the next run reads them, and no other old day."""
    house = any_house
    house.history_days = 60
    house.sync()
    gone = [date(2026, 1, 20), date(2026, 1, 21), date(2026, 2, 3)]
    with house.store.write() as session:
        session.exec(delete(Coverage).where(col(Coverage.day).in_(gone), col(Coverage.account_id) == "a1"))
    house.platform.asked.clear()
    house.clock.advance(3600)
    house.sync()
    assert {str(one) for one in house.platform.windows("account_daily")} == {
        "2026-03-13 to 2026-03-15",
        "2026-02-03 to 2026-02-03",
        "2026-01-20 to 2026-01-21",
    }
    assert set(gone) <= set(house.covered("account_daily"))
    assert [str(one) for one in house.platform.windows("account_daily", "a2")] == ["2026-03-13 to 2026-03-15"]


def test_a_dataset_that_a_newer_plugin_yields_besides_is_missing_in_the_past(house):
    """Days that were read before it was there are read again for it, once."""
    house.sync()
    house.platform.streams = tuple(
        v2.Stream(name=one.name, kind=one.kind, look_back=one.look_back, yields=("conversion_daily",))
        if one.name == "campaign_daily"
        else one
        for one in house.platform.streams
    )
    house.platform.asked.clear()
    house.clock.advance(3600)
    house.sync()
    assert [str(one) for one in house.platform.windows("campaign_daily")] == ["2026-03-05 to 2026-03-15"]
    assert [str(one) for one in house.platform.windows("account_daily")] == ["2026-03-13 to 2026-03-15"]
    assert set(house.covered("conversion_daily")) == set(house.covered("campaign_daily"))
    house.platform.asked.clear()
    house.clock.advance(3600)
    house.sync()
    assert [str(one) for one in house.platform.windows("campaign_daily")] == ["2026-03-13 to 2026-03-15"]


def test_a_full_run_lists_all_entities(house):
    """Where an ordinary one would ask for changes."""
    house.platform.streams = (
        v2.Stream(name="campaigns", kind="entities", incremental=True),
        *house.platform.streams[1:],
    )
    house.sync()
    for full in (False, True):
        house.platform.asked.clear()
        house.clock.advance(3600)
        house.book.enqueue(
            workspace_id="default",
            connection_id=house.connection.id,
            trigger=RunTrigger.PERSON,
            now=house.clock.now(),
            full=full,
        )
        house.execute(house.take())
        since = {one.updated_since for one in house.platform.asked if one.window is None}
        assert (since == {None}) == full


def test_history_that_comes_in_does_not_hide_what_failed(house):
    """The connection says what is wrong, and when fresh figures came last, until a run makes that good."""
    long_history(house)
    house.platform.refuse = lambda request: (
        PlatformError("down", kind=ErrorKind.RETRY)
        if request.account.id == "a1" and request.window is not None and request.window.until == TODAY
        else None
    )
    house.sync()
    before = house.stored_connection()
    assert before.last_error is not None
    house.clock.advance(60)
    until_idle(house)
    assert [run.state for run in runs(house)] == [RunState.PARTLY, RunState.SUCCEEDED, RunState.SUCCEEDED]
    after = house.stored_connection()
    assert (after.last_error, after.last_sync_at) == (before.last_error, before.last_sync_at)
    house.platform.refuse = lambda request: None
    house.clock.advance(600)
    queue_retries(house.store, now=house.clock.now())
    until_idle(house)
    assert house.stored_connection().last_error is None
