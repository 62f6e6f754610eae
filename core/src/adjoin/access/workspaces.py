"""Workspaces: made, renamed, deleted with a time in which that can be taken back.

The functions take a session of `store.write()` and belong to its transaction. `adjoin.access.purge` removes what is
left of a workspace when its time is over.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlmodel import Session, col, select

from adjoin.access._locks import is_active, lock_for, lock_staying, unknown_workspace
from adjoin.access._names import clean_name
from adjoin.access.actors import Actor
from adjoin.access.permissions import Permission
from adjoin.db.models import DEFAULT_WORKSPACE, Run, RunState, Schedule, Workspace, new_id
from adjoin.db.people import Member, Role, User
from adjoin.errors import BadInput, Forbidden, StateError, UnknownName
from adjoin.sync.slots import next_after
from adjoin.sync.taking import cancel

if TYPE_CHECKING:
    from adjoin.access.admission import Registration

__all__ = [
    "MOST_OWNED",
    "UserWorkspace",
    "all_workspaces",
    "cancel_runs",
    "create",
    "create_own",
    "delete",
    "find",
    "may_create",
    "rename",
    "restore",
    "workspaces_of",
]

#: Workspaces that one person may be an owner of and still make another.
MOST_OWNED = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class UserWorkspace:
    """A workspace as one of its members sees it. With `delete_after` it goes then, unless an owner restores it."""

    id: str
    name: str
    role: Role
    delete_after: datetime | None


def create(session: Session, *, name: str, owner_id: str, by: Actor, now: datetime) -> Workspace:
    """Make a workspace with its first owner. Raises BadInput for the name, UnknownName for the owner."""
    if not is_active(session, owner_id):
        raise UnknownName(f"there is no user {owner_id!r} who could own the workspace, or they are switched off")
    made = Workspace(id=new_id(), name=clean_name(name, "the name of a workspace"), created_at=now)
    session.add(made)
    session.add(Member(workspace_id=made.id, user_id=owner_id, role=Role.OWNER, created_at=now))
    after = {"name": made.name, "owner": owner_id}
    by.note(session, made.id, "workspace.created", of=("workspace", made.id), after=after, now=now)
    return made


def may_create(session: Session, user_id: str, registration: Registration) -> bool:
    """Say whether somebody may make a workspace for themselves.

    Where everybody may register, everybody may. Elsewhere somebody has let people in, and only who owns a workspace
    there may make another one: a guest of one workspace is no host of others.
    """
    return registration == "open" or _owned(session, user_id) > 0


def create_own(session: Session, *, name: str, registration: Registration, by: Actor, now: datetime) -> Workspace:
    """Make a workspace for the person who asks, who owns it.

    Raises Forbidden as `may_create` says, StateError for one too many, BadInput for the name, UnknownName for somebody
    who is switched off.
    """
    if by.user_id is None:
        raise BadInput("the operator owns no workspace; make it with its owner instead")
    # Two requests of one person wait for one another, so that they are counted.
    session.exec(select(User.id).where(col(User.id) == by.user_id).with_for_update(key_share=True)).one_or_none()
    if not may_create(session, by.user_id, registration):
        raise Forbidden(
            "workspaces are made here by those who own one already; ask an owner, or the operator of this installation"
        )
    if _owned(session, by.user_id) >= MOST_OWNED:
        raise StateError(f"you own {MOST_OWNED} workspaces already; delete one that is not used any more")
    return create(session, name=name, owner_id=by.user_id, by=by, now=now)


def rename(session: Session, workspace_id: str, name: str, *, by: Actor, now: datetime) -> Workspace:
    """Give a workspace another name. Raises BadInput, Forbidden, UnknownName, or StateError while it is deleted."""
    workspace, _ = lock_staying(session, workspace_id, by, Permission.RENAME_WORKSPACE)
    wanted = clean_name(name, "the name of a workspace")
    if wanted != workspace.name:
        before, workspace.name = workspace.name, wanted
        session.add(workspace)
        by.note(
            session,
            workspace_id,
            "workspace.renamed",
            of=("workspace", workspace_id),
            before={"name": before},
            after={"name": wanted},
            now=now,
        )
    return workspace


def delete(session: Session, workspace_id: str, *, grace: timedelta, by: Actor, now: datetime) -> Workspace:
    """Have a workspace deleted when the grace period is over; until then an owner can restore it.

    Its runs are cancelled and its schedules rest from now on. Doing it twice changes nothing: the first date counts.
    Raises Forbidden, UnknownName, or StateError for the default workspace, which keeps the installation's own jobs.
    """
    workspace, _ = lock_for(session, workspace_id, by, Permission.DELETE_WORKSPACE)
    if workspace_id == DEFAULT_WORKSPACE:
        raise StateError(
            f"the workspace {workspace.name!r} came with the installation and keeps its jobs, so it cannot be deleted; "
            "disconnect its platforms instead"
        )
    if workspace.delete_after is None:
        workspace.delete_after = now + grace
        session.add(workspace)
        cancel_runs(session, workspace_id, now=now)
        after = {"delete_after": workspace.delete_after}
        by.note(session, workspace_id, "workspace.deleted", of=("workspace", workspace_id), after=after, now=now)
    return workspace


def restore(session: Session, workspace_id: str, *, by: Actor, now: datetime) -> Workspace:
    """Keep a workspace that was to be deleted. Its schedules go on with their next time; nothing is made up for.

    Raises Forbidden, UnknownName, BadInput where it is not to be deleted, and StateError once its time is over.
    """
    workspace, _ = lock_for(session, workspace_id, by, Permission.DELETE_WORKSPACE)
    if workspace.delete_after is None:
        raise BadInput(f"the workspace {workspace.name!r} is not to be deleted; there is nothing to restore")
    if workspace.delete_after <= now:
        raise StateError(
            f"the workspace {workspace.name!r} could be restored until {workspace.delete_after:%Y-%m-%d %H:%M} UTC; "
            "its files are being removed, and only a backup brings it back"
        )
    before, workspace.delete_after = {"delete_after": workspace.delete_after}, None
    session.add(workspace)
    _go_on(session, workspace_id, now)
    by.note(session, workspace_id, "workspace.restored", of=("workspace", workspace_id), before=before, now=now)
    return workspace


def cancel_runs(session: Session, workspace_id: str, *, connection_id: str | None = None, now: datetime) -> int:
    """Cancel all runs of a workspace, or those of one connection: those that wait at once, those that run within
    seconds. Returns how many. None of them is tried again.
    """
    mine = col(Run.workspace_id) == workspace_id
    if connection_id is not None:
        mine &= col(Run.connection_id) == connection_id
    active = select(Run).where(mine, col(Run.state).in_((RunState.QUEUED, RunState.RUNNING)))
    runs = session.exec(active.order_by(col(Run.id)).with_for_update()).all()
    for run in runs:
        run.cancel_requested_at = run.cancel_requested_at or now
        if run.state is RunState.QUEUED:
            cancel(run, now)
        session.add(run)
    session.flush()
    session.connection().execute(sa.update(Run).where(mine, col(Run.retry_at).is_not(None)).values(retry_at=None))
    return len(runs)


def workspaces_of(session: Session, user_id: str) -> Sequence[UserWorkspace]:
    """Return the workspaces that a user is a member of, by name."""
    query = (
        select(Workspace, col(Member.role))
        .join(Member, col(Member.workspace_id) == col(Workspace.id))
        .where(col(Member.user_id) == user_id)
    )
    found = [
        UserWorkspace(id=one.id, name=one.name, role=role, delete_after=one.delete_after)
        for one, role in session.exec(query)
    ]
    return sorted(found, key=lambda one: (one.name.casefold(), one.id))


def find(session: Session, id_or_name: str) -> Workspace:
    """Return a workspace by its id or its name, for the operator. Raises UnknownName, BadInput where several match."""
    named = select(Workspace).where(sa.or_(col(Workspace.id) == id_or_name, col(Workspace.name) == id_or_name))
    found = session.exec(named.order_by(col(Workspace.created_at), col(Workspace.id))).all()
    exact = [one for one in found if one.id == id_or_name] or found
    if not exact:
        raise unknown_workspace(id_or_name)
    if len(exact) > 1:
        raise BadInput(
            f"{len(exact)} workspaces are named {id_or_name!r}; take an id: {', '.join(w.id for w in exact)}"
        )
    return exact[0]


def all_workspaces(session: Session) -> Sequence[tuple[Workspace, int]]:
    """Return all workspaces of the installation, oldest first, each with the number of its members."""
    members = (
        select(sa.func.count())
        .select_from(Member)
        .where(col(Member.workspace_id) == col(Workspace.id))
        .correlate(Workspace)
        .scalar_subquery()
    )
    return session.exec(select(Workspace, members).order_by(col(Workspace.created_at), col(Workspace.id))).all()


def _owned(session: Session, user_id: str) -> int:
    mine = (col(Member.user_id) == user_id, col(Member.role) == Role.OWNER)
    return session.exec(select(sa.func.count()).select_from(Member).where(*mine)).one()


def _go_on(session: Session, workspace_id: str, now: datetime) -> None:
    """Move what was due meanwhile to its next time."""
    due = select(Schedule).where(col(Schedule.workspace_id) == workspace_id, col(Schedule.next_run_at) <= now)
    for schedule in session.exec(due.with_for_update()).all():
        try:
            schedule.next_run_at = next_after(schedule, now)
        except (BadInput, OverflowError):  # dispatch says on the schedule what is wrong with it
            continue
        session.add(schedule)
