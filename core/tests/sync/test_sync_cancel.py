"""A run that nobody wants any more ends within seconds, and what it had committed stays."""

from __future__ import annotations

import asyncio
import threading
from datetime import date

import pytest

from adjoin.db.models import ConnectionState, RunState
from adjoin.errors import BadInput, Fenced, UnknownName
from adjoin.sync.engine import Engine

START, TODAY = date(2026, 3, 5), date(2026, 3, 15)


def cancel(house, run):
    return house.book.request_cancel("default", run.id, now=house.clock.now())


def beating(house, seconds=0.05):
    """An engine that looks often."""
    return Engine(
        store=house.store,
        kernel=house.kernel,
        connections=house.connections,
        facts=house.facts,
        clock=house.clock,
        history_days=house.history_days,
        beat_seconds=seconds,
    )


def test_a_queued_run_is_cancelled_at_once(any_house):
    run = any_house.enqueue()
    ended = cancel(any_house, run)
    assert (ended.state, ended.finished_at) == (RunState.CANCELLED, any_house.clock.now())
    assert any_house.book.take_next(now=any_house.clock.now()) is None
    assert any_house.enqueue().id != run.id


def test_a_running_run_stops_before_its_next_slice(any_house):
    """The account that was whole by then is committed, the other is as it was, and no staged file is left."""
    house = any_house
    house.platform.concurrency = 1
    run = house.enqueue()

    def refuse(request):
        if request.account.id == "a2" and request.stream == "account_daily":
            cancel(house, run)

    house.platform.refuse = refuse
    ended = house.execute(house.take())
    assert (ended.state, ended.retry_at) == (RunState.CANCELLED, None)
    assert ended.error == "cancelled; what was committed before that stays"
    assert (house.platform.asked[-1].account.id, house.platform.asked[-1].stream) == ("a2", "account_daily")
    house.assert_whole(START, TODAY, "a1")
    assert all(name.startswith("facts/") for name in house.files())
    assert house.stored_connection().state is ConnectionState.OK
    house.platform.refuse = lambda request: None
    assert house.sync().state is RunState.SUCCEEDED
    house.assert_whole(START)


def test_a_slice_that_takes_long_is_stopped_by_the_heartbeat(any_house):
    """Nobody waits for a platform that works on one request for minutes."""
    house = any_house
    house.platform.hold = lambda request: request.account.id == "a2"
    house.platform.concurrency = 1
    run = house.enqueue()
    attempt = house.take()

    async def main():
        task = asyncio.create_task(beating(house).execute(attempt))
        await asyncio.to_thread(house.platform.held.wait, 20)
        await asyncio.to_thread(cancel, house, run)
        return await asyncio.wait_for(task, 20)

    assert asyncio.run(main()) is RunState.CANCELLED
    ended = house.book.get("default", run.id)
    assert (ended.state, ended.worker) == (RunState.CANCELLED, None)
    house.assert_whole(START, TODAY, "a1")
    assert all(name.startswith("facts/") for name in house.files())


def test_an_attempt_that_was_taken_over_is_stopped_by_the_heartbeat(any_house):
    """It does not go on asking the platform while another one does the same."""
    house = any_house
    house.platform.hold = lambda request: request.account.id == "a2"
    house.enqueue()
    attempt = house.take()

    async def main():
        task = asyncio.create_task(beating(house).execute(attempt))
        await asyncio.to_thread(house.platform.held.wait, 20)
        await asyncio.to_thread(house.book.requeue_orphans)
        await asyncio.wait_for(task, 20)

    with pytest.raises(Fenced):
        asyncio.run(main())
    assert house.book.get("default", attempt.run_id).state is RunState.QUEUED


def test_a_run_that_is_told_to_stop_while_it_is_cancelled_ends(house):
    """The process stops before the next heartbeat has seen it."""
    run = house.enqueue()
    attempt = house.take()
    cancel(house, run)
    house.book.release(attempt, now=house.clock.now())
    assert house.book.get("default", run.id).state is RunState.CANCELLED


def test_history_is_not_read_on_after_a_cancelled_run(house):
    """Who cancels a backfill does not want the next one."""
    house.history_days = 300
    run = house.enqueue()
    attempt = house.take()

    def refuse(request):
        if request.account.id == "a2" and request.stream == "campaign_daily":
            cancel(house, run)

    house.platform.refuse = refuse
    house.platform.concurrency = 1
    asyncio.run(house.engine.execute(attempt))
    assert house.book.take_next(now=house.clock.now()) is None


def test_the_last_heartbeat_of_a_run_is_no_alarm(any_house):
    """One that comes after the run has ended finds it ended, and not taken over or to be cancelled."""
    house = any_house
    run = house.enqueue()
    attempt = house.take()
    cancel(house, run)
    house.book.finish(attempt, now=house.clock.now(), state=RunState.SUCCEEDED)
    assert house.book.heartbeat(attempt, now=house.clock.now()) is False
    assert house.book.ended_as(attempt) is RunState.SUCCEEDED
    house.enqueue()
    other = house.take()
    assert house.book.ended_as(other) is None
    house.book.requeue_orphans()
    with pytest.raises(Fenced):
        house.book.heartbeat(other, now=house.clock.now())


def test_a_run_that_beats_all_the_time_ends_as_it_should(house):
    """Heartbeats in the middle of its end, too."""
    for _ in range(3):
        house.enqueue()
        attempt = house.take()
        assert asyncio.run(beating(house, 0.001).execute(attempt)) is RunState.SUCCEEDED
        assert house.book.get("default", attempt.run_id).state is RunState.SUCCEEDED
    house.assert_whole(START)
    assert all(name.startswith("facts/") for name in house.files())


def test_a_cancel_that_comes_with_the_end_finds_the_run_as_it_ended(house, monkeypatch):
    """The request was seen, and the run was whole before anything could be stopped."""
    run = house.enqueue()
    attempt = house.take()
    engine = beating(house, 0.01)
    book = engine._book
    seen, over = threading.Event(), threading.Event()
    heartbeat, finish = book.heartbeat, book.finish

    def beat(*args, **options):
        asked = heartbeat(*args, **options)
        if asked:
            seen.set()
            assert over.wait(20)
        return asked

    def end(*args, **options):
        if not over.is_set():
            cancel(house, run)
            assert seen.wait(20)
        try:
            finish(*args, **options)
        finally:
            over.set()

    monkeypatch.setattr(book, "heartbeat", beat)
    monkeypatch.setattr(book, "finish", end)
    assert asyncio.run(engine.execute(attempt)) is RunState.SUCCEEDED
    assert house.book.get("default", run.id).state is RunState.SUCCEEDED
    assert all(name.startswith("facts/") for name in house.files())


def test_asking_twice_does_no_harm(house):
    run = house.enqueue()
    house.take()
    first = cancel(house, run).cancel_requested_at
    house.clock.advance(60)
    assert cancel(house, run).cancel_requested_at == first


def test_what_has_ended_or_is_not_there_cannot_be_cancelled(house):
    run = house.sync()
    with pytest.raises(BadInput, match=f"run {run.id[:8]} has ended already \\(succeeded\\)"):
        cancel(house, run)
    with pytest.raises(UnknownName, match="there is no run 'x'"):
        house.book.request_cancel("default", "x", now=house.clock.now())
    with pytest.raises(UnknownName):
        house.book.request_cancel("another", run.id, now=house.clock.now())
