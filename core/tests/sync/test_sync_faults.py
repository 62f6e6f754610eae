"""What goes wrong with one slice stays with it, is said, and is made good by the next run."""

from __future__ import annotations

import asyncio
import errno
import tracemalloc
from dataclasses import replace
from datetime import date, timedelta

import pyarrow as pa
import pytest
from sqlmodel import col, select

from adjoin.ads import v2
from adjoin.ads.datasets import arrow_schema
from adjoin.db.models import ConnectionState, FactFile, RunState, SliceState
from adjoin.errors import ErrorKind, PlatformError
from adjoin.facts import _parquet
from adjoin.sync import commit

START = date(2026, 3, 5)
TODAY = date(2026, 3, 15)


def refusal(kind, message="no", **options):
    return PlatformError(message, kind=kind, **options)


def of_a1(request):
    return request.account.id == "a1" and request.stream == "campaign_daily"


def times(house, when, fault, count):
    """Refuse the first `count` requests that `when` names."""
    left = [fault] * count

    def refuse(request):
        return left.pop() if when(request) and left else None

    house.platform.refuse = refuse


def heals(house):
    """The next run makes good what this one left out."""
    house.platform.refuse = lambda request: None
    house.platform.answer = lambda request: None
    house.clock.advance(3600)
    run = house.sync()
    assert (run.state, run.error) == (RunState.SUCCEEDED, None)
    house.assert_whole(START)
    assert house.stored_connection().state is ConnectionState.OK


