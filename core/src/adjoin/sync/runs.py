"""The rows of runs and slices and the transitions between their states.

Every write of an attempt carries the run's epoch. An attempt that was frozen and wakes late finds a newer epoch and is
told so by `Fenced`, before anything is changed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from adjoin.db.models import Connection, ConnectionState, Run, RunState, RunTrigger, Slice, SliceState
from adjoin.errors import BadInput, Fenced
from adjoin.sync.asking import PRIORITY, Scope, ask
from adjoin.sync.leaving import check_staying
from adjoin.sync.planner import Listing, PlannedSlice
from adjoin.sync.queue import announce
from adjoin.sync.slices import add_slices, listings, move_slice, slices_of
from adjoin.sync.states import RUN_TABLE, RunEvent, SliceEvent
from adjoin.sync.taking import (
    CANCELLED,
    Attempt,
    CancelAsked,
    begin,
    cancel,
    is_due,
    lose,
    request_cancel,
    unknown_run,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from adjoin.db.access import Access

__all__ = ["PRIORITY", "Attempt", "CancelAsked", "RunBook"]


_ENDINGS = {
    RunState.SUCCEEDED: RunEvent.SUCCEED,
    RunState.PARTLY: RunEvent.END_PARTLY,
    RunState.FAILED: RunEvent.FAIL,
    RunState.CANCELLED: RunEvent.CANCEL,
}


class RunBook:
    """Runs and slices in the store. All methods block; call them in a thread from a coroutine."""

    def __init__(self, store: Access, *, per_workspace: int = 20) -> None:
        self._store = store
        self._per_workspace = per_workspace

    def enqueue(
        self,
        *,
        workspace_id: str,
        connection_id: str,
        trigger: RunTrigger,
        now: datetime,
        since: date | None = None,
        until: date | None = None,
        accounts: Collection[str] | None = None,
        streams: Collection[str] | None = None,
        full: bool = False,
    ) -> tuple[Run, bool]:
        """Queue a run for a connection, or return the one that is queued or running already; True if it is new.

        A run that is still queued is lifted, see `adjoin.sync.asking.ask`. Raises StateError for a workspace that is to
        be deleted.
        """
        with self._store.write() as session:
            check_staying(session, workspace_id)
            return ask(
                session,
                workspace_id=workspace_id,
                connection_id=connection_id,
                trigger=trigger,
                now=now,
                scope=Scope(since=since, until=until, accounts=accounts, streams=streams, full=full),
            )

    def take_next(self, *, now: datetime, worker: str = "") -> Attempt | None:
        """Take the most urgent queued run whose time has come: it is running from now on, under a new epoch.

        Of equally urgent ones, that of the workspace with the fewest running runs goes first, then the oldest. A
        workspace with `per_workspace` running runs gets no more.
        """
        with self._store.write() as session:
            busy = (
                select(col(Run.workspace_id), sa.func.count().label("runs"))
                .where(col(Run.state) == RunState.RUNNING)
                .group_by(col(Run.workspace_id))
                .subquery()
            )
            running = sa.func.coalesce(busy.c.runs, 0)
            query = (
                select(Run)
                .outerjoin(busy, busy.c.workspace_id == col(Run.workspace_id))
                .where(col(Run.state) == RunState.QUEUED, is_due(now), running < self._per_workspace)
                .order_by(col(Run.priority).desc(), running, col(Run.created_at), col(Run.id))
                .limit(1)
                .with_for_update(skip_locked=True, of=Run)
            )
            run = session.exec(query).first()
            return None if run is None else begin(session, run, now=now, worker=worker)

    def take(self, run_id: str, *, now: datetime, worker: str = "", workspace_id: str | None = None) -> Attempt | None:
        """Take a certain run, as a worker does that was handed one; None where there is nothing to do.

        That is so when it has ended, is worked on by another one, or its time has not come.
        """
        with self._store.write() as session:
            query = select(Run).where(col(Run.id) == run_id, col(Run.state) == RunState.QUEUED, is_due(now))
            if workspace_id is not None:
                query = query.where(col(Run.workspace_id) == workspace_id)
            run = session.exec(query.with_for_update()).first()
            return None if run is None else begin(session, run, now=now, worker=worker)

    def heartbeat(self, attempt: Attempt, *, now: datetime) -> bool:
        """Say that the attempt is alive; returns whether the run is to be cancelled. Raises Fenced.

        A run that this attempt has just brought to its end is neither to be cancelled nor taken over.
        """
        try:
            with self.fenced(attempt, now=now) as (_, run):
                return run.cancel_requested_at is not None
        except Fenced:
            if self.ended_as(attempt) is None:
                raise
            return False

    def ended_as(self, attempt: Attempt) -> RunState | None:
        """Return how the attempt's run has ended, None where it has not or belongs to a newer attempt."""
        with self._store.read() as session:
            run = session.get(Run, (attempt.workspace_id, attempt.run_id))
        return run.state if run is not None and run.epoch == attempt.epoch and run.state.ended else None

    def requeue_orphans(self) -> int:
        """Queue again what was running in a process that is gone. Only for the one process that may execute runs.

        Returns how many runs there were. One that was to be cancelled is, and one that was lost too often has failed.
        """
        with self._store.write() as session:
            lost = session.exec(select(Run).where(col(Run.state) == RunState.RUNNING).with_for_update()).all()
            for run in lost:
                lose(session, run, now=None)
            return len(lost)

    def requeue_stale(self, *, now: datetime, older_than: timedelta) -> list[str]:
        """Queue again the runs whose last sign of life is older than that, and return their ids.

        From the third time on a run waits a while before it is begun again. One that was to be cancelled is, and one
        that was lost too often has failed.
        """
        with self._store.write() as session:
            query = (
                select(Run)
                .where(col(Run.state) == RunState.RUNNING, col(Run.heartbeat_at) < now - older_than)
                .with_for_update(skip_locked=True)
            )
            lost = session.exec(query).all()
            for run in lost:
                lose(session, run, now=now)
            return [run.id for run in lost]

    def request_cancel(self, workspace_id: str, run_id: str, *, now: datetime) -> Run:
        """Cancel a run and return it: at once while it is queued; a running one ends within seconds.

        What was committed stays. Asking twice does no harm. Raises UnknownName, or BadInput for a run that has ended.
        """
        with self._store.write() as session:
            return request_cancel(session, workspace_id, run_id, now=now)

    def release(self, attempt: Attempt, *, now: datetime) -> None:
        """Give an interrupted run back to the queue; whoever takes it next resumes it. A cancelled one ends here."""
        with self.fenced(attempt, now=now) as (session, run):
            if run.cancel_requested_at is not None:
                cancel(run, now)
                return
            run.state = RUN_TABLE.after(run.state, RunEvent.RELEASE)
            run.worker = None
            session.flush()
            announce(session, run)

    @contextmanager
    def fenced(self, attempt: Attempt, *, now: datetime) -> Iterator[tuple[Session, Run]]:
        """Yield a write transaction that is valid only while the attempt owns the run. Raises Fenced."""
        with self._store.write() as session:
            query = (
                select(Run)
                .where(col(Run.workspace_id) == attempt.workspace_id, col(Run.id) == attempt.run_id)
                .with_for_update()
            )
            run = session.exec(query).first()
            if run is None or run.epoch != attempt.epoch or run.state is not RunState.RUNNING:
                raise Fenced(
                    f"run {attempt.run_id} was taken over (attempt {attempt.epoch} is not the current one); "
                    "what this attempt had fetched is left to the other"
                )
            run.heartbeat_at = now
            session.add(run)
            yield session, run

    def slices(self, attempt: Attempt) -> list[Slice]:
        """Return the slices of the run in the order in which they were planned."""
        with self._store.read() as session:
            return slices_of(session, attempt.workspace_id, attempt.run_id)

    def plan(self, attempt: Attempt, planned: Sequence[PlannedSlice], *, now: datetime) -> list[Slice]:
        """Write down the slices of the run, in order."""
        with self.fenced(attempt, now=now) as (session, run):
            return add_slices(session, run, planned)

    def split(self, attempt: Attempt, whole: Slice, parts: Sequence[PlannedSlice], *, now: datetime) -> list[Slice]:
        """Replace a slice that the platform calls too large by smaller ones, at once: both would give rows twice."""
        with self.fenced(attempt, now=now) as (session, run):
            made = add_slices(session, run, parts)
            move_slice(session, run, whole, SliceEvent.SPLIT, finished_at=now)
        return made

    def move_slice(self, attempt: Attempt, piece: Slice, event: SliceEvent, *, now: datetime, **changes: Any) -> None:
        """Let something happen to a slice; the end of its fetching moves the progress of the run.

        Raises CancelAsked rather than begin one of a run that is to be cancelled.
        """
        with self.fenced(attempt, now=now) as (session, run):
            if event is SliceEvent.START and run.cancel_requested_at is not None:
                raise CancelAsked(f"run {run.id} is to be cancelled")
            move_slice(session, run, piece, event, **changes)

    def fail_staged(self, attempt: Attempt, account_id: str, *, error: str, kind: str, now: datetime) -> None:
        """Note that what was staged of an account is not used, and why."""
        with self.fenced(attempt, now=now) as (session, run):
            for piece in slices_of(session, run.workspace_id, run.id, account_id=account_id):
                if piece.state is SliceState.STAGED:
                    move_slice(session, run, piece, SliceEvent.FAIL, error=error, error_kind=kind, finished_at=now)

    def finish(
        self,
        attempt: Attempt,
        *,
        now: datetime,
        state: RunState,
        error: str | None = None,
        notes: Iterable[str] = (),
        requests: int = 0,
        operations: int = 0,
        connection: dict[str, Any] | None = None,
        retry_at: datetime | None = None,
        backfill_until: date | None = None,
    ) -> None:
        """End the run and note on the connection how it went. One that was switched off meanwhile stays so.

        With `backfill_until`, a run for the days up to that one which were never read is queued at once, within the
        same limits.
        """
        with self.fenced(attempt, now=now) as (session, run):
            run.state = RUN_TABLE.after(run.state, _ENDINGS[state])
            run.error = error if state is not RunState.CANCELLED else CANCELLED
            run.finished_at = now
            run.retry_at = retry_at
            run.notes = [*run.notes, *(note for note in notes if note not in run.notes)]
            run.requests += requests
            run.operations += operations
            stored = session.get(Connection, (attempt.workspace_id, attempt.connection_id))
            if stored is not None:
                switched_off = stored.state is ConnectionState.DISABLED
                for name, value in (connection or {}).items():
                    if name != "state" or not switched_off:
                        setattr(stored, name, value)
                session.add(stored)
            if backfill_until is not None and run.cancel_requested_at is None:
                session.flush()  # this run has to have ended before the next one is there
                ask(
                    session,
                    workspace_id=run.workspace_id,
                    connection_id=run.connection_id,
                    trigger=RunTrigger.BACKFILL,
                    now=now,
                    scope=Scope(until=backfill_until, accounts=run.accounts, streams=run.streams),
                )

    def listings(self, connection: Connection, *, since: datetime) -> dict[str, dict[str, Listing]]:
        """Return per account and stream when the connection's entities were last listed, in runs made since then."""
        with self._store.read() as session:
            return listings(session, connection, since=since)

    def get(self, workspace_id: str, run_id: str) -> Run:
        """Return a run as it stands now. Raises UnknownName."""
        with self._store.read() as session:
            run = session.get(Run, (workspace_id, run_id))
        if run is None:
            raise unknown_run(run_id)
        return run

    def find(self, workspace_id: str, start_of_id: str) -> Run:
        """Return the run whose id begins so. Raises UnknownName, or BadInput where several do."""
        with self._store.read() as session:
            query = select(Run).where(
                col(Run.workspace_id) == workspace_id, col(Run.id).startswith(start_of_id, autoescape=True)
            )
            found = session.exec(query.order_by(col(Run.created_at).desc()).limit(2)).all()
        if not found or not start_of_id:
            raise unknown_run(start_of_id)
        if len(found) > 1:
            raise BadInput(f"several runs begin with {start_of_id!r}; give more of the id")
        return found[0]

    def retry_of(self, run: Run) -> Run | None:
        """Return the run that makes good what this one left out, the newest where several did; None: there is none."""
        with self._store.read() as session:
            query = select(Run).where(
                col(Run.workspace_id) == run.workspace_id,
                col(Run.created_at) >= run.created_at,
                col(Run.retry_of) == run.id,
            )
            return session.exec(query.order_by(col(Run.created_at).desc(), col(Run.id))).first()

    def backfill_after(self, run: Run) -> list[Run]:
        """Return the runs that read older history after this one, for the same connection, oldest first."""
        with self._store.read() as session:
            query = select(Run).where(
                col(Run.workspace_id) == run.workspace_id,
                col(Run.connection_id) == run.connection_id,
                col(Run.created_at) >= run.created_at,
                col(Run.id) != run.id,
                col(Run.since).is_(None),
                col(Run.until).is_not(None),
            )
            return list(session.exec(query.order_by(col(Run.created_at), col(Run.until).desc())))

    def latest(self, workspace_id: str, *, limit: int = 20) -> list[tuple[Run, Connection]]:
        """Return the latest runs, newest first, each with its connection."""
        with self._store.read() as session:
            query = (
                select(Run, Connection)
                .join(
                    Connection,
                    sa.and_(
                        col(Connection.workspace_id) == col(Run.workspace_id),
                        col(Connection.id) == col(Run.connection_id),
                    ),
                )
                .where(col(Run.workspace_id) == workspace_id)
                .order_by(col(Run.created_at).desc(), col(Run.id))
                .limit(limit)
            )
            return [(run, connection) for run, connection in session.exec(query).all()]
