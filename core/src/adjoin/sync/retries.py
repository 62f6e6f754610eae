"""What is tried again: which faults may pass, after how long, and the runs that make good what others left out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from adjoin.db.models import Connection, ConnectionState, Run, RunState, RunTrigger, Slice, SliceState
from adjoin.errors import ErrorKind
from adjoin.sync.asking import Scope, ask
from adjoin.sync.leaving import is_staying

if TYPE_CHECKING:
    from adjoin.db import Store
    from adjoin.db.access import Access

__all__ = [
    "BACKOFF",
    "CRASH",
    "DAMAGED",
    "STOPPED",
    "TIMEOUT",
    "Missing",
    "may_pass",
    "missing_from",
    "queue_retries",
    "retry_now",
    "retry_time",
]

#: How long after its end a run that was not whole is tried again: the first time, the second, and so on. Then no more.
BACKOFF = (timedelta(minutes=5), timedelta(minutes=15), timedelta(hours=1), timedelta(hours=3), timedelta(hours=6))

#: Kinds of failure beside those of `ErrorKind`, as `slices.error_kind` holds them.
TIMEOUT = "timeout"  #: the plugin hung, or all its slots were taken
CRASH = "crash"  #: the process ended while the slice was read, again and again
DAMAGED = "damaged"  #: a staged file was not as it was written
STOPPED = "stopped"  #: something else had ended the run before

_MAY_PASS = frozenset({ErrorKind.RETRY, ErrorKind.WAIT, ErrorKind.RESTART, TIMEOUT, CRASH, DAMAGED, STOPPED})
_BATCH = 200  # runs queued in one transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """A part of a run that was not committed: a list of entities, or days of a stream, and why.

    `passing` says whether the fault may pass by itself.
    """

    account_id: str
    stream: str
    since: date | None
    until: date | None
    reason: str
    passing: bool


def may_pass(kind: str) -> bool:
    """Say whether a failure of this kind may be gone the next time, without a person doing something."""
    return kind in _MAY_PASS


def retry_time(tries: int, *, now: datetime, wait: timedelta = timedelta(0)) -> datetime | None:
    """Return when a run that followed on `tries` others is tried again, None when no more; not before the `wait`."""
    return now + max(BACKOFF[tries], wait) if tries < len(BACKOFF) else None


def missing_from(store: Access, workspace_id: str, run_id: str) -> list[Missing]:
    """Return what an ended run did not bring in, newest days first."""
    query = select(Slice).where(
        col(Slice.workspace_id) == workspace_id,
        col(Slice.run_id) == run_id,
        col(Slice.state).not_in((SliceState.COMMITTED, SliceState.SPLIT)),
    )
    with store.read() as session:
        slices = list(session.exec(query))
    slices.sort(key=lambda piece: (piece.account_id, piece.stream, -(piece.since or date.max).toordinal()))
    return [
        Missing(
            account_id=piece.account_id,
            stream=piece.stream,
            since=piece.since,
            until=piece.until,
            reason=piece.error or "it was not read any more",
            passing=_is_passing(piece),
        )
        for piece in slices
    ]


def queue_retries(store: Store, *, now: datetime) -> list[str]:
    """Queue a run for each one that is to be tried again by now, and return the ids of the new ones.

    It is limited to the accounts in which something may pass, and to what the first one was limited to. While the
    connection has an active run, or waits for a person, the retry waits.
    """
    other = aliased(Run)
    busy = (
        sa.select(sa.literal(1))
        .where(
            col(other.workspace_id) == col(Run.workspace_id),
            col(other.connection_id) == col(Run.connection_id),
            col(other.state).in_((RunState.QUEUED, RunState.RUNNING)),
        )
        .exists()
    )
    query = (
        select(Run)
        .join(
            Connection,
            sa.and_(
                col(Connection.workspace_id) == col(Run.workspace_id), col(Connection.id) == col(Run.connection_id)
            ),
        )
        .where(
            col(Run.retry_at) <= now,
            col(Connection.state).in_((ConnectionState.OK, ConnectionState.ERROR)),
            ~busy,
            is_staying(Run),
        )
        .order_by(col(Run.retry_at), col(Run.id))
        .limit(_BATCH)
        .with_for_update(skip_locked=True, of=Run)
    )
    queued: list[str] = []
    with store.write() as session:
        for run in session.exec(query).all():
            made, new = ask(
                session,
                workspace_id=run.workspace_id,
                connection_id=run.connection_id,
                trigger=RunTrigger.RESUME,
                now=now,
                scope=Scope(
                    since=run.since,
                    until=run.until,
                    accounts=_accounts_to_retry(session, run),
                    streams=run.streams,
                    full=run.full,
                ),
                retry_of=run.id,
                tries=run.tries + 1,
            )
            if new:  # else another run has just begun, and this one waits for its end
                run.retry_at = None
                session.add(run)
                queued.append(made.id)
    return queued


def retry_now(session: Session, run: Run, *, now: datetime) -> tuple[Run, Scope, bool]:
    """Queue what an ended run has left out, as a person asks for it who may have mended what did not pass by itself.

    Returns the new run, or the active one of the connection; what is to be read; and whether the run is new. A new one
    makes good for the old one, which is not tried again by itself then, and has all its own tries before it.
    """
    scope = Scope(
        since=run.since,
        until=run.until,
        accounts=_accounts_to_retry(session, run, all_of_them=True),
        streams=run.streams,
        full=run.full,
    )
    made, new = ask(
        session,
        workspace_id=run.workspace_id,
        connection_id=run.connection_id,
        trigger=RunTrigger.PERSON,
        now=now,
        scope=scope,
        retry_of=run.id,
    )
    if new:
        run.retry_at = None
        session.add(run)
    return made, scope, new


def _accounts_to_retry(session: Session, run: Run, *, all_of_them: bool = False) -> list[str] | None:
    """Return the accounts in which something may pass, or all in which something is missing; where the run never came
    to a plan, those it was to read.
    """
    if run.slices_total == 0:
        return run.accounts
    query = select(Slice).where(
        col(Slice.workspace_id) == run.workspace_id,
        col(Slice.run_id) == run.id,
        col(Slice.state).not_in((SliceState.COMMITTED, SliceState.SPLIT)),
    )
    missing = session.exec(query)
    return _accounts(piece for piece in missing if all_of_them or _is_passing(piece)) or run.accounts


def _accounts(slices: Iterable[Slice]) -> list[str]:
    return sorted({piece.account_id for piece in slices})


def _is_passing(piece: Slice) -> bool:
    return piece.state is not SliceState.FAILED or may_pass(piece.error_kind or "")
