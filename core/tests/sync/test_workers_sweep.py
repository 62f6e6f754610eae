"""The sweep: what dead processes left behind is put right, and nothing of the living is touched."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlmodel import select

from adjoin.db.models import RateBucket, RunState, Worker
from adjoin.errors import StateError
from adjoin.sync.workers.locks import LockSession
from adjoin.sync.workers.registry import beat, leave, live_workers, waiting_for_plugins
from adjoin.sync.workers.sweep import STALE_AFTER, Swept, sweep

pytestmark = pytest.mark.postgres
MOMENT = timedelta(seconds=1)


def jobs(house):
    with house.store.read() as session:
        query = "SELECT status::text, worker_id, args ->> 'run_id' AS run_id FROM procrastinate_jobs ORDER BY id"
        return [row._asdict() for row in session.connection().execute(sa.text(query))]


def execute(house, statement, **values):
    with house.store.statements() as connection:
        return connection.execute(sa.text(statement), values)


def fetch(house, *, seconds_ago=0):
    """Take the next job as a worker of the queue does, whose last heartbeat is so long ago."""
    worker_id = execute(house, "SELECT worker_id FROM procrastinate_register_worker_v1()").scalar_one()
    execute(house, "SELECT id FROM procrastinate_fetch_job_v2(NULL, :worker)", worker=worker_id)
    execute(
        house,
        "UPDATE procrastinate_workers SET last_heartbeat = now() - make_interval(secs => :ago) WHERE id = :worker",
        ago=seconds_ago,
        worker=worker_id,
    )
    return worker_id


def a_worker(house, **options):
    now = house.clock.now()
    made = Worker(
        **{"host": "h", "pid": 1, "version": "1", "plugins": {"fake": "1"}, "concurrency": 4}
        | {"started_at": now, "heartbeat_at": now}
        | options
    )
    beat(house.store, made, now=made.heartbeat_at)
    return made


def state(house, run):
    return house.book.get("default", run.id).state


def test_what_is_in_order_is_left_alone(queue_house):
    """A waiting job, and one that is worked on."""
    queue_house.enqueue()
    assert sweep(queue_house.store, now=queue_house.clock.now()) == Swept()
    fetch(queue_house)
    attempt = queue_house.take()
    assert not sweep(queue_house.store, now=queue_house.clock.now())
    assert state(queue_house, queue_house.book.get("default", attempt.run_id)) is RunState.RUNNING
    assert [job["status"] for job in jobs(queue_house)] == ["doing"]


def test_a_queued_run_without_a_job_gets_one(queue_house):
    """A job that vanished loses nothing."""
    run = queue_house.enqueue()
    execute(queue_house, "DELETE FROM procrastinate_jobs")
    assert sweep(queue_house.store, now=queue_house.clock.now()) == Swept(announced=1)
    assert [job["run_id"] for job in jobs(queue_house)] == [run.id]
    assert sweep(queue_house.store, now=queue_house.clock.now()) == Swept()


def test_a_run_of_a_dead_worker_is_queued_again(queue_house):
    """And the job that nobody works on any more makes room for the next one."""
    house = queue_house
    run = house.enqueue()
    fetch(house, seconds_ago=60)
    worker = a_worker(house)
    house.book.take(run.id, now=house.clock.now(), worker=worker.id)
    house.clock.advance((STALE_AFTER + MOMENT).total_seconds())
    found = sweep(house.store, now=house.clock.now())
    assert (found.requeued, found.abandoned, found.workers) == (1, 1, 0)
    assert state(house, run) is RunState.QUEUED
    assert [(job["status"], job["run_id"]) for job in jobs(house)] == [("todo", run.id)]
    house.clock.advance(30)
    assert sweep(house.store, now=house.clock.now()).workers == 1
    assert live_workers(house.store, now=house.clock.now()) == []


def test_a_worker_whose_loop_is_busy_is_not_dead(queue_house):
    """The queue's own heartbeat has stopped and its row is gone, but the run shows signs of life."""
    house = queue_house
    run = house.enqueue()
    worker_id = fetch(house, seconds_ago=3600)
    attempt = house.take()
    execute(house, "DELETE FROM procrastinate_workers WHERE id = :id", id=worker_id)
    house.clock.advance(3600)
    house.book.heartbeat(attempt, now=house.clock.now())
    assert sweep(house.store, now=house.clock.now()) == Swept()
    assert state(house, run) is RunState.RUNNING
    assert [job["status"] for job in jobs(house)] == ["doing"]


def hand_out_long_ago(house):
    """As if the jobs that are being done had been handed out an hour ago."""
    execute(house, "UPDATE procrastinate_events SET at = at - interval '1 hour' WHERE type = 'started'")


def test_a_job_that_never_reached_its_living_worker_is_given_again(queue_house):
    """The connection broke as it was handed out; the worker lives and waits for work."""
    house = queue_house
    run = house.enqueue()
    fetch(house)
    assert not sweep(house.store, now=house.clock.now()), "it may be on its way"
    hand_out_long_ago(house)
    assert sweep(house.store, now=house.clock.now()) == Swept(abandoned=1, announced=1)
    assert [(job["status"], job["run_id"]) for job in jobs(house)] == [("todo", run.id)]
    assert sweep(house.store, now=house.clock.now()) == Swept()


