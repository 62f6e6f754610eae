"""What a run leaves out is tried again, after a while, where that may help, and not for ever."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from threading import Barrier

import pytest
from sqlmodel import select

from adjoin.db.models import ConnectionState, Run, RunState, RunTrigger, SliceState
from adjoin.errors import ErrorKind, PlatformError, PluginBusy, PluginTimeout, SecretError, StateError, WrongResult
from adjoin.sync.retries import BACKOFF, Missing, missing_from, queue_retries, retry_time
from adjoin.sync.verdict import Failure, Progress, judge

NOW = datetime(2026, 3, 15, 12, tzinfo=UTC)
START, TODAY = date(2026, 3, 5), date(2026, 3, 15)
MINUTE = timedelta(minutes=1)


def refuse(house, *accounts, kind=ErrorKind.RETRY, stream="campaign_daily", **options):
    """Let the platform fail on a stream of these accounts."""

    def refuse(request):
        if request.account.id in accounts and request.stream == stream:
            return PlatformError("it is down", kind=kind, **options)
        return None

    house.platform.refuse = refuse


def runs(house):
    with house.store.read() as session:
        return sorted(session.exec(select(Run)), key=lambda run: run.created_at)


def due(house):
    return queue_retries(house.store, now=house.clock.now())


def test_the_pauses_grow_and_end():
    """Five tries, each after a longer pause; what the platform asks for is kept."""
    assert [retry_time(tries, now=NOW) for tries in range(6)] == [*(NOW + pause for pause in BACKOFF), None]
    assert list(BACKOFF) == sorted(BACKOFF)
    assert retry_time(0, now=NOW, wait=timedelta(hours=2)) == NOW + timedelta(hours=2)
    assert retry_time(0, now=NOW, wait=MINUTE) == NOW + BACKOFF[0]


@pytest.mark.parametrize(
    ("fatal", "again"),
    [
        (PlatformError("x", kind=ErrorKind.RETRY), True),
        (PlatformError("x", kind=ErrorKind.WAIT), True),
        (PlatformError("x", kind=ErrorKind.RESTART), True),
        (PlatformError("x", kind=ErrorKind.RECONNECT), False),
        (PlatformError("x", kind=ErrorKind.REFRESH), False),
        (PlatformError("x", kind=ErrorKind.INVALID), False),
        (StateError("the disk is full"), True),
        (PluginTimeout("x", plugin="p"), True),
        (PluginBusy("x", plugin="p"), True),
        (WrongResult("x", plugin="p"), False),
        (SecretError("no key"), False),
    ],
)
def test_what_ended_the_run_decides_alone(fatal, again):
    """However many passing faults there were besides: with a dead token they would only fail again."""
    progress = Progress(failures=[Failure(text="x", kind=ErrorKind.RETRY)], committed=3, fatal=fatal)
    verdict = judge(progress, tries=0, now=NOW)
    assert (verdict.retry_at is not None) == again
    assert (verdict.state, verdict.error) == (RunState.PARTLY, str(fatal))


@pytest.mark.parametrize("kind", ["skip_account", "invalid", "plugin", "unexpected", "split", "reconnect"])
def test_what_waiting_cannot_repair_is_not_tried_again(kind):
    verdict = judge(Progress(failures=[Failure(text="x", kind=kind)]), tries=0, now=NOW)
    assert (verdict.state, verdict.retry_at) == (RunState.FAILED, None)


def test_a_whole_run_is_not_tried_again(house):
    run = house.sync()
    assert (run.state, run.retry_at) == (RunState.SUCCEEDED, None)
    house.clock.advance(86400)
    assert due(house) == []


class TestPartly:
    def test_it_says_what_is_missing_and_when_it_is_tried_again(self, any_house):
        """The rest is committed; the run names its gap to the day."""
        house = any_house
        refuse(house, "a1")
        run = house.sync()
        assert (run.state, run.tries) == (RunState.PARTLY, 0)
        assert run.retry_at == run.finished_at + BACKOFF[0]
        assert missing_from(house.store, "default", run.id) == [
            Missing(
                account_id="a1",
                stream="campaign_daily",
                since=START,
                until=TODAY,
                reason="it is down",
                passing=True,
            )
        ]

    def test_it_is_tried_again_for_what_is_missing(self, any_house):
        """When its time has come, once, for the accounts that failed; and the gap is filled."""
        house = any_house
        refuse(house, "a1")
        first = house.sync()
        assert due(house) == []
        house.clock.advance(BACKOFF[0].total_seconds())
        (again,) = due(house)
        assert due(house) == []
        run = house.book.get("default", again)
        assert (run.trigger, run.retry_of, run.tries, run.accounts) == (RunTrigger.RESUME, first.id, 1, ["a1"])
        assert house.book.retry_of(first).id == again
        assert house.book.get("default", first.id).retry_at is None
        house.platform.refuse = lambda request: None
        house.platform.asked.clear()
        assert house.execute(house.take()).state is RunState.SUCCEEDED
        assert {one.account.id for one in house.platform.asked} == {"a1"}
        house.assert_whole(START)
        house.clock.advance(86400)
        assert due(house) == []

    def test_it_is_tried_five_times_with_growing_pauses(self, house):
        refuse(house, "a1")
        house.sync()
        ended = []
        while (last := runs(house)[-1]).retry_at is not None:
            ended.append(last.retry_at - last.finished_at)
            house.clock.advance((last.retry_at - house.clock.now()).total_seconds())
            due(house)
            house.execute(house.take())
        assert ended == list(BACKOFF)
        assert [run.tries for run in runs(house)] == [0, 1, 2, 3, 4, 5]

    def test_the_platforms_wait_is_kept(self, house):
        refuse(house, "a1", kind=ErrorKind.WAIT, retry_after=timedelta(hours=2))
        run = house.sync()
        assert run.retry_at == run.finished_at + timedelta(hours=2)

    def test_only_accounts_in_which_something_may_pass_are_tried_again(self, house):
        """A closed account stays closed."""

        def refuse(request):
            kind = ErrorKind.SKIP_ACCOUNT if request.account.id == "a1" else ErrorKind.RETRY
            return PlatformError("no", kind=kind) if request.stream == "campaign_daily" else None

        house.platform.refuse = refuse
        run = house.sync()
        assert [(one.account_id, one.passing) for one in missing_from(house.store, "default", run.id)] == [
            ("a1", False),
            ("a2", True),
        ]
        house.clock.advance(600)
        (again,) = due(house)
        assert house.book.get("default", again).accounts == ["a2"]

    def test_days_that_were_asked_for_are_asked_for_again(self, house):
        refuse(house, "a2")
        house.sync(date(2026, 2, 1), date(2026, 2, 3))
        house.clock.advance(600)
        (again,) = due(house)
        run = house.book.get("default", again)
        assert (run.since, run.until, run.accounts) == (date(2026, 2, 1), date(2026, 2, 3), ["a2"])

    def test_a_listing_that_failed_is_tried_again_for_all(self, house):
        house.platform.listing_fault = PlatformError("down", kind=ErrorKind.RETRY)
        run = house.sync()
        assert (run.state, run.slices_total) == (RunState.FAILED, 0)
        house.clock.advance(600)
        (again,) = due(house)
        assert house.book.get("default", again).accounts is None

    def test_a_disk_that_was_full_is_tried_again(self, house):
        """Slices that the run did not come to any more count as missing."""
        (house.home / "staging").write_text("in the way")
        run = house.sync()
        assert run.state is RunState.FAILED
        assert {one.account_id for one in missing_from(house.store, "default", run.id)} == {"a1", "a2"}
        (house.home / "staging").unlink()
        house.clock.advance(600)
        (again,) = due(house)
        assert house.execute(house.take()).id == again
        house.assert_whole(START)

    def test_staged_rows_that_are_not_used_are_said_to_be_missing(self, house):
        """An account whose rows came twice has nothing committed; what was staged of it is no success."""
        rows = house.platform.rows

        def twice(request):
            if request.account.id != "a1" or request.stream != "campaign_daily":
                return None
            found = rows("campaign_daily", "a1", TODAY)
            return [house.platform.batch("campaign_daily", found)] * 2

        house.platform.answer = twice
        run = house.sync()
        states = {one.account_id: set() for one in house.slices(run)}
        for one in house.slices(run):
            states[one.account_id].add(one.state)
        assert states == {
            "a1": {SliceState.COMMITTED, SliceState.FAILED},
            "a2": {SliceState.COMMITTED},
        }
        assert run.retry_at is None


class TestQueueing:
    def test_a_connection_that_is_busy_comes_later(self, any_house):
        """One active run per connection, and the retry is not lost."""
        house = any_house
        refuse(house, "a1")
        house.sync()
        house.clock.advance(600)
        house.enqueue(date(2026, 3, 1), date(2026, 3, 1))
        assert due(house) == []
        house.execute(house.take())
        assert len(due(house)) == 1

    @pytest.mark.parametrize("state", [ConnectionState.RECONNECT, ConnectionState.DISABLED])
    def test_a_connection_that_waits_for_a_person_is_left_alone(self, house, state):
        refuse(house, "a1")
        house.sync()
        with house.store.write() as session:
            stored = house.stored_connection()
            stored.state = state
            session.add(stored)
        house.clock.advance(600)
        assert due(house) == []

    def test_a_run_that_reads_everything_makes_it_needless(self, house):
        """The retry is forgotten when that one begins, but not that of days which were asked for."""
        refuse(house, "a1")
        limited = house.sync(date(2026, 2, 1), date(2026, 2, 3))
        partly = house.sync()
        house.enqueue()
        house.take()
        assert house.book.get("default", partly.id).retry_at is None
        assert house.book.get("default", limited.id).retry_at is not None

    def test_a_limited_run_does_not(self, house):
        refuse(house, "a1")
        partly = house.sync()
        house.sync(date(2026, 2, 1), date(2026, 2, 1))
        assert house.book.get("default", partly.id).retry_at is not None

    def test_two_who_queue_at_once_queue_one(self, any_house):
        """Two schedulers, one retry."""
        house = any_house
        refuse(house, "a1")
        house.sync()
        house.clock.advance(600)
        barrier = Barrier(3)

        def queue(_):
            barrier.wait(10)
            return due(house)

        with ThreadPoolExecutor(3) as pool:
            found = [run_id for ids in pool.map(queue, range(3)) for run_id in ids]
        assert len(found) == 1
        assert len(runs(house)) == 2
