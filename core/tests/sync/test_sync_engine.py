"""A sync brings in exactly what the platform says, and replaces what it has restated."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from adjoin.ads import v2
from adjoin.contract import hookimpl
from adjoin.db.models import ConnectionState, RunState, RunTrigger
from adjoin.surface import v1 as surface

TODAY = date(2026, 3, 15)
START = date(2026, 3, 5)  # ten days of history


def test_what_comes_in_is_what_the_platform_has(any_house):
    """Every row of every account and dataset, exactly, and nothing else."""
    any_house.history_days = 20
    run = any_house.sync()
    assert (run.state, run.error) == (RunState.SUCCEEDED, None)
    start = date(2026, 2, 23)
    any_house.assert_whole(start)
    assert run.rows == 2 * (2 + 21 + 2 * 21)  # campaigns, then rows per account, then rows per campaign
    assert run.slices_done == run.slices_total
    assert set(any_house.covered("account_daily")) == {start + timedelta(days=n) for n in range(21)}
    stored = any_house.stored_connection()
    assert (stored.state, stored.last_error, stored.last_sync_at) == (ConnectionState.OK, None, any_house.clock.now())


def test_nothing_is_left_in_the_staging_folder(house):
    """Files that are not current are not kept on the disk once a run has ended."""
    house.sync()
    assert all(name.startswith("facts/") for name in house.files())


def test_a_second_sync_reads_the_look_back_and_no_more(house):
    """Days that the platform does not restate any more are not asked for again."""
    house.sync()
    house.platform.asked.clear()
    house.clock.advance(3600)
    house.sync()
    assert house.platform.windows("campaign_daily") == [v2.DateWindow(since=date(2026, 3, 13), until=TODAY)]
    house.assert_whole(START)


def test_restated_days_are_replaced(any_house):
    """Changed rows change, new rows come, rows that vanished on the platform vanish here."""
    house = any_house
    house.sync()
    usual = house.platform.clicks

    def restated(account_id, day):
        if day < date(2026, 3, 13):
            return usual(account_id, day)
        return {"c1": 1000, "c3": 5} if day == date(2026, 3, 14) else {}

    house.platform.clicks = restated
    house.clock.advance(3600)
    assert house.sync().state is RunState.SUCCEEDED
    house.assert_whole(START)
    campaigns = [row["campaign_id"] for row in house.committed("campaign_daily") if row["date"] >= date(2026, 3, 13)]
    assert campaigns == ["c1", "c3"] * 2


def test_an_account_without_results_is_read_all_the_same(house):
    """A day without a row is covered: it is not asked for again as a gap."""
    house.platform.clicks = lambda account_id, day: {}
    assert house.sync().state is RunState.SUCCEEDED
    assert house.committed("campaign_daily") == []
    assert len(house.covered("campaign_daily")) == 11


def test_days_that_were_asked_for_are_read_again(house):
    """`--since` and `--until` read these days and no others, and add to what is there."""
    house.history_days = 13
    house.sync()
    house.platform.asked.clear()
    run = house.sync(date(2026, 2, 25), date(2026, 3, 2))
    assert run.state is RunState.SUCCEEDED
    assert set(house.platform.windows("account_daily")) == {
        v2.DateWindow(since=date(2026, 3, 1), until=date(2026, 3, 2)),
        v2.DateWindow(since=date(2026, 2, 25), until=date(2026, 2, 28)),
    }
    house.assert_whole(date(2026, 2, 25))


def test_days_out_of_reach_are_said(house):
    """Asking for days that the platform does not answer for is no silent success."""
    house.platform.streams = tuple(
        v2.Stream(name=one.name, kind=one.kind, retention_days=30) for one in house.platform.streams
    )
    run = house.sync(date(2025, 1, 1), date(2025, 1, 5))
    assert run.state is RunState.FAILED
    assert run.error == (
        "2025-01-01 to 2025-01-05 has no day that can be read: the platform answers from 2026-02-13 on "
        "(Fake; today is 2026-03-15 there)"
    )
    partly = house.sync(date(2026, 2, 1), date(2026, 2, 15))
    assert partly.state is RunState.SUCCEEDED
    assert partly.notes == [
        "not all of 2026-02-01 to 2026-02-15 can be read: the platform answers from 2026-02-13 on (Fake)"
    ]
    assert set(house.covered("account_daily")) == {date(2026, 2, day) for day in (13, 14, 15)}


def test_a_run_can_be_limited_to_accounts_and_streams(house):
    """Neither the others' days nor their entities are touched."""
    house.book.enqueue(
        workspace_id=house.connection.workspace_id,
        connection_id=house.connection.id,
        trigger=RunTrigger.PERSON,
        now=house.clock.now(),
        accounts=["a2"],
        streams=["campaign_daily"],
    )
    assert house.execute(house.take()).state is RunState.SUCCEEDED
    assert {(one.account.id, one.stream) for one in house.platform.asked} == {("a2", "campaign_daily")}
    assert {row["account_id"] for row in house.committed("campaign_daily")} == {"a2"}
    assert house.entities("a2") == {}


