"""Schedules: which runs are due, queued and moved on in one transaction, so that no slot is lost or fires twice.

Row locks keep several schedulers apart; the lease of the leading one only saves the others the work. The cost of
a tick grows with what is due, not with what exists: one look along the index of `next_run_at` for each 500, and lookups
by key.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
import structlog
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, col, select

from adjoin.db.models import CatchUp, Connection, ConnectionState, Run, RunState, RunTrigger, Schedule, new_id
from adjoin.errors import BadInput
from adjoin.sync.asking import PRIORITY, ask
from adjoin.sync.leases import Held, check_lease
from adjoin.sync.leaving import is_staying
from adjoin.sync.queue import announce, takes_jobs
from adjoin.sync.slots import first_slot, is_missed, next_after

if TYPE_CHECKING:
    from adjoin.db import Store

__all__ = ["DEFAULT_EVERY", "dispatch_due", "due_schedules", "ensure_schedule"]

#: How often a connection is synced unless the operator says otherwise, and by how much the connections are spread.
DEFAULT_EVERY = timedelta(hours=6)
_DEFAULT_JITTER = timedelta(minutes=5)

_BATCH = 500  # schedules taken in one transaction
_MOST_BATCHES = 40  # of one tick; the next one goes on
_UNUSABLE_FOR = timedelta(hours=1)  # until a schedule that says no time is looked at again

_READING_HISTORY, _WAITING_FOR_LESS, _BUSY = "history", "less", "busy"
_LESS = (RunTrigger.BACKFILL, RunTrigger.RESUME)
_LIMITS = (col(Run.since), col(Run.until), col(Run.accounts), col(Run.streams))
_HOW_ACTIVE = sa.case(
    (sa.and_(col(Run.state) == RunState.RUNNING, col(Run.trigger) == RunTrigger.BACKFILL), _READING_HISTORY),
    (col(Run.state) == RunState.RUNNING, _BUSY),
    (sa.or_(col(Run.trigger).in_(_LESS), *(limit.is_not(None) for limit in _LIMITS)), _WAITING_FOR_LESS),
    else_=_BUSY,
)

# Literal text, as the databases use a partial index only where the query repeats its condition.
_ACTIVE = sa.text("runs.state IN ('queued', 'running')")
_ACTIVE_OF_INDEX = sa.text("state IN ('queued', 'running')")

_USABLE = (ConnectionState.OK, ConnectionState.ERROR)
_WHY_NOT = {
    ConnectionState.RECONNECT: "the connection waits to be authorised again; run `adjoin connect` for its platform",
    ConnectionState.DISABLED: "the connection is switched off; nothing is synced until it is switched on again",
}
_NONE_USABLE = "no connection of the workspace can be used; `adjoin connections` says why"


def ensure_schedule(
    session: Session, *, workspace_id: str, connection_id: str, now: datetime, every: timedelta = DEFAULT_EVERY
) -> None:
    """Give a connection its schedule unless it has one; the first slot is one interval away."""
    known = select(Schedule).where(
        col(Schedule.workspace_id) == workspace_id, col(Schedule.connection_id) == connection_id
    )
    if session.exec(known).first() is None:
        made = Schedule(
            workspace_id=workspace_id,
            connection_id=connection_id,
            name="sync",
            every_seconds=int(every.total_seconds()),
            jitter_seconds=int(_DEFAULT_JITTER.total_seconds()),
            next_run_at=now,
        )
        made.next_run_at = first_slot(made, now)
        session.add(made)


def dispatch_due(store: Store, *, now: datetime, lease: Held | None = None) -> list[str]:
    """Queue a run for every due schedule and move the schedules on. Returns the ids of the new runs.

    A slot whose connection still has an active run queues nothing: the planner of the next run covers what was missed.
    Of slots that were missed altogether, as while no scheduler ran, `latest` makes up for the last one, `none` for
    none, and `all` for each, one run after another. A schedule that cannot be used says why in `last_error` and leaves
    the others alone. Raises Fenced, with nothing changed since its last batch, when `lease` was taken over.
    """
    queued: list[str] = []
    if not _anything_due(store, now):
        return queued
    for _ in range(_MOST_BATCHES):
        with store.write() as session:
            if lease is not None:
                check_lease(session, lease)
            due = [_Due(*row) for row in session.exec(due_schedules(now)).all()]
            queued += _dispatch(session, due, now)
        if len(due) < _BATCH:
            break
    return queued


def _anything_due(store: Store, now: datetime) -> bool:
    """Look without the lock of a writer: most ticks find nothing, and should wait for nobody."""
    query = (
        select(col(Schedule.id))
        .where(
            col(Schedule.next_run_at) <= now,
            col(Schedule.enabled).is_(True),
            col(Schedule.job).is_(None),
            is_staying(Schedule),
        )
        .limit(1)
    )
    with store.read() as session:
        return session.exec(query).first() is not None


def due_schedules(now: datetime) -> Any:
    """Return the query for due schedules, locked, each with the state of its connection and how a run is active.

    The state of a schedule for a whole workspace is that of a usable connection, if there is one. Left out for now are
    those that make up for each missed slot, while a run is active, and those whose connection reads its history: its
    runs follow one on the other, and a slot would find it idle at the very end only. Those of a workspace that is to
    be deleted rest.
    """
    of_workspace = select(col(Connection.state)).where(col(Connection.workspace_id) == col(Schedule.workspace_id))
    of_workspace = of_workspace.correlate(Schedule)
    state = sa.case(
        (
            col(Schedule.connection_id).is_(None),
            of_workspace.where(col(Connection.state).in_(_USABLE))
            .order_by(col(Connection.workspace_id), col(Connection.id))  # along the key, whatever the statistics say
            .limit(1)
            .scalar_subquery(),
        ),
        else_=of_workspace.where(col(Connection.id) == col(Schedule.connection_id)).scalar_subquery(),
    )
    mine = (col(Run.workspace_id) == col(Schedule.workspace_id), _ACTIVE)
    any_of_them = select(sa.literal(_BUSY)).where(*mine).correlate(Schedule)
    any_of_them = any_of_them.order_by(col(Run.workspace_id), col(Run.connection_id)).limit(1)
    of_connection = select(_HOW_ACTIVE).where(*mine, col(Run.connection_id) == col(Schedule.connection_id))
    of_connection = of_connection.correlate(Schedule)
    active = sa.case(
        (col(Schedule.connection_id).is_(None), any_of_them.scalar_subquery()),
        else_=of_connection.limit(1).scalar_subquery(),
    )
    return (
        select(Schedule, state, active)
        .where(
            col(Schedule.next_run_at) <= now,
            col(Schedule.enabled).is_(True),
            col(Schedule.job).is_(None),
            is_staying(Schedule),
            sa.or_(active.is_(None), sa.and_(col(Schedule.catch_up) != CatchUp.ALL, active != _READING_HISTORY)),
        )
        .order_by(col(Schedule.next_run_at))
        .limit(_BATCH)
        .with_for_update(skip_locked=True, of=Schedule)
    )


@dataclass(frozen=True, slots=True)
class _Due:
    """A due schedule, the state of its connection if there is one, and how its run is active, if one is."""

    schedule: Schedule
    state: ConnectionState | None
    active: str | None

    @property
    def lifts(self) -> bool:
        """Whether a run waits that would not read all that a slot asks for, but can be made to."""
        return self.active == _WAITING_FOR_LESS


@dataclass(slots=True, kw_only=True)
class _Moved:
    """What becomes of a due schedule: whether its slot queues a run, or lifts the one that waits already."""

    schedule: Schedule
    next_run_at: datetime
    error: str | None = None
    queues: bool = False
    lifts: bool = False


def _dispatch(session: Session, due: Sequence[_Due], now: datetime) -> list[str]:
    moved = [_move(one, now) for one in due]
    _save(session, moved, now)
    _lift(session, [one.schedule for one in moved if one.queues and one.lifts], now)
    return _queue(session, [one.schedule for one in moved if one.queues and not one.lifts], now)


def _move(due: _Due, now: datetime) -> _Moved:
    schedule = due.schedule
    refusal = _NONE_USABLE if due.state is None else _WHY_NOT.get(due.state)
    # Missed slots are made up for one by one only where there is something to queue for each.
    each = schedule.catch_up is CatchUp.ALL and refusal is None
    try:
        following = next_after(schedule, schedule.next_run_at if each else now)
        skipped = schedule.catch_up is CatchUp.NONE and is_missed(schedule, now)
    except (BadInput, OverflowError) as error:
        structlog.get_logger("adjoin.schedules").error("schedule cannot be used", id=schedule.id, error=str(error))
        return _Moved(schedule=schedule, next_run_at=now + _UNUSABLE_FOR, error=str(error))
    queues = refusal is None and not skipped
    return _Moved(schedule=schedule, next_run_at=following, error=refusal, queues=queues, lifts=due.lifts)


def _save(session: Session, moved: Iterable[_Moved], now: datetime) -> None:
    rows = [
        {
            "of_workspace": one.schedule.workspace_id,
            "of_id": one.schedule.id,
            "next_run_at": one.next_run_at,
            "last_run_at": now if one.queues else one.schedule.last_run_at,
            "last_error": one.error,
        }
        for one in moved
    ]
    if rows:
        table: sa.Table = Schedule.__table__  # type: ignore[attr-defined]
        session.connection().execute(
            sa.update(table).where(
                table.c.workspace_id == sa.bindparam("of_workspace"), table.c.id == sa.bindparam("of_id")
            ),
            rows,
        )


def _lift(session: Session, schedules: Iterable[Schedule], now: datetime) -> None:
    """Let runs that wait and read only a part read all."""
    for one in schedules:
        if one.connection_id is not None:
            ask(
                session,
                workspace_id=one.workspace_id,
                connection_id=one.connection_id,
                trigger=RunTrigger.SCHEDULE,
                now=now,
            )


def _queue(session: Session, schedules: Sequence[Schedule], now: datetime) -> list[str]:
    """Queue a run for each schedule, or for each usable connection of its workspace. Returns the ids of the new ones.

    A connection whose run is active already is passed over, also when that one came in this moment.
    """
    wanted = {(one.workspace_id, one.connection_id) for one in schedules if one.connection_id is not None}
    wanted |= _of_workspaces(session, {one.workspace_id for one in schedules if one.connection_id is None})
    # To make a Run for each row takes four times as long as all the rest.
    pattern = Run(
        workspace_id="",
        connection_id="",
        trigger=RunTrigger.SCHEDULE,
        priority=PRIORITY[RunTrigger.SCHEDULE],
        created_at=now,
    ).model_dump()
    rows = [
        {**pattern, "id": new_id(), "workspace_id": workspace_id, "connection_id": connection_id}
        for workspace_id, connection_id in sorted(wanted)  # one order, so that two schedulers do not wait in a circle
    ]
    if not rows:
        return []
    dialect = sqlite if session.get_bind().dialect.name == "sqlite" else postgresql
    table: sa.Table = Run.__table__  # type: ignore[attr-defined]
    statement = (
        dialect.insert(table)
        .on_conflict_do_nothing(index_elements=["workspace_id", "connection_id"], index_where=_ACTIVE_OF_INDEX)
        .returning(table.c.id)
    )
    made = set(session.connection().execute(statement, rows).scalars())
    new = [row for row in rows if row["id"] in made]
    if takes_jobs(session):
        announce(session, *(Run(**row) for row in new))
    return [row["id"] for row in new]


def _of_workspaces(session: Session, workspace_ids: set[str]) -> set[tuple[str, str]]:
    if not workspace_ids:
        return set()
    query = select(col(Connection.workspace_id), col(Connection.id)).where(
        col(Connection.workspace_id).in_(workspace_ids), col(Connection.state).in_(_USABLE)
    )
    return {(workspace_id, connection_id) for workspace_id, connection_id in session.exec(query)}
