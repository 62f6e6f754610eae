"""The rows of runs and slices and the transitions between their states.

Every write of an attempt carries the run's epoch. An attempt that was frozen and wakes late finds a newer epoch and is
told so by `Fenced`, before anything is changed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from adjoin.db.models import Connection, ConnectionState, Run, RunState, RunTrigger, Slice, SliceState
from adjoin.errors import Fenced, UnknownName
from adjoin.sync.planner import Listing, PlannedSlice

if TYPE_CHECKING:
    from collections.abc import Iterator

    from adjoin.db import Store

__all__ = ["PRIORITY", "Attempt", "RunBook"]

_ACTIVE = (RunState.QUEUED, RunState.RUNNING)
_ENDED = frozenset({SliceState.STAGED, SliceState.FAILED, SliceState.SPLIT, SliceState.COMMITTED})

#: A person who waits goes first, then the schedule, then backfill.
PRIORITY = {RunTrigger.PERSON: 10, RunTrigger.RESUME: 5, RunTrigger.SCHEDULE: 0, RunTrigger.BACKFILL: -10}


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """The right to work on a run: valid until a newer attempt takes the run.

    `accounts` and `streams` limit what is read, None is all.
    """

    workspace_id: str
    run_id: str
    connection_id: str
    epoch: int
    since: date | None
    until: date | None
    resumed: bool
    accounts: frozenset[str] | None = None
    streams: frozenset[str] | None = None


class RunBook:
    """Runs and slices in the store. All methods block; call them in a thread from a coroutine."""

    def __init__(self, store: Store) -> None:
        self._store = store

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
    ) -> tuple[Run, bool]:
        """Queue a run for a connection, or return the one that is queued or running already; True if it is new."""
        try:
            with self._store.write() as session:
                active = self._active(session, workspace_id, connection_id)
                if active is not None:
                    return active, False
                run = Run(
                    workspace_id=workspace_id,
                    connection_id=connection_id,
                    trigger=trigger,
                    priority=PRIORITY[trigger],
                    since=since,
                    until=until,
                    accounts=None if accounts is None else sorted(accounts),
                    streams=None if streams is None else sorted(streams),
                    created_at=now,
                )
                session.add(run)
            return run, True
        except IntegrityError:  # another process was faster between the look and the insert
            with self._store.read() as session:
                active = self._active(session, workspace_id, connection_id)
            if active is None:
                raise
            return active, False

    def take_next(self, *, now: datetime) -> Attempt | None:
        """Take the most urgent queued run whose time has come: it is running from now on, under a new epoch."""
        with self._store.write() as session:
            query = (
                select(Run)
                .where(col(Run.state) == RunState.QUEUED)
                .where(sa.or_(col(Run.not_before).is_(None), col(Run.not_before) <= now))
                .order_by(col(Run.priority).desc(), col(Run.created_at), col(Run.id))
                .limit(1)
                .with_for_update(skip_locked=True)
            )
            run = session.exec(query).first()
            if run is None:
                return None
            resumed = run.attempts > 0
            run.state = RunState.RUNNING
            run.epoch += 1
            run.attempts += 1
            run.started_at = run.started_at or now
            run.heartbeat_at = now
            session.add(run)
            return Attempt(
                workspace_id=run.workspace_id,
                run_id=run.id,
                connection_id=run.connection_id,
                epoch=run.epoch,
                since=run.since,
                until=run.until,
                resumed=resumed,
                accounts=None if run.accounts is None else frozenset(run.accounts),
                streams=None if run.streams is None else frozenset(run.streams),
            )

    def requeue_orphans(self) -> int:
        """Queue again what was running in a process that is gone. Only for the one process that may execute runs."""
        with self._store.write() as session:
            done = session.connection().execute(
                sa.update(Run).where(col(Run.state) == RunState.RUNNING).values(state=RunState.QUEUED)
            )
            return int(done.rowcount)

    def release(self, attempt: Attempt, *, now: datetime) -> None:
        """Give an interrupted run back to the queue; whoever takes it next resumes it."""
        with self.fenced(attempt, now=now) as (_, run):
            run.state = RunState.QUEUED

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
            query = (
                select(Slice)
                .where(col(Slice.workspace_id) == attempt.workspace_id, col(Slice.run_id) == attempt.run_id)
                .order_by(col(Slice.id))
            )
            return list(session.exec(query).all())

    def plan(self, attempt: Attempt, planned: Sequence[PlannedSlice], *, now: datetime) -> list[Slice]:
        """Write down the slices of the run, in order."""
        with self.fenced(attempt, now=now) as (session, run):
            return _add_slices(session, run, attempt, planned)

    def split(self, attempt: Attempt, whole: Slice, parts: Sequence[PlannedSlice], *, now: datetime) -> list[Slice]:
        """Replace a slice that the platform calls too large by smaller ones, at once: both would give rows twice."""
        with self.fenced(attempt, now=now) as (session, run):
            made = _add_slices(session, run, attempt, parts)
            _change(session, run, whole, state=SliceState.SPLIT, finished_at=now)
        return made

    def update_slice(self, attempt: Attempt, piece: Slice, *, now: datetime, **changes: Any) -> None:
        """Change a slice; a state that ends its fetching moves the progress of the run."""
        with self.fenced(attempt, now=now) as (session, run):
            _change(session, run, piece, **changes)

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
    ) -> None:
        """End the run and note on the connection how it went. One that was switched off meanwhile stays so."""
        with self.fenced(attempt, now=now) as (session, run):
            run.state = state
            run.error = error
            run.finished_at = now
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

    def listings(self, connection: Connection, *, since: datetime) -> dict[str, dict[str, Listing]]:
        """Return per account and stream when the connection's entities were last listed, in runs made since then."""
        complete = sa.case((col(Slice.updated_since).is_(None), col(Slice.asked_at)))
        query = (
            select(col(Slice.account_id), col(Slice.stream), sa.func.max(col(Slice.asked_at)), sa.func.max(complete))
            .join(Run, sa.and_(col(Run.workspace_id) == col(Slice.workspace_id), col(Run.id) == col(Slice.run_id)))
            .where(
                col(Run.workspace_id) == connection.workspace_id,
                col(Run.connection_id) == connection.id,
                col(Run.created_at) >= since,
                col(Slice.state) == SliceState.COMMITTED,
                col(Slice.since).is_(None),
                col(Slice.asked_at).is_not(None),
            )
            .group_by(col(Slice.account_id), col(Slice.stream))
        )
        found: dict[str, dict[str, Listing]] = {}
        with self._store.read() as session:
            for account_id, stream, asked_at, complete_at in session.exec(query):
                if asked_at is None:
                    continue
                found.setdefault(account_id, {})[stream] = Listing(asked_at=asked_at, complete_at=complete_at)
        return found

    def get(self, workspace_id: str, run_id: str) -> Run:
        """Return a run as it stands now. Raises UnknownName."""
        with self._store.read() as session:
            run = session.get(Run, (workspace_id, run_id))
        if run is None:
            raise UnknownName(f"there is no run {run_id!r}; `adjoin runs` lists them")
        return run

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

    def _active(self, session: Session, workspace_id: str, connection_id: str) -> Run | None:
        query = select(Run).where(
            col(Run.workspace_id) == workspace_id,
            col(Run.connection_id) == connection_id,
            col(Run.state).in_(_ACTIVE),
        )
        return session.exec(query).first()