def test_accounts_that_are_not_read_are_said(house):
    """A disabled account is reported in every run, a vanished one when it goes, and the others are read."""
    platform = house.platform
    platform.listing = [
        platform.account("a1"),
        platform.account("a2", status=v2.AccountStatus.DISABLED, native_status="ACCOUNT_DISABLED", readable=False),
        platform.account("a3"),
    ]
    first = house.sync()
    assert first.state is RunState.SUCCEEDED
    assert "account a2 (Shop a2) is not read: ACCOUNT_DISABLED" in first.notes
    assert house.account("a2").note == "not read: ACCOUNT_DISABLED"
    platform.listing = platform.listing[:2]
    house.clock.advance(3600)
    second = house.sync()
    assert [note for note in second.notes if "a3" in note] == [
        "account a3 (Shop a3) is gone: the platform does not list this account for the connection any more"
    ]
    assert house.account("a3").gone_at == house.clock.now()
    assert {row["account_id"] for row in house.committed("account_daily")} == {"a1", "a3"}  # history stays
    platform.listing = [platform.account("a3")]
    house.sync()
    assert (house.account("a3").gone_at, house.account("a3").note) == (None, None)


def test_an_account_that_is_not_selected_is_not_read(house):
    """The operator's choice stands, whatever the platform lists."""
    with house.store.write() as session:
        stored = house.account("a2")
        stored.selected = False
        session.add(stored)
    house.sync()
    assert {one.account.id for one in house.platform.asked} == {"a1"}


def test_entities_that_are_not_listed_any_more_are_marked_and_come_back(any_house):
    """What vanished is kept with the moment that it was missed; listed again, it is there again."""
    house = any_house
    house.sync()
    house.platform.campaigns = lambda account_id: ("c1", "c3")
    house.clock.advance(3600)
    house.sync()
    found = house.entities()
    assert {one.id: one.gone_at is not None for one in found.values()} == {"c1": False, "c2": True, "c3": False}
    assert found["c2"].gone_at == house.clock.now()
    house.platform.campaigns = lambda account_id: ("c1", "c2", "c3")
    house.clock.advance(3600)
    house.sync()
    again = house.entities()
    assert {one.gone_at for one in again.values()} == {None}
    assert again["c2"].first_seen_at == found["c2"].first_seen_at


def test_a_listing_that_breaks_off_marks_nothing_as_gone(house):
    """Only a complete listing can say that something is missing."""
    house.sync()

    def broken(request):
        if request.window is not None:
            return None
        yield v2.EntityBatch(entities=(house.platform.campaign(request.account.id, "c1"),))
        raise RuntimeError("cut")

    house.platform.answer = broken
    house.clock.advance(3600)
    assert house.sync().state is RunState.PARTLY
    assert house.entities()["c2"].gone_at is None


def test_what_did_not_change_is_neither_asked_for_again_nor_gone(any_house):
    """Changed entities come between the complete listings of each day; only those can say that something is gone."""
    house = any_house
    house.platform.streams = tuple(
        replace(stream, incremental=True) if stream.kind == "entities" else stream for stream in house.platform.streams
    )
    house.sync()
    house.platform.asked.clear()
    house.platform.answer = lambda request: (
        [v2.EntityBatch(entities=(house.platform.campaign("a1", "c2", daily_budget_micros=5),))]
        if request.updated_since is not None and request.account.id == "a1"
        else None
    )
    first = house.clock.now()
    house.clock.advance(6 * 3600)
    house.sync()
    asked = {one.account.id: one.updated_since for one in house.platform.asked if one.window is None}
    assert set(asked.values()) == {first - timedelta(minutes=30)}
    found = house.entities()
    assert {one.id: (one.gone_at, one.detail) for one in found.values()} == {
        "c1": (None, {}),
        "c2": (None, {"daily_budget_micros": 5}),
    }
    house.platform.asked.clear()
    house.platform.campaigns = lambda account_id: ("c2",)
    house.clock.advance(18 * 3600)
    house.sync()
    assert {one.updated_since for one in house.platform.asked} == {None}
    assert house.entities()["c1"].gone_at == house.clock.now()


def _off(house, dataset, day, change):
    """Let one dataset differ on a day."""
    platform = house.platform

    def answer(request):
        if request.stream != dataset:
            return None
        window = v2.DateWindow(since=request.window.since, until=request.window.until)
        found = [
            row
            for n in range(window.days)
            for row in platform.rows(dataset, request.account.id, window.since + timedelta(days=n))
        ]
        for row in found:
            if row["date"] == day and row["account_id"] == "a1":
                row["clicks"] += change
                break
        return [platform.batch(dataset, found)]

    platform.answer = answer


