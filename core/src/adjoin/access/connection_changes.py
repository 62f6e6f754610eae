"""What members may change about connections: accounts, schedule, a sync now, and the end of a connection.

The functions take a session of `store.write()` and belong to its transaction; they ask for the actor's role in it and
note the change in the audit log. UnknownName for a connection that is not in the workspace, Forbidden, and StateError
for a workspace that is about to be deleted.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session, col, select

from adjoin.access._connections import check_usable, connection_of
from adjoin.access._locks import lock_staying
from adjoin.access.actors import Actor
from adjoin.access.permissions import Permission
from adjoin.access.workspaces import cancel_runs
from adjoin.db.models import Account, Connection, ConnectionState, Run, RunTrigger, Schedule
from adjoin.errors import BadInput, UnknownName
from adjoin.sync.asking import ask
from adjoin.sync.slots import park, unpark

__all__ = [
    "check_may_connect",
    "choose_accounts",
    "disconnect",
    "is_disconnected",
    "pause_schedule",
    "resume_schedule",
    "sync_now",
]


def is_disconnected(connection: Connection) -> bool:
    """Say whether a person has disconnected it: its data stays, and connecting again takes it up."""
    return connection.state is ConnectionState.DISABLED and connection.credential is None


def check_may_connect(session: Session, workspace_id: str, *, by: Actor) -> None:
    """Raise unless the actor may make and renew connections of the workspace now."""
    lock_staying(session, workspace_id, by, Permission.MANAGE_CONNECTIONS)


def choose_accounts(
    session: Session, workspace_id: str, connection_id: str, account_ids: Collection[str], *, by: Actor, now: datetime
) -> list[Account]:
    """Sync these accounts of a connection and no other, from its next run on. Returns those whose choice changed.

    What was read of the others stays. Raises UnknownName for an account that the connection does not have, BadInput
    where none is chosen.
    """
    lock_staying(session, workspace_id, by, Permission.MANAGE_CONNECTIONS)
    connection = connection_of(session, workspace_id, connection_id)
    query = select(Account).where(
        col(Account.workspace_id) == workspace_id, col(Account.connection_id) == connection.id
    )
    accounts = {one.id: one for one in session.exec(query.order_by(col(Account.id)))}
    unknown = sorted(set(account_ids) - set(accounts))
    if unknown:
        raise UnknownName(f"the connection {connection.label!r} has no account {unknown[0][:60]!r}")
    if not account_ids:
        raise BadInput("choose at least one account; to read none of them any more, pause the schedule or disconnect")
    changed = [one for one in accounts.values() if one.selected is not (one.id in account_ids)]
    for account in changed:
        account.selected = not account.selected
        session.add(account)
    if changed:
        by.note(
            session,
            workspace_id,
            "connection.accounts_chosen",
            of=("connection", connection.id),
            after={
                "added": [one.id for one in changed if one.selected],
                "left_out": [one.id for one in changed if not one.selected],
            },
            now=now,
        )
    return changed


def pause_schedule(session: Session, workspace_id: str, connection_id: str, *, by: Actor, now: datetime) -> int:
    """Let the schedules of a connection rest; what they miss meanwhile is not made up for. Returns how many did."""
    return _switch(session, workspace_id, connection_id, on=False, by=by, now=now)


def resume_schedule(session: Session, workspace_id: str, connection_id: str, *, by: Actor, now: datetime) -> int:
    """Let paused schedules of a connection go on with their next slot. Returns how many do."""
    return _switch(session, workspace_id, connection_id, on=True, by=by, now=now)


def sync_now(session: Session, workspace_id: str, connection_id: str, *, by: Actor, now: datetime) -> tuple[Run, bool]:
    """Queue a run for a person who waits, or lift the one that is queued; True where it is new.

    Who executes runs takes it: the scheduler's process or a worker. Raises StateError for a connection that cannot be
    used until somebody authorises it again.
    """
    lock_staying(session, workspace_id, by, Permission.START_SYNCS)
    connection = connection_of(session, workspace_id, connection_id)
    check_usable(connection)
    run, new = ask(session, workspace_id=workspace_id, connection_id=connection.id, trigger=RunTrigger.PERSON, now=now)
    if new:
        by.note(session, workspace_id, "sync.asked", of=("connection", connection.id), now=now)
    return run, new


def disconnect(session: Session, workspace_id: str, connection_id: str, *, by: Actor, now: datetime) -> Connection:
    """End a connection: its credential goes, its schedules too, and its runs are cancelled.

    Accounts, figures and runs stay, and connecting the same accounts again takes the connection up. The platform is
    not told. Doing it again changes nothing.
    """
    lock_staying(session, workspace_id, by, Permission.MANAGE_CONNECTIONS)
    connection = connection_of(session, workspace_id, connection_id)
    if is_disconnected(connection):
        return connection
    before = {"platform": connection.platform, "label": connection.label, "state": str(connection.state)}
    cancel_runs(session, workspace_id, connection_id=connection.id, now=now)
    connection.credential = None
    connection.credential_version += 1  # a worker that renews it in this moment stores nothing
    connection.can_renew, connection.expires_at = False, None
    connection.state = ConnectionState.DISABLED
    connection.last_error, connection.warning = None, None
    session.add(connection)
    gone = sa.delete(Schedule).where(
        col(Schedule.workspace_id) == workspace_id, col(Schedule.connection_id) == connection.id
    )
    session.connection().execute(gone)
    by.note(session, workspace_id, "connection.disconnected", of=("connection", connection.id), before=before, now=now)
    return connection


def _switch(session: Session, workspace_id: str, connection_id: str, *, on: bool, by: Actor, now: datetime) -> int:
    lock_staying(session, workspace_id, by, Permission.MANAGE_SCHEDULES)
    connection = connection_of(session, workspace_id, connection_id)
    query = select(Schedule).where(
        col(Schedule.workspace_id) == workspace_id, col(Schedule.connection_id) == connection.id
    )
    schedules = session.exec(query.with_for_update()).all()
    if not schedules:
        raise UnknownName(f"the connection {connection.label!r} has no schedule; `adjoin schedules set` makes one")
    change: Callable[[Schedule, datetime], None] = unpark if on else park
    changed = [one for one in schedules if one.enabled is not on]
    for schedule in changed:
        change(schedule, now)
        session.add(schedule)
    if changed:
        action = "schedule.resumed" if on else "schedule.paused"
        by.note(session, workspace_id, action, of=("connection", connection.id), now=now)
    return len(changed)
