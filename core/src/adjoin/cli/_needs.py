"""What each command is about: a workspace, with the permission that it takes there, or the installation itself."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, TypeAlias

from adjoin.access.permissions import Permission

__all__ = ["INSTALLATION", "NEEDS", "Need"]

#: A command for the operator at the machine: it takes neither an API token nor a workspace.
INSTALLATION: Final = None
Need: TypeAlias = Permission | None

#: Every command by its words, without `adjoin`.
NEEDS: Mapping[str, Need] = MappingProxyType(
    {
        "alerts check": Permission.READ_REPORTS,
        "alerts list": Permission.READ_REPORTS,
        "alerts mute": Permission.WRITE_ALERTS,
        "alerts test": Permission.WRITE_ALERTS,
        "connect": Permission.MANAGE_CONNECTIONS,
        "connections": Permission.READ_REPORTS,
        "connections history": Permission.MANAGE_CONNECTIONS,
        "doctor": Permission.READ_REPORTS,
        "facts verify": Permission.READ_REPORTS,
        "gaps": Permission.READ_REPORTS,
        "members invite": Permission.MANAGE_MEMBERS,
        "members list": Permission.READ_MEMBERS,
        "members remove": Permission.MANAGE_MEMBERS,
        "members resend": Permission.MANAGE_MEMBERS,
        "members role": Permission.MANAGE_MEMBERS,
        "metrics": Permission.READ_REPORTS,
        "metrics define": Permission.DEFINE_METRICS,
        "metrics fields": Permission.READ_REPORTS,
        "metrics fields define": Permission.DEFINE_METRICS,
        "metrics fields forget": Permission.DEFINE_METRICS,
        "metrics forget": Permission.DEFINE_METRICS,
        "report": Permission.READ_REPORTS,
        "reports add": Permission.SCHEDULE_REPORTS,
        "reports history": Permission.READ_REPORTS,
        "reports list": Permission.READ_REPORTS,
        "reports mute": Permission.SCHEDULE_REPORTS,
        "reports pause": Permission.SCHEDULE_REPORTS,
        "reports remove": Permission.SCHEDULE_REPORTS,
        "reports resume": Permission.SCHEDULE_REPORTS,
        "reports send": Permission.SCHEDULE_REPORTS,
        "reports show": Permission.READ_REPORTS,
        "runs": Permission.READ_REPORTS,
        "runs cancel": Permission.START_SYNCS,
        "runs show": Permission.READ_REPORTS,
        "schedules": Permission.READ_REPORTS,
        "schedules pause": Permission.MANAGE_SCHEDULES,
        "schedules remove": Permission.MANAGE_SCHEDULES,
        "schedules resume": Permission.MANAGE_SCHEDULES,
        "schedules set": Permission.MANAGE_SCHEDULES,
        "sync": Permission.START_SYNCS,
        **dict.fromkeys(
            (
                "dashboard",
                "db roles",
                "db upgrade",
                "demo",
                "facts clean",  # these three work on the files of all workspaces
                "facts compact",
                "facts move",
                "init",
                "keys drop",
                "keys list",
                "keys new",
                "keys renew",
                "keys rotate",
                "plugins check",
                "plugins commands",
                "plugins disable",
                "plugins enable",
                "plugins list",
                "sandbox",
                "users disable",
                "users drop-second-factor",
                "users enable",
                "users list",
                "users reset-link",
                "worker",
                "workspaces create",
                "workspaces delete",
                "workspaces list",
                "workspaces rename",
                "workspaces restore",
            ),
            INSTALLATION,
        ),
    }
)