class TestPlatform:
    @pytest.mark.parametrize("kind", [ErrorKind.RETRY, ErrorKind.RESTART])
    def test_a_passing_fault_is_repeated(self, house, kind):
        """The slice is read again from its start, after a growing pause, and no row comes twice."""
        times(house, of_a1, refusal(kind), 2)
        assert house.sync().state is RunState.SUCCEEDED
        house.assert_whole(START)
        assert house.clock.sleeps == [2.0, 4.0]
        assert len(house.platform.windows("campaign_daily")) == 3

    def test_a_fault_in_the_middle_of_a_slice_leaves_no_row_twice(self, house):
        """What had come before the fault is thrown away."""
        broken = []

        def answer(request):
            if not of_a1(request) or broken:
                return None
            return cut(request)

        def cut(request):
            broken.append(request)
            yield house.platform.batch("campaign_daily", house.platform.rows("campaign_daily", "a1", TODAY))
            raise refusal(ErrorKind.RETRY)

        house.platform.answer = answer
        run = house.sync()
        assert (run.state, run.rows) == (RunState.SUCCEEDED, 2 * (2 + 11 + 22))
        house.assert_whole(START)

    def test_a_fault_that_does_not_pass_fails_the_slice_alone(self, house):
        """After three tries the slice is left to the next run; all the others are committed."""
        times(house, of_a1, refusal(ErrorKind.RETRY, "the platform is down"), 99)
        run = house.sync()
        assert run.state is RunState.PARTLY
        assert run.error == "account a1, campaign_daily 2026-03-05 to 2026-03-15: the platform is down"
        assert run.slices_done == run.slices_total
        assert len(house.platform.windows("campaign_daily")) == 3
        assert house.committed("account_daily") == house.platform.truth("account_daily", START, TODAY)
        assert house.committed("campaign_daily") == house.platform.truth("campaign_daily", START, TODAY, "a2")
        assert house.covered("campaign_daily") == {}
        heals(house)

    @pytest.mark.parametrize(
        ("kind", "pauses"),
        [(ErrorKind.RETRY, [2.0, 4.0]), (ErrorKind.RESTART, [2.0, 4.0]), (ErrorKind.WAIT, [60.0, 60.0])],
    )
    def test_a_passing_fault_of_the_listing_is_repeated_too(self, house, kind, pauses):
        """A list of accounts whose pages came mixed up must not cost a run."""
        house.platform.listing_faults = [refusal(kind), refusal(kind)]
        assert house.sync().state is RunState.SUCCEEDED
        house.assert_whole(START)
        assert house.clock.sleeps == pauses

    def test_throttling_waits_as_told(self, house):
        """The pause is the platform's."""
        times(house, of_a1, refusal(ErrorKind.WAIT, retry_after=timedelta(seconds=77)), 1)
        assert house.sync().state is RunState.SUCCEEDED
        assert house.clock.sleeps == [77.0]

    def test_throttling_without_a_time_waits_a_minute(self, house):
        """Something must be waited."""
        times(house, of_a1, refusal(ErrorKind.WAIT), 1)
        assert house.sync().state is RunState.SUCCEEDED
        assert house.clock.sleeps == [60.0]

    def test_a_long_wait_is_left_to_the_next_run(self, house):
        """A run does not sit for hours on one slice."""
        times(house, of_a1, refusal(ErrorKind.WAIT, "come back later", retry_after=timedelta(hours=2)), 99)
        run = house.sync()
        assert (run.state, house.clock.sleeps) == (RunState.PARTLY, [])
        assert run.error == "account a1, campaign_daily 2026-03-05 to 2026-03-15: come back later"
        heals(house)

    def test_a_window_that_is_too_large_is_halved_until_it_fits(self, house):
        """Newest half first; the rows are exactly those of the whole, and the progress comes to its end."""
        house.platform.refuse = lambda request: (
            refusal(ErrorKind.SPLIT) if of_a1(request) and request.window.days > 3 else None
        )
        run = house.sync()
        assert run.state is RunState.SUCCEEDED
        house.assert_whole(START)
        states = [one.state for one in house.slices(run) if one.account_id == "a1" and one.stream == "campaign_daily"]
        assert states.count(SliceState.SPLIT) == 3
        assert states.count(SliceState.COMMITTED) == 4
        assert run.slices_done == run.slices_total == 6 + 6
        assert run.rows == 2 * (2 + 11 + 22)
        read = [one for one in house.platform.windows("campaign_daily") if one.days <= 3]
        assert max(one.until for one in read) == TODAY

    def test_a_day_that_is_too_large_fails_with_a_clear_message(self, house):
        """There is nothing smaller to ask for; the other days are committed."""
        worst = date(2026, 3, 9)
        house.platform.refuse = lambda request: (
            refusal(ErrorKind.SPLIT, "too much data")
            if of_a1(request) and request.window.since <= worst <= request.window.until
            else None
        )
        run = house.sync()
        assert run.state is RunState.PARTLY
        assert run.error == (
            "account a1, campaign_daily 2026-03-09 to 2026-03-09: too much data; a single day is the least that can "
            "be asked for"
        )
        assert set(house.covered("account_daily")) - set(house.covered("campaign_daily")) == {worst}
        assert run.slices_done == run.slices_total
        house.platform.asked.clear()
        heals(house)
        assert v2.DateWindow(since=worst, until=worst) in house.platform.windows("campaign_daily")

    def test_a_split_survives_a_kill(self, house):
        """A run killed after a split goes on with the halves; no day is read in two slices."""
        house.platform.refuse = lambda request: (
            refusal(ErrorKind.SPLIT) if of_a1(request) and request.window.days > 6 else None
        )
        house.interrupted(lambda request: of_a1(request) and request.window.days <= 6)
        run = house.resume()
        assert (run.state, run.slices_done) == (RunState.SUCCEEDED, run.slices_total)
        house.assert_whole(START)
        assert len(house.platform.windows("campaign_daily")) == 2

    def test_a_closed_account_leaves_the_others_alone(self, house):
        """It is said once, its other slices are not tried, and the other account is whole."""
        house.platform.concurrency = 1
        house.platform.refuse = lambda request: (
            refusal(ErrorKind.SKIP_ACCOUNT, "the account is closed") if request.account.id == "a1" else None
        )
        run = house.sync()
        assert (run.state, run.error) == (RunState.PARTLY, "account a1, campaigns: the account is closed")
        assert len([one for one in house.platform.asked if one.account.id == "a1"]) == 1
        assert run.slices_done == run.slices_total
        house.assert_whole(START, TODAY, "a2")
        assert house.stored_connection().state is ConnectionState.OK
        heals(house)

    @pytest.mark.parametrize("kind", [ErrorKind.RECONNECT, ErrorKind.REFRESH])
    def test_a_dead_authorisation_stops_the_asking(self, house, kind):
        """The connection waits for a person; what was read before is committed."""
        house.platform.concurrency = 1
        house.platform.refuse = lambda request: refusal(kind, "connect again") if request.account.id == "a2" else None
        run = house.sync()
        assert (run.state, run.error) == (RunState.PARTLY, "connect again")
        assert len([one for one in house.platform.asked if one.account.id == "a2"]) == 1
        assert house.stored_connection().state is ConnectionState.RECONNECT
        assert house.stored_connection().last_error == "connect again"
        house.assert_whole(START, TODAY, "a1")
        house.connect("new token")
        assert house.stored_connection().state is ConnectionState.OK
        heals(house)

    def test_a_listing_that_is_refused_fails_the_run(self, house):
        """Without accounts there is nothing to read; a dead token is noted here, too."""
        house.platform.listing_fault = refusal(ErrorKind.RECONNECT, "connect again")
        run = house.sync()
        assert (run.state, run.error, house.platform.asked) == (RunState.FAILED, "connect again", [])
        assert house.stored_connection().state is ConnectionState.RECONNECT

    def test_a_run_in_which_nothing_worked_has_failed(self, house):
        """Nothing committed, nothing claimed."""
        house.platform.concurrency = 1
        house.platform.refuse = lambda request: refusal(ErrorKind.INVALID, "no such field")
        run = house.sync()
        assert run.state is RunState.FAILED
        assert run.error == "account a1, campaigns: no such field (and 5 more)"
        assert len(run.notes) == 6
        stored = house.stored_connection()
        assert (stored.state, stored.last_sync_at) == (ConnectionState.ERROR, None)
        heals(house)

    def test_a_connection_that_was_switched_off_meanwhile_stays_off(self, house):
        """The operator's choice is not undone by the end of a run."""

        def refuse(request):
            with house.store.write() as session:
                stored = house.stored_connection()
                stored.state = ConnectionState.DISABLED
                session.add(stored)

        house.platform.refuse = refuse
        assert house.sync().state is RunState.SUCCEEDED
        assert house.stored_connection().state is ConnectionState.DISABLED


