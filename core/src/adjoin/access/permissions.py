"""What each role may do: one table, which costs no query. Each role may do all that the ones before it may."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from adjoin.db.people import Role
from adjoin.errors import Forbidden

__all__ = ["LEAST", "Permission", "may", "outranks", "permissions_of", "required"]


class Permission(StrEnum):
    """Something that a member may do in a workspace. Scopes of API tokens have the same names."""

    READ_REPORTS = "reports.read"  #: figures, accounts and campaigns, on the screen and as files
    READ_MEMBERS = "members.read"  #: who is a member, and as what
    START_SYNCS = "syncs.start"  #: start and cancel syncs
    CREATE_TOKENS = "tokens.create"  #: API tokens of one's own
    MANAGE_CONNECTIONS = "connections.manage"  #: connect, disconnect, choose accounts
    MANAGE_SCHEDULES = "schedules.manage"  #: when syncs are due
    MANAGE_MEMBERS = "members.manage"  #: invite, change roles, remove; never above one's own role
    MANAGE_TOKENS = "tokens.manage"  #: see and revoke the API tokens of all members
    RENAME_WORKSPACE = "workspace.rename"
    READ_AUDIT = "audit.read"
    DELETE_WORKSPACE = "workspace.delete"  #: and take that back
    TRANSFER_WORKSPACE = "workspace.transfer"  #: make somebody else its owner and step back


#: The table: who may do it, and everybody above.
LEAST: Mapping[Permission, Role] = MappingProxyType(
    {
        Permission.READ_REPORTS: Role.VIEWER,
        Permission.READ_MEMBERS: Role.VIEWER,
        Permission.START_SYNCS: Role.ANALYST,
        Permission.CREATE_TOKENS: Role.ANALYST,
        Permission.MANAGE_CONNECTIONS: Role.ADMIN,
        Permission.MANAGE_SCHEDULES: Role.ADMIN,
        Permission.MANAGE_MEMBERS: Role.ADMIN,
        Permission.MANAGE_TOKENS: Role.ADMIN,
        Permission.RENAME_WORKSPACE: Role.ADMIN,
        Permission.READ_AUDIT: Role.ADMIN,
        Permission.DELETE_WORKSPACE: Role.OWNER,
        Permission.TRANSFER_WORKSPACE: Role.OWNER,
    }
)

_RANK = {role: rank for rank, role in enumerate(Role)}


def may(role: Role, permission: Permission) -> bool:
    """Say whether a member with this role may do it."""
    return _RANK[role] >= _RANK[LEAST[permission]]


def required(role: Role, permission: Permission) -> None:
    """Raise Forbidden unless a member with this role may do it."""
    if not may(role, permission):
        raise Forbidden(
            f"a member with the role {role} may not do this ({permission}): it takes the role {LEAST[permission]}. "
            "Ask an owner of the workspace"
        )


def permissions_of(role: Role) -> frozenset[Permission]:
    """Return all that a member with this role may do."""
    return frozenset(permission for permission in Permission if may(role, permission))


def outranks(role: Role, other: Role) -> bool:
    """Say whether a role is above another one; none is above itself."""
    return _RANK[role] > _RANK[other]
