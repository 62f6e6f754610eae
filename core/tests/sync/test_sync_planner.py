"""What a run reads: the days that are new, may be restated, or are missing, and nothing else."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adjoin.ads import v2
from adjoin.sync.planner import (
    CHUNK_DAYS,
    Listing,
    account_today,
    days_in_reach,
    newest_unread,
    plan_account,
    windows_of,
)

NOW = datetime(2026, 3, 15, 12, tzinfo=UTC)
TODAY = date(2026, 3, 15)
DAY = timedelta(days=1)


def window(since, until):
    return v2.DateWindow(since=since, until=until)


def facts(**options):
    return v2.Stream(**({"name": "ad_daily", "kind": "facts", "look_back": (v2.LookBack(days=3),)} | options))


def shop(zone="UTC"):
    return v2.Account(id="a1", name="Shop", currency="EUR", time_zone=zone)


def platform(*streams):
    return v2.Description(title="P", base_url="", api_version="1", auth=v2.Auth(), streams=streams)


def planned(*streams, now=NOW, zone="UTC", start=date(2026, 1, 1), fetched=None, **options):
    return plan_account(shop(zone), platform(*streams), now=now, history_start=start, fetched=fetched or {}, **options)


def windows(*streams, **options):
    return [piece.window for piece in planned(*streams, **options)]


def read(since, until, at):
    """A dataset whose days were all read at one moment."""
    return {"ad_daily": {since + n * DAY: at for n in range((until - since).days + 1)}}


def days_of(found):
    return {one.since + n * DAY for one in found for n in range(one.days)}


def test_the_first_sync_reads_all_history_newest_first():
    """From the start of history to today, by calendar months."""
    assert windows(facts(), start=date(2026, 1, 20)) == [
        window(date(2026, 3, 1), TODAY),
        window(date(2026, 2, 1), date(2026, 2, 28)),
        window(date(2026, 1, 20), date(2026, 1, 31)),
    ]


def test_entities_come_first_and_facts_by_their_days():
    """What rows refer to is there before them; then all streams of a month before the month before."""
    found = planned(
        facts(), v2.Stream(name="ads", kind="entities"), facts(name="account_daily"), start=date(2026, 2, 1)
    )
    assert [(piece.stream, piece.window and piece.window.until.month) for piece in found] == [
        ("ads", None),
        ("ad_daily", 3),
        ("account_daily", 3),
        ("ad_daily", 2),
        ("account_daily", 2),
    ]


def test_retention_clips():
    """Days that the platform does not answer for are not asked for."""
    assert windows(facts(retention_days=10)) == [window(date(2026, 3, 5), TODAY)]
    assert windows(facts(retention_days=10), asked=window(date(2026, 2, 1), TODAY)) == [window(date(2026, 3, 5), TODAY)]


def test_history_that_begins_in_the_future_is_empty():
    """Nothing to read is nothing, and no error."""
    assert windows(facts(), start=date(2026, 4, 1)) == []


def test_a_tier_is_due_when_its_interval_has_passed():
    """Three days each run, ten days daily, thirty days weekly."""
    stream = facts(
        look_back=(v2.LookBack(days=3), v2.LookBack(days=10, every=DAY), v2.LookBack(days=30, every=7 * DAY))
    )

    def ages(passed):
        fetched = read(date(2026, 1, 1), TODAY, NOW - passed)
        return sorted((TODAY - day).days for day in days_of(windows(stream, fetched=fetched)))

    assert ages(timedelta(hours=6)) == [0, 1, 2]
    assert ages(DAY) == [*range(10), 30]  # and once more what has left the last tier since
    assert ages(7 * DAY) == [*range(37)]


def test_a_daily_tier_keeps_to_a_daily_schedule():
    """A run at the same hour reads the tier, although the last one had read a few minutes after its start."""
    stream = facts(look_back=(v2.LookBack(days=10, every=DAY),))
    fetched = read(date(2026, 1, 1), TODAY, NOW - DAY + timedelta(minutes=20))
    assert {TODAY - n * DAY for n in range(10)} <= days_of(windows(stream, fetched=fetched))


def test_a_day_is_read_a_last_time_after_it_has_left_the_horizon():
    """After a standstill, days that were last read while they could change are read once more, then never."""
    stream = facts()
    fetched = read(date(2026, 2, 1), date(2026, 3, 1), datetime(2026, 3, 1, 12, tzinfo=UTC))
    found = windows(stream, start=date(2026, 2, 1), fetched=fetched)
    assert min(days_of(found)) == date(2026, 2, 27)  # two days old when it was read
    again = {"ad_daily": fetched["ad_daily"] | dict.fromkeys(days_of(found), NOW)}
    later = windows(stream, start=date(2026, 2, 1), fetched=again, now=NOW + 10 * DAY)
    assert min(days_of(later)) == date(2026, 3, 13)


def test_a_day_that_was_not_over_is_read_again_even_where_nothing_is_restated():
    """A platform without look-back still has half a day when we ask at noon."""
    stream = facts(look_back=())
    fetched = read(date(2026, 3, 1), date(2026, 3, 14), datetime(2026, 3, 14, 12, tzinfo=UTC))
    assert windows(stream, start=date(2026, 3, 1), fetched=fetched) == [window(date(2026, 3, 14), TODAY)]
    assert windows(stream, start=date(2026, 3, 1), fetched=read(date(2026, 3, 1), TODAY, NOW)) == []


def test_gaps_are_found():
    """Days that are missing in the middle are read, whatever the reason for which they are missing."""
    fetched = read(date(2026, 1, 1), TODAY, NOW)
    for day in (date(2026, 1, 10), date(2026, 1, 11), date(2026, 2, 5)):
        del fetched["ad_daily"][day]
    assert windows(facts(), fetched=fetched) == [
        window(date(2026, 3, 13), TODAY),
        window(date(2026, 2, 5), date(2026, 2, 5)),
        window(date(2026, 1, 10), date(2026, 1, 11)),
    ]


def test_datasets_are_planned_one_by_one():
    """What one dataset has is no reason to leave out another one."""
    fetched = read(date(2026, 3, 1), TODAY, NOW)
    found = planned(facts(), facts(name="account_daily"), start=date(2026, 3, 1), fetched=fetched)
    assert {piece.stream: piece.window for piece in found} == {
        "ad_daily": window(date(2026, 3, 13), TODAY),
        "account_daily": window(date(2026, 3, 1), TODAY),
    }


@pytest.mark.parametrize(
    ("zone", "hour", "today"),
    [
        ("UTC", 12, 15),
        ("Pacific/Kiritimati", 9, 15),
        ("Pacific/Kiritimati", 10, 16),
        ("America/Los_Angeles", 6, 14),
        ("America/Los_Angeles", 7, 15),
        ("Asia/Kolkata", 18, 15),
        ("Asia/Kolkata", 19, 16),
    ],
)
def test_today_is_the_accounts_own(zone, hour, today):
    """The last day is the one it is where the account is, ahead of UTC or behind."""
    now = datetime(2026, 3, 15, hour, tzinfo=UTC)
    account = v2.Account(id="a1", name="Shop", currency="EUR", time_zone=zone)
    assert account_today(account, now) == date(2026, 3, today)
    (found,) = windows(facts(), zone=zone, now=now, start=date(2026, 3, 1))
    assert found.until == date(2026, 3, today)


class TestAsked:
    def test_asked_days_are_read_whether_they_are_due_or_not(self):
        """Exactly these days."""
        fetched = read(date(2026, 1, 1), TODAY, NOW)
        asked = window(date(2026, 2, 26), date(2026, 3, 2))
        assert windows(facts(), fetched=fetched, asked=asked) == [
            window(date(2026, 3, 1), date(2026, 3, 2)),
            window(date(2026, 2, 26), date(2026, 2, 28)),
        ]

    def test_they_end_today(self):
        """There is nothing to read of tomorrow."""
        assert windows(facts(), asked=window(date(2026, 3, 14), date(2026, 3, 20))) == [
            window(date(2026, 3, 14), TODAY)
        ]

    def test_the_future_is_empty(self):
        """No window is the wrong way round."""
        assert windows(facts(), asked=window(date(2026, 4, 1), date(2026, 4, 3))) == []

    def test_they_may_lie_before_the_start_of_history(self):
        """The operator may reach back further than the first sync does."""
        asked = window(date(2025, 12, 30), date(2025, 12, 31))
        assert windows(facts(), asked=asked) == [asked]


def test_windows_are_no_longer_than_the_platform_allows():
    """Days are joined up to the limit of the stream."""
    assert windows(facts(max_window_days=7), start=date(2026, 3, 1)) == [
        window(date(2026, 3, 15), TODAY),
        window(date(2026, 3, 8), date(2026, 3, 14)),
        window(date(2026, 3, 1), date(2026, 3, 7)),
    ]


def test_a_limit_below_one_day_means_single_days():
    """A window holds a day at least."""
    assert windows_of([TODAY, TODAY - DAY], 0) == [window(TODAY - DAY, TODAY - DAY), window(TODAY, TODAY)]


DAYS = st.dates(date(2025, 11, 1), date(2026, 3, 31))


@given(st.lists(DAYS, max_size=120), st.integers(1, 40))
def test_windows_are_disjoint_ordered_and_exact(days, longest):
    """They cover each day once, and no other day; each lies in one month and is as long as allowed at most."""
    found = windows_of(days, longest)
    covered = [one.since + n * DAY for one in found for n in range(one.days)]
    assert covered == sorted(set(days))
    assert all(1 <= one.days <= longest for one in found)
    assert all((one.since.year, one.since.month) == (one.until.year, one.until.month) for one in found)


TIERS = st.lists(st.tuples(st.integers(1, 40), st.sampled_from([0, 1, 7])), max_size=3)
READ = st.dictionaries(DAYS, st.datetimes(datetime(2025, 11, 1), datetime(2026, 3, 15, 12)), max_size=150)  # noqa: DTZ001


@given(TIERS, READ, st.integers(1, 31), st.sampled_from(["UTC", "Asia/Tokyo", "America/New_York"]))
def test_a_plan_covers_exactly_the_days_that_are_due(tiers, fetched, longest, zone):
    """Never read, in a tier whose time has come, or not read since they became final: these days, each once."""
    stream = facts(
        look_back=tuple(v2.LookBack(days=n, every=every * DAY) for n, every in tiers), max_window_days=longest
    )
    when = {day: at.replace(tzinfo=UTC) for day, at in fetched.items()}
    account = v2.Account(id="a1", name="Shop", currency="EUR", time_zone=zone)
    start, today = date(2026, 1, 1), account_today(account, NOW)
    found = windows(stream, fetched={"ad_daily": when}, start=start, zone=zone)
    listed = [one.since + n * DAY for one in found for n in range(one.days)]
    assert len(listed) == len(set(listed))
    horizon = max([n for n, _ in tiers] + [1])
    for n in range((today - start).days + 1):
        day = start + n * DAY
        age = n - (today - start).days
        at = when.get(day)
        due = at is None or any(-age < days and NOW - at >= every * DAY * 0.9 for days, every in tiers)
        if at is not None and -age >= horizon:
            due = (account_today(account, at) - day).days < horizon
        assert (day in listed) == due
    assert all(start <= day <= today for day in listed)
    assert [one.until for one in found] == sorted([one.until for one in found], reverse=True)


class TestChunks:
    def test_of_a_long_history_the_newest_months_are_read_first(self):
        """About a quarter, in whole months, as the files are; what is older is left."""
        found = windows(facts(), start=date(2024, 6, 10))
        assert found[0] == window(date(2026, 3, 1), TODAY)
        assert found[-1] == window(date(2025, 12, 1), date(2025, 12, 31))
        assert CHUNK_DAYS <= len(days_of(found)) < CHUNK_DAYS + 31

    @pytest.mark.parametrize(("days", "first"), [(122, 122), (123, 105)])
    def test_a_small_rest_is_no_run_of_its_own(self, days, first):
        """A third of a chunk more is read along."""
        assert len(days_of(windows(facts(), start=TODAY - (days - 1) * DAY))) == first

    def test_what_may_be_restated_is_read_besides(self):
        """However old the gaps are, the look-back window is never left out for them."""
        fetched = read(date(2026, 3, 1), TODAY, NOW - DAY)
        found = days_of(windows(facts(), start=date(2024, 6, 10), fetched=fetched))
        assert {TODAY, TODAY - DAY, TODAY - 2 * DAY} <= found
        assert min(found) == date(2025, 11, 1)

    def test_backfill_reads_what_was_never_read_and_nothing_else(self):
        """Up to its day: no list of entities, and no day that is there already."""
        fetched = read(date(2026, 1, 10), date(2026, 1, 20), NOW - 9 * DAY)
        entities = v2.Stream(name="ads", kind="entities")
        found = planned(facts(), entities, fetched=fetched, backfill_until=date(2026, 1, 31))
        assert {piece.stream for piece in found} == {"ad_daily"}
        assert [piece.window for piece in found] == [
            window(date(2026, 1, 21), date(2026, 1, 31)),
            window(date(2026, 1, 1), date(2026, 1, 9)),
        ]

    def test_days_that_were_asked_for_come_all_at_once(self):
        """A person who names days waits for them."""
        asked = window(date(2025, 1, 1), TODAY)
        assert len(days_of(windows(facts(), asked=asked))) == asked.days

    def test_the_newest_unread_day_is_where_backfill_begins(self):
        streams = facts(), facts(name="account_daily", retention_days=30)
        known = {"ad_daily": {date(2026, 3, 15) - n * DAY for n in range(40)}, "account_daily": set()}

        def newest(**options):
            return newest_unread(
                shop(), platform(*streams), now=NOW, history_start=date(2026, 1, 1), read=known, **options
            )

        assert newest() == TODAY
        assert newest(until=date(2026, 3, 10)) == date(2026, 3, 10)
        assert newest(streams=["ad_daily"]) == date(2026, 2, 3)
        assert newest(until=date(2026, 2, 10)) == date(2026, 2, 3)  # the platform answers for 30 days of the other
        assert newest(until=date(2025, 12, 31)) is None


@given(
    READ,
    st.dates(date(2025, 1, 1), date(2026, 4, 1)),
    st.integers(1, 60),
    st.one_of(st.none(), st.integers(1, 300)),
    st.sampled_from(["UTC", "Asia/Tokyo", "America/New_York"]),
)
def test_enough_runs_read_every_missing_day_exactly_once(fetched, start, chunk, retention, zone):
    """The first run and the backfill after it, each from the newest day that is still missing, come to an end.

    Together they plan each day within reach that was never read once, newest runs first, and no other day twice.
    """
    stream = facts(retention_days=retention)
    when = {day: at.replace(tzinfo=UTC) for day, at in fetched.items()}
    today = account_today(shop(zone), NOW)
    missing = {day for day in days_in_reach(stream, today, start) if day not in when}
    runs, until, known = [], None, dict(when)
    while True:
        options = {"now": NOW, "history_start": start}
        plan = plan_account(
            shop(zone),
            platform(stream),
            fetched={"ad_daily": known},
            backfill_until=until,
            chunk_days=chunk,
            **options,
        )
        listed = [piece.window.since + n * DAY for piece in plan for n in range(piece.window.days)]
        assert len(listed) == len(set(listed))
        runs.append(set(listed) - set(when))
        read = {"ad_daily": known.keys() | set(listed)}
        older = newest_unread(shop(zone), platform(stream), read=read, until=until, **options)
        known |= dict.fromkeys(listed, NOW)
        if older is None:
            break
        assert until is None or older < until
        until = older
    for newer, older_run in pairwise(runs):
        assert min(newer) > max(older_run)
    assert sum(map(len, runs)) == len(missing)
    assert set().union(*runs) == missing


HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("complete_at", "asked_at", "since"),
    [
        (NOW - 6 * HOUR, NOW - 2 * HOUR, NOW - 2 * HOUR - HOUR / 2),
        (NOW - 6 * HOUR, NOW - 6 * HOUR, NOW - 6 * HOUR - HOUR / 2),
        (NOW - 23 * HOUR, NOW - 2 * HOUR, None),  # what the platform has forgotten shows in a complete listing alone
        (None, NOW - 2 * HOUR, None),
        (NOW + HOUR, NOW + HOUR, None),  # the platform's clock was put back
    ],
)
def test_changed_entities_are_asked_for_where_all_were_listed_within_a_day(complete_at, asked_at, since):
    """With half an hour more than the time passed, as platforms list changes late."""
    stream = v2.Stream(name="ads", kind="entities", incremental=True)
    listed = {"ads": Listing(asked_at=asked_at, complete_at=complete_at)}
    assert [piece.updated_since for piece in planned(stream, listed=listed)] == [since]


def test_a_list_that_cannot_give_changes_is_read_whole():
    listed = {"ads": Listing(asked_at=NOW, complete_at=NOW)}
    assert [piece.updated_since for piece in planned(v2.Stream(name="ads", kind="entities"), listed=listed)] == [None]
