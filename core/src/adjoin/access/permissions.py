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
    SAVE_VIEWS = "views.save"  #: keep pages with their choices, for oneself
    SHARE_VIEWS = "views.share"  #: let all members see a view of one's own
    ANNOTATE = "annotations.write"  #: write notes on days, and change one's own
    WRITE_ALERTS = "alerts.write"  #: watch figures with rules of one's own
    SCHEDULE_REPORTS = "reports.schedule"  #: have reports of one's own sent
    SET_BUDGETS = "budgets.set"  #: monthly budgets of accounts and campaigns
    DEFINE_METRICS = "metrics.define"  #: metrics and naming conventions of the workspace's own
    START_SYNCS = "syncs.start"  #: start and cancel syncs
    CREATE_TOKENS = "tokens.create"  #: API tokens of one's own
    MANAGE_VIEWS = "views.manage"  #: change and delete shared views and notes of others
    MANAGE_ALERTS = "alerts.manage"  #: change rules of others, and where messages are posted to
    MANAGE_REPORTS = "reports.manage"  #: change scheduled reports of others
    MANAGE_CONNECTIONS = "connections.manage"  #: connect, disconnect, choose accounts
    MANAGE_SCHEDULES = "schedules.manage"  #: when syncs are due
    MANAGE_MEMBERS = "members.manage"  #: invite, change roles, remove; never above one's own role
    MANAGE_TOKENS = "tokens.manage"  #: see and revoke the API tokens of all members
    RENAME_WORKSPACE = "workspace.rename"
    CHANGE_SETTINGS = "workspace.settings"  #: what the pages of the workspace start with
    READ_AUDIT = "audit.read"
    DELETE_WORKSPACE = "workspace.delete"  #: and take that back
    TRANSFER_WORKSPACE = "workspace.transfer"  #: make somebody else its owner and step back


#: The table: who may do it, and everybody above.
LEAST: Mapping[Permission, Role] = MappingProxyType(
    {
        Permission.READ_REPORTS: Role.VIEWER,
        Permission.READ_MEMBERS: Role.VIEWER,
        Permission.SAVE_VIEWS: Role.VIEWER,
        Permission.SHARE_VIEWS: Role.ANALYST,
        Permission.ANNOTATE: Role.ANALYST,
        Permission.WRITE_ALERTS: Role.ANALYST,
        Permission.SCHEDULE_REPORTS: Role.ANALYST,
        Permission.SET_BUDGETS: Role.ANALYST,
        Permission.DEFINE_METRICS: Role.ANALYST,
        Permission.START_SYNCS: Role.ANALYST,
        Permission.CREATE_TOKENS: Role.ANALYST,
        Permission.MANAGE_VIEWS: Role.ADMIN,
        Permission.MANAGE_ALERTS: Role.ADMIN,
        Permission.MANAGE_REPORTS: Role.ADMIN,
        Permission.MANAGE_CONNECTIONS: Role.ADMIN,
        Permission.MANAGE_SCHEDULES: Role.ADMIN,
        Permission.MANAGE_MEMBERS: Role.ADMIN,
        Permission.MANAGE_TOKENS: Role.ADMIN,
        Permission.RENAME_WORKSPACE: Role.ADMIN,
        Permission.CHANGE_SETTINGS: Role.ADMIN,
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
