"""What it means for a run to be taken, lost or cancelled: its row, and the right to work on it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

import sqlalchemy as sa
from sqlmodel import Session, col, select

from adjoin.db.models import Run, RunState, RunTrigger
from adjoin.errors import AdjoinError, BadInput, UnknownName
from adjoin.sync.queue import announce
from adjoin.sync.states import RUN_TABLE, RunEvent

__all__ = [
    "CANCELLED",
    "Attempt",
    "CancelAsked",
    "begin",
    "cancel",
    "is_due",
    "lose",
    "request_cancel",
    "unknown_run",
]

#: What a cancelled run says of itself.
CANCELLED = "cancelled; what was committed before that stays"

#: A run that was lost this often, with the process that worked on it, is not begun again.
_MOST_ATTEMPTS = 25
_QUICK_ATTEMPTS = 3  # from then on a lost run waits before it is begun again, each time twice as long
_FIRST_PAUSE, _LONGEST_PAUSE = timedelta(minutes=1), timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """The right to work on a run: valid until a newer attempt takes the run.

    `accounts` and `streams` limit what is read, None is all; for `since` and `until` see `adjoin.sync.asking.Scope`.
    `tries` counts the runs before this one that it makes good for.
    """

    workspace_id: str
    run_id: str
    connection_id: str
    epoch: int
    since: date | None
    until: date | None
    resumed: bool
    trigger: RunTrigger = RunTrigger.PERSON
    full: bool = False
    tries: int = 0
    accounts: frozenset[str] | None = None
    streams: frozenset[str] | None = None

    @property
    def is_backfill(self) -> bool:
        """Whether only days are read that never were, up to one in the past: it brings nothing fresh."""
        return self.since is None and self.until is not None


class CancelAsked(AdjoinError):
    """A person does not want the run any more; the attempt is to end without reading on."""


def is_due(now: datetime) -> sa.ColumnElement[bool]:
    """Say in SQL that a run need not wait any more."""
    return sa.or_(col(Run.not_before).is_(None), col(Run.not_before) <= now)


def begin(session: Session, run: Run, *, now: datetime, worker: str) -> Attempt:
    """Take a queued run: it is running from now on, under a new epoch."""
    resumed = run.attempts > 0
    run.state = RUN_TABLE.after(run.state, RunEvent.TAKE)
    run.epoch += 1
    run.attempts += 1
    run.worker = worker or None
    run.started_at = run.started_at or now
    run.heartbeat_at = now
    session.add(run)
    if run.trigger in (RunTrigger.PERSON, RunTrigger.SCHEDULE) and _is_unlimited(run):
        _forget_retries(session, run)
    return Attempt(
        workspace_id=run.workspace_id,
        run_id=run.id,
        connection_id=run.connection_id,
        epoch=run.epoch,
        since=run.since,
        until=run.until,
        resumed=resumed,
        trigger=run.trigger,
        full=run.full,
        tries=run.tries,
        accounts=None if run.accounts is None else frozenset(run.accounts),
        streams=None if run.streams is None else frozenset(run.streams),
    )


def _is_unlimited(run: Run) -> bool:
    return run.since is None and run.until is None and run.accounts is None and run.streams is None


def _forget_retries(session: Session, run: Run) -> None:
    """A run that reads everything due makes good what others had left; only days that were asked for are not due."""
    session.connection().execute(
        sa.update(Run)
        .where(
            col(Run.workspace_id) == run.workspace_id,
            col(Run.connection_id) == run.connection_id,
            col(Run.retry_at).is_not(None),
            col(Run.since).is_(None),
        )
        .values(retry_at=None)
    )


def lose(session: Session, run: Run, *, now: datetime | None) -> None:
    """Take a run away from a process that is gone, for another to go on with it.

    Without `now` it goes on as soon as it can; else it waits a while from the third time on. One that was to be
    cancelled is, and one that was lost too often has failed.
    """
    ended_at = now or run.heartbeat_at
    session.add(run)
    if run.cancel_requested_at is not None:
        cancel(run, ended_at)
        return
    run.worker = None
    if run.attempts >= _MOST_ATTEMPTS:
        run.state = RUN_TABLE.after(run.state, RunEvent.FAIL)
        run.finished_at = ended_at
        run.error = (
            f"the process that worked on it ended {run.attempts} times, as when memory runs out; it is not begun again"
        )
        return
    run.state = RUN_TABLE.after(run.state, RunEvent.LOSE)
    if now is not None and run.attempts >= _QUICK_ATTEMPTS:
        run.not_before = now + min(_FIRST_PAUSE * 2 ** (run.attempts - _QUICK_ATTEMPTS), _LONGEST_PAUSE)
    session.flush()
    announce(session, run)


def request_cancel(session: Session, workspace_id: str, run_id: str, *, now: datetime) -> Run:
    """Cancel a run and return it: at once while it is queued; a running one ends within seconds.

    What was committed stays. Asking twice does no harm. Raises UnknownName, or BadInput for a run that has ended.
    """
    query = select(Run).where(col(Run.workspace_id) == workspace_id, col(Run.id) == run_id).with_for_update()
    run = session.exec(query).first()
    if run is None:
        raise unknown_run(run_id)
    if run.state.ended:
        raise BadInput(f"run {run_id[:8]} has ended already ({run.state}); there is nothing to cancel")
    run.cancel_requested_at = run.cancel_requested_at or now
    if run.state is RunState.QUEUED:
        cancel(run, now)
    session.add(run)
    return run


def unknown_run(run_id: str) -> UnknownName:
    """Return the error for a run that is not in the workspace."""
    return UnknownName(f"there is no run {run_id[:40]!r}; `adjoin runs` lists them")


def cancel(run: Run, now: datetime | None) -> None:
    """End a run that a person does not want any more."""
    run.state = RUN_TABLE.after(run.state, RunEvent.CANCEL)
    run.worker = None
    run.finished_at = now
    run.error = CANCELLED
