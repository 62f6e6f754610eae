"""The workers' queue: a job for each queued run, in the transaction that queues it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from sqlmodel import Session

from adjoin.db.models import Connection, Run, RunState, RunTrigger
from adjoin.errors import StateError
from adjoin.sync.queue import announce, takes_jobs
from adjoin.sync.workers import schema

pytestmark = pytest.mark.postgres
NOW = datetime(2026, 3, 15, 12, tzinfo=UTC)


def jobs(store):
    with store.read() as session:
        query = "SELECT * FROM procrastinate_jobs ORDER BY priority DESC, id"
        return [row._asdict() for row in session.connection().execute(sa.text(query))]


def a_run(house, **options):
    return Run(
        workspace_id="default",
        connection_id=house.connection.id,
        **({"trigger": RunTrigger.PERSON, "created_at": house.clock.now()} | options),
    )


def test_a_queued_run_has_a_job(queue_house):
    """With what a worker needs, and nothing more: the run's id."""
    run = queue_house.enqueue()
    (job,) = jobs(queue_house.store)
    assert job["args"] == {"workspace_id": "default", "run_id": run.id}
    assert (job["queue_name"], job["lock"]) == ("adjoin.fake", f"default/{queue_house.connection.id}")
    assert (job["priority"], job["scheduled_at"], job["queueing_lock"], job["status"]) == (
        run.priority,
        None,
        None,
        "todo",
    )


def test_a_transaction_that_fails_leaves_neither(queue_house):
    """Run and job come and go together."""

    class Interrupted(Exception):
        pass

    def queue_and_fail():
        with queue_house.store.write() as session:
            run = a_run(queue_house)
            session.add(run)
            announce(session, run)
            raise Interrupted

    with pytest.raises(Interrupted):
        queue_and_fail()
    assert jobs(queue_house.store) == []
    assert queue_house.book.latest("default") == []


def test_a_second_job_of_a_connection_replaces_the_first(queue_house):
    """An outdated one that is due later would hold up the one that is due now."""
    run = a_run(queue_house, not_before=queue_house.clock.now() + timedelta(days=1), priority=3)
    with queue_house.store.write() as session:
        session.add(run)
        announce(session, run)
    (later,) = jobs(queue_house.store)
    assert later["scheduled_at"] == run.not_before
    with queue_house.store.write() as session:
        run = session.merge(run)
        run.not_before, run.priority = None, 8
        announce(session, run)
    ((job),) = jobs(queue_house.store)
    assert (job["scheduled_at"], job["priority"]) == (None, 8)
    assert job["id"] != later["id"]


def test_many_runs_are_announced_at_once(queue_house):
    """In the order in which they are given; other people's jobs in the same tables are left alone."""
    others = "INSERT INTO procrastinate_jobs (queue_name, task_name, lock) VALUES ('mine', 'mine', 'default/c1')"
    with queue_house.store.write() as session:
        session.connection().execute(sa.text(others))
        runs = []
        for name in ("c2", "c1", "c3"):
            session.add(
                Connection(
                    workspace_id="default", id=name, platform=name, label=name, created_at=queue_house.clock.now()
                )
            )
            runs.append(
                Run(workspace_id="default", connection_id=name, trigger="schedule", created_at=queue_house.clock.now())
            )
        session.add_all(runs)
        announce(session, *runs)
        announce(session, *runs)
    found = [(job["queue_name"], job["lock"]) for job in jobs(queue_house.store)]
    assert found == [
        ("mine", "default/c1"),
        ("adjoin.c2", "default/c2"),
        ("adjoin.c1", "default/c1"),
        ("adjoin.c3", "default/c3"),
    ]


def test_without_a_queue_nothing_is_announced(any_house):
    """On SQLite, and on PostgreSQL while runs are executed by the scheduler."""
    run = any_house.enqueue()
    assert run.state is RunState.QUEUED
    with any_house.store.write() as session:
        assert isinstance(session, Session)
        assert not takes_jobs(session)
        announce(session, run)


class TestSchema:
    def test_it_is_made_once(self, postgres_store):
        """Also when asked for again."""
        assert schema.install(postgres_store)
        assert not schema.install(postgres_store)
        schema.check(postgres_store)

    def test_where_it_is_missing_it_is_said(self, postgres_store):
        """With what to run."""
        with pytest.raises(StateError, match="has no queue for workers yet: run `adjoin db upgrade`"):
            schema.check(postgres_store)

    def test_an_older_one_is_brought_up_to_date(self, postgres_store):
        """By the library's own steps, those after the one that it has."""
        steps = schema._migrations()
        older = [step for step in steps if step.stem < "03.02"]
        assert older != steps
        with postgres_store.write() as session:
            for step in older:
                session.connection().connection.driver_connection.execute(step.read_text())
        mark(postgres_store, older[-1].stem)
        with pytest.raises(StateError, match="of an older release: run `adjoin db upgrade`"):
            schema.check(postgres_store)
        assert schema.install(postgres_store)
        schema.check(postgres_store)
        with postgres_store.read() as session:
            there = sa.text("SELECT count(*) FROM pg_proc WHERE proname = 'procrastinate_retry_job_v2'")
            assert session.connection().scalar(there) == 1
        with postgres_store.write() as session:  # and it works
            connection = Connection(workspace_id="default", id="c", platform="fake", label="c", created_at=NOW)
            run = Run(workspace_id="default", connection_id="c", trigger=RunTrigger.PERSON, created_at=NOW)
            session.add_all([connection, run])
            announce(session, run)
        assert len(jobs(postgres_store)) == 1

    def test_a_newer_one_is_left_alone(self, postgres_store):
        """This release does not know what it means."""
        schema.install(postgres_store)
        mark(postgres_store, "99.01.00_01_beyond")
        assert not schema.install(postgres_store)
        with pytest.raises(StateError, match="of a newer release: upgrade Adjoin on this machine"):
            schema.check(postgres_store)

    def test_tables_that_someone_else_has_made_are_used_as_they_are(self, postgres_store):
        """They carry no mark of ours, and theirs is the upgrade."""
        schema.install(postgres_store)
        with postgres_store.statements() as connection:
            connection.execute(sa.text("COMMENT ON TABLE procrastinate_jobs IS 'of the billing department'"))
        assert not schema.install(postgres_store)
        schema.check(postgres_store)

    def test_on_sqlite_there_is_none(self, sqlite_store):
        """Installing does nothing; asking for it says what to do."""
        assert not schema.install(sqlite_store)
        with pytest.raises(StateError, match="set ADJOIN_DATABASE_URL"):
            schema.check(sqlite_store)


def mark(store, name):
    with store.statements() as connection:
        connection.execute(sa.text(f"COMMENT ON TABLE procrastinate_jobs IS 'adjoin: {name}'"))
