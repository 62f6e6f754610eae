"""Workspaces: made, renamed, deleted with a time in which that can be taken back.

The functions take a session of `store.write()` and belong to its transaction. `adjoin.access.purge` removes what is
left of a workspace when its time is over.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlmodel import Session, col, select

from adjoin.access._locks import is_active, lock_for, lock_staying, unknown_workspace
from adjoin.access._names import clean_name
from adjoin.access.actors import Actor
from adjoin.access.permissions import Permission
from adjoin.db.models import DEFAULT_WORKSPACE, Run, RunState, Schedule, Workspace, new_id
from adjoin.db.people import Member, Role
from adjoin.errors import BadInput, StateError, UnknownName
from adjoin.sync.slots import next_after
from adjoin.sync.taking import cancel

__all__ = [
    "UserWorkspace",
    "all_workspaces",
    "cancel_runs",
    "create",
    "delete",
    "find",
    "rename",
    "restore",
    "workspaces_of",
]


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


def cancel_runs(session: Session, workspace_id: str, *, now: datetime) -> int:
    """Cancel all runs of a workspace: those that wait at once, those that run within seconds. Returns how many.

    None of them is tried again.
    """
    mine = col(Run.workspace_id) == workspace_id
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


def _go_on(session: Session, workspace_id: str, now: datetime) -> None:
    """Move what was due meanwhile to its next time."""
    due = select(Schedule).where(col(Schedule.workspace_id) == workspace_id, col(Schedule.next_run_at) <= now)
    for schedule in session.exec(due.with_for_update()).all():
        try:
            schedule.next_run_at = next_after(schedule, now)
        except (BadInput, OverflowError):  # dispatch says on the schedule what is wrong with it
            continue
        session.add(schedule)
