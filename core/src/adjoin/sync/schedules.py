"""Schedules: which runs are due, queued and moved on in one transaction, so that no slot is lost or fires twice."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import structlog
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from adjoin.db.models import CatchUp, Connection, ConnectionState, Run, RunState, RunTrigger, Schedule
from adjoin.errors import BadInput
from adjoin.sync.cron import next_cron
from adjoin.sync.runs import PRIORITY

if TYPE_CHECKING:
    from adjoin.db import Store

__all__ = ["DEFAULT_EVERY", "dispatch_due", "ensure_schedule", "next_after"]

#: How often a connection is synced unless the operator says otherwise.
DEFAULT_EVERY = timedelta(hours=6)

_BATCH = 500  # schedules taken in one transaction
_UNUSABLE_FOR = timedelta(hours=1)  # until a schedule that says no time is looked at again


def ensure_schedule(
    session: Session, *, workspace_id: str, connection_id: str, now: datetime, every: timedelta = DEFAULT_EVERY
) -> None:
    """Give a connection its schedule unless it has one; the first slot is one interval away."""
    known = select(Schedule).where(
        col(Schedule.workspace_id) == workspace_id, col(Schedule.connection_id) == connection_id
    )
    if session.exec(known).first() is None:
        session.add(
            Schedule(
                workspace_id=workspace_id,
                connection_id=connection_id,
                name="sync",
                every_seconds=int(every.total_seconds()),
                jitter_seconds=300,
                next_run_at=now + every,
            )
        )


def dispatch_due(store: Store, *, now: datetime, randomness: random.Random | None = None) -> list[str]:
    """Queue a run for every due schedule and move the schedules on. Returns the ids of the new runs.

    A slot whose connection still has an active run, waits for a person, or is switched off, queues nothing: the planner
    of the next run covers what was missed. Of slots that were missed altogether, as while no scheduler ran, `latest`
    makes up for the last one, `none` for none, and `all` for each, one run after another. A schedule that cannot be
    used is logged and leaves the others alone.
    """
    queued: list[str] = []
    with store.write() as session:
        due = session.exec(
            select(Schedule)
            .where(col(Schedule.enabled).is_(True), col(Schedule.next_run_at) <= now)
            .order_by(col(Schedule.next_run_at), col(Schedule.id))
            .limit(_BATCH)
            .with_for_update(skip_locked=True)
        ).all()
        for schedule in due:
            queued += _dispatch(session, schedule, now, randomness)
            session.add(schedule)
    return queued


def _dispatch(session: Session, schedule: Schedule, now: datetime, randomness: random.Random | None) -> list[str]:
    each = schedule.catch_up is CatchUp.ALL
    try:
        following = next_after(schedule, schedule.next_run_at if each else now, randomness)
    except BadInput as error:
        structlog.get_logger("adjoin.schedules").error("schedule cannot be used", id=schedule.id, error=str(error))
        schedule.next_run_at = now + _UNUSABLE_FOR
        return []
    connections = _connections(session, schedule)
    busy = _busy(session, schedule)
    if each and any(connection.id in busy for connection in connections):
        return []  # this slot waits until the run of the last one has ended
    missed = _is_missed(schedule, now)
    schedule.next_run_at = following
    if missed and schedule.catch_up is CatchUp.NONE:
        return []
    schedule.last_run_at = now
    idle = [connection for connection in connections if connection.id not in busy]
    made = [_queue(session, schedule, connection, now) for connection in idle]
    return [run_id for run_id in made if run_id is not None]


def next_after(schedule: Schedule, now: datetime, randomness: random.Random | None = None) -> datetime:
    """Return the first slot after `now`: intervals keep their phase, cron follows the schedule's time zone."""
    if schedule.cron is not None:
        slot = next_cron(schedule.cron, schedule.time_zone, now)
    elif schedule.every_seconds:
        every = timedelta(seconds=schedule.every_seconds)
        passed = max((now - schedule.next_run_at) // every, -1)
        slot = schedule.next_run_at + every * (passed + 1)
    else:
        raise BadInput(f"schedule {schedule.name!r} has neither a cron line nor an interval")
    if schedule.jitter_seconds and randomness is not None and schedule.cron is not None:
        slot += timedelta(seconds=randomness.uniform(0, schedule.jitter_seconds))
    return slot


def _is_missed(schedule: Schedule, now: datetime) -> bool:
    if schedule.every_seconds is None:
        return now - schedule.next_run_at > timedelta(hours=1)
    return now - schedule.next_run_at >= timedelta(seconds=schedule.every_seconds)


def _busy(session: Session, schedule: Schedule) -> set[str]:
    query = select(col(Run.connection_id)).where(
        col(Run.workspace_id) == schedule.workspace_id, col(Run.state).in_((RunState.QUEUED, RunState.RUNNING))
    )
    return set(session.exec(query))


def _connections(session: Session, schedule: Schedule) -> list[Connection]:
    query = select(Connection).where(
        col(Connection.workspace_id) == schedule.workspace_id,
        col(Connection.state).in_((ConnectionState.OK, ConnectionState.ERROR)),
    )
    if schedule.connection_id is not None:
        query = query.where(col(Connection.id) == schedule.connection_id)
    return list(session.exec(query).all())


def _queue(session: Session, schedule: Schedule, connection: Connection, now: datetime) -> str | None:
    run = Run(
        workspace_id=schedule.workspace_id,
        connection_id=connection.id,
        trigger=RunTrigger.SCHEDULE,
        priority=PRIORITY[RunTrigger.SCHEDULE],
        created_at=now,
    )
    try:
        with session.begin_nested():
            session.add(run)
    except IntegrityError:  # someone else has queued one in this moment
        return None
    return run.id
