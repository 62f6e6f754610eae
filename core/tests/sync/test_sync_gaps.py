"""Each day of a calendar stands as it does: what should be there is there, or said to be missing."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import col, delete

from adjoin.ads import v2
from adjoin.db import cover
from adjoin.db.models import Account, Coverage
from adjoin.errors import ErrorKind, PlatformError, UnknownName
from adjoin.sync.gaps import DayState, calendars

TODAY = date(2026, 3, 15)
START = date(2026, 3, 5)
DAY = timedelta(days=1)


def spans(calendar):
    return [(str(one.since), str(one.until), str(one.state)) for one in calendar.spans]


def read(house, **options):
    return calendars(
        house.store,
        house.connections.describe,
        workspace_id="default",
        now=house.clock.now(),
        history_days=house.history_days,
        **options,
    )


def one(house, account="a1", dataset="campaign_daily", **options):
    (found,) = read(house, accounts=[account], datasets=[dataset], **options)
    return found


def lose(house, *days, account="a1", dataset="campaign_daily"):
    with house.store.write() as session:
        session.exec(
            delete(Coverage).where(
                col(Coverage.day).in_(days), col(Coverage.account_id) == account, col(Coverage.dataset) == dataset
            )
        )


def test_after_a_sync_every_day_is_there(any_house):
    any_house.sync()
    found = read(any_house)
    assert [(one.account_id, one.dataset) for one in found] == [
        ("a1", "account_daily"),
        ("a1", "campaign_daily"),
        ("a2", "account_daily"),
        ("a2", "campaign_daily"),
    ]
    for calendar in found:
        assert spans(calendar) == [("2026-03-05", "2026-03-15", "covered")]
        assert (calendar.missing_days, calendar.gaps) == (0, ())
        assert (calendar.platform, calendar.account_name) == ("fake", f"Shop {calendar.account_id}")


def test_before_the_first_sync_every_day_is_missing(house):
    assert spans(one(house)) == [("2026-03-05", "2026-03-15", "missing")]


def test_a_hole_is_found_to_the_day(any_house):
    house = any_house
    house.sync()
    lose(house, date(2026, 3, 7), date(2026, 3, 8), date(2026, 3, 12))
    found = one(house)
    assert spans(found) == [
        ("2026-03-05", "2026-03-06", "covered"),
        ("2026-03-07", "2026-03-08", "missing"),
        ("2026-03-09", "2026-03-11", "covered"),
        ("2026-03-12", "2026-03-12", "missing"),
        ("2026-03-13", "2026-03-15", "covered"),
    ]
    assert (found.missing_days, len(found.gaps)) == (3, 2)
    assert one(house, "a2").missing_days == one(house, dataset="account_daily").missing_days == 0
    house.sync()
    assert one(house).missing_days == 0


def test_days_that_failed_say_why(any_house):
    house = any_house
    house.platform.refuse = lambda request: (
        PlatformError("too much data", kind=ErrorKind.INVALID)
        if request.stream == "campaign_daily" and request.account.id == "a1"
        else None
    )
    house.sync()
    (span,) = one(house).spans
    assert (span.state, span.reason, span.days) == (DayState.FAILED, "too much data", 11)
    assert one(house, "a2").missing_days == 0
    house.clock.advance(20 * 86400)  # so long ago, it is no news any more
    assert {span.reason for span in one(house).spans} == {""}


def test_retention_history_and_the_future_are_told_apart(house):
    """What cannot be is no gap."""
    house.platform.streams = tuple(replace(one, retention_days=8) for one in house.platform.streams)
    house.sync()
    assert spans(one(house, since=date(2026, 3, 1), until=date(2026, 3, 17))) == [
        ("2026-03-01", "2026-03-06", "beyond_retention"),
        ("2026-03-07", "2026-03-15", "covered"),
        ("2026-03-16", "2026-03-17", "to_come"),
    ]
    house.platform.streams = tuple(replace(one, retention_days=None) for one in house.platform.streams)
    assert spans(one(house, since=date(2026, 3, 3), until=date(2026, 3, 8))) == [
        ("2026-03-03", "2026-03-04", "before_history"),
        ("2026-03-05", "2026-03-06", "missing"),
        ("2026-03-07", "2026-03-08", "covered"),
    ]


def test_what_was_read_before_history_began_later_is_still_there(house):
    """The calendar reaches back to it."""
    house.sync()
    with house.store.write() as session:
        stored = house.stored_connection()
        stored.history_start = date(2026, 3, 10)
        session.add(stored)
    lose(house, date(2026, 3, 6))
    assert spans(one(house)) == [
        ("2026-03-05", "2026-03-05", "covered"),
        ("2026-03-06", "2026-03-06", "before_history"),
        ("2026-03-07", "2026-03-15", "covered"),
    ]


def test_what_a_run_is_about_to_read_is_under_way(any_house):
    """Days of a long history are no gaps while the runs that read them are queued."""
    house = any_house
    house.history_days = 200
    house.sync()
    assert spans(one(house)) == [("2025-08-27", "2025-11-30", "under_way"), ("2025-12-01", "2026-03-15", "covered")]
    asyncio.run(house.executor.run_until_idle())
    assert spans(one(house)) == [("2025-08-27", "2026-03-15", "covered")]
    lose(house, date(2026, 3, 7), date(2026, 3, 9))
    house.enqueue(date(2026, 3, 8), date(2026, 3, 9))
    assert [span[2] for span in spans(one(house, since=date(2026, 3, 7), until=date(2026, 3, 9)))] == [
        "missing",
        "covered",
        "under_way",
    ]


def test_today_is_the_platforms_and_the_accounts_own(house):
    """As the runs count it, whatever our clock says."""
    house.platform.listing = [house.platform.account("a1", time_zone="Pacific/Kiritimati")]
    original = house.connections.client

    def client(connection):
        made = original(connection)
        made._clock.hear("Fri, 15 Sep 2023 12:00:00 GMT")
        return made

    house.connections.client = client
    house.sync()
    assert spans(one(house)) == [("2023-09-06", "2023-09-16", "covered")]


def test_datasets_that_come_along_with_others_have_a_calendar_of_their_own(house):
    house.platform.streams = tuple(
        replace(one, yields=("conversion_daily",)) if one.name == "campaign_daily" else one
        for one in house.platform.streams
    )
    house.sync()
    lose(house, date(2026, 3, 7), dataset="conversion_daily")
    assert one(house, dataset="conversion_daily").missing_days == 1
    assert one(house).missing_days == 0


def test_accounts_that_are_not_read_have_no_calendar(house):
    house.sync()
    with house.store.write() as session:
        account = session.get_one(Account, ("default", "fake", "a2"))
        account.selected = False
        session.add(account)
    assert {one.account_id for one in read(house)} == {"a1"}


def test_what_is_not_asked_for_is_left_out(house):
    house.sync()
    assert read(house, platform="other") == read(house, connection_id="other") == []
    assert {one.dataset for one in read(house, datasets=["account_daily"])} == {"account_daily"}


def test_a_platform_without_plugin_is_left_out(house):
    def unknown(platform):
        raise UnknownName("no such plugin")

    assert calendars(house.store, unknown, workspace_id="default", now=house.clock.now(), history_days=10) == []


def test_an_account_without_a_day_is_left_out(house):
    """Its zone does not exist, as its runs say."""
    house.platform.listing[0] = house.platform.account("a1", time_zone="Mars/Olympus")
    house.sync()
    assert {one.account_id for one in read(house)} == {"a2"}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None)
@given(
    st.sets(st.dates(date(2026, 2, 1), date(2026, 3, 15))),
    st.dates(date(2026, 1, 20), date(2026, 3, 20)),
    st.one_of(st.none(), st.integers(1, 60)),
    st.dates(date(2026, 1, 20), date(2026, 3, 25)),
    st.integers(0, 70),
)
def test_a_calendar_holds_each_day_once_and_as_it_stands(house, there, start, retention, first, length):
    """Against the rules written out day by day."""
    house.platform.streams = (v2.Stream(name="account_daily", kind="facts", retention_days=retention),)
    with house.store.write() as session:
        session.exec(delete(Coverage))
        stored = house.stored_connection()
        stored.history_start = start
        session.add(stored)
        cover(
            session,
            workspace_id="default",
            platform="fake",
            account_id="a1",
            dataset="account_daily",
            days=there,
            run_id="run",
            fetched_at=datetime(2026, 3, 15, tzinfo=UTC),
        )
    last = first + length * DAY
    found = one(house, dataset="account_daily", since=first, until=last)
    listed = {span.since + n * DAY: span.state for span in found.spans for n in range(span.days)}
    assert sum(span.days for span in found.spans) == len(listed)
    assert list(listed) == [first + n * DAY for n in range(length + 1)]
    for day, state in listed.items():
        assert state == (
            DayState.COVERED
            if day in there
            else DayState.TO_COME
            if day > TODAY
            else DayState.BEYOND_RETENTION
            if retention is not None and day < TODAY - retention * DAY
            else DayState.BEFORE_HISTORY
            if day < start
            else DayState.MISSING
        )
    assert all(left.state is not right.state for left, right in pairwise(found.spans))


def test_what_the_calendar_calls_missing_is_what_the_next_run_reads(house):
    """The calendar and the planner agree to the day."""
    house.sync()
    lose(house, date(2026, 3, 6), date(2026, 3, 10))
    missing = {span.since + n * DAY for span in one(house).gaps for n in range(span.days)}
    house.platform.asked.clear()
    house.clock.advance(60)
    house.sync()
    asked = {w.since + n * DAY for w in house.platform.windows("campaign_daily") for n in range(w.days)}
    assert missing == {date(2026, 3, 6), date(2026, 3, 10)}
    assert asked == missing | {TODAY - n * DAY for n in range(3)}