def _with(house, change):
    """Batches of account a1's campaigns, changed."""

    def answer(request):
        if not of_a1(request):
            return None
        window = request.window
        days = [window.since + timedelta(days=n) for n in range(window.days)]
        rows = [row for day in days for row in house.platform.rows("campaign_daily", "a1", day)]
        return change(house, rows)

    return answer


def _strange_column(house, rows):
    schema = arrow_schema("campaign_daily")
    column = schema.get_field_index("cost_micros")
    rows = [row | {"cost_micros": row["cost_micros"] / 1e6} for row in rows]
    schema = schema.set(column, pa.field("cost_micros", pa.float64()))
    return [v2.FactBatch(dataset="campaign_daily", rows=pa.RecordBatch.from_pylist(rows, schema=schema))]


def _one_changed(**change):
    return lambda house, rows: [house.platform.batch("campaign_daily", [*rows[:-1], rows[-1] | change])]


def _twice(house, rows):
    return [house.platform.batch("campaign_daily", rows), house.platform.batch("campaign_daily", rows[3:4])]


def _raises(house, rows):
    yield house.platform.batch("campaign_daily", rows[:5])
    raise RuntimeError("a bug")


def _exits(house, rows):
    raise SystemExit(3)
    yield


NONSENSE = [
    pytest.param(_strange_column, "column cost_micros is double instead of int64", id="off-schema"),
    pytest.param(_one_changed(account_id="a2"), "column account_id holds 'a2', and 'a1' was asked for", id="foreign"),
    pytest.param(
        _one_changed(date=date(2026, 3, 16)),
        "column date holds 2026-03-16, and 2026-03-05 to 2026-03-15 was asked for",
        id="outside",
    ),
    pytest.param(
        lambda house, rows: [v2.EntityBatch(entities=())],
        "yielded entities for campaign_daily, which gives campaign_daily",
        id="entities",
    ),
    pytest.param(
        lambda house, rows: [house.platform.batch("ad_daily", [])],
        "yielded ad_daily for campaign_daily, which gives campaign_daily",
        id="another dataset",
    ),
    pytest.param(lambda house, rows: ["rows"], "yielded str in Ads.read", id="no batch"),
    pytest.param(_raises, "plugin 'fake' raised RuntimeError in read: a bug", id="raises"),
    pytest.param(_exits, "tried to end the process", id="exits"),
]


