"""What the Workspace page says, read from the database, and what it does."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from adjoin.access import workspaces
from adjoin.access.accounts import require_fresh
from adjoin.access.members import members_of
from adjoin.access.permissions import Permission
from adjoin.access.workspaces import UserWorkspace
from adjoin.db.models import DEFAULT_WORKSPACE, Workspace
from adjoin.errors import BadInput
from adjoin_dashboard.context import Context

__all__ = ["WorkspacePage", "create", "delete", "load_workspace", "rename", "restore"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkspacePage:
    """The workspace that is looked at, and the visitor's others. `grace` is how long a deleted one can be restored."""

    id: str
    name: str
    created_at: datetime
    members: int
    leaving_at: datetime | None
    may_rename: bool
    may_delete: bool
    may_restore: bool
    stays_because: str  #: why the one who could delete it cannot
    may_create: bool
    grace: timedelta
    mine: tuple[UserWorkspace, ...]


def load_workspace(context: Context) -> WorkspacePage:
    """Read the page."""
    settings = context.host.runtime.settings
    with context.store.read() as session:
        workspace = session.get_one(Workspace, context.workspace_id)
        members = len(members_of(session, context.workspace_id))
    with context.host.store.read() as session:  # the others are other workspaces
        mine = workspaces.workspaces_of(session, context.signed_in.user_id)
        may_create = workspaces.may_create(session, context.signed_in.user_id, settings.registration)
    leaving, deletes = workspace.delete_after is not None, context.may(Permission.DELETE_WORKSPACE)
    fixed = workspace.id == DEFAULT_WORKSPACE
    return WorkspacePage(
        id=workspace.id,
        name=workspace.name,
        created_at=workspace.created_at,
        members=members,
        leaving_at=workspace.delete_after,
        may_rename=not leaving and context.may(Permission.RENAME_WORKSPACE),
        may_delete=deletes and not leaving and not fixed,
        may_restore=deletes and workspace.delete_after is not None and context.now() < workspace.delete_after,
        stays_because="It came with the installation and keeps the installation's own jobs, so it cannot be deleted. "
        "Disconnect its platforms instead."
        if fixed and deletes
        else "",
        may_create=may_create,
        grace=timedelta(days=settings.delete_grace_days),
        mine=tuple(mine),
    )


def rename(context: Context, name: str) -> str:
    """Give the workspace another name; return it as it is stored."""
    with context.host.store.write() as session:
        return workspaces.rename(session, context.workspace_id, name, by=context.actor, now=context.now()).name


def create(context: Context, name: str) -> str:
    """Make another workspace of the visitor's own and have them look at it; return its name."""
    with context.host.store.write() as session:
        made = workspaces.create_own(
            session,
            name=name,
            registration=context.host.runtime.settings.registration,
            by=context.actor,
            now=context.now(),
        )
    context.host.doors.sessions.choose_workspace(context.signed_in.session_id, made.id)
    return made.name


def delete(context: Context, *, typed: str) -> datetime:
    """Have the workspace deleted; return when all of it goes. `typed` must be its name. Raises StaleProof."""
    require_fresh(context.signed_in, context.host.doors)
    grace = timedelta(days=context.host.runtime.settings.delete_grace_days)
    with context.host.store.write() as session:
        found = workspaces.delete(session, context.workspace_id, grace=grace, by=context.actor, now=context.now())
        if typed.strip() != found.name:
            raise BadInput("what you have typed is not the name of this workspace; nothing was deleted")
        assert found.delete_after is not None
        return found.delete_after


def restore(context: Context) -> None:
    """Keep the workspace after all."""
    with context.host.store.write() as session:
        workspaces.restore(session, context.workspace_id, by=context.actor, now=context.now())