def _add_slices(session: Session, run: Run, attempt: Attempt, planned: Sequence[PlannedSlice]) -> list[Slice]:
    known = run.slices_total
    made = [_slice(attempt, piece, number) for number, piece in enumerate(planned, start=known)]
    session.add_all(made)
    run.slices_total = known + len(made)
    return made


def _change(session: Session, run: Run, piece: Slice, **changes: Any) -> None:
    stored = session.get_one(Slice, (piece.workspace_id, piece.id))
    was_open = stored.state not in _ENDED
    before = stored.rows
    for name, value in changes.items():
        setattr(stored, name, value)
        setattr(piece, name, value)
    session.add(stored)
    if was_open and stored.state in _ENDED:
        run.slices_done += 1
    elif not was_open and stored.state not in _ENDED:
        run.slices_done -= 1
    run.rows += stored.rows - before


def _slice(attempt: Attempt, piece: PlannedSlice, number: int) -> Slice:
    return Slice(
        workspace_id=attempt.workspace_id,
        run_id=attempt.run_id,
        id=f"{attempt.run_id}-{number:06d}",
        account_id=piece.account_id,
        stream=piece.stream,
        since=None if piece.window is None else piece.window.since,
        until=None if piece.window is None else piece.window.until,
        updated_since=piece.updated_since,
    )
