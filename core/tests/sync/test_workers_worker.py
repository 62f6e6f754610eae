"""A worker: it executes what the queue hands it, alone per connection, and gives back what it cannot end."""

from __future__ import annotations

import asyncio
import threading
import time
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta

import pytest
import sqlalchemy as sa

from adjoin.clock import ManualClock
from adjoin.contract import hookimpl
from adjoin.db.models import RunState
from adjoin.errors import SchemaTooNew, StateError
from adjoin.sync.execution import Execution
from adjoin.sync.executor import Executor
from adjoin.sync.workers import _jobs
from adjoin.sync.workers.locks import LockSession, end_session, execute_alone
from adjoin.sync.workers.registry import live_workers
from adjoin.sync.workers.shared_clock import SharedClock
from adjoin.sync.workers.worker import Worker

pytestmark = pytest.mark.postgres
START = date(2026, 3, 5)
PATIENCE = 30.0


@pytest.fixture(autouse=True)
def prompt(monkeypatch):
    """Look for jobs often: what was put off is not announced again."""
    monkeypatch.setattr(_jobs, "_POLL_SECONDS", 0.1)


def a_worker(house, **options):
    return Worker(
        store=house.store,
        runs=house.book,
        execution=Execution(engine=house.engine, runs=house.book, kernel=house.kernel, clock=house.clock),
        clock=house.clock,
        **{"plugins": {"fake": "1"}, "concurrency": 4, "grace": 0.0, "beat_seconds": 0.05} | options,
    )


@contextmanager
def at_work(worker):
    """Let the worker serve in a thread; it is stopped at the end, and what it raised is raised here."""
    stopping: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []
    begun = threading.Event()
    failures: list[BaseException] = []

    async def serve() -> None:
        stop = asyncio.Event()
        stopping.append((asyncio.get_running_loop(), stop))
        begun.set()
        await worker.serve(stop)

    def run() -> None:
        try:
            asyncio.run(serve())
        except BaseException as error:  # noqa: BLE001 - raised below
            failures.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    assert begun.wait(PATIENCE)
    try:
        yield thread
    finally:
        loop, stop = stopping[0]
        if thread.is_alive():
            loop.call_soon_threadsafe(stop.set)
        thread.join(PATIENCE)
        assert not thread.is_alive()
    if failures:
        raise failures[0]


def wait_until(condition, what="it"):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not happen"
        time.sleep(0.02)


def state(house, run):
    return house.book.get("default", run.id).state


def jobs(house):
    with house.store.read() as session:
        query = "SELECT status::text, args ->> 'run_id' FROM procrastinate_jobs ORDER BY id"
        return [tuple(row) for row in session.connection().execute(sa.text(query))]


def locks(house):
    """How many connections are locked by anyone in this database; places of workers aside."""
    with house.store.read() as session:
        query = """SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND mode = 'ExclusiveLock'
            AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"""
        return session.connection().scalar(sa.text(query))


def test_what_is_queued_is_executed(queue_house):
    """Before and after the worker began, by the worker that the run names; nothing is left but the facts."""
    house = queue_house
    worker = a_worker(house)
    before = house.enqueue()
    with at_work(worker):
        wait_until(lambda: state(house, before) is RunState.SUCCEEDED)
        (row,) = live_workers(house.store, now=house.clock.now())
        assert (row.id, row.pid, row.concurrency, row.plugins) == (
            worker.row.id,
            worker.row.pid,
            4,
            {"fake": "1"},
        )
        house.clock.advance(86_400)
        after = house.enqueue()
        wait_until(lambda: state(house, after) is RunState.SUCCEEDED)
        wait_until(lambda: jobs(house) == [])
    assert house.book.get("default", after.id).worker == worker.row.id
    assert locks(house) == 0
    assert live_workers(house.store, now=house.clock.now()) == []
    house.assert_whole(START, date(2026, 3, 16))


def test_several_connections_are_worked_on_at_once(queue_house):
    """One that takes long does not hold up the others."""
    house = queue_house
    slow = house.platform
    fast = type(slow)(listing=[slow.account("f1")])
    house.kernel.add("fast", "ads", 2, fast)
    other = house.connect(platform="fast")
    slow.hold = lambda request: request.account.id == "a1"
    with at_work(a_worker(house, plugins={"fake": "1", "fast": "1"})):
        held = house.enqueue()
        assert slow.held.wait(PATIENCE)
        run, _ = house.book.enqueue(
            workspace_id="default", connection_id=other.id, trigger="person", now=house.clock.now()
        )
        wait_until(lambda: state(house, run) is RunState.SUCCEEDED)
        assert state(house, held) is RunState.RUNNING
    assert state(house, held) is RunState.QUEUED


