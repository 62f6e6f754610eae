"""Whether a scheduler and workers keep the syncs going, and what is said where they do not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from adjoin.clock import ManualClock
from adjoin.db import Store
from adjoin.db.models import Connection, Run, RunState, RunTrigger, Schedule, Worker
from adjoin.health.machinery import check_scheduler, check_workers
from adjoin.sync.leases import LeaseKeeper
from adjoin.sync.workers.schema import install

NOW = datetime(2026, 4, 20, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def due(store: Store, ago: timedelta) -> None:
    with store.write() as session:
        session.add(Schedule(workspace_id="default", name="sync", every_seconds=3600, next_run_at=NOW - ago))


class TestScheduler:
    def test_none_is_no_problem_while_nothing_is_due(self, store: Store) -> None:
        """As for somebody who syncs by hand."""
        due(store, -60 * MINUTE)
        assert check_scheduler(store, now=NOW).state == "note"

    def test_none_is_one_when_something_is_due(self, store: Store) -> None:
        """It is said since when, and how to start one."""
        due(store, 10 * MINUTE)
        found = check_scheduler(store, now=NOW)
        assert found.state == "attention"
        assert "schedules are due since 2026-04-20 11:50 UTC" in found.detail
        assert "scheduler.py" in found.advice

    def test_a_leading_one_is_well(self, store: Store) -> None:
        """With its name and its last sign of life."""
        due(store, MINUTE)
        LeaseKeeper(store, "scheduler", clock=ManualClock(NOW), holder="box/7").keep()
        found = check_scheduler(store, now=NOW + timedelta(seconds=3))
        assert (found.state, found.detail) == ("ok", "box/7 leads, last sign of life 2026-04-20 12:00 UTC")

    def test_one_that_leads_and_does_nothing_is_not(self, store: Store) -> None:
        """It renews its lease, and what is due stays so."""
        due(store, 30 * MINUTE)
        LeaseKeeper(store, "scheduler", clock=ManualClock(NOW), holder="box/7").keep()
        assert check_scheduler(store, now=NOW).state == "attention"

    def test_one_that_is_gone_is_told_from_one_that_was_stopped(self, store: Store) -> None:
        """The one that was stopped has given its lease back."""
        keeper = LeaseKeeper(store, "scheduler", clock=ManualClock(NOW), holder="box/7")
        keeper.keep()
        gone = check_scheduler(store, now=NOW + 20 * MINUTE)
        assert (gone.state, gone.detail) == ("attention", "not heard of for 20 minutes (box/7)")
        keeper.release()
        stopped = check_scheduler(store, now=NOW + 20 * MINUTE)
        assert (stopped.state, stopped.detail) == ("note", "stopped at 2026-04-20 12:00 UTC")

    def test_a_paused_schedule_waits_for_nobody(self, store: Store) -> None:
        """It is not due, whatever its next time says."""
        with store.write() as session:
            session.add(
                Schedule(
                    workspace_id="default", name="s", every_seconds=60, next_run_at=NOW - 60 * MINUTE, enabled=False
                )
            )
        assert check_scheduler(store, now=NOW).state == "note"


@pytest.mark.postgres
class TestWorkers:
    def test_a_queue_that_is_not_there_is_said(self, postgres_store: Store) -> None:
        """With the command that makes it."""
        (found,) = check_workers(postgres_store, now=NOW)
        assert (found.state, "adjoin db upgrade" in found.detail) == ("failed", True)

    def test_no_worker_is_a_failure(self, postgres_store: Store) -> None:
        """Nobody executes runs."""
        install(postgres_store)
        (found,) = check_workers(postgres_store, now=NOW)
        assert (found.state, "adjoin worker" in found.advice) == ("failed", True)

    def test_each_worker_has_its_line_and_what_nobody_can_do_too(self, postgres_store: Store) -> None:
        """A run of a platform whose plugin no worker has waits, and it is said."""
        install(postgres_store)
        with postgres_store.write() as session:
            session.add_all(
                [
                    Worker(
                        host="box",
                        pid=7,
                        version="1",
                        plugins={"meta": "1"},
                        concurrency=4,
                        running=1,
                        started_at=NOW,
                        heartbeat_at=NOW,
                    ),
                    Connection(workspace_id="default", id="c", platform="google", label="G", created_at=NOW),
                    Run(
                        workspace_id="default",
                        connection_id="c",
                        state=RunState.QUEUED,
                        trigger=RunTrigger.SCHEDULE,
                        created_at=NOW,
                    ),
                ]
            )
        worker, waiting = check_workers(postgres_store, now=NOW)
        assert (worker.check, worker.state, worker.detail) == ("worker box/7", "ok", "1 of 4 runs, version 1")
        assert (waiting.state, "'google'" in waiting.detail) == ("attention", True)