class TestPlugin:
    @pytest.mark.parametrize(("change", "message"), NONSENSE)
    def test_nonsense_is_not_committed(self, house, change, message):
        """The message says what is off; days of before stay, other slices and accounts are committed."""
        house.sync(START, date(2026, 3, 8))
        house.platform.answer = _with(house, change)
        house.clock.advance(3600)
        run = house.sync(START, TODAY)
        assert run.state is RunState.PARTLY
        assert message in run.error
        assert run.error.startswith("account a1, campaign_daily 2026-03-05 to 2026-03-15: ")
        platform = house.platform
        assert house.committed("campaign_daily") == sorted(
            platform.truth("campaign_daily", START, date(2026, 3, 8), "a1")
            + platform.truth("campaign_daily", START, TODAY, "a2"),
            key=lambda row: (row["account_id"], row["date"], row["campaign_id"]),
        )
        assert house.committed("account_daily") == platform.truth("account_daily", START, TODAY)
        assert all(name.startswith("facts/") for name in house.files())
        heals(house)

    def test_a_row_that_comes_twice_keeps_the_whole_account_out(self, house):
        """It shows when the slices come together, so nothing of that account is committed; the others are."""
        house.platform.answer = _with(house, _twice)
        run = house.sync()
        assert run.state is RunState.PARTLY
        assert run.error == (
            "account a1 could not be committed: fake sent a row of campaign_daily twice for account a1: "
            "date 2026-03-06, campaign_id c2."
        )
        house.assert_whole(START, TODAY, "a2")
        assert house.covered("account_daily") == {}
        heals(house)

    def test_entities_of_another_account_are_refused(self, house):
        """A plugin cannot write into an account that it was not asked about."""
        house.platform.answer = lambda request: (
            [v2.EntityBatch(entities=(house.platform.campaign("a2", "c9"),))]
            if request.account.id == "a1" and request.window is None
            else None
        )
        run = house.sync()
        assert run.error == "account a1, campaigns: plugin 'fake' yielded entities of account 'a2' for account 'a1'"
        assert "c9" not in house.entities("a2")

    def test_a_plugin_that_hangs_loses_its_slice(self, house):
        """The deadline frees the run; the other account is whole."""
        registry, info = house.kernel._hooks[v2.Ads.read]
        house.kernel._hooks[v2.Ads.read] = (registry, replace(info, timeout=1.0))
        house.platform.hold = of_a1
        run = house.sync()
        assert run.state is RunState.PARTLY
        assert run.error == (
            "account a1, campaign_daily 2026-03-05 to 2026-03-15: plugin 'fake' gave no batch in read within 1 s"
        )
        house.platform.hold = lambda request: False
        heals(house)

    def test_an_unknown_time_zone_leaves_the_others_alone(self, house):
        """Without a zone there is no day to ask for."""
        house.platform.listing[0] = house.platform.account("a1", time_zone="Mars/Olympus")
        run = house.sync()
        assert run.state is RunState.PARTLY
        assert run.error == (
            "account a1 was not read: Fake gives it the time zone 'Mars/Olympus', which does not exist"
        )
        house.assert_whole(START, TODAY, "a2")

    def test_an_account_that_is_listed_twice_fails_the_run(self, house):
        """Which of the two would be right?"""
        house.platform.listing.append(house.platform.account("a1"))
        run = house.sync()
        assert (run.state, run.error) == (RunState.FAILED, "plugin 'fake' listed account 'a1' more than once")

    def test_a_dataset_that_does_not_exist_fails_its_slices_alone(self, house):
        """A plugin made for a later release is no reason to read nothing."""
        streams = house.platform.streams
        house.platform.streams = (*streams, v2.Stream(name="hourly", kind="facts"))
        run = house.sync()
        assert run.state is RunState.PARTLY
        assert "There is no dataset 'hourly'" in run.error
        house.platform.streams = streams
        house.assert_whole(START)

    def test_what_the_database_cannot_take_fails_its_slice_alone(self, any_house):
        """Text that is none of any encoding must not end the whole run."""
        house = any_house
        house.platform.answer = lambda request: (
            [v2.EntityBatch(entities=(house.platform.campaign("a1", "c\ud800"),))]
            if request.account.id == "a1" and request.window is None
            else None
        )
        run = house.sync()
        assert run.state is RunState.PARTLY
        assert run.error.startswith("account a1, campaigns: unexpected ")
        house.assert_whole(START)

    @pytest.mark.parametrize("concurrency", [0, 50])
    def test_any_concurrency_is_served(self, house, concurrency):
        """None at once would be nothing at all, and many at once would fill the plugin's lane."""
        house.platform.concurrency = concurrency
        house.platform.streams = tuple(replace(one, max_window_days=1) for one in house.platform.streams)
        assert house.sync().state is RunState.SUCCEEDED
        house.assert_whole(START)