def test_a_stop_gives_the_run_back_and_the_next_worker_ends_it(queue_house):
    """What was staged is not fetched again."""
    house = queue_house
    house.platform.concurrency = 1
    house.platform.hold = lambda request: request.account.id == "a2"
    run = house.enqueue()
    with at_work(a_worker(house)):
        assert house.platform.held.wait(PATIENCE)
    assert state(house, run) is RunState.QUEUED
    assert jobs(house) == [("todo", run.id)]
    assert locks(house) == 0
    house.platform.hold = lambda request: False
    asked = [one for one in house.platform.asked if one.account.id == "a1"]
    house.platform.asked.clear()
    second = a_worker(house)
    with at_work(second):
        wait_until(lambda: state(house, run) is RunState.SUCCEEDED)
    ended = house.book.get("default", run.id)
    assert (ended.attempts, ended.worker) == (2, second.row.id)
    assert len(asked) == 3
    assert {one.account.id for one in house.platform.asked} == {"a2"}
    house.assert_whole(START)


def test_a_stop_lets_runs_end_that_need_a_moment(queue_house):
    """Within the grace."""
    house = queue_house
    going_on = threading.Event()
    house.platform.refuse = lambda request: house.platform.held.set() or (going_on.wait(PATIENCE) and None)
    run = house.enqueue()
    with at_work(a_worker(house, grace=PATIENCE)):
        assert house.platform.held.wait(PATIENCE)
        threading.Timer(0.3, going_on.set).start()
    assert state(house, run) is RunState.SUCCEEDED


def test_a_connection_that_another_process_holds_is_left_to_it(queue_house):
    """Its lock outlives its job, as while it is frozen. The run is begun when the lock is free."""
    house = queue_house
    with LockSession(house.store, "frozen") as other:
        assert other.try_lock(f"default/{house.connection.id}")
        run = house.enqueue()
        with at_work(a_worker(house)):
            wait_until(lambda: attempts(house) > 1, "a second try")
            assert state(house, run) is RunState.QUEUED
            assert house.platform.asked == []
            other.close()
            wait_until(lambda: state(house, run) is RunState.SUCCEEDED)


def attempts(house):
    with house.store.read() as session:
        return session.connection().scalar(sa.text("SELECT coalesce(max(attempts), 0) FROM procrastinate_jobs"))


def test_a_worker_that_loses_its_locks_gives_back_its_runs(queue_house):
    """Another one may have taken them by now. It gets new locks and goes on."""
    house = queue_house
    house.platform.hold = lambda request: not house.platform.held.is_set()
    run = house.enqueue()
    worker = a_worker(house)
    with at_work(worker):
        assert house.platform.held.wait(PATIENCE)
        assert end_session(house.store, worker.row.id) == 1
        wait_until(lambda: state(house, run) is RunState.SUCCEEDED)
    assert house.book.get("default", run.id).attempts == 2
    house.assert_whole(START)


def test_a_database_that_restarts_is_no_end(queue_house):
    """All sessions are cut off at once; the worker comes back and executes what is queued then."""
    house = queue_house
    worker = a_worker(house)
    with at_work(worker):
        wait_until(lambda: sessions(house) >= 3, "its start")  # for locks, for jobs, and for being told of jobs
        with house.store.statements() as connection:
            connection.execute(
                sa.text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            )
        run = house.enqueue()
        wait_until(lambda: state(house, run) is RunState.SUCCEEDED)


def sessions(house):
    with house.store.read() as session:
        query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        return session.connection().scalar(sa.text(query))


def test_a_run_without_its_plugin_waits_for_a_worker_that_has_it(queue_house):
    """The worker that lacks it does not touch it."""
    house = queue_house
    run = house.enqueue()
    lacking = a_worker(house, plugins={"other": "1"})
    with at_work(lacking):
        wait_until(lambda: house.book.get("default", run.id).notes != [])
        (row,) = live_workers(house.store, now=house.clock.now())
        assert row.note is not None
        assert row.note.startswith("leaves fake to other workers")
        assert state(house, run) is RunState.QUEUED
        with at_work(a_worker(house)):
            wait_until(lambda: state(house, run) is RunState.SUCCEEDED)
    (note,) = house.book.get("default", run.id).notes
    assert "no running worker has it" in note


def test_a_run_that_was_cancelled_meanwhile_is_not_begun(queue_house):
    """Its job finds nothing to do."""
    house = queue_house
    run = house.enqueue()
    with house.store.statements() as connection:
        connection.execute(sa.text("UPDATE runs SET state = 'cancelled'"))
    with at_work(a_worker(house)):
        wait_until(lambda: jobs(house) == [])
    assert state(house, run) is RunState.CANCELLED
    assert house.platform.asked == []


