"""Puts right what dead processes left behind. Outside the queue, so that it does not depend on what it repairs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlmodel import Session, col, select

from adjoin.db.models import Run, RunState, Worker
from adjoin.sync.queue import TASK, announce, takes_jobs
from adjoin.sync.runs import RunBook
from adjoin.sync.workers.locks import end_session
from adjoin.sync.workers.registry import DEAD_AFTER, note_waiting_runs

if TYPE_CHECKING:
    from adjoin.db import Store

__all__ = ["STALE_AFTER", "Swept", "sweep"]

#: A run without a heartbeat for so long is taken from its worker. Workers send one every few seconds, from a thread.
STALE_AFTER = timedelta(seconds=30)

_IDLE_BUCKET = timedelta(days=1)
_SWEEP_LOCK = 0x41444A5357

# A job whose worker is gone, unless its run shows signs of life: procrastinate's own heartbeat comes from the loop
# that works, and a long computation there looks like death. And a job that was handed out long ago and whose run nobody
# works on: where the connection broke as it was handed out or given back, its worker lives and knows nothing of it, and
# it would keep all later runs of its connection waiting.
_ABANDONED = sa.text("""
DELETE FROM procrastinate_jobs AS job
WHERE job.task_name = :task AND job.status = 'doing'
    AND (
        NOT EXISTS (
            SELECT 1 FROM procrastinate_workers AS worker
            WHERE worker.id = job.worker_id AND worker.last_heartbeat > now() - make_interval(secs => :stale)
        )
        OR NOT EXISTS (
            SELECT 1 FROM runs
            WHERE runs.workspace_id = job.args ->> 'workspace_id' AND runs.id = job.args ->> 'run_id'
                AND (runs.state = 'running' OR runs.heartbeat_at > :fresh OR runs.finished_at > :fresh)
        )
        AND NOT EXISTS (
            SELECT 1 FROM procrastinate_events AS event
            WHERE event.job_id = job.id AND event.type = 'started'
                AND event.at > now() - make_interval(secs => :stale)
        )
    )
    AND NOT EXISTS (
        SELECT 1 FROM runs
        WHERE runs.workspace_id = job.args ->> 'workspace_id' AND runs.id = job.args ->> 'run_id'
            AND runs.state = 'running' AND runs.heartbeat_at > :fresh
    )
""")
_ENDED = sa.text("""
DELETE FROM procrastinate_jobs
WHERE id IN (
    SELECT job.id FROM procrastinate_jobs AS job
    LEFT JOIN runs ON runs.workspace_id = job.args ->> 'workspace_id' AND runs.id = job.args ->> 'run_id'
    WHERE job.task_name = :task AND (
        job.status NOT IN ('todo', 'doing')
        OR job.status = 'todo' AND (runs.id IS NULL OR runs.state NOT IN ('queued', 'running'))
    )
    FOR UPDATE OF job SKIP LOCKED
)
""")
_WITHOUT_JOB = sa.text("""
NOT EXISTS (
    SELECT 1 FROM procrastinate_jobs AS job
    WHERE job.task_name = :task AND job.status IN ('todo', 'doing')
        AND job.lock = runs.workspace_id || '/' || runs.connection_id AND job.args ->> 'run_id' = runs.id
)
""")
_BUCKETS = sa.text("""
DELETE FROM rate_buckets
WHERE key IN (
    SELECT key FROM rate_buckets
    WHERE greatest(tat, blocked_until, factor_since) < extract(epoch FROM clock_timestamp()) - :idle
    FOR UPDATE SKIP LOCKED
)
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """What a sweep found, as counts."""

    requeued: int = 0  #: runs taken from workers that are not heard of any more
    announced: int = 0  #: queued runs that had no job
    abandoned: int = 0  #: jobs of dead workers, and such as their workers know nothing of
    ended: int = 0  #: jobs of runs that have ended
    workers: int = 0  #: workers that are gone
    waiting: int = 0  #: due runs whose plugin no worker has

    def __bool__(self) -> bool:
        return bool(self.requeued or self.announced or self.abandoned or self.workers)


def sweep(store: Store, *, now: datetime) -> Swept:
    """Queue again what hangs, give queued runs their jobs, and remove what is done with. Blocks; safe to repeat.

    For the leading scheduler every few seconds, and for workers. `now` is by the shared clock. Of several sweeps
    at once one does the work.
    """
    with store.write() as session:
        if not takes_jobs(session) or not _first(session):
            return Swept()
    hanging = _hanging(store, now)
    requeued = RunBook(store).requeue_stale(now=now, older_than=STALE_AFTER)
    for worker_id in hanging:
        end_session(store, worker_id)  # a process that is frozen keeps its locks for ever
    with store.write() as session:
        if not _first(session):
            return Swept(requeued=len(requeued))
        connection = session.connection()
        stale = {"stale": STALE_AFTER.total_seconds(), "fresh": now - STALE_AFTER}
        abandoned = connection.execute(_ABANDONED, {"task": TASK, **stale}).rowcount
        ended = connection.execute(_ENDED, {"task": TASK}).rowcount
        gone = connection.execute(sa.delete(Worker).where(col(Worker.heartbeat_at) <= now - DEAD_AFTER)).rowcount
        connection.execute(_BUCKETS, {"idle": _IDLE_BUCKET.total_seconds()})
        without = session.exec(
            select(Run)
            .where(col(Run.state) == RunState.QUEUED)
            .where(_WITHOUT_JOB.bindparams(task=TASK))
            .with_for_update(skip_locked=True)
        ).all()
        announce(session, *without)
        waiting = note_waiting_runs(session, now=now)
    return Swept(
        requeued=len(requeued),
        announced=len(without),
        abandoned=abandoned,
        ended=ended,
        workers=gone,
        waiting=waiting,
    )


def _first(session: Session) -> bool:
    """Take the sweepers' lock until the end of the transaction; False while another one has it."""
    return session.scalar(sa.select(sa.func.pg_try_advisory_xact_lock(_SWEEP_LOCK))) is True


def _hanging(store: Store, now: datetime) -> list[str]:
    """Return the workers that are not heard of and have stale runs."""
    query = (
        select(col(Run.worker))
        .where(col(Run.state) == RunState.RUNNING, col(Run.worker).is_not(None))
        .where(col(Run.heartbeat_at) < now - STALE_AFTER)
        .where(col(Run.worker).not_in(select(col(Worker.id)).where(col(Worker.heartbeat_at) > now - STALE_AFTER)))
        .distinct()
    )
    with store.read() as session:
        return [worker for worker in session.exec(query) if worker is not None]
