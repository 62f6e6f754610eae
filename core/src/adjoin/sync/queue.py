"""Tells the workers of queued runs: a job for each, put into procrastinate's queue in the same transaction."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import sqlalchemy as sa

if TYPE_CHECKING:
    from sqlmodel import Session

    from adjoin.db.models import Run

__all__ = ["TASK", "announce", "lock_of", "queue_of", "takes_jobs"]

#: The task that workers serve.
TASK = "adjoin.run"

_KNOWN = "adjoin_takes_jobs"

_FORGET = sa.text("DELETE FROM procrastinate_jobs WHERE status = 'todo' AND task_name = :task AND lock = ANY(:locks)")
# One call for any number: it is twenty times as fast as a call for each.
_DEFER = sa.text("""
SELECT procrastinate_defer_jobs_v1(array_agg(
    ROW('adjoin.' || connections.platform, :task, job.priority, job.lock, NULL, job.args, job.scheduled_at)
        ::procrastinate_job_to_defer_v1
    ORDER BY job.place
))
FROM jsonb_to_recordset(CAST(:jobs AS jsonb)) AS job(
    place int, workspace_id text, connection_id text, priority int, lock text, args jsonb, scheduled_at timestamptz
)
JOIN connections ON connections.workspace_id = job.workspace_id AND connections.id = job.connection_id
HAVING count(*) > 0
""")


def announce(session: Session, *runs: Run) -> None:
    """Put a job for each of these queued runs into the workers' queue, in the transaction of the session.

    To be called wherever a run becomes queued, with its final priority and `not_before`; once more does no harm: a
    connection's waiting job is replaced. Does nothing on SQLite and where the queue is not installed.
    """
    if not runs or not takes_jobs(session):
        return
    session.flush()
    jobs = [
        {
            "place": place,
            "workspace_id": run.workspace_id,
            "connection_id": run.connection_id,
            "priority": run.priority,
            "lock": lock_of(run),
            "args": {"workspace_id": run.workspace_id, "run_id": run.id},
            "scheduled_at": None if run.not_before is None else run.not_before.isoformat(),
        }
        for place, run in enumerate(runs)
    ]
    connection = session.connection()
    # What still waits under this lock is of a run that has ended; were it due later, it would hold this one up.
    connection.execute(_FORGET, {"task": TASK, "locks": sorted(lock_of(run) for run in runs)})
    connection.execute(_DEFER, {"task": TASK, "jobs": json.dumps(jobs)})


def takes_jobs(session: Session) -> bool:
    """Say whether workers are in use: whether their queue is installed in this database."""
    known: bool | None = session.info.get(_KNOWN)
    if known is None:
        connection = session.connection()
        known = connection.dialect.name == "postgresql" and bool(
            connection.scalar(sa.text("SELECT to_regclass('procrastinate_jobs') IS NOT NULL"))
        )
        session.info[_KNOWN] = known
    return known


def queue_of(platform: str) -> str:
    """Return the queue of a platform's runs. A worker serves those of its plugins, so others wait for one that can."""
    return f"adjoin.{platform}"


def lock_of(run: Run) -> str:
    """Return what of a run may be worked on once at a time: its connection.

    An account is read through one connection only, so this keeps accounts apart as well; a lock per account would
    need a run per account.
    """
    return f"{run.workspace_id}/{run.connection_id}"