def test_plugins_hear_of_the_end(queue_house):
    """As from the embedded executor."""
    heard = []

    class Listener:
        @hookimpl
        def on_event(self, event) -> None:
            heard.append((event.name, event.data["state"]))

    queue_house.kernel.add("listener", "surface", 1, Listener())
    with at_work(a_worker(queue_house)):
        queue_house.enqueue()
        wait_until(lambda: heard != [])
    assert heard == [("sync.finished", "succeeded")]


class TestRefusals:
    def test_a_newer_store_is_not_touched(self, queue_house):
        """Neither at the start nor later on: a worker of the old release takes no more runs and says why."""
        house = queue_house

        def upgrade_while_it_works():
            with at_work(a_worker(house)) as thread:
                wait_until(lambda: live_workers(house.store, now=house.clock.now()) != [])
                with house.store.statements() as connection:
                    connection.execute(sa.text("UPDATE alembic_version SET version_num = 'm9999'"))
                wait_until(lambda: not thread.is_alive())

        with pytest.raises(SchemaTooNew, match="was made by a newer release"):
            upgrade_while_it_works()
        with pytest.raises(SchemaTooNew, match="upgrade Adjoin"), at_work(a_worker(house)):
            pass
        assert locks(house) == 0

    def test_a_missing_queue_is_said(self, any_house):
        """On SQLite too, with the way out of each."""
        message = "set ADJOIN_DATABASE_URL" if any_house.store.dialect == "sqlite" else "run `adjoin db upgrade`"
        with pytest.raises(StateError, match=message), at_work(a_worker(any_house)):
            pass

    def test_workers_and_an_embedded_executor_exclude_each_other(self, queue_house):
        """Whoever comes second is refused; the machine does not matter."""
        house = queue_house
        embedded = Executor(
            engine=house.engine,
            runs=house.book,
            kernel=house.kernel,
            clock=house.clock,
            lock_file=house.home / "lock",
            alone=lambda: execute_alone(house.store),
        )
        with embedded.exclusive() as mine:
            assert mine
            with pytest.raises(StateError, match="Set ADJOIN_EXECUTOR=workers for the scheduler too"):
                asyncio.run(a_worker(house).serve(asyncio.Event()))
        with at_work(a_worker(house)), at_work(a_worker(house)):
            wait_until(lambda: len(live_workers(house.store, now=house.clock.now())) == 2)
            run = house.enqueue()
            wait_until(lambda: state(house, run) is RunState.SUCCEEDED)
            with embedded.exclusive() as mine:
                assert not mine


class TestLocks:
    def test_a_name_is_locked_once(self, postgres_store):
        """Also within a session, and again when it is free."""
        with LockSession(postgres_store, "a") as one, LockSession(postgres_store, "b") as other:
            assert one.try_lock("x")
            assert not one.try_lock("x")
            assert not other.try_lock("x")
            assert other.try_lock("y")
            one.unlock("x")
            one.unlock("never held")
            assert other.try_lock("x")

    def test_a_lost_session_holds_nothing_until_it_is_opened_again(self, postgres_store):
        """And says so."""
        with LockSession(postgres_store, "a") as one:
            one.try_lock("x")
            end_session(postgres_store, "a")
            with pytest.raises(StateError, match="is lost"):
                one.check()
            with pytest.raises(StateError, match="is lost"):
                one.try_lock("x")
            one.unlock("x")
            one.open()
            one.check()
            assert one.try_lock("x")

    def test_a_server_that_is_away_is_said(self, postgres_store):
        """Without the password."""
        store = type(postgres_store).open("postgresql://me:hidden@127.0.0.1:1/x", check_schema=False)
        with pytest.raises(StateError, match="cannot be reached") as caught:
            LockSession(store, "a").open()
        assert "hidden" not in str(caught.value)


class TestClock:
    def test_it_tells_the_servers_time_and_counts_on_from_there(self, postgres_store):
        """The machine's own clock may say what it likes."""
        base = ManualClock(datetime(1999, 1, 1, tzinfo=UTC))
        clock = SharedClock(postgres_store, base=base)
        told = clock.now()
        with postgres_store.read() as session:
            server = session.connection().scalar(sa.text("SELECT clock_timestamp()"))
        assert abs(server - told) < timedelta(seconds=5)
        base.advance(100)
        assert clock.now() - told == timedelta(seconds=100)
        clock.synchronise()
        assert clock.now() - told < timedelta(seconds=50)
        assert clock.monotonic() == 100
