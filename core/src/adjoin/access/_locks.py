"""The lock that all changes of a workspace and its members take first, and the role of who makes them."""

from __future__ import annotations

import sqlalchemy as sa
from sqlmodel import Session, col, select

from adjoin.access.actors import Actor
from adjoin.access.permissions import Permission, required
from adjoin.db.models import Workspace
from adjoin.db.people import Member, Role, User
from adjoin.errors import StateError, UnknownName

__all__ = ["is_active", "lock", "lock_for", "lock_staying", "member", "unknown_workspace"]


def lock(session: Session, workspace_id: str) -> Workspace:
    """Lock a workspace's row and return it: whoever else changes it or its members waits until this one is done.

    On SQLite the write transaction is this lock already. On PostgreSQL rows that refer to the workspace can still be
    added meanwhile. Raises UnknownName.
    """
    query = select(Workspace).where(col(Workspace.id) == workspace_id).with_for_update(key_share=True)
    found = session.exec(query.execution_options(populate_existing=True)).one_or_none()
    if found is None:
        raise unknown_workspace(workspace_id)
    return found


def lock_for(session: Session, workspace_id: str, by: Actor, permission: Permission) -> tuple[Workspace, Role]:
    """Lock a workspace for an actor; return it and the actor's role, as it is now.

    Raises Forbidden where the role does not allow it, and UnknownName also where the actor is no member, so that
    strangers learn nothing. The operator at the machine counts as an owner.
    """
    workspace = lock(session, workspace_id)
    if by.user_id is None:
        return workspace, Role.OWNER
    own = member(session, workspace_id, by.user_id)
    if own is None or not is_active(session, by.user_id):
        raise unknown_workspace(workspace_id)
    required(own.role, permission)
    return workspace, own.role


def lock_staying(session: Session, workspace_id: str, by: Actor, permission: Permission) -> tuple[Workspace, Role]:
    """Do as `lock_for`, and raise StateError for a workspace that is about to be deleted."""
    workspace, role = lock_for(session, workspace_id, by, permission)
    if workspace.delete_after is not None:
        raise StateError(
            f"the workspace {workspace.name!r} is to be deleted on {workspace.delete_after:%Y-%m-%d} and takes no "
            "changes; an owner can restore it until then"
        )
    return workspace, role


def member(session: Session, workspace_id: str, user_id: str) -> Member | None:
    """Return a member as the database has it now."""
    query = select(Member).where(col(Member.workspace_id) == workspace_id, col(Member.user_id) == user_id)
    return session.exec(query.execution_options(populate_existing=True)).one_or_none()


def is_active(session: Session, user_id: str) -> bool:
    """Say whether a user exists and is neither switched off nor deleted."""
    query = select(sa.literal(1)).where(
        col(User.id) == user_id, col(User.disabled_at).is_(None), col(User.deleted_at).is_(None)
    )
    return session.exec(query).first() is not None


def unknown_workspace(workspace_id: str) -> UnknownName:
    """Return the error for a workspace that does not exist, or not for who asks."""
    return UnknownName(f"there is no workspace {workspace_id[:80]!r}; `adjoin workspaces list` names those there are")