class TestDisk:
    @pytest.mark.parametrize("folder", ["staging", "facts"])
    def test_a_folder_that_cannot_be_written_fails_the_run(self, house, folder):
        """One clear error, nothing half committed, and the next run heals."""
        (house.home / folder).write_text("in the way")
        run = house.sync()
        assert run.state is RunState.FAILED
        assert run.error.startswith(f"Cannot write fact files in {house.home / folder}")
        assert house.committed("account_daily") == []
        assert house.stored_connection().state is ConnectionState.ERROR
        (house.home / folder).unlink()
        heals(house)

    @pytest.mark.parametrize("after", range(9))
    def test_a_full_disk(self, house, monkeypatch, after):
        """Wherever it strikes, while staging or committing: clear, whole accounts or nothing, healed afterwards."""
        left = [None] * after
        real = _parquet.os.fsync

        def fsync(handle):
            if not left:
                raise OSError(errno.ENOSPC, "No space left on device")
            left.pop()
            real(handle)

        with monkeypatch.context() as patch:
            patch.setattr(_parquet.os, "fsync", fsync)
            run = house.sync()
        assert run.state in (RunState.FAILED, RunState.PARTLY)
        assert run.error.endswith("the disk is full; free some space and try again.")
        for dataset in ("account_daily", "campaign_daily"):
            accounts = {row["account_id"] for row in house.committed(dataset)}
            assert house.committed(dataset) == (
                house.platform.truth(dataset, START, TODAY, *accounts) if accounts else []
            )
        assert len(house.files()) == len({*house.files()} & _current(house))
        heals(house)

    def test_a_disk_that_fills_during_the_commit_leaves_the_account_as_it_was(self, house, monkeypatch):
        """The first month's file was written already: it goes again."""
        house.platform.listing = house.platform.listing[:1]
        house.sync(START, date(2026, 3, 8))
        before = house.committed("account_daily"), house.files()
        original, done = commit.replace_month, []

        def replace_month(*args, **options):
            if done:
                raise _parquet.StateError("Cannot write fact files: the disk is full; free some space and try again.")
            done.append(True)
            return original(*args, **options)

        with monkeypatch.context() as patch:
            patch.setattr(commit, "replace_month", replace_month)
            run = house.sync(START, TODAY)
        assert run.state is RunState.FAILED
        assert (house.committed("account_daily"), house.files()) == before
        heals(house)

    def test_a_staged_file_that_is_damaged_before_the_commit(self, house, monkeypatch):
        """It is not used: the account stays out and is said, and the other one is whole."""
        original = commit.AccountCommit.commit

        def damage(self, account):
            if account.id == "a1":
                (piece, *_) = [one for one in self._slices(account) if one.staged]
                (house.home / piece.staged[0]["path"]).write_bytes(b"PAR1")
            return original(self, account)

        with monkeypatch.context() as patch:
            patch.setattr(commit.AccountCommit, "commit", damage)
            run = house.sync()
        assert run.state is RunState.PARTLY
        assert "account a1 could not be committed" in run.error
        assert "is damaged" in run.error
        house.assert_whole(START, TODAY, "a2")
        heals(house)

    def test_a_staging_folder_that_cannot_be_cleared_is_no_failure(self, house, monkeypatch):
        """The figures are in; the rest is housekeeping."""
        with monkeypatch.context() as patch:
            patch.setattr("shutil.rmtree", _refuse)
            assert house.sync().state is RunState.SUCCEEDED


