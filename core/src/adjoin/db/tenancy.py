"""To whom the rows of each table belong: a workspace, or the installation."""

from __future__ import annotations

from enum import StrEnum

import sqlalchemy as sa

from adjoin.errors import StateError

__all__ = ["APPEND_ONLY", "INSTALLATION", "Tenancy", "key_of", "tenancy_of"]


class Tenancy(StrEnum):
    """Which rows of a table a workspace sees."""

    WORKSPACE = "workspace"  #: those with its id in `workspace_id`, which leads the key; they can be written
    ITSELF = "itself"  #: the one row that is the workspace; it can be changed, neither made nor removed
    MEMBERS = "members"  #: the users who are its members; they can be read
    INSTALLATION = "installation"  #: none


#: Tables that no workspace sees. `sessions` names a workspace, but belongs to a user.
INSTALLATION = frozenset({"identities", "leases", "mails", "rate_buckets", "sessions", "workers"})
#: Tables of workspaces to which rows are only added.
APPEND_ONLY = frozenset({"audit"})
_OTHERS = {"workspaces": Tenancy.ITSELF, "users": Tenancy.MEMBERS}


def tenancy_of(table: sa.Table) -> Tenancy:
    """Return to whom the rows of a table belong. Raises StateError for one of which nobody has said it."""
    if table.name in _OTHERS:
        return _OTHERS[table.name]
    if table.name in INSTALLATION:
        return Tenancy.INSTALLATION
    if next((column.name for column in table.primary_key.columns), "") == "workspace_id":
        return Tenancy.WORKSPACE
    raise StateError(
        f"the table {table.name} belongs neither to workspaces nor to the installation: begin its key with "
        "workspace_id, or name it in adjoin.db.tenancy.INSTALLATION"
    )


def key_of(table: str) -> str:
    """Return the column of a table that holds the id of the workspace."""
    return "id" if table == "workspaces" else "workspace_id"
