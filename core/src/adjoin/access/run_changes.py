"""What members may do about runs: have days read again, have what a run left out read now, cancel one.

The functions take a session of `store.write()` and belong to its transaction; they ask for the actor's role in it and
note the change in the audit log. Forbidden, and StateError for a workspace that is about to be deleted or a connection
that has to be authorised again.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlmodel import Session, col, select

from adjoin.access._connections import check_usable, connection_of
from adjoin.access._locks import lock_staying
from adjoin.access.actors import Actor
from adjoin.access.permissions import Permission
from adjoin.db.models import Account, Connection, Run, RunState, RunTrigger
from adjoin.errors import BadInput, UnknownName
from adjoin.sync.asking import Scope, ask, covers
from adjoin.sync.retries import retry_now
from adjoin.sync.taking import request_cancel, unknown_run

__all__ = ["Asked", "cancel", "refetch", "retry"]

#: The zone furthest ahead: what is a day to come there has begun nowhere.
_FURTHEST = timedelta(hours=14)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What asking came to: a new run, or the one that the connection has already and whether it reads the same."""

    run: Run
    new: bool
    covered: bool


def refetch(
    session: Session,
    workspace_id: str,
    connection_id: str,
    *,
    since: date,
    until: date,
    accounts: Collection[str] | None = None,
    streams: Collection[str] | None = None,
    by: Actor,
    now: datetime,
) -> Asked:
    """Queue a run that reads exactly these days again, both included; `accounts` and `streams` None: all of them.

    Nothing is lost meanwhile: the figures of a day are replaced when the new ones are there. Raises BadInput for days
    that are to come or the wrong way round and for an account that cannot be read, UnknownName for a connection or
    an account that is not there.
    """
    lock_staying(session, workspace_id, by, Permission.START_SYNCS)
    connection = connection_of(session, workspace_id, connection_id)
    check_usable(connection)
    if until < since:
        raise BadInput(f"the last day, {until}, comes before the first, {since}; give them the other way round")
    if until > (now + _FURTHEST).date():
        raise BadInput(f"{until} lies in the future: there is nothing to read yet")
    if accounts is not None:
        _check_accounts(session, connection, accounts)
    scope = Scope(since=since, until=until, accounts=accounts, streams=streams)
    run, new = ask(
        session,
        workspace_id=workspace_id,
        connection_id=connection.id,
        trigger=RunTrigger.PERSON,
        now=now,
        scope=scope,
    )
    if new:
        after = {"since": since, "until": until, "accounts": run.accounts, "datasets": run.streams}
        by.note(
            session,
            workspace_id,
            "sync.asked",
            of=("connection", connection.id),
            after={name: value for name, value in after.items() if value is not None},
            now=now,
        )
    return Asked(run=run, new=new, covered=new or covers(run, scope))


def retry(session: Session, workspace_id: str, run_id: str, *, by: Actor, now: datetime) -> Asked:
    """Queue a run for what an ended one did not bring in, see `adjoin.sync.retries.retry_now`.

    Raises UnknownName for a run that is not there, BadInput for one that has not ended or has brought everything.
    """
    lock_staying(session, workspace_id, by, Permission.START_SYNCS)
    run = session.get(Run, (workspace_id, run_id), with_for_update=True, populate_existing=True)
    if run is None:
        raise unknown_run(run_id)
    if not run.state.ended:
        raise BadInput(f"run {run_id[:8]} has not ended yet ({run.state}); what it leaves out can be read after it")
    if run.state is RunState.SUCCEEDED:
        raise BadInput(f"run {run_id[:8]} has brought everything; there is nothing to retry")
    check_usable(connection_of(session, workspace_id, run.connection_id))
    made, scope, new = retry_now(session, run, now=now)
    if new:
        by.note(session, workspace_id, "sync.retried", of=("run", run.id), after={"run": made.id}, now=now)
    return Asked(run=made, new=new, covered=new or made.retry_of == run.id or covers(made, scope))


def cancel(session: Session, workspace_id: str, run_id: str, *, by: Actor, now: datetime) -> Run:
    """Cancel a run that waits or is under way and return it; what it has committed stays.

    Files that it has staged are for the caller to clear where it has ended by this. Raises UnknownName, or BadInput for
    a run that has ended.
    """
    lock_staying(session, workspace_id, by, Permission.START_SYNCS)
    run = request_cancel(session, workspace_id, run_id, now=now)
    by.note(session, workspace_id, "sync.cancelled", of=("run", run.id), now=now)
    return run


def _check_accounts(session: Session, connection: Connection, wanted: Collection[str]) -> None:
    if not wanted:
        raise BadInput("choose at least one account, or none at all for all of them")
    query = select(Account).where(
        col(Account.workspace_id) == connection.workspace_id,
        col(Account.connection_id) == connection.id,
        col(Account.gone_at).is_(None),
    )
    known = {one.id: one for one in session.exec(query)}
    for account_id in sorted(wanted):
        found = known.get(account_id)
        if found is None:
            raise UnknownName(f"the connection {connection.label!r} has no account {account_id[:60]!r}")
        if not found.readable:
            reason = (found.note or found.native_status).removeprefix("not read: ")
            raise BadInput(f"the account {found.name or found.id} cannot be read: {reason}")