def test_a_job_that_could_not_be_given_back_keeps_no_other_waiting(queue_house):
    """The database was away as its run ended, or was lost; the worker that had it lives."""
    house = queue_house
    run = house.enqueue()
    fetch(house)
    attempt = house.take()
    hand_out_long_ago(house)
    assert not sweep(house.store, now=house.clock.now()), "its run is being worked on"
    house.execute(attempt)
    assert state(house, run).ended
    assert not sweep(house.store, now=house.clock.now()), "its worker may be about to give it back"
    house.clock.advance((STALE_AFTER + MOMENT).total_seconds())
    assert sweep(house.store, now=house.clock.now()) == Swept(abandoned=1)
    assert jobs(house) == []


def test_a_lost_run_is_not_kept_waiting_by_its_own_old_job(queue_house):
    """A run that is queued again gets a job, and the one before makes room for it, dead worker or not."""
    house = queue_house
    run = house.enqueue()
    fetch(house)
    house.take()
    hand_out_long_ago(house)
    house.clock.advance((STALE_AFTER + MOMENT).total_seconds())
    found = sweep(house.store, now=house.clock.now())
    assert (found.requeued, found.abandoned) == (1, 1)
    assert [(job["status"], job["run_id"]) for job in jobs(house)] == [("todo", run.id)]


def test_jobs_of_runs_that_have_ended_go(queue_house):
    """Finished ones, and one that still waits for a run that was cancelled. Other people's jobs stay."""
    house = queue_house
    execute(house, "INSERT INTO procrastinate_jobs (queue_name, task_name, status) VALUES ('mine', 'mine', 'failed')")
    run = house.enqueue()
    house.book.request_cancel("default", run.id, now=house.clock.now())
    house.enqueue()
    fetch(house)
    execute(house, "UPDATE procrastinate_jobs SET status = 'succeeded' WHERE status = 'doing'")
    house.execute(house.take())
    found = sweep(house.store, now=house.clock.now())
    assert found.ended >= 1
    assert [(job["status"], job["run_id"]) for job in jobs(house)] == [("failed", None)]


def test_a_frozen_worker_loses_its_locks(queue_house):
    """Else its connections would wait for it for ever. One that is alive keeps them."""
    house = queue_house
    run = house.enqueue()
    frozen = a_worker(house)
    alive = a_worker(house, heartbeat_at=house.clock.now() + timedelta(hours=1))
    with (
        LockSession(house.store, frozen.id) as lost,
        LockSession(house.store, alive.id) as kept,
        LockSession(house.store, "third") as third,
    ):
        assert lost.try_lock("a")
        assert kept.try_lock("b")
        house.book.take(run.id, now=house.clock.now(), worker=frozen.id)
        house.clock.advance((STALE_AFTER + MOMENT).total_seconds())
        assert sweep(house.store, now=house.clock.now()).requeued == 1
        with pytest.raises(StateError, match="is lost"):
            lost.check()
        kept.check()
        assert third.try_lock("a")
        assert not third.try_lock("b")


class TestPlugins:
    def test_a_run_that_no_worker_can_execute_waits_and_says_so(self, queue_house):
        """On the run, once, and for `adjoin doctor`."""
        house = queue_house
        run = house.enqueue()
        now = house.clock.now()
        assert waiting_for_plugins(house.store, now=now) == []  # no workers is another matter
        lacking = a_worker(house, plugins={"other": "1"})
        sentence = (
            "waits for a worker with the plugin 'fake': no running worker has it; install it on one and start that "
            "worker again"
        )
        assert sweep(house.store, now=now).waiting == 1
        assert sweep(house.store, now=now).waiting == 1
        assert house.book.get("default", run.id).notes == [sentence]
        assert state(house, run) is RunState.QUEUED
        assert waiting_for_plugins(house.store, now=now) == [sentence]
        (row,) = live_workers(house.store, now=now)
        assert row.note == "leaves fake to other workers: the plugin is not installed here, or could not be loaded"
        a_worker(house)
        assert waiting_for_plugins(house.store, now=now) == []
        assert sweep(house.store, now=now).waiting == 0
        leave(house.store, lacking.id)
        assert [one.plugins for one in live_workers(house.store, now=now)] == [{"fake": "1"}]

    def test_a_run_that_is_due_later_waits_for_its_time_only(self, queue_house):
        """It is not the plugin that keeps it."""
        house = queue_house
        run = house.enqueue()
        a_worker(house, plugins={})
        execute(house, "UPDATE runs SET not_before = :later", later=house.clock.now() + timedelta(hours=1))
        assert sweep(house.store, now=house.clock.now()).waiting == 0
        assert house.book.get("default", run.id).notes == []


def test_buckets_that_nobody_has_used_for_days_go(queue_house):
    """They hold nothing by then."""
    with queue_house.store.write() as session:
        now = session.connection().scalar(sa.text("SELECT extract(epoch FROM clock_timestamp())::float8"))
        day = 86_400.0
        session.add(RateBucket(key="idle", tat=now - 3 * day, factor=0.1, factor_since=now - 2 * day))
        session.add(RateBucket(key="used", tat=now - 60))
        session.add(RateBucket(key="blocked", tat=now - 3 * day, blocked_until=now + day))
    sweep(queue_house.store, now=queue_house.clock.now())
    with queue_house.store.read() as session:
        assert set(session.exec(select(RateBucket.key))) == {"used", "blocked"}


def test_without_a_queue_there_is_nothing_to_sweep(any_house):
    """On SQLite, and on PostgreSQL while the scheduler executes runs itself: they are not taken from it."""
    any_house.enqueue()
    attempt = any_house.take()
    any_house.clock.advance(3600)
    assert sweep(any_house.store, now=any_house.clock.now()) == Swept()
    assert any_house.book.get("default", attempt.run_id).state is RunState.RUNNING
