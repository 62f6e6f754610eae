"""Workspaces that are to be deleted: nothing is synced for them any more."""

from __future__ import annotations

import sqlalchemy as sa
from sqlmodel import Session, col, select

from adjoin.db.models import Run, Schedule, Workspace
from adjoin.errors import StateError

__all__ = ["check_staying", "is_staying"]


def is_staying(of: type[Schedule] | type[Run]) -> sa.ColumnElement[bool]:
    """Say in SQL that the workspace of a row is not to be deleted: one lookup by key for each row."""
    own = select(col(Workspace.delete_after)).where(col(Workspace.id) == col(of.workspace_id))
    return own.correlate(of).scalar_subquery().is_(None)


def check_staying(session: Session, workspace_id: str) -> None:
    """Raise StateError for a workspace that is to be deleted."""
    query = select(Workspace.name, Workspace.delete_after).where(
        col(Workspace.id) == workspace_id, col(Workspace.delete_after).is_not(None)
    )
    found = session.exec(query).first()
    if found is not None:
        name, when = found
        raise StateError(
            f"the workspace {name!r} is to be deleted on {when:%Y-%m-%d}, so nothing is synced for it; run "
            f"`adjoin workspaces restore {workspace_id}` first to keep it"
        )