class TestReconciliation:
    def test_grains_that_agree_have_no_differences(self, house):
        """No news is good news."""
        assert house.sync().differences == []

    def test_an_unknown_difference_is_shown(self, house):
        """Where the sums of two grains differ the run says where, how much, and on which days."""
        _off(house, "campaign_daily", date(2026, 3, 10), +7)
        run = house.sync()
        assert run.state is RunState.SUCCEEDED
        assert run.differences == [
            {
                "account_id": "a1",
                "currency": "EUR",
                "finer": "campaign_daily",
                "coarser": "account_daily",
                "metric": "clicks",
                "first_day": "2026-03-10",
                "last_day": "2026-03-10",
                "days": 1,
                "difference": "-7",
                "largest": "-7",
                "known": None,
                "against": "new",
            }
        ]

    @pytest.mark.parametrize(("change", "known"), [(-7, "rows without a campaign"), (+7, None)])
    def test_a_known_gap_explains_what_is_missing_and_not_what_is_too_much(self, house, change, known):
        """The platform is known to hide rows at the finer grain, not to invent them."""
        house.platform.known_gaps = {"campaign_daily<account_daily": "rows without a campaign"}
        _off(house, "campaign_daily", date(2026, 3, 10), change)
        assert [one["known"] for one in house.sync().differences] == [known]

    def test_today_is_left_out(self, house):
        """The platform counts on while we read, so today's sums need not agree."""
        _off(house, "campaign_daily", TODAY, +7)
        assert house.sync().differences == []

    def test_today_is_the_accounts_own(self, house):
        """Where the account's day has not ended yet, it is still moving there."""
        house.platform.listing = [house.platform.account("a1", time_zone="America/Los_Angeles")]
        house.clock.advance(14 * 3600)  # the 16th in UTC, still the 15th in Los Angeles
        _off(house, "campaign_daily", TODAY, +7)
        assert house.sync().differences == []


def test_today_is_what_the_platform_says(house):
    """A machine whose clock is wrong reads the days that the platform has."""
    seen = []
    original = house.connections.client

    def client(connection):
        made = original(connection)
        made._clock.hear("Fri, 15 Sep 2023 12:00:00 GMT")
        seen.append(made.now())
        return made

    house.connections.client = client
    house.sync()
    assert seen[0] == datetime(2023, 9, 15, 12, tzinfo=UTC)
    assert max(one.until for one in house.platform.windows("account_daily")) == date(2023, 9, 15)
    assert max(house.covered("account_daily").values()) == datetime(2023, 9, 15, 12, tzinfo=UTC)
    house.platform.asked.clear()
    house.sync()
    assert house.platform.windows("account_daily") == [v2.DateWindow(since=date(2023, 9, 13), until=date(2023, 9, 15))]


def test_staged_days_count_as_read_when_they_were_read(house):
    """A run that was interrupted for days does not make its first half newer than it is."""
    begun = house.clock.now()
    house.interrupted(lambda request: request.account.id == "a2" and request.stream == "campaign_daily")
    house.clock.advance(3 * 86400)
    house.resume()
    assert house.covered("account_daily", "a2")[TODAY] == begun
    assert house.covered("campaign_daily", "a2")[TODAY] == house.clock.now()
    house.platform.asked.clear()
    house.sync()
    assert house.platform.windows("campaign_daily")[0] == v2.DateWindow(
        since=date(2026, 3, 13), until=date(2026, 3, 18)
    )


def test_surface_plugins_hear_of_the_end(house):
    """`sync.finished` reaches every plugin that listens, and one that fails changes nothing."""
    heard = []

    class Listener:
        @hookimpl
        def on_event(self, event: surface.Event) -> None:
            heard.append(event)

    class Broken:
        @hookimpl
        async def on_event(self, event: surface.Event) -> None:
            raise RuntimeError("no")

    house.kernel.add("listener", "surface", 1, Listener())
    house.kernel.add("broken", "surface", 1, Broken())
    run = house.enqueue()
    asyncio.run(house.executor.run_until_idle())
    (event,) = heard
    assert (event.name, event.workspace_id, event.at) == ("sync.finished", "default", house.clock.now())
    assert event.data == {"run_id": run.id, "connection_id": house.connection.id, "state": "succeeded"}
    assert house.book.get("default", run.id).state is RunState.SUCCEEDED


def test_fractions_and_large_numbers_survive(house):
    """Counts beyond 32 bits and conversions with nine digits arrive as they are."""
    house.platform.clicks = lambda account_id, day: {"c1": 2**32 + 1}
    house.sync()
    (row, *_) = house.committed("campaign_daily")
    assert row["cost_micros"] == (2**32 + 1) * 1_000_003
    house.assert_whole(START)
