"""How a run comes to be: a person, a schedule, a retry or backfill asks for it. A connection has one at a time."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from adjoin.db.models import Run, RunState, RunTrigger
from adjoin.sync.queue import announce

__all__ = ["PRIORITY", "Scope", "active_run", "ask", "covers"]

#: A person who waits goes first, then a retry, then the schedule, then backfill.
PRIORITY = {RunTrigger.PERSON: 10, RunTrigger.RESUME: 5, RunTrigger.SCHEDULE: 0, RunTrigger.BACKFILL: -10}

_ACTIVE = (RunState.QUEUED, RunState.RUNNING)
_LOOKS = 3  # the active run that was in the way may have ended by the next look


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What a run is to read. None is no limit; `full` lists all entities from end to end.

    With `since` and `until` exactly these days are read again. With `until` alone, as backfill has it, only days that
    were never read, up to that one.
    """

    since: date | None = None
    until: date | None = None
    accounts: Collection[str] | None = None
    streams: Collection[str] | None = None
    full: bool = False


_EVERYTHING = Scope()


def ask(
    session: Session,
    *,
    workspace_id: str,
    connection_id: str,
    trigger: RunTrigger,
    now: datetime,
    scope: Scope = _EVERYTHING,
    retry_of: str | None = None,
    tries: int = 0,
) -> tuple[Run, bool]:
    """Queue a run in the session's transaction, or return the one that is queued or running already; True if new.

    A person or a schedule lifts a run that is still queued: its priority grows to theirs, and unless it was planned
    already it reads what was asked for as well (see `covers` for whether it will). For a person it waits no longer.
    """
    for look in range(_LOOKS):
        active = active_run(session, workspace_id, connection_id)
        if active is not None:
            _lift(session, active, trigger, scope)
            return active, False
        run = Run(
            workspace_id=workspace_id,
            connection_id=connection_id,
            trigger=trigger,
            priority=PRIORITY[trigger],
            since=scope.since,
            until=scope.until,
            accounts=_listed(scope.accounts),
            streams=_listed(scope.streams),
            full=scope.full,
            retry_of=retry_of,
            tries=tries,
            created_at=now,
        )
        try:
            with session.begin_nested():
                session.add(run)
        except IntegrityError:  # another process was faster between the look and the insert
            if look == _LOOKS - 1:
                raise
        else:
            announce(session, run)
            return run, True
    raise AssertionError("the last look returns or raises")


def active_run(session: Session, workspace_id: str, connection_id: str) -> Run | None:
    """Return the run of a connection that is queued or running, if there is one."""
    query = select(Run).where(
        col(Run.workspace_id) == workspace_id,
        col(Run.connection_id) == connection_id,
        col(Run.state).in_(_ACTIVE),
    )
    return session.exec(query).first()


def covers(run: Run, scope: Scope) -> bool:
    """Say whether an active run reads all that the scope asks for."""
    if scope.since is not None and scope.until is not None:
        days = run.since is not None and run.until is not None and run.since <= scope.since <= scope.until <= run.until
    else:
        days = run.since is None and run.until is None
    wide = _includes(run.accounts, scope.accounts) and _includes(run.streams, scope.streams)
    return days and wide and (run.full or not scope.full)


def _lift(session: Session, run: Run, trigger: RunTrigger, scope: Scope) -> None:
    """Let a queued run go ahead of where it was, and read more if it has no plan yet."""
    if run.state is not RunState.QUEUED or trigger not in (RunTrigger.PERSON, RunTrigger.SCHEDULE):
        return
    session.refresh(run, with_for_update=True)
    if run.state is not RunState.QUEUED:  # taken in this moment
        return
    if run.slices_total == 0 and _widen(run, scope) and PRIORITY[run.trigger] <= PRIORITY[RunTrigger.RESUME]:
        run.trigger, run.tries = trigger, 0
    run.priority = max(run.priority, PRIORITY[trigger])
    if trigger is RunTrigger.PERSON:
        run.not_before = None
    session.add(run)
    session.flush()
    announce(session, run)


def _widen(run: Run, scope: Scope) -> bool:
    """Add what was asked for to a run; False where no one run can read both, as with days of each their own."""
    asked = (scope.since, scope.until) if scope.since is not None else (None, None)
    own = (run.since, run.until) if run.since is not None else (None, None)
    if asked != own:
        return False
    run.since, run.until = own
    run.accounts = _union(run.accounts, scope.accounts)
    run.streams = _union(run.streams, scope.streams)
    run.full = run.full or scope.full
    return True


def _listed(names: Collection[str] | None) -> list[str] | None:
    return None if names is None else sorted(names)


def _union(one: Collection[str] | None, other: Collection[str] | None) -> list[str] | None:
    return None if one is None or other is None else sorted({*one, *other})


def _includes(wide: Collection[str] | None, narrow: Collection[str] | None) -> bool:
    return wide is None or (narrow is not None and set(narrow) <= set(wide))