def _refuse(*_args, **_options):
    raise PermissionError(errno.EACCES, "Permission denied")


def _current(house):
    with house.store.read() as session:
        return set(session.exec(select(col(FactFile.path))))


def test_memory_stays_bounded(house):
    """Three hundred thousand rows flow through without being held."""
    size, count = 10_000, 30
    schema = arrow_schema("campaign_daily")

    def many(request):
        if request.stream != "campaign_daily" or request.account.id != "a1":
            return []
        return (one(n) for n in range(count))

    def one(number):
        columns = {field.name: pa.nulls(size, field.type) for field in schema}
        columns["date"] = pa.array([TODAY] * size, pa.date32())
        columns["account_id"] = pa.array(["a1"] * size)
        columns["campaign_id"] = pa.array([f"c{number * size + n:07d}" for n in range(size)])
        columns["clicks"] = pa.array(range(size), pa.int64())
        return v2.FactBatch(
            dataset="campaign_daily", rows=pa.RecordBatch.from_arrays([columns[n] for n in schema.names], schema=schema)
        )

    house.platform.answer = many
    pool = pa.default_memory_pool()
    peak = [0]
    seen = house.facts.stage

    def stage(**options):
        writer = seen(**options)
        append = writer.append

        def watched(batch):
            append(batch)
            peak[0] = max(peak[0], pool.bytes_allocated() - before)

        writer.append = watched
        return writer

    house.facts.stage = stage
    before = pool.bytes_allocated()
    tracemalloc.start()
    try:
        run = house.sync(TODAY, TODAY)
        _, python_peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    whole = count * one(0).rows.nbytes
    assert (run.state, run.rows) == (RunState.SUCCEEDED, size * count)
    assert peak[0] < whole / 2
    assert python_peak < 30_000_000


def test_one_bad_run_does_not_stop_the_others(house, monkeypatch):
    """What nobody thought of ends its own run, with a note where to look."""
    run = house.enqueue()
    monkeypatch.setattr(house.connections, "client", _surprise)
    asyncio.run(house.executor.run_until_idle())
    ended = house.book.get("default", run.id)
    assert (ended.state, ended.error) == (RunState.FAILED, "unexpected ZeroDivisionError; see the log")


def _surprise(connection):
    raise ZeroDivisionError
