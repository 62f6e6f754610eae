"""Schedules: which runs are due, queued and moved on in one transaction, so that no slot is lost or fires twice."""

from __future__ import annotations

import random
import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from sqlmodel import Session, col, select

from adjoin.db.models import CatchUp, Connection, ConnectionState, Run, RunState, RunTrigger, Schedule
from adjoin.errors import BadInput
from adjoin.sync.runs import PRIORITY

if TYPE_CHECKING:
    from adjoin.db import Store

__all__ = ["DEFAULT_EVERY", "dispatch_due", "ensure_schedule", "next_after"]

#: How often a connection is synced unless the operator says otherwise.
DEFAULT_EVERY = timedelta(hours=6)

_BATCH = 500  # schedules taken in one transaction
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat", "sun")


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
    of the next run covers what was missed.
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
            missed = _is_missed(schedule, now)
            if not (missed and schedule.catch_up is CatchUp.NONE):
                queued += [_queue(session, schedule, one, now) for one in _idle_connections(session, schedule)]
                schedule.last_run_at = now
            schedule.next_run_at = next_after(schedule, now, randomness)
            session.add(schedule)
    return queued


def next_after(schedule: Schedule, now: datetime, randomness: random.Random | None = None) -> datetime:
    """Return the first slot after `now`: intervals keep their phase, cron follows the schedule's time zone."""
    if schedule.cron is not None:
        slot = _next_cron(schedule.cron, schedule.time_zone, now)
    elif schedule.every_seconds:
        every = timedelta(seconds=schedule.every_seconds)
        passed = max((now - schedule.next_run_at) // every, -1)
        slot = schedule.next_run_at + every * (passed + 1)
    else:
        raise BadInput(f"schedule {schedule.name!r} has neither a cron line nor an interval")
    if schedule.jitter_seconds and randomness is not None and schedule.cron is not None:
        slot += timedelta(seconds=randomness.uniform(0, schedule.jitter_seconds))
    return slot


def _next_cron(line: str, time_zone: str, now: datetime) -> datetime:
    from apscheduler.triggers.cron import CronTrigger

    fields = line.split()
    if len(fields) != 5:
        raise BadInput(f"the cron line {line!r} must have five fields: minute hour day month weekday")
    try:
        zone = ZoneInfo(time_zone)
        minute, hour, day, month, weekday = fields
        trigger = CronTrigger(
            minute=minute, hour=hour, day=day, month=month, day_of_week=_weekday_names(weekday), timezone=zone
        )
    except (ValueError, KeyError) as error:
        raise BadInput(f"the cron line {line!r} in {time_zone!r} cannot be used: {error}") from error
    found = trigger.get_next_fire_time(None, now + timedelta(microseconds=1))
    if found is None:
        raise BadInput(f"the cron line {line!r} never comes due")
    utc: datetime = found.astimezone(ZoneInfo("UTC"))
    return utc


def _weekday_names(field: str) -> str:
    """Cron counts weekdays from Sunday, APScheduler from Monday: names mean the same to both."""
    return re.sub(r"(?<![/\d])[0-7](?!\d)", lambda match: _WEEKDAYS[int(match[0])], field)


def _is_missed(schedule: Schedule, now: datetime) -> bool:
    if schedule.every_seconds is None:
        return now - schedule.next_run_at > timedelta(hours=1)
    return now - schedule.next_run_at >= timedelta(seconds=schedule.every_seconds)


def _idle_connections(session: Session, schedule: Schedule) -> list[Connection]:
    busy = select(col(Run.connection_id)).where(
        col(Run.workspace_id) == schedule.workspace_id, col(Run.state).in_((RunState.QUEUED, RunState.RUNNING))
    )
    query = select(Connection).where(
        col(Connection.workspace_id) == schedule.workspace_id,
        col(Connection.state).in_((ConnectionState.OK, ConnectionState.ERROR)),
        col(Connection.id).not_in(busy),
    )
    if schedule.connection_id is not None:
        query = query.where(col(Connection.id) == schedule.connection_id)
    return list(session.exec(query).all())


def _queue(session: Session, schedule: Schedule, connection: Connection, now: datetime) -> str:
    run = Run(
        workspace_id=schedule.workspace_id,
        connection_id=connection.id,
        trigger=RunTrigger.SCHEDULE,
        priority=PRIORITY[RunTrigger.SCHEDULE],
        created_at=now,
    )
    session.add(run)
    session.flush()
    return run.id
